package gate

import "time"

// Remediation limits or stops an account, organization, device or credential. It is only ever added and lifted, never edited, and
// commits together with the notice that tells the customer: there is no silent remediation.
type Remediation struct {
	ID      RemediationID `json:"id"`
	Account AccountID     `json:"account"`
	Subject Subject       `json:"subject"`
	Measure Measure       `json:"measure"`
	Limit   *Limit        `json:"limit,omitempty"` // of a throttle: how much its subject may still use, whatever the plan says
	From    time.Time     `json:"from"`
	// PlannedAt is when it was written down, if it begins later than that, as the closing of an account does.
	PlannedAt *time.Time `json:"planned_at,omitempty"`
	Until     *time.Time `json:"until,omitempty"` // nil: until lifted
	By        StaffID    `json:"by"`              // System: certgate itself, by a policy
	Why       string     `json:"why"`
	Notice    NoticeID   `json:"notice"`
	// Policy is why this was done and nothing milder; nil where a person wrote only the reason.
	Policy *PolicyNote `json:"policy,omitempty"`
	Lifted *Lifting    `json:"lifted,omitempty"`
}

// Lifting ends a remediation.
type Lifting struct {
	At      time.Time `json:"at"`
	By      StaffID   `json:"by"`
	Why     string    `json:"why"`
	Mistake bool      `json:"mistake,omitempty"` // undone by whoever imposed it, within UndoWindow
	Notice  NoticeID  `json:"notice"`
}

// Measure is what a remediation does.
type Measure string

// The measures, from the mildest.
const (
	Throttle  Measure = "throttle"  // lets through less than the plan, until lifted or ended
	Suspend   Measure = "suspend"   // refuses until lifted or ended
	Terminate Measure = "terminate" // refuses for good
)

// UndoWindow is how long whoever suspended may undo it alone as a mistake; later a second person reinstates.
const UndoWindow = 15 * time.Minute

// SubjectKind says what a remediation is about.
type SubjectKind string

// The kinds of subject, from the widest.
const (
	AccountSubject      SubjectKind = "account"
	OrganizationSubject SubjectKind = "organization"
	DeviceSubject       SubjectKind = "device"
	KeySubject          SubjectKind = "key"
	CertificateSubject  SubjectKind = "certificate"
)

// Subject names one account, organization, device, key or certificate by identifier.
type Subject struct {
	Kind SubjectKind `json:"kind"`
	ID   string      `json:"id"`
}

// InForce reports whether the remediation acts at now.
func (r *Remediation) InForce(now time.Time) bool {
	if now.Before(r.From) || r.Until != nil && !now.Before(*r.Until) {
		return false
	}
	return r.Lifted == nil || now.Before(r.Lifted.At)
}

// Planned reports whether the remediation was planned ahead and is still to come.
func (r *Remediation) Planned(now time.Time) bool {
	return r.PlannedAt != nil && now.Before(r.From) && (r.Lifted == nil || now.Before(r.Lifted.At))
}

// imposed is when it was written down: for one that was planned ahead, before it began.
func (r *Remediation) imposed() time.Time {
	if r.PlannedAt != nil {
		return *r.PlannedAt
	}
	return r.From
}

// Lift ends a suspension, or calls off what is only planned: a termination that has begun is for good. Who imposed it may do so alone within UndoWindow, as a mistake; otherwise a second person must.
func (r Remediation) Lift(l Lifting) (Remediation, error) {
	switch {
	case r.Lifted != nil:
		return r, Errorf(Conflict, "remediation %s was lifted already", r.ID)
	case r.Measure == Terminate && !r.Planned(l.At):
		return r, Errorf(Conflict, "%s %s is terminated, which is for good", r.Subject.Kind, r.Subject.ID)
	case !r.InForce(l.At) && !r.Planned(l.At):
		return r, Errorf(Conflict, "remediation %s is not in force", r.ID)
	}
	if err := CheckReason(l.Why); err != nil {
		return r, err
	}
	l.Mistake = l.By == r.By
	if l.Mistake && l.At.Sub(r.imposed()) > UndoWindow {
		return r, Errorf(Forbidden, "you imposed this remediation more than %d minutes ago; somebody else must lift it", int(UndoWindow.Minutes()))
	}
	r.Lifted = &l
	return r, nil
}

// Status is what the remediations in force come to; the strictest wins.
type Status int

// The statuses of an account, organization, device or credential.
const (
	Normal Status = iota
	Throttled
	Suspended
	Terminated
)

// String returns the status' name.
func (s Status) String() string {
	return [...]string{"normal", "throttled", "suspended", "terminated"}[s]
}

// Status is what a measure comes to while it is in force. One that nobody knows suspends.
func (m Measure) Status() Status {
	switch m {
	case Throttle:
		return Throttled
	case Suspend:
	case Terminate:
		return Terminated
	}
	return Suspended
}

// Check reports the first thing wrong with a measure and its limit. A throttle limits the whole of its subject, by rate, day or calls at once.
func (m Measure) Check(l *Limit) error {
	switch m {
	case Suspend, Terminate:
		if l != nil {
			return FieldErrorf("limit", "belongs to a throttle; %s lets nothing through", m)
		}
		return nil
	case Throttle:
	default:
		return FieldErrorf("measure", "%q: must be throttle, suspend or terminate", Clip(string(m), 40))
	}
	if l == nil {
		return FieldErrorf("limit", "is missing: a throttle says how much is still let through, such as rate 10/60s")
	}
	if l.Kind != RateLimit && l.Kind != DayLimit && l.Kind != ConcurrencyLimit || l.Per != "" || l.Behavior != "" {
		return FieldErrorf("limit", "%s: of a throttle it is a rate, day or concurrency, for all calls of its subject", l)
	}
	return InField("limit", l.check(nil))
}

// StatusOf is the strictest that the remediations come to at now.
func StatusOf(list []*Remediation, now time.Time) Status {
	status := Normal
	for _, r := range list {
		if !r.InForce(now) {
			continue
		}
		status = max(status, r.Measure.Status())
	}
	return status
}
