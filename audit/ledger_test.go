package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/onerecord/certgate/audit"
)

// stored iterates over the records as a store would.
func stored(records map[string]audit.Hash) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		for _, id := range slices.Sorted(maps.Keys(records)) {
			if !yield(audit.Record{Kind: "note", ID: id, Hash: records[id]}, nil) {
				return
			}
		}
	}
}

func (b *book) verifyRecords(t testing.TB, records map[string]audit.Hash, bookkept ...string) (audit.Report, error) {
	t.Helper()
	return audit.Verify(bytes.NewReader(b.export(t)), audit.Options{Vkey: b.vkey, Records: stored(records), Bookkept: bookkept})
}

func TestRecordsAreThoseThatTheLastEventsLeft(t *testing.T) {
	b := written(t, 20, 5)
	report, err := b.verifyRecords(t, b.records)
	if err != nil || report.Records != 7 {
		t.Fatalf("%+v, %v", report, err)
	}
	if want := "20 events, 4 checkpoints in the log, 7 records as their last events left them"; !strings.Contains(report.String(), want) {
		t.Errorf("the report says\n%s", report)
	}
}

func TestARecordThatIsNotAsItWasLeftIsNamed(t *testing.T) {
	other := audit.LeafHash(nil)
	rows := []struct {
		name     string
		damage   func(map[string]audit.Hash)
		bookkept []string
		want     string
	}{
		{"changed", func(r map[string]audit.Hash) { r["n3"] = other }, nil, "note n3: not as event 17 left it"},
		{"put back", func(r map[string]audit.Hash) { r["n3"] = written(t, 4, 4).records["n3"] }, nil, "note n3: not as event 17 left it"},
		{"missing", func(r map[string]audit.Hash) { delete(r, "n6") }, nil, "note n6: missing; event 13 wrote it"},
		{"added", func(r map[string]audit.Hash) { r["x"] = other }, nil, "note x: there, and no event wrote it"},
		{"several", func(r map[string]audit.Hash) { r["n0"] = other; delete(r, "n6"); delete(r, "n5") }, nil,
			"note n0: not as event 14 left it; note n6: missing; event 13 wrote it; note n5: missing; event 19 wrote it"},
		{"many", func(r map[string]audit.Hash) {
			for i := range 20 {
				r[fmt.Sprintf("x%02d", i)] = other
			}
		}, nil, "note x07: there, and no event wrote it; and 12 more"},
		{"changed by bookkeeping", func(r map[string]audit.Hash) { r["n3"] = other; r["x"] = other }, []string{"note"}, ""},
		{"missing, of a kind of bookkeeping", func(r map[string]audit.Hash) { delete(r, "n6") }, []string{"note"}, "note n6: missing; event 13 wrote it"},
	}
	for _, row := range rows {
		b := written(t, 20, 5)
		records := maps.Clone(b.records)
		row.damage(records)
		_, err := b.verifyRecords(t, records, row.bookkept...)
		if row.want == "" {
			if err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
			continue
		}
		if err == nil || !strings.HasSuffix(err.Error(), row.want) {
			t.Errorf("%s: error %v, want one that says %q", row.name, err, row.want)
		}
	}
}

func TestARecordThatAnEventTookAwayMustBeGone(t *testing.T) {
	b := newBook(t)
	b.happen(t, "n", "x")
	b.append(t, []byte(`{"seq":1,"changes":[{"kind":"note","id":"n","after":"`+strings.Repeat("0", 64)+`"}]}`))
	b.checkpoint(t)
	if _, err := b.verifyRecords(t, map[string]audit.Hash{}); err != nil {
		t.Error(err)
	}
	if _, err := b.verifyRecords(t, b.records); err == nil {
		t.Error("a record that was taken away is there again, and went unnoticed")
	}
}

func TestRecordsThatCannotBeReadAreAnError(t *testing.T) {
	b := written(t, 2, 2)
	cause := errors.New("the disk is gone")
	unread := func(yield func(audit.Record, error) bool) { yield(audit.Record{}, cause) }
	_, err := audit.Verify(bytes.NewReader(b.export(t)), audit.Options{Vkey: b.vkey, Records: unread})
	if !errors.Is(err, cause) {
		t.Errorf("error %v, want the store's", err)
	}
}

func TestAnyOtherSetOfRecordsIsNoticed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, vkey, err := audit.NewKey(origin, [32]byte{1})
		if err != nil {
			t.Fatal(err)
		}
		b := &book{vkey: vkey, records: map[string]audit.Hash{}}
		v := func(records map[string]audit.Hash) error {
			verifier, err := audit.NewVerifier(audit.Options{Vkey: vkey, Records: stored(records)})
			if err != nil {
				t.Fatal(err)
			}
			for _, leaf := range b.leaves {
				if err := verifier.Event(leaf); err != nil {
					t.Fatal(err)
				}
			}
			report, err := verifier.Finish()
			if report.Uncovered != b.tree.Size() {
				t.Fatalf("%d events are uncovered, want all %d", report.Uncovered, b.tree.Size())
			}
			return err
		}
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, 5), 1, 30).Draw(t, "writes") {
			b.happen(t, fmt.Sprint(n), fmt.Sprint(i))
		}
		if err := v(b.records); err != nil {
			t.Fatal(err)
		}
		id := rapid.SampledFrom(slices.Sorted(maps.Keys(b.records))).Draw(t, "record")
		records := maps.Clone(b.records)
		if rapid.Bool().Draw(t, "dropped") {
			delete(records, id)
		} else {
			hash := records[id]
			hash[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
			records[id] = hash
		}
		if err := v(records); err == nil || !strings.Contains(err.Error(), "note "+id+": ") {
			t.Fatalf("record %s: %v", id, err)
		}
	})
}
