package issuer

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The kinds of failure of [Anchors.Verify]. Use errors.Is; the text around them
// is for logs.
var (
	// ErrUntrusted says that no chain leads from the certificate to an anchor.
	ErrUntrusted = errors.New("the certificate is not issued by a trusted CA")
	// ErrUnsuitable says that the certificate is not one for a client: no clientAuth,
	// a CA, a key that may not sign, or a critical extension we do not know.
	ErrUnsuitable = errors.New("the certificate is not suitable for a client")
	// ErrNoAnchors says that there is nothing to verify against. It is our fault and
	// not the client's.
	ErrNoAnchors = errors.New("there is no trusted CA")
)

// maxIntermediates bounds how many certificates a client may send beside its own.
// Real chains have one or two; each one costs signatures to check.
const maxIntermediates = 8

// Anchors is a list of issuing CAs at which trust begins. It does not change
// after it was made and is safe for concurrent use. A nil or zero Anchors trusts nobody.
type Anchors struct {
	pool *x509.CertPool
}

// NewAnchors makes the list. None, one that is no CA, and a self-signed one are
// errors: a root would let in every CA below it, known to us or not. Expired ones
// are accepted, because what they issued must still be named as expired and not
// as foreign.
func NewAnchors(issuing ...*x509.Certificate) (*Anchors, error) {
	if len(issuing) == 0 {
		return nil, ErrNoAnchors
	}
	pool := x509.NewCertPool()
	for _, cert := range issuing {
		if cert == nil {
			return nil, fmt.Errorf("%w: a certificate in the list is missing", ErrNoAnchors)
		}
		if !cert.BasicConstraintsValid || !cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign == 0 {
			return nil, fmt.Errorf("%q cannot be a trust anchor: it is no CA that may sign certificates", cert.Subject.CommonName)
		}
		if selfSigned(cert) {
			return nil, fmt.Errorf("%q cannot be a trust anchor: it is a root; list the issuing CA under it", cert.Subject.CommonName)
		}
		pool.AddCert(cert)
	}
	return &Anchors{pool: pool}, nil
}

// Pool returns the anchors as a pool, a copy, for the TLS stack: it shows clients
// whose certificates are wanted.
func (a *Anchors) Pool() *x509.CertPool {
	if a == nil || a.pool == nil {
		return x509.NewCertPool()
	}
	return a.pool.Clone()
}

// Chain is what is known of a certificate whose chain was found. It says nothing
// about now: whoever keeps it for the life of a connection compares the dates at
// each request.
type Chain struct {
	// Anchor is the issuing CA at the end of the chain.
	Anchor *x509.Certificate
	// NotBefore and NotAfter bound the time, both included, in which the whole
	// chain is valid: leaf, intermediates and anchor. The zero Chain is never valid.
	NotBefore, NotAfter time.Time
}

// Verify finds a chain from the leaf to an anchor and checks that the leaf is one
// for a client: clientAuth in so many words, no CA. Failures are [ErrUntrusted],
// [ErrUnsuitable] or [ErrNoAnchors]; a foreign certificate is untrusted whatever
// else is wrong with it. With ErrUnsuitable the chain is returned too.
//
// Dates are not judged. An expired certificate of ours must be told from a
// foreign one, and one that is in date now may expire while its connection stays
// open. So the chain is built for the moment nearest to now at which the leaf and
// those above it were valid together, and the bounds are returned in the Chain.
// Certificates that were never valid at the same time are no chain.
func (a *Anchors) Verify(leaf *x509.Certificate, intermediates []*x509.Certificate, now time.Time) (Chain, error) {
	if a == nil || a.pool == nil {
		return Chain{}, ErrNoAnchors
	}
	if leaf == nil {
		return Chain{}, fmt.Errorf("%w: there is none", ErrUntrusted)
	}
	if len(intermediates) > maxIntermediates {
		return Chain{}, fmt.Errorf("%w: it came with %d others, more than %d", ErrUntrusted, len(intermediates), maxIntermediates)
	}
	chains, err := a.build(leaf, intermediates, now)
	if err != nil {
		return Chain{}, err
	}
	return bestChain(chains, now), suitable(leaf)
}

// build asks crypto/x509 for the chains at a time when all of their certificates
// are valid. crypto/x509 names one certificate at a time that is out of date, so
// the window shrinks until it is inside all of them or empty.
func (a *Anchors) build(leaf *x509.Certificate, intermediates []*x509.Certificate, now time.Time) ([][]*x509.Certificate, error) {
	options := x509.VerifyOptions{
		Roots:         a.pool,
		Intermediates: x509.NewCertPool(),
		// suitable judges the leaf's usages, so that an unsuitable one is told from a foreign one. The CAs' were judged when they
		// became anchors, and below an anchor (path length 0) there can be no other CA.
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, cert := range intermediates {
		options.Intermediates.AddCert(cert)
	}
	// crypto/x509 looks at critical extensions before it looks for a chain, and a
	// foreign certificate would come out as an unsuitable one. suitable does it after.
	probe := *leaf
	probe.UnhandledCriticalExtensions = nil
	within := windowOf(leaf)
	for range maxIntermediates + 2 {
		options.CurrentTime = within.nearest(now)
		chains, err := probe.Verify(options)
		if err == nil {
			return chains, nil
		}
		var invalid x509.CertificateInvalidError
		if !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
			return nil, fmt.Errorf("%w: %w", ErrUntrusted, err)
		}
		narrower := within.and(windowOf(invalid.Cert))
		if narrower == within || narrower.empty() {
			break
		}
		within = narrower
	}
	return nil, fmt.Errorf("%w: it and the CAs above it were never valid at the same time", ErrUntrusted)
}

// suitable holds the rules crypto/x509 leaves open: a certificate without
// extended key usage passes there, and so does a CA.
func suitable(leaf *x509.Certificate) error {
	if unknown := leaf.UnhandledCriticalExtensions; len(unknown) > 0 {
		return fmt.Errorf("%w: it has critical extensions that are not understood here: %v", ErrUnsuitable, unknown)
	}
	if leaf.IsCA {
		return fmt.Errorf("%w: it is a CA", ErrUnsuitable)
	}
	if !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		return fmt.Errorf("%w: its extended key usage does not name clientAuth", ErrUnsuitable)
	}
	if leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return fmt.Errorf("%w: its key usage lacks digitalSignature", ErrUnsuitable)
	}
	return nil
}

// bestChain prefers a chain that is valid now, then the one that ends last.
func bestChain(chains [][]*x509.Certificate, now time.Time) Chain {
	var best Chain
	for _, certs := range chains {
		within := windowOf(certs[0])
		for _, cert := range certs[1:] {
			within = within.and(windowOf(cert))
		}
		c := Chain{Anchor: certs[len(certs)-1], NotBefore: within.from, NotAfter: within.to}
		better := c.NotAfter.After(best.NotAfter)
		if current := within.contains(now); current != (window{best.NotBefore, best.NotAfter}).contains(now) {
			better = current
		}
		if best.Anchor == nil || better {
			best = c
		}
	}
	return best
}

// window is a span of time, both ends included.
type window struct{ from, to time.Time }

func windowOf(c *x509.Certificate) window { return window{c.NotBefore, c.NotAfter} }

func (w window) and(v window) window { return window{later(w.from, v.from), earlier(w.to, v.to)} }

func (w window) empty() bool { return w.to.Before(w.from) }

func (w window) contains(t time.Time) bool { return !t.Before(w.from) && !t.After(w.to) }

// nearest returns the moment in the window that is nearest to t.
func (w window) nearest(t time.Time) time.Time { return earlier(later(t, w.from), w.to) }
