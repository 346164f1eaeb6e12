package authority_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// at moves the clock to noon of a day, and runs the jobs once: staff certificates are not asked for here.
func (o *office) at(day string) {
	o.t.Helper()
	t, err := time.Parse(time.DateOnly, day)
	must(o.t, err)
	o.pass(t.Add(12 * time.Hour).Sub(o.clock.now()))
}

// former is a customer whose account was terminated at once, and another one who stays.
func former(o *office) (*customer, *customer) {
	c, other := o.customer("acme"), o.customer("beta")
	_, err := o.Impose(o.by("cho"), authority.Imposition{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(c.account.ID)}, Measure: gate.Terminate, Why: "closed for good"})
	must(o.t, err)
	return c, other
}

// kept are the records of an account that the store has.
func kept(o *office, id gate.AccountID) (n int) {
	must(o.t, o.Store().View(func(tx *certstore.Tx) error {
		for _, err := range certstore.Belonging(tx, id) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	}))
	return n
}

func TestRecordsGoAfterSixYearsByTwoPeopleAndEventsStay(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	c, other := former(o)
	then := o.clock.now()
	if got := o.Deletable(); len(got) != 0 {
		t.Errorf("at once: %v", got)
	}
	_, err := o.ProposeDeletion(o.ben, c.account.ID, "six years are over")
	if !errors.Is(err, gate.Conflict) || !strings.Contains(err.Error(), "are kept until") {
		t.Errorf("at once: %v", err)
	}
	last := o.Directory().Contracts(c.account.ID)[0].Last
	o.at(string(last.AddDays(6*365 + 10)))
	list := o.Deletable()
	if len(list) != 1 || list[0].Account.ID != c.account.ID {
		t.Fatalf("%d are deletable", len(list))
	}
	if err := o.DeleteAccount(o.by("cho"), c.account.ID); !errors.Is(err, gate.Conflict) {
		t.Errorf("without a proposal: %v", err)
	}
	if _, err := o.ProposeDeletion(o.by("cho"), c.account.ID, "six years are over"); err != nil {
		t.Fatal(err)
	}
	if err := o.DeleteAccount(o.by("cho"), c.account.ID); !errors.Is(err, gate.Forbidden) {
		t.Errorf("by who proposed it: %v", err)
	}
	if err := o.DeleteAccount(o.ben, c.account.ID); !errors.Is(err, gate.Forbidden) {
		t.Errorf("by no admin: %v", err)
	}
	events, others, records := o.Store().EventCount(), kept(o, other.account.ID), kept(o, c.account.ID)
	must(t, o.DeleteAccount(o.by("eve"), c.account.ID))
	// Back to when contract, certificate and CA were good: nothing but the deletion can refuse the credential now.
	o.clock.advance(then.Sub(o.clock.now()))

	check := func() {
		t.Helper()
		if n := kept(o, c.account.ID); n != 0 || records < 8 {
			t.Errorf("%d of %d records are left", n, records)
		}
		if n := kept(o, other.account.ID); n != others {
			t.Errorf("%d records of another account are left of %d", n, others)
		}
		if reason := o.reason(c.got); reason != gate.CertificateUnknown {
			t.Errorf("a call with its credential: %s", reason)
		}
		mixed := o.request(other.got)
		mixed.Authorization = []string{"Bearer " + c.got.Key}
		if _, reason := o.ask(mixed); reason != gate.InvalidToken {
			t.Errorf("its key with another's certificate: %s", reason)
		}
		if _, err := o.Directory().Account("acme"); !errors.Is(err, gate.NotFound) {
			t.Errorf("its slug: %v", err)
		}
		v, err := o.Verify()
		if err != nil || v.Err != nil {
			t.Errorf("%v, %v", v.Err, err)
		}
	}
	check()
	last1 := o.events(events)
	if len(last1) != 1 || last1[0].Verb != gate.AccountDeleted || !strings.Contains(last1[0].Detail, "account 1, organization 1, device 1") ||
		len(last1[0].Changes) != records || strings.Contains(last1[0].Detail, "Customer") {
		t.Errorf("%+v", last1)
	}
	must(t, o.Close())
	o.reopen(p)
	check()
	o.account("acme") // another customer may have the name
	if _, err := o.Dossier(o.ben, c.account.ID); !errors.Is(err, gate.NotFound) {
		t.Errorf("a dossier: %v", err)
	}
	report, err := audit.Verify(strings.NewReader(exported(t, o)), audit.Options{Vkey: o.Store().Vkey()})
	if err != nil {
		t.Errorf("%+v, %v", report, err)
	}
}

func exported(t *testing.T, o *office) string {
	t.Helper()
	var b strings.Builder
	must(t, o.Export(&b))
	return b.String()
}

func TestADeletionThatNobodyConfirmsLapses(t *testing.T) {
	o := newOffice(t)
	c, _ := former(o)
	o.at(string(o.Directory().Contracts(c.account.ID)[0].Last.AddDays(6*365 + 10)))
	_, err := o.ProposeDeletion(o.by("cho"), c.account.ID, "six years are over")
	must(t, err)
	if _, err := o.ProposeDeletion(o.ben, c.account.ID, "again"); !errors.Is(err, gate.Conflict) {
		t.Errorf("a second proposal: %v", err)
	}
	o.pass(gate.DeletionWindow)
	if err := o.DeleteAccount(o.by("eve"), c.account.ID); !errors.Is(err, gate.Conflict) {
		t.Errorf("after it has lapsed: %v", err)
	}
	_, err = o.ProposeDeletion(o.ben, c.account.ID, "they are over")
	must(t, err)
	must(t, o.DeleteAccount(o.by("eve"), c.account.ID))
	if diff := cmp.Diff([]*gate.Account(nil), o.Directory().Accounts()[1:]); len(o.Directory().Accounts()) != 1 {
		t.Error(diff)
	}
}
