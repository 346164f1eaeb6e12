package authority_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// operation is a method that changes something, ready to be called by anybody.
type operation struct {
	name   string
	action gate.Action // what the actor must be allowed to do
	by     string      // who does it well
	verb   gate.Verb
	notice gate.NoticeKind // empty: the customer is not affected
	do     func(o *office, s *scene, by authority.By) error
}

// scene is a customer at every stage, so that each operation has something to work on.
type scene struct {
	live        *customer
	fresh       *gate.Device // in production, on no list
	pre         *gate.Device
	sandbox     *gate.Device
	requested   *gate.Certification
	scheduled   *gate.Certification
	interviewed *gate.Certification
	found       *gate.Certification // with an open finding
	suspension  *gate.Remediation
	incident    *gate.Incident
	newcomer    *gate.Staff // proposed by cho
	empty       *gate.Account
	life        lifeScene
	waiting     gate.ImportID // imported by cho, with a token
	ruling      *gate.Ruling  // by cho, and waits
}

func (o *office) scene() *scene {
	o.t.Helper()
	s := &scene{live: o.customer("acme"), empty: o.account("empty")}
	s.fresh, s.pre, s.sandbox = o.device(s.live.account, "fresh", gate.Production), o.device(s.live.account, "pre", gate.Preprod), o.device(s.live.account, "sand", gate.Sandbox)
	request := func() *gate.Certification {
		c, err := o.RequestCertification(o.ben, gate.Certification{Contract: s.live.contract.ID, Devices: []gate.DeviceID{s.fresh.ID}, Profile: gate.Profile{Grant: everything}})
		must(o.t, err)
		return c
	}
	var err error
	s.requested = request()
	s.scheduled, err = o.ScheduleInterview(o.ben, request().ID, gate.Plan{At: o.clock.now().Add(time.Hour)})
	must(o.t, err)
	s.interviewed = o.interviewed(s.live.contract, s.fresh.ID)
	s.found, err = o.ScheduleInterview(o.ben, request().ID, gate.Plan{At: o.clock.now()})
	must(o.t, err)
	s.found, err = o.HoldInterview(o.ben, s.found.ID, s.found.Interviews[0].ID, transcript(), []gate.NewFinding{{Text: "Where are backups kept?", Severity: gate.HighSeverity}})
	must(o.t, err)
	s.suspension, err = o.Impose(o.ben, authority.Imposition{Subject: gate.Subject{Kind: gate.DeviceSubject, ID: string(s.fresh.ID)}, Measure: gate.Suspend, Why: "test"})
	must(o.t, err)
	s.incident, err = o.OpenIncident(o.ben, authority.NewIncident{Subject: s.suspension.Subject, Origin: gate.IncidentReported, Why: "test"})
	must(o.t, err)
	s.ruling = o.rule(o.cho, "", "enforce", "")
	s.newcomer, err = o.ProposeStaff(o.cho, gate.Staff{Name: "fay", Email: "fay@example.com", Roles: []gate.Role{gate.Auditor}}, newCSR(o.t))
	must(o.t, err)
	s.waiting, err = o.Import(o.cho, takeover(incumbentHere("waiting", authority.OldCredentials{Tokens: []string{oldToken}})))
	must(o.t, err)
	s.life = o.lifeScene()
	o.reason(s.live.got)
	o.pass(5 * time.Second)
	return s
}

