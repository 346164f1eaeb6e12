package gate

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Certification is one case: an integration is shown to OneRecord's staff in a recorded interview, judged, and released. The record
// keeps the facts; State derives where the case stands.
type Certification struct {
	ID        CertificationID `json:"id"`
	Account   AccountID       `json:"account"`
	Contract  ContractID      `json:"contract"` // it ends with this contract's term, unless it is carried over
	Devices   []DeviceID      `json:"devices"`  // production devices that it covers; one on no list is refused
	Profile   Profile         `json:"profile"`  // frozen by approval
	Requested Act             `json:"requested"`
	// Questions is the version of the list that it is asked, see Questions.
	Questions  int              `json:"questions,omitempty"`
	Written    []WrittenAnswers `json:"written,omitempty"` // oldest first
	Interviews []Interview      `json:"interviews"`
	Findings   []Finding        `json:"findings"`
	Evidence   []Evidence       `json:"evidence,omitempty"` // oldest first
	Approved   *Act             `json:"approved,omitempty"`
	Imported   *PastApproval    `json:"imported,omitempty"` // approved before certgate; Approved says who imported it
	Rejected   *Act             `json:"rejected,omitempty"`
	Withdrawn  *Act             `json:"withdrawn,omitempty"`
	// IssuanceDue is until when the approved case is to be released, as it was counted when it was approved; it stops with Released.
	IssuanceDue *time.Time `json:"issuance_due,omitempty"`
	Released    *Act       `json:"released,omitempty"`
	EnrolledAt  *time.Time `json:"enrolled_at,omitempty"` // the customer took its first production credential
	// RecertifyBy is set by a material change: after it the certification has lapsed until the change has been certified.
	RecertifyBy *time.Time `json:"recertify_by,omitempty"`
	Revoked     *Ending    `json:"revoked,omitempty"`

	Carried     []Carrying        `json:"carried,omitempty"`     // to further terms, oldest first
	Joined      []Joining         `json:"joined,omitempty"`      // devices that came later, oldest first
	Changes     []ChangeReport    `json:"changes,omitempty"`     // what was reported to have changed, oldest first
	Demanded    *Act              `json:"demanded,omitempty"`    // the latest demand behind RecertifyBy
	Update      *ProfileUpdate    `json:"update,omitempty"`      // waits to be certified
	Recertified []Recertification `json:"recertified,omitempty"` // oldest first
}

// Act is what one person did, when, and why.
type Act struct {
	By  StaffID   `json:"by"`
	At  time.Time `json:"at"`
	Why string    `json:"why,omitempty"`
}

// Profile is what the customer declares and staff certify. In production a call must be inside it and inside the contract.
type Profile struct {
	Grant       Grant  `json:"grant"`
	Hosting     string `json:"hosting"`      // where the integration runs
	KeyStorage  string `json:"key_storage"`  // how key and private key are kept
	DailyVolume int64  `json:"daily_volume"` // expected calls a day
	// Networks are those that calls come from. They are declared to be looked at; what may call is settled by the devices' addresses.
	Networks []netip.Prefix `json:"networks,omitempty"`
}

// CertificationState is derived from a case, its contract and now.
type CertificationState int

// The states of a certification.
const (
	Requested CertificationState = iota
	Scheduled
	Interviewed
	IssuesFound
	FollowUpScheduled
	Approved
	Released
	InForce
	Ended
	Lapsed
	CertificationRevoked
	Rejected
	Withdrawn
	certificationStates
)

var certificationNames = [...]string{"requested", "scheduled", "interviewed", "issues-found", "follow-up-scheduled",
	"approved", "released", "in-force", "ended", "lapsed", "revoked", "rejected", "withdrawn"}

// String returns the state's name.
func (s CertificationState) String() string { return certificationNames[s] }

// CertificationStates lists them all.
func CertificationStates() []CertificationState {
	all := make([]CertificationState, certificationStates)
	for i := range all {
		all[i] = CertificationState(i)
	}
	return all
}

