package certstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func TestWhatWasAnsweredSurvivesACrash(t *testing.T) {
	s := onDisk(t)
	for n := range 20 {
		w := newWorld(n)
		update(t, s, w.records()[:7]...)
		bookkeep(t, s, &gate.Mark{ID: "m", Object: fixedID("acc_", n)})
		if n%7 != 0 {
			continue
		}
		again := openIn(t, crash(t, s))
		if diff := cmp.Diff(dumpOf(s.Directory()), dumpOf(again.Directory()), same); diff != "" {
			t.Errorf("after %d changes (-before the crash +after):\n%s", n+1, diff)
		}
		if again.EventCount() != s.EventCount() {
			t.Errorf("%d events, and there were %d", again.EventCount(), s.EventCount())
		}
		update(t, again, newWorld(25).account) // and it goes on
	}
}

func TestALostLogIsNoticed(t *testing.T) {
	s := onDisk(t)
	for n := range 5 {
		update(t, s, newWorld(n).account)
	}
	rows := map[string]func(name string) error{
		"removed": os.Remove,
		"emptied": func(name string) error { return os.Truncate(name, 0) },
		"cut off": func(name string) error { return os.Truncate(name, 3000) },
		"damaged": func(name string) error {
			b, err := os.ReadFile(name)
			if err == nil {
				b[1500] ^= 1
				err = os.WriteFile(name, b, 0o600)
			}
			return err
		},
	}
	for name, damage := range rows {
		dir := crash(t, s)
		logs, err := filepath.Glob(filepath.Join(dir, storeName, "*.mem"))
		if err != nil || len(logs) != 1 {
			t.Fatalf("logs %q, error %v", logs, err)
		}
		if err := damage(logs[0]); err != nil {
			t.Fatal(err)
		}
		if err := refused(t, dir, ErrDamaged); !strings.Contains(err.Error(), ".mem") {
			t.Errorf("%s: error %q", name, err)
		}
	}
}

func TestALogThatACrashLeftEmptyIsNoDamage(t *testing.T) {
	dir := made(t)
	for _, name := range []string{"00077.mem", "000077.vlog"} {
		writeFile(t, filepath.Join(dir, storeName, name), nil)
	}
	openIn(t, dir)
}

func TestATableThatACrashLeftBehindIsNoDamage(t *testing.T) {
	dir := made(t)
	left := filepath.Join(dir, storeName, "000077.sst")
	writeFile(t, left, []byte("half a compaction"))
	openIn(t, dir)
	if names, err := filepath.Glob(left + "*"); err != nil || len(names) != 0 {
		t.Errorf("still there: %q, error %v", names, err)
	}
}

func TestATornNoteLeavesTheOneBefore(t *testing.T) {
	dir := made(t) // one commit, so the note of commit 1 is in the second place
	name := filepath.Join(dir, storeName, newestName)
	content := readFile(t, name)
	content[noteStride+20] ^= 1
	writeFile(t, name, content)
	openIn(t, dir)
}

// doubtful makes a change whose commit fails: Badger is closed under the store just before it. With onDisk, the same change has reached the
// disk all the same.
func doubtful(s *Store, onDisk bool, records ...gate.Record) error {
	_, err := s.Update(func(tx *Tx) (gate.Event, error) {
		for _, r := range records {
			Put(tx, r)
		}
		event := happened(gate.CredentialRevoked)
		if onDisk {
			shadow := &Tx{store: s, txn: s.db.NewTransaction(true), staged: map[string]*write{}, writes: writesAll}
			for _, r := range records {
				Put(shadow, r)
			}
			twin := event
			if _, err := shadow.conclude(&twin); err != nil {
				return event, err
			}
			if err := shadow.txn.Commit(); err != nil {
				return event, err
			}
		}
		return event, s.db.Close()
	})
	return err
}

