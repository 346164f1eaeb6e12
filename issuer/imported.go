package issuer

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Import takes over a hierarchy that exists: the root's certificate (its key
// stays where it is), and certificate and private key of an issuing CA under it,
// each as PEM. It names everything that is wrong at once:
//
//   - the key does not match, or either key is weak (RSA below 3072 bits, a curve
//     other than P-256 and P-384);
//   - the issuing CA is not signed by the root, is self-signed, is no CA, has a
//     path length other than 0, lacks keyCertSign, cRLSign or a subject key
//     identifier, or is for other purposes than clientAuth;
//   - either has expired, is not valid yet, or ends within [LeafLifetime].
//
// An issuing CA without extended key usage is accepted: it is not narrowed to
// anything, many private CAs are made so, and the leaves say clientAuth
// themselves. One that lists usages without clientAuth is refused, because no
// chain through it would verify.
func Import(root, issuing, key []byte, now time.Time) (*x509.Certificate, *CA, error) {
	rootCert, err := oneCertificate(root)
	if err != nil {
		return nil, nil, fmt.Errorf("import: root certificate: %w", err)
	}
	issuingCert, err := oneCertificate(issuing)
	if err != nil {
		return nil, nil, fmt.Errorf("import: issuing certificate: %w", err)
	}
	signer, err := parseKeyPEM(key)
	if err != nil {
		return nil, nil, fmt.Errorf("import: issuing key: %w", err)
	}
	err = errors.Join(
		checkRoot(rootCert, now),
		checkIssuing(issuingCert, signer, now),
		checkIssuedBy(issuingCert, rootCert),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("import: %w", err)
	}
	return rootCert, &CA{Certificate: issuingCert, Signer: signer}, nil
}

func oneCertificate(in []byte) (*x509.Certificate, error) {
	certs, err := ParseCertificatesPEM(in)
	if err != nil {
		return nil, err
	}
	if len(certs) != 1 {
		return nil, fmt.Errorf("the file holds %d certificates; exactly one is expected", len(certs))
	}
	return certs[0], nil
}

// checkRoot says whether the certificate is a root that can vouch for an issuing
// CA now.
func checkRoot(cert *x509.Certificate, now time.Time) error {
	var problems []error
	fail := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("root %q "+format, append([]any{cert.Subject.CommonName}, args...)...))
	}
	if !selfSigned(cert) {
		fail("is not self-signed; give the certificate at the top of the chain")
	}
	if !cert.BasicConstraintsValid || !cert.IsCA {
		fail("is not a CA (basicConstraints)")
	}
	if cert.KeyUsage&x509.KeyUsageCertSign == 0 {
		fail("lacks key usage keyCertSign")
	}
	if cert.MaxPathLen == 0 && cert.MaxPathLenZero {
		fail("allows no CA below it (path length 0)")
	}
	if err := checkCAKey(cert.PublicKey); err != nil {
		fail("has a weak key: %w", err)
	}
	if err := checkWeakRSA(cert.PublicKey); err != nil {
		fail("has a weak key: %w", err)
	}
	if err := checkCADates(cert, now); err != nil {
		fail("%w", err)
	}
	return errors.Join(problems...)
}

// checkIssuing says whether certificate and key can work as issuing CA from now.
func checkIssuing(cert *x509.Certificate, signer crypto.Signer, now time.Time) error {
	var problems []error
	fail := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("issuing CA %q "+format, append([]any{cert.Subject.CommonName}, args...)...))
	}
	if !samePublicKey(cert.PublicKey, signer.Public()) {
		fail("does not match the private key")
	}
	if selfSigned(cert) {
		fail("is self-signed; a root must not issue, make an issuing CA under it")
	}
	if !cert.BasicConstraintsValid || !cert.IsCA {
		fail("is not a CA (basicConstraints)")
	} else if cert.MaxPathLen != 0 || !cert.MaxPathLenZero {
		fail("must have path length 0, so that no leaf can act as a CA")
	}
	if cert.KeyUsage&x509.KeyUsageCertSign == 0 {
		fail("lacks key usage keyCertSign")
	}
	if cert.KeyUsage&x509.KeyUsageCRLSign == 0 {
		fail("lacks key usage cRLSign, so it could not publish revocations")
	}
	if len(cert.SubjectKeyId) == 0 {
		fail("lacks a subject key identifier")
	}
	if !allowsClientAuth(cert) {
		fail("lists extended key usages without clientAuth; it needs clientAuth or none at all")
	}
	if len(cert.UnhandledCriticalExtensions) > 0 {
		fail("has critical extensions that are not understood here: %v", cert.UnhandledCriticalExtensions)
	}
	if err := checkCAKey(cert.PublicKey); err != nil {
		fail("has a weak key: %w", err)
	}
	if err := checkCADates(cert, now); err != nil {
		fail("%w", err)
	}
	return errors.Join(problems...)
}

// allowsClientAuth reports whether a CA's usages leave room for clientAuth.
func allowsClientAuth(ca *x509.Certificate) bool {
	return len(ca.ExtKeyUsage)+len(ca.UnknownExtKeyUsage) == 0 ||
		slices.Contains(ca.ExtKeyUsage, x509.ExtKeyUsageClientAuth) ||
		slices.Contains(ca.ExtKeyUsage, x509.ExtKeyUsageAny)
}

func checkCADates(cert *x509.Certificate, now time.Time) error {
	if now.Before(cert.NotBefore) {
		return fmt.Errorf("is not valid before %s", cert.NotBefore.UTC().Format(time.RFC3339))
	}
	if now.After(cert.NotAfter) {
		return fmt.Errorf("expired at %s", cert.NotAfter.UTC().Format(time.RFC3339))
	}
	if left := cert.NotAfter.Sub(now); left < LeafLifetime {
		return fmt.Errorf("ends at %s, in %d days; at least %d are needed, the life of one leaf",
			cert.NotAfter.UTC().Format(time.RFC3339), int(left.Hours()/24), int(LeafLifetime.Hours()/24))
	}
	return nil
}

// checkIssuedBy verifies the issuing CA under the root, with all that path
// validation asks for (names, path length, usages). Dates were judged before;
// here they must only overlap.
func checkIssuedBy(issuing, root *x509.Certificate) error {
	if err := issuing.CheckSignatureFrom(root); err != nil {
		return fmt.Errorf("issuing CA %q is not signed by root %q: %w",
			issuing.Subject.CommonName, root.Subject.CommonName, err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	_, err := issuing.Verify(x509.VerifyOptions{
		Roots:       roots,
		CurrentTime: later(issuing.NotBefore, root.NotBefore),
		KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return fmt.Errorf("issuing CA %q does not verify under root %q: %w",
			issuing.Subject.CommonName, root.Subject.CommonName, err)
	}
	return nil
}
