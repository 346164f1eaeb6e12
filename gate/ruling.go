package gate

import (
	"slices"
	"time"
)

// Ruling is one version of how the rules against abuse are set, for all accounts, those of a plan, or one. It is never edited: what is set anew is
// another version. Names of rules, modes and thresholds are those of package abuse, which this one does not know.
type Ruling struct {
	ID      RulingID    `json:"id"`
	Version int         `json:"version"` // from 1; one more with each, whatever its scope
	Scope   RulingScope `json:"scope"`
	Plan    string      `json:"plan,omitempty"`    // with PlanScope
	Account AccountID   `json:"account,omitempty"` // with AccountScope
	// Modes are off, observe or enforce, by the name of the rule. A rule that is not here is as the wider scope has it.
	Modes map[string]string `json:"modes,omitempty"`
	// Thresholds are numbers by their names, such as volume_spike.ratio. One that is not here is as the wider scope has it.
	Thresholds map[string]float64 `json:"thresholds,omitempty"`
	Set        Act                `json:"set"`
	// Waits is set where a second person must confirm it before it counts.
	Waits     bool `json:"waits,omitempty"`
	Confirmed *Act `json:"confirmed,omitempty"`
	Refused   *Act `json:"refused,omitempty"`
}

// RulingScope says whom a ruling is for. An account goes before its plan, and a plan before all.
type RulingScope string

// The scopes, a closed list, the widest first.
const (
	AllScope     RulingScope = "all"
	PlanScope    RulingScope = "plan"
	AccountScope RulingScope = "account"
)

// RulingScopes lists them all.
func RulingScopes() []RulingScope { return []RulingScope{AllScope, PlanScope, AccountScope} }

// RulingState is derived from a ruling and those after it.
type RulingState string

// The states of a ruling, a closed list.
const (
	RulingWaits    RulingState = "waiting"  // for a second person
	RulingInForce  RulingState = "in-force" // for its scope
	RulingReplaced RulingState = "replaced" // it was in force, and a later one of its scope is
	RulingLapsed   RulingState = "lapsed"   // it waited, and a later one of its scope was made
	RulingRefused  RulingState = "refused"
)

// RulingStates lists them all.
func RulingStates() []RulingState {
	return []RulingState{RulingWaits, RulingInForce, RulingReplaced, RulingLapsed, RulingRefused}
}

// counts reports whether it is, or was, in force.
func (r *Ruling) counts() bool { return !r.Waits || r.Confirmed != nil }

// SameScope reports whether two rulings are for the same accounts.
func (r *Ruling) SameScope(o *Ruling) bool {
	return r.Scope == o.Scope && r.Plan == o.Plan && r.Account == o.Account
}

// State is the ruling's state among all.
func (r *Ruling) State(all []*Ruling) RulingState {
	if r.Refused != nil {
		return RulingRefused
	}
	counts := r.counts()
	for _, o := range all {
		switch {
		case o.Version <= r.Version || !r.SameScope(o):
		case !counts:
			return RulingLapsed
		case o.counts():
			return RulingReplaced
		}
	}
	if counts {
		return RulingInForce
	}
	return RulingWaits
}

// RulingsInForce are the newest that count, of each scope; the widest scope first.
func RulingsInForce(all []*Ruling) (list []*Ruling) {
	type whom struct {
		scope   RulingScope
		plan    string
		account AccountID
	}
	newest := make(map[whom]*Ruling, len(all))
	for _, r := range all {
		w := whom{r.Scope, r.Plan, r.Account}
		if r.counts() && r.Refused == nil && (newest[w] == nil || newest[w].Version < r.Version) {
			newest[w] = r
		}
	}
	for _, r := range newest {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *Ruling) int {
		if a.Scope != b.Scope {
			return slices.Index(RulingScopes(), a.Scope) - slices.Index(RulingScopes(), b.Scope)
		}
		return a.Version - b.Version
	})
	return list
}

// Begin is the ruling as it is set: what it names is for the caller to check.
func (r Ruling) Begin(act Act) (Ruling, error) {
	switch {
	case !slices.Contains(RulingScopes(), r.Scope):
		return r, FieldErrorf("scope", "%q: must be one of %s", Clip(string(r.Scope), 40), join(RulingScopes(), ", "))
	case (r.Plan != "") != (r.Scope == PlanScope):
		return r, FieldErrorf("plan", "belongs to the scope plan, and only to that")
	case (r.Account != "") != (r.Scope == AccountScope):
		return r, FieldErrorf("account", "belongs to the scope account, and only to that")
	}
	if r.Scope == PlanScope {
		if err := CheckSlug(r.Plan); err != nil {
			return r, InField("plan", err)
		}
	}
	if ContainsKey(act.Why) {
		return r, FieldErrorf("why", "holds a key; say which by its identifier (key_...), and report it as leaked")
	}
	if err := CheckReason(act.Why); err != nil {
		return r, err
	}
	r.Set = act
	return r, nil
}

// Confirm lets a ruling count that another person set.
func (r Ruling) Confirm(act Act, all []*Ruling) (Ruling, error) {
	if err := r.waiting(all); err != nil {
		return r, err
	}
	if r.Set.By == act.By {
		return r, Errorf(Forbidden, "you set version %d; a second person must confirm it", r.Version)
	}
	r.Confirmed = &act
	return r, nil
}

// Refuse ends a ruling that waits. Whoever set it may, too: that nothing happens never needs two.
func (r Ruling) Refuse(act Act, all []*Ruling) (Ruling, error) {
	if err := r.waiting(all); err != nil {
		return r, err
	}
	if err := CheckReason(act.Why); err != nil {
		return r, err
	}
	r.Refused = &act
	return r, nil
}

// waiting refuses what does not wait for a second person.
func (r *Ruling) waiting(all []*Ruling) error {
	switch state := r.State(all); {
	case state == RulingWaits:
		return nil
	case state == RulingLapsed:
		return Errorf(Conflict, "version %d has lapsed: a later one was made for the same accounts; set it again if it is still wanted", r.Version)
	case state == RulingRefused:
		return Errorf(Conflict, "version %d was refused on %s", r.Version, r.Refused.At.UTC().Format(time.DateOnly))
	case r.Confirmed != nil:
		return Errorf(Conflict, "version %d was confirmed on %s", r.Version, r.Confirmed.At.UTC().Format(time.DateOnly))
	}
	return Errorf(Conflict, "version %d counts since %s; it needed no second person", r.Version, r.Set.At.UTC().Format(time.DateOnly))
}

// RecordKind implements Record.
func (*Ruling) RecordKind() RecordKind { return RulingRecord }

// RecordID implements Record.
func (r *Ruling) RecordID() string { return string(r.ID) }
