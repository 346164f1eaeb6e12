package issuer

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"testing"

	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
)

// TestLintersOfTheTradeFindNothing holds everything made here against zlint. Only
// the RFC's own rules and the community's apply: those of the browsers' forum are
// for public web servers.
func TestLintersOfTheTradeFindNothing(t *testing.T) {
	registry, err := lint.GlobalRegistry().Filter(lint.FilterOptions{
		IncludeSources: lint.SourceList{lint.RFC5280, lint.RFC3279, lint.RFC5480, lint.RFC8813, lint.Community},
	})
	if err != nil {
		t.Fatal(err)
	}
	root, ca := newHierarchy(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	withRSA, withP384, staff := goodRequest(t), goodRequest(t), goodRequest(t)
	withRSA.Key = applicant(t, rsaKey)
	withP384.Key = applicant(t, keyOn(t, elliptic.P384()))
	staff.CRLURL, staff.IssuerURL = "", ""
	draft, err := ca.Prepare(StaffProfile, staff, now)
	if err != nil {
		t.Fatal(err)
	}
	staffLeaf, err := ca.Issue(draft, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request, _ := standbyRequest(t, "Example Issuing 3")
	standby, err := SignStandby(root, request, rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, der := range map[string][]byte{
		"root":       root.Certificate.Raw,
		"standby":    standby.Raw,
		"issuing CA": ca.Certificate.Raw,
		"leaf":       issueLeaf(t, ca, goodRequest(t)).Raw,
		"RSA leaf":   issueLeaf(t, ca, withRSA).Raw,
		"P-384 leaf": issueLeaf(t, ca, withP384).Raw,
		"staff leaf": staffLeaf,
	} {
		cert, err := zx509.ParseCertificate(der)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		report(t, name, zlint.LintCertificateEx(cert, registry))
	}
	der, err := ca.CRL(goodCRL(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	list, err := zx509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	report(t, "CRL", zlint.LintRevocationListEx(list, registry))
}

func report(t *testing.T, name string, results *zlint.ResultSet) {
	t.Helper()
	passed := 0
	for rule, result := range results.Results {
		switch result.Status {
		case lint.Warn, lint.Error, lint.Fatal:
			t.Errorf("%s: %s: %s %s", name, rule, result.Status, result.Details)
		case lint.Pass:
			passed++
		default:
		}
	}
	if passed == 0 {
		t.Errorf("%s: no rule was applied", name)
	}
}
