package certstore

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

// remove deletes the records of an account with one event.
func remove(t *testing.T, s *Store, account gate.AccountID) gate.Event {
	t.Helper()
	event, err := s.Update(func(tx *Tx) (gate.Event, error) {
		var all []Stored
		for r, err := range Belonging(tx, account) {
			if err != nil {
				return gate.Event{}, err
			}
			all = append(all, r)
		}
		for _, r := range all {
			Delete(tx, r)
		}
		return gate.Event{Verb: gate.AccountDeleted, By: gate.Actor{Name: "eve"}, At: dawn, Account: account, Object: string(account)}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// settled checks that the directory is what a start would read, and that the log verifies with its records.
func settled(t *testing.T, s *Store) {
	t.Helper()
	fresh, err := s.Reread()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dumpOf(fresh), dumpOf(s.Directory()), same); diff != "" {
		t.Errorf("the directory is not what is stored (-stored +directory):\n%s", diff)
	}
	if _, err := s.Verify(audit.Options{Vkey: s.Vkey()}); err != nil {
		t.Error(err)
	}
}

func TestDeletedRecordsAreGoneFromStoreAndDirectory(t *testing.T) {
	s := onDisk(t)
	gone, stays := newWorld(1), newWorld(2)
	update(t, s, gone.records()...)
	update(t, s, stays.records()...)
	update(t, s, &gate.Notice{ID: "not_1", Account: gone.account.ID, CreatedAt: dawn}, &gate.Notice{ID: "not_2", Account: stays.account.ID, CreatedAt: dawn})
	event := remove(t, s, gone.account.ID)
	if len(event.Changes) != len(gone.records()) { // all but the CA, and the notice
		t.Errorf("%d changes: %v", len(event.Changes), event.Changes)
	}
	for _, c := range event.Changes {
		if c.Before.IsZero() || !c.After.IsZero() {
			t.Errorf("%+v", c)
		}
	}
	settled(t, s)
	var caller gate.Caller
	s.Directory().Caller(&Probe{Leaf: gone.certificate.Fingerprint, Handle: gone.key.Handle}, &caller)
	if caller.Certificate != nil || caller.Key != nil || caller.Device != nil {
		t.Errorf("still found: %+v", caller)
	}
	closeStore(t, s)
	s = openIn(t, s.options.Dir)
	settled(t, s)
	again := *gone.account
	again.ID = "acc_another"
	update(t, s, &again) // the slug is free
	settled(t, s)
	closeStore(t, s)
	settled(t, openIn(t, s.options.Dir))
}

func TestADeletedRecordThatComesBackIsNamed(t *testing.T) {
	s := onDisk(t)
	w := newWorld(1)
	update(t, s, w.records()...)
	key := recordKey(gate.KeyRecord, w.key.RecordID())
	early := raw(t, s)[string(key)]
	remove(t, s, w.account.ID)
	closeStore(t, s)
	tamper(t, s.options.Dir, func(x *tampering) { x.set(key, early) })
	opened, err := Open(testOptions(s.options.Dir))
	if err == nil {
		closeStore(t, opened)
	}
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "key "+w.key.RecordID()+": there, but no event wrote it") {
		t.Error(err)
	}
}

func TestARecordIsNotDeletedAndWrittenAtOnce(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	update(t, s, w.account)
	for name, f := range map[string]func(tx *Tx, r Stored){
		"written, then deleted": func(tx *Tx, r Stored) { w.account.Name = "x"; Put(tx, w.account); Delete(tx, r) },
		"deleted, then written": func(tx *Tx, r Stored) { Delete(tx, r); Put(tx, w.account) },
		"deleted twice":         func(tx *Tx, r Stored) { Delete(tx, r); Delete(tx, r) },
		"not there":             func(tx *Tx, _ Stored) { Delete(tx, Stored{Kind: gate.AccountRecord, ID: "acc_none"}) },
	} {
		_, err := s.Update(func(tx *Tx) (gate.Event, error) {
			f(tx, Stored{Kind: gate.AccountRecord, ID: w.account.RecordID()})
			return gate.Event{Verb: gate.AccountDeleted, By: gate.Actor{Name: "eve"}, At: dawn}, nil
		})
		if err == nil {
			t.Errorf("%s: committed", name)
		}
	}
	err := s.Bookkeep(func(tx *Tx) error { Delete(tx, Stored{Kind: gate.AccountRecord, ID: w.account.RecordID()}); return nil })
	if err == nil {
		t.Error("bookkeeping deleted an account")
	}
	settled(t, s)
}
