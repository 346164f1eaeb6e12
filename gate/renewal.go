package gate

import "time"

// Renewal is how a term came to follow another: with the answer to the one question that a renewal asks.
type Renewal struct {
	Of ContractID `json:"of"`
	// Changed says whether the integration has changed materially. If not, certifications are carried over as they are; if so, they go
	// on until RecertificationDays into the new term.
	Changed bool `json:"changed"`
	Act     Act  `json:"act"` // who answered, when and why
}

// RecertificationDays is how long a material change may wait for its certification, counted from when it was judged or, at a renewal,
// from the first day of the new term.
const RecertificationDays = 30

// Renew makes the term that follows this one without gap, with the same grant and agreements, in the same zone. It is unresolved. Where
// the integration has changed is not the contract's to say: see Carry.
func (c *Contract) Renew(id ContractID, last Date, answer Renewal) (Contract, error) {
	if c.State(answer.Act.At) == ContractEnded {
		return Contract{}, Errorf(Conflict, "contract %s has ended, and what has ended cannot be renewed; make a new contract and certify under it", c.ID)
	}
	if err := CheckReason(answer.Act.Why); err != nil {
		return Contract{}, err
	}
	next := Contract{
		ID: id, Account: c.Account, First: c.Last.AddDays(1), Last: last, Zone: c.Zone, Grant: c.Grant, Plan: c.Plan, PlanName: c.PlanName, Agreements: c.Agreements,
		CreatedAt: answer.Act.At,
	}
	if err := next.Last.Check(); err != nil {
		return Contract{}, InField("last", err)
	}
	if next.Last < next.First {
		return Contract{}, FieldErrorf("last", "%s is before the first day of the new term, %s", next.Last, next.First)
	}
	answer.Of = c.ID
	next.Renewal = &answer
	return next, nil
}

// Carrying is that a certification goes on under a further term.
type Carrying struct {
	Contract ContractID `json:"contract"`
	Act      Act        `json:"act"`
}

// Under reports whether the case counts under the contract: the one it was requested for, or one to which it was carried over.
func (c *Certification) Under(id ContractID) bool {
	if c.Contract == id {
		return true
	}
	for i := range c.Carried {
		if c.Carried[i].Contract == id {
			return true
		}
	}
	return false
}

// Carry takes the case over to a term that renews one of its own; it reports whether there was anything to take. Cases that were revoked
// or have lapsed come along as what they are, or an older one would stand in for them. Where the integration has changed, the case
// must be certified anew RecertificationDays into the new term, or by when it had to be before if that is earlier.
func (c Certification) Carry(next *Contract) (Certification, bool) {
	if next.Renewal == nil || !c.Under(next.Renewal.Of) || c.Under(next.ID) || c.Rejected != nil || c.Withdrawn != nil {
		return c, false
	}
	c = c.clone()
	c.Carried = append(c.Carried, Carrying{Contract: next.ID, Act: next.Renewal.Act})
	if next.Renewal.Changed && c.Approved != nil && c.Revoked == nil {
		c = c.demand(next.begins.AddDate(0, 0, RecertificationDays).UTC(), next.Renewal.Act)
	}
	return c, true
}

// Term is the one of the case's terms that counts at now; find returns nil for a contract that there is not.
func (c *Certification) Term(find func(ContractID) *Contract, now time.Time) *Contract {
	terms := make([]*Contract, 0, 1+len(c.Carried))
	if first := find(c.Contract); first != nil {
		terms = append(terms, first)
	}
	for i := range c.Carried {
		if next := find(c.Carried[i].Contract); next != nil {
			terms = append(terms, next)
		}
	}
	best, _ := contractAt(terms, now)
	return best
}
