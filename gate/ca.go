package gate

import "time"

// CAChange is what is proposed for a CA, and takes two people.
type CAChange string

// The changes to a CA that a second person must confirm, a closed list.
const (
	CAIssue  CAChange = "issue"  // a standby begins to issue
	CARetire CAChange = "retire" // it is no anchor any more, although certificates under it have not ended
	CAAllow  CAChange = "allow"  // of a customer's own: certificates of it may be brought, and its revocation list is read
)

// CAProposal is a change to a CA that waits for a second admin.
type CAProposal struct {
	Change      CAChange `json:"change"`
	Compromised bool     `json:"compromised,omitempty"` // its key may be in other hands; only with CARetire
	Act         Act      `json:"act"`
	Replaced    bool     `json:"replaced,omitempty"`  // another stood here before, as with [Proposal]
	Withdrawn   *Act     `json:"withdrawn,omitempty"` // kept, so that the next one counts as a replacement: who read this one must not confirm that
	// Allowance is what is proposed with CAAllow; its Act and Confirmed are set when it is confirmed.
	Allowance *Allowance `json:"allowance,omitempty"`
}

// Waits reports whether the proposal may still be confirmed.
func (p *CAProposal) Waits() bool { return p != nil && p.Withdrawn == nil }

// CARequest is a signing request for the standby that comes next. Its key was made here and never leaves; the root that signs it lies elsewhere.
type CARequest struct {
	CSR       []byte      `json:"csr"`        // PKCS #10, DER
	PublicKey Fingerprint `json:"public_key"` // SHA-256 of the SubjectPublicKeyInfo
	SealedKey []byte      `json:"sealed_key"` // PKCS #8, sealed; only the store can open it
	At        time.Time   `json:"at"`
	By        StaffID     `json:"by"`
}

// Standby reports whether the CA is ours and trusted at now, and has not begun to issue.
func (a *CA) Standby(now time.Time) bool {
	return a.Imported == nil && a.Anchors(now) && a.IssuesFrom == nil
}

// Propose asks for a change; a second person must confirm it.
func (a CA) Propose(p CAProposal) (CA, error) {
	if err := CheckReason(p.Act.Why); err != nil {
		return a, err
	}
	if err := a.may(p.Change, p.Act.At); err != nil {
		return a, err
	}
	p.Replaced = a.Proposal != nil
	a.Proposal = &p
	return a, nil
}

// may says why the change cannot be made to the CA.
func (a *CA) may(change CAChange, now time.Time) error {
	switch {
	case a.Retired != nil:
		return Errorf(Conflict, "this CA was retired on %s; a retired one never comes back", a.Retired.At.UTC().Format(time.DateOnly))
	case a.Imported.Waits() && !a.introduced():
		return Errorf(Conflict, "this CA is part of import %s, which waits: confirm or reject that", a.Imported.Import.ID)
	case change == CAAllow && a.Imported == nil:
		return Errorf(Conflict, "this CA is one of ours: what it issues is enrolled, and needs no allowance")
	case change == CAIssue && !a.Standby(now):
		return Errorf(Conflict, "this CA is no standby; only a standby can begin to issue")
	}
	return nil
}

// Confirm makes the change that another person proposed, by the rules of [Staff.Confirm].
func (a CA) Confirm(act Act, named bool) (CA, error) {
	switch p := a.Proposal; {
	case !p.Waits():
		return a, Errorf(Conflict, "there is nothing to confirm for this CA")
	case p.Act.By == act.By:
		return a, Errorf(Forbidden, "you proposed this; a second admin must confirm it")
	case p.Replaced && !named:
		return a, errSwapped
	}
	p := *a.Proposal
	if err := a.may(p.Change, act.At); err != nil {
		return a, err
	}
	switch p.Change {
	case CAIssue:
		return a.Issue(act.At), nil
	case CAAllow:
		return a.allow(p, act)
	case CARetire:
	}
	act.Why = p.Act.Why
	a, err := a.Retire(act)
	a.Compromised = p.Compromised
	return a, err
}

// Withdraw takes a proposal back before it is confirmed. Who proposed it may, and so may any other who could confirm it.
func (a CA) Withdraw(act Act) (CA, error) {
	if !a.Proposal.Waits() || a.Retired != nil {
		return a, Errorf(Conflict, "there is nothing to withdraw for this CA")
	}
	p := *a.Proposal
	p.Withdrawn = &act
	a.Proposal = &p
	return a, nil
}

// Issue lets a standby issue from now on.
func (a CA) Issue(now time.Time) CA {
	a.IssuesFrom, a.Proposal = &now, nil
	return a
}

// Retire makes the CA no anchor any more, for good.
func (a CA) Retire(act Act) (CA, error) {
	if err := CheckReason(act.Why); err != nil {
		return a, err
	}
	if err := a.may(CARetire, act.At); err != nil {
		return a, err
	}
	a.Retired, a.Proposal, a.Request = &Ending{At: act.At, By: act.By, Why: act.Why}, nil, nil
	return a, nil
}
