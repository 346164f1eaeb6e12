package usage_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/usage"
)

func TestWhatChangesAfterItWasFinalIsACorrectionAndNothingElseIs(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, noon)
	other := usage.Key{Behavior: "other", Outcome: usage.Succeeded}
	roll := func(now time.Time) {
		t.Helper()
		must(t, s.Flush(now, nil))
		must(t, s.Roll(now))
	}
	corrections := func() (query, others int64) {
		for _, b := range kept(t, s) {
			for _, c := range b.Cells {
				if c.Key == other {
					others += c.Corrections
				} else {
					query += c.Corrections
				}
			}
		}
		return query, others
	}
	count(s, noon, 1)
	s.Meter.Count(noon, device, &usage.Call{Key: other}, nil)
	roll(noon.Add(30 * time.Minute))
	count(s, noon.Add(time.Minute), 0) // nothing more, but it has it summed again
	roll(noon.Add(31 * time.Minute))
	if q, o := corrections(); q != 0 || o != 0 {
		t.Errorf("%d and %d corrections of figures that did not change", q, o)
	}
	count(s, noon.Add(time.Minute), 1)
	roll(noon.Add(32 * time.Minute))
	must(t, s.Close())
	s = open(t, dir, noon)
	count(s, noon.Add(16*time.Minute), 1) // in a quarter that was final with nothing in it
	roll(noon.Add(33 * time.Minute))
	if q, o := corrections(); q != 2 || o != 0 {
		t.Errorf("%d and %d corrections, want 2 of what was late", q, o)
	}
	must(t, s.Close())
}
