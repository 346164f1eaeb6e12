package authority_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// chance is one in n. While the machine sets the scene nothing goes wrong by chance.
func (x *machine) chance(n int, what string) bool {
	return !x.setting && x.roll(n, what) == n-1
}

// pick draws from a list: mostly from those that an operation suits, or few would get far. It is the zero value if there is none, and now and
// then although there is one.
func pick[T comparable](x *machine, what string, list []T, suits func(T) bool) (none T) {
	if len(list) == 0 || x.chance(25, "no "+what) {
		return none
	}
	if suits != nil && !x.chance(4, "any "+what) {
		if few := slices.DeleteFunc(slices.Clone(list), func(v T) bool { return !suits(v) }); len(few) > 0 {
			list = few
		}
	}
	return sampled(x, what, list)
}

// sampled is one of a list, which is drawn by its place, so that a failure is short to read.
func sampled[T any](x *machine, what string, list []T) T {
	return list[x.roll(len(list), what)]
}

// die is a number of ten bits, each as likely as any other: rapid's own numbers are mostly small.
var die = rapid.Custom(func(t *rapid.T) (n int) {
	for range 10 {
		if n <<= 1; rapid.Bool().Draw(t, "bit") {
			n++
		}
	}
	return n
})

// between is one of from to to.
func (x *machine) between(from, to int, what string) int { return from + x.roll(to-from+1, what) }

// roll is one of 0 to n-1.
func (x *machine) roll(n int, what string) int { return die.Draw(x.rt, what) % n }

// why is a reason, or none where one is needed.
func (x *machine) why() string {
	if x.chance(20, "no reason") {
		return ""
	}
	return "because"
}

// day is a day around now.
func (x *machine) day(from, to int) gate.Date {
	if x.chance(30, "no day") {
		return "2027-02-30"
	}
	return gate.Date(x.now().Format(time.DateOnly)).AddDays(x.between(from, to, "days"))
}

func isDay(d gate.Date) bool {
	_, err := time.Parse(time.DateOnly, string(d))
	return err == nil
}

// grant is all or a part of what can be granted, and now and then what nobody knows.
func (x *machine) grant() (behaviors []string, purposes []gate.Purpose, known bool) {
	behaviors, purposes = []string{"fhir-query", "live"}, []gate.Purpose{gate.Treatment, gate.Payment}
	switch {
	case x.chance(30, "unknown behavior"):
		return []string{"nonsense"}, purposes, false
	case x.chance(8, "another behavior"):
		behaviors = []string{"live"}
	case x.chance(8, "another purpose"):
		purposes = []gate.Purpose{gate.Payment}
	}
	return behaviors, purposes, true
}

// tag is the ETag of a record of the directory; empty: it is not there.
func tag[P interface {
	comparable
	gate.Record
}](r P) string {
	var none P
	if r == none {
		return ""
	}
	return certstore.ETag(r)
}

// begin brings customers up to some point of their way, by the same operations and as they ought to go.
func (x *machine) begin() {
	script := []string{
		"CreateAccount", "CreateOrganization", "CreateDevice", "CreateDevice", "CreateDevice", "CreateContract", "RequestCertification", "ScheduleInterview", "HoldInterview",
		"Approve", "Release", "TakeLink", "Redeem", "Acknowledge", "Use", "CreateAccount", "CreateDevice", "CreateContract", "RequestCertification",
		"ScheduleInterview", "HoldInterview", "Approve", "Release", "TakeLink", "Redeem", "Use", "ReportChange", "JudgeChange",
		"ScheduleInterview", "HoldInterview", "UpdateProfile", "PassRecertification", "CreateDevice", "Join", "Release", "TakeLink", "Redeem", "Renew",
	}
	x.setting = true
	for _, name := range script[:sampled(x, "begin", []int{0, 9, 11, 16, 20, 25, 28, len(script)})] {
		for done, tries := x.tally[name], 0; x.tally[name] == done && tries < 8; tries++ {
			x.step(name)
		}
	}
	x.setting = false
	x.check()
}

func (x *machine) caseOf(suits func(*mCase) bool) (*mCase, gate.CertificationID, string) {
	c := pick(x, "case", x.cases, suits)
	if c == nil {
		return nil, "cas_none", ""
	}
	return c, c.id, tag(x.Directory().Certification(c.id))
}

