package usage_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// kept is everything that is kept of the device, bucket by bucket.
func kept(t *testing.T, s *usage.Store) (list []usage.Bucket) {
	t.Helper()
	must(t, s.Each(device, ever[0], ever[1], func(b *usage.Bucket) error { list = append(list, *b); return nil }))
	return list
}

func TestSumsMayBeComputedAgain(t *testing.T) {
	s := open(t, "", noon)
	for i := range 300 {
		count(s, noon.Add(time.Duration(i)*time.Minute), 1)
	}
	now := noon.Add(301 * time.Minute)
	must(t, s.Flush(now, nil))
	must(t, s.Roll(now))
	once := kept(t, s)
	if len(once) != 19+15 { // 300 minutes are 20 quarters, the last of which is open for two minutes more
		t.Errorf("%d buckets", len(once))
	}
	count(s, noon, 0)
	must(t, s.Flush(now, nil))
	must(t, s.Roll(now))
	if diff := cmp.Diff(once, kept(t, s)); diff != "" {
		t.Error(diff)
	}
	count(s, noon.Add(time.Minute), 5) // late
	must(t, s.Flush(now, nil))
	must(t, s.Roll(now))
	again := kept(t, s)
	if again[0].Cells[0].Calls != once[0].Cells[0].Calls+5 {
		t.Errorf("a late call is not in its quarter: %+v", again[0])
	}
	must(t, s.Close())
}

func TestUsageIsKeptForYearsByTheDay(t *testing.T) {
	s := open(t, "", noon)
	now := noon
	for range 3 {
		count(s, now, 7)
		now = now.AddDate(0, 0, 1)
	}
	for range 500 { // each is a day
		must(t, s.Flush(now, nil))
		must(t, s.Roll(now))
		must(t, s.RollDays(func(gate.DeviceID) *time.Location { return time.UTC }))
		must(t, s.Remove(now))
		now = now.AddDate(0, 0, 1)
	}
	list := kept(t, s)
	if len(list) != 3 || list[0].End-list[0].Start != 86_400 || list[0].Cells[0].Calls != 7 {
		t.Errorf("%+v", list)
	}
	must(t, s.Close())
}
