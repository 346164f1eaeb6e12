package certstore

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/onerecord/certgate/audit"
)

func TestACheckpointIsSignedOnceForEachSize(t *testing.T) {
	s := inMemory(t)
	c, signed, err := s.SignCheckpoint(dawn)
	if err != nil || c.Size != 1 || c.Origin != s.Origin() || !c.Time.Equal(dawn) {
		t.Fatalf("%+v, %v", c, err)
	}
	again, same, err := s.SignCheckpoint(dawn.Add(time.Hour))
	if err != nil || again != c || !bytes.Equal(same, signed) {
		t.Errorf("signed again: %+v, %v", again, err)
	}
	update(t, s, newWorld(1).account)
	next, _, err := s.SignCheckpoint(dawn.Add(time.Hour))
	if err != nil || next.Size != 2 {
		t.Errorf("after another event: %+v, %v", next, err)
	}
	size, kept, err := s.LatestCheckpoint()
	if opened, err2 := s.OpenCheckpoint(kept); err != nil || err2 != nil || size != 2 || opened != next {
		t.Errorf("kept: %+v, %v, %v", opened, err, err2)
	}
	report, err := s.Verify(audit.Options{Vkey: s.Vkey(), Outside: []audit.Checkpoint{c, next}})
	if err != nil || report.Checkpoints != 2 || report.OutsideSeen != 2 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestTheLogKeepsItsNameAcrossRestarts(t *testing.T) {
	s := onDisk(t)
	_, signed, err := s.SignCheckpoint(dawn)
	if err != nil {
		t.Fatal(err)
	}
	vkey := s.Vkey()
	closeStore(t, s)
	s = openIn(t, s.options.Dir)
	if s.Vkey() != vkey {
		t.Errorf("the key was %s and is %s", vkey, s.Vkey())
	}
	if _, err := s.OpenCheckpoint(signed); err != nil {
		t.Error(err)
	}
	keys, err := newKeyring([32]byte{0xa5})
	if err != nil {
		t.Fatal(err)
	}
	other, err := keys.inherit()
	if err != nil || other.log.vkey == vkey || other.log.origin == s.Origin() {
		t.Errorf("another secret gives the log %s, error %v", other.log.vkey, err)
	}
}

func TestVerifyingEndsWhenTheStoreCloses(t *testing.T) {
	s := inMemory(t)
	for n := range 3 {
		update(t, s, newWorld(n).account)
	}
	err := s.View(func(tx *Tx) error {
		v, err := audit.NewVerifier(audit.Options{Vkey: s.Vkey()})
		if err != nil {
			return err
		}
		s.closing.Store(true) // as Close does first, before it waits for what is running
		defer s.closing.Store(false)
		return tx.feed(v, s.head)
	})
	if !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}
