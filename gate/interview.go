package gate

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Interview is one recorded call with demo and questions: planned, perhaps moved, and then held, canceled or missed.
type Interview struct {
	ID InterviewID `json:"id"`
	// Plan is how it is planned now.
	Plan
	// Follows is the first interview that was held of those that count, where this one takes up what it left open.
	Follows  InterviewID `json:"follows,omitempty"`
	Moved    []Moving    `json:"moved,omitempty"` // oldest first
	Canceled bool        `json:"canceled,omitempty"`
	Missed   bool        `json:"missed,omitempty"` // somebody did not come
	Ended    *Act        `json:"ended,omitempty"`  // who canceled it, or noted that it was missed, and why
	Held     *Transcript `json:"held,omitempty"`
}

// Plan says when and where an interview is to be held, and by whom.
type Plan struct {
	At          time.Time `json:"at"`
	Minutes     int       `json:"minutes,omitempty"` // how long it lasts; 0 is InterviewMinutes
	Link        string    `json:"link,omitempty"`    // of the meeting, http or https
	Interviewer StaffID   `json:"interviewer"`
	// Findings are the numbers, from 0, of those that a follow-up takes up.
	Findings []int `json:"findings,omitempty"`
}

// Moving is that an interview was planned otherwise.
type Moving struct {
	Was Plan `json:"was"`
	Act Act  `json:"act"`
}

// How long interviews last, in minutes.
const (
	InterviewMinutes    = 60 // by default
	minInterviewMinutes = 10
	maxInterviewMinutes = 8 * 60
)

// startGrace is how late a call that was agreed on the spot may still be entered as planned.
const startGrace = 5 * time.Minute

// Duration is how long the interview is to last.
func (p Plan) Duration() time.Duration {
	if p.Minutes == 0 {
		return InterviewMinutes * time.Minute
	}
	return time.Duration(p.Minutes) * time.Minute
}

// Check reports the first thing wrong with a plan that is made at now.
func (p Plan) Check(now time.Time) error {
	if p.At.Before(now.Add(-startGrace)) {
		return FieldErrorf("at", "%s has passed; an interview is scheduled ahead, or as it begins", p.At.Format(time.RFC3339))
	}
	if p.Minutes != 0 && (p.Minutes < minInterviewMinutes || p.Minutes > maxInterviewMinutes) {
		return FieldErrorf("minutes", "%d: must be %d to %d; left out it is %d", p.Minutes, minInterviewMinutes, maxInterviewMinutes, InterviewMinutes)
	}
	if p.Link == "" {
		return nil
	}
	link, err := url.Parse(p.Link)
	if err != nil || link.Host == "" || link.Scheme != "https" && link.Scheme != "http" || len(p.Link) > 300 || checkText("link", p.Link, 300) != nil {
		return FieldErrorf("link", "%q: must be the link of the meeting, such as https://meet.example.com/abc, of at most 300 bytes", Clip(p.Link, 80))
	}
	return nil
}

// Planned reports whether the interview is still to be held.
func (v *Interview) Planned() bool { return v.Held == nil && !v.Canceled && !v.Missed }

// Sequence counts how often it was moved or canceled: calendars take a version of a meeting only if its number is higher.
func (v *Interview) Sequence() int {
	if v.Canceled {
		return len(v.Moved) + 1
	}
	return len(v.Moved)
}

// Transcript is what an interview yielded.
type Transcript struct {
	By        StaffID    `json:"by"`
	At        time.Time  `json:"at"`
	Attendees []Attendee `json:"attendees"`
	Recording Recording  `json:"recording"`
	DemoShown bool       `json:"demo_shown"`
	Answers   []Answer   `json:"answers"`
}

// Attendee took part; recording needs everybody's consent.
type Attendee struct {
	Name      string `json:"name"`
	Consented bool   `json:"consented"`
}

// Recording says where the recording is held and what it hashes to, where the file is at hand.
type Recording struct {
	Reference  string     `json:"reference"`
	SHA256     string     `json:"sha256,omitempty"`
	HashSource HashSource `json:"hash_source,omitempty"` // older recordings do not say
	Attached   *Act       `json:"attached,omitempty"`    // after the interview was recorded
}

// Answer to one question: answered, or not applicable with a reason. A question nobody could answer is neither: it becomes a Finding.
type Answer struct {
	Question      string `json:"question"` // its identifier in the list that the case is asked
	Text          string `json:"text,omitempty"`
	NotApplicable string `json:"not_applicable,omitempty"` // the reason
}

// Planned is the interview that is still to be held, nil if there is none. There is never more than one.
func (c *Certification) Planned() *Interview {
	for i := range c.Interviews {
		if c.Interviews[i].Planned() {
			return &c.Interviews[i]
		}
	}
	return nil
}

// Schedule plans an interview. One that is planned already is moved and keeps its identifier; otherwise it gets id.
func (c Certification) Schedule(id InterviewID, p Plan, act Act) (Certification, error) {
	if err := c.examinable(); err != nil {
		return c, err
	}
	if err := p.Check(act.At); err != nil {
		return c, err
	}
	if err := c.checkTakenUp(p.Findings); err != nil {
		return c, err
	}
	c = c.clone()
	if v := c.Planned(); v != nil {
		if p.Findings == nil {
			p.Findings = v.Findings // moving it does not change what it is about
		}
		v.Moved = append(slices.Clone(v.Moved), Moving{Was: v.Plan, Act: act})
		v.Plan = p
		return c, nil
	}
	v := Interview{ID: id, Plan: p}
	for i := range c.Interviews {
		if first := &c.Interviews[i]; first.Held != nil && !first.At.Before(c.since()) {
			v.Follows = first.ID
			break
		}
	}
	c.Interviews = append(c.Interviews, v)
	return c, nil
}

