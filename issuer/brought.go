package issuer

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onerecord/certgate/gate"
)

// MinBrought is how long a customer's own certificate must still be good when it is brought: a shorter one would have ended before its next one
// is brought, each time with a link that staff release.
const MinBrought = 7 * 24 * time.Hour

// maxBroughtBytes bounds a certificate with those above it, in PEM. Real ones have 2 to 6 KB.
const maxBroughtBytes = 48 << 10

// AllowedCA is a customer's own CA whose certificates may be brought.
type AllowedCA struct {
	Certificate *x509.Certificate
	// Point is the URL that each certificate must name as distribution point of its CA's revocation list; empty: none need be named.
	Point string
}

// Brought is a certificate of a customer's own CA, as it is brought to an enrollment.
type Brought struct {
	Leaf  *x509.Certificate
	Above []*x509.Certificate // that came with it
}

// ParseBrought reads what is brought: a certificate in PEM and, after it, those above it; at most 48 KiB and 9 of them. Errors are meant for
// the customer and never quote the input, which may by mistake hold a private key.
func ParseBrought(in []byte) (*Brought, error) {
	if len(in) > maxBroughtBytes {
		return nil, fmt.Errorf("has %d bytes; at most %d are read", len(in), maxBroughtBytes)
	}
	if strings.Contains(string(in), "PRIVATE KEY-----") {
		return nil, errPrivateKeySent
	}
	blocks, err := pemBlocks(in)
	if err != nil {
		return nil, err
	}
	if len(blocks) > 1+maxIntermediates {
		return nil, fmt.Errorf("holds %d certificates; the certificate and at most %d above it are read", len(blocks), maxIntermediates)
	}
	certs := make([]*x509.Certificate, 0, len(blocks))
	for i, block := range blocks {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("PEM block %d is %s; a CERTIFICATE is expected", i+1, blockType(block))
		}
		if len(block.Headers) > 0 {
			return nil, fmt.Errorf("PEM block %d has header lines; none are allowed", i+1)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("PEM block %d is no certificate that can be read", i+1)
		}
		certs = append(certs, cert)
	}
	return &Brought{Leaf: certs[0], Above: certs[1:]}, nil
}

// Has reports whether the certificate is for the key.
func (b *Brought) Has(key ApplicantKey) bool { return samePublicKey(b.Leaf.PublicKey, key.Public) }

// Lint says everything that keeps the certificate from being used, each in words for the customer, and which of the allowed CAs issued it;
// nil if none did. An empty list and a CA is the only good answer. What others do with the certificate or its key, and what its CA revoked, is
// not asked here.
func (b *Brought) Lint(allowed []AllowedCA, now time.Time) (ca *AllowedCA, problems []string) {
	note := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	leaf, above := b.Leaf, b.Above
	if ca = issuerAmong(allowed, leaf); ca == nil {
		note("%s", notAllowed(leaf, above, allowed))
	}
	for _, rule := range broughtRules {
		if err := rule(leaf, now); err != nil {
			problems = append(problems, err.Error())
		}
	}
	if ca == nil {
		return nil, problems
	}
	for _, err := range []error{checkForeignCA(ca.Certificate), checkInDate(ca.Certificate, now)} {
		if err != nil {
			note("its CA %s", err)
		}
	}
	if samePublicKey(leaf.PublicKey, ca.Certificate.PublicKey) {
		note("it has the key of its CA; a client needs a key of its own")
	}
	if ca.Point != "" && !slices.Contains(leaf.CRLDistributionPoints, ca.Point) {
		note("it does not name %s as distribution point of its CA's revocation list, which is demanded of this CA; it names %s", ca.Point, named(leaf.CRLDistributionPoints))
	}
	if len(problems) == 0 {
		if err := chains(leaf, ca.Certificate, now); err != nil {
			note("it does not verify under its CA: %s", err)
		}
	}
	return ca, problems
}

