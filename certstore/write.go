package certstore

import (
	"errors"
	"fmt"

	"github.com/onerecord/certgate/gate"
)

// Update makes a change of state. f reads and stages records and returns the event that says what happened; the store gives it its number
// and its list of changes. Records, event and head are on disk, and the directory has moved, when Update returns the event as stored. If f
// returns an error, so does Update, and nothing has changed.
//
// Ids, secrets and times come from outside f. One Update runs at a time, so what f reads, in the transaction or in the directory,
// stays true until it is committed. No other transaction may be opened inside f.
func (s *Store) Update(f func(*Tx) (gate.Event, error)) (gate.Event, error) {
	var event gate.Event
	err := s.change(writesAll, func(tx *Tx) (*gate.Event, error) {
		var err error
		event, err = f(tx)
		return &event, err
	})
	if err != nil {
		return gate.Event{}, err
	}
	return event, nil
}

// Bookkeep writes what is no change of state: marks of idempotency keys, deliveries of notices. Other records are refused. There is no
// event; for the rest it is Update.
func (s *Store) Bookkeep(f func(*Tx) error) error {
	return s.change(writesBookkeeping, func(tx *Tx) (*gate.Event, error) { return nil, f(tx) })
}

func (s *Store) change(may func(gate.RecordKind) error, f func(*Tx) (*gate.Event, error)) error {
	return s.transact(may, f, func(tx *Tx, c *change) error {
		if err := tx.txn.Commit(); err != nil {
			return s.doubt(c, err)
		}
		s.settle(c)
		return nil
	})
}

// transact prepares a commit and hands it to end, which commits it or leaves it: what is not committed is undone.
func (s *Store) transact(may func(gate.RecordKind) error, f func(*Tx) (*gate.Event, error), end func(*Tx, *change) error) error {
	s.writer.Lock()
	defer s.writer.Unlock()
	if err := s.reread(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	tx := &Tx{store: s, txn: s.db.NewTransaction(true), staged: make(map[string]*write), writes: may}
	defer tx.txn.Discard()

	event, err := f(tx)
	if err != nil {
		return err
	}
	if event == nil && tx.err == nil && len(tx.order) == 0 && tx.kept == nil {
		return nil
	}
	c, err := tx.conclude(event)
	if err != nil {
		return err
	}
	return end(tx, c)
}

// settle takes over what has been committed.
func (s *Store) settle(c *change) {
	s.head, s.tree = c.head, c.tree
	s.events.Store(c.head.Events)
	if s.newest != nil {
		if err := s.newest.note(c.head.Commits); err != nil {
			// The change is on disk; only a loss of the newest log would now go unnoticed.
			s.options.Log.Errorf("certstore: note the newest commit: %v", err)
		}
	}
	if c.deletes {
		s.rebuild()
		return
	}
	s.directory.apply(c.records)
}

// rebuild reads the records again and puts them in the place of the directory, after a commit that deleted some: what hangs together there is made to
// grow, not to shrink. It takes as long as a start; whoever reads meanwhile finds what was there before.
func (s *Store) rebuild() {
	r, err := read(s.db, s.keys(), s.options.Zones)
	if err != nil {
		s.unsure = true
		s.options.Log.Errorf("certstore: read the store after a deletion; it will be reread before the next change: %v", err)
		return
	}
	s.directory.replace(r.state)
}

// doubt is for a commit that returned an error, and may be on disk all the same: what it takes away holds at once, what it gives does not,
// and nothing further is changed on top of what is not known.
func (s *Store) doubt(c *change, cause error) error {
	s.unsure = true
	s.directory.apply(denying(c.records))
	s.options.Log.Errorf("certstore: a commit failed; the store will be reread before the next change: %v", cause)
	return fmt.Errorf("%w: the commit failed, and may or may not be on disk: %w", errReread, cause)
}

// reread settles a doubt: it closes Badger, opens it again, and reads and verifies all of it, as a start does. The caller holds writer.
func (s *Store) reread() error {
	if !s.unsure {
		return nil
	}
	if s.options.InMemory {
		return fmt.Errorf("%w: a store in memory cannot be", errReread)
	}
	s.use.Lock()
	defer s.use.Unlock()
	if s.closing.Load() {
		return ErrClosed
	}
	if err := s.detach(); errors.Is(err, errStuck) {
		return fmt.Errorf("%w: %w", errReread, err)
	} else if err != nil {
		s.options.Log.Errorf("certstore: close the store to reread it: %v", err)
	}
	if err := s.attach(); err != nil {
		return fmt.Errorf("%w, which failed: %w", errReread, err)
	}
	s.options.Log.Warningf("certstore: the store was reread: %d events, %d commits", s.head.Events, s.head.Commits)
	return nil
}
