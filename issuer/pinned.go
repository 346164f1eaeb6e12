package issuer

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// CheckPinned reports everything that keeps a client's certificate from before,
// issued by a CA that is not ours, from being pinned: its fingerprint is
// registered, and its CA becomes an anchor for it. What is refused here would be
// refused on every request, or would let in somebody else:
//
//   - the leaf is not issued by the CA, has expired or is not valid yet, has a key
//     or signature that is weak, is a CA, has the CA's key, or is not for clients
//     (clientAuth in so many words);
//   - the CA is none, has expired or is not valid yet, or has a weak key.
//
// A CA that is self-signed or lists no key usage is accepted, as many private ones
// are: it vouches for pinned leaves alone.
func CheckPinned(leaf, ca *x509.Certificate, now time.Time) error {
	var problems []error
	note := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if err := checkForeignCA(ca); err != nil {
		note("its CA %w", err)
	}
	if err := checkWeakRSA(ca.PublicKey); err != nil {
		note("its CA %q has a key that is not allowed: %w", ca.Subject.CommonName, err)
	}
	if err := checkInDate(ca, now); err != nil {
		note("its CA %w", err)
	}
	if err := checkInDate(leaf, now); err != nil {
		note("it %w", err)
	}
	if err := CheckPublicKey(leaf.PublicKey); err != nil {
		note("it has a key that is not allowed: %w", err)
	}
	if samePublicKey(leaf.PublicKey, ca.PublicKey) {
		note("it has the key of its CA; a client needs a key of its own")
	}
	if !strongSignature(leaf.SignatureAlgorithm) {
		note("it is signed with %v; must be SHA-256, SHA-384 or SHA-512 with RSA or ECDSA", leaf.SignatureAlgorithm)
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	anchors, err := new(Anchors).With(ca)
	if err == nil {
		_, err = anchors.Verify(leaf, nil, now)
	}
	return err
}

// checkForeignCA says whether a CA that is not ours can be an anchor for pinned leaves.
func checkForeignCA(ca *x509.Certificate) error {
	if !ca.BasicConstraintsValid || !ca.IsCA || ca.KeyUsage != 0 && ca.KeyUsage&x509.KeyUsageCertSign == 0 {
		return fmt.Errorf("%q is no CA that may sign certificates", ca.Subject.CommonName)
	}
	err := checkKey(ca.PublicKey, minLeafRSABits, maxCARSABits, "allowed are P-256, P-384 and RSA of 2048 to 8192 bits with exponent 65537")
	if err != nil {
		return fmt.Errorf("%q has a key that is not allowed: %w", ca.Subject.CommonName, err)
	}
	return nil
}

// CheckCustomersCA says whether a customer's own CA can be an anchor for what its customers bring: a CA that may sign, with a key that is
// strong enough, in date, and with no critical extension that is not understood.
func CheckCustomersCA(ca *x509.Certificate, now time.Time) error {
	var problems []error
	if err := checkForeignCA(ca); err != nil {
		problems = append(problems, err)
	}
	if err := checkInDate(ca, now); err != nil {
		problems = append(problems, fmt.Errorf("%q %w", ca.Subject.CommonName, err))
	}
	if err := checkWeakRSA(ca.PublicKey); err != nil {
		problems = append(problems, fmt.Errorf("%q has a key that is not allowed: %w", ca.Subject.CommonName, err))
	}
	if len(ca.UnhandledCriticalExtensions) > 0 {
		problems = append(problems, fmt.Errorf("%q has critical extensions that are not understood here: %v", ca.Subject.CommonName, ca.UnhandledCriticalExtensions))
	}
	if !allowsClientAuth(ca) {
		problems = append(problems, fmt.Errorf("%q lists extended key usages without clientAuth", ca.Subject.CommonName))
	}
	return errors.Join(problems...)
}

func checkInDate(cert *x509.Certificate, now time.Time) error {
	if now.Before(cert.NotBefore) {
		return fmt.Errorf("is not valid before %s", cert.NotBefore.UTC().Format(time.RFC3339))
	}
	if now.After(cert.NotAfter) {
		return fmt.Errorf("expired at %s", cert.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// With returns the anchors with CAs that are not ours, which may be roots: what
// stands under them counts only if its fingerprint was pinned, and that is for the
// caller to ask.
func (a *Anchors) With(foreign ...*x509.Certificate) (*Anchors, error) {
	pool := a.Pool()
	for _, cert := range foreign {
		if cert == nil {
			return nil, fmt.Errorf("%w: a certificate in the list is missing", ErrNoAnchors)
		}
		if err := checkForeignCA(cert); err != nil {
			return nil, fmt.Errorf("cannot be a trust anchor: %w", err)
		}
		pool.AddCert(cert)
	}
	return &Anchors{pool: pool}, nil
}

// ReadAnchors makes the list from a trust file, which does not tell our CAs from
// those of customers. It serves to turn strangers away early, and no more: who
// holds the records must ask them what each anchor is good for.
func ReadAnchors(trusted ...*x509.Certificate) (*Anchors, error) {
	if len(trusted) == 0 {
		return nil, ErrNoAnchors
	}
	return new(Anchors).With(trusted...)
}
