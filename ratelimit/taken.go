package ratelimit

import (
	"slices"
	"time"

	"github.com/onerecord/certgate/gate"
)

// Taken is what a call took. The zero value is of a call that no limit is about.
type Taken struct {
	account *account
	rules   *rules
	holds   bool
}

// Release gives back what a call held while it ran: its place among the calls at once. A second time does nothing.
func (t *Taken) Release() {
	if !t.holds {
		return
	}
	t.holds = false
	t.account.mu.Lock()
	defer t.account.mu.Unlock()
	for _, h := range t.rules.list {
		if s, held := h.limiter.(*slots); held {
			s.release()
		}
	}
}

// Refusal is why a call was not let through. The zero value is none.
type Refusal struct {
	Reason gate.Reason
	// Limits are the names of those that refused, the strictest first: the one that lets the call wait longest.
	Limits []string
	Wait   time.Duration // until all of them may agree

	waits []time.Duration
}

// Refused reports whether it is one.
func (r *Refusal) Refused() bool { return len(r.Limits) > 0 }

func (r *Refusal) add(h *holding, wait time.Duration) {
	i, _ := slices.BinarySearchFunc(r.waits, wait, func(a, b time.Duration) int {
		if a >= b {
			return -1
		}
		return 1
	})
	r.Limits = slices.Insert(r.Limits, i, h.name)
	r.waits = slices.Insert(r.waits, i, wait)
	if i == 0 {
		r.Reason, r.Wait = h.reason(), wait
	}
}
