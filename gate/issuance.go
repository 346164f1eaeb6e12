package gate

import "time"

// Calendar says on which days OneRecord works, in the zone in which it counts them.
type Calendar struct {
	Zone *time.Location
	// Closed reports the days besides Saturday and Sunday on which nobody works: public holidays and the operator's own closed days.
	Closed func(day Date) bool
}

// maxClosed bounds the search for a business day. No office is closed for two months on end; a calendar that says so is wrong, and a
// promise that is late is better than none.
const maxClosed = 60

// EndOfNextBusinessDay is the first instant after the business day that follows the day of t. That is how long the promise "within one
// business day" lasts for what was approved at t.
func (c Calendar) EndOfNextBusinessDay(t time.Time) time.Time {
	day := Date(t.In(c.Zone).Format(time.DateOnly)).AddDays(1)
	for range maxClosed {
		if c.isBusinessDay(day) {
			break
		}
		day = day.AddDays(1)
	}
	return day.AddDays(1).Start(c.Zone)
}

func (c Calendar) isBusinessDay(day Date) bool {
	switch day.Start(time.UTC).Weekday() {
	case time.Saturday, time.Sunday:
		return false
	case time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday:
	}
	return c.Closed == nil || !c.Closed(day)
}

// IssuanceState says how the promise to release within one business day stands. Met and missed stay for good.
type IssuanceState int

// The states of the issuance clock.
const (
	NoIssuance      IssuanceState = iota // not approved, or approved before there was a clock
	IssuanceRunning                      // approved, not yet due
	IssuanceOverdue                      // due, and not yet released
	IssuanceMet
	IssuanceMissed // released after it was due
)

// String returns the state's name.
func (s IssuanceState) String() string {
	return [...]string{"none", "running", "overdue", "met", "missed"}[s]
}

// Promise notes until when an approved case is to be released.
func (c Certification) Promise(due time.Time) Certification {
	if c.Approved != nil && c.IssuanceDue == nil {
		c.IssuanceDue = &due
	}
	return c
}

// Issuance is how the clock stands at now.
func (c *Certification) Issuance(now time.Time) IssuanceState {
	switch {
	case c.IssuanceDue == nil || c.Approved == nil:
		return NoIssuance
	case c.Released != nil && c.Released.At.Before(*c.IssuanceDue):
		return IssuanceMet
	case c.Released != nil:
		return IssuanceMissed
	case c.Revoked != nil:
		return NoIssuance // nothing is owed any more
	case now.Before(*c.IssuanceDue):
		return IssuanceRunning
	}
	return IssuanceOverdue
}
