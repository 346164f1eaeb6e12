package gate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func staffCertificate(name string, from time.Time, days int) gate.StaffCertificate {
	return gate.StaffCertificate{Fingerprint: fingerprint(name), NotBefore: from, NotAfter: from.AddDate(0, 0, days)}
}

// badged is ben with one certificate that has 30 days left.
func badged() gate.Staff {
	s := ben()
	s.Certificates = []gate.StaffCertificate{staffCertificate("old", noon.AddDate(0, 0, -360), 390)}
	return s
}

func TestARenewalAddsOneCertificateAndNothingElse(t *testing.T) {
	s := badged()
	next := staffCertificate("new", noon, 397)
	renewed, err := s.Renew(fingerprint("old"), next, noon)
	if err != nil {
		t.Fatal(err)
	}
	next.RenewedFrom = fingerprint("old")
	want := badged()
	want.Certificates = append(want.Certificates, next)
	if diff := cmp.Diff(want, renewed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(badged(), s); diff != "" {
		t.Errorf("renewing changed the value that it was asked of:\n%s", diff)
	}
	if _, err := renewed.Renew(fingerprint("new"), staffCertificate("third", noon, 397), noon); !errors.Is(err, gate.Conflict) {
		t.Errorf("a third live certificate: %v", err)
	}
	after := noon.AddDate(0, 0, 31)
	if _, err := renewed.Renew(fingerprint("new"), staffCertificate("third", after, 397), after); err != nil {
		t.Errorf("once the first has ended: %v", err)
	}
}

func TestWhoMayNotRenew(t *testing.T) {
	until, revoked := noon.Add(time.Hour), gate.Revocation{At: noon, By: "stf_cho", Why: "lost"}
	for _, row := range []struct {
		name string
		edit func(s *gate.Staff)
		with string
		kind gate.Kind
	}{
		{"with a certificate of nobody", func(*gate.Staff) {}, "stranger", gate.Unauthorized},
		{"with one that has expired", func(s *gate.Staff) { s.Certificates[0].NotAfter = noon.Add(-time.Second) }, "old", gate.Unauthorized},
		{"with one that is not valid yet", func(s *gate.Staff) { s.Certificates[0].NotBefore = noon.Add(time.Second) }, "old", gate.Unauthorized},
		{"with one that was revoked", func(s *gate.Staff) { s.Certificates[0].Revoked = &revoked }, "old", gate.Unauthorized},
		{"who is disabled", func(s *gate.Staff) { s.Disabled = &gate.Act{At: noon} }, "old", gate.Unauthorized},
		{"who has no role", func(s *gate.Staff) { s.Roles = nil }, "old", gate.Unauthorized},
		{"who is here for a day", func(s *gate.Staff) { s.Until = &until }, "old", gate.Forbidden},
		{"whose time is over", func(s *gate.Staff) { s.Until = &noonAgo }, "old", gate.Unauthorized},
	} {
		s := badged()
		row.edit(&s)
		next, err := s.Renew(fingerprint(row.with), staffCertificate("new", noon, 397), noon)
		if !errors.Is(err, row.kind) || len(next.Certificates) != 1 {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

var noonAgo = noon

// A thief could have renewed the certificate before it was revoked; a renewal must not outlive what it came from.
func TestRevokingACertificateRevokesItsRenewals(t *testing.T) {
	s := badged()
	s.Certificates = append(s.Certificates, staffCertificate("other", noon, 100))
	for i, from := range []string{"old", "one", "two"} {
		c := staffCertificate([]string{"one", "two", "three"}[i], noon, 397)
		c.RenewedFrom = fingerprint(from)
		s.Certificates = append(s.Certificates, c)
	}
	revoked, err := s.RevokeCertificate(fingerprint("one"), gate.Revocation{At: noon, By: "stf_cho", Why: "lost"})
	if err != nil {
		t.Fatal(err)
	}
	var live []gate.Fingerprint
	for _, c := range revoked.Certificates {
		if c.Live(noon) {
			live = append(live, c.Fingerprint)
		}
	}
	if diff := cmp.Diff([]gate.Fingerprint{fingerprint("old"), fingerprint("other")}, live); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatAPersonIsRemindedOf(t *testing.T) {
	s := badged()
	c, runs := s.Countdown(noon)
	if !runs || c.Kind != gate.StaffCertificateEndsNotice || c.Subject != "stf_ben" || !c.Ends.Equal(s.Certificates[0].NotAfter.Add(time.Second)) {
		t.Errorf("%+v, %v", c, runs)
	}
	s.Certificates = append(s.Certificates, staffCertificate("new", noon, 397))
	if c, _ := s.Countdown(noon); !c.Ends.Equal(s.Certificates[1].NotAfter.Add(time.Second)) {
		t.Errorf("with a newer one: %+v", c)
	}
	s.Certificates[1].Revoked = &gate.Revocation{At: noon}
	if c, _ := s.Countdown(noon); !c.Ends.Equal(s.Certificates[0].NotAfter.Add(time.Second)) {
		t.Errorf("the newer one revoked: %+v", c)
	}
	s.Disabled = &gate.Act{At: noon}
	if c, runs := s.Countdown(noon); runs {
		t.Errorf("who is disabled: %+v", c)
	}
}

func TestAnAdminForADayEnds(t *testing.T) {
	s, until := badged(), noon.Add(24*time.Hour)
	s.Until, s.Roles = &until, []gate.Role{gate.Admin}
	for at, want := range map[time.Time]gate.PersonState{until.Add(-time.Second): gate.PersonActive, until: gate.PersonEnded} {
		if got := s.State(at); got != want || (s.Actor(at).May(gate.ManageStaff) == nil) != (want == gate.PersonActive) {
			t.Errorf("at %s: %s", at, got)
		}
	}
	if _, err := s.Propose(gate.Proposal{Roles: []gate.Role{gate.Admin}, By: "stf_cho"}); !errors.Is(err, gate.Conflict) {
		t.Errorf("made to stay: %v", err)
	}
}
