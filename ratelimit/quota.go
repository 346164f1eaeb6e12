package ratelimit

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// quota is what was used of a day's or a month's units.
type quota struct {
	turns[units]
}

// units are what calls cost.
type units int64

func (u units) empty() bool { return u == 0 }

func (units) keep() int { return 3 }

func newQuota(l *gate.Limit, zone *time.Location, now time.Time) *quota {
	return &quota{turns: turns[units]{period: periodAt(l, zone, now)}}
}

func (q *quota) ask(c *Call) (time.Duration, bool) {
	q.roll(c.Now)
	if int64(q.used)+min(c.Cost, q.limit.Amount) <= q.limit.Amount {
		return 0, true
	}
	return q.end.Sub(c.Now), false
}

func (q *quota) spend(c *Call) { q.used += units(min(c.Cost, q.limit.Amount)) }

func (q *quota) adopt(l *gate.Limit, zone *time.Location, now time.Time) {
	q.turns.adopt(l, zone, now)
}

func (q *quota) left(now time.Time) (int64, time.Duration) {
	q.roll(now)
	return max(q.limit.Amount-int64(q.used), 0), q.end.Sub(now)
}

func (q *quota) save(now time.Time, s *Saved) {
	q.roll(now)
	s.Used, s.Start, s.End = int64(q.used), q.start, q.end
	s.Until = s.End.Add(patience)
	for _, p := range q.past {
		s.Past = append(s.Past, Past{Start: p.start, Used: int64(p.used)})
	}
}

// restore goes on from what was saved, whatever the clock says now.
func (q *quota) restore(now time.Time, s *Saved) {
	q.start, q.end = s.period()
	q.used = units(s.Used)
	for _, p := range s.Past {
		q.past = append(q.past, turn[units]{p.Start, units(p.Used)})
	}
	q.roll(now)
}
