package gate

import (
	"fmt"
	"slices"
	"time"
)

// ChecklistItem is one thing that a case needs on its way, or had.
type ChecklistItem struct {
	Step ChecklistStep `json:"step"`
	Done bool          `json:"done"`
	Text string        `json:"text"`
	// Device is whose step it is, where it is one device's.
	Device DeviceID `json:"device,omitempty"`
	// Agreement is which one lacks.
	Agreement AgreementKind `json:"agreement,omitempty"`
}

// ChecklistStep names a step, so that programs can say what to do about it.
type ChecklistStep string

// The steps of a case, a closed list.
const (
	RequestStep   ChecklistStep = "request"
	InterviewStep ChecklistStep = "interview"
	RecordingStep ChecklistStep = "recording"
	ConsentStep   ChecklistStep = "consent"
	DemoStep      ChecklistStep = "demo"
	QuestionsStep ChecklistStep = "questions"
	FindingsStep  ChecklistStep = "findings"
	ProfileStep   ChecklistStep = "profile" // brought up to date after a change
	DevicesStep   ChecklistStep = "devices"
	ContractStep  ChecklistStep = "contract"
	AgreementStep ChecklistStep = "agreement"
	DecisionStep  ChecklistStep = "decision"
	ReleaseStep   ChecklistStep = "release"
	EnrollStep    ChecklistStep = "enrollment"
	RecertifyStep ChecklistStep = "recertification"
)

// ChecklistSteps lists them all.
func ChecklistSteps() []ChecklistStep {
	return []ChecklistStep{RequestStep, InterviewStep, RecordingStep, ConsentStep, DemoStep, QuestionsStep, FindingsStep, ProfileStep, DevicesStep,
		ContractStep, AgreementStep, DecisionStep, ReleaseStep, EnrollStep, RecertifyStep}
}

// checklist collects items.
type checklist []ChecklistItem

func (l *checklist) addf(step ChecklistStep, done bool, format string, args ...any) {
	*l = append(*l, ChecklistItem{Step: step, Done: done, Text: fmt.Sprintf(format, args...)})
}

// Checklist is what the case needs on its way, in the order in which it is done. It agrees with Missing: while anything before the
// decision is not done, there is none for the customer. enrolled are the devices that hold a credential.
func (c *Certification) Checklist(contract *Contract, required Requirements, enrolled []DeviceID, now time.Time) []ChecklistItem {
	var l checklist
	l.addf(RequestStep, true, "requested on %s; devices: %d", day(c.Requested.At), len(c.Devices))
	if c.Imported == nil || !c.since().IsZero() {
		c.listInterviews(&l)
		c.listFindings(&l, now)
	}
	if !c.since().IsZero() {
		l.addf(ProfileStep, c.updated(), "the profile and its documents, brought up to date")
	}
	l.addf(DevicesStep, len(c.Devices) > 0, "at least one production device")
	l.addf(ContractStep, contract != nil && contract.State(now) != ContractEnded, "a contract that has not ended")
	if lacking := contract.Lacks(required); len(lacking) == 0 {
		l.addf(AgreementStep, true, "the required agreements are signed")
	} else {
		for _, kind := range lacking {
			l = append(l, ChecklistItem{Step: AgreementStep, Text: "the signed agreement " + string(kind), Agreement: kind})
		}
	}
	c.listDecision(&l)
	if c.Approved != nil && c.Revoked == nil {
		c.listDevices(&l, enrolled)
	}
	if c.RecertifyBy != nil && c.Revoked == nil {
		l.addf(RecertifyStep, false, "a change must be certified by %s", c.RecertifyBy.UTC().Format(time.RFC3339))
	}
	return l
}

func (c *Certification) listInterviews(l *checklist) {
	held := c.evidence()
	switch planned := c.Planned(); {
	case len(held) == 0 && planned != nil:
		l.addf(InterviewStep, false, "the interview is planned for %s", planned.At.UTC().Format(time.RFC3339))
	case len(held) == 0:
		l.addf(InterviewStep, false, "an interview, held and recorded")
	case planned != nil:
		l.addf(InterviewStep, true, "interviewed; a further one is planned for %s", planned.At.UTC().Format(time.RFC3339))
	default:
		l.addf(InterviewStep, true, "interviews held: %d", len(held))
	}
	if len(held) == 0 {
		return
	}
	last := held[len(held)-1]
	l.addf(RecordingStep, last.recorded(), "the reference of the recording")
	l.addf(ConsentStep, last.consented(), "every attendee's consent to the recording")
	l.addf(DemoStep, slices.ContainsFunc(held, func(t *Transcript) bool { return t.DemoShown }), "the demo")
	unanswered := c.unanswered(held)
	l.addf(QuestionsStep, len(unanswered) == 0, "%d of %d questions are answered, or left out for a reason", len(c.asked())-len(unanswered), len(c.asked()))
}

func (c *Certification) listFindings(l *checklist, now time.Time) {
	overdue := 0
	for n := range c.Findings {
		if c.FindingState(n, now) == FindingOverdue {
			overdue++
		}
	}
	if len(c.Findings) > 0 {
		l.addf(FindingsStep, c.openFindings() == 0, "%d of %d findings are closed, %d overdue", len(c.Findings)-c.openFindings(), len(c.Findings), overdue)
	}
}

func (c *Certification) listDecision(l *checklist) {
	switch {
	case c.Revoked != nil:
		l.addf(DecisionStep, true, "revoked on %s: %s", day(c.Revoked.At), c.Revoked.Why)
	case c.Rejected != nil:
		l.addf(DecisionStep, true, "rejected on %s: %s", day(c.Rejected.At), c.Rejected.Why)
	case c.Withdrawn != nil:
		l.addf(DecisionStep, true, "withdrawn on %s: %s", day(c.Withdrawn.At), c.Withdrawn.Why)
	case c.Approved != nil:
		l.addf(DecisionStep, true, "approved on %s", day(c.Approved.At))
	default:
		l.addf(DecisionStep, false, "the approval, by somebody who did not interview")
	}
}

// listDevices says of each device whether it may enroll, and has.
func (c *Certification) listDevices(l *checklist, enrolled []DeviceID) {
	release := "released"
	if c.Released == nil {
		release = "the release, by somebody who did not approve"
		if c.IssuanceDue != nil {
			release += ", due " + c.IssuanceDue.UTC().Format(time.RFC3339)
		}
	}
	l.addf(ReleaseStep, c.Released != nil, "%s", release)
	for _, d := range c.Devices {
		done := slices.Contains(enrolled, d)
		text := "holds a credential"
		if !done {
			text = "the customer has not taken a credential yet"
		}
		*l = append(*l, ChecklistItem{Step: EnrollStep, Done: done, Text: text, Device: d})
	}
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
