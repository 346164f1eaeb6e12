package certstore

import (
	"fmt"
	"math"
	"time"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

// change is what one commit does, beyond what is staged in the transaction.
type change struct {
	head    head
	tree    audit.Tree
	records []gate.Record // as stored
	deletes bool          // it also deletes records, so the directory is made anew
}

// conclude stages everything that belongs to the commit beside the records: event, hashes, head. event is nil for bookkeeping.
func (tx *Tx) conclude(event *gate.Event) (*change, error) {
	if tx.err != nil {
		return nil, tx.err
	}
	if err := tx.checkUnique(); err != nil {
		return nil, err
	}
	c := &change{head: tx.store.head.next(), tree: tx.store.tree}
	changes := make([]gate.Change, 0, len(tx.order))
	for _, w := range tx.order {
		if w.record == nil {
			c.head.discount(w.kind, *w.had)
			c.deletes = true
			changes = append(changes, gate.Change{Kind: w.kind, ID: w.id, Before: gate.FingerprintOf(w.before)})
			continue
		}
		c.head.count(w.kind, w.had, w.has)
		c.records = append(c.records, w.record)
		if !w.changed() {
			continue
		}
		made := gate.Change{Kind: w.kind, ID: w.id, After: gate.FingerprintOf(w.after)}
		if w.before != nil {
			made.Before = gate.FingerprintOf(w.before)
		}
		changes = append(changes, made)
	}
	if event != nil {
		event.Changes = changes
		if err := tx.append(event, c); err != nil {
			return nil, err
		}
	}
	if tx.kept != nil {
		c.head.Checkpoints = c.head.Checkpoints.with(*tx.kept)
	}
	value, err := c.head.wrap(tx.store.keys())
	if err != nil {
		return nil, err
	}
	return c, tx.set([]byte(headKey), value)
}

// append gives the event its number and puts it at the end of the log.
func (tx *Tx) append(event *gate.Event, c *change) error {
	if event.Verb == "" || event.At.IsZero() || event.By.Name == "" {
		return gate.Errorf(gate.Internal, "an event says what happened, when, and by whom: verb %q, time %s, actor %q",
			event.Verb, event.At.Format(time.RFC3339), event.By.Name)
	}
	event.Seq = c.tree.Size()
	leaf, err := encode(event)
	if err != nil {
		return fmt.Errorf("encode the event: %w", err)
	}
	tree, hashes := c.tree.Append(leaf)
	key := eventKey(event.Seq)
	if err := tx.set(key, tx.store.keys().wrap(key, leaf)); err != nil {
		return err
	}
	for _, h := range hashes {
		if err := tx.set(hashKey(h.Index), h.Hash[:]); err != nil {
			return err
		}
	}
	c.tree = tree
	c.head.grow(tree)
	return nil
}

// checkUnique refuses a name that another record of the kind holds. What a record is found by must be its own: two devices of
// one slug, or two people with one certificate, would be taken for each other.
func (tx *Tx) checkUnique() error {
	claimed := make(map[name]string)
	for _, w := range tx.order {
		for _, n := range names(w.record) { // none of one that is deleted
			if other, taken := claimed[n]; taken && other != w.id {
				return n.taken(other)
			}
			claimed[n] = w.id
		}
	}
	for n, id := range claimed {
		holder := tx.store.directory.holder(n)
		if holder == "" || holder == id {
			continue
		}
		// The holder may give the name up in this same transaction; had it kept it, it would be the one in claimed.
		if _, changes := tx.staged[string(recordKey(n.kind, holder))]; !changes {
			return n.taken(holder)
		}
	}
	return nil
}

// denying picks the records that take something away from somebody, for when a commit may or may not be on disk.
func denying(records []gate.Record) []gate.Record {
	var out []gate.Record
	for _, r := range records {
		if denies(r) {
			out = append(out, r)
		}
	}
	return out
}

func denies(r gate.Record) bool {
	switch r := r.(type) {
	case *gate.Key:
		return r.Revoked != nil
	case *gate.Certificate:
		return r.Revoked != nil
	case *gate.Remediation:
		return r.Lifted == nil
	case *gate.Staff:
		return r.Disabled != nil
	case *gate.Certification:
		return r.Revoked != nil
	case *gate.Contract:
		return r.Ended != nil
	case *gate.Enrollment:
		return r.Canceled != nil
	case *gate.CA:
		return r.Retired != nil
	case *gate.BlockedKey:
		return true
	}
	return false
}

// Events returns events in the order in which they happened, at most n, from number from on (the first is 0). Each has been compared
// with its MAC and with its hash in the audit tree.
func (s *Store) Events(from int64, n int) ([]gate.Event, error) {
	if from < 0 || n < 0 {
		return nil, gate.Errorf(gate.Invalid, "events from %d, at most %d: neither can be negative", from, n)
	}
	var events []gate.Event
	err := s.View(func(tx *Tx) error {
		for seq := from; seq < math.MaxInt64 && len(events) < n; seq++ {
			event, found, err := tx.event(seq)
			if err != nil {
				return fmt.Errorf("read event %d: %w", seq, err)
			}
			if !found {
				return nil
			}
			events = append(events, event)
		}
		return nil
	})
	return events, err
}
