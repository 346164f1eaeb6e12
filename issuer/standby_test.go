package issuer

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"strings"
	"testing"
	"time"
)

func standbyRequest(t *testing.T, name string) (StandbyRequest, *CA) {
	t.Helper()
	der, key, err := NewStandbyRequest(name, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request, err := ParseStandbyRequest(RequestPEM(der))
	if err != nil {
		t.Fatal(err)
	}
	return request, &CA{Signer: key}
}

func TestAStandbyIsSignedByTheProfileOfTheFirst(t *testing.T) {
	root, first := newHierarchy(t)
	request, held := standbyRequest(t, "Example Issuing 3")
	cert, err := SignStandby(root, request, rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckStandby(cert, root.Certificate, held.Signer, now); err != nil {
		t.Error(err)
	}
	a, b := first.Certificate, cert
	if b.Subject.CommonName != "Example Issuing 3" || a.MaxPathLen != b.MaxPathLen || a.MaxPathLenZero != b.MaxPathLenZero || a.KeyUsage != b.KeyUsage ||
		!slices.Equal(a.ExtKeyUsage, b.ExtKeyUsage) || !a.NotBefore.Equal(b.NotBefore) || !a.NotAfter.Equal(b.NotAfter) || len(a.Extensions) != len(b.Extensions) {
		t.Errorf("%+v\n%+v", a, b)
	}
	// What it issues is found under it alone.
	held.Certificate = cert
	anchors, err := NewAnchors(a, b)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := anchors.Verify(issueLeaf(t, held, goodRequest(t)), nil, now)
	if err != nil || chain.Anchor.Subject.CommonName != "Example Issuing 3" {
		t.Errorf("%+v %v", chain, err)
	}
}

func TestARequestForAStandbyIsAName(t *testing.T) {
	key := newKey(t)
	request := func(template x509.CertificateRequest, curve elliptic.Curve) []byte {
		signer := key
		if curve != nil {
			signer = keyOn(t, curve)
		}
		der, err := x509.CreateCertificateRequest(rand.Reader, &template, signer)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	named := pkix.Name{CommonName: "x"}
	for name, c := range map[string]struct {
		csr  []byte
		says string
	}{
		"P-384":       {request(x509.CertificateRequest{Subject: named}, elliptic.P384()), "P-256"},
		"more names":  {request(x509.CertificateRequest{Subject: pkix.Name{CommonName: "x", Country: []string{"US"}}}, nil), "more than a common name"},
		"extensions":  {request(x509.CertificateRequest{Subject: named, DNSNames: []string{"example.com"}}, nil), "more than a common name"},
		"no name":     {request(x509.CertificateRequest{}, nil), "more than a common name"},
		"a long name": {request(x509.CertificateRequest{Subject: pkix.Name{CommonName: strings.Repeat("x", 65)}}, nil), "characters"},
		"nothing":     {nil, "empty"},
	} {
		if _, err := ParseStandbyRequest(c.csr); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := NewStandbyRequest(strings.Repeat("x", 65), rand.Reader); err == nil {
		t.Error("a long name passed")
	}
}

func TestAStandbyThatIsNotOursIsRefused(t *testing.T) {
	root, _ := newHierarchy(t)
	other, _ := newHierarchy(t)
	request, held := standbyRequest(t, "Example Issuing 3")
	sign := func(by *CA, edit func(*x509.Certificate)) *x509.Certificate {
		template, err := issuingProfile(by, request.Name, rand.Reader, now)
		if err != nil {
			t.Fatal(err)
		}
		edit(template)
		der, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, request.Key.Public, by.Signer)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	as := func(*x509.Certificate) {}
	for name, c := range map[string]struct {
		cert *x509.Certificate
		says string
	}{
		"another root":    {sign(other, as), "is not signed by root"},
		"another key":     {root.Certificate, "does not match the private key"},
		"a longer path":   {sign(root, func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 1, false }), "path length 0"},
		"no CA":           {sign(root, func(c *x509.Certificate) { c.IsCA, c.MaxPathLenZero = false, false }), "is not a CA"},
		"servers too":     {sign(root, func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) }), "more than clientAuth"},
		"no CRL":          {sign(root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign }), "cRLSign"},
		"short":           {sign(root, func(c *x509.Certificate) { c.NotAfter = now.AddDate(1, 0, 0) }), "at least 397 are needed"},
		"beyond its root": {sign(root, func(c *x509.Certificate) { c.NotAfter = root.Certificate.NotAfter.Add(time.Hour) }), "ends after its root"},
		"not yet":         {sign(root, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }), "not valid before"},
	} {
		if err := CheckStandby(c.cert, root.Certificate, held.Signer, now); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := SignStandby(&CA{Certificate: root.Certificate, Signer: other.Signer}, request, rand.Reader, now); err == nil {
		t.Error("signed with a key that is not the root's")
	}
	if _, err := SignStandby(root, StandbyRequest{Name: root.Certificate.Subject.CommonName, Key: request.Key}, rand.Reader, now); err == nil {
		t.Error("signed under the root's own name")
	}
}
