package audit

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// Record is one record of a store by the hash of its stored form, as events name it.
type Record struct {
	Kind, ID string
	// Hash is SHA-256 of the stored form without its MAC.
	Hash Hash
}

// event is what verifying needs of an event: its number, whom it concerns, and which records it left in which state. The rest is the core's.
type event struct {
	Seq     *int64 `json:"seq"`
	Account string `json:"account"`
	Verb    string `json:"verb"`
	Lost    *lost  `json:"lost"`
	Changes []struct {
		Kind   string      `json:"kind"`
		ID     string      `json:"id"`
		Before fingerprint `json:"before"`
		After  fingerprint `json:"after"`
	} `json:"changes"`
}

// number is what the event says of itself.
func (e event) number() string {
	if e.Seq == nil {
		return "which it does not say"
	}
	return fmt.Sprintf("but event %d", *e.Seq)
}

// fingerprint is a hash as events print it, in hexadecimal digits.
type fingerprint Hash

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *fingerprint) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(f)) {
		return fmt.Errorf("a fingerprint has %d hexadecimal digits, not %d", hex.EncodedLen(len(f)), len(text))
	}
	_, err := hex.Decode(f[:], text)
	return err
}

// ledger remembers the last event that names each record. A nil ledger remembers nothing.
type ledger struct {
	records  iter.Seq2[Record, error]
	bookkept []string
	last     map[recordName]lastEvent
}

type recordName struct{ kind, id string }

func (n recordName) String() string { return clip(n.kind) + " " + clip(n.id) }

type lastEvent struct {
	seq   int64
	after Hash
}

// maxNamed bounds how many records an error names.
const maxNamed = 8

func newLedger(o Options) *ledger {
	if o.Records == nil {
		return nil
	}
	return &ledger{records: o.Records, bookkept: o.Bookkept, last: make(map[recordName]lastEvent)}
}

func (l *ledger) note(e event) {
	if l == nil {
		return
	}
	for _, c := range e.Changes {
		name := recordName{c.Kind, c.ID}
		if (c.After == fingerprint{}) {
			delete(l.last, name) // the event took the record away
			continue
		}
		l.last[name] = lastEvent{*e.Seq, Hash(c.After)}
	}
}

// compare reads the records and returns how many there are. It names up to maxNamed that are not as their last events left them.
func (l *ledger) compare() (int64, error) {
	if l == nil {
		return 0, nil
	}
	var count int64
	var wrong []string
	for r, err := range l.records {
		if err != nil {
			return count, fmt.Errorf("read record %d: %w", count+1, err)
		}
		count++
		name := recordName{r.Kind, r.ID}
		last, named := l.last[name]
		delete(l.last, name)
		switch {
		case slices.Contains(l.bookkept, r.Kind):
		case !named:
			wrong = append(wrong, fmt.Sprintf("%s: there, and no event wrote it", name))
		case last.after != r.Hash:
			wrong = append(wrong, fmt.Sprintf("%s: not as event %d left it", name, last.seq))
		}
	}
	missing := slices.SortedFunc(maps.Keys(l.last), func(a, b recordName) int {
		return cmp.Or(cmp.Compare(l.last[a].seq, l.last[b].seq), cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
	})
	for _, name := range missing {
		wrong = append(wrong, fmt.Sprintf("%s: missing; event %d wrote it", name, l.last[name].seq))
	}
	if more := len(wrong) - maxNamed; more > 0 {
		wrong = append(wrong[:maxNamed], fmt.Sprintf("and %d more", more))
	}
	if wrong != nil {
		return count, errors.New(strings.Join(wrong, "; "))
	}
	return count, nil
}
