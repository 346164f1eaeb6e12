package certstore

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/gate"
)

// lastWrite is what the events say about a record: the hash of its stored form after the last event that wrote it.
type lastWrite struct {
	after gate.Fingerprint
	seq   int64
}

// explain names what keeps the records of a kind from coming to the head, by walking the events: each lists the records that it wrote, with
// their hashes. Kinds that bookkeeping writes can only be named by what is missing; their hashes change without an event.
func (l *loader) explain(kind gate.RecordKind, found, want tally) []error {
	written, there := l.history(kind), l.present(kind)
	var wrong []error
	for _, id := range sorted(written) {
		last := written[id]
		hash, exists := there[id]
		switch {
		case !exists:
			wrong = append(wrong, fmt.Errorf("%s %s: missing; event %d wrote it", kind, id, last.seq))
		case hash != last.after && !bookkept(kind):
			wrong = append(wrong, fmt.Errorf("%s %s: not as event %d left it; another state of it was put there", kind, id, last.seq))
		}
	}
	for _, id := range sorted(there) {
		if _, known := written[id]; !known && !bookkept(kind) {
			wrong = append(wrong, fmt.Errorf("%s %s: there, but no event wrote it", kind, id))
		}
	}
	if wrong == nil && found.Count != want.Count {
		wrong = append(wrong, fmt.Errorf("kind %s: %d records, and the head counts %d", kind, found.Count, want.Count))
	}
	if wrong == nil {
		wrong = append(wrong, fmt.Errorf("kind %s: the %d records are not those of the head; one or more were put back to an earlier state, or the head was",
			kind, found.Count))
	}
	return wrong
}

// history collects the last write of each record of a kind. Events that cannot be read are named by the replay.
func (l *loader) history(kind gate.RecordKind) map[string]lastWrite {
	it := l.txn.NewIterator(badger.IteratorOptions{Prefix: []byte(eventPrefix)})
	defer it.Close()
	written := make(map[string]lastWrite)
	for it.Rewind(); it.Valid(); it.Next() {
		item := it.Item()
		err := item.Value(func(value []byte) error {
			leaf, _, err := l.keys.unwrap(item.Key(), value)
			if err != nil {
				return err
			}
			var event gate.Event
			if err := unmarshalEvent(leaf, &event); err != nil {
				return err
			}
			for _, c := range event.Changes {
				switch {
				case c.Kind != kind:
				case c.After.IsZero(): // it was deleted
					delete(written, c.ID)
				default:
					written[c.ID] = lastWrite{c.After, event.Seq}
				}
			}
			return nil
		})
		if err != nil {
			break
		}
	}
	return written
}

// present hashes the records of a kind as they lie there.
func (l *loader) present(kind gate.RecordKind) map[string]gate.Fingerprint {
	there := make(map[string]gate.Fingerprint)
	l.walk(kind, func(b *batch) {
		prefix, start := len(kindPrefix(kind)), 0
		for i := 0; i < len(b.ends); i += 2 {
			key, value := b.buf[start:b.ends[i]], b.buf[b.ends[i]:b.ends[i+1]]
			start = b.ends[i+1]
			if len(value) >= overhead {
				there[string(key[prefix:])] = gate.FingerprintOf(value[overhead:])
			}
		}
	})
	return there
}

func sorted[V any](m map[string]V) []string {
	ids := make([]string, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func unmarshalEvent(leaf []byte, event *gate.Event) error {
	if err := json.Unmarshal(leaf, event); err != nil {
		return fmt.Errorf("decode the event: %w", err)
	}
	return nil
}
