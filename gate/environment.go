package gate

import "time"

// Environment says how much a site demands. Environments belong to sites; one store serves all three.
type Environment int

// The environments, from the least to the most demanding. The order is used: see [Host].
const (
	NoEnvironment Environment = iota // the zero value is never served
	Sandbox                          // key only; synthetic data
	Preprod                          // key and certificate; here a customer shows that it is ready
	Production                       // everything; only this is billed
)

var environmentNames = [...]string{"none", "sandbox", "preprod", "production"}

// String returns the name that configurations, records and the API use.
func (e Environment) String() string { return environmentNames[e] }

// ParseEnvironment is the inverse of String for the three real environments.
func ParseEnvironment(s string) (Environment, error) {
	for e := Sandbox; e <= Production; e++ {
		if environmentNames[e] == s {
			return e, nil
		}
	}
	return NoEnvironment, Errorf(Invalid, "environment %q: must be sandbox, preprod or production", Clip(s, 40))
}

// MarshalText implements encoding.TextMarshaler.
func (e Environment) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (e *Environment) UnmarshalText(b []byte) (err error) {
	*e, err = ParseEnvironment(string(b))
	return err
}

// NeedsCertificate reports whether checks 1, 2 and 4 apply: a client certificate belongs to the credential.
func (e Environment) NeedsCertificate() bool { return e != Sandbox }

// NeedsCertification reports whether checks 6 and 7 apply: contract and certification.
func (e Environment) NeedsCertification() bool { return e != Sandbox && e != Preprod }

// KeyTag is what a key of this environment begins with, so that people and scanners recognize it.
func (e Environment) KeyTag() string {
	switch e {
	case Sandbox:
		return "ort_"
	case Preprod:
		return "orpp_"
	case Production:
		return "orpk_"
	case NoEnvironment:
	}
	return ""
}

// Host is what the store remembers of a host name: the strictest environment it has ever served. A site that serves the host in a
// lower one answers state-unconfirmed until two people have allowed it, so that a slip in a configuration file cannot open
// production as a sandbox.
type Host struct {
	Name      string      `json:"name"`
	Strictest Environment `json:"strictest"`
	// Lowering is a standing wish to serve the host in a lower environment; it holds once confirmed by a second person, until its end.
	Lowering *Lowering `json:"lowering,omitempty"`
}

// Lowering allows a host to be served in a lower environment than it once was.
type Lowering struct {
	To          Environment `json:"to"`
	Why         string      `json:"why"`
	ProposedBy  StaffID     `json:"proposed_by"`
	ConfirmedBy StaffID     `json:"confirmed_by,omitempty"`
	Replaced    bool        `json:"replaced,omitempty"` // another wish stood here before, as with [Proposal]
	// Until is when it ends by itself; nil in records from before there were ends, which hold until raised.
	Until  *time.Time `json:"until,omitempty"`
	Raised *Ending    `json:"raised,omitempty"` // ended before
}

// How long a lowering holds: what is meant for a test must not stay for years because nobody thinks of it.
const (
	LoweringLifetime    = 30 * 24 * time.Hour // where nobody says otherwise
	MaxLoweringLifetime = 366 * 24 * time.Hour
)

// waits reports whether it can still be confirmed at now.
func (l *Lowering) waits(now time.Time) bool { return l.ConfirmedBy == "" && !l.over(now) }

func (l *Lowering) over(now time.Time) bool {
	return l.Raised != nil || l.Until != nil && !now.Before(*l.Until)
}

// Propose notes a wish to serve the host in a lower environment, as To, Until, Why and ProposedBy of l have it. It takes the place of what
// stood there, in force or not: a site that relied on that answers 503 until this one is confirmed.
func (h Host) Propose(l Lowering, now time.Time) (Host, error) {
	switch {
	case l.To == NoEnvironment || l.To >= h.Strictest:
		return h, FieldErrorf("to", "must be lower than %s, which %s has served", h.Strictest, h.Name)
	case l.Until == nil || !l.Until.After(now) || l.Until.After(now.Add(MaxLoweringLifetime)):
		return h, FieldErrorf("until", "must be a time within the next %d days", int(MaxLoweringLifetime/(24*time.Hour)))
	}
	if err := CheckReason(l.Why); err != nil {
		return h, err
	}
	h.Lowering = &Lowering{To: l.To, Until: l.Until, Why: l.Why, ProposedBy: l.ProposedBy, Replaced: h.Lowering != nil && h.Lowering.ConfirmedBy == ""}
	return h, nil
}

// Raise ends a lowering, or the wish for one, at once: like all stopping it takes one person.
func (h Host) Raise(by StaffID, why string, now time.Time) (Host, error) {
	if h.Lowering == nil || h.Lowering.over(now) {
		return h, Errorf(Conflict, "%s is not lowered, and nobody has proposed it", h.Name)
	}
	if err := CheckReason(why); err != nil {
		return h, err
	}
	l := *h.Lowering
	l.Raised = &Ending{At: now, By: by, Why: why}
	h.Lowering = &l
	return h, nil
}

// Confirm puts the standing wish into effect, by the rules of [Staff.Confirm].
func (h Host) Confirm(by StaffID, named bool, now time.Time) (Host, error) {
	switch {
	case h.Lowering == nil || !h.Lowering.waits(now):
		return h, Errorf(Conflict, "there is nothing to confirm for %s", h.Name)
	case h.Lowering.ProposedBy == by:
		return h, Errorf(Forbidden, "you proposed this; a second admin must confirm it")
	case h.Lowering.Replaced && !named:
		return h, errSwapped
	}
	l := *h.Lowering
	l.ConfirmedBy = by
	h.Lowering = &l
	return h, nil
}

// Allows reports whether a site of environment e may serve the host at now. A host never seen (nil) may be served by any.
func (h *Host) Allows(e Environment, now time.Time) bool {
	if h == nil || e >= h.Strictest {
		return true
	}
	l := h.Lowering
	return l != nil && !l.over(now) && l.ConfirmedBy != "" && l.ConfirmedBy != l.ProposedBy && e >= l.To
}
