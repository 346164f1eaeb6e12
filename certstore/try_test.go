package certstore

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func TestATryLeavesNothingAndForetellsTheChange(t *testing.T) {
	s := onDisk(t)
	w := newWorld(1)
	f := func(tx *Tx) (gate.Event, error) {
		Put(tx, w.account)
		Put(tx, w.organization)
		return happened(gate.AccountCreated), nil
	}
	event, records, err := s.Try(f)
	if err != nil || len(records) != 2 {
		t.Fatalf("error %v, %d records", err, len(records))
	}
	if s.EventCount() != 1 || len(s.Directory().Accounts()) != 0 {
		t.Errorf("%d events, %d accounts", s.EventCount(), len(s.Directory().Accounts()))
	}
	if err := s.View(func(tx *Tx) error {
		_, err := Get[gate.Account](tx, string(w.account.ID))
		return err
	}); gate.KindOf(err) != gate.NotFound {
		t.Errorf("reading gives %v, want not found", err)
	}
	made, err := s.Update(f)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(event, made); diff != "" {
		t.Errorf("the event (-tried +made):\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(testOptions(s.options.Dir))
	if err != nil {
		t.Fatalf("the store does not open after a try: %v", err)
	}
	closeStore(t, again)
}

func TestATryIsRefusedAsTheChangeWouldBe(t *testing.T) {
	s := inMemory(t)
	w := newWorld(1)
	update(t, s, w.records()...)
	refusal := errors.New("no")
	bad := *w.account
	bad.ID = gate.AccountID(fixedID(gate.AccountPrefix, 99))
	for what, f := range map[string]func(*Tx) (gate.Event, error){
		"the function's own error": func(*Tx) (gate.Event, error) { return gate.Event{}, refusal },
		"a name that is taken":     func(tx *Tx) (gate.Event, error) { Put(tx, &bad); return happened(gate.AccountCreated), nil },
		"an event that says nothing": func(tx *Tx) (gate.Event, error) {
			Put(tx, w.account)
			return gate.Event{}, nil
		},
	} {
		_, _, tried := s.Try(f)
		_, made := s.Update(f)
		if tried == nil || made == nil || tried.Error() != made.Error() {
			t.Errorf("%s: tried %v, made %v", what, tried, made)
		}
	}
}
