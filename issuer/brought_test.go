package issuer

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// broughtCase is a certificate as it is brought, of a CA that is allowed, which a row of the test spoils.
type broughtCase struct {
	leaf    *x509.Certificate
	above   []*x509.Certificate
	allowed []AllowedCA
}

func TestEveryReasonAgainstACertificateThatIsBrought(t *testing.T) {
	ca, stranger := newForeignCA(t, newKey(t), nil), newForeignCA(t, newKey(t), func(c *x509.Certificate) { c.Subject.CommonName = "Stranger" })
	double := newForeignCA(t, newKey(t), nil) // by the same name
	below := &foreignCA{key: newKey(t)}
	below.cert = ca.leaf(t, below.key, func(c *x509.Certificate) {
		c.Subject.CommonName, c.IsCA, c.BasicConstraintsValid, c.ExtKeyUsage = "Intermediate", true, true, nil
	})
	key, point := newKey(t), "http://pki.acme.example/a.crl"
	edited := func(edit func(*x509.Certificate)) func(*broughtCase) {
		return func(b *broughtCase) { b.leaf = ca.leaf(t, key, edit) }
	}
	for name, row := range map[string]struct {
		spoil func(*broughtCase)
		want  []string
	}{
		"in order":                 {func(*broughtCase) {}, nil},
		"with its CA after it":     {func(b *broughtCase) { b.above = []*x509.Certificate{ca.cert} }, nil},
		"RSA 2048":                 {func(b *broughtCase) { b.leaf = ca.leaf(t, rsaKey(t, 2048), nil) }, nil},
		"P-384":                    {func(b *broughtCase) { b.leaf = ca.leaf(t, keyOn(t, elliptic.P384()), nil) }, nil},
		"seven days left":          {edited(func(c *x509.Certificate) { c.NotAfter = now.Add(MinBrought) }), nil},
		"of a stranger":            {func(b *broughtCase) { b.leaf = stranger.leaf(t, key, nil) }, []string{`is issued by "CN=Stranger", which is not allowed; allowed for this account: "CN=Acme Private CA"`}},
		"of a CA by the same name": {func(b *broughtCase) { b.leaf = double.leaf(t, key, nil) }, []string{"is not signed with the key of that CA"}},
		"of an intermediate below": {func(b *broughtCase) { b.leaf, b.above = below.leaf(t, key, nil), []*x509.Certificate{below.cert} }, []string{"an intermediate under a CA that is allowed"}},
		"of nobody who is allowed": {func(b *broughtCase) { b.allowed = nil }, []string{"none is allowed for this account"}},
		"self-signed": {func(b *broughtCase) {
			b.leaf = newForeignCA(t, key, func(c *x509.Certificate) {
				c.IsCA, c.ExtKeyUsage = false, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			}).cert
		}, []string{"self-signed"}},
		"the CA itself": {func(b *broughtCase) { b.leaf = ca.cert }, []string{"it is that of a CA", "clientAuth", "the key of its CA"}},
		"no usages":     {edited(func(c *x509.Certificate) { c.ExtKeyUsage = nil }), []string{"does not name clientAuth"}},
		"any usage":     {edited(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }), []string{"does not name clientAuth"}},
		"for documents": {edited(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageContentCommitment }), []string{"lacks digitalSignature"}},
		"a CA":          {edited(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }), []string{"that of a CA"}},
		"RSA 1024":      {func(b *broughtCase) { b.leaf = ca.leaf(t, rsaKey(t, 1024), nil) }, []string{"not strong enough"}},
		"P-521":         {func(b *broughtCase) { b.leaf = ca.leaf(t, keyOn(t, elliptic.P521()), nil) }, []string{"the key is P-521"}},
		"the CA's key":  {func(b *broughtCase) { b.leaf = ca.leaf(t, ca.key, nil) }, []string{"the key of its CA"}},
		"expired":       {edited(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }), []string{"expired at"}},
		"not valid yet": {edited(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }), []string{"not valid before"}},
		"six days left": {edited(func(c *x509.Certificate) { c.NotAfter = now.Add(MinBrought - time.Second) }), []string{"good for 6 days more; at least 7 days"}},
		"hours left":    {edited(func(c *x509.Certificate) { c.NotAfter = now.Add(5 * time.Hour) }), []string{"good for 5 hours more"}},
		"a critical extension": {edited(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), []string{"[1.2.3]"}},
		"no distribution point": {func(b *broughtCase) { b.allowed[0].Point = point }, []string{"it names none"}},
		"another distribution point": {func(b *broughtCase) {
			b.allowed[0].Point = point
			edited(func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"ldap://x"} })(b)
		}, []string{"it names ldap://x"}},
		"the distribution point": {func(b *broughtCase) {
			b.allowed[0].Point = point
			edited(func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"ldap://x", point} })(b)
		}, nil},
		"a CA that has expired": {func(b *broughtCase) {
			old := newForeignCA(t, newKey(t), func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) })
			b.leaf, b.allowed = old.leaf(t, key, nil), []AllowedCA{{Certificate: old.cert}}
		}, []string{"its CA expired at"}},
		"a name its CA may not give": {func(b *broughtCase) {
			narrow := newForeignCA(t, newKey(t), func(c *x509.Certificate) {
				c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"acme.example"}
			})
			b.leaf = narrow.leaf(t, key, func(c *x509.Certificate) { c.DNSNames = []string{"onerecord.example"} })
			b.allowed = []AllowedCA{{Certificate: narrow.cert}}
		}, []string{"does not verify under its CA"}},
		"everything at the same time": {edited(func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid, c.ExtKeyUsage, c.KeyUsage, c.NotAfter = true, true, nil, x509.KeyUsageCRLSign, now.Add(-time.Hour)
		}), []string{"expired at", "that of a CA", "clientAuth", "digitalSignature"}},
	} {
		b := &broughtCase{leaf: ca.leaf(t, key, nil), allowed: []AllowedCA{{Certificate: stranger.cert}, {Certificate: ca.cert}}}
		if name == "of a stranger" || strings.Contains(name, "distribution point") {
			b.allowed = b.allowed[1:]
		}
		row.spoil(b)
		found, problems := (&Brought{Leaf: b.leaf, Above: b.above}).Lint(b.allowed, now)
		if len(problems) != len(row.want) || len(row.want) == 0 && found == nil {
			t.Errorf("%s: %q", name, problems)
			continue
		}
		for i, want := range row.want {
			if !strings.Contains(problems[i], want) {
				t.Errorf("%s: %q does not say %q", name, problems[i], want)
			}
		}
	}
}

