package audit_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/onerecord/certgate/audit"
)

func newLog(t *testing.T, size int) *log {
	t.Helper()
	var l log
	for n := range size {
		l.append(t, fmt.Appendf(nil, "event %d", n))
	}
	return &l
}

// replay reads the log back as a store does at its start.
func replay(l *log, size int64, root audit.Hash) (audit.Tree, error) {
	var r audit.Replay
	for n, leaf := range l.leaves {
		if err := r.Next(leaf, l.storedWith(int64(n))); err != nil {
			return audit.Tree{}, err
		}
	}
	return r.Finish(size, root)
}

func TestReplayReturnsTheTreeThatWasWritten(t *testing.T) {
	for _, size := range []int{0, 1, 2, 3, 7, 8, 100} {
		l := newLog(t, size)
		tree, err := replay(l, l.tree.Size(), l.tree.Root())
		if err != nil {
			t.Fatalf("log of %d events: %v", size, err)
		}
		grown, _ := tree.Append([]byte("next"))
		want, _ := l.tree.Append([]byte("next"))
		if tree.Root() != l.tree.Root() || grown.Root() != want.Root() {
			t.Errorf("log of %d events: the tree is not the one that was written", size)
		}
	}
}

func TestReplayNamesWhatDoesNotFit(t *testing.T) {
	const size = 24
	other := audit.LeafHash([]byte("other"))
	rows := []struct {
		name   string
		damage func(l *log)
		size   int64
		want   string
	}{
		{"an event changed", func(l *log) { l.leaves[17] = []byte("event 71") }, size, "event 17: its hash is "},
		{"two events swapped", func(l *log) { l.leaves[5], l.leaves[6] = l.leaves[6], l.leaves[5] }, size, "event 5: its hash is "},
		{"an event dropped", func(l *log) { l.leaves = slices.Delete(l.leaves, 9, 10) }, size, "event 9: its hash is "},
		{"an event added", func(l *log) { l.leaves = slices.Insert(l.leaves, 3, []byte("new")) }, size, "event 3: its hash is "},
		{"a leaf's stored hash changed", func(l *log) { l.hashes[audit.StoredCount(17)] = other }, size, "event 17: its hash is "},
		{
			"a subtree's stored hash changed", func(l *log) { l.hashes[audit.StoredCount(11)+2] = other }, size,
			"event 11: completes the subtree of events 8 to 11 ",
		},
		{"the last event dropped", func(l *log) { l.leaves = l.leaves[:size-1] }, size, "event 23: missing; the log holds 23 events and its head says 24"},
		{"an event after the head", func(*log) {}, size - 1, "event 23: not covered by the head; the log holds 24 events and its head says 23"},
		{"a head without a size", func(*log) {}, -1, "event 0: not covered by the head"},
		{
			"an event changed together with its hashes",
			func(l *log) {
				forged := log{}
				for n, leaf := range l.leaves {
					if n == 17 {
						leaf = []byte("event 71")
					}
					forged.append(t, leaf)
				}
				l.leaves, l.hashes = forged.leaves, forged.hashes
			}, size,
			"the root of 24 events is ",
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			l := newLog(t, size)
			row.damage(l)
			tree, err := replay(l, row.size, l.tree.Root())
			if err == nil || !strings.HasPrefix(err.Error(), row.want) {
				t.Errorf("error %q, want one that begins with %q", err, row.want)
			}
			if tree.Size() != 0 {
				t.Errorf("a tree of %d events came with the error", tree.Size())
			}
		})
	}
}

func TestReplayWantsEveryHashOfAnEvent(t *testing.T) {
	l := newLog(t, 8)
	whole := l.storedWith(7)
	rows := map[string][]audit.Hash{
		"event 7: 0 hashes are stored with it instead of 4 (indexes 11 to 14)": nil,
		"event 7: 3 hashes are stored with it instead of 4 (indexes 11 to 14)": whole[:3],
		"event 7: 5 hashes are stored with it instead of 4 (indexes 11 to 14)": append(slices.Clone(whole), whole[0]),
	}
	for want, stored := range rows {
		var r audit.Replay
		for n := range int64(7) {
			if err := r.Next(l.leaves[n], l.storedWith(n)); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Next(l.leaves[7], stored); err == nil || err.Error() != want {
			t.Errorf("error %q, want %q", err, want)
		}
	}
}

func TestADamagedLogCannotBeFinished(t *testing.T) {
	l := newLog(t, 3)
	var r audit.Replay
	first := r.Next([]byte("forged"), l.storedWith(0))
	if first == nil {
		t.Fatal("a forged event passed")
	}
	if err := r.Next(l.leaves[0], l.storedWith(0)); !errors.Is(err, first) {
		t.Errorf("the next event gives %v, want the first error %v", err, first)
	}
	empty := audit.Tree{}
	if _, err := r.Finish(0, empty.Root()); !errors.Is(err, first) {
		t.Errorf("Finish gives %v, want the first error %v", err, first)
	}
	if r.Size() != 0 {
		t.Errorf("%d events taken, want none", r.Size())
	}
}

func TestAnyChangedBitStopsTheReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l log
		for _, leaf := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 20), 1, 60).Draw(t, "leaves") {
			l.append(t, leaf)
		}
		bit := byte(1) << rapid.IntRange(0, 7).Draw(t, "bit")
		if rapid.Bool().Draw(t, "in a hash") {
			i := rapid.IntRange(0, len(l.hashes)-1).Draw(t, "hash")
			l.hashes[i][rapid.IntRange(0, len(audit.Hash{})-1).Draw(t, "byte")] ^= bit
		} else {
			leaf := l.leaves[rapid.IntRange(0, len(l.leaves)-1).Draw(t, "leaf")]
			leaf[rapid.IntRange(0, len(leaf)-1).Draw(t, "byte")] ^= bit
		}
		if _, err := replay(&l, l.tree.Size(), l.tree.Root()); err == nil {
			t.Fatal("a changed bit went unnoticed")
		}
	})
}
