package gate

import "fmt"

// Affords refuses limits that a single call exceeds: of the behavior that the limit is for, and bursts that one of the behaviors exceeds. A call
// takes at most all that a limit has room for, so it would pass, but nobody who writes such a limit means that. What costs nothing is not known,
// and is left out.
func (p Limits) Affords(behaviors []string, costs Costs) error {
	for i := range p {
		err := p[i].affords(costs)
		if p[i].Behavior == "" && p[i].Burst != 0 {
			err = p[i].bursts(behaviors, costs)
		}
		if err != nil {
			return InField(fmt.Sprintf("plan[%d]", i), err)
		}
	}
	return nil
}

// checkFor is Check, and also refuses what a call of what is granted exceeds.
func (p Limits) checkFor(g *Grant, costs Costs) error {
	if err := p.Check(costs); err != nil {
		return err
	}
	return p.Affords(g.Behaviors, costs)
}

// affords refuses a limit that a single call of its own behavior exceeds.
func (l *Limit) affords(costs Costs) error {
	if l.Behavior == "" {
		return nil
	}
	room, c := l.Amount, int64(costs(l.Behavior))
	if l.Kind == RateLimit {
		room = l.Capacity()
	}
	if (l.Kind == RateLimit || l.Kind == DayLimit || l.Kind == MonthLimit) && room < c {
		return FieldErrorf("amount", "one call of %s takes %d, so a limit of %d would let none through", l.Behavior, c, room)
	}
	return nil
}

// bursts refuses a burst that a single call exceeds.
func (l *Limit) bursts(behaviors []string, costs Costs) error {
	for _, name := range behaviors {
		if c := int64(costs(name)); l.Burst < c {
			return FieldErrorf("burst", "%d: one call of %s takes %d; it must be at least that", l.Burst, name, c)
		}
	}
	return nil
}

// contradiction reports the first limit of the plan that can never be reached, because another one always comes first: whoever wrote it
// expects something that will not happen.
func (p Limits) contradiction() error {
	for i := range p {
		for n := range p {
			if p[i].never(&p[n]) {
				return FieldErrorf(fmt.Sprintf("plan[%d].amount", i), "%q can never be reached, because plan[%d], %q, comes first; lower it or leave it out",
					p[i].String(), n, p[n].String())
			}
		}
	}
	return nil
}

// never reports whether the other limit refuses every call that this one would: of the same behavior, the one for a wider subject or a longer
// time allows less.
func (l *Limit) never(other *Limit) bool {
	if l.Behavior != other.Behavior || l.Amount <= other.Amount || width(l.Subject()) > width(other.Subject()) {
		return false
	}
	switch l.Kind { //nolint:exhaustive // speeds are not compared with amounts
	case DayLimit, MonthLimit:
		return other.Kind == l.Kind || l.Kind == DayLimit && other.Kind == MonthLimit
	case PatientHourLimit, PatientDayLimit:
		return other.Kind == l.Kind || l.Kind == PatientHourLimit && other.Kind == PatientDayLimit
	case ConcurrencyLimit:
		return other.Kind == l.Kind
	}
	return false
}

// width orders subjects by how much is counted together.
func width(k SubjectKind) int {
	switch k { //nolint:exhaustive // limits have no other
	case DeviceSubject:
		return 0
	case OrganizationSubject:
		return 1
	}
	return 2
}
