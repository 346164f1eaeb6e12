package authority_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/authority"
)

// lookout is an office with customers of whom four weeks and more are known.
type lookout struct {
	*office
	customers []*customer
}

// usualHour is what a customer does in an hour: 100 calls about 30 patients in office hours, next to nothing at night.
func usualHour(at time.Time) abuse.Counts {
	if h := at.Hour(); h < 8 || h >= 18 {
		return abuse.Counts{Requests: 2}
	}
	return abuse.Counts{Requests: 90 + int64(at.YearDay()+at.Hour())%20, Patients: 30, Newcomers: 3, Cost: 100}
}

// newLookout is an office that has recorded five weeks of its customers, until the hour in which its clock stands.
func newLookout(t testing.TB, slugs ...string) *lookout {
	t.Helper()
	w := &lookout{office: newOffice(t)}
	var err error
	w.config, err = w.Start(places())
	must(t, err)
	for _, slug := range slugs {
		w.customers = append(w.customers, w.customer(slug))
	}
	w.recorded(5 * 7 * 24)
	return w
}

// recorded records the hours before the clock's, and starts the detector anew.
func (w *lookout) recorded(hours int) {
	w.t.Helper()
	now := w.clock.now().Truncate(time.Hour)
	for at := now.Add(time.Duration(-hours) * time.Hour); at.Before(now); at = at.Add(time.Hour) {
		var rows []abuse.Row
		for _, c := range w.customers {
			rows = append(rows, abuse.Row{Account: c.account.ID, Device: c.device.ID, Counts: usualHour(at)})
		}
		must(w.t, authority.RecordWindow(w.Authority, at, false, rows))
	}
	w.restart()
}

func (w *lookout) restart() {
	w.t.Helper()
	authority.ForgetDetector(w.Authority)
	authority.Beat(w.Authority)
	must(w.t, authority.WatchForAbuse(w.Authority))
}

// hour lets an hour pass, in which a customer makes calls in each quarter, each about another patient.
func (w *lookout) hour(c *customer, calls int) {
	w.t.Helper()
	for range 4 {
		w.quarter(c, calls/4)
	}
}

func (w *lookout) quarter(c *customer, calls int) {
	w.t.Helper()
	for i := range calls {
		r := w.request(c.got)
		r.Path = fmt.Sprintf("/fhir/Patient/%d-%d", w.clock.now().Unix(), i)
		w.call(r, authority.Outcome{Status: 200})
	}
	for range 5 {
		w.clock.advance(3 * time.Minute)
		authority.Beat(w.Authority)
	}
	w.look()
}

// look lets a quarter that has just ended be summed and judged.
func (w *lookout) look() {
	w.t.Helper()
	w.clock.advance(2 * time.Minute)
	authority.Beat(w.Authority)
	must(w.t, w.SumUsage())
	must(w.t, authority.WatchForAbuse(w.Authority))
	w.clock.advance(-2 * time.Minute)
}

// windows are those that were recorded since a time, as text.
func (w *lookout) windows(from time.Time) (list []string) {
	w.t.Helper()
	must(w.t, w.Recorded(from, from.AddDate(0, 1, 0), func(r abuse.Recorded) error {
		list = append(list, fmt.Sprintf("%s %v %d", r.At.Format("02T15:04"), r.Quick, len(r.Rows)))
		return nil
	}))
	return list
}

