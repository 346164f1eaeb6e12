package authority_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// federal holidays from 2026 to 2032 on the day on which offices are closed, counted by hand from 5 U.S.C. 6103: one on a Saturday is
// observed on the Friday before, one on a Sunday on the Monday after. 1 January 2028 and 2033 are Saturdays, so the last day of the
// year before is closed.
var federal = []gate.Date{
	"2026-01-01", "2026-01-19", "2026-02-16", "2026-05-25", "2026-06-19", "2026-07-03", "2026-09-07", "2026-10-12", "2026-11-11", "2026-11-26", "2026-12-25",
	"2027-01-01", "2027-01-18", "2027-02-15", "2027-05-31", "2027-06-18", "2027-07-05", "2027-09-06", "2027-10-11", "2027-11-11", "2027-11-25", "2027-12-24",
	"2027-12-31", "2028-01-17", "2028-02-21", "2028-05-29", "2028-06-19", "2028-07-04", "2028-09-04", "2028-10-09", "2028-11-10", "2028-11-23", "2028-12-25",
	"2029-01-01", "2029-01-15", "2029-02-19", "2029-05-28", "2029-06-19", "2029-07-04", "2029-09-03", "2029-10-08", "2029-11-12", "2029-11-22", "2029-12-25",
	"2030-01-01", "2030-01-21", "2030-02-18", "2030-05-27", "2030-06-19", "2030-07-04", "2030-09-02", "2030-10-14", "2030-11-11", "2030-11-28", "2030-12-25",
	"2031-01-01", "2031-01-20", "2031-02-17", "2031-05-26", "2031-06-19", "2031-07-04", "2031-09-01", "2031-10-13", "2031-11-11", "2031-11-27", "2031-12-25",
	"2032-01-01", "2032-01-19", "2032-02-16", "2032-05-31", "2032-06-18", "2032-07-05", "2032-09-06", "2032-10-11", "2032-11-11", "2032-11-25", "2032-12-24",
	"2032-12-31",
}

// Every weekday of seven years: what is approved the day before is due a business day later than usual exactly if the day is closed.
func TestNothingIsDueOnAFederalHoliday(t *testing.T) {
	closed := make(map[gate.Date]bool)
	for _, day := range federal {
		closed[day] = true
	}
	weekend := func(d gate.Date) bool {
		w := d.Start(time.UTC).Weekday()
		return w == time.Saturday || w == time.Sunday
	}
	for day := gate.Date("2026-01-01"); day < "2033-01-01"; day = day.AddDays(1) {
		if weekend(day) {
			continue
		}
		if got := authority.FederalHoliday(day); got != closed[day] {
			t.Errorf("%s: closed %t, want %t", day, got, closed[day])
		}
	}
}

func TestApprovalStartsTheIssuanceClockAndReleaseStopsIt(t *testing.T) {
	w := gatetest.New(t)
	account := w.MustAccount("acme")
	device := w.MustDevice(account, "prod-1", gate.Production)
	c := w.MustCertify(w.MustContract(account), device)
	if c.Issuance(w.Now()) != gate.IssuanceRunning || c.IssuanceDue.Sub(w.Now()) > 5*24*time.Hour {
		t.Fatalf("after approval the clock is %s, due %v", c.Issuance(w.Now()), c.IssuanceDue)
	}
	if queue := w.Queue(); len(queue) != 1 || queue[0].ID != c.ID {
		t.Fatalf("the queue holds %d cases", len(queue))
	}
	w.Advance(c.IssuanceDue.Sub(w.Now()))
	if s := w.Stats(); s.IssuanceOverdue != 1 || s.IssuanceDue != 0 {
		t.Errorf("at the due instant: %d overdue, due in %s", s.IssuanceOverdue, s.IssuanceDue)
	}
	w.Advance(time.Hour)
	if _, err := w.Release(w.Eve, device.ID, c.ID); err != nil {
		t.Fatal(err)
	}
	if got := w.Directory().Certification(c.ID).Issuance(w.Now()); got != gate.IssuanceMissed {
		t.Errorf("released an hour late: %s", got)
	}
	if len(w.Queue()) != 0 {
		t.Error("a released case is still owed")
	}
}
