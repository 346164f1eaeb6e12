package gate_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

func TestWhoMayDoWhat(t *testing.T) {
	var b strings.Builder
	for _, action := range gate.Actions() {
		fmt.Fprintf(&b, "%-16s", action)
		for _, role := range gate.Roles() {
			word := "-"
			if (gate.Actor{Roles: []gate.Role{role}}).May(action) == nil {
				word = string(role)
			}
			fmt.Fprintf(&b, " %-11s", word)
		}
		b.WriteString("\n")
	}
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	got := strings.Join(lines, "\n")
	golden := filepath.Join("testdata", "may.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("run with -update where this is meant (-want +got):\n%s", diff)
	}
}

func TestARefusedActionNamesTheRolesThatMay(t *testing.T) {
	err := gate.Actor{Name: "ben", Roles: []gate.Role{gate.Auditor, gate.Interviewer}}.May(gate.DecideCase)
	if !errors.Is(err, gate.Forbidden) || err.Error() != "ben may not decide: that takes the role approver" {
		t.Errorf("%v", err)
	}
	for _, a := range []gate.Actor{{}, {Name: "customer"}, {Roles: []gate.Role{""}}, {Roles: []gate.Role{"root"}}} {
		for _, action := range append(gate.Actions(), "", "unheard of") {
			if err := a.May(action); !errors.Is(err, gate.Forbidden) {
				t.Errorf("%+v may %q: %v", a, action, err)
			}
		}
	}
}

func ben() gate.Staff {
	return gate.Staff{ID: "stf_ben", Name: "ben", Email: "ben@example.com", Roles: []gate.Role{gate.Interviewer}, CreatedAt: noon}
}

func TestAChangeOfStaffNeedsASecondAdmin(t *testing.T) {
	cert := gate.StaffCertificate{Fingerprint: fingerprint("new")}
	proposed, err := ben().Propose(gate.Proposal{Roles: []gate.Role{gate.Admin}, Certificate: &cert, By: "stf_cho", At: noon})
	if err != nil {
		t.Fatal(err)
	}
	if proposed.Actor(noon).May(gate.ManageStaff) == nil || len(proposed.Certificates) != 0 {
		t.Error("a proposal takes effect by itself")
	}
	before := proposed
	for who, want := range map[gate.StaffID]string{"stf_cho": "a second admin", "stf_ben": "nobody confirms a change to themselves"} {
		next, err := proposed.Confirm(who, false)
		if !errors.Is(err, gate.Forbidden) || !strings.Contains(err.Error(), want) || cmp.Diff(before, next) != "" {
			t.Errorf("confirmed by %s: %v", who, err)
		}
	}
	confirmed, err := proposed.Confirm("stf_eve", false)
	if err != nil || confirmed.Actor(noon).May(gate.ManageStaff) != nil || len(confirmed.Certificates) != 1 || confirmed.Proposal != nil {
		t.Errorf("confirmed by a second admin: %+v, %v", confirmed, err)
	}
	if diff := cmp.Diff(before, proposed); diff != "" {
		t.Errorf("confirming changed the value that it was asked of:\n%s", diff)
	}
	if _, err := confirmed.Confirm("stf_eve", false); !errors.Is(err, gate.Conflict) {
		t.Errorf("confirmed twice: %v", err)
	}
}

func TestNobodyConfirmsTheirOwnProposalByReplacingIt(t *testing.T) {
	first, err := ben().Propose(gate.Proposal{Roles: []gate.Role{gate.Operator}, By: "stf_cho"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := first.Propose(gate.Proposal{Roles: []gate.Role{gate.Admin}, By: "stf_eve"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Confirm("stf_eve", false); !errors.Is(err, gate.Forbidden) {
		t.Errorf("by who replaced it: %v", err)
	}
	if first.Proposal.By != "stf_cho" {
		t.Error("a proposal changed the value that it was made to")
	}
	self, err := ben().Propose(gate.Proposal{Roles: []gate.Role{gate.Admin}, By: "stf_ben"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := self.Confirm("stf_ben", false); !errors.Is(err, gate.Forbidden) {
		t.Errorf("by the person itself: %v", err)
	}
}

func TestDisablingTakesAllAccessAtOnce(t *testing.T) {
	proposed, err := ben().Propose(gate.Proposal{Roles: []gate.Role{gate.Admin}, By: "stf_cho"})
	if err != nil {
		t.Fatal(err)
	}
	if next, err := proposed.Disable(by("stf_cho", "")); !errors.Is(err, gate.Invalid) || cmp.Diff(proposed, next) != "" {
		t.Errorf("without a reason: %v", err)
	}
	disabled, err := proposed.Disable(by("stf_cho", "left"))
	if err != nil || disabled.Active(noon) || disabled.Proposal != nil {
		t.Fatalf("%+v, %v", disabled, err)
	}
	for _, action := range gate.Actions() {
		if disabled.Actor(noon).May(action) == nil {
			t.Errorf("a disabled person may %s", action)
		}
	}
	for name, err := range map[string]error{
		"disabled twice": only(disabled.Disable(by("stf_cho", "left"))),
		"proposed":       only(disabled.Propose(gate.Proposal{Roles: []gate.Role{gate.Admin}, By: "stf_cho"})),
	} {
		if !errors.Is(err, gate.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	disabled.Proposal = proposed.Proposal // as an older version may have left it
	if _, err := disabled.Confirm("stf_eve", false); !errors.Is(err, gate.Conflict) {
		t.Errorf("confirmed: %v", err)
	}
}

func TestAPersonWithoutRolesIsNotActive(t *testing.T) {
	fresh := ben()
	fresh.Roles = nil
	if fresh.Active(noon) || fresh.Actor(noon).May(gate.Read) == nil {
		t.Error("a person whose first roles wait for confirmation may act")
	}
}

func TestAStaffRecordIsChecked(t *testing.T) {
	checkRows(t, ben, (*gate.Staff).Check, []checkRow[gate.Staff]{
		{"", func(*gate.Staff) {}},
		{"name: slug \"Ben\"", func(s *gate.Staff) { s.Name = "Ben" }},
		{"name: slug \"\"", func(s *gate.Staff) { s.Name = "" }},
		{"email: \"ben\"", func(s *gate.Staff) { s.Email = "ben" }},
		{"roles: must name at least one of interviewer, approver, issuer, operator, auditor, admin", func(s *gate.Staff) { s.Roles = nil }},
		{"roles: \"root\"", func(s *gate.Staff) { s.Roles = []gate.Role{"root"} }},
		{"roles: admin is listed twice", func(s *gate.Staff) { s.Roles = []gate.Role{gate.Admin, gate.Issuer, gate.Admin} }},
	})
	if _, err := ben().Propose(gate.Proposal{By: "stf_cho"}); !errors.Is(err, gate.Invalid) {
		t.Errorf("a proposal of no role: %v", err)
	}
}
