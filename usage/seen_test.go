package usage_test

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// patient is the nth one, hashed as whoever calls the meter has to.
func patient(n int) (p usage.Patient) {
	const odd = 0x9E3779B97F4A7C15
	binary.BigEndian.PutUint64(p[:], uint64(n)*odd) // AES makes the rest of it
	binary.BigEndian.PutUint64(p[8:], uint64(n))
	return p
}

var here = netip.MustParseAddr("192.0.2.7")

// shows notes a call of a device of acme that names patients.
func shows(s *usage.Store, at time.Time, d gate.DeviceID, zone *time.Location, patients ...int) {
	shown := usage.Shown{Account: "acc_1", Zone: zone, Peer: here, Status: 200}
	for _, n := range patients {
		shown.Patients = append(shown.Patients, patient(n))
	}
	s.Meter.Count(at, d, &usage.Call{Key: query}, &shown)
}

func upTo(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

// was is what was seen, in short.
type was struct {
	Day                           gate.Date
	Patients, FirstSeen, Networks int64
}

func seen(t *testing.T, s *usage.Store, q usage.SeenQuery) (list []was) {
	t.Helper()
	q.From, q.To = ever[0], ever[1]
	must(t, s.Seen(&q, func(r *usage.Seen) error {
		list = append(list, was{r.Day, r.Patients, r.FirstSeen, r.Networks})
		return nil
	}))
	return list
}

func want(t *testing.T, what string, got []was, want ...was) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

var acme = usage.SeenQuery{Account: "acc_1", Devices: []gate.DeviceID{"dev_1", "dev_2"}}

func TestAPatientCountsOnceAnHourADayAndAnAccountAlsoAcrossARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, noon)
	shows(s, noon, "dev_1", nil, 1, 2, 2, 3)
	must(t, s.FlushSeen())
	must(t, s.Close())
	s = open(t, dir, noon)
	shows(s, noon.Add(time.Minute), "dev_1", nil, 3, 4)
	shows(s, noon.Add(time.Hour), "dev_1", nil, 4, 5)
	shows(s, noon.Add(time.Hour), "dev_2", nil, 5, 6)
	must(t, s.FlushSeen())
	must(t, s.FlushSeen()) // nothing has changed
	day := gate.Date("2027-03-01")
	want(t, "hours of a device", seen(t, s, usage.SeenQuery{Device: "dev_1"}), was{day, 4, 4, 1}, was{day, 2, 1, 1})
	want(t, "its day", seen(t, s, usage.SeenQuery{Device: "dev_1", Days: true}), was{day, 5, 5, 1})
	q := acme
	want(t, "hours of the account", seen(t, s, q), was{day, 4, 4, 1}, was{day, 3, 2, 1})
	q.Days = true
	want(t, "its day", seen(t, s, q), was{day, 6, 6, 1})
	must(t, s.Close())
}

func TestADayHasAKeyOfItsOwnInItsOwnZone(t *testing.T) {
	s := open(t, "", noon)
	newYork, kathmandu := zone(t, "America/New_York"), zone(t, "Asia/Kathmandu")
	shows(s, time.Date(2027, 3, 2, 4, 59, 0, 0, time.UTC), "dev_1", newYork, 1, 2) // 23:59
	shows(s, time.Date(2027, 3, 2, 5, 0, 0, 0, time.UTC), "dev_1", newYork, 1)
	shows(s, time.Date(2027, 3, 2, 18, 14, 0, 0, time.UTC), "dev_2", kathmandu, 1, 2) // 23:59
	shows(s, time.Date(2027, 3, 2, 18, 15, 0, 0, time.UTC), "dev_2", kathmandu, 2)
	must(t, s.FlushSeen())
	first, second, third := gate.Date("2027-03-01"), gate.Date("2027-03-02"), gate.Date("2027-03-03")
	want(t, "New York", seen(t, s, usage.SeenQuery{Device: "dev_1", Days: true}), was{first, 2, 2, 1}, was{second, 1, 0, 1})
	want(t, "Kathmandu", seen(t, s, usage.SeenQuery{Device: "dev_2", Days: true}), was{second, 2, 0, 1}, was{third, 1, 0, 1})
	must(t, s.Close())
}

// When a day can no longer change, numbers are all that is left of it, and they are the same.
func TestDaysThatCannotChangeAreNumbers(t *testing.T) {
	s := open(t, "", noon)
	shows(s, noon, "dev_1", nil, upTo(1000)...)
	shows(s, noon.Add(time.Hour), "dev_1", nil, upTo(300)...)
	shows(s, noon, "dev_2", nil, 5000, 5001)
	must(t, s.FlushSeen())
	queries := []usage.SeenQuery{{Device: "dev_1"}, {Device: "dev_1", Days: true}, acme, {Account: "acc_1", Devices: acme.Devices, Days: true}}
	var before [][]was
	for _, q := range queries {
		before = append(before, seen(t, s, q))
	}
	if n := before[1][0].Patients; n < 930 || n > 1070 {
		t.Errorf("%d of 1000 patients", n)
	}
	now := noon
	for range 5 {
		now = now.AddDate(0, 0, 1)
		must(t, s.Flush(now, nil))
		must(t, s.Roll(now))
		must(t, s.Remove(now))
		must(t, s.Settle(func(d gate.DeviceID) gate.AccountID { return "acc_1" }))
	}
	for i, q := range queries {
		want(t, "afterwards", seen(t, s, q), before[i]...)
	}
	must(t, s.Hours("dev_1", ever[0], ever[1], func(h *usage.Hour) error {
		if h.Sketched() || h.Cells[0].Calls != 1 {
			t.Errorf("%+v", h)
		}
		return nil
	}))
	must(t, s.Close())
}