// State is where the case stands at now; contract is the term of its own that counts (see Term), nil if there is none.
func (c *Certification) State(contract *Contract, now time.Time) CertificationState {
	switch {
	case c.Revoked != nil: // whatever the clock says, as with keys
		return CertificationRevoked
	case c.Rejected != nil:
		return Rejected
	case c.Withdrawn != nil:
		return Withdrawn
	case c.Approved == nil:
		return c.openState()
	case contract == nil || !c.Under(contract.ID) || contract.endedBy(now):
		return Ended
	case c.RecertifyBy != nil && !now.Before(*c.RecertifyBy):
		return Lapsed
	case c.EnrolledAt != nil && c.Released != nil:
		return InForce
	case c.Released != nil:
		return Released
	}
	return Approved
}

func (c *Certification) openState() CertificationState {
	held, planned := false, false
	for i := range c.Interviews {
		held = held || c.Interviews[i].Held != nil
		planned = planned || c.Interviews[i].Planned()
	}
	switch {
	case planned && held:
		return FollowUpScheduled
	case planned:
		return Scheduled
	case !held:
		return Requested
	case c.openFindings() > 0:
		return IssuesFound
	}
	return Interviewed
}

// Covers reports whether the device is on the case's list.
func (c *Certification) Covers(d DeviceID) bool { return slices.Contains(c.Devices, d) }

// open refuses what can only be done before a decision.
func (c *Certification) open() error {
	switch {
	case c.Approved != nil:
		return Errorf(Conflict, "certification %s is approved already; a change needs a new case", c.ID)
	case c.Rejected != nil:
		return Errorf(Conflict, "certification %s was rejected; request a new case", c.ID)
	case c.Withdrawn != nil:
		return Errorf(Conflict, "certification %s was withdrawn; request a new case", c.ID)
	}
	return nil
}

// clone copies what transitions change, so that the value handed in stays as it was.
func (c Certification) clone() Certification {
	c.Devices = slices.Clone(c.Devices)
	c.Interviews = slices.Clone(c.Interviews)
	c.Written = slices.Clone(c.Written)
	c.Findings = slices.Clone(c.Findings)
	c.Evidence = slices.Clone(c.Evidence)
	c.Carried = slices.Clone(c.Carried)
	c.Joined = slices.Clone(c.Joined)
	c.Changes = slices.Clone(c.Changes)
	c.Recertified = slices.Clone(c.Recertified)
	return c
}

// Missing names everything that keeps the case from approval or, where a change has to be certified, from that; empty means that it may
// be approved.
func (c *Certification) Missing(contract *Contract, required Requirements, now time.Time) []string {
	var missing []string
	need := func(ok bool, what string) {
		if !ok {
			missing = append(missing, what)
		}
	}
	held := c.evidence()
	need(len(held) > 0, "an interview that was held and recorded")
	if len(held) > 0 {
		last := held[len(held)-1]
		need(last.recorded(), "the reference of the recording")
		need(last.consented(), "every attendee's consent to the recording")
		need(slices.ContainsFunc(held, func(t *Transcript) bool { return t.DemoShown }), "the demo")
		for _, q := range c.unanswered(held) {
			need(false, "an answer to, or a reason to leave out, "+q.ID+": "+q.Text)
		}
	}
	for _, f := range c.Findings {
		need(f.Closed != nil, "the finding to be closed: "+f.Text)
	}
	need(c.since().IsZero() || c.updated(), "the profile and its documents, brought up to date")
	need(len(c.Devices) > 0, "at least one production device")
	need(contract != nil && contract.State(now) != ContractEnded, "a contract that has not ended")
	for _, kind := range contract.Lacks(required) {
		need(false, "the signed agreement "+string(kind))
	}
	return missing
}

// evidence are the interviews held that count: the last, and of the earlier ones those that were recorded with everybody's consent. In a
// recertification those before it do not count.
func (c *Certification) evidence() []*Transcript {
	var held []*Transcript
	since := c.since()
	for i := range c.Interviews {
		t := c.Interviews[i].Held
		if t == nil || c.Interviews[i].At.Before(since) {
			continue
		}
		if n := len(held); n > 0 && (!held[n-1].recorded() || !held[n-1].consented()) {
			held = held[:n-1]
		}
		held = append(held, t)
	}
	return held
}

