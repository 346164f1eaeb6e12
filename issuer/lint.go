package issuer

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"
)

// lintInput is what a leaf is compared with.
type lintInput struct {
	profile Profile
	request LeafRequest
	issuer  *x509.Certificate
	now     time.Time
}

// leafRule is one invariant of every leaf. It reads the encoded certificate, not
// the template: an extension we did not mean to write must be found too.
type leafRule struct {
	name  string
	check func(c *x509.Certificate, in lintInput) error
}

// leafRules are all the invariants. Most of them hold by construction; each is
// here because a leaf that broke it would be believed by somebody.
var leafRules = []leafRule{
	{"version", ruleVersion},
	{"serial number", func(c *x509.Certificate, in lintInput) error { return checkSerial(c.SerialNumber) }},
	{"serial number as requested", ruleSerial},
	{"signature algorithm", ruleSignature},
	{"issuer", ruleIssuer},
	{"authority key identifier", ruleAuthorityKey},
	{"subject key identifier", ruleSubjectKey},
	{"subject", ruleSubject},
	{"public key", func(c *x509.Certificate, in lintInput) error { return checkLeafKey(c.PublicKey) }},
	{"public key as requested", ruleKey},
	{"public key of the CA", ruleNotCAKey},
	{"key usage", ruleKeyUsage},
	{"extended key usage", ruleExtKeyUsage},
	{"basic constraints", ruleBasicConstraints},
	{"subject alternative name", ruleNames},
	{"start", ruleStart},
	{"end", ruleEnd},
	{"end of the CA", ruleCAEnd},
	{"length of validity", ruleLength},
	{"CRL and CA issuers", ruleURLs},
	{"extensions", ruleExtensions},
}

// lintLeaf applies every rule and names every one that is broken.
func lintLeaf(c *x509.Certificate, in lintInput) error {
	var problems []error
	for _, rule := range leafRules {
		if err := rule.check(c, in); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", rule.name, err))
		}
	}
	return errors.Join(problems...)
}

func ruleVersion(c *x509.Certificate, _ lintInput) error {
	if c.Version != 3 {
		return fmt.Errorf("is %d; must be 3", c.Version)
	}
	return nil
}

func ruleSerial(c *x509.Certificate, in lintInput) error {
	if in.request.Serial == nil || c.SerialNumber.Cmp(in.request.Serial) != 0 {
		return fmt.Errorf("is %x; %x was asked for", c.SerialNumber, in.request.Serial)
	}
	return nil
}

func ruleSignature(c *x509.Certificate, _ lintInput) error {
	if !strongSignature(c.SignatureAlgorithm) {
		return fmt.Errorf("is %v; must be SHA-256, SHA-384 or SHA-512 with RSA or ECDSA", c.SignatureAlgorithm)
	}
	return nil
}

func ruleIssuer(c *x509.Certificate, in lintInput) error {
	if !bytes.Equal(c.RawIssuer, in.issuer.RawSubject) {
		return fmt.Errorf("is %q; must be the CA's name %q, byte for byte", c.Issuer, in.issuer.Subject)
	}
	return nil
}

func ruleAuthorityKey(c *x509.Certificate, in lintInput) error {
	if len(c.AuthorityKeyId) == 0 || !bytes.Equal(c.AuthorityKeyId, in.issuer.SubjectKeyId) {
		return fmt.Errorf("is %x; must be the CA's %x", c.AuthorityKeyId, in.issuer.SubjectKeyId)
	}
	return nil
}

func ruleSubjectKey(c *x509.Certificate, _ lintInput) error {
	want, err := keyID(c.PublicKey)
	if err != nil {
		return err
	}
	if !bytes.Equal(c.SubjectKeyId, want) {
		return fmt.Errorf("is %x; must be %x, computed from the key", c.SubjectKeyId, want)
	}
	return nil
}

func ruleSubject(c *x509.Certificate, in lintInput) error {
	if len(c.Subject.Names) != 1 || c.Subject.CommonName != in.request.CommonName {
		return fmt.Errorf("is %q; must be the common name %q alone", c.Subject, in.request.CommonName)
	}
	return checkName(c.Subject.CommonName)
}

func ruleKey(c *x509.Certificate, in lintInput) error {
	if !samePublicKey(c.PublicKey, in.request.Key.Public) {
		return errors.New("is not the applicant's")
	}
	return nil
}

func ruleNotCAKey(c *x509.Certificate, in lintInput) error {
	if samePublicKey(c.PublicKey, in.issuer.PublicKey) {
		return errors.New("is the CA's own; a leaf needs a key of its own")
	}
	return nil
}

func ruleKeyUsage(c *x509.Certificate, _ lintInput) error {
	if c.KeyUsage != x509.KeyUsageDigitalSignature {
		return fmt.Errorf("is %b; must be digitalSignature alone", c.KeyUsage)
	}
	return nil
}

func ruleExtKeyUsage(c *x509.Certificate, _ lintInput) error {
	if !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}) || len(c.UnknownExtKeyUsage) > 0 {
		return fmt.Errorf("is %v %v; must be clientAuth alone", c.ExtKeyUsage, c.UnknownExtKeyUsage)
	}
	return nil
}