func TestAFailedCommitDeniesAtOnceAndGrantsNothing(t *testing.T) {
	for _, reached := range []bool{false, true} {
		s := onDisk(t)
		w := newWorld(1)
		update(t, s, w.records()...)
		revoked, err := w.key.Revoke(gate.Revocation{At: dawn, Why: "a leak"})
		if err != nil {
			t.Fatal(err)
		}
		successor := newKey(w.device, 9)
		suspended := suspension(1, gate.DeviceSubject, string(w.device.ID), w.account.ID)
		err = doubtful(s, reached, &revoked, successor, suspended)
		if gate.KindOf(err) != gate.ShuttingDown || !strings.Contains(err.Error(), "the store must be reread") {
			t.Fatalf("error %v", err)
		}
		got := caller(s.Directory(), w.probe())
		if got.Key.Revoked == nil || len(got.Remediations[gate.OfDevice]) != 1 {
			t.Error("what the change takes away is not in force")
		}
		if s.Directory().Key(successor.ID) != nil {
			t.Error("what the change gives is in force")
		}

		// The next change rereads the store first, and from then on its disk says what is so.
		update(t, s, newWorld(2).account)
		got = caller(s.Directory(), w.probe())
		if (got.Key.Revoked != nil) != reached || (len(got.Remediations[gate.OfDevice]) == 1) != reached || (s.Directory().Key(successor.ID) != nil) != reached {
			t.Errorf("reached the disk: %t; but key %+v, remediations %v", reached, got.Key, got.Remediations)
		}
		again, err := s.Reread()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(dumpOf(again), dumpOf(s.Directory()), same); diff != "" {
			t.Errorf("(-store +directory):\n%s", diff)
		}
	}
}

func TestAStoreThatCannotBeRereadTakesNoChange(t *testing.T) {
	s := onDisk(t)
	w := newWorld(1)
	update(t, s, w.records()...)
	if err := doubtful(s, false, newWorld(2).account); gate.KindOf(err) != gate.ShuttingDown {
		t.Fatalf("error %v", err)
	}
	manifest := filepath.Join(s.options.Dir, storeName, badger.ManifestFilename)
	away := filepath.Join(t.TempDir(), "MANIFEST")
	if err := os.Rename(manifest, away); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := tryUpdate(s, newWorld(3).account)
		if gate.KindOf(err) != gate.ShuttingDown || !errors.Is(err, ErrDamaged) {
			t.Errorf("a change: error %v", err)
		}
		if err := s.View(func(*Tx) error { return nil }); gate.KindOf(err) != gate.ShuttingDown {
			t.Errorf("a view: error %v", err)
		}
		if caller(s.Directory(), w.probe()).Account == nil {
			t.Error("requests are not answered any more")
		}
	}
	if err := os.Rename(away, manifest); err != nil {
		t.Fatal(err)
	}
	update(t, s, newWorld(3).account)
}

func TestAFailedCommitOfBookkeepingIsRereadAsWell(t *testing.T) {
	s := onDisk(t)
	err := s.Bookkeep(func(tx *Tx) error {
		Put(tx, &gate.Mark{ID: "m1"})
		return s.db.Close()
	})
	if gate.KindOf(err) != gate.ShuttingDown {
		t.Fatalf("error %v", err)
	}
	bookkeep(t, s, &gate.Mark{ID: "m1"})
}

func TestClosingWaitsForWhoIsReading(t *testing.T) {
	s := onDisk(t)
	inside, closed := make(chan struct{}), make(chan error, 1)
	read := make(chan error, 1)
	go func() {
		read <- s.View(func(tx *Tx) error {
			close(inside)
			for !s.closing.Load() {
				if err := s.View(func(*Tx) error { return nil }); err != nil && !errors.Is(err, ErrClosed) {
					return err
				}
			}
			// A transaction in a transaction is refused now, where waiting would be forever; this one goes on.
			if err := s.View(func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
				return errors.Join(errors.New("a view was opened while closing"), err)
			}
			_, _, err := tx.event(0)
			return err
		})
	}()
	<-inside
	go func() { closed <- s.Close() }()
	if err := errors.Join(<-read, <-closed); err != nil {
		t.Error(err)
	}
}
