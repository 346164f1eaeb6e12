package authority_test

import (
	"fmt"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// TestWhoIsDisabledWhileARequestIsOnItsWayDoesNotAct: the door asks who acts before it reads the body, and the body may come much later.
func TestWhoIsDisabledWhileARequestIsOnItsWayDoesNotAct(t *testing.T) {
	o := newOffice(t)
	begun := o.ben // what the door found when the request began
	_, err := o.DisableStaff(o.cho, o.ben.Staff, "left the company")
	must(t, err)
	_, err = o.CreateAccount(begun, applicant("late"))
	refused(t, "an account by one who was disabled meanwhile", err, gate.Unauthorized)
	if _, err := o.Directory().Account("late"); err == nil {
		t.Error("the account is there")
	}
}

// TestARoleThatWasTakenAwayMeanwhileDoesNotCount is the same for a change of roles.
func TestARoleThatWasTakenAwayMeanwhileDoesNotCount(t *testing.T) {
	o := newOffice(t)
	begun := o.ben
	_, err := o.ProposeChange(o.cho, o.ben.Staff, []gate.Role{gate.Auditor}, nil)
	must(t, err)
	_, err = o.ConfirmStaff(o.eve, o.ben.Staff)
	must(t, err)
	_, err = o.CreateAccount(begun, applicant("late"))
	refused(t, "an account by an auditor with the roles of before", err, gate.Forbidden)
}

// TestASwappedProposalIsConfirmedWithItsETagAlone: cho shows eve a harmless proposal and puts another in its place while she confirms.
func TestASwappedProposalIsConfirmedWithItsETagAlone(t *testing.T) {
	o := newOffice(t)
	_, err := o.ProposeChange(o.cho, o.ben.Staff, []gate.Role{gate.Auditor}, nil)
	must(t, err)
	_, err = o.ProposeChange(o.cho, o.ben.Staff, []gate.Role{gate.Admin, gate.Issuer}, nil)
	must(t, err)
	for _, unread := range []string{"", "*"} {
		by := o.eve
		by.IfMatch = unread
		_, err = o.ConfirmStaff(by, o.ben.Staff)
		refused(t, "confirming what was not read", err, gate.Stale)
	}
	person, err := o.Directory().Staff("ben")
	must(t, err)
	by := o.eve
	by.IfMatch = certstore.ETag(person)
	if _, err = o.ConfirmStaff(by, o.ben.Staff); err != nil {
		t.Errorf("by who names what she read: %v", err)
	}
}

// TestWhatAFormerAdminProposedIsNotConfirmed: else one who was dismissed leaves proposals behind that one admin alone puts into effect.
func TestWhatAFormerAdminProposedIsNotConfirmed(t *testing.T) {
	o := newOffice(t)
	_, err := o.ProposeChange(o.cho, o.ben.Staff, []gate.Role{gate.Admin}, nil)
	must(t, err)
	_, err = o.DisableStaff(o.eve, o.cho.Staff, "dismissed")
	must(t, err)
	_, err = o.ConfirmStaff(o.eve, o.ben.Staff)
	refused(t, "confirming what a dismissed admin proposed", err, gate.Conflict)
}

// TestInventedHostNamesOfASandboxDoNotFillTheListOfHosts: on a site for every name, a sandbox key is enough to send any name.
func TestInventedHostNamesOfASandboxDoNotFillTheListOfHosts(t *testing.T) {
	o := newOffice(t)
	device := o.device(o.account("acme"), "test", gate.Sandbox)
	key, _, err := o.SandboxKey(o.eve, device.ID)
	must(t, err)
	for i := range 1100 {
		call, err := o.config.Check(&gate.Request{Site: o.config.Site(gate.Sandbox), TLS: true, Host: fmt.Sprintf("h%d.example.com", i),
			Authorization: []string{"Bearer " + key}, Method: "GET", Path: "/fhir/Patient/1", Purpose: []string{"TREAT"}})
		must(t, err)
		if !call.Allowed() {
			t.Fatalf("refused: %s", call.Reason)
		}
		call.Done(authority.Outcome{})
		if i%100 == 0 {
			o.tick()
		}
	}
	o.tick()
	if n := len(o.Directory().Hosts()); n != 0 {
		t.Errorf("a sandbox key made %d hosts", n)
	}
}

// TestAThiefWithAKeyAloneNeitherFloodsTheLogNorLearnsByTimeThatItIsGood: a line takes longer than an answer.
func TestAThiefWithAKeyAloneNeitherFloodsTheLogNorLearnsByTimeThatItIsGood(t *testing.T) {
	core, lines := observer.New(zapcore.InfoLevel)
	o := &office{t: t, clock: newClock()}
	store, _, err := authority.FoundInMemory(authority.Setup{Admins: people(), Now: o.clock.now})
	must(t, err)
	o.open(authority.Options{Store: store, Now: o.clock.now, NoJobs: true, Log: zap.New(core)})
	victim, thief := o.customer("victim"), o.customer("thief")
	r := o.request(victim.got)
	r.Leaf = o.request(thief.got).Leaf
	for range 100 {
		call, err := o.config.Check(r)
		must(t, err)
		if call.Reason != gate.InvalidToken {
			t.Fatalf("the pair was judged %s", call.Reason)
		}
		o.LogRefusal(call)
		call.Done(authority.Outcome{})
	}
	if n := lines.FilterMessage("refused").Len(); n != 10 {
		t.Errorf("%d lines in one second", n)
	}
}

// TestAskingForTheCRLDoesNotWalkThroughAllCertificates: anybody may ask.
func TestAskingForTheCRLDoesNotWalkThroughAllCertificates(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	ca := o.Directory().CA(acme.got.Certificate.Issuer)
	_, err := o.CRL(ca)
	must(t, err)
	o.revoke(acme, gate.KeyCompromise)
	if n := testing.AllocsPerRun(100, func() { _, err = o.CRL(ca) }); n != 0 || err != nil {
		t.Errorf("%.0f allocations, %v", n, err)
	}
}

// TestEnrollmentIsNeverSentInTheClear: the link's token goes one way and the production key the other.
func TestEnrollmentIsNeverSentInTheClear(t *testing.T) {
	s := settings(table()...)
	for address, ok := range map[string]bool{"http://connect.example.com": false, "HTTP://connect.example.com": false, "https://connect.example.com": true, "HTTPS://connect.example.com": true} {
		s.PublicURL = address
		if err := s.Check(); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}
