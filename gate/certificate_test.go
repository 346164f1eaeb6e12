package gate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

func TestTheStatesOfACertificate(t *testing.T) {
	from, to := noon, noon.Add(time.Hour)
	rows := []struct {
		revoked *gate.Revocation
		at      time.Time
		want    gate.CredentialState
	}{
		{nil, from.Add(-1), gate.NotYetValid},
		{nil, from, gate.Active},
		{nil, to, gate.Active},
		{nil, to.Add(1), gate.Expired},
		{revokedAt(noon), from.Add(-1), gate.Revoked},
		{revokedAt(noon), from, gate.Revoked},
		{revokedAt(to), from, gate.Revoked},
		{revokedAt(noon), to.Add(1), gate.Revoked},
	}
	for i, row := range rows {
		c := gate.Certificate{NotBefore: from, NotAfter: to, Revoked: row.revoked}
		if got := c.State(row.at); got != row.want || got.Live() != (row.want == gate.Active) {
			t.Errorf("row %d: %s, want %s", i, got, row.want)
		}
	}
}

func TestACertificateIsRevokedOnce(t *testing.T) {
	c := gate.Certificate{ID: "crt_1", NotAfter: noon}
	revoked, err := c.Revoke(*revokedAt(noon))
	if err != nil || revoked.State(noon) != gate.Revoked || c.Revoked != nil {
		t.Errorf("%+v, %v", revoked, err)
	}
	if again, err := revoked.Revoke(*revokedAt(noon.Add(time.Hour))); !errors.Is(err, gate.Conflict) || again.Revoked != revoked.Revoked {
		t.Errorf("twice: %v", err)
	}
}

func TestWhichIssuerAnchorsAndIssues(t *testing.T) {
	from, to := noon, noon.Add(time.Hour)
	rows := []struct {
		name            string
		ca              gate.CA
		at              time.Time
		anchors, issues bool
	}{
		{"standby", gate.CA{}, from, true, false},
		{"in use", gate.CA{IssuesFrom: &from}, from, true, true},
		{"before its use", gate.CA{IssuesFrom: &to}, to.Add(-1), true, false},
		{"in its last instant", gate.CA{IssuesFrom: &from}, to, true, true},
		{"past its end", gate.CA{IssuesFrom: &from}, to.Add(1), false, false},
		{"before its start", gate.CA{IssuesFrom: &from}, from.Add(-1), false, false},
		{"retired", gate.CA{IssuesFrom: &from, Retired: &gate.Ending{At: to}}, from, false, false},
	}
	for _, row := range rows {
		row.ca.NotBefore, row.ca.NotAfter = from, to
		if anchors, issues := row.ca.Anchors(row.at), row.ca.Issues(row.at); anchors != row.anchors || issues != row.issues {
			t.Errorf("%s: anchors %t, issues %t", row.name, anchors, issues)
		}
	}
}

func TestTheStatesOfCredentialsAndContractsHaveNames(t *testing.T) {
	names := map[string]bool{}
	for s := gate.Active; s <= gate.NotYetValid; s++ {
		names[s.String()] = true
	}
	if len(names) != 5 || names[""] {
		t.Errorf("credentials: %v", names)
	}
	names = map[string]bool{}
	for s := gate.ContractNotStarted; s <= gate.ContractEnded; s++ {
		names[s.String()] = true
	}
	if len(names) != 3 || names[""] {
		t.Errorf("contracts: %v", names)
	}
}
