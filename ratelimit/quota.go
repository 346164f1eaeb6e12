package ratelimit

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// quota is what was used of a day's or a month's units.
type quota struct {
	period
	limit int64
	used  int64
}

func newQuota(l *gate.Limit, zone *time.Location, now time.Time) *quota {
	return &quota{period: periodAt(l.Kind, zone, now), limit: l.Amount}
}

func (q *quota) roll(now time.Time) {
	if q.period.roll(now) {
		q.used = 0
	}
}

func (q *quota) ask(c *Call) (time.Duration, bool) {
	q.roll(c.Now)
	if q.used+min(c.Cost, q.limit) <= q.limit {
		return 0, true
	}
	return q.end.Sub(c.Now), false
}

func (q *quota) spend(c *Call) { q.used += min(c.Cost, q.limit) }

func (q *quota) adopt(l *gate.Limit, zone *time.Location, now time.Time) {
	if q.period.adopt(zone, now) {
		q.used = 0
	}
	q.limit = l.Amount
}

func (q *quota) left(now time.Time) (int64, time.Duration) {
	q.roll(now)
	return max(q.limit-q.used, 0), q.end.Sub(now)
}

func (q *quota) idle(now time.Time) bool {
	q.roll(now)
	return q.used == 0
}

func (q *quota) save(now time.Time, s *Saved) {
	q.roll(now)
	s.Used, s.Until = q.used, q.end
}

func (q *quota) restore(now time.Time, s *Saved) {
	if q.roll(now); now.Before(s.Until) {
		q.used += s.Used
	}
}
