package gate

import (
	"slices"
	"time"
)

// Incident is abuse or unauthorized activity that people look into: what it is about, what was noted, and what was imposed for it. It stops
// nobody by itself, and is no HIPAA security incident (45 CFR 164.304) before a person marks it as one. Of one that
// a customer was told of it learns the identifier and how its appeal stands, nothing else.
type Incident struct {
	ID      IncidentID `json:"id"`
	Account AccountID  `json:"account"`
	// Device is the one that Subject is or belongs to; empty for an account or organization.
	Device  DeviceID       `json:"device,omitempty"`
	Subject Subject        `json:"subject"` // the narrowest that is known
	Origin  IncidentOrigin `json:"origin"`
	Opened  Act            `json:"opened"`
	Notes   []Act          `json:"notes,omitempty"` // oldest first; what was found or done is in their Why
	// Remediations are those that were imposed for it, oldest first.
	Remediations []RemediationID `json:"remediations,omitempty"`
	// Security is a person's mark that it is a security incident. It is never taken back.
	Security *Act             `json:"security,omitempty"`
	Closed   *IncidentClosing `json:"closed,omitempty"`

	// Evidence is what rules found, oldest first, and MoreEvidence how much more than is kept.
	Evidence     []Detection     `json:"evidence,omitempty"`
	MoreEvidence int             `json:"more_evidence,omitempty"`
	Steps        []Step          `json:"steps,omitempty"` // up the ladder, oldest first
	Holds        []Hold          `json:"holds,omitempty"`
	Appeals      []Appeal        `json:"appeals,omitempty"`
	Plan         *CorrectivePlan `json:"plan,omitempty"`
	Barred       *Bar            `json:"barred,omitempty"`
}

// IncidentClosing ends an incident.
type IncidentClosing struct {
	Act     Act             `json:"act"`
	Outcome IncidentOutcome `json:"outcome"`
	// Stays says that what rules saw is harmless and has come to stay, so that it is what is usual from then on. Only of one that was detected
	// and is benign.
	Stays bool `json:"stays,omitempty"`
}

// IncidentOrigin says how an incident came to be known.
type IncidentOrigin string

// The origins, a closed list.
const (
	IncidentDetected IncidentOrigin = "detected" // seen in what certgate counts and decides
	IncidentReported IncidentOrigin = "reported" // told by somebody
	IncidentLeak     IncidentOrigin = "leak"     // a credential was reported as known to others
)

// IncidentOrigins are those that a person may give; a leak comes with the report of one.
func IncidentOrigins() []IncidentOrigin { return []IncidentOrigin{IncidentDetected, IncidentReported} }

// IncidentOutcome says what an incident came to.
type IncidentOutcome string

// The outcomes, a closed list.
const (
	IncidentConfirmed  IncidentOutcome = "confirmed"
	IncidentFalseAlarm IncidentOutcome = "false-alarm" // what was seen did not happen
	IncidentBenign     IncidentOutcome = "benign"      // it happened, and was allowed or harmless
	// IncidentFaded is what certgate closes as by itself: nothing more was seen, and nobody has judged what was.
	IncidentFaded IncidentOutcome = "faded"
)

// IncidentOutcomes are those that a person may give.
func IncidentOutcomes() []IncidentOutcome {
	return []IncidentOutcome{IncidentConfirmed, IncidentFalseAlarm, IncidentBenign}
}

// IncidentState is derived from an incident.
type IncidentState string

// The states of an incident, a closed list.
const (
	IncidentIsOpen     IncidentState = "open"
	IncidentIsHeld     IncidentState = "held"     // nothing happens by itself
	IncidentIsAppealed IncidentState = "appealed" // an appeal waits for its answer
	IncidentIsClosed   IncidentState = "closed"
)

// String returns the state's name.
func (s IncidentState) String() string { return string(s) }

// IncidentStates lists them all.
func IncidentStates() []IncidentState {
	return []IncidentState{IncidentIsOpen, IncidentIsHeld, IncidentIsAppealed, IncidentIsClosed}
}

// Bounds of one record, which must stay well below what the store takes.
const (
	maxIncidentNotes        = 200
	maxIncidentRemediations = 200
)

// State is the incident's state.
func (i *Incident) State() IncidentState {
	switch {
	case i.Closed != nil:
		return IncidentIsClosed
	case i.OpenAppeal() != nil:
		return IncidentIsAppealed
	case i.Held() != nil:
		return IncidentIsHeld
	}
	return IncidentIsOpen
}