func operations() []operation {
	suspend := func(kind gate.SubjectKind, id func(*scene) string, m gate.Measure) func(*office, *scene, authority.By) error {
		return func(o *office, s *scene, by authority.By) error {
			_, err := o.Impose(by, authority.Imposition{Subject: gate.Subject{Kind: kind, ID: id(s)}, Measure: m, Why: "test"})
			return err
		}
	}
	account := func(s *scene) string { return string(s.live.account.ID) }
	return append(lifeOperations(), []operation{
		{"CreateAccount", gate.ManageAccounts, "ben", gate.AccountCreated, "", func(o *office, _ *scene, by authority.By) error {
			_, err := o.CreateAccount(by, applicant("new"))
			return err
		}},
		{"CreateOrganization", gate.ManageAccounts, "ben", gate.OrganizationCreated, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.CreateOrganization(by, gate.Organization{Account: s.live.account.ID, Slug: "north", Name: "North"})
			return err
		}},
		{"Onboard", gate.ManageAccounts, "ben", gate.AccountOnboarded, "", func(o *office, _ *scene, by authority.By) error {
			_, err := o.Onboard(by, authority.Customer{Account: applicant("onboarded")})
			return err
		}},
		{"Import", gate.DecideCase, "cho", gate.CustomersImported, "", func(o *office, _ *scene, by authority.By) error {
			_, err := o.Import(by, authority.Takeover{Source: "a spreadsheet", Customers: []authority.Customer{{Account: applicant("taken-over")}}})
			return err
		}},
		{"Import with a token", gate.TrustForeign, "cho", gate.CustomersImported, "", func(o *office, _ *scene, by authority.By) error {
			_, err := o.Import(by, takeover(incumbentHere("with-token", authority.OldCredentials{Tokens: []string{oldToken + "2"}})))
			return err
		}},
		{"AllowCA", gate.TrustForeign, "cho", gate.CAAllowanceProposed, "", func(o *office, s *scene, by authority.By) error {
			ca := gatetest.NewForeignCA(o.t, "Own CA", o.clock.now())
			_, err := o.AllowCA(by, authority.Allowing{Certificate: []byte(ca.PEM()), Allowance: gate.Allowance{Accounts: []gate.AccountID{s.fresh.Account}}, Why: "test"})
			return err
		}},
		{"ConfirmImport", gate.TrustForeign, "eve", gate.ImportConfirmed, gate.ImportedNotice, func(o *office, s *scene, by authority.By) error {
			return o.ConfirmImport(by, s.waiting)
		}},
		{"RejectImport", gate.Stop, "ben", gate.ImportRejected, "", func(o *office, s *scene, by authority.By) error {
			return o.RejectImport(by, s.waiting, "test")
		}},
		{"CreateDevice", gate.ManageAccounts, "ben", gate.DeviceCreated, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.CreateDevice(by, gate.Device{Organization: s.fresh.Organization, Slug: "more", Name: "More", Environment: gate.Sandbox, Addresses: gate.Addresses{Any: true}})
			return err
		}},
		{"CreateContract", gate.ManageAccounts, "ben", gate.ContractCreated, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.CreateContract(by, gate.Contract{Account: s.empty.ID, First: "2027-01-01", Last: "2027-12-31", Zone: "UTC", Grant: everything})
			return err
		}},
		{"EndContract", gate.TerminateAccount, "cho", gate.ContractEndedEarly, gate.ContractNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.EndContract(by, s.live.contract.ID, "test")
			return err
		}},
		{"RequestCertification", gate.HoldInterview, "ben", gate.CertificationRequested, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.RequestCertification(by, gate.Certification{Contract: s.live.contract.ID, Devices: []gate.DeviceID{s.fresh.ID}, Profile: gate.Profile{Grant: everything}})
			return err
		}},
		{"ScheduleInterview", gate.HoldInterview, "ben", gate.InterviewScheduled, gate.InterviewNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.ScheduleInterview(by, s.requested.ID, gate.Plan{At: o.clock.now().Add(time.Hour)})
			return err
		}},
		{"CancelInterview", gate.HoldInterview, "ben", gate.InterviewCanceled, gate.InterviewNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.CancelInterview(by, s.scheduled.ID, s.scheduled.Interviews[0].ID, "test")
			return err
		}},
		{"MissInterview", gate.HoldInterview, "ben", gate.InterviewMissed, gate.InterviewNotice, func(o *office, s *scene, by authority.By) error {
			o.clock.advance(time.Hour)
			_, err := o.MissInterview(by, s.scheduled.ID, s.scheduled.Interviews[0].ID, "test")
			return err
		}},
		{"HoldInterview", gate.HoldInterview, "ben", gate.InterviewHeld, "", func(o *office, s *scene, by authority.By) error {
			o.clock.advance(time.Hour)
			_, err := o.HoldInterview(by, s.scheduled.ID, s.scheduled.Interviews[0].ID, transcript(), nil)
			return err
		}},
		{"AnswerQuestions", gate.HoldInterview, "ben", gate.QuestionsAnswered, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.AnswerQuestions(by, s.requested.ID, transcript().Answers)
			return err
		}},
		{"AttachRecording", gate.HoldInterview, "ben", gate.RecordingAttached, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.AttachRecording(by, s.found.ID, s.found.Interviews[0].ID, gate.Recording{SHA256: strings.Repeat("0a", 32)})
			return err
		}},
		{"AnswerFinding", gate.HoldInterview, "ben", gate.FindingAnswerTaken, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.AnswerFinding(by, s.found.ID, 0, gate.FindingAnswer{Text: "in another country"})
			return err
		}},
		{"CloseFinding", gate.HoldInterview, "ben", gate.FindingClosed, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.CloseFinding(by, s.found.ID, 0, "on another continent")
			return err
		}},
		{"Approve", gate.DecideCase, "cho", gate.CertificationApproved, gate.CertifiedNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.Approve(by, s.interviewed.ID, "")
			return err
		}},
		{"Reject", gate.DecideCase, "cho", gate.CertificationRejected, gate.RejectedNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.Reject(by, s.interviewed.ID, "test")
			return err
		}},
		{"Withdraw", gate.HoldInterview, "ben", gate.CertificationWithdrawn, gate.RejectedNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.Withdraw(by, s.requested.ID, "test")
			return err
		}},
		{"Recertify", gate.DecideCase, "cho", gate.RecertificationDemanded, gate.RecertifyNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.Recertify(by, s.live.cert.ID, o.clock.now().Add(time.Hour), "test")
			return err
		}},
		{"RevokeCertification", gate.Stop, "ben", gate.CertificationWasRevoked, gate.DecertifiedNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.RevokeCertification(by, s.live.cert.ID, "test")
			return err
		}},
		{"Release", gate.ReleaseIt, "eve", gate.EnrollmentReleased, gate.EnrollmentNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.Release(by, s.pre.ID, "")
			return err
		}},
		{"SandboxKey", gate.ReleaseIt, "eve", gate.SandboxKeyIssued, "", func(o *office, s *scene, by authority.By) error {
			_, _, err := o.SandboxKey(by, s.sandbox.ID)
			return err
		}},
		{"RevokeKey", gate.Stop, "ben", gate.CredentialRevoked, gate.CredentialNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.RevokeKey(by, s.live.got.KeyID, gate.KeyCompromise, "test")
			return err
		}},
		{"Leaked", gate.Stop, "ben", gate.CredentialRevoked, gate.LeakedNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.Leaked(by, authority.Leak{Key: s.live.got.Key, Why: "test"})
			return err
		}},
		{"BlockPublicKey", gate.Stop, "ben", gate.PublicKeyBlocked, "", func(o *office, _ *scene, by authority.By) error {
			_, err := o.BlockPublicKey(by, authority.Blocking{Text: newCSR(o.t), Why: "test"})
			return err
		}},
		{"RevokeCertificate", gate.Stop, "ben", gate.CredentialRevoked, gate.CredentialNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.RevokeCertificate(by, s.live.got.Certificate.ID, gate.KeyCompromise, "test")
			return err
		}},
		{"Impose suspension", gate.Stop, "ben", gate.RemediationImposed, gate.SuspensionNotice, suspend(gate.AccountSubject, account, gate.Suspend)},
		{"Impose termination", gate.TerminateAccount, "cho", gate.RemediationImposed, gate.SuspensionNotice, suspend(gate.AccountSubject, account, gate.Terminate)},
		{"OpenIncident", gate.HandleIncident, "ben", gate.IncidentOpened, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.OpenIncident(by, authority.NewIncident{Subject: gate.Subject{Kind: gate.KeySubject, ID: string(s.live.got.KeyID)}, Origin: gate.IncidentReported, Why: "test"})
			return err
		}},
		{"HoldIncident", gate.HandleIncident, "ben", gate.IncidentWasHeld, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.HoldIncident(by, s.incident.ID, "test")
			return err
		}},
		{"AgreePlan", gate.HandleIncident, "ben", gate.PlanAgreed, gate.PlanAgreedNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.AgreePlan(by, s.incident.ID, authority.NewPlan{Text: "test", Due: gate.Date(o.Now().AddDate(0, 0, 9).Format(time.DateOnly)), Why: "test"})
			return err
		}},
		{"NoteIncident", gate.HandleIncident, "ben", gate.IncidentNoted, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.NoteIncident(by, s.incident.ID, "test")
			return err
		}},
		{"MarkIncident", gate.HandleIncident, "ben", gate.IncidentMarked, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.MarkIncident(by, s.incident.ID, "test")
			return err
		}},
		{"CloseIncident", gate.HandleIncident, "ben", gate.IncidentClosed, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.CloseIncident(by, s.incident.ID, authority.IncidentEnd{Outcome: gate.IncidentBenign, Why: "test"})
			return err
		}},
		{"SetRules", gate.ManageRules, "ben", gate.RulesSet, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.SetRules(by, authority.NewRuling{Scope: gate.AccountScope, Account: s.live.account.ID, Modes: map[string]string{"probing": "off"}, Why: "test"})
			return err
		}},
		{"SetRules to enforce", gate.ManageRules, "ben", gate.RulesProposed, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.SetRules(by, authority.NewRuling{Scope: gate.AccountScope, Account: s.live.account.ID, Modes: map[string]string{"probing": "enforce"}, Why: "test"})
			return err
		}},
		{"ConfirmRules", gate.ManageRules, "ben", gate.RulesConfirmed, "", func(o *office, s *scene, by authority.By) error {
			_, err := o.ConfirmRules(by, s.ruling.Version)
			return err
		}},
		{"RefuseRules", gate.ManageRules, "ben", gate.RulesRefused, "", func(o *office, s *scene, by authority.By) error {
			if list := o.Directory().Rulings(); s.ruling.State(list) != gate.RulingWaits {
				s.ruling = o.rule(o.cho, "", "off", "")
				s.ruling = o.rule(o.cho, "", "enforce", "")
			}
			_, err := o.RefuseRules(by, s.ruling.Version, "test")
			return err
		}},
		{"SignReview", gate.SignReview, "ben", gate.ReviewSigned, "", func(o *office, s *scene, by authority.By) error {
			page, err := o.ReviewPage(s.live.account.ID)
			must(o.t, err)
			by.IfMatch = page.ETag()
			_, err = o.SignReview(by, s.live.account.ID, "test")
			return err
		}},
		{"Lift", gate.Reinstate, "ben", gate.RemediationLifted, gate.ReinstatedNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.Lift(by, s.suspension.ID, "test")
			return err
		}},
		{"ProposeStaff", gate.ManageStaff, "cho", gate.StaffProposed, gate.StaffChangeNotice, func(o *office, _ *scene, by authority.By) error {
			_, err := o.ProposeStaff(by, gate.Staff{Name: "gus", Email: "gus@example.com", Roles: []gate.Role{gate.Auditor}}, newCSR(o.t))
			return err
		}},
		{"ProposeChange", gate.ManageStaff, "cho", gate.StaffProposed, gate.StaffChangeNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.ProposeChange(by, s.newcomer.ID, []gate.Role{gate.Operator}, nil)
			return err
		}},
		{"ConfirmStaff", gate.ManageStaff, "eve", gate.StaffConfirmed, gate.StaffChangeNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.ConfirmStaff(by, s.newcomer.ID)
			return err
		}},
		{"DisableStaff", gate.ManageStaff, "cho", gate.StaffDisabled, gate.StaffChangeNotice, func(o *office, s *scene, by authority.By) error {
			_, err := o.DisableStaff(by, s.newcomer.ID, "test")
			return err
		}},
		{"AllowBehavior", gate.ManageSite, "cho", gate.BehaviorAllowed, "", func(o *office, _ *scene, by authority.By) error {
			return o.AllowBehavior(by, gate.Behavior{Name: "live"}, "test")
		}},
		{"ProposeLowering", gate.ManageSite, "cho", gate.HostLoweringProposed, "", func(o *office, _ *scene, by authority.By) error {
			_, err := o.ProposeLowering(by, "api.test", authority.NewLowering{To: gate.Sandbox, Why: "test"})
			return err
		}},
		{"ConfirmLowering", gate.ManageSite, "eve", gate.HostLoweringConfirmed, "", func(o *office, _ *scene, by authority.By) error {
			if h := o.Directory().Host("api.test"); h.Lowering == nil {
				_, err := o.ProposeLowering(o.cho, "api.test", authority.NewLowering{To: gate.Sandbox, Why: "test"})
				must(o.t, err)
			}
			_, err := o.ConfirmLowering(by, "api.test")
			return err
		}},
		{"RaiseHost", gate.Stop, "ben", gate.HostRaised, "", func(o *office, _ *scene, by authority.By) error {
			if h := o.Directory().Host("api.test"); h.Lowering == nil {
				_, err := o.ProposeLowering(o.cho, "api.test", authority.NewLowering{To: gate.Sandbox, Why: "test"})
				must(o.t, err)
			}
			_, err := o.RaiseHost(by, "api.test", "over")
			return err
		}},
	}...)
}

