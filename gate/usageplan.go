package gate

import (
	"slices"
	"time"
)

// UsagePlan is a plan with what it takes to apply it. It is immutable: a plan that was changed is another one, at another address.
type UsagePlan struct {
	Limits Limits
	Zone   *time.Location // in which hours, days and months are counted
	// Environment is where it counts. What is used in one takes nothing from another, though account and limit may have the same names.
	Environment Environment
	Extras      []Extra // what was granted beyond quotas
}

// Equal reports whether two plans say the same.
func (p *UsagePlan) Equal(other *UsagePlan) bool {
	if p == nil || other == nil {
		return p == other
	}
	return p.Environment == other.Environment && slices.Equal(p.Limits, other.Limits) && slices.Equal(p.Extras, other.Extras) && p.Zone.String() == other.Zone.String()
}

// CountsPatients reports whether the plan limits how many patients calls of the behavior may be about.
func (p *UsagePlan) CountsPatients(behavior string) bool {
	for i := range p.Limits {
		if l := &p.Limits[i]; (l.Kind == PatientHourLimit || l.Kind == PatientDayLimit) && l.Counts(behavior) {
			return true
		}
	}
	return false
}

// Limited reports whether the plan limits anything; nil is a plan without limits.
func (p *UsagePlan) Limited() bool { return p != nil && len(p.Limits) > 0 }
