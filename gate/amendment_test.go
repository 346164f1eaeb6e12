package gate_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/onerecord/certgate/gate"
)

func everyBehavior(string) bool { return true }

func costless(string) int { return 1 }

func TestAnAmendmentKeepsWhatCountedBefore(t *testing.T) {
	c := *signed(t)
	c.Grant = gate.Grant{Behaviors: []string{"fhir-query"}, Purposes: []gate.Purpose{gate.Treatment}}
	further := gate.Agreement{Kind: gate.BusinessAssociate, Reference: "vault/8", SignedOn: "2027-03-01"}
	got, err := c.Amend(gate.Terms{Grant: gate.Grant{Behaviors: []string{"fhir-query", "fhir-match"}}, Agreements: []gate.Agreement{further}}, costless, by("stf_ben", "they match now"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Amendments) != 0 || len(c.Agreements) != 2 {
		t.Errorf("the value that was given has changed: %+v", c)
	}
	want := gate.Amendment{
		Act:  by("stf_ben", "they match now"),
		From: gate.Terms{Grant: c.Grant, Agreements: c.Agreements},
		To:   gate.Terms{Grant: gate.Grant{Behaviors: []string{"fhir-query", "fhir-match"}, Purposes: c.Grant.Purposes}, Agreements: append(c.Agreements[:2:2], further)},
	}
	if diff := cmp.Diff([]gate.Amendment{want}, got.Amendments); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(want.To, gate.Terms{Grant: got.Grant, Agreements: got.Agreements}); diff != "" {
		t.Errorf("what counts now, -want +got:\n%s", diff)
	}
}

func TestAmendmentsThatAreRefused(t *testing.T) {
	grant := gate.Grant{Behaviors: []string{"fhir-query"}, Purposes: []gate.Purpose{gate.Treatment}}
	rows := []struct {
		name  string
		edit  func(*gate.Contract)
		to    gate.Terms
		why   string
		kind  gate.Kind
		field string
	}{
		{"nothing new", nil, gate.Terms{Grant: grant}, "x", gate.Invalid, "behaviors: "},
		{"no reason", nil, gate.Terms{Grant: gate.Grant{Behaviors: []string{"a"}}}, "", gate.Invalid, "why: "},
		{"unknown", nil, gate.Terms{Grant: gate.Grant{Behaviors: []string{"unknown"}}}, "x", gate.Invalid, "grant.behaviors: "},
		{"nothing granted", nil, gate.Terms{Grant: gate.Grant{Purposes: []gate.Purpose{}}}, "x", gate.Invalid, "grant: "},
		{"an agreement of no kind", nil, gate.Terms{Agreements: []gate.Agreement{{Kind: "x"}}}, "x", gate.Invalid, "agreements[0].kind: "},
		{"ended", func(c *gate.Contract) { c.Ended = &gate.Ending{At: noon} }, gate.Terms{Grant: gate.Grant{Behaviors: []string{"a"}}}, "x", gate.Conflict, "contract con_1 has ended"},
	}
	for _, row := range rows {
		c := *signed(t)
		c.Grant = grant
		if row.edit != nil {
			row.edit(&c)
		}
		got, err := c.Amend(row.to, func(name string) int { return len(name) - len("unknown") }, by("stf_ben", row.why))
		if !errors.Is(err, row.kind) || !strings.HasPrefix(err.Error(), row.field) || cmp.Diff(c, got, cmpopts.IgnoreUnexported(gate.Contract{})) != "" {
			t.Errorf("%s: %v, want %s that says %q", row.name, err, row.kind, row.field)
		}
	}
}

func TestTwoPeopleMoveTheLastDayByAWeekAtMost(t *testing.T) {
	c := *signed(t)
	zone := located(t, c.Zone)
	_, ends := c.Term()
	at := func(who gate.StaffID, when time.Time) gate.Act {
		return gate.Act{By: who, At: when, Why: "the signature is late"}
	}
	p, err := c.ProposeExtension("2028-01-03", time.LoadLocation, at("stf_ben", ends.Add(time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	if p.State(ends.Add(time.Hour)) != gate.ContractEnded {
		t.Error("a proposal alone has moved the last day")
	}
	if _, err = p.ConfirmExtension(time.LoadLocation, at("stf_ben", ends), true); !errors.Is(err, gate.Forbidden) {
		t.Errorf("confirmed alone: %v", err)
	}
	x, err := p.ConfirmExtension(time.LoadLocation, at("stf_cho", ends.Add(2*time.Hour)), false)
	if err != nil {
		t.Fatal(err)
	}
	until := time.Date(2028, time.January, 4, 0, 0, 0, 0, zone)
	if x.Last != "2028-01-03" || x.State(until.Add(-1)) != gate.ContractInForce || x.State(until) != gate.ContractEnded || x.ProposedExtension != nil {
		t.Errorf("%+v", x)
	}
	if c.Last != "2027-12-31" || c.State(ends) != gate.ContractEnded {
		t.Errorf("the value that was given has changed: %+v", c)
	}
	// What is left of the week counts from the day that was agreed.
	if _, err = x.ProposeExtension("2028-01-08", time.LoadLocation, at("stf_ben", until)); !errors.Is(err, gate.Invalid) || !strings.Contains(err.Error(), "2028-01-07 at the latest") {
		t.Errorf("a second week: %v", err)
	}
	if _, err = x.ProposeExtension("2028-01-07", time.LoadLocation, at("stf_ben", until)); err != nil {
		t.Errorf("the rest of the week: %v", err)
	}
}

func TestExtensionsThatAreRefused(t *testing.T) {
	c := *signed(t)
	proposed, err := c.ProposeExtension("2028-01-01", time.LoadLocation, by("stf_ben", "x"))
	if err != nil {
		t.Fatal(err)
	}
	replaced, err := proposed.ProposeExtension("2028-01-02", time.LoadLocation, by("stf_ben", "x"))
	if err != nil {
		t.Fatal(err)
	}
	ended := proposed
	ended.Ended = &gate.Ending{At: noon}
	propose := func(c gate.Contract, last gate.Date, act gate.Act) error {
		_, err := c.ProposeExtension(last, time.LoadLocation, act)
		return err
	}
	confirm := func(c gate.Contract, act gate.Act, named bool) error {
		_, err := c.ConfirmExtension(time.LoadLocation, act, named)
		return err
	}
	late := gate.Act{By: "stf_cho", At: noon.AddDate(1, 0, 0), Why: "x"}
	rows := []struct {
		name string
		err  error
		kind gate.Kind
		want string
	}{
		{"no later", propose(c, "2027-12-31", by("stf_ben", "x")), gate.Invalid, "must be after 2027-12-31"},
		{"eight days", propose(c, "2028-01-08", by("stf_ben", "x")), gate.Invalid, "2028-01-07 at the latest"},
		{"no day", propose(c, "soon", by("stf_ben", "x")), gate.Invalid, "last: "},
		{"no reason", propose(c, "2028-01-01", by("stf_ben", "")), gate.Invalid, "why: "},
		{"a day that has passed", propose(c, "2028-01-01", late), gate.Invalid, "has passed"},
		{"ended early", propose(ended, "2028-01-01", by("stf_ben", "x")), gate.Conflict, "ended early"},
		{"nothing to confirm", confirm(c, by("stf_cho", ""), true), gate.Conflict, "no extension"},
		{"confirmed too late", confirm(proposed, late, false), gate.Invalid, "has passed"},
		{"confirmed after it was ended", confirm(ended, by("stf_cho", ""), false), gate.Conflict, "ended early"},
		{"swapped since it was read", confirm(replaced, by("stf_cho", ""), false), gate.Stale, "took the place"},
		{"a zone that is gone", func() error {
			c := proposed
			c.Zone = "Nowhere"
			return confirm(c, by("stf_cho", ""), true)
		}(), gate.Invalid, "zone: "},
	}
	for _, row := range rows {
		if !errors.Is(row.err, row.kind) || !strings.Contains(row.err.Error(), row.want) {
			t.Errorf("%s: %v, want %s that says %q", row.name, row.err, row.kind, row.want)
		}
	}
	if err := confirm(replaced, by("stf_cho", ""), true); err != nil {
		t.Errorf("named: %v", err)
	}
}
