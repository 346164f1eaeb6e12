package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Finding is what an interview, or a look at the evidence, found wanting. It must be closed before approval; until then the customer
// answers it in writing, or a follow-up interview takes it up.
type Finding struct {
	Text     string   `json:"text"`
	Question string   `json:"question,omitempty"` // that nobody could answer
	Severity Severity `json:"severity,omitempty"` // older findings have none
	// Due is the last instant for the customer's answer; older findings have none.
	Due       *time.Time      `json:"due,omitempty"`
	Interview InterviewID     `json:"interview,omitempty"` // that yielded it
	Raised    Act             `json:"raised"`
	Answers   []FindingAnswer `json:"answers,omitempty"` // oldest first
	Closed    *Act            `json:"closed,omitempty"`
}

// FindingAnswer is what the customer answered to a finding in writing, as staff wrote it down.
type FindingAnswer struct {
	Text     string    `json:"text,omitempty"`
	Document Document  `json:"document,omitzero"` // that was sent with it, or holds it
	CameIn   time.Time `json:"came_in"`
	Act      Act       `json:"act"` // who wrote it down, and when
}

// Severity says how much a finding weighs. Every one must be closed; it says which first.
type Severity string

// The severities, a closed list.
const (
	LowSeverity      Severity = "low"
	MediumSeverity   Severity = "medium"
	HighSeverity     Severity = "high"
	CriticalSeverity Severity = "critical"
)

// Severities lists them all, the lightest first.
func Severities() []Severity {
	return []Severity{LowSeverity, MediumSeverity, HighSeverity, CriticalSeverity}
}

// AnswerDays is how long a customer has to answer a finding for which no time was set. MaxAnswerDays is the longest.
const (
	AnswerDays    = 14
	MaxAnswerDays = 366
)

// FindingState is derived from a finding, the interviews of its case, and now.
type FindingState int

// The states of a finding.
const (
	FindingOpen     FindingState = iota
	FindingOverdue               // the answer is
	FindingFollowUp              // a planned interview takes it up
	FindingAnswered              // in writing, or an interview took it up: staff must settle it
	FindingIsClosed
	findingStates
)

var findingNames = [...]string{"open", "overdue", "follow-up", "answered", "closed"}

// String returns the state's name.
func (s FindingState) String() string { return findingNames[s] }

// FindingStates lists them all.
func FindingStates() []FindingState {
	all := make([]FindingState, findingStates)
	for i := range all {
		all[i] = FindingState(i)
	}
	return all
}

// FindingState is how the n-th finding stands at now.
func (c *Certification) FindingState(n int, now time.Time) FindingState {
	f := &c.Findings[n]
	answered := len(f.Answers) > 0
	for i := range c.Interviews {
		v := &c.Interviews[i]
		switch {
		case !slices.Contains(v.Findings, n):
		case v.Planned() && f.Closed == nil:
			return FindingFollowUp
		case v.Held != nil:
			answered = true
		}
	}
	switch {
	case f.Closed != nil:
		return FindingIsClosed
	case answered:
		return FindingAnswered
	case f.Due != nil && now.After(*f.Due):
		return FindingOverdue
	}
	return FindingOpen
}

// NewFinding is a finding as it is raised.
type NewFinding struct {
	Text     string   `json:"text"`
	Severity Severity `json:"severity"`
	// Due is a day, to the end of which in its zone the customer may answer, or an instant (RFC 3339); empty is AnswerDays.
	Due string `json:"due,omitempty"`
}

// Wanting is what was found wanting at once.
type Wanting struct {
	Findings []NewFinding
	Zone     *time.Location // the customer's; nil is UTC
}

// raise checks the findings and makes them.
func (w Wanting) raise(act Act) ([]Finding, error) {
	list := make([]Finding, 0, len(w.Findings))
	for i := range w.Findings {
		f, err := w.Findings[i].raise(act, w.Zone)
		if err != nil {
			return nil, InField(fmt.Sprintf("findings[%d]", i), err)
		}
		list = append(list, f)
	}
	return list, nil
}

func (n *NewFinding) raise(act Act, zone *time.Location) (Finding, error) {
	f := Finding{Text: n.Text, Severity: n.Severity, Raised: act}
	if err := checkText("text", n.Text, 2000); err != nil {
		return f, err
	}
	if !slices.Contains(Severities(), n.Severity) {
		return f, FieldErrorf("severity", "%q: must be one of %s", Clip(string(n.Severity), 40), join(Severities(), ", "))
	}
	if n.Due == "" {
		f.Due = answerDue(act.At, zone)
		return f, nil
	}
	due, err := ParseDeadline("due", n.Due, zone)
	switch {
	case err != nil:
		return f, err
	case !due.After(act.At):
		return f, FieldErrorf("due", "%s has passed; give the customer time to answer", Clip(n.Due, 40))
	case due.After(act.At.AddDate(0, 0, MaxAnswerDays)):
		return f, FieldErrorf("due", "%s is more than %d days from now", Clip(n.Due, 40), MaxAnswerDays)
	}
	f.Due = &due
	return f, nil
}