// CheckIncidentText refuses a text without content, or with a key in it: what is written of an incident stays for good.
func CheckIncidentText(why string) error {
	if ContainsKey(why) {
		return FieldErrorf("why", "holds a key; say which by its identifier (key_...), and report it as leaked")
	}
	return CheckReason(why)
}

// Open is the incident as it begins.
func (i Incident) Open(act Act) (Incident, error) {
	if err := CheckIncidentText(act.Why); err != nil {
		return i, err
	}
	if i.Origin != IncidentLeak && !slices.Contains(IncidentOrigins(), i.Origin) {
		return i, FieldErrorf("origin", "%q: must be one of %s", Clip(string(i.Origin), 40), join(IncidentOrigins(), ", "))
	}
	i.Opened = act
	return i, nil
}

// standing refuses what only an open incident takes.
func (i *Incident) standing() error {
	if c := i.Closed; c != nil {
		return Errorf(Conflict, "incident %s was closed as %s on %s; open a new one that names it", i.ID, c.Outcome, c.Act.At.UTC().Format(time.DateOnly))
	}
	return nil
}

// Note adds what was found or done.
func (i Incident) Note(act Act) (Incident, error) {
	if err := i.standing(); err != nil {
		return i, err
	}
	if err := CheckIncidentText(act.Why); err != nil {
		return i, err
	}
	if len(i.Notes) >= maxIncidentNotes {
		return i, Errorf(Conflict, "incident %s has %d notes, and takes no more; close it and open a new one that names it", i.ID, maxIncidentNotes)
	}
	i.Notes = append(slices.Clone(i.Notes), act)
	return i, nil
}

// Impose notes that a remediation was imposed for the incident.
func (i Incident) Impose(r *Remediation) (Incident, error) {
	if err := i.standing(); err != nil {
		return i, err
	}
	if i.Account != r.Account {
		return i, Errorf(Conflict, "incident %s is about another account", i.ID)
	}
	if len(i.Remediations) >= maxIncidentRemediations {
		return i, Errorf(Conflict, "incident %s names %d remediations, and takes no more; leave it out", i.ID, maxIncidentRemediations)
	}
	i.Remediations = append(slices.Clone(i.Remediations), r.ID)
	return i, nil
}

// MarkSecurity says that it is a security incident. What follows from that is for people; the mark stays.
func (i Incident) MarkSecurity(act Act) (Incident, error) {
	if err := i.standing(); err != nil {
		return i, err
	}
	if i.Security != nil {
		return i, Errorf(Conflict, "incident %s is marked as a security incident already", i.ID)
	}
	if err := CheckIncidentText(act.Why); err != nil {
		return i, err
	}
	i.Security = &act
	return i, nil
}

// Close ends it. What was imposed for it stays in force until it is lifted or ends by itself.
func (i Incident) Close(c IncidentClosing) (Incident, error) {
	if err := i.standing(); err != nil {
		return i, err
	}
	switch {
	case c.Act.By == System:
		if i.Touched() || c.Outcome != IncidentFaded {
			return i, Errorf(Conflict, "incident %s: people deal with it, and only they close it", i.ID)
		}
	case i.OpenAppeal() != nil:
		return i, Errorf(Conflict, "an appeal against incident %s waits for its answer; answer it first", i.ID)
	case i.Plan != nil && i.Plan.Done == nil:
		return i, Errorf(Conflict, "incident %s has a plan that is due on %s; say that it is done first", i.ID, i.Plan.Due)
	case i.barring(c.Act.At):
		return i, Errorf(Conflict, "incident %s bars until %s what was imposed for it, and stays open so that it can be appealed against", i.ID, i.Barred.Until.Format(time.RFC3339))
	case c.Stays && (c.Outcome != IncidentBenign || i.Origin != IncidentDetected):
		return i, FieldErrorf("stays", "is only of an incident that rules detected and that is benign: what they saw is usual from then on")
	case !slices.Contains(IncidentOutcomes(), c.Outcome):
		return i, FieldErrorf("outcome", "%q: must be one of %s", Clip(string(c.Outcome), 40), join(IncidentOutcomes(), ", "))
	}
	if err := CheckIncidentText(c.Act.Why); err != nil {
		return i, err
	}
	i.Closed = &c
	return i, nil
}

// RecordKind implements Record.
func (*Incident) RecordKind() RecordKind { return IncidentRecord }

// RecordID implements Record.
func (i *Incident) RecordID() string { return string(i.ID) }
