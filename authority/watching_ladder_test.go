package authority_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// enforced lets two people enforce all rules.
func (o *office) enforced() {
	o.t.Helper()
	modes := make(map[string]string)
	for _, r := range abuse.Rules() {
		modes[r.String()] = "enforce"
	}
	r, err := o.SetRules(o.ben, authority.NewRuling{Scope: gate.AllScope, Modes: modes, Why: "four weeks were observed"})
	must(o.t, err)
	_, err = o.ConfirmRules(o.cho, r.Version)
	must(o.t, err)
}

// surge is what the rule would have found of a customer by now, under the mode.
func (o *office) surge(c *customer, mode abuse.Mode) abuse.Finding {
	to := o.clock.now().Truncate(time.Second)
	return abuse.Finding{Rule: abuse.Spike, Account: c.account.ID, Device: c.device.ID, From: to.Add(-time.Hour), To: to, Step: abuse.Limit, Weight: 60, Mode: mode,
		Evidence: []abuse.Figure{{Name: "requests", Seen: 900, Limit: 100}, {Name: "times the usual", Seen: 9, Limit: 3}}}
}

// incidents are those of an account.
func (o *office) incidents(c *customer) []*gate.Incident {
	return o.Directory().Incidents(c.account.ID)
}

// rungs are the steps of an incident.
func rungs(i *gate.Incident) (list []gate.Rung) {
	for _, s := range i.Steps {
		list = append(list, s.Rung)
	}
	return list
}

func TestWhatIsOnlyObservedIsEvidenceAndNothingMore(t *testing.T) {
	for name, edit := range map[string]func(o *office, f *abuse.Finding){
		"the rule is observed":                          func(*office, *abuse.Finding) {},
		"the rule is held":                              func(o *office, f *abuse.Finding) { o.enforced(); f.Mode, f.Held = abuse.Enforce, true },
		"it was enforced when it was found, and is not": func(_ *office, f *abuse.Finding) { f.Mode = abuse.Enforce },
	} {
		o := newOffice(t)
		c := o.customer("acme")
		for range 5 {
			f := o.surge(c, abuse.Observe)
			f.Weight = 1000
			edit(o, &f)
			edit = func(_ *office, g *abuse.Finding) { g.Mode, g.Held = f.Mode, f.Held }
			must(t, authority.TakeFindings(o.Authority, f))
			o.clock.advance(7 * time.Hour)
		}
		list := o.incidents(c)
		if len(list) != 1 || len(list[0].Evidence) != 5 || len(list[0].Steps) != 0 || list[0].Evidence[4].Observed == "" || list[0].Evidence[4].Weight != 0 ||
			list[0].Subject != (gate.Subject{Kind: gate.DeviceSubject, ID: string(c.device.ID)}) || list[0].Opened.By != gate.System {
			t.Errorf("%s: %+v", name, list)
		}
		if len(o.Directory().Remediations(c.account.ID)) != 0 || o.noticed(gate.IncidentOpenedNotice) != 0 {
			t.Errorf("%s: something followed", name)
		}
	}
}

// The narrowest object that acts is limited, whatever else was only seen.
func TestWhatIsOnlyObservedWidensNoThrottle(t *testing.T) {
	o := newOffice(t)
	o.enforced()
	c := o.customer("acme")
	observed := o.surge(c, abuse.Observe)
	observed.Rule, observed.Device = abuse.Probing, "" // of the account as a whole
	must(t, authority.TakeFindings(o.Authority, observed))
	o.clock.advance(time.Hour)
	urgent := o.surge(c, abuse.Enforce)
	urgent.Weight = 1000
	must(t, authority.TakeFindings(o.Authority, urgent))
	list := o.Directory().Remediations(c.account.ID)
	if want := (gate.Subject{Kind: gate.DeviceSubject, ID: string(c.device.ID)}); len(list) != 1 || list[0].Subject != want {
		t.Errorf("throttled: %+v, want %v alone", list, want)
	}
}

