package usage_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// leaves notes a call of a device that shows something.
func leaves(s *usage.Store, at time.Time, d gate.DeviceID, shown usage.Shown) {
	shown.Account, shown.More = "acc_1", true
	if !shown.Peer.IsValid() {
		shown.Peer = here
	}
	s.Meter.Count(at, d, &usage.Call{Key: query}, &shown)
}

// asksFor is a call for what is not there.
func asksFor(n int) usage.Shown {
	return usage.Shown{Status: 404, Denied: usage.Denied{Target: patient(n)}}
}

// numbered is a call that names patients by number.
func numbered(numbers ...uint64) usage.Shown { return usage.Shown{Status: 200, Numbers: numbers} }

// traces are what devices left in the window that begins at a time.
func traces(t rapid.TB, s *usage.Store, start time.Time, quick bool) map[gate.DeviceID]usage.Trace {
	t.Helper()
	all := map[gate.DeviceID]usage.Trace{}
	must(t, s.Traces(start, quick, func(d gate.DeviceID, r *usage.Trace) error { all[d] = *r; return nil }))
	return all
}

func left(t rapid.TB, what string, got, want usage.Trace) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(usage.Trace{}), cmpopts.IgnoreFields(usage.Trace{}, "Start")); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

func TestAQuarterAndItsHourTellWhatADeviceDid(t *testing.T) {
	s := open(t, t.TempDir(), noon)
	defer s.Close()
	const d = "dev_1"
	for i := range 40 { // forty things that are not there, each asked for twice
		leaves(s, noon.Add(time.Duration(i)*time.Second), d, asksFor(1+i%20))
	}
	leaves(s, noon, d, usage.Shown{Refused: true, Denied: usage.Denied{Target: patient(1), Kind: 1}})
	leaves(s, noon, d, usage.Shown{Status: 403, Denied: usage.Denied{Target: patient(99), Kind: 64}})
	leaves(s, noon, d, usage.Shown{Status: 410, Denied: usage.Denied{Target: patient(1)}})
	leaves(s, noon, d, usage.Shown{Status: 200, Patients: []usage.Patient{patient(1), patient(2)}})
	leaves(s, noon, d, usage.Shown{Status: 202, Export: 7})
	must(t, s.FlushSeen())
	later := noon.Add(20 * time.Minute)
	leaves(s, later, d, asksFor(1))
	leaves(s, later, d, usage.Shown{Status: 200, Patients: []usage.Patient{patient(2), patient(3)}})
	leaves(s, later, d, usage.Shown{Status: 202, Export: 7})
	leaves(s, later, d, usage.Shown{Status: 202, Export: 8})
	must(t, s.FlushSeen())
	first := usage.Trace{Forbidden: 2, NotFound: 41, Targets: 21, Scopes: 1 | 1<<63, Patients: 2, Newcomers: 2, Networks: 1, Together: 1, Exports: 1}
	left(t, "the first quarter", traces(t, s, noon, true)[d], first)
	second := usage.Trace{NotFound: 1, Targets: 1, Patients: 2, Newcomers: 1, Exports: 2, Restarts: 1}
	left(t, "the second quarter", traces(t, s, noon.Add(15*time.Minute), true)[d], second)
	whole := usage.Trace{Forbidden: 2, NotFound: 42, Targets: 21, Scopes: 1 | 1<<63, Patients: 3, Newcomers: 3, Networks: 1, Together: 1, Exports: 3, Restarts: 1}
	left(t, "the hour", traces(t, s, noon, false)[d], whole)
	if n := len(traces(t, s, noon.Add(30*time.Minute), true)); n != 0 {
		t.Errorf("%d devices left something when none called", n)
	}
}

