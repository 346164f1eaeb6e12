package gate

import (
	"slices"
	"time"
)

// Amendment is one change to what a contract grants or what was signed for it. The contract holds what counts now, its amendments what
// counted before. Days are not amended: a term is renewed, ended or extended.
type Amendment struct {
	Act  Act   `json:"act"`
	From Terms `json:"from"`
	To   Terms `json:"to"`
}

// Terms are what an amendment can change.
type Terms struct {
	Grant      Grant       `json:"grant"`
	Plan       Limits      `json:"plan,omitempty"`
	PlanName   string      `json:"plan_name,omitempty"`
	Agreements []Agreement `json:"agreements"`
}

// Amend changes what is granted, and adds agreements: what was signed once stays on record. Nil behaviors, purposes or plan, and an empty name
// of the plan, stay as they are.
// More than the certified profile is of no use until it has been certified.
func (c Contract) Amend(to Terms, costs Costs, act Act) (Contract, error) {
	if c.State(act.At) == ContractEnded {
		return c, Errorf(Conflict, "contract %s has ended; there is nothing to amend", c.ID)
	}
	if err := CheckReason(act.Why); err != nil {
		return c, err
	}
	from := Terms{Grant: c.Grant, Plan: c.Plan, PlanName: c.PlanName, Agreements: c.Agreements}
	if to.Grant.Behaviors == nil {
		to.Grant.Behaviors = from.Grant.Behaviors
	}
	if to.Grant.Purposes == nil {
		to.Grant.Purposes = from.Grant.Purposes
	}
	if to.Plan == nil {
		to.Plan = from.Plan
	}
	if to.PlanName == "" {
		to.PlanName = from.PlanName
	}
	if err := checkGranted(&to.Grant, costs.known); err != nil {
		return c, err
	}
	if err := checkPlanName(to.PlanName); err != nil {
		return c, err
	}
	if err := to.Plan.checkFor(&to.Grant, costs); err != nil {
		return c, err
	}
	if err := checkAgreements(to.Agreements); err != nil {
		return c, err
	}
	to.Agreements = slices.Concat(from.Agreements, to.Agreements)
	if to.equal(&from) {
		return c, FieldErrorf("behaviors", "are as they were, and so is everything else: an amendment must change something")
	}
	c.Grant, c.Plan, c.PlanName, c.Agreements = to.Grant, to.Plan, to.PlanName, to.Agreements
	c.Amendments = append(slices.Clone(c.Amendments), Amendment{Act: act, From: from, To: to})
	return c, nil
}

// equal compares terms of which agreements were only added to.
func (t *Terms) equal(other *Terms) bool {
	return slices.Equal(t.Grant.Behaviors, other.Grant.Behaviors) && slices.Equal(t.Grant.Purposes, other.Grant.Purposes) &&
		slices.Equal(t.Plan, other.Plan) && t.PlanName == other.PlanName && len(t.Agreements) == len(other.Agreements)
}

// MaxExtension is by how many days a term may be extended in all.
const MaxExtension = 7

// ExtensionProposal is a later last day that waits for a second person.
type ExtensionProposal struct {
	Last Date `json:"last"`
	Act  Act  `json:"act"`
	// Replaced says that another proposal stood here before, which somebody may have read: see ConfirmExtension.
	Replaced bool `json:"replaced,omitempty"`
}

// Extension is a last day that two people have moved.
type Extension struct {
	From      Date `json:"from"`
	To        Date `json:"to"`
	Proposed  Act  `json:"proposed"`
	Confirmed Act  `json:"confirmed"`
}

// ProposeExtension asks for a later last day, at most MaxExtension days after the one that was agreed. It is for emergencies, so it
// is possible for a few days after the term has ended as well; not for one that was ended early.
func (c Contract) ProposeExtension(last Date, zones Zones, act Act) (Contract, error) {
	if err := c.extensible(last, zones, act.At); err != nil {
		return c, err
	}
	if err := CheckReason(act.Why); err != nil {
		return c, err
	}
	c.ProposedExtension = &ExtensionProposal{Last: last, Act: act, Replaced: c.ProposedExtension != nil}
	return c, nil
}

func (c *Contract) extensible(last Date, zones Zones, now time.Time) error {
	if c.Ended != nil {
		return Errorf(Conflict, "contract %s was ended early, for a reason; it is not extended", c.ID)
	}
	if err := last.Check(); err != nil {
		return InField("last", err)
	}
	agreed := c.Last
	if len(c.Extensions) > 0 {
		agreed = c.Extensions[0].From
	}
	if latest := agreed.AddDays(MaxExtension); last <= c.Last || last > latest {
		return FieldErrorf("last", "%s must be after %s and at most %d days after the agreed last day, which is %s: %s at the latest",
			last, c.Last, MaxExtension, agreed, latest)
	}
	zone, err := zones.load(c.Zone)
	if err != nil {
		return err
	}
	if !now.Before(last.AddDays(1).Start(zone)) {
		return FieldErrorf("last", "%s has passed", last)
	}
	return nil
}

// ConfirmExtension moves the last day. Whoever proposed it cannot confirm it. A proposal that took another's place is confirmed only by
// who names what they read. The contract that is returned is resolved.
func (c Contract) ConfirmExtension(zones Zones, act Act, named bool) (Contract, error) {
	p := c.ProposedExtension
	switch {
	case p == nil:
		return c, Errorf(Conflict, "no extension of contract %s waits for a second person", c.ID)
	case p.Act.By == act.By:
		return c, Errorf(Forbidden, "you proposed this extension; a second person must confirm it")
	case p.Replaced && !named:
		return c, errSwapped
	}
	if err := c.extensible(p.Last, zones, act.At); err != nil {
		return c, err
	}
	next := c
	next.Extensions = append(slices.Clone(c.Extensions), Extension{From: c.Last, To: p.Last, Proposed: p.Act, Confirmed: act})
	next.Last, next.ProposedExtension = p.Last, nil
	if err := next.Resolve(zones); err != nil {
		return c, err
	}
	return next, nil
}
