package issuer

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"sync/atomic"
	"time"
)

// The ways a draft can be refused by [CA.Issue].
var (
	// ErrDraftSpent says that the draft was issued before, or that issuing it was
	// tried. Prepare another, with another serial.
	ErrDraftSpent = errors.New("this draft has been used; each is signed once")
	// ErrForeignDraft says that another CA prepared the draft.
	ErrForeignDraft = errors.New("this draft was prepared for another CA")
)

// Draft is a leaf that has passed every check and only lacks the CA's signature.
// Only [CA.Prepare] makes one.
type Draft struct {
	template *x509.Certificate
	key      crypto.PublicKey
	issuer   []byte // DER of the CA's certificate
	tbs      []byte // the exact bytes that were checked and will be signed
	now      time.Time
	spent    atomic.Bool
}

// Prepare builds a leaf and checks it, both the request and the finished bytes,
// without touching the CA's key. The error names everything that is wrong. The
// bytes come to be by signing with a key that is no secret (see rehearsalSigner),
// so that what is checked is what the encoder writes and not what we meant.
func (ca *CA) Prepare(p Profile, r LeafRequest, now time.Time) (*Draft, error) {
	if err := ca.ready(); err != nil {
		return nil, fmt.Errorf("prepare a %v certificate: %w", p, err)
	}
	if err := r.check(p); err != nil {
		return nil, fmt.Errorf("prepare a %v certificate: %w", p, err)
	}
	template, err := leafTemplate(r, ca.Certificate, now)
	if err != nil {
		return nil, fmt.Errorf("prepare a %v certificate: %w", p, err)
	}
	leaf, err := rehearse(template, r.Key.Public, ca.Certificate)
	if err != nil {
		return nil, fmt.Errorf("prepare a %v certificate: %w", p, err)
	}
	if err := lintLeaf(leaf, lintInput{profile: p, request: r, issuer: ca.Certificate, now: now}); err != nil {
		return nil, fmt.Errorf("prepare a %v certificate: %w", p, err)
	}
	return &Draft{
		template: template,
		key:      r.Key.Public,
		issuer:   bytes.Clone(ca.Certificate.Raw),
		tbs:      leaf.RawTBSCertificate,
		now:      now,
	}, nil
}

// leafTemplate copies the request, so that changing it later changes nothing.
func leafTemplate(r LeafRequest, issuer *x509.Certificate, now time.Time) (*x509.Certificate, error) {
	subjectKeyID, err := keyID(r.Key.Public)
	if err != nil {
		return nil, err
	}
	uri := *r.URI
	template := &x509.Certificate{
		SerialNumber: new(big.Int).Set(r.Serial),
		Subject:      pkix.Name{CommonName: r.CommonName},
		// A CA younger than the back-dating is the only reason to start later.
		NotBefore:             later(now.Add(-backdate).UTC().Truncate(time.Second), issuer.NotBefore),
		NotAfter:              r.NotAfter.UTC().Truncate(time.Second),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		SubjectKeyId:          subjectKeyID,
		URIs:                  []*url.URL{&uri},
	}
	if r.CRLURL != "" {
		template.CRLDistributionPoints = []string{r.CRLURL}
		template.IssuingCertificateURL = []string{r.IssuerURL}
	}
	return template, nil
}

// Issue signs the draft and returns the DER of the certificate. It then reads the
// result back: the signed bytes must be the ones that were checked, and the chain
// to the CA must verify. A draft is spent by the first call, whatever comes of
// it; see [ErrDraftSpent] and [ErrForeignDraft].
func (ca *CA) Issue(d *Draft, rand io.Reader) ([]byte, error) {
	if err := ca.ready(); err != nil {
		return nil, fmt.Errorf("issue: %w", err)
	}
	if d == nil || !bytes.Equal(d.issuer, ca.Certificate.Raw) {
		return nil, ErrForeignDraft
	}
	if !d.spent.CompareAndSwap(false, true) {
		return nil, ErrDraftSpent
	}
	der, err := x509.CreateCertificate(rand, d.template, ca.Certificate, d.key, ca.Signer)
	if err != nil {
		return nil, fmt.Errorf("issue: sign: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("issue: read back what was signed: %w", err)
	}
	if !bytes.Equal(leaf.RawTBSCertificate, d.tbs) {
		return nil, errors.New("issue: what was signed is not what was checked; the certificate is discarded")
	}
	anchors, err := NewAnchors(ca.Certificate)
	if err != nil {
		return nil, fmt.Errorf("issue: %w", err)
	}
	if _, err := anchors.Verify(leaf, nil, d.now); err != nil {
		return nil, fmt.Errorf("issue: the signed certificate does not verify under its CA: %w", err)
	}
	return der, nil
}
