package gate

import "time"

// Loss is one time that the store was found older than a checkpoint that is kept outside: it is a correct store of an earlier day. Until the
// newest one is put in its place, or two people accept what is lost, nothing is let through. What was revoked since would be let through again.
type Loss struct {
	ID    LossID    `json:"id"`
	Lost  LostPart  `json:"lost"`
	Since time.Time `json:"since"` // when the last event that is left was made
	// FoundAt is when a start found it.
	FoundAt  time.Time     `json:"found_at"`
	Proposed *LossProposal `json:"proposed,omitempty"`
	Accepted *Act          `json:"accepted,omitempty"`
	Event    int64         `json:"event,omitempty"` // number of the event that accepted it
}

// LostPart says which events are lost. It stands in the log as well, so that whoever holds a checkpoint of them is shown what became of them.
type LostPart struct {
	// Kept is how many events are left; Size how many the newest checkpoint outside has, and Root that of the tree of them.
	Kept int64       `json:"kept"`
	Size int64       `json:"size"`
	Root Fingerprint `json:"root"`
	// Until is when the latest of the checkpoints outside was signed.
	Until time.Time `json:"until"`
}

// LossProposal is the wish of one person to go on without what is lost.
type LossProposal struct {
	Act      Act  `json:"act"`
	Replaced bool `json:"replaced,omitempty"` // another stood here before, as with [Proposal]
}

// Missing is how many events are lost.
func (l LostPart) Missing() int64 { return l.Size - l.Kept }

// Covers reports whether a checkpoint of so many events, signed at a time, is one of the history that is lost.
func (l LostPart) Covers(size int64, at time.Time) bool {
	return size > l.Kept && size <= l.Size && !at.IsZero() && !at.After(l.Until)
}

// Propose asks that the loss be accepted; a second person must confirm it.
func (l Loss) Propose(lost LostPart, act Act) (Loss, error) {
	if l.Accepted != nil {
		return l, Errorf(Conflict, "the loss was accepted already, in event %d", l.Event)
	}
	if err := CheckReason(act.Why); err != nil {
		return l, err
	}
	l.Lost, l.Proposed = lost, &LossProposal{Act: act, Replaced: l.Proposed != nil}
	return l, nil
}

// Accept accepts the loss. Whoever proposed it cannot; a proposal that took another's place is confirmed only by who names what they read.
func (l Loss) Accept(act Act, named bool) (Loss, error) {
	switch {
	case l.Accepted != nil:
		return l, Errorf(Conflict, "the loss was accepted already, in event %d", l.Event)
	case l.Proposed == nil:
		return l, Errorf(Conflict, "nobody has proposed to accept the loss")
	case l.Proposed.Act.By == act.By:
		return l, Errorf(Forbidden, "you proposed this; a second admin must confirm it")
	case l.Proposed.Replaced && !named:
		return l, errSwapped
	}
	l.Accepted = &act
	return l, nil
}

// Stops reports whether an event of the verb only takes something away, tends to the loss itself, or opens an incident, which gives nobody
// anything: nothing else happens to a store that may lack what was decided last.
func (v Verb) Stops() bool {
	switch v { //nolint:exhaustive // everything else may give something
	case RemediationImposed, CredentialRevoked, CertificationWasRevoked, ContractEndedEarly, EnrollmentWasCanceled,
		StaffDisabled, StaffCertificateRevoked, AccountClosing, IncidentOpened,
		TrustRewritten, StoreQuarantined, LossProposed, LossAccepted:
		return true
	}
	return false
}
