package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/audit"
)

// history is a log with its checkpoint at every size.
type history struct {
	log
	at []audit.Checkpoint
}

func newHistory(t rapid.TB, size int) *history {
	h := &history{at: []audit.Checkpoint{{Origin: origin, Root: (audit.Tree{}).Root()}}}
	for n := range size {
		h.append(t, fmt.Appendf(nil, "event %d", n))
		h.at = append(h.at, audit.Checkpoint{Origin: origin, Size: h.tree.Size(), Root: h.tree.Root()})
	}
	return h
}

func TestEveryEventIsShownToBeInEveryLaterLog(t *testing.T) {
	h := newHistory(t, 40)
	for size := int64(1); size <= h.tree.Size(); size++ {
		for n := range size {
			p, err := audit.ProveInclusion(n, size, h)
			if err != nil {
				t.Fatal(err)
			}
			if err := audit.CheckInclusion(h.leaves[n], n, h.at[size], p); err != nil {
				t.Fatalf("event %d of %d: %v", n, size, err)
			}
			if err := tlog.CheckRecord(p.Hashes, size, h.at[size].Root, n, tlog.RecordHash(h.leaves[n])); err != nil {
				t.Fatalf("event %d of %d: tlog says %v", n, size, err)
			}
		}
	}
}

func TestEveryLogIsShownToBeginEveryLaterOne(t *testing.T) {
	h := newHistory(t, 40)
	for size := range h.tree.Size() + 1 {
		for old := range size + 1 {
			p, err := audit.ProveConsistency(old, size, h)
			if err != nil {
				t.Fatal(err)
			}
			if err := audit.CheckConsistency(h.at[old], h.at[size], p); err != nil {
				t.Fatalf("%d of %d: %v", old, size, err)
			}
		}
	}
}

func TestNoOtherEventPassesAProof(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t, rapid.IntRange(1, 100).Draw(t, "size"))
		size := h.tree.Size()
		n := rapid.Int64Range(0, size-1).Draw(t, "event")
		p, err := audit.ProveInclusion(n, size, h)
		if err != nil {
			t.Fatal(err)
		}
		leaf, c := h.leaves[n], h.at[size]
		switch rapid.SampledFrom([]string{"leaf", "number", "root", "size", "hash", "fewer", "more"}).Draw(t, "what is wrong") {
		case "leaf":
			leaf = append([]byte("x"), leaf...)
		case "number":
			n++
			p.Event++
		case "root":
			c.Root[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
		case "size":
			c.Size++
		case "hash":
			if len(p.Hashes) == 0 {
				return
			}
			p.Hashes[rapid.IntRange(0, len(p.Hashes)-1).Draw(t, "hash")][0] ^= 1
		case "fewer":
			if len(p.Hashes) == 0 {
				return
			}
			p.Hashes = p.Hashes[1:]
		case "more":
			p.Hashes = append(p.Hashes, audit.Hash{})
		}
		if audit.CheckInclusion(leaf, n, c, p) == nil {
			t.Fatal("a proof of something else passed")
		}
	})
}

func TestRewrittenHistoryPassesNoProof(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(2, 100).Draw(t, "size")
		old := rapid.IntRange(1, size).Draw(t, "old size")
		bad := rapid.IntRange(0, old-1).Draw(t, "rewritten")
		truth, forged := newHistory(t, size), newHistory(t, 0)
		for n, leaf := range truth.leaves {
			if n == bad {
				leaf = []byte("forged")
			}
			forged.append(t, leaf)
		}
		now := audit.Checkpoint{Origin: origin, Size: forged.tree.Size(), Root: forged.tree.Root()}
		for _, reader := range []audit.HashReader{truth, forged} {
			p, err := audit.ProveConsistency(int64(old), int64(size), reader)
			if err != nil {
				t.Fatal(err)
			}
			if audit.CheckConsistency(truth.at[old], now, p) == nil {
				t.Fatal("rewritten history passed")
			}
		}
	})
}