func TestEachWindowIsRecordedOnceItHasEnded(t *testing.T) {
	w := newLookout(t, "acme")
	from := w.clock.now()
	w.hour(w.customers[0], 8)
	want := []string{"01T09:00 true 1", "01T09:15 true 1", "01T09:30 true 1", "01T09:45 true 1", "01T09:00 false 1"}
	if got := w.windows(from); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestAWindowInWhichCertgateDidNotRunIsLeftOut(t *testing.T) {
	for _, row := range []struct {
		name string
		move time.Duration // of the clock at 10:15
		want []string
	}{
		{"certgate was down, or the clock jumped ahead", 40 * time.Minute, []string{"01T10:00 true 1", "01T11:00 true 1", "01T11:15 true 1"}},
		{"the clock was set back", -40 * time.Minute, []string{"01T10:00 true 1", "01T10:30 true 1", "01T10:45 true 1", "01T11:00 true 1", "01T11:15 true 1", "01T11:30 true 1", "01T11:45 true 1", "01T11:00 false 1"}},
	} {
		w := newLookout(t, "acme")
		from := w.clock.now().Add(time.Hour)
		w.hour(w.customers[0], 8)
		w.quarter(w.customers[0], 8)
		w.clock.advance(row.move)
		for end := from.Add(90 * time.Minute); w.clock.now().Before(end) || row.move < 0 && w.clock.now().Before(end.Add(30*time.Minute)); {
			w.quarter(w.customers[0], 8)
		}
		if got := w.windows(from); fmt.Sprint(got) != fmt.Sprint(row.want) {
			t.Errorf("%s: recorded %v, want %v", row.name, got, row.want)
		}
	}
}

// What is known after a start is what was known before: the detector is made of what was recorded and of nothing else.
func TestAStartKnowsWhatWasKnown(t *testing.T) {
	w := newLookout(t, "acme", "beta")
	for range 3 {
		w.hour(w.customers[0], 600)
	}
	before, err := authority.DetectorState(w.Authority)
	must(t, err)
	w.restart()
	after, err := authority.DetectorState(w.Authority)
	must(t, err)
	if !bytes.Equal(before, after) {
		t.Error("another detector")
	}
}

// From calls to an incident, through usage, windows and rules: what one customer does counts against that one alone.
func TestASurgeOfCallsEndsAsAnIncidentWithItsNumbers(t *testing.T) {
	w := newLookout(t, "acme", "beta")
	w.enforced()
	for range 3 {
		for range 4 {
			for i := range 25 {
				r := w.request(w.customers[1].got)
				r.Path = fmt.Sprintf("/fhir/Patient/%d", i)
				w.call(r, authority.Outcome{Status: 200})
			}
			w.quarter(w.customers[0], 250)
		}
	}
	list := w.incidents(w.customers[0])
	if len(list) != 1 || len(list[0].Evidence) == 0 || list[0].ToldAt().IsZero() {
		t.Fatalf("%d incidents: %+v", len(list), list)
	}
	if e := list[0].Evidence[0]; e.Subject.ID != string(w.customers[0].device.ID) || len(e.Figures) == 0 || e.Observed != "" || e.Ruling != "1" {
		t.Errorf("%+v", e)
	}
	if list := w.incidents(w.customers[1]); len(list) != 0 {
		t.Errorf("beta: %+v", list[0])
	}
}

func TestAStartActsOnNothingThatWasFoundBefore(t *testing.T) {
	w := newLookout(t, "acme")
	w.enforced()
	now := w.clock.now().Truncate(time.Hour)
	for h := range 4 { // as if it had been found, and the record of it were gone
		rows := []abuse.Row{{Account: w.customers[0].account.ID, Device: w.customers[0].device.ID, Counts: abuse.Counts{Requests: 5000, Patients: 3000, Newcomers: 3000}}}
		must(t, authority.RecordWindow(w.Authority, now.Add(time.Duration(h)*time.Hour), false, rows))
	}
	w.clock.advance(5 * time.Hour)
	w.restart()
	if list := w.incidents(w.customers[0]); len(list) != 0 {
		t.Errorf("%+v", list[0])
	}
}

// A clock that is a year ahead for some minutes takes the windows around it, and not those of the year that follows.
func TestAClockThatWasAheadBlindsNobodyForLong(t *testing.T) {
	for _, row := range []struct {
		name    string
		ahead   time.Duration
		restart bool
	}{{"a year", 365 * 24 * time.Hour, false}, {"six hours", 6 * time.Hour, false}, {"six hours, and certgate is started again", 6 * time.Hour, true}} {
		w := newLookout(t, "acme")
		w.hour(w.customers[0], 8)
		w.clock.advance(row.ahead)
		for range 2 {
			authority.Beat(w.Authority)
			must(t, w.SumUsage())
			must(t, authority.WatchForAbuse(w.Authority))
			w.clock.advance(time.Minute)
		}
		w.clock.advance(-row.ahead - 2*time.Minute)
		if row.restart {
			w.restart()
		}
		w.look()
		from := w.clock.now().Add(time.Hour)
		w.hour(w.customers[0], 8)
		if row.restart {
			for range 6 {
				w.hour(w.customers[0], 8)
			}
			from = from.Add(6 * time.Hour)
		}
		w.hour(w.customers[0], 8)
		if got := w.windows(from); len(got) != 5 {
			t.Errorf("%s: in the hour after it only %v was recorded", row.name, got)
		}
		ended, err := w.LastRecorded(w.clock.now().AddDate(2, 0, 0))
		if must(t, err); ended.After(w.clock.now()) {
			t.Errorf("%s: a window from %s on was recorded", row.name, ended)
		}
	}
}
