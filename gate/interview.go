package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Interview is one recorded call with demo and questions.
type Interview struct {
	ID          InterviewID `json:"id"`
	At          time.Time   `json:"at"`
	Interviewer StaffID     `json:"interviewer"`
	Canceled    bool        `json:"canceled,omitempty"`
	Held        *Transcript `json:"held,omitempty"`
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
	Reference string `json:"reference"`
	SHA256    string `json:"sha256,omitempty"`
}

// Answer to one question: answered, or not applicable with a reason. A question nobody could answer is neither: it becomes a Finding.
type Answer struct {
	Question      string `json:"question"`
	Text          string `json:"text,omitempty"`
	NotApplicable string `json:"not_applicable,omitempty"` // the reason
}

// Finding is an issue that must be closed before approval.
type Finding struct {
	Text   string `json:"text"`
	Raised Act    `json:"raised"`
	Closed *Act   `json:"closed,omitempty"`
}

// Schedule plans an interview. One that is planned already is moved: it is canceled and a new one takes its place.
func (c Certification) Schedule(id InterviewID, at time.Time, interviewer StaffID, now time.Time) (Certification, error) {
	if err := c.examinable(); err != nil {
		return c, err
	}
	if !at.After(now) {
		return c, FieldErrorf("at", "%s has passed; an interview is scheduled ahead", at.Format(time.RFC3339))
	}
	c = c.clone()
	for i := range c.Interviews {
		c.Interviews[i].Canceled = c.Interviews[i].Canceled || c.Interviews[i].Held == nil
	}
	c.Interviews = append(c.Interviews, Interview{ID: id, At: at, Interviewer: interviewer})
	return c, nil
}

// Hold records the planned interview: who was there, what was shown and said, and what was found wanting.
func (c Certification) Hold(id InterviewID, record Transcript, findings []string) (Certification, error) {
	if err := c.examinable(); err != nil {
		return c, err
	}
	i := slices.IndexFunc(c.Interviews, func(v Interview) bool { return v.ID == id })
	switch {
	case i < 0:
		return c, Errorf(NotFound, "certification %s has no interview %s", c.ID, id)
	case c.Interviews[i].Canceled || c.Interviews[i].Held != nil:
		return c, Errorf(Conflict, "interview %s was canceled or recorded already; schedule another", id)
	}
	if err := record.check(); err != nil {
		return c, err
	}
	for n, text := range findings {
		if err := checkText(fmt.Sprintf("findings[%d]", n), text, 2000); err != nil {
			return c, err
		}
	}
	c = c.clone()
	c.Interviews[i].Held = &record
	for _, text := range findings {
		c.Findings = append(c.Findings, Finding{Text: text, Raised: Act{By: record.By, At: record.At}})
	}
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
	if h := r.Recording.SHA256; h != "" && (len(h) != 64 || strings.Trim(h, "0123456789abcdef") != "") {
		return FieldErrorf("recording.sha256", "must be 64 hexadecimal digits in lower case")
	}
	for i, a := range r.Answers {
		if err := checkText(fmt.Sprintf("answers[%d].question", i), a.Question, 300); err != nil {
			return err
		}
	}
	return nil
}

func (r *Transcript) recorded() bool { return strings.TrimSpace(r.Recording.Reference) != "" }

func (r *Transcript) consented() bool {
	return !slices.ContainsFunc(r.Attendees, func(a Attendee) bool { return !a.Consented })
}

// given reports whether the question was answered, or left out for a reason.
func (a *Answer) given() bool {
	return strings.TrimSpace(a.Text) != "" || strings.TrimSpace(a.NotApplicable) != ""
}

// answersOf are the answers of several interviews, one for each question: the latest that was given.
func answersOf(held []*Transcript) []Answer {
	var answers []Answer
	for _, t := range held {
		for _, a := range t.Answers {
			i := slices.IndexFunc(answers, func(b Answer) bool { return b.Question == a.Question })
			switch {
			case i < 0:
				answers = append(answers, a)
			case a.given():
				answers[i] = a
			}
		}
	}
	return answers
}

// CloseFinding notes how the n-th finding (from 0) was settled.
func (c Certification) CloseFinding(n int, act Act) (Certification, error) {
	if err := c.examinable(); err != nil {
		return c, err
	}
	switch {
	case n < 0 || n >= len(c.Findings):
		return c, Errorf(NotFound, "certification %s has %d findings, counted from 0; there is no %d", c.ID, len(c.Findings), n)
	case c.Findings[n].Closed != nil:
		return c, Errorf(Conflict, "finding %d is closed already", n)
	}
	if err := CheckReason(act.Why); err != nil {
		return c, err
	}
	c = c.clone()
	c.Findings[n].Closed = &act
	return c, nil
}