// CancelInterview calls a planned interview off.
func (c Certification) CancelInterview(id InterviewID, act Act) (Certification, error) {
	return c.endInterview(id, act, func(v *Interview) error {
		v.Canceled = true
		return nil
	})
}

// MissInterview notes that somebody did not come to a planned interview.
func (c Certification) MissInterview(id InterviewID, act Act) (Certification, error) {
	return c.endInterview(id, act, func(v *Interview) error {
		if act.At.Before(v.At) {
			return Errorf(Conflict, "interview %s begins at %s; nobody has missed it yet, cancel it instead", id, v.At.Format(time.RFC3339))
		}
		v.Missed = true
		return nil
	})
}

func (c Certification) endInterview(id InterviewID, act Act, end func(*Interview) error) (Certification, error) {
	if err := c.examinable(); err != nil {
		return c, err
	}
	i, err := c.planned(id)
	if err != nil {
		return c, err
	}
	if err := CheckReason(act.Why); err != nil {
		return c, err
	}
	next := c.clone()
	v := &next.Interviews[i]
	if err := end(v); err != nil {
		return c, err
	}
	v.Ended = &act
	return next, nil
}

// planned finds an interview that is still to be held.
func (c *Certification) planned(id InterviewID) (int, error) {
	i := slices.IndexFunc(c.Interviews, func(v Interview) bool { return v.ID == id })
	switch {
	case i < 0:
		return i, Errorf(NotFound, "certification %s has no interview %s", c.ID, id)
	case !c.Interviews[i].Planned():
		return i, Errorf(Conflict, "interview %s was canceled, missed or recorded already; schedule another", id)
	}
	return i, nil
}

// Hold records the planned interview: who was there, what was shown and said, and what was found wanting. What nobody could answer is
// found wanting, too.
func (c Certification) Hold(id InterviewID, record Transcript, wanting Wanting) (Certification, error) {
	if err := c.examinable(); err != nil {
		return c, err
	}
	i, err := c.planned(id)
	if err != nil {
		return c, err
	}
	if v := &c.Interviews[i]; record.At.Before(v.At) {
		return c, Errorf(Conflict, "interview %s begins at %s; it cannot have been held yet. If it is held earlier, move it first", id, v.At.Format(time.RFC3339))
	}
	if err := errors.Join(record.check(), c.checkAnswers(record.Answers)); err != nil {
		return c, err
	}
	record.Recording.HashSource = sourced(record.Recording.SHA256, record.Recording.HashSource)
	record.Recording.Attached = nil
	act := Act{By: record.By, At: record.At}
	raised, err := wanting.raise(act)
	if err != nil {
		return c, err
	}
	c = c.clone()
	c.Interviews[i].Held = &record
	for _, q := range c.asked() {
		if slices.ContainsFunc(record.Answers, func(a Answer) bool { return a.Question == q.ID && !a.given() }) {
			raised = append(raised, unansweredFinding(q, act, wanting.Zone))
		}
	}
	for n := range raised {
		raised[n].Interview = id
	}
	c.Findings = append(c.Findings, raised...)
	return c, nil
}

func (r *Transcript) check() error {
	if len(r.Attendees) == 0 {
		return FieldErrorf("attendees", "must name everybody who took part: each has to consent to the recording")
	}
	for i, a := range r.Attendees {
		if err := checkText(fmt.Sprintf("attendees[%d].name", i), a.Name, 120); err != nil {
			return err
		}
	}
	if err := r.Recording.check(); err != nil {
		return InField("recording", err)
	}
	return nil
}

// checkAnswers refuses answers to what the case is not asked.
func (c *Certification) checkAnswers(answers []Answer) error {
	asked := c.asked()
	for i := range answers {
		a := &answers[i]
		switch {
		case !slices.ContainsFunc(asked, func(q Question) bool { return q.ID == a.Question }):
			return FieldErrorf(answerField(i), "%q: version %d of the questions has none with this identifier; certgate certification questions lists them", Clip(a.Question, 40), max(c.Questions, 1))
		case a.Text != "" && a.NotApplicable != "":
			return FieldErrorf(answerField(i), "%q is both answered and not applicable; leave one out", a.Question)
		case len(a.Text) > 4000 || len(a.NotApplicable) > 4000:
			return FieldErrorf(answerField(i), "the answer to %q has more than 4000 bytes; name a document instead", a.Question)
		}
	}
	return nil
}

func answerField(i int) string { return fmt.Sprintf("answers[%d].question", i) }

func (r *Transcript) recorded() bool { return strings.TrimSpace(r.Recording.Reference) != "" }

func (r *Transcript) consented() bool {
	return !slices.ContainsFunc(r.Attendees, func(a Attendee) bool { return !a.Consented })
}

// given reports whether the question was answered, or left out for a reason.
func (a *Answer) given() bool {
	return strings.TrimSpace(a.Text) != "" || strings.TrimSpace(a.NotApplicable) != ""
}