func (x *machine) contractOf(suits func(*mContract) bool) (*mContract, gate.ContractID, string) {
	c := pick(x, "contract", x.contracts, suits)
	if c == nil {
		return nil, "con_none", ""
	}
	return c, c.id, tag(x.Directory().Contract(c.id))
}

func (x *machine) accountOf() (*mAccount, gate.AccountID) {
	a := pick(x, "account", x.accounts, nil)
	if a == nil {
		return nil, "acc_none"
	}
	return a, a.id
}

func (x *machine) deviceOf(suits func(*mDevice) bool) (*mDevice, gate.DeviceID) {
	d := pick(x, "device", x.devices, suits)
	if d == nil {
		return nil, "dev_none"
	}
	return d, d.id
}

// operations are those that the machine drives, by the method of authority.Authority; those in lower case are what customers and time do.
func (x *machine) operations() map[string]func(*machine) {
	return map[string]func(*machine){
		"CreateAccount": (*machine).createAccount, "CreateOrganization": (*machine).createOrganization, "CreateDevice": (*machine).createDevice,
		"CreateContract": (*machine).createContract, "EndContract": (*machine).endContract, "Renew": (*machine).renew, "Amend": (*machine).amend,
		"ProposeExtension": (*machine).proposeExtension, "ConfirmExtension": (*machine).confirmExtension, "CloseAccount": (*machine).closeAccount,
		"ProposeDeletion": (*machine).proposeDeletion, "DeleteAccount": (*machine).deleteAccount,
		"Onboard": (*machine).onboard, "Import": (*machine).takeOver, "ConfirmImport": (*machine).confirmImport, "RejectImport": (*machine).rejectImport,
		"RequestCertification": (*machine).requestCertification, "ScheduleInterview": (*machine).scheduleInterview,
		"CancelInterview": (*machine).cancelInterview, "MissInterview": (*machine).missInterview, "HoldInterview": (*machine).holdInterview,
		"AnswerQuestions": (*machine).answerQuestions, "CloseFinding": (*machine).closeFinding, "Approve": (*machine).approve,
		"Reject": (*machine).reject, "Withdraw": (*machine).withdraw, "RevokeCertification": (*machine).revokeCertification,
		"Recertify": (*machine).recertify, "ReportChange": (*machine).reportChange, "JudgeChange": (*machine).judgeChange,
		"UpdateProfile": (*machine).updateProfile, "PassRecertification": (*machine).passRecertification, "Join": (*machine).join,
		"Release": (*machine).release, "TakeLink": (*machine).takeLink, "Redeem": (*machine).redeem, "Acknowledge": (*machine).acknowledge,
		"CancelEnrollment": (*machine).cancelEnrollment, "RevokeKey": (*machine).revokeKey, "Leaked": (*machine).leaked, "RevokeCertificate": (*machine).revokeCertificate,
		"RevokeCredential": (*machine).revokeCredential, "BlockPublicKey": (*machine).blockPublicKey,
		"SandboxKey": (*machine).sandboxKey, "Impose": (*machine).impose, "Lift": (*machine).lift,
		"SignReview":   (*machine).signReview,
		"OpenIncident": (*machine).openIncident, "NoteIncident": (*machine).noteIncident, "MarkIncident": (*machine).markIncident, "CloseIncident": (*machine).closeIncident,
		"HoldIncident": (*machine).holdIncident, "ReleaseIncident": (*machine).releaseIncident, "AppealIncident": (*machine).appealIncident, "AnswerAppeal": (*machine).answerAppeal,
		"AgreePlan": (*machine).agreePlan, "PlanDone": (*machine).planDone, "BarIncident": (*machine).barIncident,
		"SetRules": (*machine).setRules, "ConfirmRules": (*machine).confirmRules, "RefuseRules": (*machine).refuseRules,
		"ProposePerson": (*machine).proposeStaff, "ProposeForPerson": (*machine).proposeChange, "RedeemStaffLink": (*machine).redeemStaffLink, "RenewStaff": (*machine).renewStaff,
		"AddEvidence": (*machine).addEvidence, "AttachRecording": (*machine).attachRecording, "ConfirmStaff": (*machine).confirmStaff,
		"DisableStaff": (*machine).disableStaff, "RevokeStaffCertificate": (*machine).revokeStaffCertificate,
		"AllowBehavior": (*machine).allowBehavior, "ProposeLowering": (*machine).proposeLowering, "ConfirmLowering": (*machine).confirmLowering,
		"RaiseHost": (*machine).raiseHost, "ProposeContacts": (*machine).proposeContacts, "ConfirmContacts": (*machine).confirmContacts,
		"WithdrawContacts": (*machine).withdrawContacts, "RaiseFinding": (*machine).raiseFinding, "AnswerFinding": (*machine).answerFinding,
		"RotateCA": (*machine).rotateCA, "ConfirmCA": (*machine).confirmCA, "WithdrawCA": (*machine).withdrawCA, "RequestCA": (*machine).requestCA, "ImportCA": (*machine).importCA, "RetireCA": (*machine).retireCA,
		"RotateSecret": (*machine).rotateSecret, "ConfirmSecret": (*machine).confirmSecret,
		"TellNotice": (*machine).tellNotice, "ReplayNotice": (*machine).replayNotice,
		"Tick": (*machine).pass, "Use": (*machine).use,
	}
}