func TestWhoLacksTheRoleChangesNothing(t *testing.T) {
	o := newOffice(t)
	s := o.scene()
	_, err := o.ProposeLowering(o.cho, "api.test", authority.NewLowering{To: gate.Sandbox, Why: "test"})
	must(t, err)
	for _, op := range operations() {
		for _, role := range gate.Roles() {
			by := authority.By{Actor: gate.Actor{Staff: "stf_x", Name: "gus", Roles: []gate.Role{role}}}
			if by.May(op.action) == nil {
				continue
			}
			before, events := snapshot(t, o.Directory()), o.Stats().AuditEvents
			refused(t, fmt.Sprintf("%s by an %s", op.name, role), op.do(o, s, by), gate.Forbidden)
			if snapshot(t, o.Directory()) != before || o.Stats().AuditEvents != events {
				t.Errorf("%s by an %s changed something", op.name, role)
			}
		}
		refused(t, op.name+" by nobody", op.do(o, s, authority.By{}), gate.Forbidden)
	}
}

func TestEveryChangeIsAnEventAndThoseConcernedAreTold(t *testing.T) {
	for _, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			o := newOffice(t)
			s := o.scene()
			by := map[string]authority.By{"ben": o.ben, "cho": o.cho, "eve": o.eve}[op.by]
			o.clock.advance(time.Minute)
			events, notices := o.Stats().AuditEvents, len(o.notices(""))
			must(t, op.do(o, s, by))
			list := o.events(events)
			last := list[len(list)-1]
			if last.Verb != op.verb || last.By.Staff != by.Staff || last.By.Name != by.Name || !last.At.Equal(o.clock.now()) || last.Object == "" {
				t.Errorf("the event is %+v", last)
			}
			told := o.notices("")
			switch {
			case op.notice == "" && len(told) != notices:
				t.Errorf("a notice nobody needs: %+v", told[0])
			case op.notice != "" && (len(told) != notices+1 || told[0].Kind != op.notice || len(told[0].To) == 0):
				t.Errorf("%d notices, the latest %+v", len(told)-notices, told[0])
			}
		})
	}
}