func TestACertificateIsForOneKey(t *testing.T) {
	ca, key := newForeignCA(t, newKey(t), nil), newKey(t)
	b := &Brought{Leaf: ca.leaf(t, key, nil)}
	if !b.Has(applicant(t, key)) || b.Has(applicant(t, newKey(t))) || b.Has(ApplicantKey{}) {
		t.Error("the keys are not told apart")
	}
}

// FuzzCertificatePEM feeds what a stranger with a link may send. Memory: the input is at most 48 KiB, and a certificate of it takes less than
// ten times its length.
func FuzzCertificatePEM(f *testing.F) {
	ca, leaf := kept(f, "ca"), kept(f, "leaf")
	good := append(CertificatePEM(leaf.Raw), CertificatePEM(ca.Raw)...)
	f.Add(good)
	f.Add(CertificatePEM(ca.Raw))
	f.Add(leaf.Raw)
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: leaf.Raw}))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Headers: map[string]string{"a": "b"}, Bytes: leaf.Raw}))
	f.Add([]byte(strings.Repeat(string(good), 5)))
	f.Add(good[:len(good)/2])
	allowed := []AllowedCA{{Certificate: ca, Point: "http://pki.acme.example/a.crl"}}
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := ParseBrought(in)
		if err != nil {
			if b != nil || len(err.Error()) > 400 {
				t.Fatalf("%v with an error of %d bytes", b, len(err.Error()))
			}
			return
		}
		if len(in) > maxBroughtBytes || len(b.Above) > maxIntermediates {
			t.Fatalf("%d bytes, %d above", len(in), len(b.Above))
		}
		found, problems := b.Lint(allowed, now)
		if found == nil && len(problems) == 0 {
			t.Fatal("nobody issued it, and nothing is wrong")
		}
		if len(problems) == 0 && (!slices.Contains(b.Leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || ca.CheckSignature(b.Leaf.SignatureAlgorithm, b.Leaf.RawTBSCertificate, b.Leaf.Signature) != nil) {
			t.Fatalf("%s passes", b.Leaf.Subject)
		}
		for _, p := range problems {
			if len(p) > 1500 {
				t.Fatalf("a reason of %d bytes", len(p))
			}
		}
	})
}

// kept is a certificate in testdata: what is fuzzed with must be the same in every process.
func kept(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile("testdata/brought/" + name + ".pem")
	if err != nil {
		t.Fatal(err)
	}
	certs, err := ParseCertificatesPEM(text)
	if err != nil {
		t.Fatal(err)
	}
	return certs[0]
}

// list signs a revocation list of a customer's CA.
func (f *foreignCA) list(t testing.TB, edit func(*x509.RevocationList)) []byte {
	t.Helper()
	template := &x509.RevocationList{Number: bigInt(7), ThisUpdate: now, NextUpdate: now.Add(24 * time.Hour)}
	if edit != nil {
		edit(template)
	}
	by := *f.cert
	by.KeyUsage |= x509.KeyUsageCRLSign // crypto/x509 asks for it
	der, err := x509.CreateRevocationList(rand.Reader, template, &by, f.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestACustomersCAMustBeOne(t *testing.T) {
	for want, edit := range map[string]func(*x509.Certificate){
		"no CA":          func(c *x509.Certificate) { c.IsCA = false },
		"may sign":       func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign },
		"expired at":     func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) },
		"is not valid":   func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) },
		"without client": func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
		"critical": func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		},
		"": nil,
	} {
		err := CheckCustomersCA(newForeignCA(t, newKey(t), edit).cert, now)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", want, err)
		}
	}
	if err := CheckCustomersCA(newForeignCA(t, rsaKey(t, 1024), nil).cert, now); err == nil {
		t.Error("a CA with a weak key")
	}
}
