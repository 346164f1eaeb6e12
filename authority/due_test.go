package authority_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// promised is when a release is due around a day on which federal offices are closed. Release is in time through the last instant of the
// day that is named, in New York.
type promised struct {
	holiday   string
	on        gate.Date // the holiday itself
	closed    gate.Date // the day on which it is observed
	before    gate.Date // the last business day before
	ifBefore  gate.Date // through when, if it was approved on the business day before
	ifOnClose gate.Date // through when, if it was approved on the closed day, when somebody worked all the same
}

// promises are all federal holidays that are observed from 2026 to 2032, worked out from 5 U.S.C. 6103 and not by the library that the calendar
// uses: one on a Saturday is observed on the Friday before, one on a Sunday on the Monday after. 1 January 2028 and 2033 are Saturdays, so the
// last day of the year before is closed.
var promises = []promised{
	{"new year", "2026-01-01", "2026-01-01", "2025-12-31", "2026-01-02", "2026-01-02"},
	{"king", "2026-01-19", "2026-01-19", "2026-01-16", "2026-01-20", "2026-01-20"},
	{"washington", "2026-02-16", "2026-02-16", "2026-02-13", "2026-02-17", "2026-02-17"},
	{"memorial", "2026-05-25", "2026-05-25", "2026-05-22", "2026-05-26", "2026-05-26"},
	{"juneteenth", "2026-06-19", "2026-06-19", "2026-06-18", "2026-06-22", "2026-06-22"},
	{"independence", "2026-07-04", "2026-07-03", "2026-07-02", "2026-07-06", "2026-07-06"},
	{"labor", "2026-09-07", "2026-09-07", "2026-09-04", "2026-09-08", "2026-09-08"},
	{"columbus", "2026-10-12", "2026-10-12", "2026-10-09", "2026-10-13", "2026-10-13"},
	{"veterans", "2026-11-11", "2026-11-11", "2026-11-10", "2026-11-12", "2026-11-12"},
	{"thanksgiving", "2026-11-26", "2026-11-26", "2026-11-25", "2026-11-27", "2026-11-27"},
	{"christmas", "2026-12-25", "2026-12-25", "2026-12-24", "2026-12-28", "2026-12-28"},
	{"new year", "2027-01-01", "2027-01-01", "2026-12-31", "2027-01-04", "2027-01-04"},
	{"king", "2027-01-18", "2027-01-18", "2027-01-15", "2027-01-19", "2027-01-19"},
	{"washington", "2027-02-15", "2027-02-15", "2027-02-12", "2027-02-16", "2027-02-16"},
	{"memorial", "2027-05-31", "2027-05-31", "2027-05-28", "2027-06-01", "2027-06-01"},
	{"juneteenth", "2027-06-19", "2027-06-18", "2027-06-17", "2027-06-21", "2027-06-21"},
	{"independence", "2027-07-04", "2027-07-05", "2027-07-02", "2027-07-06", "2027-07-06"},
	{"labor", "2027-09-06", "2027-09-06", "2027-09-03", "2027-09-07", "2027-09-07"},
	{"columbus", "2027-10-11", "2027-10-11", "2027-10-08", "2027-10-12", "2027-10-12"},
	{"veterans", "2027-11-11", "2027-11-11", "2027-11-10", "2027-11-12", "2027-11-12"},
	{"thanksgiving", "2027-11-25", "2027-11-25", "2027-11-24", "2027-11-26", "2027-11-26"},
	{"christmas", "2027-12-25", "2027-12-24", "2027-12-23", "2027-12-27", "2027-12-27"},
	{"new year", "2028-01-01", "2027-12-31", "2027-12-30", "2028-01-03", "2028-01-03"},
	{"king", "2028-01-17", "2028-01-17", "2028-01-14", "2028-01-18", "2028-01-18"},
	{"washington", "2028-02-21", "2028-02-21", "2028-02-18", "2028-02-22", "2028-02-22"},
	{"memorial", "2028-05-29", "2028-05-29", "2028-05-26", "2028-05-30", "2028-05-30"},
	{"juneteenth", "2028-06-19", "2028-06-19", "2028-06-16", "2028-06-20", "2028-06-20"},
	{"independence", "2028-07-04", "2028-07-04", "2028-07-03", "2028-07-05", "2028-07-05"},
	{"labor", "2028-09-04", "2028-09-04", "2028-09-01", "2028-09-05", "2028-09-05"},
	{"columbus", "2028-10-09", "2028-10-09", "2028-10-06", "2028-10-10", "2028-10-10"},
	{"veterans", "2028-11-11", "2028-11-10", "2028-11-09", "2028-11-13", "2028-11-13"},
	{"thanksgiving", "2028-11-23", "2028-11-23", "2028-11-22", "2028-11-24", "2028-11-24"},
	{"christmas", "2028-12-25", "2028-12-25", "2028-12-22", "2028-12-26", "2028-12-26"},
	{"new year", "2029-01-01", "2029-01-01", "2028-12-29", "2029-01-02", "2029-01-02"},
	{"king", "2029-01-15", "2029-01-15", "2029-01-12", "2029-01-16", "2029-01-16"},
	{"washington", "2029-02-19", "2029-02-19", "2029-02-16", "2029-02-20", "2029-02-20"},
	{"memorial", "2029-05-28", "2029-05-28", "2029-05-25", "2029-05-29", "2029-05-29"},
	{"juneteenth", "2029-06-19", "2029-06-19", "2029-06-18", "2029-06-20", "2029-06-20"},
	{"independence", "2029-07-04", "2029-07-04", "2029-07-03", "2029-07-05", "2029-07-05"},
	{"labor", "2029-09-03", "2029-09-03", "2029-08-31", "2029-09-04", "2029-09-04"},
	{"columbus", "2029-10-08", "2029-10-08", "2029-10-05", "2029-10-09", "2029-10-09"},
	{"veterans", "2029-11-11", "2029-11-12", "2029-11-09", "2029-11-13", "2029-11-13"},
	{"thanksgiving", "2029-11-22", "2029-11-22", "2029-11-21", "2029-11-23", "2029-11-23"},
	{"christmas", "2029-12-25", "2029-12-25", "2029-12-24", "2029-12-26", "2029-12-26"},
	{"new year", "2030-01-01", "2030-01-01", "2029-12-31", "2030-01-02", "2030-01-02"},
	{"king", "2030-01-21", "2030-01-21", "2030-01-18", "2030-01-22", "2030-01-22"},
	{"washington", "2030-02-18", "2030-02-18", "2030-02-15", "2030-02-19", "2030-02-19"},
	{"memorial", "2030-05-27", "2030-05-27", "2030-05-24", "2030-05-28", "2030-05-28"},
	{"juneteenth", "2030-06-19", "2030-06-19", "2030-06-18", "2030-06-20", "2030-06-20"},
	{"independence", "2030-07-04", "2030-07-04", "2030-07-03", "2030-07-05", "2030-07-05"},
	{"labor", "2030-09-02", "2030-09-02", "2030-08-30", "2030-09-03", "2030-09-03"},
	{"columbus", "2030-10-14", "2030-10-14", "2030-10-11", "2030-10-15", "2030-10-15"},
	{"veterans", "2030-11-11", "2030-11-11", "2030-11-08", "2030-11-12", "2030-11-12"},
	{"thanksgiving", "2030-11-28", "2030-11-28", "2030-11-27", "2030-11-29", "2030-11-29"},
	{"christmas", "2030-12-25", "2030-12-25", "2030-12-24", "2030-12-26", "2030-12-26"},
	{"new year", "2031-01-01", "2031-01-01", "2030-12-31", "2031-01-02", "2031-01-02"},
	{"king", "2031-01-20", "2031-01-20", "2031-01-17", "2031-01-21", "2031-01-21"},
	{"washington", "2031-02-17", "2031-02-17", "2031-02-14", "2031-02-18", "2031-02-18"},
	{"memorial", "2031-05-26", "2031-05-26", "2031-05-23", "2031-05-27", "2031-05-27"},
	{"juneteenth", "2031-06-19", "2031-06-19", "2031-06-18", "2031-06-20", "2031-06-20"},
	{"independence", "2031-07-04", "2031-07-04", "2031-07-03", "2031-07-07", "2031-07-07"},
	{"labor", "2031-09-01", "2031-09-01", "2031-08-29", "2031-09-02", "2031-09-02"},
	{"columbus", "2031-10-13", "2031-10-13", "2031-10-10", "2031-10-14", "2031-10-14"},
	{"veterans", "2031-11-11", "2031-11-11", "2031-11-10", "2031-11-12", "2031-11-12"},
	{"thanksgiving", "2031-11-27", "2031-11-27", "2031-11-26", "2031-11-28", "2031-11-28"},
	{"christmas", "2031-12-25", "2031-12-25", "2031-12-24", "2031-12-26", "2031-12-26"},
	{"new year", "2032-01-01", "2032-01-01", "2031-12-31", "2032-01-02", "2032-01-02"},
	{"king", "2032-01-19", "2032-01-19", "2032-01-16", "2032-01-20", "2032-01-20"},
	{"washington", "2032-02-16", "2032-02-16", "2032-02-13", "2032-02-17", "2032-02-17"},
	{"memorial", "2032-05-31", "2032-05-31", "2032-05-28", "2032-06-01", "2032-06-01"},
	{"juneteenth", "2032-06-19", "2032-06-18", "2032-06-17", "2032-06-21", "2032-06-21"},
	{"independence", "2032-07-04", "2032-07-05", "2032-07-02", "2032-07-06", "2032-07-06"},
	{"labor", "2032-09-06", "2032-09-06", "2032-09-03", "2032-09-07", "2032-09-07"},
	{"columbus", "2032-10-11", "2032-10-11", "2032-10-08", "2032-10-12", "2032-10-12"},
	{"veterans", "2032-11-11", "2032-11-11", "2032-11-10", "2032-11-12", "2032-11-12"},
	{"thanksgiving", "2032-11-25", "2032-11-25", "2032-11-24", "2032-11-26", "2032-11-26"},
	{"christmas", "2032-12-25", "2032-12-24", "2032-12-23", "2032-12-27", "2032-12-27"},
	{"new year", "2033-01-01", "2032-12-31", "2032-12-30", "2033-01-03", "2033-01-03"},
}

