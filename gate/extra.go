package gate

import (
	"slices"
	"time"
)

// Extra is what staff granted beyond a quota of a contract, for the day or month that ran then. Neither the plan nor what was used changes by it,
// and it ends by itself.
type Extra struct {
	Limit   string `json:"limit"`             // its name, see Limit.Name
	Subject string `json:"subject,omitempty"` // identifier of the organization or device that has it; left out: each that the limit is for
	Amount  int64  `json:"amount"`            // units
	Reset   bool   `json:"reset,omitempty"`   // Amount is what was used then, so that the whole quota was there again
	// Ends is the end of the day or month.
	Ends time.Time `json:"ends"`
	Act  Act       `json:"act"`
}

// MaxExtras is how many extras of a contract may count at a time: every call is compared with each that is about its limit.
const MaxExtras = 20

// Quota finds a limit of the plan to which something can be added, by its name or as it is written.
func (p Limits) Quota(text string) (*Limit, error) {
	i := slices.IndexFunc(p, func(l Limit) bool { return l.Name() == text || l.String() == text })
	if i < 0 {
		names := make([]string, len(p))
		for n := range p {
			names[n] = p[n].Name()
		}
		return nil, FieldErrorf("limit", "%q: must be one of the contract's: %s", Clip(text, 80), join(names, ", "))
	}
	if k := p[i].Kind; k != DayLimit && k != MonthLimit {
		return nil, FieldErrorf("limit", "%s: more is granted of quotas alone, which are of a day or month; amend the contract to change a limit of another kind", p[i].Name())
	}
	return &p[i], nil
}

// GrantExtra adds to a quota until its period ends.
func (c Contract) GrantExtra(e Extra) (Contract, error) {
	if c.State(e.Act.At) != ContractInForce {
		return c, Errorf(Conflict, "contract %s is not in force: nothing is used of it", c.ID)
	}
	if err := CheckReason(e.Act.Why); err != nil {
		return c, err
	}
	if _, err := c.Plan.Quota(e.Limit); err != nil {
		return c, err
	}
	if e.Amount < 1 || e.Amount > maxAmount {
		return c, FieldErrorf("amount", "%d: must be 1 to %d units", e.Amount, int64(maxAmount))
	}
	if n := len(slices.DeleteFunc(slices.Clone(c.Extras), func(o Extra) bool { return !o.Ends.After(e.Act.At) })); n >= MaxExtras {
		return c, Errorf(Conflict, "contract %s has been granted more %d times for this time already; amend it instead", c.ID, n)
	}
	c.Extras = append(slices.Clone(c.Extras), e)
	return c, nil
}

// Extra is how much was granted beyond a quota of the subject, by the limit's name, for the period that begins and ends then.
func (p *UsagePlan) Extra(limit, subject string, start, end time.Time) (units int64) {
	for i := range p.Extras {
		e := &p.Extras[i]
		// Where the zone has changed since, the period ends at another time.
		if e.Limit == limit && (e.Subject == "" || e.Subject == subject) && e.Ends.After(start) && !e.Ends.After(end) {
			units += e.Amount
		}
	}
	return units
}
