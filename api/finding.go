package api

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// Finding is one thing that was found wanting, with its number in the case, from 0, and how it stands now: open, overdue, follow-up,
// answered or closed.
type Finding struct {
	Number int    `json:"number"`
	State  string `json:"state"`
	gate.Finding
}

// FindingAnswer is what the customer answered to a finding in writing.
type FindingAnswer struct {
	Text       string          `json:"text,omitempty"`
	Reference  string          `json:"reference,omitempty"` // where the answer or its document is held
	SHA256     string          `json:"sha256,omitempty"`
	HashSource gate.HashSource `json:"hash_source,omitempty"` // default typed
	CameIn     *time.Time      `json:"came_in,omitempty"`     // default now
}

// certifications are the cases that a query asks for.
func (x *exchange) certifications(q url.Values) ([]*gate.Certification, error) {
	account, err := x.accountFilter(q)
	if err != nil {
		return nil, err
	}
	state, findings := q.Get("state"), q.Get("findings")
	if state != "" && !slices.ContainsFunc(gate.CertificationStates(), func(s gate.CertificationState) bool { return s.String() == state }) {
		return nil, gate.FieldErrorf("state", "%q: must be one of %s", gate.Clip(state, 40), gate.CertificationStates())
	}
	if findings != "" && !slices.ContainsFunc(gate.FindingStates(), func(s gate.FindingState) bool { return s.String() == findings }) {
		return nil, gate.FieldErrorf("findings", "%q: must be one of %s", gate.Clip(findings, 40), gate.FindingStates())
	}
	return slices.DeleteFunc(x.dir.Certifications(account), func(c *gate.Certification) bool {
		return state != "" && c.State(c.Term(x.dir.Contract, x.now), x.now).String() != state || findings != "" && !x.hasFinding(c, findings)
	}), nil
}

func (x *exchange) hasFinding(c *gate.Certification, state string) bool {
	for n := range c.Findings {
		if c.FindingState(n, x.now).String() == state {
			return true
		}
	}
	return false
}

// addFindings shows the findings of a case as they stand.
func (x *exchange) addFindings(v *Certification) {
	v.Findings = make([]Finding, len(v.Certification.Findings))
	for n := range v.Findings {
		state := v.FindingState(n, x.now)
		v.Findings[n] = Finding{Number: n, State: state.String(), Finding: v.Certification.Findings[n]}
		if state != gate.FindingIsClosed {
			v.OpenFindings++
		}
		if state == gate.FindingOverdue {
			v.OverdueFindings++
		}
	}
}

// finding is the number that the address names.
func (x *exchange) finding() (int, error) {
	n, err := strconv.Atoi(x.r.PathValue("finding"))
	if err != nil {
		return 0, absent("finding", x.r.PathValue("finding"))
	}
	return n, nil
}

func raiseFinding(x *exchange, by authority.By, in *gate.NewFinding) (string, error) {
	made, err := x.a.RaiseFinding(by, x.certification(), *in)
	return idOf(made, err)
}

func answerFinding(x *exchange, by authority.By, in *FindingAnswer) (string, error) {
	n, err := x.finding()
	if err != nil {
		return "", err
	}
	answer := gate.FindingAnswer{Text: in.Text, Document: gate.Document{Reference: in.Reference, SHA256: in.SHA256, HashSource: in.HashSource}}
	if in.CameIn != nil {
		answer.CameIn = *in.CameIn
	}
	made, err := x.a.AnswerFinding(by, x.certification(), n, answer)
	return idOf(made, err)
}

func closeFinding(x *exchange, by authority.By, in *Why) (string, error) {
	n, err := x.finding()
	if err != nil {
		return "", err
	}
	made, err := x.a.CloseFinding(by, x.certification(), n, in.Why)
	return idOf(made, err)
}
