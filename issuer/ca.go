package issuer

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// rootYears is how long a root lives. It is used a handful of times and lies
	// offline in between; replacing it means reaching everybody who pinned it.
	rootYears = 15

	// issuingYears is how long an issuing CA lives. A leaf may not outlive its
	// issuer, so an issuing CA can issue full-length leaves only until LeafLifetime
	// before its own end: of five years nearly four are active, the last 13 months
	// are for draining while its successor issues.
	issuingYears = 5

	// LeafLifetime is how long a leaf is valid: 13 months, so that a yearly renewal
	// has a month to spare. One day below the 398 days that RFC 5280 linters and
	// several client platforms take as the most a leaf may have.
	LeafLifetime = 397 * 24 * time.Hour

	// maxLeafValidity is the span from NotBefore to NotAfter that is never exceeded;
	// LeafLifetime plus backdate stays below it.
	maxLeafValidity = 398 * 24 * time.Hour

	// backdate is how far before now a certificate starts, because clocks differ: a
	// customer whose clock is a little behind could not use a fresh certificate
	// otherwise. Machines that keep time by NTP are within seconds; five minutes is
	// what Kerberos has long allowed the others.
	backdate = 5 * time.Minute

	// maxBackdate is the most any certificate may be back-dated.
	maxBackdate = time.Hour

	// maxNameLength is ub-common-name of RFC 5280, appendix A.1.
	maxNameLength = 64
)

// CA is a certificate and what signs for it. A root signs issuing CAs, an issuing
// CA signs leaves and CRLs. The signer may be a key in memory or a device.
type CA struct {
	Certificate *x509.Certificate
	Signer      crypto.Signer
}

// NewRoot makes a self-signed root: P-256, 15 years, at most one CA below it.
// name becomes its common name.
func NewRoot(name string, rand io.Reader, now time.Time) (*CA, error) {
	template, err := newCATemplate(name, rand, now)
	if err != nil {
		return nil, fmt.Errorf("new root %q: %w", name, err)
	}
	key, err := NewKey(rand)
	if err != nil {
		return nil, fmt.Errorf("new root %q: %w", name, err)
	}
	template.NotAfter = now.AddDate(rootYears, 0, 0).UTC().Truncate(time.Second)
	template.MaxPathLen = 1
	root, err := signCA(template, key, &CA{Certificate: template, Signer: key}, rand)
	if err != nil {
		return nil, fmt.Errorf("new root %q: %w", name, err)
	}
	return root, nil
}

// NewIssuing makes an issuing CA under a root: P-256, five years or until the
// root ends, no CA below it, clientAuth only. A root that may not sign it, or
// that ends within LeafLifetime, is an error.
func NewIssuing(root *CA, name string, rand io.Reader, now time.Time) (*CA, error) {
	template, err := issuingProfile(root, name, rand, now)
	if err != nil {
		return nil, fmt.Errorf("new issuing CA %q: %w", name, err)
	}
	key, err := NewKey(rand)
	if err != nil {
		return nil, fmt.Errorf("new issuing CA %q: %w", name, err)
	}
	issuing, err := signCA(template, key, root, rand)
	if err != nil {
		return nil, fmt.Errorf("new issuing CA %q: %w", name, err)
	}
	return issuing, nil
}

// issuingProfile is the profile of an issuing CA under a root.
func issuingProfile(root *CA, name string, rand io.Reader, now time.Time) (*x509.Certificate, error) {
	if root == nil || root.Certificate == nil || root.Signer == nil {
		return nil, errors.New("there is no root to sign it")
	}
	if !samePublicKey(root.Certificate.PublicKey, root.Signer.Public()) {
		return nil, fmt.Errorf("the key of root %q does not match its certificate", root.Certificate.Subject.CommonName)
	}
	if err := checkRoot(root.Certificate, now); err != nil {
		return nil, err
	}
	if name == root.Certificate.Subject.CommonName {
		// Equal names make a certificate look self-issued, and Go then leaves out
		// the authority key identifier.
		return nil, errors.New("the root has the same name; choose another")
	}
	template, err := newCATemplate(name, rand, now)
	if err != nil {
		return nil, err
	}
	template.NotBefore = later(template.NotBefore, root.Certificate.NotBefore)
	template.NotAfter = earlier(now.AddDate(issuingYears, 0, 0).UTC().Truncate(time.Second), root.Certificate.NotAfter)
	template.MaxPathLenZero = true
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return template, nil
}

// newCATemplate draws the serial and fills what roots and issuing CAs share.
func newCATemplate(name string, rand io.Reader, now time.Time) (*x509.Certificate, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	serial, err := NewSerial(rand)
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-backdate).UTC().Truncate(time.Second),
		BasicConstraintsValid: true,
		IsCA:                  true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, nil
}

// signCA signs the template for the public half of key with parent, and reads
// the result back.
func signCA(template *x509.Certificate, key crypto.Signer, parent *CA, rand io.Reader) (*CA, error) {
	der, err := x509.CreateCertificate(rand, template, parent.Certificate, key.Public(), parent.Signer)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read back what was signed: %w", err)
	}
	return &CA{Certificate: cert, Signer: key}, nil
}

// ready says whether the CA can issue leaves and sign CRLs at all.
func (ca *CA) ready() error {
	if ca == nil || ca.Certificate == nil || ca.Signer == nil {
		return errors.New("the CA has no certificate or no key")
	}
	cert := ca.Certificate
	if !samePublicKey(cert.PublicKey, ca.Signer.Public()) {
		return fmt.Errorf("the key of CA %q does not match its certificate", cert.Subject.CommonName)
	}
	if selfSigned(cert) {
		return fmt.Errorf("%q is a root; only an issuing CA signs leaves and their CRL", cert.Subject.CommonName)
	}
	if !cert.IsCA || !cert.BasicConstraintsValid || len(cert.SubjectKeyId) == 0 {
		return fmt.Errorf("%q is no CA certificate with a subject key identifier", cert.Subject.CommonName)
	}
	return nil
}

// selfSigned reports whether the certificate is signed with its own key.
func selfSigned(cert *x509.Certificate) bool {
	if !bytes.Equal(cert.RawSubject, cert.RawIssuer) {
		return false
	}
	return cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
}

// checkName judges a common name: 1 to 64 printable characters without space at
// the ends.
func checkName(name string) error {
	if !utf8.ValidString(name) {
		return errors.New("the common name is not valid UTF-8")
	}
	n := utf8.RuneCountInString(name)
	if n == 0 || n > maxNameLength {
		return fmt.Errorf("the common name %q has %d characters; 1 to %d are allowed", name, n, maxNameLength)
	}
	for i, r := range name {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("the common name %q holds a character that is not printable", name)
		}
		if r == ' ' && (i == 0 || i == len(name)-1) {
			return fmt.Errorf("the common name %q begins or ends with a space", name)
		}
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
