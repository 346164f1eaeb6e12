package authority_test

import (
	"slices"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func (x *machine) raiseFinding() {
	in := gate.NewFinding{Text: "backups are kept abroad", Severity: gate.LowSeverity}
	if x.chance(15, "no severity") {
		in.Severity = "odd"
	}
	action := gate.HoldInterview
	if x.chance(2, "who decides") {
		action = gate.DecideCase
	}
	x.caseTry(caseStep{name: "RaiseFinding", action: action, suits: (*mCase).examinable, notices: []gate.NoticeKind{gate.FindingsNotice}, either: gate.DecideCase,
		against: func(r *refusals, c *mCase, _ *actor) {
			r.when(!c.examinable(), gate.Conflict)
			r.when(in.Severity == "odd", gate.Invalid)
		},
		do: func(by authority.By, id gate.CertificationID) (*gate.Certification, error) {
			return x.RaiseFinding(by, id, in)
		},
		commit: func(c *mCase, _ *actor, _ *gate.Certification) {
			c.findings = append(c.findings, &mFinding{raised: x.now()})
		}})
}

func (x *machine) addEvidence() {
	in := gate.Evidence{Kind: gate.PolicyEvidence, Document: gate.Document{Reference: sampled(x, "document", []string{"vault/1", "vault/2", ""})}}
	x.caseTry(caseStep{name: "AddEvidence", action: gate.HoldInterview, either: gate.DecideCase,
		against: func(r *refusals, c *mCase, _ *actor) {
			r.when(!c.open() && !c.certified() || slices.Contains(c.documents, in.Reference), gate.Conflict)
			r.when(in.Reference == "", gate.Invalid)
		},
		do: func(by authority.By, id gate.CertificationID) (*gate.Certification, error) {
			return x.AddEvidence(by, id, in)
		},
		commit: func(c *mCase, _ *actor, _ *gate.Certification) { c.documents = append(c.documents, in.Reference) }})
}

// attachRecording says where a recording is that the transcript lacks.
func (x *machine) attachRecording() {
	var v *mInterview
	id := gate.InterviewID("int_none")
	lacks := func(v *mInterview) bool { return v.heldBy != "" && !v.recorded }
	x.caseTry(caseStep{name: "AttachRecording", action: gate.HoldInterview, suits: func(c *mCase) bool { return slices.ContainsFunc(c.interviews, lacks) },
		against: func(r *refusals, c *mCase, _ *actor) {
			if v = pick(x, "interview", c.interviews, lacks); v != nil {
				id = v.id
			}
			r.when(!c.examinable(), gate.Conflict)
			r.when(v == nil, gate.NotFound)
			r.when(v != nil && (v.heldBy == "" || v.recorded), gate.Conflict)
		},
		do: func(by authority.By, c gate.CertificationID) (*gate.Certification, error) {
			return x.AttachRecording(by, c, id, gate.Recording{Reference: "vault/late"})
		},
		commit: func(_ *mCase, a *actor, _ *gate.Certification) { v.recorded, v.attachedBy = true, a.id }})
}

// findingStep is something that can only be done with a finding that is open.
func (x *machine) findingStep(name string, wrong bool, do func(by authority.By, id gate.CertificationID, n int) error, commit func(*mFinding)) {
	n := x.between(-1, 2, "finding")
	x.caseTry(caseStep{name: name, action: gate.HoldInterview, suits: func(c *mCase) bool { return len(c.findings) > 0 && c.examinable() },
		against: func(r *refusals, c *mCase, _ *actor) {
			r.when(!c.examinable(), gate.Conflict)
			r.when(n < 0 || n >= len(c.findings), gate.NotFound)
			r.when(n >= 0 && n < len(c.findings) && c.findings[n].closed, gate.Conflict)
			r.when(wrong, gate.Invalid)
		},
		do: func(by authority.By, id gate.CertificationID) (*gate.Certification, error) { return nil, do(by, id, n) },
		commit: func(c *mCase, a *actor, _ *gate.Certification) {
			f := c.findings[n]
			f.by = append(f.by, a.id)
			commit(f)
		}})
}

func (x *machine) closeFinding() {
	why := x.why()
	x.findingStep("CloseFinding", why == "", func(by authority.By, id gate.CertificationID, n int) error {
		_, err := x.CloseFinding(by, id, n, why)
		return err
	}, func(f *mFinding) { f.closed = true })
}

func (x *machine) answerFinding() {
	text := x.why()
	x.findingStep("AnswerFinding", text == "", func(by authority.By, id gate.CertificationID, n int) error {
		_, err := x.AnswerFinding(by, id, n, gate.FindingAnswer{Text: text})
		return err
	}, func(*mFinding) {})
}