func TestIdentifiersTriedInOrderShowWhateverIsAroundThem(t *testing.T) {
	inOrder := func(from, n, step int) (list []uint64) {
		for i := range n {
			list = append(list, uint64(from+i*step))
		}
		return list
	}
	atRandom := func(n int) (list []uint64) {
		x := uint64(1)
		for range n {
			x = x*6364136223846793005 + 1442695040888963407
			list = append(list, x>>34)
		}
		return list
	}
	alternating := func(n int) (list []uint64) {
		for i := range n {
			list = append(list, uint64(500+i%2))
		}
		return list
	}
	twice := func(list []uint64) (out []uint64) {
		for _, n := range list {
			out = append(out, n, n)
		}
		return out
	}
	for _, row := range []struct {
		name    string
		numbers []uint64
		near    [2]int64 // at least and at most
		run     [2]int64
		many    int64 // least distinct ones
	}{
		{"one after another", inOrder(1000, 60, 1), [2]int64{49, 50}, [2]int64{50, 50}, 50},
		{"downward", inOrder(9000, 60, -2), [2]int64{49, 50}, [2]int64{50, 50}, 50},
		{"each asked for twice", twice(inOrder(1000, 60, 1)), [2]int64{49, 50}, [2]int64{50, 50}, 50},
		{"in wide steps", inOrder(1000, 60, 10), [2]int64{0, 0}, [2]int64{50, 50}, 50},
		{"at random", atRandom(400), [2]int64{0, 2}, [2]int64{2, 9}, 45},
		{"two in turns", alternating(400), [2]int64{1, 1}, [2]int64{2, 2}, 2},
		{"then a few minutes of ordinary calls, to hide it", append(inOrder(1000, 60, 1), atRandom(200)...), [2]int64{49, 50}, [2]int64{50, 50}, 50},
		{"after two in turns, to hide it", append(alternating(200), inOrder(1000, 60, 1)...), [2]int64{49, 50}, [2]int64{50, 50}, 50},
	} {
		s := open(t, "", noon)
		for i, n := range row.numbers {
			leaves(s, noon.Add(time.Duration(i)*time.Second), "dev_1", numbered(n))
		}
		must(t, s.FlushSeen())
		for _, quick := range []bool{true, false} {
			r := traces(t, s, noon, quick)["dev_1"]
			if r.Numbers != min(50, int64(len(row.numbers))) || r.Near < row.near[0] || r.Near > row.near[1] || r.Run < row.run[0] || r.Run > row.run[1] || r.Distinct < row.many {
				t.Errorf("%s: %+v", row.name, r)
			}
		}
		must(t, s.Close())
	}
}

// A quarter is not accused of what the one before it did.
func TestAQuarterBeginsWithoutTheStepsOfTheOneBefore(t *testing.T) {
	s := open(t, "", noon)
	defer s.Close()
	for i := range 50 {
		leaves(s, noon, "dev_1", numbered(uint64(i)))
	}
	for i := range 10 {
		leaves(s, noon.Add(16*time.Minute), "dev_1", numbered(uint64(1000+i*i*100%977)))
	}
	must(t, s.FlushSeen())
	if r := traces(t, s, noon.Add(15*time.Minute), true)["dev_1"]; r.Numbers != 10 || r.Near > 1 || r.Run > 6 {
		t.Errorf("%+v", r)
	}
	if r := traces(t, s, noon, false)["dev_1"]; r.Near < 49 {
		t.Errorf("the hour forgot its worst quarter: %+v", r)
	}
}

