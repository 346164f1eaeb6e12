package gate_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func TestWhatIsRequiredIsAtLeastTheUsualUnlessSomebodySaysOtherwise(t *testing.T) {
	var forgotten gate.Requirements
	if diff := cmp.Diff([]gate.AgreementKind{gate.BusinessAssociate, gate.Participation}, forgotten.Kinds()); diff != "" {
		t.Errorf("the zero value (-want +got):\n%s", diff)
	}
	for _, kind := range gate.AgreementKinds() {
		r, err := gate.Require(kind)
		if err != nil || !cmp.Equal(r.Kinds(), []gate.AgreementKind{kind}) {
			t.Errorf("%s alone: %v, %v", kind, r.Kinds(), err)
		}
	}
	for name, kinds := range map[string][]gate.AgreementKind{
		"none": nil, "an unknown one": {"baa", "handshake"}, "an empty one": {""}, "another case": {"BAA"}, "one twice": {"baa", "dua", "baa"},
	} {
		if _, err := gate.Require(kinds...); !errors.Is(err, gate.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARequiredAgreementKeepsACaseFromBeingDecided(t *testing.T) {
	contract := signed(t)
	required, err := gate.Require(gate.BusinessAssociate, gate.DataUse)
	if err != nil {
		t.Fatal(err)
	}
	c := interviewed()
	if diff := cmp.Diff([]string{"the signed agreement dua"}, c.Missing(contract, required, noon)); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if _, err := c.Approve(contract, required, by("stf_cho", "")); !errors.Is(err, gate.Conflict) {
		t.Errorf("approved without it: %v", err)
	}
	contract.Agreements = append(contract.Agreements[:1], gate.Agreement{Kind: gate.DataUse, Reference: "DMS-3", SignedOn: "2027-01-02"})
	if missing := c.Missing(contract, required, noon); len(missing) > 0 {
		t.Errorf("missing %q", missing)
	}
	if _, err := c.Approve(contract, required, by("stf_cho", "")); err != nil {
		t.Errorf("participation is not required here: %v", err)
	}
	if diff := cmp.Diff(required.Kinds(), (*gate.Contract)(nil).Lacks(required)); diff != "" {
		t.Errorf("without a contract (-want +got):\n%s", diff)
	}
}
