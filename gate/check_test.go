package gate_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

// checkRow is one thing wrong with a record as it was given, and how the error begins: with the field. Nothing is wrong if it is empty.
type checkRow[T any] struct {
	want string
	edit func(*T)
}

// checkRows checks a good record with each edit.
func checkRows[T any](t *testing.T, good func() T, check func(*T) error, rows []checkRow[T]) {
	t.Helper()
	for i, row := range rows {
		record := good()
		row.edit(&record)
		err := check(&record)
		switch {
		case row.want == "" && err != nil:
			t.Errorf("row %d: %v, want no error", i, err)
		case row.want != "" && (!errors.Is(err, gate.Invalid) || !strings.HasPrefix(err.Error(), row.want)):
			t.Errorf("row %d: %v, want an error that begins %q", i, err, row.want)
		case err != nil && (strings.ContainsAny(err.Error(), "\n\r\x00\x1b") || len(err.Error()) > 500):
			t.Errorf("row %d: the error repeats what it was given as it is: %q", i, err)
		}
	}
}

func acme() gate.Account {
	return gate.Account{
		ID: "acc_1", Slug: "acme", Name: "Acme Health", Zone: "America/New_York",
		Contacts: []gate.Contact{
			{Role: gate.BusinessContact, Name: "Ann", Email: "ann@acme.example"},
			{Role: gate.TechnicalContact, Name: "Ops", Email: "ops@acme.example", Phone: "+1 555 0100"},
		},
	}
}

func TestAnAccountIsChecked(t *testing.T) {
	check := func(a *gate.Account) error { return a.Check(time.LoadLocation) }
	checkRows(t, acme, check, []checkRow[gate.Account]{
		{"", func(*gate.Account) {}},
		{"", func(a *gate.Account) { a.Name = "Ärztehaus \u200d Nord" }}, // joiners are part of some scripts
		{"", func(a *gate.Account) { a.Notes = "first line\nsecond" }},
		{"slug: ", func(a *gate.Account) { a.Slug = "" }},
		{"slug: ", func(a *gate.Account) { a.Slug = "Acme" }},
		{"slug: ", func(a *gate.Account) { a.Slug = "-acme" }},
		{"slug: ", func(a *gate.Account) { a.Slug = "acme/main" }},
		{"slug: ", func(a *gate.Account) { a.Slug = strings.Repeat("a", 41) }},
		{"slug: ", func(a *gate.Account) { a.Slug = "acme\n" }},
		{"slug: ", func(a *gate.Account) { a.Slug = strings.Repeat("\x1b", 100000) }},
		{"name: must not be empty", func(a *gate.Account) { a.Name = " \t" }},
		{"", func(a *gate.Account) { a.Name = strings.Repeat("a", 120) }},
		{"name: has 121 bytes", func(a *gate.Account) { a.Name = strings.Repeat("a", 121) }},
		{"name: must be one line", func(a *gate.Account) { a.Name = "Acme\nHealth" }},
		{"name: must be one line", func(a *gate.Account) { a.Name = "Acme\u009b31m" }},
		{"name: must be one line", func(a *gate.Account) { a.Name = "Acme\u202egnp" }},
		{"name: must be one line", func(a *gate.Account) { a.Name = "Acme\u2028" }},
		{"name: must be one line", func(a *gate.Account) { a.Name = "Acme\xff" }},
		{"zone: \"\"", func(a *gate.Account) { a.Zone = "" }},
		{"zone: \"Local\"", func(a *gate.Account) { a.Zone = "Local" }},
		{"zone: \"Mars/Olympus\"", func(a *gate.Account) { a.Zone = "Mars/Olympus" }},
		{"zone: ", func(a *gate.Account) { a.Zone = "../../etc/passwd" }},
		{"", func(a *gate.Account) { a.Notes = strings.Repeat("a", 4000) }},
		{"notes: has 4001 bytes", func(a *gate.Account) { a.Notes = strings.Repeat("a", 4001) }},
		{"contacts: a contact with role \"technical\"", func(a *gate.Account) { a.Contacts = a.Contacts[:1] }},
		{"contacts: a contact with role \"technical\"", func(a *gate.Account) { a.Contacts = nil }},
		{"contacts[1].role: \"boss\"", func(a *gate.Account) { a.Contacts[1].Role = "boss" }},
		{"contacts[0].name: must not be empty", func(a *gate.Account) { a.Contacts[0].Name = "" }},
		{"contacts[1].phone: must be one line", func(a *gate.Account) { a.Contacts[1].Phone = "1\r\n2" }},
		{"contacts[1].email: \"\"", func(a *gate.Account) { a.Contacts[1].Email = "" }},
	})
}

