package ratelimit

import (
	"slices"
	"sync"
	"time"
	"unique"

	"github.com/onerecord/certgate/gate"
)

// account is what one account has used. Its lock guards everything in it, the limiters included. There may be a million of them, of which
// nearly every one has a subject or two and a few limits: so lists that are walked, and no maps.
type account struct {
	mu       sync.Mutex
	gone     bool // swept away; nobody may take from it any more
	subjects subjects
}

// holding is a limiter under the limit that it follows now.
type holding struct {
	limiter
	next  *holding
	limit *gate.Limit
	name  string // of the limit
	zone  *time.Location
	kept  bool // what was used of it was saved last
}

// reason is that of a refusal.
func (h *holding) reason() gate.Reason {
	if h.name == throttleName {
		return gate.AbnormalUsage
	}
	return h.limit.Kind.Reason()
}

// owner is of whom a limiter is, and of which limit by name.
type owner struct {
	subject string // an account's, organization's or device's identifier
	limit   string
}

// rules are the limits that are about calls of one behavior, under one plan.
type rules struct {
	next     *rules
	plan     *gate.UsagePlan
	behavior string
	list     []*holding
	policy   *[]string // the value of RateLimit-Policy, as http.Header has it; shared, and a pointer because there may be a million of these
}

// take reports false if the account was swept away meanwhile.
func (a *account) take(who *Caller, c *Call, p *policies) (taken Taken, refusal Refusal, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return Taken{}, Refusal{}, false
	}
	r := a.subjects.find(narrowest(who)).rulesOf(who)
	if r == nil {
		r = a.compile(who, c.Now, p)
	}
	if len(who.Throttles) > 0 {
		r = a.throttled(r, who, c.Now, p)
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
		if _, held := h.limiter.(*slots); held {
			taken.holds = true
		}
	}
	return taken, Refusal{}, true
}

// throttled are the rules of a caller on whom limits were imposed.
func (a *account) throttled(plan *rules, who *Caller, now time.Time, p *policies) *rules {
	r := &rules{plan: plan.plan, list: slices.Clone(plan.list)}
	for _, t := range who.Throttles {
		r.list = append(r.list, a.holding(owner{t.ID, throttleName}, t.Limit, who.Plan, now))
	}
	r.policy = p.of(r.list)
	return r
}

// throttleName is what limits are called that were imposed.
const throttleName = "throttle"

// compile finds the limits that are about a caller's calls of a behavior, and keeps them until the plan changes.
func (a *account) compile(who *Caller, now time.Time, p *policies) *rules {
	count := 0
	for i := range who.Plan.Limits {
		if who.Plan.Limits[i].Counts(who.Behavior) {
			count++
		}
	}
	r := &rules{plan: who.Plan, behavior: who.Behavior, list: make([]*holding, 0, count)}
	for i := range who.Plan.Limits {
		if l := &who.Plan.Limits[i]; l.Counts(who.Behavior) {
			r.list = append(r.list, a.holding(owner{subjectOf(who, l), l.Name()}, l, who.Plan, now))
		}
	}
	r.policy = p.of(r.list)
	a.subjects.make(narrowest(who)).keep(r)
	return r
}

// narrowest is the subject whose rules a call follows: the narrowest of which the plan limits any, so that callers who share all their
// limits share the rules too. Outside production it is always the device, because names of other subjects are put together there.
func narrowest(who *Caller) string {
	if e := who.Plan.Environment; e == gate.Sandbox || e == gate.Preprod {
		return string(who.Device)
	}
	id := string(who.Account)
	for i := range who.Plan.Limits {
		switch who.Plan.Limits[i].Per { //nolint:exhaustive // left out, it is the account
		case gate.DeviceSubject:
			return string(who.Device)
		case gate.OrganizationSubject:
			id = string(who.Organization)
		}
	}
	return id
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
func (a *account) holding(o owner, l *gate.Limit, plan *gate.UsagePlan, now time.Time) *holding {
	zone := plan.Zone
	s := a.subjects.make(o.subject)
	h := s.holding(o.limit)
	if h == nil {
		h = &holding{limiter: newLimiter(l, zone, now), next: s.holdings, limit: l, name: unique.Make(o.limit).Value(), zone: zone}
		s.holdings = h
		if saved := s.await(o.limit); saved != nil {
			h.restore(now, saved)
			h.kept = true
		}
	}
	if *h.limit != *l || h.zone != zone {
		h.adopt(l, zone, now)
	}
	h.limit, h.zone = l, zone // also where it reads the same: nothing holds on to a plan that has changed
	h.grant(plan, o)
	return h
}

// sweep forgets limiters that have nothing to remember, and reports whether nothing is left; the account is then gone.
func (a *account) sweep(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	forgotten := false
	for s := range a.subjects.all() {
		forgotten = s.sweep(now) || forgotten
	}
	if forgotten { // rules point to what was forgotten
		for s := range a.subjects.all() {
			s.rules = nil
		}
	}
	a.gone = a.subjects.tidy()
	return a.gone
}