func TestAPatientIsNewAgainAfterSixtyDaysAndNotBeforeThirty(t *testing.T) {
	s := open(t, "", noon)
	fresh := func(at time.Time) int64 {
		t.Helper()
		shows(s, at, "dev_1", nil, 1)
		must(t, s.FlushSeen())
		list := seen(t, s, usage.SeenQuery{Device: "dev_1", Days: true})
		return list[len(list)-1].FirstSeen
	}
	at := noon
	for _, row := range []struct{ after, fresh int64 }{{0, 1}, {1, 0}, {30, 0}, {30, 0}, {29, 0}, {61, 1}, {29, 0}} {
		at = at.AddDate(0, 0, int(row.after))
		if got := fresh(at); got != row.fresh {
			t.Errorf("%d days later: %d new", row.after, got)
		}
	}
	must(t, s.Close())
}

func TestNetworksAndAnswersAreSeen(t *testing.T) {
	s := open(t, "", noon)
	for i, peer := range []string{"192.0.2.1", "192.0.2.200", "198.51.100.1", "2001:db8::1", "2001:db8:0:ffff::1", "2001:db8:1::1", "::ffff:192.0.2.9"} {
		status := []int{200, 403, 404, 410, 500, 0, 204}[i]
		s.Meter.Count(noon, device, &usage.Call{Key: query}, &usage.Shown{Account: "acc_1", Peer: netip.MustParseAddr(peer), Status: status})
	}
	must(t, s.FlushSeen())
	must(t, s.Hours(device, ever[0], ever[1], func(h *usage.Hour) error {
		if h.Networks != 4 || h.Forbidden != 1 || h.NotFound != 2 || h.Patients != 0 {
			t.Errorf("%+v", h.Seen)
		}
		return nil
	}))
	must(t, s.Close())
}

// A clock that jumps begins hours where it is, and loses none.
func TestAClockThatJumpsLosesNobody(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, noon)
	for i, jump := range []time.Duration{0, 3 * time.Hour, -3 * time.Hour, 1000 * 24 * time.Hour, -1000 * 24 * time.Hour, -30 * time.Hour} {
		at := noon.Add(jump)
		shows(s, at, "dev_1", nil, i, 100)
		must(t, s.Flush(at, nil))
		must(t, s.FlushSeen())
		must(t, s.Roll(at))
	}
	patients := int64(0)
	for _, w := range seen(t, s, usage.SeenQuery{Device: "dev_1"}) {
		patients += w.Patients
	}
	if patients != 2+2+2+2+2+2 && patients != 11 { // of two in one hour the other patient counts once
		t.Errorf("%d patients in all hours", patients)
	}
	must(t, s.Close())
}

// Ten thousand devices that name a thousand patients each, from two networks, take what is said of them.
func TestSketchesTakeNoMoreMemoryThanIsSaid(t *testing.T) {
	s := open(t, t.TempDir(), noon)
	const devices = 3000 // what each takes does not depend on how many there are
	shown := usage.Shown{Account: "acc_1", Patients: make([]usage.Patient, 1000)}
	for i := range shown.Patients {
		shown.Patients[i] = patient(i)
	}
	all := make([]gate.DeviceID, devices)
	for i := range all {
		all[i] = gate.DeviceID("dev_" + strconv.Itoa(i))
	}
	before := heap()
	for _, d := range all {
		for _, peer := range []string{"192.0.2.1", "198.51.100.1"} {
			shown.Peer = netip.MustParseAddr(peer)
			s.Meter.Count(noon, d, &usage.Call{Key: query}, &shown)
		}
	}
	each := (heap() - before) / devices
	t.Logf("%d bytes a device", each)
	if each > 2*usage.SketchBytes+usage.TraceBytes+1024+usage.WaitingBytes/devices {
		t.Error("that is more than the sketches of hour and quarter, a trace, 1 KiB, and the patients that wait to be written")
	}
	began := time.Now()
	must(t, s.FlushSeen())
	t.Logf("written in %v", time.Since(began))
	must(t, s.Flush(noon.Add(17*time.Minute), nil))
	must(t, s.FlushSeen())
	if n := s.Meter.Sketched(); n != 0 {
		t.Errorf("%d bytes of sketches of devices that do not call", n)
	}
	runtime.KeepAlive(all)
	must(t, s.Close())
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Devices call while hours are written: each patient counts once, and is new once.
func TestWhomManyNameWhileHoursAreWrittenCountsOnce(t *testing.T) {
	s := open(t, t.TempDir(), noon)
	var callers sync.WaitGroup
	for c := range 8 {
		callers.Go(func() {
			for i := range 100 {
				shows(s, noon, gate.DeviceID([]string{"dev_1", "dev_2"}[c%2]), nil, i, i+1)
			}
		})
	}
	for range 10 {
		if err := errors.Join(s.Flush(noon, nil), s.FlushSeen()); err != nil {
			t.Error(err)
		}
	}
	callers.Wait()
	must(t, s.FlushSeen())
	q := acme
	q.Days = true
	want(t, "the account", seen(t, s, q), was{"2027-03-01", 101, 101, 1})
	must(t, s.Close())
}