// TestDueTimesAroundEveryFederalHoliday looks at the first and the last second of each of the two days on which it may have been approved,
// and at the instants between which being in time turns into being late.
func TestDueTimesAroundEveryFederalHoliday(t *testing.T) {
	zone, err := time.LoadLocation(authority.DefaultZone)
	must(t, err)
	calendar := gate.Calendar{Zone: zone, Closed: authority.FederalHoliday}
	for _, p := range promises {
		for _, row := range []struct{ approved, through gate.Date }{{p.before, p.ifBefore}, {p.closed, p.ifOnClose}} {
			first, last := row.approved.Start(zone), row.approved.AddDays(1).Start(zone).Add(-time.Second)
			want := row.through.AddDays(1).Start(zone)
			for _, at := range []time.Time{first, first.Add(12 * time.Hour), last} {
				due := calendar.EndOfNextBusinessDay(at)
				if !due.Equal(want) {
					t.Errorf("%s of %s, observed %s: approved at %s it is due at %s, want %s", p.holiday, p.on, p.closed, at, due, want)
				}
				c := gate.Certification{Approved: &gate.Act{At: at}}.Promise(due)
				if got := c.Issuance(want.Add(-time.Second)); got != gate.IssuanceRunning {
					t.Errorf("%s of %s: a second before the end of %s it is %s", p.holiday, p.on, row.through, got)
				}
				if got := c.Issuance(want); got != gate.IssuanceOverdue {
					t.Errorf("%s of %s: at the end of %s it is %s", p.holiday, p.on, row.through, got)
				}
			}
		}
	}
}

// TestEachYearHasElevenHolidays keeps the table whole.
func TestEachYearHasElevenHolidays(t *testing.T) {
	years := map[string]int{}
	for _, p := range promises {
		if p.on < "2033" {
			years[string(p.on[:4])]++
		}
	}
	for year := 2026; year <= 2032; year++ {
		if n := years[time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Format("2006")]; n != 11 {
			t.Errorf("%d has %d holidays", year, n)
		}
	}
}
