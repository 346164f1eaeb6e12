package ratelimit

import (
	"slices"
	"sync"
	"time"

	"github.com/onerecord/certgate/gate"
)

// account is what one account has used. Its lock guards everything in it, the limiters included.
type account struct {
	mu       sync.Mutex
	gone     bool // swept away; nobody may take from it any more
	limiters map[owner]*holding
	rules    map[callKind]*rules
	// waiting is what was saved before, until a call asks for it: limits come to be when they are first used.
	waiting map[owner]*Saved
}

// owner is of whom a limiter is, and of which limit by name.
type owner struct {
	subject string // an account's, organization's or device's identifier
	limit   string
}

// holding is a limiter under the limit that it follows now.
type holding struct {
	limiter
	limit  gate.Limit
	name   string      // of the limit
	reason gate.Reason // of a refusal
	zone   *time.Location
}

// callKind is what decides which limits are about a call.
type callKind struct {
	device   gate.DeviceID
	behavior string
}

// rules are the limits that are about one kind of call, under one plan.
type rules struct {
	plan   *gate.UsagePlan
	list   []*holding
	slots  []*slots // those of list that are given back
	policy []string // the value of RateLimit-Policy, as http.Header has it
}

// take reports false if the account was swept away meanwhile.
func (a *account) take(who *Caller, c *Call) (taken Taken, refusal Refusal, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return Taken{}, Refusal{}, false
	}
	r := a.rules[callKind{who.Device, who.Behavior}]
	if r == nil || r.plan != who.Plan {
		r = a.compile(who, c.Now)
	}
	if len(who.Throttles) > 0 {
		r = a.throttled(r, who, c.Now)
	}
	taken = Taken{account: a, rules: r}
	for _, h := range r.list {
		if wait, fits := h.ask(c); !fits {
			refusal.add(h, wait)
		}
	}
	if refusal.Refused() {
		return taken, refusal, true
	}
	for _, h := range r.list {
		h.spend(c)
	}
	taken.holds = len(r.slots) > 0
	return taken, Refusal{}, true
}

// throttled are the rules of a caller on whom limits were imposed.
func (a *account) throttled(plan *rules, who *Caller, now time.Time) *rules {
	r := &rules{plan: plan.plan, list: slices.Clone(plan.list), slots: slices.Clone(plan.slots)}
	for _, t := range who.Throttles {
		h := a.holding(owner{t.ID, throttleName}, t.Limit, who.Plan.Zone, now)
		h.reason = gate.AbnormalUsage
		r.add(h)
	}
	r.policy = []string{policyOf(r.list)}
	return r
}

func (r *rules) add(h *holding) {
	r.list = append(r.list, h)
	if s, ok := h.limiter.(*slots); ok {
		r.slots = append(r.slots, s)
	}
}

// throttleName is what limits are called that were imposed.
const throttleName = "throttle"

// compile finds the limits that are about a kind of call, and keeps them until the plan changes.
func (a *account) compile(who *Caller, now time.Time) *rules {
	r := &rules{plan: who.Plan}
	for i := range who.Plan.Limits {
		if l := &who.Plan.Limits[i]; l.Counts(who.Behavior) {
			r.add(a.holding(owner{subjectOf(who, l), l.Name()}, l, who.Plan.Zone, now))
		}
	}
	r.policy = []string{policyOf(r.list)}
	if a.rules == nil {
		a.rules = make(map[callKind]*rules)
	}
	a.rules[callKind{who.Device, who.Behavior}] = r
	return r
}

// subjectOf names whose limit it is. Accounts and organizations call in several environments, and what they use in one is their own there:
// a test in the sandbox must not eat into a contract.
func subjectOf(who *Caller, l *gate.Limit) string {
	id := string(who.Account)
	switch l.Subject() { //nolint:exhaustive // a limit has no other
	case gate.OrganizationSubject:
		id = string(who.Organization)
	case gate.DeviceSubject:
		return string(who.Device)
	}
	if e := who.Plan.Environment; e == gate.Sandbox || e == gate.Preprod {
		id += "/" + e.String()
	}
	return id
}

// holding finds or makes a limiter and puts it under the limit as it reads now.
func (a *account) holding(o owner, l *gate.Limit, zone *time.Location, now time.Time) *holding {
	if a.limiters == nil {
		a.limiters = make(map[owner]*holding)
	}
	h := a.limiters[o]
	if h == nil {
		h = &holding{limiter: newLimiter(l, zone, now), limit: *l, name: o.limit, reason: l.Kind.Reason(), zone: zone}
		a.limiters[o] = h
		if s := a.waiting[o]; s != nil {
			h.restore(now, s)
			delete(a.waiting, o)
		}
	}
	if h.limit != *l || h.zone != zone {
		h.adopt(l, zone, now)
		h.limit, h.zone = *l, zone
	}
	return h
}

// sweep forgets limiters that have nothing to remember, and reports whether nothing is left; the account is then gone.
func (a *account) sweep(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for o, s := range a.waiting {
		if !now.Before(s.Until) {
			delete(a.waiting, o)
		}
	}
	forgotten := false
	for o, h := range a.limiters {
		if h.idle(now) {
			delete(a.limiters, o)
			forgotten = true
		}
	}
	if forgotten { // rules point to what was forgotten
		a.rules = nil
	}
	a.gone = len(a.limiters) == 0 && len(a.waiting) == 0
	return a.gone
}
