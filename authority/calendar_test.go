package authority_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// Every weekday of seven years: what is approved the day before is due a business day later than usual exactly if the day is closed.
func TestNothingIsDueOnAFederalHoliday(t *testing.T) {
	closed := make(map[gate.Date]bool)
	for _, p := range promises {
		closed[p.closed] = true
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
