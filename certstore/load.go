package certstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

// reading is what a start has read and found to be whole.
type reading struct {
	head  head
	tree  audit.Tree
	state state
}

// read reads all records and events, and compares them with their MACs and with the head. The error names everything that is wrong, up to
// a handful.
func read(db *badger.DB, keys *keyring, zones gate.Zones) (*reading, error) {
	txn := db.NewTransaction(false)
	defer txn.Discard()
	h, err := readHead(txn, keys)
	if err != nil {
		return nil, err
	}
	l := loader{txn: txn, keys: keys, zones: zones}
	r := &reading{head: h, state: newState()}

	// The log and the records are read side by side.
	var log sync.WaitGroup
	var logErr error
	log.Go(func() { r.tree, logErr = l.replay(h) })
	found := l.load(&r.state)
	log.Wait()

	if logErr != nil {
		l.wrong = append(l.wrong, logErr)
	}
	l.wrong = append(l.wrong, l.checkpoints(h)...)
	var odd []gate.RecordKind
	for kind, t := range h.Kinds {
		if blank(kind) == nil {
			l.wrong = append(l.wrong, fmt.Errorf("the head counts %d records of kind %s: they are a newer certgate's", t.Count, kind))
		} else if found[kind] != t {
			odd = append(odd, kind)
		}
	}
	for kind, t := range found {
		if _, counted := h.Kinds[kind]; !counted && t.Count > 0 {
			odd = append(odd, kind)
		}
	}
	slices.Sort(odd)
	for _, kind := range odd {
		if !l.broken[kind] { // otherwise the record is named already
			l.wrong = append(l.wrong, l.explain(kind, found[kind], h.Kinds[kind])...)
		}
	}
	if l.wrong != nil {
		return nil, problems(l.wrong)
	}
	return r, nil
}

// Reread reads the store again, as a start does, into a directory of its own: verified, and what Directory must come to. A proof for tests, which
// costs what a start costs.
func (s *Store) Reread() (*Directory, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	r, err := read(s.db, s.keys(), s.options.Zones)
	if err != nil {
		return nil, err
	}
	return &Directory{state: r.state}, nil
}

func readHead(txn *badger.Txn, keys *keyring) (head, error) {
	item, err := txn.Get([]byte(headKey))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return head{}, errors.New("the head is missing")
	}
	if err != nil {
		return head{}, fmt.Errorf("the head: %w", err)
	}
	value, err := item.ValueCopy(nil)
	if err != nil {
		return head{}, fmt.Errorf("the head: %w", err)
	}
	return unwrapHead(keys, value)
}

// maxNamed bounds how many things an error names.
const maxNamed = 8

// problems is everything that a start found wrong.
type problems []error

// Error names the first few.
func (p problems) Error() string {
	var b strings.Builder
	for i, err := range p[:min(len(p), maxNamed)] {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(err.Error())
	}
	if more := len(p) - maxNamed; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// Unwrap makes errors.Is look at each.
func (p problems) Unwrap() []error { return p }

// loader reads records in batches: one goroutine walks through Badger, several check and decode, and the caller links them.
type loader struct {
	txn    *badger.Txn
	keys   *keyring
	zones  gate.Zones
	wrong  []error
	broken map[gate.RecordKind]bool // kinds with a record that could not be read

	buffers sync.Pool // of *[]byte
}

type batch struct {
	kind    gate.RecordKind
	buf     []byte // keys and values, one after the other
	ends    []int  // where each of them ends in buf
	records []gate.Record
	tally   tally
	wrong   []error
	done    chan struct{}
}

const batchSize = 256

// load reads every record and returns what it found of each kind.
func (l *loader) load(s *state) map[gate.RecordKind]tally {
	workers := runtime.GOMAXPROCS(0)
	todo, inOrder := make(chan *batch, workers), make(chan *batch, 2*workers)
	go func() {
		defer close(todo)
		defer close(inOrder)
		for _, kind := range gate.RecordKinds() {
			l.walk(kind, func(b *batch) {
				todo <- b
				inOrder <- b
			})
		}
	}()
	for range workers {
		go func() {
			for b := range todo {
				l.check(b)
				close(b.done)
			}
		}()
	}
	found := make(map[gate.RecordKind]tally)
	l.broken = make(map[gate.RecordKind]bool)
	for b := range inOrder {
		<-b.done
		t := found[b.kind]
		found[b.kind] = tally{Count: t.Count + b.tally.Count, Sum: t.Sum.plus(b.tally.Sum)}
		for _, r := range b.records {
			s.put(r)
		}
		if b.wrong != nil {
			l.wrong, l.broken[b.kind] = append(l.wrong, b.wrong...), true
		}
	}
	return found
}

// walk hands over the records of a kind, in order.
func (l *loader) walk(kind gate.RecordKind, hand func(*batch)) {
	it := l.txn.NewIterator(badger.IteratorOptions{Prefix: kindPrefix(kind)})
	defer it.Close()
	var b *batch
	for it.Rewind(); it.Valid(); it.Next() {
		if b == nil {
			b = &batch{kind: kind, buf: l.buffer(), done: make(chan struct{})}
		}
		item := it.Item()
		err := item.Value(func(value []byte) error {
			b.buf = append(b.buf, item.Key()...)
			b.ends = append(b.ends, len(b.buf))
			b.buf = append(b.buf, value...)
			b.ends = append(b.ends, len(b.buf))
			return nil
		})
		if err != nil {
			b.wrong = append(b.wrong, fmt.Errorf("%s %s: %w", kind, item.Key()[len(kindPrefix(kind)):], err))
		}
		if len(b.ends) == 2*batchSize {
			hand(b)
			b = nil
		}
	}
	if b != nil {
		hand(b)
	}
}

// check compares each record of a batch with its MAC and decodes it.
func (l *loader) check(b *batch) {
	prefix, start := len(kindPrefix(b.kind)), 0
	for i := 0; i < len(b.ends); i += 2 {
		key, value := b.buf[start:b.ends[i]], b.buf[b.ends[i]:b.ends[i+1]]
		start = b.ends[i+1]
		record, m, err := l.decode(b.kind, key, value)
		if err != nil {
			b.wrong = append(b.wrong, fmt.Errorf("%s %s: %w", b.kind, key[prefix:], err))
			continue
		}
		b.tally.Count++
		b.tally.Sum = b.tally.Sum.add(m)
		if record != nil {
			b.records = append(b.records, record)
		}
	}
	l.buffers.Put(&b.buf)
}

// buffer is room for the keys and values of a batch, used again when they have been decoded, which copies what it keeps.
func (l *loader) buffer() []byte {
	if b, ok := l.buffers.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, batchSize<<10)
}

