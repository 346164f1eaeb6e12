package usage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// told are the pieces of windows that are told between two times.
func told(t *testing.T, s *usage.Store, from, to time.Time) (list []string) {
	t.Helper()
	must(t, s.Windows(from, to, func(w *usage.Window) error {
		kind := "hour"
		if w.Quick {
			kind = "quarter"
		}
		list = append(list, fmt.Sprintf("%s %s %d/%d %s", w.Start.Format("02T15:04"), kind, w.Chunk, w.Of, w.Rows))
		return nil
	}))
	return list
}

func TestWindowsAreToldInTheOrderInWhichTheyAreJudged(t *testing.T) {
	s := open(t, t.TempDir(), noon)
	for _, w := range []usage.Window{
		{Start: noon, Rows: []byte("b")},
		{Start: noon.Add(45 * time.Minute), Quick: true, Rows: []byte("q4")},
		{Start: noon, Quick: true, Rows: []byte("q1")},
		{Start: noon.Add(time.Hour), Quick: true},
		{Start: noon.Add(15 * time.Minute), Quick: true, Of: 3, Chunk: 2, Rows: []byte("z")},
		{Start: noon.Add(15 * time.Minute), Quick: true, Of: 3, Chunk: 1, Rows: []byte("y")},
		{Start: noon.Add(15 * time.Minute), Quick: true, Of: 3, Chunk: 0, Rows: []byte("x")},
		{Start: noon.Add(-time.Hour), Rows: []byte("a")},
		{Start: noon.Add(30 * time.Minute), Quick: true, Of: 2, Chunk: 1, Rows: []byte("cut off by a crash")},
	} {
		must(t, s.PutWindow(&w))
	}
	want := []string{"01T11:00 hour 0/1 a", "01T12:00 quarter 0/1 q1", "01T12:15 quarter 0/3 x", "01T12:15 quarter 1/3 y", "01T12:15 quarter 2/3 z",
		"01T12:45 quarter 0/1 q4", "01T12:00 hour 0/1 b", "01T13:00 quarter 0/1 "}
	if diff := cmp.Diff(want, told(t, s, noon.Add(-time.Hour), noon.Add(2*time.Hour))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[1:7], told(t, s, noon, noon.Add(time.Hour))); diff != "" {
		t.Errorf("of one hour: %s", diff)
	}
	// A window that was cut off and written again has as many pieces as it has now.
	must(t, s.PutWindow(&usage.Window{Start: noon.Add(30 * time.Minute), Quick: true, Rows: []byte("whole")}))
	if diff := cmp.Diff([]string{"01T12:30 quarter 0/1 whole"}, told(t, s, noon.Add(30*time.Minute), noon.Add(45*time.Minute))); diff != "" {
		t.Errorf("written again: %s", diff)
	}
	for quick, want := range map[bool]time.Time{false: noon, true: noon.Add(time.Hour)} {
		if last, err := s.LastWindow(quick, noon.Add(90*time.Minute)); err != nil || !last.Equal(want) {
			t.Errorf("the last, quick %v: %v %v", quick, last, err)
		}
	}
	if last, err := s.LastWindow(true, noon.Add(20*time.Minute)); err != nil || !last.Equal(noon) {
		t.Errorf("the last quarter that has ended by then: %v %v", last, err)
	}
	for _, w := range []usage.Window{{Start: noon.Add(time.Minute), Quick: true}, {Start: noon.Add(15 * time.Minute)}, {Start: noon, Chunk: 1}, {Start: noon, Chunk: -1}, {Start: noon, Of: 1 << 20}} {
		if err := s.PutWindow(&w); err == nil {
			t.Errorf("%+v was written", w)
		}
	}
	must(t, s.Close())
}

