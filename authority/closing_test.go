package authority_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func TestAnAccountIsClosedAfterItsLastDay(t *testing.T) {
	w := newTermIn(t, "UTC", "2027-12-31") // the account's own zone is New York
	closing, err := w.CloseAccount(w.Cho, w.account.ID, "2027-06-30", "merged")
	must(t, err)
	ends := time.Date(2027, time.July, 1, 4, 0, 0, 0, time.UTC)
	if !closing.From.Equal(ends) {
		t.Errorf("it ends at %s", closing.From)
	}
	_, err = w.CloseAccount(w.Cho, w.account.ID, "2027-07-30", "later")
	refused(t, "closing it twice", err, gate.Conflict)
	w.until(ends.Add(-time.Second))
	if got := w.reason(); got != gate.Allowed {
		t.Errorf("in the last second: %s", got)
	}
	w.Advance(time.Second)
	if got := w.reason(); got != gate.AccountTerminated {
		t.Errorf("after the last day: %s", got)
	}
	if w.AccountStatus(w.account.ID, w.Now()) != gate.Terminated || len(w.Directory().Keys(w.credential.Device.ID)) != 1 {
		t.Error("records are kept, and the account shows as terminated")
	}
	_, err = w.Lift(w.Eve, closing.ID, "too late")
	refused(t, "calling it off too late", err, gate.Conflict)
}

func TestAClosingIsCalledOffInTime(t *testing.T) {
	w := newTermIn(t, "UTC", "2027-12-31")
	closing, err := w.CloseAccount(w.Cho, w.account.ID, "2027-06-30", "merged")
	must(t, err)
	w.Advance(time.Hour)
	_, err = w.Lift(w.Cho, closing.ID, "they stay")
	refused(t, "calling off one's own after the window", err, gate.Forbidden)
	lifted, err := w.Lift(w.Ben, closing.ID, "they stay")
	must(t, err)
	told, err := w.Notices(w.account.ID, 1)
	must(t, err)
	if len(told) != 1 || told[0].ID != lifted.Lifted.Notice || told[0].Kind != gate.ClosingNotice || told[0].Subject != "Your account will not be closed" {
		t.Errorf("%+v", told)
	}
	w.until(closing.From.Add(time.Hour))
	if got := w.reason(); got != gate.Allowed {
		t.Errorf("%s", got)
	}
}

func TestClosingsThatAreRefused(t *testing.T) {
	w := newTermIn(t, "UTC", "2027-12-31")
	_, err := w.CloseAccount(w.Cho, w.account.ID, "2027-02-28", "merged")
	refused(t, "a day that has passed", err, gate.Invalid)
	_, err = w.CloseAccount(w.Cho, w.account.ID, "2027-02-30", "merged")
	refused(t, "a day that there is not", err, gate.Invalid)
	_, err = w.CloseAccount(w.Cho, w.account.ID, "2027-06-30", "")
	refused(t, "no reason", err, gate.Invalid)
	_, err = w.CloseAccount(w.Cho, "acc_x", "2027-06-30", "merged")
	refused(t, "no such account", err, gate.NotFound)
	_, err = w.Impose(w.Cho, authority.Imposition{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(w.account.ID)}, Measure: gate.Terminate, Why: "fraud"})
	must(t, err)
	_, err = w.CloseAccount(w.Cho, w.account.ID, "2027-06-30", "merged")
	refused(t, "what is terminated", err, gate.Conflict)
}

func TestNothingNewBeginsInATerminatedAccount(t *testing.T) {
	w := newTermIn(t, "UTC", "2027-12-31")
	closing, err := w.CloseAccount(w.Cho, w.account.ID, "2027-06-30", "merged")
	must(t, err)
	certification := w.Directory().Certifications(w.account.ID)[0]
	begin := map[string]func() error{
		"an organization": func() error {
			_, err := w.CreateOrganization(w.Ben, gate.Organization{Account: w.account.ID, Slug: "lab", Name: "Lab"})
			return err
		},
		"a device": func() error {
			_, err := w.CreateDevice(w.Ben, gate.Device{Organization: w.credential.Device.Organization, Slug: "more", Name: "More", Environment: gate.Preprod,
				Addresses: gate.Addresses{Any: true}})
			return err
		},
		"a further term": func() error {
			_, err := w.Renew(w.Ben, w.contract.ID, authority.NewTerm{Last: "2028-12-31", Why: "again"})
			return err
		},
		"another contract": func() error {
			again := *w.contract
			again.First, again.Last = "2030-01-01", "2030-12-31"
			_, err := w.CreateContract(w.Ben, again)
			return err
		},
		"a certification": func() error {
			_, err := w.RequestCertification(w.Ben, gate.Certification{Contract: w.contract.ID, Devices: []gate.DeviceID{w.credential.Device.ID}, Profile: certification.Profile})
			return err
		},
		"a link": func() error {
			_, err := w.Release(w.Eve, w.credential.Device.ID, certification.ID)
			return err
		},
	}
	w.until(closing.From)
	events := w.Store().EventCount()
	for what, try := range begin {
		refused(t, what, try(), gate.Conflict)
	}
	if n := w.Store().EventCount() - events; n != 0 {
		t.Errorf("%d changes", n)
	}
}