func TestAWriteSentTwiceHappensOnce(t *testing.T) {
	o := newOffice(t)
	by := o.ben
	by.Once = &authority.Once{ID: "ben/1", Hash: gate.FingerprintOf([]byte("body"))}
	first, err := o.CreateAccount(by, applicant("acme"))
	must(t, err)
	events := o.Stats().AuditEvents
	_, err = o.CreateAccount(by, applicant("acme"))
	if done, ok := errors.AsType[*authority.DoneError](err); !ok || done.Object != string(first.ID) {
		t.Errorf("the second time: %v", err)
	}
	by.Once = &authority.Once{ID: "ben/1", Hash: gate.FingerprintOf([]byte("another body"))}
	_, err = o.CreateAccount(by, applicant("other"))
	refused(t, "another request under the same key", err, gate.Invalid)
	if o.Stats().AuditEvents != events || len(o.Directory().Accounts()) != 1 {
		t.Error("a repeated write changed something")
	}
	by.Once = &authority.Once{ID: "ben/2", Hash: gate.FingerprintOf([]byte("fails"))}
	_, err = o.CreateAccount(by, applicant("acme"))
	refused(t, "a slug that exists", err, gate.Exists)
	_, err = o.CreateAccount(by, applicant("second"))
	if err != nil {
		t.Errorf("what failed does not count as done: %v", err)
	}
}

