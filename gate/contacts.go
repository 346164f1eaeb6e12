package gate

import (
	"slices"
	"strings"
)

// Whoever can change the technical contact alone can have the next enrollment link sent to themselves. So the contacts that an account was
// made with are changed by two people, all of them by the same rule: who is told what is not for one person to decide.

// ContactProposal is a change of an account's contacts that waits for a second person.
type ContactProposal struct {
	Contacts []Contact `json:"contacts"` // all that the account is to have
	Act      Act       `json:"act"`
	// Replaced says that another proposal stood here before, which somebody may have read: see [Account.ConfirmContacts].
	Replaced bool `json:"replaced,omitempty"`
	// Withdrawn says that it was taken back. It stays, so that the next one counts as its replacement.
	Withdrawn *Act `json:"withdrawn,omitempty"`
}

// Waits reports whether a second person may confirm the proposal.
func (p *ContactProposal) Waits() bool { return p != nil && p.Withdrawn == nil }

// ContactCorrection is a change of contacts that two people have made.
type ContactCorrection struct {
	From      []Contact `json:"from"`
	To        []Contact `json:"to"`
	Proposed  Act       `json:"proposed"`
	Confirmed Act       `json:"confirmed"`
	// Ended are the enrollment links that were out to an address which is a technical contact's no longer.
	Ended []EnrollmentID `json:"ended,omitempty"`
}

// ContactEdit says which contacts an account is to have: those of a role that is named become the ones that are given for it, those of
// other roles stay.
type ContactEdit struct {
	Contacts []Contact
	Drop     []ContactRole // roles that are to have nobody
}

// apply returns the whole list as it is to be.
func (e ContactEdit) apply(from []Contact) ([]Contact, error) {
	for _, role := range e.Drop {
		if role != TechnicalContact && role != SecurityContact && role != BusinessContact {
			return nil, FieldErrorf("drop", "%q: must be technical, security or business", Clip(string(role), 40))
		}
		if e.names(role) {
			return nil, FieldErrorf("drop", "%s is named with contacts as well; give either", role)
		}
	}
	var to []Contact
	for _, c := range from {
		if !slices.Contains(e.Drop, c.Role) && !e.names(c.Role) {
			to = append(to, c)
		}
	}
	to = append(to, e.Contacts...)
	if err := checkContacts(to); err != nil {
		return nil, err
	}
	for i, c := range to {
		if slices.ContainsFunc(to[:i], c.sameAs) {
			return nil, FieldErrorf("contacts", "%s is named twice as the %s contact", c.Email, c.Role)
		}
	}
	return to, nil
}

func (e ContactEdit) names(role ContactRole) bool {
	return slices.ContainsFunc(e.Contacts, func(c Contact) bool { return c.Role == role })
}

// sameAs reports whether both are reached at one address for the same things. Mail servers may tell case apart before the @, people do not.
func (c Contact) sameAs(other Contact) bool {
	return c.Role == other.Role && strings.EqualFold(c.Email, other.Email)
}

// ProposeContacts asks for other contacts, which a second person must confirm; it replaces a proposal that still waits.
func (a Account) ProposeContacts(edit ContactEdit, act Act) (Account, error) {
	if err := CheckReason(act.Why); err != nil {
		return a, err
	}
	to, err := edit.apply(a.Contacts)
	if err != nil {
		return a, err
	}
	if slices.Equal(to, a.Contacts) {
		return a, FieldErrorf("contacts", "are as they were; a proposal must change something")
	}
	a.ProposedContacts = &ContactProposal{Contacts: to, Act: act, Replaced: a.ProposedContacts != nil}
	return a, nil
}

// ConfirmContacts puts the proposed contacts into effect. Whoever proposed them cannot confirm them. A proposal that took another's place is
// confirmed only by who names what they read.
func (a Account) ConfirmContacts(act Act, named bool) (Account, error) {
	p := a.ProposedContacts
	switch {
	case !p.Waits():
		return a, Errorf(Conflict, "no change of the contacts of account %s waits for a second person", a.Slug)
	case p.Act.By == act.By:
		return a, Errorf(Forbidden, "you proposed these contacts; a second person must confirm them")
	case p.Replaced && !named:
		return a, errSwapped
	}
	correction := ContactCorrection{From: a.Contacts, To: p.Contacts, Proposed: p.Act, Confirmed: act}
	a.ContactChanges = append(slices.Clone(a.ContactChanges), correction)
	a.Contacts, a.ProposedContacts = p.Contacts, nil
	return a, nil
}

// WithdrawContacts takes a proposal back; nothing has changed by it. Whoever may propose may do so.
func (a Account) WithdrawContacts(act Act) (Account, error) {
	if !a.ProposedContacts.Waits() {
		return a, Errorf(Conflict, "no change of the contacts of account %s waits for a second person", a.Slug)
	}
	withdrawn := *a.ProposedContacts
	withdrawn.Withdrawn = &act
	a.ProposedContacts = &withdrawn
	return a, nil
}

// Told are all who hear of a change: the contacts now and the former ones, each address once.
func (c *ContactCorrection) Told() []Contact {
	told := slices.Clone(c.To)
	for _, was := range c.From {
		if !slices.ContainsFunc(told, func(is Contact) bool { return strings.EqualFold(is.Email, was.Email) }) {
			told = append(told, was)
		}
	}
	return told
}

// Strands reports whether a link that was mailed to these recipients has an address that is no technical contact's any more.
func (c *ContactCorrection) Strands(to []Contact) bool {
	return slices.ContainsFunc(to, func(was Contact) bool {
		return was.Role == TechnicalContact && !slices.ContainsFunc(c.To, was.sameAs)
	})
}
