package authority

import (
	"time"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/ratelimit"
)

// take asks the limits about a call that passed all other checks, and refuses it if one is exceeded. Only here does a call count for its
// customer: what was refused before spends nothing.
func (c *Call) take(now time.Time) {
	if c.Behavior == nil { // one of certgate's own answers, which are free
		return
	}
	plan, throttles := c.plan(), c.throttles(now)
	if !plan.Limited() && len(throttles) == 0 {
		return
	}
	who := ratelimit.Caller{Account: c.Caller.Account.ID, Organization: c.Caller.Organization.ID, Device: c.Caller.Device.ID, Behavior: c.Behavior.Name,
		Plan: plan, Throttles: throttles}
	c.use = ratelimit.Call{Now: now, Cost: int64(c.Behavior.Cost)}
	if plan.CountsPatients(c.Behavior.Name) {
		c.use.Patients = c.limitedPatients()
	}
	c.taken, c.Exceeded = c.authority.limits.Take(&who, &c.use)
	if c.Exceeded.Refused() {
		c.Reason = c.Exceeded.Reason
	}
}

// plan says how much the caller may use: in production the contract does, elsewhere the configuration.
func (c *Call) plan() *gate.UsagePlan {
	if c.Contract != nil {
		return c.Contract.UsagePlan()
	}
	return c.Request.Site.Plan
}

// throttles are the limits that were imposed on the caller and are in force; none for nearly everybody.
func (c *Call) throttles(now time.Time) (list []ratelimit.Throttle) {
	for i := range c.Caller.Remediations {
		for _, r := range c.Caller.Remediations[i] {
			if r.Measure == gate.Throttle && r.InForce(now) {
				list = append(list, ratelimit.Throttle{ID: string(r.ID), Limit: r.Limit})
			}
		}
	}
	return list
}

// LimitPolicy is the value of the RateLimit-Policy header field for the call's answer, as http.Header has it; nil where nothing is limited.
// It must not be changed.
func (c *Call) LimitPolicy() []string { return c.taken.Policy() }

// LimitsLeft is the value of the RateLimit header field for the call's answer.
func (c *Call) LimitsLeft() string {
	var buffer [256]byte
	return string(c.taken.AppendLeft(buffer[:0], c.authority.now()))
}

// LimitsNow are what is left of the caller's limits, for a call that was only identified. Asking uses nothing.
func (c *Call) LimitsNow(now time.Time) []ratelimit.Standing {
	plan := c.Request.Site.Plan
	if c.Request.Site.Environment.NeedsCertification() {
		plan = nil
		if k := c.Caller.Contract(now); k != nil {
			plan = k.UsagePlan()
		}
	}
	if c.Caller.Account == nil || c.Caller.Organization == nil || c.Caller.Device == nil {
		return nil
	}
	who := ratelimit.Caller{Account: c.Caller.Account.ID, Organization: c.Caller.Organization.ID, Device: c.Caller.Device.ID, Plan: plan}
	return c.authority.limits.Standings(&who, now)
}
