package ratelimit

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// patients are the different ones of an hour or a day, each as a keyed hash. At most as many are kept as the limit lets through, and those of
// one period before.
type patients struct {
	turns[hashes]
}

// hashes stand for patients.
type hashes map[uint64]struct{}

func (h hashes) empty() bool { return len(h) == 0 }

func (hashes) keep() int { return 1 }

func newPatients(l *gate.Limit, zone *time.Location, now time.Time) *patients {
	return &patients{turns: turns[hashes]{period: periodAt(l, zone, now)}}
}

func (p *patients) ask(c *Call) (time.Duration, bool) {
	p.roll(c.Now)
	fresh := int64(0)
	for _, id := range c.Patients {
		if _, known := p.used[id]; !known {
			fresh++
		}
	}
	if fresh == 0 || int64(len(p.used))+fresh <= p.limit.Amount {
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
	if p.used == nil {
		p.used = make(hashes)
	}
	p.used[id] = struct{}{}
}

func (p *patients) adopt(l *gate.Limit, zone *time.Location, now time.Time) {
	p.turns.adopt(l, zone, now)
}

func (p *patients) left(now time.Time) (int64, time.Duration) {
	p.roll(now)
	return max(p.limit.Amount-int64(len(p.used)), 0), p.end.Sub(now)
}

func (p *patients) save(now time.Time, s *Saved) {
	p.roll(now)
	s.Used, s.Start, s.End, s.Until = int64(len(p.used)), p.start, p.end, p.end
	s.Patients = make([]uint64, 0, len(p.used))
	for id := range p.used {
		s.Patients = append(s.Patients, id)
	}
}

func (p *patients) restore(now time.Time, s *Saved) {
	p.start, p.end = s.period()
	for _, id := range s.Patients {
		p.add(id)
	}
	p.roll(now)
}
