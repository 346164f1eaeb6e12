package issuer

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// NewStandbyRequest makes the key of an issuing CA and the signing request for it
// (PKCS #10, DER), for a root that lies elsewhere. name becomes its common name.
func NewStandbyRequest(name string, rand io.Reader) (csr []byte, key crypto.Signer, err error) {
	if err := checkName(name); err != nil {
		return nil, nil, fmt.Errorf("new request for an issuing CA: %w", err)
	}
	if key, err = NewKey(rand); err != nil {
		return nil, nil, fmt.Errorf("new request for issuing CA %q: %w", name, err)
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}
	if csr, err = x509.CreateCertificateRequest(rand, template, key); err != nil {
		return nil, nil, fmt.Errorf("new request for issuing CA %q: %w", name, err)
	}
	return csr, key, nil
}

// StandbyRequest is what a signing request for an issuing CA says.
type StandbyRequest struct {
	Name string // the common name
	Key  ApplicantKey
}

// ParseStandbyRequest reads a signing request for an issuing CA, in PEM or DER, as
// ParseCSR does. A request that asks for more than a name and a P-256 key is none of
// ours, and refused: everything else in the certificate is our profile's.
func ParseStandbyRequest(pemOrDER []byte) (StandbyRequest, error) {
	key, err := ParseCSR(pemOrDER)
	if err != nil {
		return StandbyRequest{}, err
	}
	der, err := csrDER(pemOrDER)
	if err != nil {
		return StandbyRequest{}, err
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return StandbyRequest{}, errNoCSR
	}
	switch {
	case key.Algorithm != "P-256":
		return StandbyRequest{}, fmt.Errorf("the signing request has a key of %s; an issuing CA has P-256", key.Algorithm)
	case len(csr.Extensions) > 0 || len(csr.Subject.Names) != 1:
		return StandbyRequest{}, errors.New("the signing request asks for more than a common name, as those that certgate makes do not")
	}
	return StandbyRequest{Name: csr.Subject.CommonName, Key: key}, checkName(csr.Subject.CommonName)
}

// SignStandby signs an issuing CA for a key that lies elsewhere, by the profile of
// [NewIssuing].
func SignStandby(root *CA, request StandbyRequest, rand io.Reader, now time.Time) (*x509.Certificate, error) {
	template, err := issuingProfile(root, request.Name, rand, now)
	if err == nil {
		var der []byte
		if der, err = x509.CreateCertificate(rand, template, root.Certificate, request.Key.Public, root.Signer); err == nil {
			return x509.ParseCertificate(der)
		}
	}
	return nil, fmt.Errorf("sign issuing CA %q: %w", request.Name, err)
}

// CheckStandby reports everything that keeps a certificate from being an issuing CA
// of ours: all that [Import] names, another signature than SHA-2, other usages
// than clientAuth, or another key than the one that was made for it.
func CheckStandby(cert, root *x509.Certificate, key crypto.Signer, now time.Time) error {
	problems := []error{checkIssuing(cert, key, now), checkIssuedBy(cert, root)}
	note := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if !strongSignature(cert.SignatureAlgorithm) {
		note("issuing CA %q is signed with %v; must be SHA-256, SHA-384 or SHA-512 with RSA or ECDSA", cert.Subject.CommonName, cert.SignatureAlgorithm)
	}
	if len(cert.UnknownExtKeyUsage) > 0 || slices.ContainsFunc(cert.ExtKeyUsage, func(u x509.ExtKeyUsage) bool { return u != x509.ExtKeyUsageClientAuth }) {
		note("issuing CA %q is for more than clientAuth", cert.Subject.CommonName)
	}
	if cert.NotAfter.After(root.NotAfter) {
		note("issuing CA %q ends after its root, at %s", cert.Subject.CommonName, root.NotAfter.UTC().Format(time.RFC3339))
	}
	return errors.Join(problems...)
}

// ReadRoot reads a root with its key, each as PEM.
func ReadRoot(certificate, key []byte) (*CA, error) {
	cert, err := oneCertificate(certificate)
	if err != nil {
		return nil, fmt.Errorf("root certificate: %w", err)
	}
	signer, err := parseKeyPEM(key)
	if err != nil {
		return nil, fmt.Errorf("root key: %w", err)
	}
	return &CA{Certificate: cert, Signer: signer}, nil
}
