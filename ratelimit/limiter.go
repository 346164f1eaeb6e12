package ratelimit

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// limiter is what one subject has used of one limit. Everything of it happens under its account's lock.
type limiter interface {
	// ask reports whether the call fits, and if not, how long until it may.
	ask(c *Call) (wait time.Duration, fits bool)
	// spend takes what ask has just granted.
	spend(c *Call)
	// adopt puts a changed limit into effect; what was used stays used.
	adopt(l *gate.Limit, zone *time.Location, now time.Time)
	// left is how much is left, and how long until there is more.
	left(now time.Time) (amount int64, more time.Duration)
	// idle reports whether there is nothing to remember.
	idle(now time.Time) bool
	save(now time.Time, s *Saved)
	restore(now time.Time, s *Saved)
}

func newLimiter(l *gate.Limit, zone *time.Location, now time.Time) limiter {
	switch l.Kind {
	case gate.RateLimit:
		return newBucket(l)
	case gate.DayLimit, gate.MonthLimit:
		return newQuota(l, zone, now)
	case gate.ConcurrencyLimit:
		return &slots{limit: l.Amount}
	case gate.PatientHourLimit, gate.PatientDayLimit:
		return newPatients(l, zone, now)
	}
	return closed{}
}

// closed lets nothing through: a kind that this build does not know must not count for no limit.
type closed struct{}

func (closed) ask(*Call) (time.Duration, bool)                   { return time.Minute, false }
func (closed) spend(*Call)                                       {}
func (closed) adopt(*gate.Limit, *time.Location, time.Time)      {}
func (closed) left(time.Time) (amount int64, wait time.Duration) { return 0, time.Minute }
func (closed) idle(time.Time) bool                               { return true }
func (closed) save(time.Time, *Saved)                            {}
func (closed) restore(time.Time, *Saved)                         {}
