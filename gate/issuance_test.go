package gate_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

// The calendar of these rows: New York, closed on Independence Day 2026 as observed (Friday 3 July) and on Thanksgiving 2026 (26
// November).
func TestIssuanceIsDueAtTheEndOfTheNextBusinessDay(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	closed := map[gate.Date]bool{"2026-07-03": true, "2026-11-26": true}
	calendar := gate.Calendar{Zone: zone, Closed: func(d gate.Date) bool { return closed[d] }}
	for _, row := range []struct{ name, approved, due string }{
		{"on a Monday", "2026-11-23T10:00:00-05:00", "2026-11-25T00:00:00-05:00"},
		{"a second before midnight", "2026-11-23T23:59:59-05:00", "2026-11-25T00:00:00-05:00"},
		{"a minute past midnight", "2026-11-24T00:01:00-05:00", "2026-11-26T00:00:00-05:00"},
		{"the day is the operator's, not UTC's", "2026-11-24T03:00:00Z", "2026-11-25T00:00:00-05:00"},
		{"before Thanksgiving", "2026-11-25T12:00:00-05:00", "2026-11-28T00:00:00-05:00"},
		{"on a Friday", "2026-11-20T12:00:00-05:00", "2026-11-24T00:00:00-05:00"},
		{"on a Saturday", "2026-11-21T12:00:00-05:00", "2026-11-24T00:00:00-05:00"},
		{"on the Thursday before an observed Friday", "2026-07-02T12:00:00-04:00", "2026-07-07T00:00:00-04:00"},
		{"over the end of daylight saving", "2026-10-30T12:00:00-04:00", "2026-11-03T00:00:00-05:00"},
	} {
		t.Run(row.name, func(t *testing.T) {
			approved, err := time.Parse(time.RFC3339, row.approved)
			if err != nil {
				t.Fatal(err)
			}
			if got := calendar.EndOfNextBusinessDay(approved).Format(time.RFC3339); got != row.due {
				t.Errorf("approved at %s it is due at %s; want %s", row.approved, got, row.due)
			}
		})
	}
}

func TestACalendarThatIsAlwaysClosedStillGivesADay(t *testing.T) {
	calendar := gate.Calendar{Zone: time.UTC, Closed: func(gate.Date) bool { return true }}
	if due := calendar.EndOfNextBusinessDay(time.Unix(0, 0)); due.IsZero() {
		t.Error("no day")
	}
}

func TestTheIssuanceClockIsMetOrMissedForGood(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	due := at.Add(36 * time.Hour)
	approved := gate.Certification{Approved: &gate.Act{By: "stf_a", At: at}}.Promise(due)
	released := func(when time.Time) gate.Certification {
		c := approved
		c.Released = &gate.Act{By: "stf_b", At: when}
		return c
	}
	for _, row := range []struct {
		name string
		c    gate.Certification
		now  time.Time
		want gate.IssuanceState
	}{
		{"not approved", gate.Certification{}.Promise(due), at, gate.NoIssuance},
		{"approved", approved, at, gate.IssuanceRunning},
		{"the last instant", approved, due.Add(-time.Nanosecond), gate.IssuanceRunning},
		{"due", approved, due, gate.IssuanceOverdue},
		{"released in time", released(due.Add(-time.Second)), due.Add(1000 * time.Hour), gate.IssuanceMet},
		{"released late", released(due), due.Add(1000 * time.Hour), gate.IssuanceMissed},
		{"promised twice", approved.Promise(due.Add(time.Hour)), due, gate.IssuanceOverdue},
	} {
		if got := row.c.Issuance(row.now); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}
