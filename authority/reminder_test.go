package authority_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// reminded are the notices of the kind, the oldest first.
func (o *office) reminded(kind gate.NoticeKind) (list []*gate.Notice) {
	o.t.Helper()
	for _, n := range o.notices("") {
		if n.Kind == kind {
			list = append([]*gate.Notice{n}, list...)
		}
	}
	return list
}

// hours lets time pass hour by hour.
func (o *office) hours(n int) {
	for range n {
		o.pass(time.Hour)
	}
}

func TestAContractIsRemindedOfOnceForAllItsDevices(t *testing.T) {
	p := newPlace(t)
	o, mail := officeAt(t, p), gatetest.NewMailServer(t)
	o.send(mail.Address())
	c := o.customer("acme")
	second := o.device(c.account, "second", gate.Production)
	_, ends := o.Directory().Contract(c.contract.ID).Term()
	for _, at := range []struct {
		before, want int
	}{{91, 0}, {90, 1}, {60, 2}, {8, 3}, {7, 4}} { // between 60 and 8 nothing ran
		o.pass(ends.AddDate(0, 0, -at.before).Sub(o.clock.now()))
		o.hours(3)
		must(t, o.Close())
		o.reopen(p)
		o.send(mail.Address())
		if got := len(o.reminded(gate.ContractEndsNotice)); got != at.want {
			t.Fatalf("%d days before: %d reminders, want %d", at.before, got, at.want)
		}
	}
	if got := o.Stats().Expiring; got[authority.Expiring{Kind: gate.ContractEndsNotice, Days: 7}] != 1 || got[authority.Expiring{Kind: gate.ContractEndsNotice, Days: 1}] != 0 {
		t.Errorf("%v", got)
	}
	list := o.reminded(gate.ContractEndsNotice)
	last := o.settles(list[3].ID, gate.NoticeSent)
	if want := "Your contract ends in 7 days, after " + string(c.contract.Last); last.Subject != want || !strings.Contains(list[2].Subject, "in 8 days") {
		t.Errorf("%q, %q", last.Subject, list[2].Subject)
	}
	events := slices.DeleteFunc(o.events(0), func(e gate.Event) bool { return e.Verb == gate.StaffReminded })
	if e := events[len(events)-1]; e.Verb != gate.CustomerReminded || e.Object != string(c.contract.ID) || len(e.Changes) != 2 {
		t.Errorf("%+v", e)
	}
	_, err := o.Renew(o.ben, c.contract.ID, authority.NewTerm{Last: c.contract.Last.AddDays(365), Why: "as before"})
	must(t, err)
	o.pass(ends.Add(-12 * time.Hour).Sub(o.clock.now()))
	o.hours(20)
	if got := o.reminded(gate.ContractEndsNotice); len(got) != len(list) {
		t.Errorf("after the renewal: %d, want %d; %s", len(got), len(list), second.ID)
	}
}

func TestACertificateIsRemindedOfUntilThereIsANewerOne(t *testing.T) {
	o := newOffice(t)
	c := o.customer("acme")
	_, err := o.Renew(o.ben, c.contract.ID, authority.NewTerm{Last: c.contract.Last.AddDays(730), Why: "as before"})
	must(t, err)
	ends := c.got.Certificate.NotAfter.Add(time.Second)
	o.pass(ends.Add(-30 * 24 * time.Hour).Sub(o.clock.now()))
	o.hours(1)
	list := o.reminded(gate.CertificateEndsNotice)
	if len(list) != 1 || !strings.HasPrefix(list[0].Subject, "The certificate of acme/main/prod ends in 30 days") || !strings.Contains(list[0].Body, "certgate enroll") {
		t.Fatalf("%+v", list)
	}
	_, token := o.release(c.device.ID, c.cert.ID)
	_, err = o.Redeem(token, newCSR(t))
	must(t, err)
	o.pass(ends.Add(-7 * 24 * time.Hour).Sub(o.clock.now()))
	o.hours(2)
	if got := o.reminded(gate.CertificateEndsNotice); len(got) != 1 {
		t.Errorf("after the renewal: %d", len(got))
	}
}

func TestTheClosedAreNotReminded(t *testing.T) {
	o := newOffice(t)
	c := o.customer("acme")
	_, ends := o.Directory().Contract(c.contract.ID).Term()
	_, err := o.Impose(o.cho, authority.Imposition{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(c.account.ID)}, Measure: gate.Terminate, Why: "fraud"})
	must(t, err)
	o.pass(ends.Add(-time.Hour).Sub(o.clock.now()))
	for _, kind := range gate.ReminderKinds() {
		if got := o.reminded(kind); len(got) != 0 && !kind.ForStaff() {
			t.Errorf("%s: %+v", kind, got[0])
		}
	}
}

func TestALinkThatNobodyOpensIsRemindedOfOnceWithoutIt(t *testing.T) {
	o := newOffice(t)
	_, opened, token := o.preprod("opened")
	_, err := o.Redeem(token, newCSR(t))
	must(t, err)
	device, link, token := o.preprod("acme")
	o.hours(47)
	if got := o.reminded(gate.LinkEndsNotice); len(got) != 0 {
		t.Fatalf("two days before: %+v", got[0])
	}
	o.hours(30)
	list := o.reminded(gate.LinkEndsNotice)
	if len(list) != 1 || list[0].Account != link.Account || list[0].Account == opened.Account || list[0].SealedLink != nil {
		t.Fatalf("%+v", list)
	}
	if n := list[0]; strings.Contains(n.Body+n.Event, token) || !strings.Contains(n.Subject, "acme/main/"+device.Slug+" ends in 1 day") || !strings.Contains(n.Body, "ask for a new link") {
		t.Errorf("%s\n%s", n.Subject, n.Body)
	}
	if diff := cmp.Diff([]gate.Contact{{Role: gate.TechnicalContact, Name: "Ann", Email: "ann@example.com"}}, list[0].To); diff != "" {
		t.Error(diff)
	}
}