// Interviewed reports whether the staff member did the interviewer's part in the case: held an interview, recorded it, wrote answers down, or settled
// what it found wanting, without which one person could settle all findings and then approve.
func (c *Certification) Interviewed(by StaffID) bool {
	if slices.ContainsFunc(c.Findings, func(f Finding) bool { return f.settledBy(by) }) {
		return true
	}
	if slices.ContainsFunc(c.Written, func(w WrittenAnswers) bool { return w.Act.By == by }) {
		return true
	}
	return slices.ContainsFunc(c.Interviews, func(v Interview) bool {
		return !v.Canceled && !v.Missed && v.Interviewer == by || v.Held != nil && (v.Held.By == by || v.Held.attachedBy(by))
	})
}

// Approve decides the case for the customer and freezes the profile. Nobody who interviewed approves.
func (c Certification) Approve(contract *Contract, required Requirements, act Act) (Certification, error) {
	if err := c.open(); err != nil {
		return c, err
	}
	if c.Interviewed(act.By) {
		return c, Errorf(Forbidden, "you interviewed in this case; somebody else must approve it")
	}
	if act.Why != "" { // not asked for, but it is read by the same people in the same places as any other
		if err := CheckReason(act.Why); err != nil {
			return c, err
		}
	}
	if err := c.complete("approved", c.Missing(contract, required, act.At)); err != nil {
		return c, err
	}
	c.Approved = &act
	return c, nil
}

// complete refuses while something is missing.
func (c *Certification) complete(what string, missing []string) error {
	if len(missing) > 0 {
		return Errorf(Conflict, "certification %s cannot be %s; missing: %s", c.ID, what, strings.Join(missing, "; "))
	}
	return nil
}

// Reject decides the case against the customer.
func (c Certification) Reject(act Act) (Certification, error) {
	if err := c.open(); err != nil {
		return c, err
	}
	if c.Interviewed(act.By) {
		return c, Errorf(Forbidden, "you interviewed in this case; somebody else must decide it")
	}
	if err := CheckReason(act.Why); err != nil {
		return c, err
	}
	c.Rejected = &act
	return c, nil
}

// Withdraw ends an undecided case at the customer's wish.
func (c Certification) Withdraw(act Act) (Certification, error) {
	if err := c.open(); err != nil {
		return c, err
	}
	if err := CheckReason(act.Why); err != nil {
		return c, err
	}
	c.Withdrawn = &act
	return c, nil
}

// Release lets the customer enroll. Who approved does not release.
func (c Certification) Release(contract *Contract, act Act) (Certification, error) {
	switch state := c.State(contract, act.At); {
	case state != Approved && state != Released && state != InForce:
		return c, Errorf(Conflict, "certification %s is %s; only an approved one can be released", c.ID, state)
	case c.Approved.By == act.By:
		return c, Errorf(Forbidden, "you approved this case; somebody else must release it")
	}
	if c.Released == nil {
		c.Released = &act
	}
	return c, nil
}

// Enroll notes that the customer has taken a credential; from the first on the case is in force. Before release there is none to
// take, and nothing is noted.
func (c Certification) Enroll(now time.Time) Certification {
	if c.EnrolledAt == nil && c.Released != nil {
		c.EnrolledAt = &now
	}
	return c
}

// Revoke ends an approved certification for cause.
func (c Certification) Revoke(act Act) (Certification, error) {
	if c.Approved == nil {
		return c, Errorf(Conflict, "certification %s is not approved; reject it instead", c.ID)
	}
	if c.Revoked != nil {
		return c, Errorf(Conflict, "certification %s is revoked already", c.ID)
	}
	if err := CheckReason(act.Why); err != nil {
		return c, err
	}
	c.Revoked = &Ending{At: act.At, By: act.By, Why: act.Why}
	return c, nil
}
