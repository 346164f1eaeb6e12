package ratelimit

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// granted is a quota beyond which something was granted. Nearly no quota is one, and so the others carry nothing for it.
type granted struct {
	quota

	plan *gate.UsagePlan
	of   owner
}

// room is how much may be used in the period that runs.
func (g *granted) room() int64 {
	return g.limit.Amount + g.plan.Extra(g.of.limit, g.of.subject, g.start, g.end)
}

func (g *granted) ask(c *Call) (time.Duration, bool) {
	g.roll(c.Now)
	if int64(g.used)+min(c.Cost, g.limit.Amount) <= g.room() {
		return 0, true
	}
	return g.end.Sub(c.Now), false
}

func (g *granted) left(now time.Time) (int64, time.Duration) {
	g.roll(now)
	return max(g.room()-int64(g.used), 0), g.end.Sub(now)
}

// grant puts what was granted beyond a plan's quotas into effect, or takes it back where nothing is any more.
func (h *holding) grant(plan *gate.UsagePlan, o owner) {
	q := quotaOf(h.limiter)
	if q == nil {
		return
	}
	if len(plan.Extras) > 0 {
		h.limiter = &granted{quota: *q, plan: plan, of: o}
	} else if _, is := h.limiter.(*granted); is {
		plain := *q
		h.limiter = &plain
	}
}

// quotaOf is the quota that a limiter is; nil if it is none.
func quotaOf(l limiter) *quota {
	switch l := l.(type) {
	case *quota:
		return l
	case *granted:
		return &l.quota
	}
	return nil
}
