package gate_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

// TestAProposalThatWasSwappedIsNotConfirmedUnread: an admin reads a harmless proposal, and the proposer puts another in its place before
// the confirmation arrives.
func TestAProposalThatWasSwappedIsNotConfirmedUnread(t *testing.T) {
	harmless, err := ben().Propose(gate.Proposal{Roles: []gate.Role{gate.Auditor}, By: "stf_cho"})
	if err != nil {
		t.Fatal(err)
	}
	swapped, err := harmless.Propose(gate.Proposal{Roles: []gate.Role{gate.Admin}, By: "stf_cho"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := swapped.Confirm("stf_eve", false); !errors.Is(err, gate.Stale) {
		t.Errorf("confirmed unread: %v", err)
	}
	if got, err := swapped.Confirm("stf_eve", true); err != nil || got.Roles[0] != gate.Admin {
		t.Errorf("by who names what she read: %v", err)
	}
	if got, err := harmless.Confirm("stf_eve", false); err != nil || got.Proposal != nil {
		t.Errorf("the first one needs no more than before: %v", err)
	}
}

func TestALoweringThatWasSwappedIsNotConfirmedUnread(t *testing.T) {
	host := gate.Host{Name: "api.example.com", Strictest: gate.Production}
	begin := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	end := begin.Add(time.Hour)
	harmless, err := host.Propose(gate.Lowering{To: gate.Preprod, Until: &end, Why: "move", ProposedBy: "stf_cho"}, begin)
	if err != nil {
		t.Fatal(err)
	}
	swapped, err := harmless.Propose(gate.Lowering{To: gate.Sandbox, Until: &end, Why: "move", ProposedBy: "stf_cho"}, begin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := swapped.Confirm("stf_eve", false, begin); !errors.Is(err, gate.Stale) {
		t.Errorf("confirmed unread: %v", err)
	}
	if got, err := swapped.Confirm("stf_eve", true, begin); err != nil || !got.Allows(gate.Sandbox, begin) {
		t.Errorf("by who names what she read: %v", err)
	}
	if _, err := swapped.Confirm("stf_cho", true, begin); !errors.Is(err, gate.Forbidden) {
		t.Errorf("by who proposed it: %v", err)
	}
	if swapped.Allows(gate.Sandbox, begin) || host.Lowering != nil {
		t.Error("a wish alone was enough, or changed the value it was made to")
	}
	withdrawn, err := harmless.Raise("stf_cho", "a slip", begin)
	if err != nil {
		t.Fatal(err)
	}
	if swapped, err = withdrawn.Propose(gate.Lowering{To: gate.Sandbox, Until: &end, Why: "move", ProposedBy: "stf_cho"}, begin); err != nil {
		t.Fatal(err)
	}
	if _, err := swapped.Confirm("stf_eve", false, begin); !errors.Is(err, gate.Stale) {
		t.Errorf("confirmed unread what took the place of a wish that was withdrawn: %v", err)
	}
}

// TestWhoSettledTheFindingsDoesNotApprove: settling what an interview found wanting is the interviewer's part of the case.
func TestWhoSettledTheFindingsDoesNotApprove(t *testing.T) {
	c := gate.Certification{ID: "cas_1", Findings: []gate.Finding{{Text: "no rate limit", Closed: &gate.Act{By: "stf_cho", Why: "fine by me"}}}}
	if _, err := c.Approve(nil, gate.Requirements{}, gate.Act{By: "stf_cho"}); !errors.Is(err, gate.Forbidden) {
		t.Errorf("approved by who settled the findings alone: %v", err)
	}
	if _, err := c.Approve(nil, gate.Requirements{}, gate.Act{By: "stf_eve"}); errors.Is(err, gate.Forbidden) {
		t.Errorf("refused to somebody else: %v", err)
	}
}

// TestAReasonForApprovalIsOneLine: it is optional, but shown on the same terminals as every other.
func TestAReasonForApprovalIsOneLine(t *testing.T) {
	for _, why := range []string{"fine\x1b[2J", "a\nb", strings.Repeat("x", 1001)} {
		if _, err := (gate.Certification{}).Approve(nil, gate.Requirements{}, gate.Act{By: "stf_cho", Why: why}); !errors.Is(err, gate.Invalid) {
			t.Errorf("%.20q: %v", why, err)
		}
	}
}