func TestQuartersAreRemovedAfterFiveWeeksAndHoursAfterAYear(t *testing.T) {
	s := open(t, "", noon)
	if last, err := s.LastWindow(true, noon); err != nil || !last.IsZero() {
		t.Errorf("the last of none: %v %v", last, err)
	}
	now := noon
	for day := range 450 {
		now = noon.AddDate(0, 0, day)
		must(t, s.PutWindow(&usage.Window{Start: now, Quick: true}))
		must(t, s.PutWindow(&usage.Window{Start: now}))
		must(t, s.Remove(now))
	}
	quarters, hours := 0, 0
	must(t, s.Windows(ever[0], now.AddDate(1, 0, 0), func(w *usage.Window) error {
		if w.Quick {
			quarters++
		} else {
			hours++
		}
		return nil
	}))
	if quarters != 36 || hours != 401 {
		t.Errorf("%d quarters and %d hours", quarters, hours)
	}
	// A clock that jumps ahead takes a day of them with it, not all.
	must(t, s.Remove(now.AddDate(10, 0, 0)))
	left := 0
	must(t, s.Windows(ever[0], now.AddDate(1, 0, 0), func(*usage.Window) error { left++; return nil }))
	if left < quarters+hours-4 {
		t.Errorf("%d of %d windows are left", left, quarters+hours)
	}
	must(t, s.Close())
}

func TestSpellsAreWhatDevicesDidInOneWindow(t *testing.T) {
	s := open(t, "", noon)
	for i := range 8 {
		s.Meter.Count(noon.Add(time.Duration(i)*10*time.Minute), device, &usage.Call{Key: query},
			&usage.Shown{Account: "acc_1", Patients: []usage.Patient{{byte(i)}}, Status: 404})
	}
	for range 5 {
		s.Meter.Count(noon.Add(time.Hour), "dev_0", &usage.Call{Key: query}, nil)
	}
	now := noon.Add(2 * time.Hour)
	must(t, s.Flush(now, nil))
	must(t, s.FlushSeen())
	spells := func(from, to time.Time) (list []string, err error) {
		err = s.Spells([]gate.DeviceID{"dev_0", device, "dev_2"}, from, to, func(p *usage.Spell) error {
			calls := int64(0)
			for i := range p.Cells {
				calls += p.Cells[i].Calls
			}
			list = append(list, fmt.Sprintf("%s %d calls, %d patients, %d first seen, %d not found", p.Device, calls, p.Seen.Patients, p.Seen.FirstSeen, p.Seen.NotFound))
			return nil
		})
		return list, err
	}
	if _, err := spells(noon, noon.Add(time.Hour)); err == nil {
		t.Error("a window was told of before it was summed")
	}
	must(t, s.Roll(now))
	for _, row := range []struct {
		from, long time.Duration
		want       []string
	}{
		{0, time.Hour, []string{"dev_1 6 calls, 6 patients, 6 first seen, 6 not found"}},
		{15 * time.Minute, 15 * time.Minute, []string{"dev_1 1 calls, 0 patients, 0 first seen, 0 not found"}},
		{time.Hour, 15 * time.Minute, []string{"dev_0 5 calls, 0 patients, 0 first seen, 0 not found", "dev_1 2 calls, 0 patients, 0 first seen, 0 not found"}},
		{90 * time.Minute, 15 * time.Minute, nil},
	} {
		got, err := spells(noon.Add(row.from), noon.Add(row.from+row.long))
		must(t, err)
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%v for %v: %s", row.from, row.long, diff)
		}
	}
	must(t, s.Close())
}

func TestItIsKnownWhenItLastRan(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, noon)
	if at, err := s.LastBeat(); err != nil || !at.IsZero() {
		t.Errorf("before the first: %v %v", at, err)
	}
	must(t, s.Beat(noon))
	must(t, s.Beat(noon.Add(time.Minute)))
	must(t, s.Close())
	s = open(t, dir, noon.Add(time.Hour))
	if at, err := s.LastBeat(); err != nil || !at.Equal(noon.Add(time.Minute)) {
		t.Errorf("%v %v", at, err)
	}
	must(t, s.Close())
}
