package authority_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// suspendedFor is a customer whose device ben has suspended for an incident.
func suspendedFor(t *testing.T, w *gatetest.World) (*gatetest.Credential, *gate.Incident, *gate.Remediation) {
	t.Helper()
	c := w.MustProduction("acme")
	subject := gate.Subject{Kind: gate.DeviceSubject, ID: string(c.Certificate.Device)}
	i, err := w.OpenIncident(w.Ben, authority.NewIncident{Subject: subject, Origin: gate.IncidentDetected, Why: "too many patients"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Impose(w.Ben, authority.Imposition{Subject: subject, Measure: gate.Suspend, Why: "too many patients", Incident: i.ID, Risk: "records of patients"})
	if err != nil {
		t.Fatal(err)
	}
	return c, i, r
}

func noticesOf(t *testing.T, w *gatetest.World, kind gate.NoticeKind) (list []*gate.Notice) {
	t.Helper()
	all, err := w.Notices("", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range all {
		if n.Kind == kind {
			list = append(list, n)
		}
	}
	return list
}

func TestAGrantedAppealLiftsInOneCommitWithOneNotice(t *testing.T) {
	w := gatetest.New(t)
	c, i, r := suspendedFor(t, w)
	if _, err := w.AppealIncident(w.Ben, i.ID, "We moved to another data center."); err != nil {
		t.Fatal(err)
	}
	for _, n := range append(noticesOf(t, w, gate.AppealReceivedNotice), noticesOf(t, w, gate.StaffAppealNotice)...) {
		if !strings.Contains(n.Body, "We moved to another data center.") || len(n.To) == 0 {
			t.Errorf("%s to %v says\n%s", n.Kind, n.To, n.Body)
		}
	}
	events, notices := w.Store().EventCount(), len(noticesOf(t, w, gate.ReinstatedNotice))
	if _, err := w.AnswerAppeal(w.Cho, i.ID, authority.AppealAnswer{Granted: true, Why: "it was announced"}); err != nil {
		t.Fatal(err)
	}
	told := noticesOf(t, w, gate.AppealAnsweredNotice)
	if len(told) != 1 || !strings.Contains(told[0].Body, "the suspension of the device acme/main/prod-1") || len(noticesOf(t, w, gate.ReinstatedNotice)) != notices {
		t.Errorf("told by %+v", told)
	}
	lifted := w.Directory().Remediation(r.ID).Lifted
	if lifted == nil || lifted.By != w.Cho.Staff || lifted.Notice != told[0].ID || w.Store().EventCount() != events+1 {
		t.Errorf("lifted: %+v, %d events", lifted, w.Store().EventCount()-events)
	}
	if reason := decided(t, w, c); reason != gate.Allowed {
		t.Errorf("the next request: %s", reason)
	}
}

func TestWhoHadAHandInItDoesNotAnswerAnAppeal(t *testing.T) {
	w := gatetest.New(t)
	c, i, _ := suspendedFor(t, w)
	if _, err := w.AppealIncident(w.Cho, i.ID, "It was not us."); err != nil {
		t.Fatal(err)
	}
	for name, by := range map[string]authority.By{"who imposed": w.Ben, "who wrote it down": w.Cho} {
		if _, err := w.AnswerAppeal(by, i.ID, authority.AppealAnswer{Granted: true, Why: "x"}); gate.KindOf(err) != gate.Forbidden {
			t.Errorf("%s answered: %v", name, err)
		}
	}
	if reason := decided(t, w, c); reason != gate.AccountSuspended {
		t.Errorf("the next request: %s", reason)
	}
}

func TestARefusedAppealLiftsNothing(t *testing.T) {
	w := gatetest.New(t)
	c, i, _ := suspendedFor(t, w)
	if _, err := w.AppealIncident(w.Ben, i.ID, "It was not us."); err != nil {
		t.Fatal(err)
	}
	if _, err := w.AnswerAppeal(w.Cho, i.ID, authority.AppealAnswer{Why: "the log shows you"}); err != nil {
		t.Fatal(err)
	}
	if reason := decided(t, w, c); reason != gate.AccountSuspended {
		t.Errorf("the next request: %s", reason)
	}
}

func TestWhatIsBarredIsLiftedByAGrantedAppealAlone(t *testing.T) {
	w := gatetest.New(t)
	_, i, r := suspendedFor(t, w)
	until := w.Now().AddDate(0, 6, 0)
	if _, err := w.BarIncident(w.Ben, i.ID, until, "records were read without a purpose"); err != nil {
		t.Fatal(err)
	}
	told := noticesOf(t, w, gate.BarredNotice)
	if len(told) != 1 || !strings.Contains(told[0].Body, "/.well-known/certgate/appeal") {
		t.Errorf("%+v", told)
	}
	if _, err := w.Lift(w.Cho, r.ID, "x"); gate.KindOf(err) != gate.Conflict || !strings.Contains(err.Error(), until.UTC().Format(time.RFC3339)) || !strings.Contains(err.Error(), "appeal") {
		t.Errorf("lifted: %v", err)
	}
	if _, err := w.CloseIncident(w.Cho, i.ID, authority.IncidentEnd{Outcome: gate.IncidentConfirmed, Why: "x"}); gate.KindOf(err) != gate.Conflict {
		t.Errorf("closed, so that nobody could appeal: %v", err)
	}
	if _, err := w.AppealIncident(w.Ben, i.ID, "We did not know."); err != nil {
		t.Fatal(err)
	}
	if _, err := w.AnswerAppeal(w.Cho, i.ID, authority.AppealAnswer{Granted: true, Why: "true"}); err != nil {
		t.Fatal(err)
	}
	if w.Directory().Remediation(r.ID).Lifted == nil || w.Directory().Incident(i.ID).Bars(r.ID, w.Now()) {
		t.Error("the appeal lifted nothing")
	}
}

func TestABarEndsByItself(t *testing.T) {
	w := gatetest.New(t)
	_, i, r := suspendedFor(t, w)
	if _, err := w.BarIncident(w.Ben, i.ID, w.Now().Add(time.Hour), "x"); err != nil {
		t.Fatal(err)
	}
	w.Advance(2 * time.Hour)
	if _, err := w.Lift(w.Cho, r.ID, "it is over"); err != nil {
		t.Error(err)
	}
}

func TestWhatAPersonSaysOfAMeasureIsKeptAndNothingElse(t *testing.T) {
	w := gatetest.New(t)
	_, i, r := suspendedFor(t, w)
	step := w.Directory().Incident(i.ID).Steps[0]
	if step.By != w.Ben.Staff || step.Remediation != r.ID || step.Notice != r.Notice || step.Policy != *r.Policy {
		t.Errorf("the step is %+v", step)
	}
	if want := (gate.PolicyNote{Risk: "records of patients", Scope: "device acme/main/prod-1", Duration: "until it is lifted"}); step.Policy != want {
		t.Errorf("the note is %+v", step.Policy)
	}
	silent, err := w.Impose(w.Ben, authority.Imposition{Subject: r.Subject, Measure: gate.Suspend, Why: "again", Incident: i.ID})
	if err != nil || silent.Policy != nil || w.Directory().Incident(i.ID).Steps[1].Policy != (gate.PolicyNote{}) {
		t.Errorf("%+v, %v", silent, err)
	}
	_, err = w.Impose(w.Ben, authority.Imposition{Subject: r.Subject, Measure: gate.Suspend, Why: "again", Risk: "two\nlines"})
	if gate.KindOf(err) != gate.Invalid || !strings.Contains(err.Error(), "risk") {
		t.Errorf("%v", err)
	}
}

func TestAPlanIsToldAndKeepsTheIncidentOpen(t *testing.T) {
	w := gatetest.New(t)
	_, i, _ := suspendedFor(t, w)
	if _, err := w.AgreePlan(w.Ben, i.ID, authority.NewPlan{Text: "Ask for patients of the day.", Due: "2027-04-30", Why: "as agreed by telephone"}); err != nil {
		t.Fatal(err)
	}
	if told := noticesOf(t, w, gate.PlanAgreedNotice); len(told) != 1 || !strings.Contains(told[0].Body, "by the end of 30 April 2027") {
		t.Errorf("%+v", told)
	}
	end := authority.IncidentEnd{Outcome: gate.IncidentConfirmed, Why: "x"}
	if _, err := w.CloseIncident(w.Cho, i.ID, end); gate.KindOf(err) != gate.Conflict {
		t.Errorf("%v", err)
	}
	if _, err := w.PlanDone(w.Cho, i.ID, "they showed it"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.CloseIncident(w.Cho, i.ID, end); err != nil {
		t.Error(err)
	}
}

func TestOnlyWhatIsBenignAndDetectedHasComeToStay(t *testing.T) {
	w := gatetest.New(t)
	_, i, _ := suspendedFor(t, w)
	if _, err := w.CloseIncident(w.Cho, i.ID, authority.IncidentEnd{Outcome: gate.IncidentConfirmed, Stays: true, Why: "x"}); gate.KindOf(err) != gate.Invalid {
		t.Errorf("%v", err)
	}
	if out, err := w.CloseIncident(w.Cho, i.ID, authority.IncidentEnd{Outcome: gate.IncidentBenign, Stays: true, Why: "x"}); err != nil || !out.Closed.Stays {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestASuspendedCustomerAppealsByItsDeviceAndOnlyAgainstWhatItWasToldOf(t *testing.T) {
	w := gatetest.New(t)
	c, i, _ := suspendedFor(t, w)
	other := w.MustProduction("other")
	own := func(c *gatetest.Credential, id gate.IncidentID) error {
		t.Helper()
		call, err := w.Config.Identify(c.Request("POST", "/.well-known/certgate/appeal"))
		if err != nil || !call.Allowed() {
			t.Fatalf("%v, %v", call, err)
		}
		defer call.Done(authority.Outcome{})
		_, err = w.AppealOwn(call, id, "We moved.")
		return err
	}
	if err := own(other, i.ID); gate.KindOf(err) != gate.NotFound {
		t.Errorf("against another's incident: %v", err)
	}
	events := w.Store().EventCount()
	if err := own(c, i.ID); err != nil || w.Store().EventCount() != events+1 {
		t.Errorf("%v, %d events", err, w.Store().EventCount()-events)
	}
	if err := own(c, i.ID); gate.KindOf(err) != gate.Conflict {
		t.Errorf("a second one: %v", err)
	}
	for _, n := range append(noticesOf(t, w, gate.AppealReceivedNotice), noticesOf(t, w, gate.StaffAppealNotice)...) {
		if !strings.Contains(n.Body, "We moved.") || len(n.To) == 0 {
			t.Errorf("%s to %v says\n%s", n.Kind, n.To, n.Body)
		}
	}
	open := w.Directory().Incident(i.ID).OpenAppeal()
	if open == nil || open.By != "" {
		t.Errorf("%+v", open)
	}
}

func TestACredentialThatIsRevokedWhileTheBodyArrivesAppealsNoMore(t *testing.T) {
	w := gatetest.New(t)
	c, i, _ := suspendedFor(t, w)
	call, err := w.Config.Identify(c.Request("POST", "/.well-known/certgate/appeal"))
	if err != nil || !call.Allowed() {
		t.Fatalf("%v, %v", call, err)
	}
	defer call.Done(authority.Outcome{})
	if _, err := w.RevokeKey(w.Ben, c.KeyID, gate.KeyCompromise, "lost"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.AppealOwn(call, i.ID, "We moved."); !errors.Is(err, authority.ErrNotEntitled) || w.Directory().Incident(i.ID).OpenAppeal() != nil {
		t.Errorf("%v", err)
	}
}