func TestNetworksCountThatAreThereOften(t *testing.T) {
	s := open(t, "", noon)
	defer s.Close()
	from := func(at time.Duration, network, calls int) {
		for i := range calls {
			leaves(s, noon.Add(at), "dev_1", usage.Shown{Status: 200, Peer: netip.AddrFrom4([4]byte{10, byte(network >> 8), byte(network), byte(i)})})
		}
	}
	from(0, 1, 30)
	from(2*time.Minute, 2, 25)
	from(3*time.Minute, 3, 19) // a train that passes through
	from(12*time.Minute, 4, 20)
	from(25*time.Minute, 5, 20)
	must(t, s.FlushSeen())
	left(t, "the first quarter", traces(t, s, noon, true)["dev_1"], usage.Trace{Networks: 3, Together: 2})
	left(t, "the second", traces(t, s, noon.Add(15*time.Minute), true)["dev_1"], usage.Trace{Networks: 1, Together: 1})
	left(t, "the hour", traces(t, s, noon, false)["dev_1"], usage.Trace{Networks: 4, Together: 2})
	for n := range 2000 { // of many that come and go none pushes out those that stay
		from(30*time.Minute, 100+n, 1)
	}
	must(t, s.FlushSeen())
	left(t, "the hour after a flood", traces(t, s, noon, false)["dev_1"], usage.Trace{Networks: 4, Together: 2})
}

// What was told apart is lost with the process, and no number becomes smaller by that; what was counted goes on.
func TestARestartNeverMakesANumberSmaller(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, noon)
	day := func(n int) {
		for i := range n {
			leaves(s, noon.Add(time.Minute), "dev_1", asksFor(1+i))
			leaves(s, noon.Add(time.Minute), "dev_1", usage.Shown{Status: 403, Patients: []usage.Patient{patient(i)}, Numbers: []uint64{uint64(i)}, Export: 9, Denied: usage.Denied{Target: patient(1 + i), Kind: 3}})
		}
		must(t, s.FlushSeen())
	}
	day(30)
	before := traces(t, s, noon, true)["dev_1"]
	must(t, s.Close())
	s = open(t, dir, noon)
	day(5)
	after := traces(t, s, noon, true)["dev_1"]
	want := before
	want.Forbidden, want.NotFound, want.Exports, want.Restarts = 35, 35, 35, 33 // what was exported is forgotten, so that it is new once more
	left(t, "the quarter", after, want)
	if got := traces(t, s, noon, false)["dev_1"]; got.Forbidden != 35 || got.Targets != before.Targets || got.Patients != 30 {
		t.Errorf("the hour: %+v", got)
	}
	must(t, s.Close())
}

func TestWhatADeviceLeftIsHeldForItsHourAloneAndKeptForTwoDays(t *testing.T) {
	s := open(t, t.TempDir(), noon)
	defer s.Close()
	for i := range 1000 {
		leaves(s, noon, "dev_1", usage.Shown{Status: 404, Patients: []usage.Patient{patient(i)}, Denied: usage.Denied{Target: patient(i)}})
	}
	at := noon
	tick := func(by time.Duration) {
		at = at.Add(by)
		must(t, s.Flush(at, nil))
		must(t, s.FlushSeen())
		must(t, s.Roll(at))
		must(t, s.RollDays(utc))
		must(t, s.Remove(at))
	}
	tick(time.Minute)
	tick(2 * time.Hour)
	tick(time.Minute)
	if n := s.Meter.Sketched(); n != 0 || s.Meter.Traced() != 0 {
		t.Errorf("%d bytes of sketches and %d traces are held two hours later", n, s.Meter.Traced())
	}
	if r := traces(t, s, noon, true)["dev_1"]; r.NotFound != 1000 || r.Targets < 900 || r.Targets > 1100 || r.Patients < 900 || r.Patients > 1100 {
		t.Errorf("%+v", r)
	}
	for range 4 {
		tick(24 * time.Hour)
	}
	if n := len(traces(t, s, noon, true)) + len(traces(t, s, noon, false)); n != 0 {
		t.Errorf("%d are kept after four days", n)
	}
}

func utc(gate.DeviceID) *time.Location { return time.UTC }

