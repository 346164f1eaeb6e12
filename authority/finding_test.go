package authority_test

import (
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// wanting is a case with one finding, due in a week.
func (o *office) wanting(account *gate.Account) *gate.Certification {
	o.t.Helper()
	c := o.interviewed(o.contract(account), o.device(account, "prod", gate.Production).ID)
	c, err := o.RaiseFinding(o.cho, c.ID, gate.NewFinding{Text: "Who rotates keys?", Severity: gate.HighSeverity, Due: string(gate.Date(o.clock.now().Format(time.DateOnly)).AddDays(7))})
	must(o.t, err)
	return c
}

func (o *office) findingNotices(account gate.AccountID) (list []*gate.Notice) {
	o.t.Helper()
	for _, n := range o.notices(account) {
		if n.Kind == gate.FindingsNotice {
			list = append(list, n)
		}
	}
	return list
}

func TestTheTechnicalContactIsToldOfFindingsAndRemindedOnce(t *testing.T) {
	o := newOffice(t)
	account, err := o.CreateAccount(o.ben, gate.Account{Slug: "acme", Name: "Acme", Zone: "America/New_York", Contacts: []gate.Contact{
		{Role: gate.TechnicalContact, Name: "Ann", Email: "ann@example.com"}, {Role: gate.BusinessContact, Name: "Bob", Email: "bob@example.com"}}})
	must(t, err)
	c := o.wanting(account)
	told := o.findingNotices(account.ID)
	if len(told) != 1 || len(told[0].To) != 1 || told[0].To[0].Email != "ann@example.com" || !strings.Contains(told[0].Body, "Finding 0 (high): Who rotates keys?") ||
		!strings.Contains(told[0].Body, "9 March 2027, 04:59 UTC (8 March 2027, 23:59 EST in America/New_York)") {
		t.Fatalf("%+v", told)
	}
	for _, row := range []struct {
		days int
		want string
	}{{3, ""}, {2, "Your answers are due"}, {1, ""}, {2, "Your answers are overdue"}, {30, ""}} {
		before := len(o.findingNotices(account.ID))
		o.pass(time.Duration(row.days) * 24 * time.Hour)
		o.pass(time.Hour)
		switch got := o.findingNotices(account.ID); {
		case row.want == "" && len(got) != before:
			t.Errorf("told %s", got[0].Subject)
		case row.want != "" && (len(got) != before+1 || !strings.Contains(got[0].Subject, row.want)):
			t.Errorf("%d notices more, the last: %s; want %s", len(got)-before, got[0].Subject, row.want)
		}
	}
	_, err = o.Approve(o.cho, c.ID, "")
	refused(t, "approved with an open finding", err, gate.Conflict)
	_, err = o.AnswerFinding(o.ben, c.ID, 0, gate.FindingAnswer{Text: "Two engineers."})
	must(t, err)
	_, err = o.CloseFinding(o.ben, c.ID, 0, "that will do")
	must(t, err)
	_, err = o.Approve(o.cho, c.ID, "")
	must(t, err)
}

func TestAnAnswerInTimeIsNotAskedForAgain(t *testing.T) {
	o := newOffice(t)
	account := o.account("acme")
	c := o.wanting(account)
	_, err := o.AnswerFinding(o.ben, c.ID, 0, gate.FindingAnswer{Document: gate.Document{Reference: "DMS-8"}})
	must(t, err)
	o.pass(30 * 24 * time.Hour)
	if n := len(o.findingNotices(account.ID)); n != 1 {
		t.Errorf("%d notices", n)
	}
}

func TestAnInterviewTellsWhatItFoundWanting(t *testing.T) {
	o := newOffice(t)
	account := o.account("acme")
	c, err := o.RequestCertification(o.ben, gate.Certification{Contract: o.contract(account).ID, Devices: []gate.DeviceID{o.device(account, "prod", gate.Production).ID}, Profile: gate.Profile{Grant: everything}})
	must(t, err)
	c, err = o.ScheduleInterview(o.ben, c.ID, gate.Plan{At: o.clock.now()})
	must(t, err)
	record := transcript()
	record.Answers[0].Text = ""
	_, err = o.HoldInterview(o.ben, c.ID, c.Interviews[0].ID, record, []gate.NewFinding{{Text: "Keys are mailed.", Severity: gate.CriticalSeverity}})
	must(t, err)
	n := o.findingNotices(account.ID)
	if len(n) != 1 || !strings.Contains(n[0].Body, "Finding 0 (critical): Keys are mailed.") || !strings.Contains(n[0].Body, "Finding 1 (medium): Nobody could answer:") {
		t.Fatalf("%+v", n)
	}
	if strings.Contains(n[0].Event, "Keys are mailed") {
		t.Errorf("the text of a finding goes to webhooks: %s", n[0].Event)
	}
}

func TestFindingsAreRaisedByWhoMay(t *testing.T) {
	o := newOffice(t)
	c := o.wanting(o.account("acme"))
	for name, by := range map[string]authority.By{"ben": o.ben, "cho": o.cho} {
		if _, err := o.RaiseFinding(by, c.ID, gate.NewFinding{Text: "More.", Severity: gate.LowSeverity}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := o.RaiseFinding(o.eve, c.ID, gate.NewFinding{Text: "More.", Severity: gate.LowSeverity})
	refused(t, "raised by an issuer", err, gate.Forbidden)
}
