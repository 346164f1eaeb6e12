package gate_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

var (
	ann  = gate.Contact{Role: gate.TechnicalContact, Name: "Ann", Email: "ann@acme.example"}
	tom  = gate.Contact{Role: gate.TechnicalContact, Name: "Tom", Email: "tom@acme.example"}
	desk = gate.Contact{Role: gate.SecurityContact, Name: "Desk", Email: "desk@acme.example"}
)

func reached() gate.Account {
	return gate.Account{ID: "acc_1", Slug: "acme", Name: "Acme", Zone: "UTC", Contacts: []gate.Contact{tom, desk}}
}

func act(by gate.StaffID) gate.Act { return gate.Act{By: by, At: noon, Why: "Tom has left"} }

func TestContactsOfARoleAreNamedAllOrStay(t *testing.T) {
	for name, c := range map[string]struct {
		edit gate.ContactEdit
		want []gate.Contact // nil: refused
	}{
		"another technical one":      {gate.ContactEdit{Contacts: []gate.Contact{ann}}, []gate.Contact{desk, ann}},
		"a second technical one":     {gate.ContactEdit{Contacts: []gate.Contact{tom, ann}}, []gate.Contact{desk, tom, ann}},
		"no security one":            {gate.ContactEdit{Drop: []gate.ContactRole{gate.SecurityContact}}, []gate.Contact{tom}},
		"no technical one":           {gate.ContactEdit{Drop: []gate.ContactRole{gate.TechnicalContact}}, nil},
		"nothing":                    {gate.ContactEdit{}, nil},
		"a role that is none":        {gate.ContactEdit{Drop: []gate.ContactRole{"boss"}}, nil},
		"staff":                      {gate.ContactEdit{Contacts: []gate.Contact{{Role: gate.StaffContact, Name: "Ben", Email: "ben@example.com"}}}, nil},
		"no address":                 {gate.ContactEdit{Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Ann", Email: "ann"}}}, nil},
		"named and dropped":          {gate.ContactEdit{Contacts: []gate.Contact{ann}, Drop: []gate.ContactRole{gate.TechnicalContact}}, nil},
		"one address twice":          {gate.ContactEdit{Contacts: []gate.Contact{ann, {Role: gate.TechnicalContact, Name: "A", Email: "ANN@acme.example"}}}, nil},
		"one address for two things": {gate.ContactEdit{Contacts: []gate.Contact{ann, {Role: gate.BusinessContact, Name: "Ann", Email: ann.Email}}}, []gate.Contact{desk, ann, {Role: gate.BusinessContact, Name: "Ann", Email: ann.Email}}},
	} {
		before := reached()
		after, err := before.ProposeContacts(c.edit, act("stf_ben"))
		if (err == nil) != (c.want != nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err == nil && !cmp.Equal(after.ProposedContacts.Contacts, c.want) {
			t.Errorf("%s: proposed %v", name, after.ProposedContacts.Contacts)
		}
		if diff := cmp.Diff(reached().Contacts, after.Contacts); diff != "" {
			t.Errorf("%s: a proposal alone has changed them:\n%s", name, diff)
		}
	}
}

func TestContactsChangeWhenASecondPersonConfirms(t *testing.T) {
	a, err := reached().ProposeContacts(gate.ContactEdit{Contacts: []gate.Contact{ann}}, act("stf_ben"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.ConfirmContacts(act("stf_ben"), true); !errors.Is(err, gate.Forbidden) {
		t.Errorf("by who proposed it: %v", err)
	}
	done, err := a.ConfirmContacts(act("stf_cho"), false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]gate.Contact{desk, ann}, done.Contacts); diff != "" {
		t.Error(diff)
	}
	change := done.ContactChanges[0]
	if diff := cmp.Diff([]gate.Contact{desk, ann, tom}, change.Told()); diff != "" {
		t.Errorf("who is told:\n%s", diff)
	}
	if !change.Strands([]gate.Contact{tom}) || change.Strands([]gate.Contact{ann}) || change.Strands([]gate.Contact{desk}) {
		t.Error("links at the former technical address, and no others, are stranded")
	}
	if _, err := done.ConfirmContacts(act("stf_eve"), true); !errors.Is(err, gate.Conflict) {
		t.Errorf("confirmed twice: %v", err)
	}
}

// Withdrawing and proposing again is a swap as well: whoever confirms must have read the last one.
func TestASwappedProposalOfContactsIsConfirmedByWhoReadIt(t *testing.T) {
	again := func(a gate.Account) gate.Account {
		t.Helper()
		a, err := a.ProposeContacts(gate.ContactEdit{Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Mallory", Email: "m@evil.example"}}}, act("stf_ben"))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	first, err := reached().ProposeContacts(gate.ContactEdit{Contacts: []gate.Contact{ann}}, act("stf_ben"))
	if err != nil {
		t.Fatal(err)
	}
	withdrawn, err := first.WithdrawContacts(act("stf_ben"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := withdrawn.ConfirmContacts(act("stf_cho"), true); !errors.Is(err, gate.Conflict) {
		t.Errorf("what was withdrawn is confirmed: %v", err)
	}
	if _, err := withdrawn.WithdrawContacts(act("stf_ben")); !errors.Is(err, gate.Conflict) {
		t.Errorf("withdrawn twice: %v", err)
	}
	for name, a := range map[string]gate.Account{"replaced": again(first), "withdrawn and made again": again(withdrawn)} {
		if _, err := a.ConfirmContacts(act("stf_cho"), false); !errors.Is(err, gate.Stale) {
			t.Errorf("%s, confirmed unread: %v", name, err)
		}
		if _, err := a.ConfirmContacts(act("stf_cho"), true); err != nil {
			t.Errorf("%s, confirmed as read: %v", name, err)
		}
	}
}
