package api_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// TestAReinstatementThatIsRefusedLiftsNothing: of two suspensions ben may lift cho's and not his own, which is older than a quarter of an
// hour. Whichever comes first, an error means that nothing has changed.
func TestAReinstatementThatIsRefusedLiftsNothing(t *testing.T) {
	s := open(t)
	account := s.MustAccount("acme")
	check[*api.Remediation](t)(s.as("cho").SuspendAccount(ctx, "acme", api.Suspension{Why: "x"}))
	check[*api.Remediation](t)(s.as("ben").SuspendAccount(ctx, "acme", api.Suspension{Why: "x"}))
	s.Advance(time.Hour)
	_, err := s.as("ben").ReinstateAccount(ctx, "acme", "y")
	wantKind(t, err, gate.Forbidden)
	for _, r := range s.Directory().Remediations(account.ID) {
		if r.Lifted != nil {
			t.Errorf("%s of %s was lifted behind an error", r.ID, r.By)
		}
	}
}

// TestASwappedProposalIsShownAsOne, so that whoever confirms can see it.
func TestASwappedProposalIsShownAsOne(t *testing.T) {
	s := open(t)
	check[*api.Person](t)(s.as("cho").ProposeChange(ctx, "ben", api.Change{Roles: []gate.Role{gate.Auditor}}))
	person := check[*api.Person](t)(s.as("cho").ProposeChange(ctx, "ben", api.Change{Roles: []gate.Role{gate.Admin}}))
	if person.Proposal == nil || !person.Proposal.Replaced {
		t.Fatalf("%+v", person.Proposal)
	}
	_, err := s.as("eve").ConfirmPerson(ctx, "ben")
	wantKind(t, err, gate.Stale)
	_, err = s.as("eve").ConfirmPerson(ctx, "ben", api.IfMatch("*"))
	wantKind(t, err, gate.Stale)
	var etag string
	check[*api.Person](t)(s.as("eve").Person(ctx, "ben", api.KeepETag(&etag)))
	check[*api.Person](t)(s.as("eve").ConfirmPerson(ctx, "ben", api.IfMatch(etag)))
}
