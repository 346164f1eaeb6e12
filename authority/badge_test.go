package authority_test

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// person is a member of staff as they are now.
func (o *office) person(name string) *gate.Staff {
	o.t.Helper()
	s, err := o.Directory().Staff(name)
	must(o.t, err)
	return s
}

// invite lets two admins send a person a link, and returns its token.
func (o *office) invite(name string, roles ...gate.Role) string {
	o.t.Helper()
	s, err := o.ProposePerson(o.cho, name, authority.Proposed{Roles: roles, Email: name + "@example.com", Link: true})
	must(o.t, err)
	s, err = o.ConfirmStaff(o.eve, s.ID)
	must(o.t, err)
	link, err := o.TakeLink(s.Link.Notice)
	must(o.t, err)
	_, token, _ := strings.Cut(link, "#")
	return token
}

func TestTheFirstCertificatesDoNotEndTheSameDay(t *testing.T) {
	for range 20 {
		o := newOffice(t)
		days := make(map[string]bool)
		for _, s := range o.Directory().People() {
			end := s.Certificates[0].NotAfter
			days[end.Format(time.DateOnly)] = true
			if left := end.Sub(o.clock.now()); left > 397*24*time.Hour || left < 367*24*time.Hour {
				t.Errorf("%s has %s", s.Name, left)
			}
		}
		if len(days) != 3 {
			t.Fatalf("three people, ends on %v", days)
		}
	}
}

func TestARenewedCertificateWorksAndTheOldOneUntilItsEnd(t *testing.T) {
	o := newOffice(t)
	old := o.person("ben").Certificates[0]
	o.pass(old.NotAfter.Add(-10 * 24 * time.Hour).Sub(o.clock.now()))
	csr := newCSR(t)
	ben, err := o.RenewStaff(o.ben, old.Fingerprint, csr)
	must(t, err)
	fresh := ben.Certificates[1]
	for _, c := range []*gate.StaffCertificate{&old, &fresh} {
		actor, err := o.Operator(leafOf(c))
		must(t, err)
		if diff := cmp.Diff(o.ben.Actor, actor); diff != "" {
			t.Errorf("renewing changed who ben is:\n%s", diff)
		}
	}
	events := o.Stats().AuditEvents
	again, err := o.RenewStaff(o.ben, old.Fingerprint, csr)
	must(t, err)
	if len(again.Certificates) != 2 || o.Stats().AuditEvents != events {
		t.Error("asking again with the same key was another change")
	}
	told := o.circulars()[0]
	if want := []string{"cho@example.com", "eve@example.com", "ben@example.com"}; cmp.Diff(want, addresses(told)) != "" || !strings.Contains(told.Body, "A certificate of ben was renewed by ben") {
		t.Errorf("%v were told %s", addresses(told), told.Body)
	}
	o.pass(11 * 24 * time.Hour)
	_, err = o.Operator(leafOf(&old))
	refused(t, "the old one after its end", err, gate.Unauthorized)
	_, err = o.RenewStaff(o.ben, old.Fingerprint, newCSR(t))
	refused(t, "renewed with the old one after its end", err, gate.Unauthorized)
	_, err = o.Operator(leafOf(&fresh))
	must(t, err)
	_, err = o.RevokeStaffCertificate(o.cho, ben.ID, old.Fingerprint, "the laptop was lost long ago")
	must(t, err)
	_, err = o.Operator(leafOf(&fresh))
	refused(t, "a renewal of what was revoked", err, gate.Unauthorized)
}

func TestNobodyRenewsForSomebodyElse(t *testing.T) {
	o := newOffice(t)
	cho := o.person("cho").Certificates[0].Fingerprint
	_, err := o.RenewStaff(o.ben, cho, newCSR(t))
	refused(t, "with somebody else's certificate", err, gate.Unauthorized)
	_, err = o.RenewStaff(authority.By{}, cho, newCSR(t))
	refused(t, "nobody", err, gate.Forbidden)
	c := o.customer("acme")
	_, err = o.RenewStaff(o.ben, c.got.Certificate.Fingerprint, newCSR(t))
	refused(t, "with a customer's certificate", err, gate.Unauthorized)
	ben := o.person("ben").Certificates[0]
	_, err = o.DisableStaff(o.cho, o.ben.Staff, "has left")
	must(t, err)
	_, err = o.RenewStaff(o.ben, ben.Fingerprint, newCSR(t))
	refused(t, "who was disabled a moment ago", err, gate.Unauthorized)
}