func TestTheCustomerIsToldBeforeItIsThrottledAndTheThrottleEndsByItself(t *testing.T) {
	o := newOffice(t)
	o.enforced()
	c := o.customer("acme")
	must(t, authority.TakeFindings(o.Authority, o.surge(c, abuse.Enforce)))
	i := o.incidents(c)[0]
	if diff := cmp.Diff([]gate.Rung{gate.RungNotify}, rungs(i)); diff != "" || o.noticed(gate.IncidentOpenedNotice) != 1 || o.noticed(gate.StaffIncidentNotice) != 1 {
		t.Fatalf("after the first finding: %s, %d notices", diff, o.noticed(gate.IncidentOpenedNotice))
	}
	o.clock.advance(12 * time.Hour)
	must(t, authority.TakeFindings(o.Authority, o.surge(c, abuse.Enforce)))
	if n := len(o.incidents(c)[0].Steps); n != 1 {
		t.Errorf("%d steps, half a day after the notice", n)
	}
	o.clock.advance(13 * time.Hour)
	must(t, authority.TakeFindings(o.Authority, o.surge(c, abuse.Enforce)))
	i = o.incidents(c)[0]
	if diff := cmp.Diff([]gate.Rung{gate.RungNotify, gate.RungThrottle}, rungs(i)); diff != "" {
		t.Fatalf("a day later it goes on: %s", diff)
	}
	r := o.Directory().Remediation(i.Steps[1].Remediation)
	// 1000 calls a day were declared, so 125 are a busy hour.
	want := &gate.Limit{Kind: gate.RateLimit, Amount: 125, Seconds: 3600}
	if diff := cmp.Diff(want, r.Limit); diff != "" || r.Notice == "" || r.By != gate.System || r.Policy == nil || r.Policy.Version != abuse.PolicyVersion ||
		r.Subject.ID != string(c.device.ID) || !r.Until.Equal(o.clock.now().Add(4*time.Hour)) || !slices.Contains(i.Remediations, r.ID) {
		t.Errorf("the throttle: %s %+v", diff, r)
	}
	passed := 0
	for range 200 {
		if o.reason(c.got) == gate.Allowed {
			passed++
		}
	}
	if passed != 125 || o.reason(c.got) != gate.AbnormalUsage {
		t.Errorf("%d calls passed, then %s", passed, o.reason(c.got))
	}
	o.clock.advance(4*time.Hour + time.Second)
	if got := o.reason(c.got); got != gate.Allowed {
		t.Errorf("after its end: %s", got)
	}
	// Nothing more is found: it fades, and the customer hears of it.
	for range 30 {
		o.clock.advance(6 * time.Hour)
		must(t, authority.WatchForAbuse(o.Authority))
	}
	if i = o.incidents(c)[0]; i.Closed == nil || i.Closed.Outcome != gate.IncidentFaded || o.noticed(gate.IncidentOverNotice) != 1 {
		t.Errorf("days later: %+v", i.Closed)
	}
}

func TestNothingHappensByItselfWhilePeopleDealWithIt(t *testing.T) {
	o := newOffice(t)
	o.enforced()
	c := o.customer("acme")
	must(t, authority.TakeFindings(o.Authority, o.surge(c, abuse.Enforce)))
	_, err := o.Impose(o.ben, authority.Imposition{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(c.account.ID)}, Measure: gate.Throttle,
		Limit: &gate.Limit{Kind: gate.RateLimit, Amount: 5}, Why: "until we know", Incident: o.incidents(c)[0].ID})
	must(t, err)
	for range 5 {
		o.clock.advance(7 * time.Hour)
		must(t, authority.TakeFindings(o.Authority, o.surge(c, abuse.Enforce)))
	}
	if list := o.Directory().Remediations(c.account.ID); len(list) != 1 {
		t.Errorf("%d remediations, where one of ben's is in force", len(list))
	}
	if i := o.incidents(c)[0]; len(i.Evidence) != 6 {
		t.Errorf("%d pieces of evidence", len(i.Evidence))
	}
}

