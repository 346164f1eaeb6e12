package authority_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/onerecord/certgate/gate"
)

func newTechnical(address string) gate.ContactEdit {
	return gate.ContactEdit{Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Uma", Email: address}}}
}

// addresses are those that a notice goes to.
func addresses(n *gate.Notice) (list []string) {
	for _, c := range n.To {
		list = append(list, c.Email)
	}
	return list
}

// One person can neither have a link sent elsewhere, nor does a link stay where it is not to be.
func TestALinkFollowsTheContactThatTwoPeopleHaveSet(t *testing.T) {
	o := newOffice(t)
	device := o.device(o.account("acme"), "pre", gate.Preprod)
	e, err := o.Release(o.eve, device.ID, "")
	must(t, err)
	_, err = o.ProposeContacts(o.ben, device.Account, newTechnical("uma@acme.example"), "Ann has left")
	must(t, err)
	_, err = o.ConfirmContacts(o.ben, device.Account)
	refused(t, "confirmed by who proposed it", err, gate.Forbidden)
	if again, err := o.Release(o.eve, device.ID, ""); err != nil || addresses(o.notice(again.Notice))[0] != "ann@example.com" {
		t.Errorf("a link before the confirmation: %v", err)
	} else {
		e = again
	}
	account, err := o.ConfirmContacts(o.cho, device.Account)
	must(t, err)
	if ended := account.ContactChanges[0].Ended; len(ended) != 1 || ended[0] != e.ID {
		t.Errorf("ended %v, want %s", ended, e.ID)
	}
	if o.Directory().Enrollment(e.ID).Canceled == nil || o.notice(e.Notice).SealedLink != nil {
		t.Error("the link at the former address lives on")
	}
	if s := o.notice(e.Notice).State(o.clock.now()); s != gate.NoticeVoid {
		t.Errorf("its notice is %s", s)
	}
	list := slices.DeleteFunc(o.notices(device.Account), func(n *gate.Notice) bool { return n.Kind != gate.ContactsNotice })
	if len(list) != 1 {
		t.Fatalf("%d notices of the change", len(list))
	}
	told := list[0]
	if got := strings.Join(addresses(told), " "); got != "uma@acme.example ann@example.com" {
		t.Errorf("told: %s", got)
	}
	if !strings.Contains(told.Body, "has ended") || !strings.Contains(told.Body, "technical: Uma <uma@acme.example>") {
		t.Errorf("it says:\n%s", told.Body)
	}
	next, err := o.Release(o.eve, device.ID, "")
	must(t, err)
	if got := addresses(o.notice(next.Notice)); len(got) != 1 || got[0] != "uma@acme.example" {
		t.Errorf("the new link goes to %v", got)
	}
	for _, event := range o.events(0) {
		if strings.Contains(event.Detail+event.Why, "@") {
			t.Errorf("an address stands in the log for good: %+v", event)
		}
	}
}

// A link that the customer has used up, or that is out to an address that stays, is left alone.
func TestAChangeOfContactsEndsNoOtherLink(t *testing.T) {
	o := newOffice(t)
	device, e, token := o.preprod("acme")
	_, err := o.Redeem(token, newCSR(t))
	must(t, err)
	must(t, o.Acknowledge(token))
	other := o.device(o.account("other"), "pre", gate.Preprod)
	elsewhere, err := o.Release(o.eve, other.ID, "")
	must(t, err)
	edit := newTechnical("uma@acme.example")
	edit.Contacts = append(edit.Contacts, applicant("acme").Contacts...)
	second := o.device(mustAccount(o, "acme"), "pre-2", gate.Preprod)
	stays, err := o.Release(o.eve, second.ID, "")
	must(t, err)
	_, err = o.ProposeContacts(o.ben, device.Account, edit, "Uma has joined")
	must(t, err)
	account, err := o.ConfirmContacts(o.cho, device.Account)
	must(t, err)
	if ended := account.ContactChanges[0].Ended; len(ended) != 0 {
		t.Errorf("ended %v", ended)
	}
	for _, id := range []gate.EnrollmentID{e.ID, elsewhere.ID, stays.ID} {
		if o.Directory().Enrollment(id).Canceled != nil {
			t.Errorf("%s was canceled", id)
		}
	}
}

func mustAccount(o *office, slug string) *gate.Account {
	o.t.Helper()
	account, err := o.Directory().Account(slug)
	must(o.t, err)
	return account
}

func TestContactsAreNotConfirmedForWhoMayNotProposeThemAnyMore(t *testing.T) {
	o := newOffice(t)
	account := o.account("acme")
	_, err := o.ProposeContacts(o.ben, account.ID, newTechnical("uma@acme.example"), "Ann has left")
	must(t, err)
	_, err = o.DisableStaff(o.cho, o.ben.Staff, "fraud")
	must(t, err)
	_, err = o.ConfirmContacts(o.cho, account.ID)
	refused(t, "proposed by who was disabled since", err, gate.Conflict)
}

// A link is never told: staff do not have it.
func TestABouncedLinkIsNotToldByTelephone(t *testing.T) {
	o := newOffice(t)
	device := o.device(o.account("acme"), "pre", gate.Preprod)
	e, err := o.Release(o.eve, device.ID, "")
	must(t, err)
	_, err = o.TellNotice(o.ben, e.Notice, gate.Telling{Who: "Ann", How: "+1 555 0100"})
	refused(t, "a link by telephone", err, gate.Conflict)
}
