package certstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

// keep signs the log as it is and keeps that.
func keep(t *testing.T, s *Store) (audit.Checkpoint, []byte) {
	t.Helper()
	c, signed, err := s.SignCheckpoint(dawn)
	if err != nil {
		t.Fatal(err)
	}
	return c, signed
}

func TestProofsOfTheStoreLeadToItsCheckpoints(t *testing.T) {
	s := inMemory(t)
	early, _ := keep(t, s)
	for n := range 20 {
		w := newWorld(n)
		update(t, s, w.account)
	}
	now, _ := keep(t, s)
	leaves, err := s.Leaves(0, 100)
	if err != nil || int64(len(leaves)) != now.Size {
		t.Fatalf("%d leaves of %d events, %v", len(leaves), now.Size, err)
	}
	for n, leaf := range leaves {
		p, err := audit.ProveInclusion(int64(n), now.Size, s)
		if err != nil {
			t.Fatal(err)
		}
		if err := audit.CheckInclusion(leaf, int64(n), now, p); err != nil {
			t.Error(err)
		}
	}
	p, err := audit.ProveConsistency(early.Size, now.Size, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := audit.CheckConsistency(early, now, p); err != nil {
		t.Error(err)
	}
	some, err := s.Leaves(3, 2)
	if err != nil || !cmp.Equal(some, leaves[3:5]) {
		t.Errorf("two leaves from 3 on: %v, %v", some, err)
	}
	rest, err := s.Leaves(now.Size, 2)
	if err != nil || rest != nil {
		t.Errorf("leaves after the last: %v, %v", rest, err)
	}
}

func TestOnlyHashesThatAreThereAreRead(t *testing.T) {
	s := inMemory(t)
	for _, indexes := range [][]int64{{-1}, {1}, make([]int64, maxHashes+1)} {
		if hashes, err := s.ReadHashes(indexes); err == nil {
			t.Errorf("%d hashes were read", len(hashes))
		}
	}
	if _, err := s.Leaves(-1, 1); !errors.Is(err, gate.Invalid) {
		t.Errorf("leaves from -1: %v", err)
	}
}

func TestCheckpointsAreKeptAcrossRestarts(t *testing.T) {
	s := onDisk(t)
	if _, _, err := s.LatestCheckpoint(); !errors.Is(err, gate.NotFound) {
		t.Errorf("before the first: %v", err)
	}
	var kept [][]byte
	for n := range 3 {
		_, signed := keep(t, s)
		kept = append(kept, signed)
		update(t, s, newWorld(n).account)
	}
	count := s.EventCount()
	closeStore(t, s)
	s = openIn(t, s.options.Dir)
	size, signed, err := s.LatestCheckpoint()
	if err != nil || size != 3 || string(signed) != string(kept[2]) {
		t.Errorf("latest: of %d events, %q, %v", size, signed, err)
	}
	for _, row := range []struct {
		from int64
		n    int
		want [][]byte
	}{{0, 9, kept}, {2, 9, kept[1:]}, {0, 2, kept[:2]}, {4, 9, nil}, {0, 0, nil}} {
		got, err := s.Checkpoints(row.from, row.n)
		if err != nil || !cmp.Equal(got, row.want) {
			t.Errorf("from %d on, %d: %d checkpoints, %v, want %d", row.from, row.n, len(got), err, len(row.want))
		}
	}
	if _, err := s.Checkpoints(-1, 1); !errors.Is(err, gate.Invalid) {
		t.Errorf("from -1 on: %v", err)
	}
	if s.EventCount() != count {
		t.Errorf("%d events after a restart, want %d", s.EventCount(), count)
	}
}

func TestAStartNoticesACheckpointThatIsNotAsItWasKept(t *testing.T) {
	rows := map[string]struct {
		damage func(*tampering)
		want   string
	}{
		"changed": {func(x *tampering) {
			value := x.get(checkpointKey(2))
			value[len(value)-1] ^= 1
			x.set(checkpointKey(2), value)
		}, "checkpoint of 2 events: its MAC does not fit"},
		"moved":   {func(x *tampering) { x.set(checkpointKey(2), x.get(checkpointKey(1))) }, "checkpoint of 2 events: its MAC does not fit"},
		"dropped": {func(x *tampering) { x.drop(checkpointKey(2)) }, "checkpoints: 1 are kept, and the head counts 2"},
		"made by somebody with the secret": {func(x *tampering) {
			x.set(checkpointKey(2), x.keys.wrap(checkpointKey(2), []byte("forged")))
		}, "checkpoints: the 2 that are kept are not those of the head"},
		"of an odd key": {func(x *tampering) { x.set([]byte("c/x"), []byte("y")) }, `a checkpoint under the key "c/x"`},
	}
	for name, row := range rows {
		s := onDisk(t)
		keep(t, s)
		update(t, s, newWorld(1).account)
		keep(t, s)
		closeStore(t, s)
		tamper(t, s.options.Dir, row.damage)
		opened, err := Open(testOptions(s.options.Dir))
		if err == nil {
			closeStore(t, opened)
		}
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want an error that says %q", name, err, row.want)
		}
	}
}

