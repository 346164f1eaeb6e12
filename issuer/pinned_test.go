package issuer

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"strings"
	"testing"
)

// foreignCA is a customer's own authority, self-signed and without key usage as
// openssl req -x509 makes it.
type foreignCA struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newForeignCA(t testing.TB, key crypto.Signer, edit func(*x509.Certificate)) *foreignCA {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Acme Private CA"}, NotBefore: now.AddDate(-5, 0, 0),
		NotAfter: now.AddDate(5, 0, 0), IsCA: true, BasicConstraintsValid: true}
	if edit != nil {
		edit(template)
	}
	return &foreignCA{signed(t, template, template, key.Public(), key), key}
}

// leaf makes a client certificate under the CA.
func (f *foreignCA) leaf(t testing.TB, key crypto.Signer, edit func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "acme engine"}, NotBefore: now.AddDate(-1, 0, 0),
		NotAfter: now.AddDate(1, 0, 0), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if edit != nil {
		edit(template)
	}
	return signed(t, template, f.cert, key.Public(), f.key)
}

func signed(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func rsaKey(t testing.TB, bits int) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestACertificateFromBeforeIsPinnedWithItsCA(t *testing.T) {
	for name, key := range map[string]crypto.Signer{"P-256": newKey(t), "RSA 2048": rsaKey(t, 2048)} {
		ca := newForeignCA(t, key, nil)
		if err := CheckPinned(ca.leaf(t, newKey(t), nil), ca.cert, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, ours := newHierarchy(t)
	issued := &foreignCA{ours.Certificate, ours.Signer}
	if err := CheckPinned(issued.leaf(t, newKey(t), nil), ours.Certificate, now); err != nil {
		t.Errorf("under an issuing CA: %v", err)
	}
}

func TestWhatCannotBePinned(t *testing.T) {
	ca, other := newForeignCA(t, newKey(t), nil), newForeignCA(t, newKey(t), nil)
	none := newForeignCA(t, newKey(t), func(c *x509.Certificate) { c.IsCA = false })
	over := newForeignCA(t, newKey(t), func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1) })
	large := newForeignCA(t, keyOn(t, elliptic.P521()), nil)
	crlOnly := newForeignCA(t, newKey(t), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
	usage := func(list ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = list }
	}
	for name, row := range map[string]struct {
		leaf *x509.Certificate
		ca   *foreignCA
		want string
	}{
		"of another CA of the same name": {other.leaf(t, newKey(t), nil), ca, "not issued by a trusted CA"},
		"the CA itself":                  {ca.cert, ca, "the key of its CA"},
		"a CA":                           {ca.leaf(t, newKey(t), func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }), ca, "it is a CA"},
		"for servers":                    {ca.leaf(t, newKey(t), usage(x509.ExtKeyUsageServerAuth)), ca, "does not name clientAuth"},
		"for nothing in particular":      {ca.leaf(t, newKey(t), usage()), ca, "does not name clientAuth"},
		"expired":                        {ca.leaf(t, newKey(t), func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1) }), ca, "it expired at 2026-11-23T09:30:00Z"},
		"to come":                        {ca.leaf(t, newKey(t), func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, 0, 1) }), ca, "it is not valid before"},
		"a weak key":                     {ca.leaf(t, rsaKey(t, 1024), nil), ca, "it has a key that is not allowed"},
		"a key for other things":         {ca.leaf(t, newKey(t), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), ca, "lacks digitalSignature"},
		"no CA":                          {none.leaf(t, newKey(t), nil), none, "is no CA that may sign"},
		"a CA for revocation lists":      {crlOnly.leaf(t, newKey(t), nil), crlOnly, "is no CA that may sign"},
		"an expired CA":                  {over.leaf(t, newKey(t), nil), over, "its CA expired at"},
		"a CA with another key":          {large.leaf(t, newKey(t), nil), large, `its CA "Acme Private CA" has a key that is not allowed`},
	} {
		if err := CheckPinned(row.leaf, row.ca.cert, now); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
	weak := *ca.leaf(t, newKey(t), nil)
	weak.SignatureAlgorithm = x509.ECDSAWithSHA1
	if err := CheckPinned(&weak, ca.cert, now); err == nil || !strings.Contains(err.Error(), "signed with ECDSA-SHA1") {
		t.Errorf("a weak signature: %v", err)
	}
}

func TestAnchorsWithAForeignCAStillTrustOurs(t *testing.T) {
	_, issuing := newHierarchy(t)
	ca := newForeignCA(t, newKey(t), nil)
	anchors := mustAnchors(t, issuing)
	both, err := anchors.With(ca.cert)
	if err != nil {
		t.Fatal(err)
	}
	foreign := ca.leaf(t, newKey(t), nil)
	ours := (&foreignCA{issuing.Certificate, issuing.Signer}).leaf(t, newKey(t), nil)
	if found, err := both.Verify(foreign, nil, now); err != nil || !found.Anchor.Equal(ca.cert) {
		t.Errorf("the foreign one: %v", err)
	}
	if found, err := both.Verify(ours, nil, now); err != nil || !found.Anchor.Equal(issuing.Certificate) {
		t.Errorf("ours: %v", err)
	}
	if _, err := anchors.Verify(foreign, nil, now); !errors.Is(err, ErrUntrusted) {
		t.Errorf("the anchors themselves were changed: %v", err)
	}
	if _, err := ReadAnchors(); !errors.Is(err, ErrNoAnchors) {
		t.Errorf("no anchors: %v", err)
	}
	if _, err := ReadAnchors(issuing.Certificate, foreign); err == nil {
		t.Error("a leaf became an anchor")
	}
	read, err := ReadAnchors(issuing.Certificate, ca.cert)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read.Verify(foreign, nil, now); err != nil {
		t.Errorf("as the trust file has it: %v", err)
	}
}
