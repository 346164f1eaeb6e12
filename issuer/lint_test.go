package issuer

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// brokenLeaves holds, for each rule, the ways to break it.
var brokenLeaves = map[string][]func(c *x509.Certificate){
	"version":                    {func(c *x509.Certificate) { c.Version = 1 }},
	"serial number":              {func(c *x509.Certificate) { c.SerialNumber = big.NewInt(7) }},
	"serial number as requested": {func(c *x509.Certificate) { c.SerialNumber = new(big.Int).Add(c.SerialNumber, big.NewInt(1)) }},
	"signature algorithm":        {func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }},
	"issuer":                     {func(c *x509.Certificate) { c.RawIssuer = []byte{0x30, 0} }},
	"authority key identifier": {
		func(c *x509.Certificate) { c.AuthorityKeyId = nil },
		func(c *x509.Certificate) { c.AuthorityKeyId = []byte{1} },
	},
	"subject key identifier": {func(c *x509.Certificate) { c.SubjectKeyId = nil }},
	"subject": {
		func(c *x509.Certificate) { c.Subject.CommonName = "other" },
		func(c *x509.Certificate) { c.Subject.Names = append(c.Subject.Names, pkix.AttributeTypeAndValue{}) },
	},
	"public key":              {func(c *x509.Certificate) { c.PublicKey = rsaPublic(1024, 65537) }},
	"public key as requested": {func(c *x509.Certificate) { c.PublicKey = rsaPublic(2048, 65537) }},
	"key usage": {
		func(c *x509.Certificate) { c.KeyUsage = 0 },
		func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign },
	},
	"extended key usage": {
		func(c *x509.Certificate) { c.ExtKeyUsage = nil },
		func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) },
		func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}} },
	},
	"basic constraints": {
		func(c *x509.Certificate) { c.IsCA = true },
		func(c *x509.Certificate) { c.BasicConstraintsValid = false },
		func(c *x509.Certificate) { c.MaxPathLenZero = true },
	},
	"subject alternative name": {
		func(c *x509.Certificate) { c.DNSNames = []string{"a.example.com"} },
		func(c *x509.Certificate) { c.IPAddresses = []net.IP{{10, 0, 0, 1}} },
		func(c *x509.Certificate) { c.EmailAddresses = []string{"a@example.com"} },
		func(c *x509.Certificate) { c.URIs = nil },
		func(c *x509.Certificate) { c.URIs = append(c.URIs, c.URIs[0]) },
		func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "https", Host: "other.example.com"}} },
	},
	"start": {
		func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) },
		func(c *x509.Certificate) { c.NotBefore = now.Add(-maxBackdate - time.Second) },
		func(c *x509.Certificate) { c.NotBefore = now.Add(-10 * time.Minute) }, // before the CA
	},
	"end":           {func(c *x509.Certificate) { c.NotAfter = now }},
	"end of the CA": {func(c *x509.Certificate) { c.NotAfter = now.AddDate(5, 0, 1) }},
	"length of validity": {
		func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(maxLeafValidity) },
	},
	"CRL and CA issuers": {
		func(c *x509.Certificate) { c.OCSPServer = []string{"http://ocsp.example.com"} },
		func(c *x509.Certificate) { c.CRLDistributionPoints = nil },
		func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://other.example.com"} },
	},
	"extensions": {
		func(c *x509.Certificate) {
			c.Extensions = append(c.Extensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}})
		},
		func(c *x509.Certificate) { c.Extensions = append(c.Extensions, c.Extensions[0]) },
		func(c *x509.Certificate) { c.Extensions = c.Extensions[1:] },
		func(c *x509.Certificate) { c.Extensions[0].Critical = !c.Extensions[0].Critical },
	},
}

func TestEveryLeafRuleFindsWhatBreaksIt(t *testing.T) {
	_, ca := newHierarchy(t)
	request := goodRequest(t)
	leaf := issueLeaf(t, ca, request)
	brokenLeaves["public key of the CA"] = []func(*x509.Certificate){func(c *x509.Certificate) { c.PublicKey = ca.Certificate.PublicKey }}
	for _, rule := range leafRules {
		edits := brokenLeaves[rule.name]
		if len(edits) == 0 {
			t.Errorf("rule %q has no case", rule.name)
		}
		for _, edit := range edits {
			broken := *leaf
			broken.Extensions = slices.Clone(leaf.Extensions)
			edit(&broken)
			err := lintLeaf(&broken, lintInput{DeviceProfile, request, ca.Certificate, now})
			if err == nil || !strings.Contains("\n"+err.Error(), "\n"+rule.name+": ") {
				t.Errorf("rule %q does not find its case: %v", rule.name, err)
			}
		}
	}
}

func TestStaffLeafWithoutURLsMustNotHaveAny(t *testing.T) {
	_, ca := newHierarchy(t)
	request := goodRequest(t)
	leaf := issueLeaf(t, ca, request)
	request.CRLURL, request.IssuerURL = "", ""
	err := lintLeaf(leaf, lintInput{StaffProfile, request, ca.Certificate, now})
	wantError(t, err, "none was asked for")
}

func BenchmarkPrepareAndIssue(b *testing.B) {
	_, ca := newHierarchy(b)
	request := goodRequest(b)
	for b.Loop() {
		draft, err := ca.Prepare(DeviceProfile, request, now)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ca.Issue(draft, rand.Reader); err != nil {
			b.Fatal(err)
		}
	}
}
