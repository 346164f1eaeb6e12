package gate

import "time"

// Contract is a term under which an account may call, and what it grants. It is amended or ended, never edited.
type Contract struct {
	ID      ContractID `json:"id"`
	Account AccountID  `json:"account"`
	First   Date       `json:"first"` // first day
	Last    Date       `json:"last"`  // last day, inclusive
	Zone    string     `json:"zone"`  // IANA zone in which the days are counted
	Grant   Grant      `json:"grant"`
	Plan    Limits     `json:"plan,omitempty"` // how much may be used; empty: no limit
	// PlanName is what the plan is called, a slug; rules against abuse may be set for all accounts on it. Empty: it has no name.
	PlanName string `json:"plan_name,omitempty"`
	// Agreements that were signed for it, such as the business associate agreement.
	Agreements []Agreement `json:"agreements"`
	CreatedAt  time.Time   `json:"created_at"`
	Ended      *Ending     `json:"ended,omitempty"` // ended before its last day

	Renewal           *Renewal           `json:"renewal,omitempty"`    // of the term before, which this one follows
	Amendments        []Amendment        `json:"amendments,omitempty"` // oldest first; Grant and Agreements are what they have come to
	Extensions        []Extension        `json:"extensions,omitempty"` // oldest first; Last is what they have come to
	ProposedExtension *ExtensionProposal `json:"proposed_extension,omitempty"`
	Extras            []Extra            `json:"extras,omitempty"` // what was granted beyond quotas, oldest first; past ones too

	begins, ends time.Time  // from Resolve; both zero until then, so an unresolved contract is never in force
	usage        *UsagePlan // from Resolve
}

// Ending is the early end of a contract or a certification.
type Ending struct {
	At  time.Time `json:"at"`
	By  StaffID   `json:"by"`
	Why string    `json:"why"`
}

// ContractState is derived from a contract and now.
type ContractState int

// The states of a contract.
const (
	ContractNotStarted ContractState = iota
	ContractInForce
	ContractEnded
)

// String returns the state's name.
func (s ContractState) String() string { return [...]string{"not-started", "in-force", "ended"}[s] }

// Check reports the first thing wrong with a contract as it was given.
func (c *Contract) Check(zones Zones, costs Costs) error {
	if err := c.First.Check(); err != nil {
		return InField("first", err)
	}
	if err := c.Last.Check(); err != nil {
		return InField("last", err)
	}
	if c.Last < c.First {
		return FieldErrorf("last", "%s is before the first day %s", c.Last, c.First)
	}
	if _, err := zones.load(c.Zone); err != nil {
		return err
	}
	if err := checkGranted(&c.Grant, costs.known); err != nil {
		return err
	}
	if err := c.Plan.checkFor(&c.Grant, costs); err != nil {
		return err
	}
	if err := checkPlanName(c.PlanName); err != nil {
		return err
	}
	return checkAgreements(c.Agreements)
}

// checkPlanName refuses a name that is no slug; none is in order.
func checkPlanName(name string) error {
	if name == "" {
		return nil
	}
	return InField("plan_name", CheckSlug(name))
}

// checkGranted refuses a grant of nothing and unknown names.
func checkGranted(g *Grant, known func(behavior string) bool) error {
	if err := g.Check(known); err != nil {
		return InField("grant", err)
	}
	if len(g.Behaviors) == 0 || len(g.Purposes) == 0 {
		return FieldErrorf("grant", "must name at least one behavior and one purpose: nothing is granted by omission")
	}
	return nil
}

// Resolve computes the instants of the term. The directory calls it on every contract that it reads.
func (c *Contract) Resolve(zones Zones) error {
	zone, err := zones.load(c.Zone)
	if err != nil {
		return err
	}
	c.begins, c.ends = c.First.Start(zone), c.Last.AddDays(1).Start(zone)
	c.usage = &UsagePlan{Limits: c.Plan, Zone: zone, Environment: Production, Extras: c.Extras}
	return nil
}

// UsagePlan is the plan, ready to be applied; nil before Resolve.
func (c *Contract) UsagePlan() *UsagePlan { return c.usage }

// Term returns the first instant of the term and the first after it; both zero before Resolve.
func (c *Contract) Term() (begins, ends time.Time) { return c.begins, c.ends }

// State is the contract's state at now. The last day counts whole, in the contract's zone.
func (c *Contract) State(now time.Time) ContractState {
	switch {
	case c.endedBy(now):
		return ContractEnded
	case now.Before(c.begins):
		return ContractNotStarted
	}
	return ContractInForce
}

func (c *Contract) endedBy(now time.Time) bool {
	return c.Ended != nil && !now.Before(c.Ended.At) || !now.Before(c.ends)
}

// end is the first instant after the contract, however it ends.
func (c *Contract) end() time.Time {
	if c.Ended != nil && c.Ended.At.Before(c.ends) {
		return c.Ended.At
	}
	return c.ends
}

// End ends the contract before its last day.
func (c Contract) End(by StaffID, why string, now time.Time) (Contract, error) {
	if c.State(now) == ContractEnded {
		return c, Errorf(Conflict, "contract %s has ended already", c.ID)
	}
	if err := CheckReason(why); err != nil {
		return c, err
	}
	c.Ended = &Ending{At: now, By: by, Why: why}
	return c, nil
}
