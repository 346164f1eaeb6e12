package authority

import (
	"fmt"
	"slices"
	"time"

	"github.com/rickar/cal/v2/us"

	"github.com/onerecord/certgate/gate"
)

// DefaultZone is where business days are counted unless the configuration says otherwise: US federal holidays are days there.
const DefaultZone = "America/New_York"

// FederalHoliday reports whether US federal offices are closed on the day: a holiday itself, or the working day on which one that falls
// on a weekend is observed (5 U.S.C. 6103). New Year's Day can be observed in the year before.
func FederalHoliday(day gate.Date) bool {
	t := day.Start(time.UTC)
	for _, holiday := range us.Holidays {
		for _, year := range []int{t.Year(), t.Year() + 1} {
			actual, observed := holiday.Calc(year)
			if gate.Date(actual.Format(time.DateOnly)) == day || gate.Date(observed.Format(time.DateOnly)) == day {
				return true
			}
		}
	}
	return false
}

// calendar compiles the business calendar that the settings describe.
func (s *Settings) calendar() (gate.Calendar, error) {
	name := s.Zone
	if name == "" {
		name = DefaultZone
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return gate.Calendar{}, fmt.Errorf("zone %q must be an IANA time zone such as %s", name, DefaultZone)
	}
	for _, day := range s.ClosedDays {
		if err := day.Check(); err != nil {
			return gate.Calendar{}, fmt.Errorf("closed: %w", err)
		}
	}
	closed := func(day gate.Date) bool { return slices.Contains(s.ClosedDays, day) || FederalHoliday(day) }
	return gate.Calendar{Zone: zone, Closed: closed}, nil
}

// promise is until when what is approved now is to be released.
func (a *Authority) promise() time.Time {
	calendar := gate.Calendar{Zone: time.UTC, Closed: FederalHoliday}
	if config := a.current(); config != nil {
		calendar = config.calendar
	}
	return calendar.EndOfNextBusinessDay(a.now()).UTC()
}

// Queue lists the approved cases whose credential is owed, the most urgent first.
func (a *Authority) Queue() []*gate.Certification {
	now := a.now()
	var queue []*gate.Certification
	for _, c := range a.dir.Certifications("") {
		if s := c.Issuance(now); s == gate.IssuanceRunning || s == gate.IssuanceOverdue {
			queue = append(queue, c)
		}
	}
	slices.SortStableFunc(queue, func(a, b *gate.Certification) int { return a.IssuanceDue.Compare(*b.IssuanceDue) })
	return queue
}