func TestProofsSayWhatIsWrong(t *testing.T) {
	h := newHistory(t, 8)
	inclusion, err1 := audit.ProveInclusion(3, 8, h)
	consistency, err2 := audit.ProveConsistency(4, 8, h)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	stranger := h.at[4]
	stranger.Origin = "certgate/other"
	_, noEvent := audit.ProveInclusion(8, 8, h)
	_, noLog := audit.ProveInclusion(0, 0, h)
	_, negative := audit.ProveInclusion(-1, 8, h)
	_, endless := audit.ProveInclusion(0, 1<<62, h)
	_, shrinks := audit.ProveConsistency(8, 4, h)
	_, below := audit.ProveConsistency(-1, 4, h)
	_, unread := audit.ProveInclusion(3, 8, &log{})
	rows := []struct {
		got  error
		want string
	}{
		{noEvent, "event 8 is not in a log of 8 events, which are numbered 0 to 7"},
		{noLog, "a log of 0 events"},
		{negative, "event -1 is not in a log"},
		{endless, "a log of 4611686018427387904 events"},
		{shrinks, "a log of 8 events is not a beginning of one of 4"},
		{below, "a log of -1 events"},
		{unread, "prove event 3 of 8: hash "},
		{audit.CheckInclusion(h.leaves[2], 2, h.at[8], inclusion), "the proof is of event 3 of 8, not of event 2 of 8"},
		{audit.CheckInclusion(h.leaves[3], 3, h.at[7], inclusion), "the proof is of event 3 of 8, not of event 3 of 7"},
		{audit.CheckInclusion(h.leaves[2], 3, h.at[8], inclusion), "does not lead from this event 3 to the root"},
		{audit.CheckInclusion(nil, 0, audit.Checkpoint{}, audit.Inclusion{}), "a log of 0 events"},
		{audit.CheckConsistency(h.at[8], h.at[4], consistency), "a log does not shrink"},
		{audit.CheckConsistency(stranger, h.at[8], consistency), "checkpoints of two logs, certgate/other and certgate/example"},
		{audit.CheckConsistency(h.at[3], h.at[8], consistency), "the proof is that 4 events begin 8, not that 3 begin 8"},
		{audit.CheckConsistency(h.at[0], h.at[8], audit.Consistency{Size: 8, Hashes: consistency.Hashes}), "the proof for an empty log has hashes"},
		{audit.CheckConsistency(audit.Checkpoint{}, h.at[8], consistency), `origin ""`},
	}
	for _, row := range rows {
		if row.got == nil || !strings.Contains(row.got.Error(), row.want) {
			t.Errorf("error %v, want one that says %q", row.got, row.want)
		}
	}
}

type failing struct{ error }

func (f failing) ReadHashes([]int64) ([]tlog.Hash, error) { return nil, f }

func TestAReadErrorIsPassedOn(t *testing.T) {
	cause := failing{errors.New("the disk is gone")}
	_, inclusion := audit.ProveInclusion(1, 4, cause)
	_, consistency := audit.ProveConsistency(1, 4, cause)
	if !errors.Is(inclusion, cause) || !errors.Is(consistency, cause) {
		t.Errorf("errors %v and %v, want the reader's", inclusion, consistency)
	}
}

func TestProofsTravelAsJSON(t *testing.T) {
	h := newHistory(t, 3)
	inclusion, err1 := audit.ProveInclusion(2, 3, h)
	consistency, err2 := audit.ProveConsistency(0, 3, h)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	text, err := json.Marshal(inclusion)
	if want := `{"event":2,"size":3,"hashes":["` + h.at[2].Root.String() + `"]}`; err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
	var back audit.Inclusion
	if err := json.Unmarshal(text, &back); err != nil || !cmp.Equal(back, inclusion) {
		t.Errorf("read back as %+v, %v", back, err)
	}
	text, err = json.Marshal(consistency)
	if want := `{"old":0,"size":3,"hashes":[]}`; err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
}