func TestADeterministicRuleSuspendsTheOneCredential(t *testing.T) {
	o := newOffice(t)
	o.enforced()
	c := o.customer("acme")
	crt := string(c.got.Certificate.ID)
	f := o.surge(c, abuse.Enforce)
	f.Rule, f.Step, f.Weight, f.Credential = abuse.Pollution, abuse.Suspend, 100, crt
	for range 2 {
		must(t, authority.TakeFindings(o.Authority, f))
		o.clock.advance(7 * time.Hour)
		f.To = o.clock.now()
	}
	list := o.Directory().Remediations(c.account.ID)
	if len(list) != 1 || list[0].Measure != gate.Suspend || list[0].Subject != (gate.Subject{Kind: gate.CertificateSubject, ID: crt}) || list[0].Notice == "" {
		t.Fatalf("%+v", list)
	}
	// A statistical rule that asks for as much, or one that names somebody else's credential, gets none.
	d := o.customer("beta")
	g := o.surge(d, abuse.Enforce)
	g.Step, g.Credential = abuse.Suspend, string(d.got.Certificate.ID)
	h := g
	h.Rule, h.Credential = abuse.Pollution, crt
	must(t, authority.TakeFindings(o.Authority, g, h))
	if got := o.reason(d.got); got != gate.Allowed {
		t.Errorf("beta: %s", got)
	}
}

func TestStrangersAreToldOfOnceADayAndNeverHeldAgainstTheOwner(t *testing.T) {
	o := newOffice(t)
	o.enforced()
	c := o.customer("acme")
	for range 10 {
		f := o.surge(c, abuse.Enforce)
		f.Rule, f.Stranger, f.Source, f.Step, f.Weight = abuse.ForeignKey, true, "203.0.113.0/24", abuse.Suspend, 1000
		must(t, authority.TakeFindings(o.Authority, f))
		o.clock.advance(time.Hour)
	}
	if len(o.incidents(c)) != 0 || len(o.Directory().Remediations(c.account.ID)) != 0 {
		t.Error("it is held against the owner")
	}
	if own, staff := o.noticed(gate.StrangersNotice), o.noticed(gate.StaffIncidentNotice); own != 1 || staff != 1 {
		t.Errorf("%d notices to the owner and %d to staff", own, staff)
	}
}

func TestStaffAreToldOfARuleThatIsHeld(t *testing.T) {
	o := newOffice(t)
	o.enforced()
	var found []abuse.Finding
	for _, slug := range []string{"acme", "beta"} {
		f := o.surge(o.customer(slug), abuse.Enforce)
		f.Held = true
		found = append(found, f)
	}
	must(t, authority.TakeFindings(o.Authority, found...))
	must(t, authority.TakeFindings(o.Authority, found...))
	if o.noticed(gate.RuleHeldNotice) != 1 || o.noticed(gate.IncidentOpenedNotice) != 0 {
		t.Errorf("%d notices that it is held", o.noticed(gate.RuleHeldNotice))
	}
}

func TestACustomerWithoutContactsStillHasItsNotices(t *testing.T) {
	o := newOffice(t)
	o.enforced()
	c := o.customer("acme")
	f := o.surge(c, abuse.Enforce)
	f.Weight = 200 // urgent: told and throttled at once
	must(t, authority.TakeFindings(o.Authority, f))
	i := o.incidents(c)[0]
	if diff := cmp.Diff([]gate.Rung{gate.RungNotify, gate.RungThrottle}, rungs(i)); diff != "" {
		t.Error(diff)
	}
	told := 0
	for _, n := range o.notices(c.account.ID) {
		if strings.Contains(n.Body, string(i.ID)) {
			told++
		}
	}
	if told != 2 {
		t.Errorf("%d notices name the incident", told)
	}
}

func TestWhatIsFoundOfAnAccountThatIsGoneIsDropped(t *testing.T) {
	o := newOffice(t)
	f := o.surge(&customer{account: &gate.Account{ID: "acc_gone"}, device: &gate.Device{ID: "dev_gone"}}, abuse.Enforce)
	if err := authority.TakeFindings(o.Authority, f); err != nil && !errors.Is(err, gate.NotFound) {
		t.Error(err)
	}
}