// Whatever a device does, and however clocks jump, what is held of it is bounded.
func TestATraceIsSmallWhateverADeviceDoes(t *testing.T) {
	s := open(t, "", noon)
	defer s.Close()
	before := heap()
	const calls = 200_000
	for i := range calls {
		peer := netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1})
		leaves(s, noon.Add(time.Duration(i%3600)*time.Second), "dev_1", usage.Shown{
			Status: 403, Peer: peer, Numbers: []uint64{uint64(i) * 7}, Export: uint64(i) + 1, Denied: usage.Denied{Target: patient(i), Kind: uint8(i%64) + 1},
		})
	}
	if each := heap() - before; each > 4<<10+4*usage.SketchBytes+64<<10 {
		t.Errorf("%d bytes of one device", each)
	}
	for i := range 100 {
		leaves(s, noon.Add(time.Duration(i%7*1000)*time.Hour), "dev_1", numbered(1))
		must(t, s.Flush(noon.Add(time.Duration(i%7*1000)*time.Hour), nil))
		must(t, s.FlushSeen())
	}
	if n := s.Meter.Traced(); n > 20 {
		t.Errorf("%d hours of one device are held", n)
	}
}

// naive is a device's hour as somebody tells it who writes everything down.
type naive struct {
	forbidden, notFound int64
	targets, patients   map[int]bool
	networks            map[int]int64
}

func newNaive() *naive {
	return &naive{targets: map[int]bool{}, patients: map[int]bool{}, networks: map[int]int64{}}
}

func (n *naive) often() (count int64) {
	for _, calls := range n.networks {
		if calls >= 20 {
			count++
		}
	}
	return count
}

// Random calls, flushed at random moments: each number is what somebody finds who writes everything down.
func TestTracesTellWhatSomebodyFindsWhoWritesEverythingDown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := open(t, "", noon)
		defer s.Close()
		at := noon
		models := map[string]*naive{}
		for range rapid.IntRange(1, 400).Draw(t, "calls") {
			at = at.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			device := gate.DeviceID(fmt.Sprintf("dev_%d", rapid.IntRange(1, 2).Draw(t, "device")))
			what, network, status := rapid.IntRange(0, 9).Draw(t, "what"), rapid.IntRange(0, 3).Draw(t, "network"), rapid.SampledFrom([]int{200, 200, 403, 404}).Draw(t, "status")
			shown := usage.Shown{Status: status, Peer: netip.AddrFrom4([4]byte{10, 0, byte(network), 1}), Patients: []usage.Patient{patient(what)}}
			for _, quick := range []bool{true, false} {
				key := fmt.Sprint(at.Truncate(windowOf(quick)).Unix(), quick, device)
				if models[key] == nil {
					models[key] = newNaive()
				}
				n := models[key]
				n.patients[what], n.networks[network] = true, n.networks[network]+1
				switch status {
				case 403:
					n.forbidden++
					n.targets[what] = true
				case 404:
					n.notFound++
					n.targets[what] = true
				}
			}
			if status != 200 {
				binary.BigEndian.PutUint64(shown.Denied.Target[:], uint64(what)+1)
			}
			leaves(s, at, device, shown)
			if rapid.IntRange(0, 9).Draw(t, "flush") == 0 {
				must(t, s.Flush(at, nil))
				must(t, s.FlushSeen())
			}
		}
		must(t, s.FlushSeen())
		for _, key := range slices.Sorted(maps.Keys(models)) {
			var start int64
			var quick bool
			var device gate.DeviceID
			_, err := fmt.Sscan(key, &start, &quick, (*string)(&device))
			must(t, err)
			n, r := models[key], traces(t, s, time.Unix(start, 0), quick)[device]
			want := []int64{n.forbidden, n.notFound, int64(len(n.targets)), int64(len(n.patients)), n.often()}
			if diff := cmp.Diff(want, []int64{r.Forbidden, r.NotFound, r.Targets, r.Patients, r.Networks}); diff != "" {
				t.Fatalf("%s: %s", key, diff)
			}
		}
	})
}

func windowOf(quick bool) time.Duration {
	if quick {
		return 15 * time.Minute
	}
	return time.Hour
}