// unansweredFinding is what becomes of a question that nobody could answer.
func unansweredFinding(q Question, act Act, zone *time.Location) Finding {
	return Finding{Text: "Nobody could answer: " + q.Text, Question: q.ID, Severity: MediumSeverity, Due: answerDue(act.At, zone), Raised: act}
}

// answerDue is the end of the AnswerDays-th day from now.
func answerDue(now time.Time, zone *time.Location) *time.Time {
	if zone == nil {
		zone = time.UTC
	}
	due := endOf(Date(now.In(zone).Format(time.DateOnly)).AddDays(AnswerDays), zone)
	return &due
}

// endOf is the last second of a day.
func endOf(day Date, zone *time.Location) time.Time {
	return day.AddDays(1).Start(zone).Add(-time.Second).UTC()
}

// ParseDeadline reads until when something is due: an instant (RFC 3339), or a day, which ends in the zone, nil being UTC.
func ParseDeadline(field, s string, zone *time.Location) (time.Time, error) {
	if zone == nil {
		zone = time.UTC
	}
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at.UTC().Truncate(time.Second), nil
	}
	if Date(s).Check() != nil {
		return time.Time{}, FieldErrorf(field, "%q: must be a day such as 2027-03-31, or a time such as 2027-03-31T16:00:00Z", Clip(s, 40))
	}
	return endOf(Date(s), zone), nil
}

// RaiseFinding notes what was found wanting outside an interview, such as in the evidence.
func (c Certification) RaiseFinding(n NewFinding, zone *time.Location, act Act) (Certification, error) {
	if err := c.examinable(); err != nil {
		return c, err
	}
	f, err := n.raise(act, zone)
	if err != nil {
		return c, err
	}
	c = c.clone()
	c.Findings = append(c.Findings, f)
	return c, nil
}

// AnswerFinding takes the customer's written answer to the n-th finding (from 0). All answers are kept.
func (c Certification) AnswerFinding(n int, a FindingAnswer) (Certification, error) {
	if err := c.openFinding(n); err != nil {
		return c, err
	}
	if a.CameIn.IsZero() {
		a.CameIn = a.Act.At
	}
	a.Document.HashSource = sourced(a.Document.SHA256, a.Document.HashSource)
	switch f := &c.Findings[n]; {
	case strings.TrimSpace(a.Text) == "" && a.Document.Reference == "":
		return c, FieldErrorf("text", "must say what the customer answered, or reference where the answer is held")
	case len(a.Text) > 4000:
		return c, FieldErrorf("text", "has %d bytes; 4000 are allowed, name a document instead", len(a.Text))
	case a.CameIn.After(a.Act.At):
		return c, FieldErrorf("came_in", "%s is still to come", a.CameIn.Format(time.RFC3339))
	case a.CameIn.Before(f.Raised.At):
		return c, FieldErrorf("came_in", "%s is before the finding was raised, %s", a.CameIn.Format(time.RFC3339), f.Raised.At.Format(time.RFC3339))
	}
	if err := a.Document.check(); err != nil {
		return c, err
	}
	c = c.clone()
	c.Findings[n].Answers = append(slices.Clone(c.Findings[n].Answers), a)
	return c, nil
}

// CloseFinding notes how the n-th finding (from 0) was settled.
func (c Certification) CloseFinding(n int, act Act) (Certification, error) {
	if err := c.openFinding(n); err != nil {
		return c, err
	}
	if err := CheckReason(act.Why); err != nil {
		return c, err
	}
	c = c.clone()
	c.Findings[n].Closed = &act
	return c, nil
}

// openFinding refuses what can only be done with a finding that is not closed.
func (c *Certification) openFinding(n int) error {
	if err := c.examinable(); err != nil {
		return err
	}
	switch {
	case n < 0 || n >= len(c.Findings):
		return Errorf(NotFound, "certification %s has %d findings, counted from 0; there is no %d", c.ID, len(c.Findings), n)
	case c.Findings[n].Closed != nil:
		return Errorf(Conflict, "finding %d is closed already", n)
	}
	return nil
}

// checkTakenUp refuses a follow-up about what is not open.
func (c *Certification) checkTakenUp(findings []int) error {
	for i, n := range findings {
		if err := c.openFinding(n); err != nil {
			return FieldErrorf(fmt.Sprintf("findings[%d]", i), "%s", err)
		}
		if slices.Contains(findings[:i], n) {
			return FieldErrorf(fmt.Sprintf("findings[%d]", i), "%d is listed twice", n)
		}
	}
	return nil
}

// settledBy reports whether the staff member closed the finding or wrote down an answer to it.
func (f *Finding) settledBy(by StaffID) bool {
	return f.Closed != nil && f.Closed.By == by || slices.ContainsFunc(f.Answers, func(a FindingAnswer) bool { return a.Act.By == by })
}

func (c *Certification) openFindings() (n int) {
	for i := range c.Findings {
		if c.Findings[i].Closed == nil {
			n++
		}
	}
	return n
}
