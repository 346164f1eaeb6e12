package authority_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

func TestAWindowHoldsWhatProductionDevicesDidInIt(t *testing.T) {
	o := newOffice(t)
	var err error
	o.config, err = o.Start(places())
	must(t, err)
	c := o.customer("acme")
	r := o.request(c.got)
	start := o.clock.now().Truncate(time.Hour)
	for i, status := range []int{200, 200, 404, 403, 503, 0} {
		one := *r
		one.Path = fmt.Sprintf("/fhir/Patient/%d", i)
		o.call(&one, authority.Outcome{Status: status, Out: 100})
	}
	o.call(r, authority.Outcome{Canceled: true})
	ungranted := *r
	ungranted.Path = "/other"
	o.call(&ungranted, authority.Outcome{})
	_, err = o.Impose(o.ben, authority.Imposition{Subject: gate.Subject{Kind: gate.DeviceSubject, ID: string(c.device.ID)}, Measure: gate.Suspend, Why: "a test"})
	must(t, err)
	o.call(r, authority.Outcome{}) // suspended: it asks for nothing new
	if _, err := authority.WindowRows(o.Authority, start, true); err == nil {
		t.Error("a window was summed that has not ended")
	}
	o.pass(time.Hour + 5*time.Minute)
	must(t, o.SumUsage())
	want := abuse.Counts{Requests: 8, Failed: 3, Forbidden: 2, NotFound: 1, Targets: 3, Cost: 7, Bytes: 600, Patients: 6, Newcomers: 6,
		Numbers: 7, Near: 5, Run: 6, Distinct: 6}
	want.Scopes = authority.ScopeOf("/fhir/Patient/3") | authority.ScopeOf("/other")
	for _, quick := range []bool{true, false} {
		rows, err := authority.WindowRows(o.Authority, start, quick)
		must(t, err)
		if diff := cmp.Diff([]abuse.Row{{Account: c.account.ID, Device: c.device.ID, Counts: want}}, rows); diff != "" {
			t.Errorf("quick %v: %s", quick, diff)
		}
		must(t, authority.RecordWindow(o.Authority, start, quick, rows))
	}
	if rows, err := authority.WindowRows(o.Authority, start.Add(15*time.Minute), true); err != nil || len(rows) != 0 {
		t.Errorf("of a quarter in which nobody called: %v %v", rows, err)
	}
}

func TestRecordedWindowsAreToldWholeAndInOrder(t *testing.T) {
	o := newOffice(t)
	start := o.clock.now().Truncate(time.Hour)
	rows := make([]abuse.Row, 1234)
	for i := range rows {
		rows[i] = abuse.Row{Account: gate.AccountID(fmt.Sprintf("acc_%05d", i)), Device: "dev_1", Counts: abuse.Counts{Requests: int64(i)}}
	}
	told := func(from, to time.Time) (list []string, err error) {
		err = o.Recorded(from, to, func(w abuse.Recorded) error {
			if diff := cmp.Diff(rows[:len(w.Rows)], w.Rows, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%v: %s", w.At, diff)
			}
			list = append(list, fmt.Sprintf("%s %v %d", w.At.Format("02T15:04"), w.Quick, len(w.Rows)))
			return nil
		})
		return list, err
	}
	var want []string
	for h := range 8 { // more than is read in one turn
		at := start.Add(time.Duration(h) * time.Hour)
		must(t, authority.RecordWindow(o.Authority, at, false, rows))
		must(t, authority.RecordWindow(o.Authority, at.Add(45*time.Minute), true, rows[:h]))
		want = append(want, at.Add(45*time.Minute).Format("02T15:04")+fmt.Sprintf(" true %d", h), at.Format("02T15:04")+" false 1234")
	}
	got, err := told(start, start.AddDate(0, 0, 2))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if got, err := told(start.Add(30*time.Minute), start.Add(90*time.Minute)); err != nil || !cmp.Equal(got, []string{want[0], want[3]}) {
		t.Errorf("between two times: %v %v", got, err)
	}
	must(t, authority.PutWindow(o.Authority, &usage.Window{Start: start.Add(time.Hour), Rows: []byte("garbage")}))
	got, err = told(start, start.AddDate(0, 0, 2))
	if err == nil || !strings.Contains(err.Error(), "recorded rows") || len(got) != len(want)-1 {
		t.Errorf("a damaged window: %v, and %d others were told", err, len(got))
	}
}
