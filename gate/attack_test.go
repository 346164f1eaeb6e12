package gate_test

import (
	"errors"
	"strings"
	"testing"

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
	harmless, err := host.Propose(gate.Preprod, "stf_cho", "move")
	if err != nil {
		t.Fatal(err)
	}
	swapped, err := harmless.Propose(gate.Sandbox, "stf_cho", "move")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := swapped.Confirm("stf_eve", false); !errors.Is(err, gate.Stale) {
		t.Errorf("confirmed unread: %v", err)
	}
	if got, err := swapped.Confirm("stf_eve", true); err != nil || !got.Allows(gate.Sandbox) {
		t.Errorf("by who names what she read: %v", err)
	}
	if _, err := swapped.Confirm("stf_cho", true); !errors.Is(err, gate.Forbidden) {
		t.Errorf("by who proposed it: %v", err)
	}
	if swapped.Allows(gate.Sandbox) || host.Lowering != nil {
		t.Error("a wish alone was enough, or changed the value it was made to")
	}
}

// TestWhoSettledTheFindingsDoesNotApprove: settling what an interview found wanting is the interviewer's part of the case.
func TestWhoSettledTheFindingsDoesNotApprove(t *testing.T) {
	c := gate.Certification{ID: "cas_1", Findings: []gate.Finding{{Text: "no rate limit", Closed: &gate.Act{By: "stf_cho", Why: "fine by me"}}}}
	if _, err := c.Approve(nil, gate.Act{By: "stf_cho"}); !errors.Is(err, gate.Forbidden) {
		t.Errorf("approved by who settled the findings alone: %v", err)
	}
	if _, err := c.Approve(nil, gate.Act{By: "stf_eve"}); errors.Is(err, gate.Forbidden) {
		t.Errorf("refused to somebody else: %v", err)
	}
}

// TestAReasonForApprovalIsOneLine: it is optional, but shown on the same terminals as every other.
func TestAReasonForApprovalIsOneLine(t *testing.T) {
	for _, why := range []string{"fine\x1b[2J", "a\nb", strings.Repeat("x", 1001)} {
		if _, err := (gate.Certification{}).Approve(nil, gate.Act{By: "stf_cho", Why: why}); !errors.Is(err, gate.Invalid) {
			t.Errorf("%.20q: %v", why, err)
		}
	}
}