func TestStaffAreRemindedUntilTheyHaveRenewed(t *testing.T) {
	o, mail := newOffice(t), gatetest.NewMailServer(t)
	o.send(mail.Address())
	old := o.person("ben").Certificates[0]
	ends := old.NotAfter.Add(time.Second)
	to := func() (list []*gate.Notice) {
		for _, n := range o.reminded(gate.StaffCertificateEndsNotice) {
			if n.To[0].Email == "ben@example.com" {
				list = append(list, n)
			}
		}
		return list
	}
	for _, at := range []struct{ before, want int }{{91, 0}, {90, 1}, {60, 2}, {8, 3}, {7, 4}} {
		o.pass(ends.AddDate(0, 0, -at.before).Sub(o.clock.now()))
		o.hours(2)
		if got := len(to()); got != at.want {
			t.Fatalf("%d days before: %d reminders, want %d", at.before, got, at.want)
		}
	}
	last := o.settles(to()[3].ID, gate.NoticeSent)
	if last.Account != "" || len(last.To) != 1 || !strings.Contains(last.Subject, "ends in 7 days") || !strings.Contains(last.Body, "certgate staff renew") {
		t.Errorf("%+v", last)
	}
	if n := o.Stats().Expiring[authority.Expiring{Kind: gate.StaffCertificateEndsNotice, Days: 7}]; n == 0 {
		t.Error("what ends is not counted")
	}
	_, err := o.RenewStaff(o.ben, old.Fingerprint, newCSR(t))
	must(t, err)
	o.pass(ends.Add(-12 * time.Hour).Sub(o.clock.now()))
	o.hours(2)
	if got := len(to()); got != 4 {
		t.Errorf("after the renewal: %d", got)
	}
	reminders := 0
	for _, e := range o.events(0) {
		if e.Verb == gate.StaffReminded && e.Object == string(o.ben.Staff) {
			reminders++
		}
	}
	if reminders != 4 {
		t.Errorf("%d events", reminders)
	}
}

func TestAStaffLinkIsSeenByNobodyAndWorksOnce(t *testing.T) {
	o := newOffice(t)
	token := o.invite("fay", gate.Operator, gate.Admin)
	csr := newCSR(t)
	if fay := o.person("fay"); len(fay.Certificates) != 0 || fay.State(o.clock.now()) != gate.PersonInvited {
		t.Errorf("%+v", fay)
	}
	got, err := o.RedeemStaffLink(token, csr)
	must(t, err)
	if actor, err := o.Operator(leafOf(got.Certificate)); err != nil || actor.Name != "fay" || actor.May(gate.ManageStaff) != nil {
		t.Errorf("%+v, %v", actor, err)
	}
	if n := o.notice(got.Staff.Link.Notice); n.SealedLink != nil || strings.Contains(n.Body+n.Event, token) {
		t.Error("the link is still there")
	}
	again, err := o.RedeemStaffLink(token, csr)
	must(t, err)
	if again.Certificate.Fingerprint != got.Certificate.Fingerprint || len(again.Staff.Certificates) != 1 {
		t.Error("the same key was given another certificate")
	}
	_, err = o.RedeemStaffLink(token, newCSR(t))
	refused(t, "another key", err, gate.Conflict)
	_, err = o.RedeemStaffLink(token+"x", csr)
	refused(t, "another token", err, gate.NotFound)
	list := o.events(0)
	if last := list[len(list)-1]; last.Verb != gate.StaffLinkRefused || last.Object != string(got.Staff.ID) || last.By.Staff != "" {
		t.Errorf("%+v", last)
	}
	for _, e := range list {
		if strings.Contains(e.Detail+e.Why, token) {
			t.Errorf("the token is in %+v", e)
		}
	}
}