func TestAnEmailAddressIsOneBareMailbox(t *testing.T) {
	for _, s := range []string{"ops@example.com", "ops+certgate@mail.example.com", "o'hara@example.com"} {
		if err := gate.CheckEmail(s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{
		"", "ops", "@example.com", "ops@", "Ops <ops@example.com>", "<ops@example.com>", "a@example.com, b@example.com", " ops@example.com",
		"ops@example.com\r\nBcc: x@example.com", "ops@example.com\n", "a b@example.com", "ops@example.com (Ops)", strings.Repeat("a", 250) + "@x.example",
	} {
		if err := gate.CheckEmail(s); !errors.Is(err, gate.Invalid) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestAnOrganizationIsChecked(t *testing.T) {
	main := func() gate.Organization { return gate.Organization{Slug: "main", Name: "Main"} }
	checkRows(t, main, (*gate.Organization).Check, []checkRow[gate.Organization]{
		{"", func(*gate.Organization) {}},
		{"slug: ", func(o *gate.Organization) { o.Slug = "" }},
		{"name: ", func(o *gate.Organization) { o.Name = "" }},
	})
}

func costs(behavior string) int {
	if known(behavior) {
		return 1
	}
	return 0
}

func known(behavior string) bool { return behavior == "fhir-query" || behavior == "fhir-create" }

func TestADeviceIsChecked(t *testing.T) {
	device := func() gate.Device {
		return gate.Device{
			Slug: "pre-1", Name: "Gateway", Environment: gate.Preprod, DefaultPurpose: "treatment",
			Grant:     &gate.Grant{Behaviors: []string{"fhir-query"}, Purposes: []gate.Purpose{"patient"}},
			Addresses: gate.Addresses{These: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}},
		}
	}
	prefix := func(s string) gate.Addresses { return gate.Addresses{These: []netip.Prefix{netip.MustParsePrefix(s)}} }
	check := func(d *gate.Device) error { return d.Check(known) }
	checkRows(t, device, check, []checkRow[gate.Device]{
		{"", func(*gate.Device) {}},
		{"", func(d *gate.Device) { d.Grant, d.DefaultPurpose, d.Addresses = nil, "", gate.Addresses{} }},
		{"slug: ", func(d *gate.Device) { d.Slug = "pre 1" }},
		{"name: ", func(d *gate.Device) { d.Name = "" }},
		{"", func(d *gate.Device) { d.Environment = gate.Sandbox }},
		{"", func(d *gate.Device) { d.Environment, d.Grant = gate.Production, nil }},
		{"environment: ", func(d *gate.Device) { d.Environment = gate.NoEnvironment }},
		{"environment: ", func(d *gate.Device) { d.Environment = gate.Production + 1 }},
		{"grant: a production device", func(d *gate.Device) { d.Environment = gate.Production }},
		{"grant.behaviors: \"fhir-delete\"", func(d *gate.Device) { d.Grant.Behaviors = []string{"fhir-query", "fhir-delete"} }},
		{"grant.behaviors: fhir-query is listed twice", func(d *gate.Device) { d.Grant.Behaviors = []string{"fhir-query", "fhir-query"} }},
		{"grant.purposes: purpose \"fun\"", func(d *gate.Device) { d.Grant.Purposes = []gate.Purpose{"fun"} }},
		{"grant.purposes: purpose TREAT is listed twice", func(d *gate.Device) { d.Grant.Purposes = []gate.Purpose{"treatment", "TREAT"} }},
		{"default_purpose: \"fun\"", func(d *gate.Device) { d.DefaultPurpose = "fun" }},
		{"addresses: give either", func(d *gate.Device) { d.Addresses.Any = true }},
		{"addresses.these: \"203.0.113.7/24\"", func(d *gate.Device) { d.Addresses = prefix("203.0.113.7/24") }},
		{"addresses.these: \"::ffff:203.0.113.0/120\"", func(d *gate.Device) { d.Addresses = prefix("::ffff:203.0.113.0/120") }},
		{"addresses.these: ", func(d *gate.Device) { d.Addresses = gate.Addresses{These: []netip.Prefix{{}}} }},
	})
	d := device()
	if err := d.Check(known); err != nil || d.DefaultPurpose != gate.Treatment || d.Grant.Purposes[0] != gate.PatientRequest {
		t.Errorf("words are not brought into codes: %q, %q, %v", d.DefaultPurpose, d.Grant.Purposes, err)
	}
}

func TestAddressesAllowOnlyWhatTheyName(t *testing.T) {
	these := gate.Addresses{These: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("198.51.100.1/32")}}
	rows := []struct {
		peer string
		want bool
	}{
		{"203.0.113.0", true}, {"203.0.113.255", true}, {"203.0.114.0", false}, {"::ffff:203.0.113.7", true}, {"198.51.100.1", true},
		{"198.51.100.2", false}, {"2001:db8::1", true}, {"2001:db8::1%eth0", true}, {"2001:db9::1", false}, {"127.0.0.1", false}, {"::1", false},
	}
	for _, row := range rows {
		if got := these.Contains(netip.MustParseAddr(row.peer)); got != row.want {
			t.Errorf("%s: %t", row.peer, got)
		}
	}
	var nobody gate.Addresses
	if nobody.Contains(netip.MustParseAddr("203.0.113.7")) || these.Contains(netip.Addr{}) {
		t.Error("an empty list, or no address, is let in")
	}
	if anybody := (gate.Addresses{Any: true}); !anybody.Contains(netip.MustParseAddr("192.0.2.1")) {
		t.Error("any does not allow any")
	}
}

func TestAContractIsChecked(t *testing.T) {
	contract := func() gate.Contract {
		return gate.Contract{
			First: "2027-01-01", Last: "2027-12-31", Zone: "UTC",
			Grant:      gate.Grant{Behaviors: []string{"fhir-query"}, Purposes: []gate.Purpose{"TREAT"}},
			Agreements: []gate.Agreement{{Kind: gate.BusinessAssociate, Reference: "vault/7", SignedOn: "2026-12-01"}},
		}
	}
	check := func(c *gate.Contract) error { return c.Check(time.LoadLocation, costs) }
	checkRows(t, contract, check, []checkRow[gate.Contract]{
		{"", func(*gate.Contract) {}},
		{"", func(c *gate.Contract) { c.Last = c.First }},
		{"first: \"\"", func(c *gate.Contract) { c.First = "" }},
		{"first: \"2027-02-29\"", func(c *gate.Contract) { c.First = "2027-02-29" }},
		{"first: \"2027-1-1\"", func(c *gate.Contract) { c.First = "2027-1-1" }},
		{"last: \"2027-12-31T00:00:00Z\"", func(c *gate.Contract) { c.Last = "2027-12-31T00:00:00Z" }},
		{"last: 2026-12-31 is before", func(c *gate.Contract) { c.Last = "2026-12-31" }},
		{"zone: ", func(c *gate.Contract) { c.Zone = "EST5EDT4" }},
		{"grant.behaviors: ", func(c *gate.Contract) { c.Grant.Behaviors = []string{"x"} }},
		{"grant: must name at least one", func(c *gate.Contract) { c.Grant.Behaviors = nil }},
		{"grant: must name at least one", func(c *gate.Contract) { c.Grant.Purposes = nil }},
		{"agreements[0].kind: \"handshake\"", func(c *gate.Contract) { c.Agreements[0].Kind = "handshake" }},
		{"agreements[0].reference: ", func(c *gate.Contract) { c.Agreements[0].Reference = "" }},
		{"agreements[0].signed_on: \"yesterday\"", func(c *gate.Contract) { c.Agreements[0].SignedOn = "yesterday" }},
	})
}