func TestTheOpenStoreVerifies(t *testing.T) {
	s := inMemory(t)
	outside, _ := keep(t, s)
	w := newWorld(1)
	update(t, s, w.records()...)
	w.account.Name = "Acme Health"
	update(t, s, w.account)
	notice := &gate.Notice{ID: "not_1", Account: w.account.ID, Subject: "first", CreatedAt: dawn}
	update(t, s, notice)
	newest, _ := keep(t, s)
	notice.TakenAt = &dawn
	bookkeep(t, s, notice)
	bookkeep(t, s, &gate.Mark{ID: "m1", Object: "first"})
	update(t, s, newWorld(2).account)

	report, err := s.Verify(audit.Options{Vkey: s.Vkey(), Outside: []audit.Checkpoint{outside}})
	if err != nil {
		t.Fatal(err)
	}
	size, root, err := s.Tip()
	want := audit.Report{
		Origin: s.Origin(), Events: size, Root: root, Checkpoints: 2, Newest: newest, Uncovered: 1, OutsideSeen: 1, OutsideNewest: outside,
		Records: int64(len(w.records())) + 3,
	}
	if err != nil || !cmp.Equal(want, report) {
		t.Errorf("report %v (-want +got):\n%s", err, cmp.Diff(want, report))
	}
}

func TestVerifyNamesWhatWasChangedUnderTheOpenStore(t *testing.T) {
	rows := map[string]struct {
		damage func(*tampering, *world)
		want   string
	}{
		"an event": {func(x *tampering, _ *world) {
			x.set(eventKey(1), x.keys.wrap(eventKey(1), []byte(`{"seq":1}`)))
		}, "event 1: its hash in the audit tree is another"},
		"an event with its hash": {func(x *tampering, _ *world) {
			hash := audit.LeafHash([]byte(`{"seq":1}`))
			x.set(eventKey(1), x.keys.wrap(eventKey(1), []byte(`{"seq":1}`)))
			x.set(hashKey(audit.StoredCount(1)), hash[:])
		}, "events 0 to 1: one or more were changed; the signed checkpoint"},
		"an event without a MAC": {func(x *tampering, _ *world) { x.set(eventKey(1), []byte("x")) }, "event 1: it has 1 bytes"},
		"an event dropped":       {func(x *tampering, _ *world) { x.drop(eventKey(1)) }, "event 1: missing"},
		"a checkpoint dropped":   {func(x *tampering, _ *world) { x.drop(checkpointKey(2)) }, "checkpoints: 0 are kept, and the head counts 1"},
		"a record": {func(x *tampering, w *world) {
			key := recordKey(gate.AccountRecord, w.account.RecordID())
			x.set(key, x.keys.wrap(key, []byte("{}")))
		}, "not as event 1 left it"},
		"a record without a MAC": {func(x *tampering, w *world) {
			x.set(recordKey(gate.AccountRecord, w.account.RecordID()), []byte("x"))
		}, "it has 1 bytes"},
		"a record dropped": {func(x *tampering, w *world) { x.drop(recordKey(gate.KeyRecord, w.key.RecordID())) }, "missing; event 1 wrote it"},
	}
	for name, row := range rows {
		s := inMemory(t)
		w := newWorld(1)
		update(t, s, w.records()...)
		keep(t, s)
		txn := s.db.NewTransaction(true)
		row.damage(&tampering{t, s.keys(), txn}, w)
		if err := txn.Commit(); err != nil {
			t.Fatal(err)
		}
		_, err := s.Verify(audit.Options{Vkey: s.Vkey()})
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want an error that says %q", name, err, row.want)
		}
	}
}

// An older copy of the whole directory is a correct store; the checkpoint beside it is newer.
func TestVerifyNoticesAnOlderCopyOfTheStore(t *testing.T) {
	older, newer := inMemory(t), inMemory(t)
	for n := range 3 {
		update(t, newer, newWorld(n).account)
		if n < 1 {
			update(t, older, newWorld(n).account)
		}
	}
	outside, _ := keep(t, newer)
	report, err := older.Verify(audit.Options{Vkey: older.Vkey(), Outside: []audit.Checkpoint{outside}})
	bad, ok := errors.AsType[*audit.BadEventsError](err)
	if !ok || bad.First != 2 || bad.Last != 3 || report.Events != 2 {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := older.Verify(audit.Options{}); err == nil {
		t.Error("a store was verified without a key")
	}
	if err := fmt.Sprint(older.Verify(audit.Options{Vkey: older.Vkey(), Outside: []audit.Checkpoint{{}}})); !strings.Contains(err, "origin") {
		t.Error(err)
	}
}
