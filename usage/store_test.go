package usage_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Badger leaves these behind where it cannot open a directory.
		goleak.IgnoreTopFunction("github.com/dgraph-io/badger/v4.(*DB).monitorCache"),
		goleak.IgnoreTopFunction("github.com/dgraph-io/ristretto/v2/z.(*AllocatorPool).freeupAllocators"),
		goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"),
		goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"))
}

var (
	noon  = time.Date(2027, time.March, 1, 12, 0, 0, 0, time.UTC)
	query = usage.Key{Behavior: "fhir-query", Purpose: gate.Treatment, Outcome: usage.Succeeded}
)

const device = gate.DeviceID("dev_1")

// quiet is a log in which only what went wrong is kept.
type quiet struct{ errors []string }

func (q *quiet) Errorf(f string, _ ...any) { q.errors = append(q.errors, f) }
func (*quiet) Warningf(string, ...any)     {}
func (*quiet) Infof(string, ...any)        {}
func (*quiet) Debugf(string, ...any)       {}

func open(t rapid.TB, dir string, now time.Time) *usage.Store {
	t.Helper()
	s, err := usage.Open(usage.Options{Dir: dir, Key: make([]byte, 32), Now: now, Log: new(quiet)})
	must(t, err)
	return s
}

func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// calls is how many calls of the device were kept in a time.
func calls(t rapid.TB, s *usage.Store, from, to time.Time) (n int64) {
	t.Helper()
	must(t, s.Each(device, from, to, func(b *usage.Bucket) error {
		for i := range b.Cells {
			n += b.Cells[i].Calls
		}
		return nil
	}))
	return n
}

var ever = []time.Time{time.Unix(0, 0), time.Unix(1<<40, 0)}

func count(s *usage.Store, at time.Time, n int) {
	for range n {
		s.Meter.Count(at, device, &usage.Call{Key: query, Cost: 1}, nil)
	}
}

func TestAMinuteThatWasBegunBeforeARestartGoesOn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, noon)
	count(s, noon, 3)
	must(t, s.Flush(noon, nil))
	count(s, noon, 2) // lost: never flushed
	must(t, s.Close())
	s = open(t, dir, noon)
	count(s, noon.Add(time.Second), 4)
	for range 3 {
		must(t, s.Flush(noon.Add(time.Second), nil))
	}
	if got := calls(t, s, ever[0], ever[1]); got != 7 {
		t.Errorf("%d calls, want 3 and 4", got)
	}
	must(t, s.Close())
}

func TestALogThatADeathLeftEmptyIsNoDamage(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, noon)
	count(s, noon, 3)
	must(t, s.Flush(noon, nil))
	must(t, s.Close())
	for _, name := range []string{"00077.mem", "000077.vlog"} {
		must(t, os.WriteFile(filepath.Join(usage.Dir(dir), name), nil, 0o600))
	}
	s = open(t, dir, noon)
	if got := calls(t, s, ever[0], ever[1]); got != 3 {
		t.Errorf("%d calls, want 3", got)
	}
	must(t, s.Close())
}

// Whatever the clock does, and however often usage is written, summed, removed from and opened again: what was flushed counts once.
func TestNothingIsLostOrCountedTwice(t *testing.T) {
	zones := map[string]*time.Location{}
	for _, name := range []string{"UTC", "America/New_York", "Asia/Kathmandu"} {
		zones[name] = zone(t, name)
	}
	root, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := filepath.Join(root, strconv.Itoa(n))
		must(t, os.Mkdir(dir, 0o700))
		now, want := noon, int64(0)
		s := open(t, dir, now)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"count", "count", "late", "flush", "forward", "day", "back", "roll", "keep", "open"}).Draw(t, "step") {
			case "count":
				count(s, now, 2)
				want += 2
			case "late":
				count(s, now.Add(-time.Duration(rapid.IntRange(0, 100).Draw(t, "hours"))*time.Hour), 1)
				want++
			case "flush":
				must(t, s.Flush(now, nil))
			case "forward":
				now = now.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "minutes")) * time.Minute)
			case "day":
				now = now.AddDate(0, 0, rapid.SampledFrom([]int{1, 3, 400}).Draw(t, "days"))
			case "back":
				now = now.Add(-time.Duration(rapid.IntRange(1, 3000).Draw(t, "minutes back")) * time.Minute)
			case "roll":
				must(t, s.Flush(now, nil))
				must(t, s.Roll(now))
			case "keep":
				z := zones[rapid.SampledFrom([]string{"UTC", "America/New_York", "Asia/Kathmandu"}).Draw(t, "zone")]
				must(t, s.RollDays(func(gate.DeviceID) *time.Location { return z }))
				must(t, s.Remove(now))
			case "open":
				must(t, s.Flush(now, nil))
				must(t, s.Close())
				s = open(t, dir, now)
			}
		}
		must(t, s.Flush(now, nil))
		if got := calls(t, s, ever[0], ever[1]); got != want {
			t.Errorf("%d calls are kept, %d were made", got, want)
		}
		must(t, s.Close())
	})
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	must(t, err)
	return z
}

