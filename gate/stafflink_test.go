package gate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

// invited is ben, whose link nobody has opened.
func invited() gate.Staff {
	return ben().Invite(gate.StaffLink{TokenHash: fingerprint("token"), Notice: "not_1", By: "stf_cho", SentAt: noon, ExpiresAt: noon.Add(gate.EnrollmentLifetime)})
}

func TestAStaffLinkWorksForOneKey(t *testing.T) {
	s := invited()
	if got := s.State(noon); got != gate.PersonInvited {
		t.Errorf("before: %s", got)
	}
	made := staffCertificate("made", noon, 397)
	first, given, err := s.Redeem(fingerprint("key"), made, noon)
	if err != nil || given.Fingerprint != made.Fingerprint || len(first.Certificates) != 1 || first.State(noon) != gate.PersonActive {
		t.Fatalf("%+v, %v", first, err)
	}
	if diff := cmp.Diff(invited(), s); diff != "" {
		t.Errorf("redeeming changed the value that it was asked of:\n%s", diff)
	}
	again, given, err := first.Redeem(fingerprint("key"), staffCertificate("another", noon, 397), noon)
	if err != nil || given.Fingerprint != made.Fingerprint || len(again.Certificates) != 1 {
		t.Errorf("the same key again: %+v, %v", again, err)
	}
	if other, _, err := first.Redeem(fingerprint("thief"), staffCertificate("another", noon, 397), noon); !errors.Is(err, gate.Conflict) || len(other.Certificates) != 1 {
		t.Errorf("another key: %v", err)
	}
	for again.Link.Redemptions < gate.EnrollmentRedemptions {
		if again, _, err = again.Redeem(fingerprint("key"), made, noon); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := again.Redeem(fingerprint("key"), made, noon); !errors.Is(err, gate.Conflict) {
		t.Errorf("once too often: %v", err)
	}
}

func TestAStaffLinkEnds(t *testing.T) {
	made := staffCertificate("made", noon, 397)
	for name, edit := range map[string]func(s *gate.Staff) time.Time{
		"with its time":       func(*gate.Staff) time.Time { return noon.Add(gate.EnrollmentLifetime) },
		"with the person":     func(s *gate.Staff) time.Time { s.Disabled = &gate.Act{At: noon}; return noon },
		"with the last role":  func(s *gate.Staff) time.Time { s.Roles = nil; return noon },
		"when there was none": func(s *gate.Staff) time.Time { s.Link = nil; return noon },
		"when it is taken back": func(s *gate.Staff) time.Time {
			*s, _, _ = s.Redeem(fingerprint("key"), made, noon)
			s.Certificates[0].Revoked = &gate.Revocation{At: noon}
			return noon
		},
	} {
		s := invited()
		at := edit(&s)
		n := len(s.Certificates)
		if next, _, err := s.Redeem(fingerprint("key"), made, at); !errors.Is(err, gate.Conflict) || len(next.Certificates) != n {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnotherAddressEndsTheLinkToTheFormer(t *testing.T) {
	s, err := invited().Propose(gate.Proposal{Roles: []gate.Role{gate.Operator}, Email: "ben@new.example", By: "stf_cho"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Email != "ben@example.com" || s.LinkState(noon) != gate.EnrollmentOpen {
		t.Errorf("a proposal counts: %+v", s)
	}
	if s, err = s.Confirm("stf_eve", false); err != nil || s.Email != "ben@new.example" || s.LinkState(noon) != gate.EnrollmentCanceled {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := ben().Propose(gate.Proposal{Roles: []gate.Role{gate.Operator}, Email: "nobody", By: "stf_cho"}); !errors.Is(err, gate.Invalid) {
		t.Errorf("an address that is none: %v", err)
	}
}