func TestAStaleETagChangesNothing(t *testing.T) {
	o := newOffice(t)
	s := o.scene()
	read := certstore.ETag(s.interviewed)
	by := o.cho
	by.IfMatch = read
	_, err := o.ScheduleInterview(o.ben, s.interviewed.ID, gate.Plan{At: o.clock.now().Add(time.Hour)})
	must(t, err)
	_, err = o.Approve(by, s.interviewed.ID, "")
	refused(t, "approving what has changed", err, gate.Stale)
	by.IfMatch = "*"
	if _, err = o.Reject(by, s.interviewed.ID, "test"); err != nil {
		t.Errorf("any version: %v", err)
	}
}

func TestSeparationOfDuties(t *testing.T) {
	o := newOffice(t)
	all := []gate.Role{gate.Interviewer, gate.Approver, gate.Issuer, gate.Operator, gate.Admin}
	for _, row := range [][3]string{{"ben", "cho", "eve"}, {"cho", "eve", "ben"}, {"eve", "ben", "cho"}} {
		who := o.by(row[0])
		_, err := o.ProposeChange(o.by(row[1]), who.Staff, all, nil)
		must(t, err)
		_, err = o.ConfirmStaff(o.by(row[2]), who.Staff)
		must(t, err)
	}
	as := o.by // everybody may do everything, but not in one case
	account := o.account("acme")
	device := o.device(account, "prod", gate.Production)
	c := o.interviewed(o.contract(account), device.ID)
	_, err := o.Approve(as("ben"), c.ID, "")
	refused(t, "approving one's own interview", err, gate.Forbidden)
	_, err = o.Reject(as("ben"), c.ID, "test")
	refused(t, "rejecting one's own interview", err, gate.Forbidden)
	_, err = o.Approve(as("cho"), c.ID, "")
	must(t, err)
	_, err = o.Release(as("cho"), device.ID, c.ID)
	refused(t, "releasing one's own approval", err, gate.Forbidden)
	if _, err = o.Release(as("ben"), device.ID, c.ID); err != nil {
		t.Errorf("two people are enough: %v", err)
	}
}

