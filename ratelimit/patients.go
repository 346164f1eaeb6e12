package ratelimit

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// patients are the different ones of an hour or a day, each as a keyed hash. At most as many are kept as the limit lets through.
type patients struct {
	period
	limit int64
	seen  map[uint64]struct{}
}

func newPatients(l *gate.Limit, zone *time.Location, now time.Time) *patients {
	return &patients{period: periodAt(l.Kind, zone, now), limit: l.Amount}
}

func (p *patients) roll(now time.Time) {
	if p.period.roll(now) {
		p.seen = nil
	}
}

func (p *patients) ask(c *Call) (time.Duration, bool) {
	p.roll(c.Now)
	fresh := int64(0)
	for _, id := range c.Patients {
		if _, known := p.seen[id]; !known {
			fresh++
		}
	}
	if fresh == 0 || int64(len(p.seen))+fresh <= p.limit {
		return 0, true
	}
	return p.end.Sub(c.Now), false
}

func (p *patients) spend(c *Call) {
	for _, id := range c.Patients {
		p.add(id)
	}
}

func (p *patients) add(id uint64) {
	if p.seen == nil {
		p.seen = make(map[uint64]struct{})
	}
	p.seen[id] = struct{}{}
}

func (p *patients) adopt(l *gate.Limit, zone *time.Location, now time.Time) {
	if p.period.adopt(zone, now) {
		p.seen = nil
	}
	p.limit = l.Amount
}

func (p *patients) left(now time.Time) (int64, time.Duration) {
	p.roll(now)
	return max(p.limit-int64(len(p.seen)), 0), p.end.Sub(now)
}

func (p *patients) idle(now time.Time) bool {
	p.roll(now)
	return len(p.seen) == 0
}

func (p *patients) save(now time.Time, s *Saved) {
	p.roll(now)
	s.Used, s.Until = int64(len(p.seen)), p.end
	s.Patients = make([]uint64, 0, len(p.seen))
	for id := range p.seen {
		s.Patients = append(s.Patients, id)
	}
}

func (p *patients) restore(now time.Time, s *Saved) {
	if p.roll(now); !now.Before(s.Until) {
		return
	}
	for _, id := range s.Patients {
		p.add(id)
	}
}