func TestALinkGivesNoKeyThatIsInUse(t *testing.T) {
	o := newOffice(t)
	token, csr := o.invite("fay", gate.Operator), newCSR(t)
	_, err := o.RenewStaff(o.ben, o.person("ben").Certificates[0].Fingerprint, csr)
	must(t, err)
	_, err = o.RedeemStaffLink(token, csr)
	refused(t, "a colleague's key", err, gate.Invalid)
	_, _, customers := o.preprod("acme")
	csr = newCSR(t)
	_, err = o.Redeem(customers, csr)
	must(t, err)
	_, err = o.RedeemStaffLink(token, csr)
	refused(t, "a customer's key", err, gate.Invalid)
	_, err = o.RedeemStaffLink(token, newCSR(t))
	must(t, err)
}

func TestAStaffLinkEndsWithItsTimeThePersonAndTheNextLink(t *testing.T) {
	o := newOffice(t)
	late, replaced := o.invite("late", gate.Operator), o.invite("fay", gate.Operator)
	fay := o.person("fay")
	o.pass(gate.EnrollmentLifetime)
	_, err := o.RedeemStaffLink(late, newCSR(t))
	refused(t, "after its time", err, gate.Conflict)
	stopped := o.invite("gus", gate.Operator)
	_, err = o.DisableStaff(o.cho, o.person("gus").ID, "has not come")
	must(t, err)
	_, err = o.RedeemStaffLink(stopped, newCSR(t))
	refused(t, "of a person who was disabled", err, gate.Conflict)
	_, err = o.ProposeForPerson(o.cho, fay.ID, authority.Proposed{Link: true})
	must(t, err)
	_, err = o.ConfirmStaff(o.eve, fay.ID)
	must(t, err)
	_, err = o.RedeemStaffLink(replaced, newCSR(t))
	refused(t, "once there is a newer one", err, gate.NotFound)
	for _, n := range o.reminded(gate.StaffLinkNotice)[:3] {
		o.hours(1)
		if n = o.notice(n.ID); n.SealedLink != nil {
			t.Errorf("the dead link in %s is kept", n.ID)
		}
	}
}

func TestTheMailAloneCarriesAStaffLink(t *testing.T) {
	o, mail := newOffice(t), gatetest.NewMailServer(t)
	o.send(mail.Address())
	s, err := o.ProposePerson(o.cho, "fay", authority.Proposed{Roles: []gate.Role{gate.Operator}, Email: "fay@example.com", Link: true})
	must(t, err)
	s, err = o.ConfirmStaff(o.eve, s.ID)
	must(t, err)
	o.pass(time.Second)
	o.settles(s.Link.Notice, gate.NoticeSent)
	var token string
	for _, m := range mail.Mails() {
		if _, after, found := strings.Cut(m.Text, authority.StaffLinkPath+"#"); found {
			if cmp.Diff([]string{"fay@example.com"}, m.To) != "" {
				t.Errorf("the link went to %v", m.To)
			}
			token, _, _ = strings.Cut(after, "\n")
		}
	}
	if o.notice(s.Link.Notice).SealedLink != nil {
		t.Error("the link is kept after it was delivered")
	}
	got, err := o.RedeemStaffLink(strings.TrimSpace(token), newCSR(t))
	must(t, err)
	block, _ := pem.Decode(got.Chain)
	crt, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	if crt.Subject.CommonName != "fay" || len(crt.URIs) != 1 || !strings.HasSuffix(crt.URIs[0].String(), string(s.ID)) {
		t.Errorf("%s, %v", crt.Subject, crt.URIs)
	}
}

// Who has no certificate yet cannot act, and does not make the last admin who can expendable.
func TestAnAdminWhoHasNotComeIsNoAdmin(t *testing.T) {
	o := newOffice(t)
	o.invite("fay", gate.Admin)
	_, err := o.DisableStaff(o.cho, o.eve.Staff, "has left")
	must(t, err)
	_, err = o.DisableStaff(o.cho, o.cho.Staff, "has left")
	refused(t, "disabling the last admin who can act", err, gate.Conflict)
	_, err = o.RevokeStaffCertificate(o.cho, o.cho.Staff, o.person("cho").Certificates[0].Fingerprint, "lost")
	refused(t, "revoking the last certificate of the last admin", err, gate.Conflict)
}