func TestWhoSuspendedMayUndoForAQuarterOfAnHour(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	suspend := func() *gate.Remediation {
		r, err := o.Impose(o.ben, authority.Imposition{Subject: gate.Subject{Kind: gate.DeviceSubject, ID: string(acme.device.ID)}, Measure: gate.Suspend, Why: "test"})
		must(t, err)
		if got := o.reason(acme.got); got != gate.AccountSuspended {
			t.Fatalf("suspended: %s", got)
		}
		return r
	}
	r := suspend()
	o.clock.advance(gate.UndoWindow)
	lifted, err := o.Lift(o.ben, r.ID, "a mistake")
	must(t, err)
	if !lifted.Lifted.Mistake || o.reason(acme.got) != gate.Allowed {
		t.Errorf("undone: %+v, then %s", lifted.Lifted, o.reason(acme.got))
	}
	r = suspend()
	o.clock.advance(gate.UndoWindow + time.Second)
	_, err = o.Lift(o.ben, r.ID, "too late")
	refused(t, "undoing later", err, gate.Forbidden)
	if got := o.reason(acme.got); got != gate.AccountSuspended {
		t.Errorf("after a refused undo: %s", got)
	}
	_, err = o.Lift(o.cho, r.ID, "settled")
	must(t, err)
	if got := o.reason(acme.got); got != gate.Allowed {
		t.Errorf("reinstated by a second person: %s", got)
	}
	_, err = o.Impose(o.cho, authority.Imposition{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(acme.account.ID)}, Measure: gate.Terminate, Why: "test"})
	must(t, err)
	if got := o.reason(acme.got); got != gate.AccountTerminated {
		t.Errorf("terminated: %s", got)
	}
	_, err = o.Lift(o.ben, o.lastRemediation(acme.account.ID), "no")
	refused(t, "lifting a termination", err, gate.Conflict)
}

func (o *office) lastRemediation(account gate.AccountID) gate.RemediationID {
	list := o.Directory().Remediations(account)
	return list[len(list)-1].ID
}