// broughtRules are about the certificate alone.
var broughtRules = []func(*x509.Certificate, time.Time) error{
	func(c *x509.Certificate, now time.Time) error {
		if err := checkInDate(c, now); err != nil {
			return fmt.Errorf("it %w", err)
		}
		if left := c.NotAfter.Sub(now); left < MinBrought {
			return fmt.Errorf("it is good for %s more; at least %d days are needed, so bring one that ends later", spanOf(left), int(MinBrought.Hours()/24))
		}
		return nil
	},
	func(c *x509.Certificate, _ time.Time) error {
		if c.IsCA {
			return errors.New("it is that of a CA (basicConstraints); bring the certificate of the client")
		}
		return nil
	},
	func(c *x509.Certificate, _ time.Time) error {
		if !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
			return errors.New("its extended key usage does not name clientAuth (1.3.6.1.5.5.7.3.2), so that it is not for clients")
		}
		return nil
	},
	func(c *x509.Certificate, _ time.Time) error {
		if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
			return errors.New("its key usage lacks digitalSignature, with which a TLS client proves that it has the key")
		}
		return nil
	},
	func(c *x509.Certificate, _ time.Time) error {
		if err := CheckPublicKey(c.PublicKey); err != nil {
			return fmt.Errorf("its key is not strong enough or of a kind that is not used here: %w", err)
		}
		return nil
	},
	func(c *x509.Certificate, _ time.Time) error {
		if !strongSignature(c.SignatureAlgorithm) {
			return fmt.Errorf("it is signed with %v; must be SHA-256, SHA-384 or SHA-512 with RSA or ECDSA", c.SignatureAlgorithm)
		}
		return nil
	},
	func(c *x509.Certificate, _ time.Time) error {
		if unknown := c.UnhandledCriticalExtensions; len(unknown) > 0 {
			return fmt.Errorf("it has critical extensions that are not understood here: %v", unknown)
		}
		return nil
	},
}

func issuerAmong(allowed []AllowedCA, leaf *x509.Certificate) *AllowedCA {
	for i := range allowed {
		if ca := allowed[i].Certificate; issuedBy(leaf, ca) || slices.Equal(ca.RawSubject, leaf.RawIssuer) && !strongSignature(leaf.SignatureAlgorithm) {
			return &allowed[i] // a weak signature is not verified, and is a reason of its own
		}
	}
	return nil
}

func issuedBy(cert, ca *x509.Certificate) bool {
	return slices.Equal(ca.RawSubject, cert.RawIssuer) && ca.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
}

// notAllowed says why no allowed CA vouches for the certificate.
func notAllowed(leaf *x509.Certificate, above []*x509.Certificate, allowed []AllowedCA) string {
	var names []string
	for i := range allowed {
		names = append(names, fmt.Sprintf("%q", gate.Clip(allowed[i].Certificate.Subject.String(), 120)))
	}
	list := "none is allowed for this account"
	if len(names) > 0 {
		list = "allowed for this account: " + strings.Join(names, ", ")
	}
	switch by := gate.Clip(leaf.Issuer.String(), 120); {
	case issuedBy(leaf, leaf):
		return "it is self-signed, so that nobody vouches for it; " + list
	case slices.ContainsFunc(allowed, func(a AllowedCA) bool { return slices.Equal(a.Certificate.RawSubject, leaf.RawIssuer) }):
		return fmt.Sprintf("it names %q as its issuer, but is not signed with the key of that CA; %s", by, list)
	case slices.ContainsFunc(above, func(c *x509.Certificate) bool { return issuedBy(leaf, c) && issuerAmong(allowed, c) != nil }):
		return fmt.Sprintf("it is issued by %q, an intermediate under a CA that is allowed; only what such a CA issues itself is accepted, because its list "+
			"says nothing of others': ask OneRecord to allow the intermediate; %s", by, list)
	default:
		return fmt.Sprintf("it is issued by %q, which is not allowed; %s", by, list)
	}
}

// chains verifies the leaf with all that path validation asks for, names and constraints too.
func chains(leaf, ca *x509.Certificate, now time.Time) error {
	anchors, err := new(Anchors).With(ca)
	if err == nil {
		_, err = anchors.Verify(leaf, nil, now)
	}
	return err
}

func named(points []string) string {
	if len(points) == 0 {
		return "none"
	}
	return gate.Clip(strings.Join(points, ", "), 200)
}

// spanOf is a span in words: in days, below two in hours.
func spanOf(d time.Duration) string {
	if hours := int(d.Hours()); hours < 48 {
		return fmt.Sprintf("%d hours", hours)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
