package certstore

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/gate"
)

// Tx is one transaction: a consistent cut to read, and in Update and Bookkeep the changes staged on top of it, which its own reads see.
// It is used by one goroutine and not after the function that it was handed to has returned.
type Tx struct {
	store  *Store
	txn    *badger.Txn
	staged map[string]*write // by storage key
	order  []*write          // as first put
	err    error             // of the first Put that failed; nothing is committed then
	writes func(gate.RecordKind) error
	kept   *mac // of a checkpoint that is added
}

// write is one staged record.
type write struct {
	key    []byte
	kind   gate.RecordKind
	id     string
	before []byte // stored JSON, nil for a new record
	had    *mac   // its MAC
	after  []byte // nil where the record is deleted
	has    mac
	record gate.Record // read back from after: what the directory gets is what lies on disk; nil where the record is deleted
}

// changed reports whether the record is not what it was; one that was put back to what it was is written, but is no change.
func (w *write) changed() bool { return !bytes.Equal(w.before, w.after) }

// Get reads one record: certstore.Get[gate.Account](tx, id). It is a fresh copy, the caller's to change. The error is of kind
// gate.NotFound and names kind and id if there is none; any other is a failure to read, such as a MAC that does not fit.
func Get[T any, P interface {
	*T
	gate.Record
}](tx *Tx, id string) (P, error) {
	record := P(new(T))
	kind := record.RecordKind()
	body, _, err := tx.read(recordKey(kind, id))
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", kind, gate.Clip(id, 80), err)
	}
	if body == nil {
		return nil, gate.Errorf(gate.NotFound, "there is no %s %s", kind, gate.Clip(id, 80))
	}
	if err := decodeInto(record, body, tx.store.options.Zones); err != nil {
		return nil, fmt.Errorf("read %s %s: %w", kind, id, err)
	}
	return record, nil
}

// All iterates over the records of one kind in the order of their identifiers, as they were when it was called; records may be put
// meanwhile. It yields an error once, as the last pair.
func All[T any, P interface {
	*T
	gate.Record
}](tx *Tx) iter.Seq2[P, error] {
	return func(yield func(P, error) bool) {
		for _, id := range tx.ids(P(new(T)).RecordKind()) {
			record, err := Get[T, P](tx, id)
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}

// ids lists the identifiers of a kind. They are collected first because a writing transaction of Badger can have one iterator only.
func (tx *Tx) ids(kind gate.RecordKind) []string {
	prefix := kindPrefix(kind)
	it := tx.txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	var ids []string
	for it.Rewind(); it.Valid(); it.Next() {
		ids = append(ids, string(it.Item().Key()[len(prefix):]))
	}
	return ids
}

// read returns the body under a key and its MAC, or nil if there is none.
func (tx *Tx) read(key []byte) ([]byte, mac, error) {
	item, err := tx.txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, mac{}, nil
	}
	if err != nil {
		return nil, mac{}, err
	}
	value, err := item.ValueCopy(nil)
	if err != nil {
		return nil, mac{}, err
	}
	return tx.store.keys().unwrap(key, value)
}

// Put stages a record, new or changed. What is wrong with it surfaces when the transaction commits. A record that is what is stored
// already is not written. The caller may change r afterwards without effect.
func Put(tx *Tx, r gate.Record) {
	if tx.err == nil {
		if err := tx.put(r); err != nil {
			tx.err = fmt.Errorf("write %s %s: %w", r.RecordKind(), gate.Clip(r.RecordID(), 80), err)
		}
	}
}

func (tx *Tx) put(r gate.Record) error {
	kind, id := r.RecordKind(), r.RecordID()
	if err := tx.writes(kind); err != nil {
		return err
	}
	if err := checkID(kind, id); err != nil {
		return err
	}
	w := &write{key: recordKey(kind, id), kind: kind, id: id, record: blank(kind)}
	if w.record == nil {
		return gate.Errorf(gate.Internal, "this kind of record is not in the list of stored kinds")
	}
	var err error
	if w.after, err = encode(r); err != nil {
		return err
	}
	if len(w.after) > maxRecord {
		return gate.Errorf(gate.Invalid, "it takes %d bytes; a record may take %d", len(w.after), maxRecord)
	}
	// Read it back now: a value whose text cannot be read again would be found at the next start, too late.
	if err := decodeInto(w.record, w.after, tx.store.options.Zones); err != nil {
		return err
	}
	return tx.stage(w)
}

// stage hands the write to Badger's transaction, so that later reads see it.
func (tx *Tx) stage(w *write) error {
	earlier := tx.staged[string(w.key)]
	if earlier != nil && earlier.record == nil {
		return gate.Errorf(gate.Internal, "it is deleted in the same transaction")
	}
	if earlier != nil {
		w.before, w.had = earlier.before, earlier.had
	} else {
		before, had, err := tx.read(w.key)
		if err != nil {
			return err
		}
		if before != nil {
			w.before, w.had = before, &had
		}
		if !w.changed() {
			return nil
		}
	}
	value := tx.store.keys().wrap(w.key, w.after)
	copy(w.has[:], value[1:overhead])
	if err := tx.set(w.key, value); err != nil {
		return err
	}
	if earlier != nil {
		*earlier = *w
		return nil
	}
	tx.staged[string(w.key)] = w
	tx.order = append(tx.order, w)
	return nil
}

func (tx *Tx) set(key, value []byte) error {
	return tooBig(tx.txn.Set(key, value))
}

// tooBig puts Badger's limit into words.
func tooBig(err error) error {
	if errors.Is(err, badger.ErrTxnTooBig) {
		return gate.Errorf(gate.Internal, "the change is too large for one commit (%d MB); make it in several", maxCommit>>20)
	}
	return err
}

// Seal is [Store.Seal], for what this transaction stores.
func (tx *Tx) Seal(label string, plaintext []byte) ([]byte, error) {
	return tx.store.seal(label, plaintext)
}

// Unseal is [Store.Unseal].
func (tx *Tx) Unseal(label string, sealed []byte) ([]byte, error) {
	plaintext, _, err := tx.store.keys().unseal(label, sealed)
	return plaintext, err
}

// The three sorts of transaction, by what they may write.
var (
	writesAll = func(gate.RecordKind) error { return nil }

	writesBookkeeping = func(kind gate.RecordKind) error {
		if bookkept(kind) {
			return nil
		}
		return gate.Errorf(gate.Internal, "a change of state goes through Update, with an event")
	}

	writesNothing = func(gate.RecordKind) error {
		return gate.Errorf(gate.Internal, "nothing can be written while viewing")
	}
)