// endings are what leaves less to do afterwards, and is done less often.
var endings = []string{"EndContract", "CloseAccount", "DisableStaff", "RevokeStaffCertificate", "RevokeCertification", "Reject", "Withdraw", "RevokeKey", "RevokeCertificate", "RevokeCredential", "RetireCA", "Leaked", "BlockPublicKey"}

// otherHalves are what somebody else must do after an operation: whoever did that is tempted to do this as well.
var otherHalves = map[string]string{
	"Join": "Release", "Approve": "Release", "HoldInterview": "Approve", "ReportChange": "JudgeChange", "Import": "ConfirmImport", "ProposeExtension": "ConfirmExtension",
	"ProposeContacts": "ConfirmContacts", "ProposeLowering": "ConfirmLowering", "ProposePerson": "ConfirmStaff", "ProposeForPerson": "ConfirmStaff", "Impose": "Lift",
	"RotateSecret": "ConfirmSecret", "SetRules": "ConfirmRules", "AppealIncident": "AnswerAppeal",
}

// next draws an operation: often the other half of what was done last.
func (x *machine) next(names []string) string {
	if half := otherHalves[x.last]; half != "" && x.roll(2, "the other half") == 1 {
		x.last = ""
		return half
	}
	name := sampled(x, "operation", names)
	if slices.Contains(endings, name) && !x.chance(3, "an ending") {
		return sampled(x, "operation", []string{"Tick", "ScheduleInterview", "HoldInterview", "Approve", "Release", "TakeLink", "Redeem", "UpdateProfile", "PassRecertification"})
	}
	return name
}

func (x *machine) names() (names []string) {
	for name := range x.operations() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// use is that a customer begins to call with a key.
func (x *machine) use() {
	if k := pick(x, "key", x.keys, func(k *mKey) bool { return !k.inUse }); k != nil {
		k.inUse = true
		x.tally["Use"]++
	}
}

// pass lets time go by, and the jobs run.
func (x *machine) pass() {
	hours := []int{1, 1, 5, 24, 24, 72, 24 * 20, 24 * 100}
	x.clock.advance(time.Duration(sampled(x, "hours", hours)) * time.Hour)
	seq, used := x.Store().EventCount(), x.writeDown()
	x.Tick(x.rt.Context(), x.now())
	told := x.newNotices()
	for _, e := range x.eventsFrom(seq) {
		switch e.Verb {
		case gate.CredentialFirstUsed, gate.HostServed:
			used--
		case gate.CustomerReminded, gate.StaffReminded:
			i := slices.IndexFunc(told, func(n *gate.Notice) bool {
				return slices.ContainsFunc(e.Changes, func(c gate.Change) bool { return c.ID == string(n.ID) })
			})
			if i < 0 {
				x.rt.Fatalf("a reminder without its notice: %+v", e)
			}
		default:
			x.rt.Fatalf("time alone did this: %+v", e)
		}
		if e.By.Staff != "" || len(e.Changes) == 0 {
			x.rt.Fatalf("a job wrote %+v", e)
		}
	}
	if used != 0 {
		x.rt.Fatalf("%d first uses were not written down", used)
	}
	x.tally["Tick"]++
}

// gone says whether the account is terminated: nothing new begins in it.
func (x *machine) gone(account gate.AccountID) bool {
	return slices.ContainsFunc(x.stops, func(s *mStop) bool {
		return s.terminate && s.subject == gate.Subject{Kind: gate.AccountSubject, ID: string(account)} && s.runs(x.now())
	})
}
