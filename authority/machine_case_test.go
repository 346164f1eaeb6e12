package authority_test

import (
	"slices"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// caseStep is a transition of one case.
type caseStep struct {
	name    string
	action  gate.Action
	either  gate.Action // whoever may do this may do it as well; empty: nobody else may
	suits   func(*mCase) bool
	tempts  func(*mCase) gate.StaffID   // who did what goes before it; nil: whoever they are, they may
	form    func(r *refusals, a *actor) // what is wrong whatever the case; nil: nothing
	against func(r *refusals, c *mCase, a *actor)
	do      func(by authority.By, id gate.CertificationID) (*gate.Certification, error)
	commit  func(c *mCase, a *actor, made *gate.Certification)
	notices []gate.NoticeKind
}

// caseTry makes a transition of some case. Without a case there is none to be found.
func (x *machine) caseTry(s caseStep) {
	c, id, etag := x.caseOf(s.suits)
	if c != nil && s.tempts != nil {
		x.tempted = s.tempts(c)
	}
	a := x.actor(s.action, etag)
	action := s.action
	if s.either != "" {
		if action = s.either; can(a.by.Roles, gate.HoldInterview) {
			action = gate.HoldInterview
		}
	}
	r := a.refusals(action)
	if s.form != nil {
		s.form(&r, a)
	}
	if c == nil {
		r.when(true, gate.NotFound)
	} else {
		s.against(&r, c, a)
	}
	var made *gate.Certification
	x.try(attempt{name: s.name, by: a, refused: r, notices: s.notices,
		do:     func(by authority.By) (err error) { made, err = s.do(by, id); return err },
		commit: func() { s.commit(c, a, made) }})
}

func (x *machine) requestCertification() {
	c, id, _ := x.contractOf(func(c *mContract) bool { return c == x.contracts[len(x.contracts)-1] })
	a := x.actor(gate.HoldInterview, "")
	r := a.refusals(gate.HoldInterview)
	in := gate.Certification{Contract: id}
	behaviors, purposes, known := x.grant()
	in.Profile.Grant = gate.Grant{Behaviors: behaviors, Purposes: purposes}
	r.when(c == nil, gate.NotFound)
	r.when(c != nil && x.gone(c.account), gate.Conflict)
	r.when(!known, gate.Invalid)
	for range x.between(0, 2, "devices") {
		d, dev := x.deviceOf(func(d *mDevice) bool { return c != nil && d.account == c.account && d.env == gate.Production })
		if slices.Contains(in.Devices, dev) {
			continue
		}
		in.Devices = append(in.Devices, dev)
		r.when(d == nil, gate.NotFound)
		r.when(d != nil && c != nil && (d.account != c.account || d.env != gate.Production), gate.Invalid)
	}
	var made *gate.Certification
	x.try(attempt{name: "RequestCertification", by: a, refused: r,
		do:     func(by authority.By) (err error) { made, err = x.RequestCertification(by, in); return err },
		commit: func() { x.hasCase(made) }})
}

// hasCase notes a new case. It goes on with the terms that renew its own already.
func (x *machine) hasCase(made *gate.Certification) *mCase {
	k := &mCase{id: made.ID, account: made.Account, terms: []gate.ContractID{made.Contract}, devices: slices.Clone(made.Devices),
		joined: map[gate.DeviceID]gate.StaffID{}, behaviors: made.Profile.Grant.Behaviors, purposes: made.Profile.Grant.Purposes}
	for _, next := range x.contracts {
		x.carry(k, next)
	}
	x.cases = append(x.cases, k)
	return k
}

func (x *machine) scheduleInterview() {
	at := x.now().Add(time.Duration(x.between(-1, 48, "hours")) * time.Hour)
	if x.setting {
		at = x.now()
	}
	other := (*mPerson)(nil)
	if x.chance(3, "another interviewer") {
		other = sampled(x, "interviewer", x.people)
	}
	plan := gate.Plan{At: at}
	if other != nil {
		plan.Interviewer = other.id
	}
	x.caseTry(caseStep{name: "ScheduleInterview", action: gate.HoldInterview, suits: (*mCase).examinable, notices: []gate.NoticeKind{gate.InterviewNotice},
		form: func(r *refusals, a *actor) {
			r.when(other != nil && !other.can(gate.HoldInterview), gate.Invalid)
			r.when(other == nil && !a.can(gate.HoldInterview), gate.Invalid)
		},
		against: func(r *refusals, c *mCase, _ *actor) {
			r.when(at.Before(x.now().Add(-5*time.Minute)), gate.Invalid)
			r.when(!c.examinable(), gate.Conflict)
		},
		do: func(by authority.By, id gate.CertificationID) (*gate.Certification, error) {
			return x.ScheduleInterview(by, id, plan)
		},
		commit: func(c *mCase, a *actor, made *gate.Certification) {
			who := a.id
			if other != nil {
				who = other.id
			}
			if v := c.planned(); v != nil {
				v.at, v.interviewer = at, who
				return
			}
			c.interviews = append(c.interviews, &mInterview{id: made.Interviews[len(made.Interviews)-1].ID, at: at, interviewer: who})
		}})
}

// interviewOf is one of the case's, mostly the one that is planned.
func (x *machine) interviewOf(c *mCase) (*mInterview, gate.InterviewID) {
	v := pick(x, "interview", c.interviews, func(v *mInterview) bool { return v == c.planned() })
	if v == nil {
		return nil, "int_none"
	}
	return v, v.id
}

// interviewStep is a transition of an interview.
func (x *machine) interviewStep(s caseStep, against func(r *refusals, v *mInterview), do func(authority.By, gate.CertificationID, gate.InterviewID) error, commit func(*mCase, *mInterview, *actor)) {
	var v *mInterview
	var interview gate.InterviewID
	s.suits = func(c *mCase) bool { return c.planned() != nil }
	s.against = func(r *refusals, c *mCase, _ *actor) {
		v, interview = x.interviewOf(c)
		r.when(!c.examinable(), gate.Conflict)
		r.when(v == nil, gate.NotFound)
		r.when(v != nil && v != c.planned(), gate.Conflict)
		against(r, v)
	}
	s.do = func(by authority.By, id gate.CertificationID) (*gate.Certification, error) {
		return nil, do(by, id, interview)
	}
	s.commit = func(c *mCase, a *actor, _ *gate.Certification) { commit(c, v, a) }
	x.caseTry(s)
}

func (x *machine) cancelInterview() {
	why := x.why()
	x.interviewStep(caseStep{name: "CancelInterview", action: gate.HoldInterview, notices: []gate.NoticeKind{gate.InterviewNotice}},
		func(r *refusals, _ *mInterview) { r.when(why == "", gate.Invalid) },
		func(by authority.By, id gate.CertificationID, v gate.InterviewID) error {
			_, err := x.CancelInterview(by, id, v, why)
			return err
		},
		func(_ *mCase, v *mInterview, _ *actor) { v.off = true })
}

func (x *machine) missInterview() {
	why := x.why()
	x.interviewStep(caseStep{name: "MissInterview", action: gate.HoldInterview, notices: []gate.NoticeKind{gate.InterviewNotice}},
		func(r *refusals, v *mInterview) {
			r.when(why == "", gate.Invalid)
			r.when(v != nil && x.now().Before(v.at), gate.Conflict)
		},
		func(by authority.By, id gate.CertificationID, v gate.InterviewID) error {
			_, err := x.MissInterview(by, id, v, why)
			return err
		},
		func(_ *mCase, v *mInterview, _ *actor) { v.off = true })
}

func (x *machine) holdInterview() {
	record, findings, wrong := transcript(), []gate.NewFinding(nil), false
	given, open := questionIDs(), ""
	switch {
	case x.chance(8, "no recording"):
		record.Recording.Reference = ""
	case x.chance(8, "no consent"):
		record.Attendees[0].Consented = false
	case x.chance(8, "no demo"):
		record.DemoShown = false
	case x.chance(8, "a question left out"):
		record.Answers, given = record.Answers[1:], given[1:]
	case x.chance(8, "a question without answer"):
		record.Answers[0].Text = ""
		given, open = given[1:], record.Answers[0].Question
	case x.chance(4, "a finding"):
		findings = []gate.NewFinding{{Text: "keys are mailed", Severity: gate.HighSeverity}}
	case x.chance(15, "nobody there"):
		record.Attendees, wrong = nil, true
	}
	s := caseStep{name: "HoldInterview", action: gate.HoldInterview}
	if findings != nil || open != "" {
		s.notices = []gate.NoticeKind{gate.FindingsNotice}
	}
	x.interviewStep(s,
		func(r *refusals, v *mInterview) {
			r.when(wrong, gate.Invalid)
			r.when(v != nil && x.now().Before(v.at), gate.Conflict)
		},
		func(by authority.By, id gate.CertificationID, v gate.InterviewID) error {
			_, err := x.HoldInterview(by, id, v, record, findings)
			return err
		},
		func(c *mCase, v *mInterview, a *actor) {
			v.heldBy, v.recorded, v.consented, v.demo, v.answers = a.id, record.Recording.Reference != "", record.Attendees[0].Consented, record.DemoShown, given
			if findings != nil {
				c.findings = append(c.findings, &mFinding{raised: x.now()})
			}
			if open != "" {
				c.findings = append(c.findings, &mFinding{question: open, raised: x.now()})
			}
		})
}

func questionIDs() (ids []string) {
	for _, q := range gate.Questions(gate.QuestionsVersion) {
		ids = append(ids, q.ID)
	}
	return ids
}

func (x *machine) answerQuestions() {
	answers := transcript().Answers
	given := questionIDs()
	if x.roll(2, "one answer") == 1 {
		answers, given = answers[:1], given[:1]
	}
	if x.chance(10, "no answers") {
		answers = nil
	}
	x.caseTry(caseStep{name: "AnswerQuestions", action: gate.HoldInterview, suits: (*mCase).examinable,
		against: func(r *refusals, c *mCase, _ *actor) {
			r.when(!c.examinable(), gate.Conflict)
			r.when(answers == nil, gate.Invalid)
		},
		do: func(by authority.By, id gate.CertificationID) (*gate.Certification, error) {
			return x.AnswerQuestions(by, id, answers)
		},
		commit: func(c *mCase, a *actor, _ *gate.Certification) {
			c.written = append(c.written, mWritten{a.id, x.now(), given})
		}})
}

// decides is what approving and rejecting have in common: an open case, and somebody who took no part in it.
func decides(r *refusals, c *mCase, a *actor) {
	r.when(!c.open(), gate.Conflict)
	r.when(c.tookPart(a.id), gate.Forbidden)
}

func (x *machine) approve() {
	x.caseTry(caseStep{name: "Approve", action: gate.DecideCase, notices: []gate.NoticeKind{gate.CertifiedNotice},
		suits: func(c *mCase) bool { return c.open() && x.complete(c, x.now()) }, tempts: (*mCase).somePart,
		against: func(r *refusals, c *mCase, a *actor) {
			decides(r, c, a)
			r.when(!x.complete(c, x.now()), gate.Conflict)
		},
		do: func(by authority.By, id gate.CertificationID) (*gate.Certification, error) {
			return x.Approve(by, id, "")
		},
		commit: func(c *mCase, a *actor, _ *gate.Certification) { c.approvedBy, c.approvedAt = a.id, x.now() }})
}

func (x *machine) reject() {
	why := x.why()
	x.caseTry(caseStep{name: "Reject", action: gate.DecideCase, suits: (*mCase).open, tempts: (*mCase).somePart, notices: []gate.NoticeKind{gate.RejectedNotice},
		against: func(r *refusals, c *mCase, a *actor) {
			decides(r, c, a)
			r.when(why == "", gate.Invalid)
		},
		do: func(by authority.By, id gate.CertificationID) (*gate.Certification, error) {
			return x.Reject(by, id, why)
		},
		commit: func(c *mCase, _ *actor, _ *gate.Certification) { c.closed = true }})
}

func (x *machine) withdraw() {
	why := x.why()
	x.caseTry(caseStep{name: "Withdraw", action: gate.HoldInterview, suits: (*mCase).open, notices: []gate.NoticeKind{gate.RejectedNotice},
		against: func(r *refusals, c *mCase, _ *actor) {
			r.when(!c.open(), gate.Conflict)
			r.when(why == "", gate.Invalid)
		},
		do: func(by authority.By, id gate.CertificationID) (*gate.Certification, error) {
			return x.Withdraw(by, id, why)
		},
		commit: func(c *mCase, _ *actor, _ *gate.Certification) { c.closed = true }})
}

func (x *machine) revokeCertification() {
	why := x.why()
	x.caseTry(caseStep{name: "RevokeCertification", action: gate.Stop, suits: (*mCase).certified, notices: []gate.NoticeKind{gate.DecertifiedNotice},
		against: func(r *refusals, c *mCase, _ *actor) {
			r.when(!c.certified(), gate.Conflict)
			r.when(why == "", gate.Invalid)
		},
		do: func(by authority.By, id gate.CertificationID) (*gate.Certification, error) {
			return x.RevokeCertification(by, id, why)
		},
		commit: func(c *mCase, _ *actor, _ *gate.Certification) { c.revoked = true }})
}