func ruleBasicConstraints(c *x509.Certificate, _ lintInput) error {
	if !c.BasicConstraintsValid || c.IsCA || c.MaxPathLen > 0 || c.MaxPathLenZero {
		return errors.New("must be present and say that this is no CA, without a path length")
	}
	return nil
}

func ruleNames(c *x509.Certificate, in lintInput) error {
	if n := len(c.DNSNames) + len(c.IPAddresses) + len(c.EmailAddresses); n > 0 {
		return fmt.Errorf("has %d DNS, IP or mail names; none is allowed", n)
	}
	if len(c.URIs) != 1 {
		return fmt.Errorf("has %d URIs; must be exactly one", len(c.URIs))
	}
	if got, want := c.URIs[0].String(), in.request.URI.String(); got != want {
		return fmt.Errorf("is %q; %q was asked for", got, want)
	}
	return checkURI(c.URIs[0])
}

func ruleStart(c *x509.Certificate, in lintInput) error {
	if c.NotBefore.After(in.now) || c.NotBefore.Before(in.now.Add(-maxBackdate)) {
		return fmt.Errorf("is %s; must be between %s and now", c.NotBefore.UTC().Format(time.RFC3339),
			in.now.Add(-maxBackdate).UTC().Format(time.RFC3339))
	}
	if c.NotBefore.Before(in.issuer.NotBefore) {
		return fmt.Errorf("is %s, before the CA's own %s", c.NotBefore.UTC().Format(time.RFC3339),
			in.issuer.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

func ruleEnd(c *x509.Certificate, in lintInput) error {
	if !c.NotAfter.After(in.now) {
		return fmt.Errorf("is %s, which is not in the future", c.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

func ruleCAEnd(c *x509.Certificate, in lintInput) error {
	if c.NotAfter.After(in.issuer.NotAfter) {
		return fmt.Errorf("the leaf would end at %s, after its CA at %s; issue a shorter one or from the next CA",
			c.NotAfter.UTC().Format(time.RFC3339), in.issuer.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

func ruleLength(c *x509.Certificate, _ lintInput) error {
	// RFC 5280 section 4.1.2.5: both ends are included.
	if span := c.NotAfter.Sub(c.NotBefore) + time.Second; span > maxLeafValidity {
		return fmt.Errorf("is %d days; at most %d are allowed", int(span.Hours()/24), int(maxLeafValidity.Hours()/24))
	}
	return nil
}

func ruleURLs(c *x509.Certificate, in lintInput) error {
	if len(c.OCSPServer) > 0 {
		return errors.New("names an OCSP responder; there is none")
	}
	if in.profile == StaffProfile && in.request.CRLURL == "" {
		if len(c.CRLDistributionPoints)+len(c.IssuingCertificateURL) > 0 {
			return errors.New("are present; none was asked for")
		}
		return nil
	}
	if !slices.Equal(c.CRLDistributionPoints, []string{in.request.CRLURL}) ||
		!slices.Equal(c.IssuingCertificateURL, []string{in.request.IssuerURL}) {
		return fmt.Errorf("are %q and %q; must be the ones asked for", c.CRLDistributionPoints, c.IssuingCertificateURL)
	}
	return nil
}

// leafExtensions lists each extension a leaf may have, by what RFC 5280 section
// 4.2 says about it, and whether it is critical.
var leafExtensions = []struct {
	oid                asn1.ObjectIdentifier
	critical, required bool
}{
	{asn1.ObjectIdentifier{2, 5, 29, 14}, false, true},               // subjectKeyIdentifier
	{asn1.ObjectIdentifier{2, 5, 29, 15}, true, true},                // keyUsage
	{asn1.ObjectIdentifier{2, 5, 29, 17}, false, true},               // subjectAltName
	{asn1.ObjectIdentifier{2, 5, 29, 19}, true, true},                // basicConstraints
	{asn1.ObjectIdentifier{2, 5, 29, 31}, false, false},              // cRLDistributionPoints
	{asn1.ObjectIdentifier{2, 5, 29, 35}, false, true},               // authorityKeyIdentifier
	{asn1.ObjectIdentifier{2, 5, 29, 37}, false, true},               // extKeyUsage
	{asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}, false, false}, // authorityInfoAccess
}

func ruleExtensions(c *x509.Certificate, _ lintInput) error {
	seen := 0
	for _, known := range leafExtensions {
		count := 0
		for _, ext := range c.Extensions {
			if !ext.Id.Equal(known.oid) {
				continue
			}
			count++
			if ext.Critical != known.critical {
				return fmt.Errorf("%v has critical=%t; must be %t", ext.Id, ext.Critical, known.critical)
			}
		}
		if count > 1 || (known.required && count == 0) {
			return fmt.Errorf("%v is there %d times", known.oid, count)
		}
		seen += count
	}
	if seen != len(c.Extensions) {
		return errors.New("there are others than a leaf may have")
	}
	return nil
}