func (l *loader) decode(kind gate.RecordKind, key, value []byte) (gate.Record, mac, error) {
	body, m, err := l.keys.unwrap(key, value)
	if err != nil || bookkept(kind) && kind != gate.UseRecord && kind != gate.RevocationListRecord { // those are not for the directory
		return nil, m, err
	}
	record := blank(kind)
	if c, ok := record.(*gate.Certificate); ok {
		return record, m, json.Unmarshal(body, &withoutDER{Certificate: c})
	}
	return record, m, decodeInto(record, body, l.zones)
}

// withoutDER reads a certificate without its DER, which the directory does not keep and which is most of its text.
type withoutDER struct {
	*gate.Certificate

	DER passedOver `json:"der"`
}

type passedOver struct{}

// UnmarshalJSON implements json.Unmarshaler.
func (passedOver) UnmarshalJSON([]byte) error { return nil }

// replay computes the audit tree again from the events and compares it with the stored hashes and the head.
func (l *loader) replay(h head) (audit.Tree, error) {
	leaves := l.txn.NewIterator(badger.IteratorOptions{Prefix: []byte(eventPrefix)})
	defer leaves.Close()
	hashes := l.txn.NewIterator(badger.IteratorOptions{Prefix: []byte(hashPrefix)})
	defer hashes.Close()
	hashes.Rewind()

	var log audit.Replay
	var value []byte
	for leaves.Rewind(); leaves.Valid(); leaves.Next() {
		item, n := leaves.Item(), log.Size()
		if seq, ok := number(eventPrefix, item.Key()); !ok || seq != n {
			return audit.Tree{}, fmt.Errorf("event %d: missing; the next one found is %d", n, seq)
		}
		var err error
		if value, err = item.ValueCopy(value); err != nil {
			return audit.Tree{}, fmt.Errorf("event %d: %w", n, err)
		}
		leaf, _, err := l.keys.unwrap(item.Key(), value)
		if err != nil {
			return audit.Tree{}, fmt.Errorf("event %d: %w", n, err)
		}
		stored, err := take(hashes, audit.StoredCount(n), audit.StoredCount(n+1))
		if err != nil {
			return audit.Tree{}, fmt.Errorf("event %d: its hashes: %w", n, err)
		}
		if err := log.Next(leaf, stored); err != nil {
			return audit.Tree{}, err
		}
	}
	tree, err := log.Finish(h.Events, audit.Hash(h.Root))
	if err == nil && hashes.Valid() {
		index, _ := number(hashPrefix, hashes.Item().Key())
		return audit.Tree{}, fmt.Errorf("stored hash %d belongs to no event", index)
	}
	return tree, err
}

// take reads the stored hashes from index first up to but not including end, as many of them as are there.
func take(it *badger.Iterator, first, end int64) ([]audit.Hash, error) {
	var hashes []audit.Hash
	for ; first < end && it.Valid(); it.Next() {
		item := it.Item()
		if string(item.Key()) != string(hashKey(first)) {
			break
		}
		err := item.Value(func(value []byte) error {
			if len(value) != len(audit.Hash{}) {
				return fmt.Errorf("stored hash %d has %d bytes", first, len(value))
			}
			hashes = append(hashes, audit.Hash(value))
			return nil
		})
		if err != nil {
			return nil, err
		}
		first++
	}
	return hashes, nil
}

// event is leaf, decoded; found is false if there is none of that number.
func (tx *Tx) event(seq int64) (event gate.Event, found bool, err error) {
	leaf, err := tx.leaf(seq)
	if err != nil || leaf == nil {
		return event, false, err
	}
	return event, true, unmarshalEvent(leaf, &event)
}