func TestDaysAreThoseOfTheZoneAlsoWhenClocksAreSet(t *testing.T) {
	for _, row := range []struct {
		zone  string
		from  time.Time
		hours []int
	}{
		{"America/New_York", time.Date(2027, time.March, 13, 5, 0, 0, 0, time.UTC), []int{24, 23, 24}},
		{"America/New_York", time.Date(2027, time.November, 6, 4, 0, 0, 0, time.UTC), []int{24, 25, 24}},
		{"Asia/Kathmandu", time.Date(2027, time.March, 12, 18, 15, 0, 0, time.UTC), []int{24, 24, 24}},
	} {
		var list []*usage.Bucket
		for i := range 4 * 24 * 4 {
			start := row.from.Unix() + int64(i)*900
			list = append(list, &usage.Bucket{Device: device, Start: start, End: start + 900, Cells: []usage.Cell{{Key: query, Tally: usage.Tally{Calls: 1}}}})
		}
		limit := row.from.Add(75 * time.Hour).Unix()
		var hours []int
		for _, d := range usage.Days(list, zone(t, row.zone), 0, limit) {
			hours = append(hours, int(d.Cells[0].Calls)/4)
			if int64(hours[len(hours)-1]) != (d.End-d.Start)/3600 {
				t.Errorf("%s: a day from %d to %d has %d hours of calls", row.zone, d.Start, d.End, hours[len(hours)-1])
			}
		}
		if diff := cmp.Diff(row.hours, hours); diff != "" {
			t.Errorf("%s: %s", row.zone, diff)
		}
	}
}

func TestADamagedDirectoryIsMovedAsideAndANewOneBegun(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, noon)
	count(s, noon, 3)
	must(t, s.Flush(noon, nil))
	must(t, s.Close())
	must(t, os.WriteFile(filepath.Join(dir, "usage", "MANIFEST"), []byte("damage"), 0o600))
	log := new(quiet)
	s, err := usage.Open(usage.Options{Dir: dir, Key: make([]byte, 32), Now: noon, Log: log})
	must(t, err)
	if got := calls(t, s, ever[0], ever[1]); got != 0 {
		t.Errorf("%d calls in a new one", got)
	}
	must(t, s.Close())
	aside, err := filepath.Glob(filepath.Join(dir, "usage.damaged-*"))
	must(t, err)
	if len(aside) != 1 || len(log.errors) == 0 || !strings.Contains(strings.Join(log.errors, " "), "cannot be read") {
		t.Errorf("aside: %v; log: %v", aside, log.errors)
	}
}

func TestNotesComeBackAsTheyWereLastWritten(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, noon)
	must(t, s.Flush(noon, []usage.Note{{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte("2")}}))
	must(t, s.Flush(noon, []usage.Note{{Key: "a", Value: []byte("3")}, {Key: "b"}}))
	must(t, s.Close())
	s = open(t, dir, noon)
	got := map[string]string{}
	must(t, s.Notes(func(n usage.Note) error { got[n.Key] = string(n.Value); return nil }))
	must(t, s.Close())
	if diff := cmp.Diff(map[string]string{"a": "3"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAMeterHoldsADeviceOnlyWhileItCalls(t *testing.T) {
	s := open(t, "", noon)
	count(s, noon, 1)
	must(t, s.Flush(noon, nil))
	if s.Meter.Len() != 1 {
		t.Errorf("%d buckets in the open minute", s.Meter.Len())
	}
	must(t, s.Flush(noon.Add(time.Minute), nil))
	if s.Meter.Len() != 0 {
		t.Errorf("%d buckets after it", s.Meter.Len())
	}
	must(t, s.Close())
}
