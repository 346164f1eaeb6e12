package authority

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// Trust is the list of anchors in force, one for each audience, taken from the store. It is replaced as a whole.
type Trust struct {
	anchors map[gate.Audience]*issuer.Anchors
	ders    [][]byte
}

// Anchors are the issuing CAs of the audience; nil trusts nobody.
func (a *Authority) Anchors(audience gate.Audience) *issuer.Anchors {
	return a.trust.Load().anchors[audience]
}

// syncTrust takes the anchors from the store and rewrites a trust file that differs, as an event: the files are read by Caddy while
// it provisions, but the store rules.
func (a *Authority) syncTrust() error {
	a.trusting.Lock() // or what the job has read before a change would be written after it
	defer a.trusting.Unlock()
	now := a.now()
	trust := &Trust{anchors: make(map[gate.Audience]*issuer.Anchors)}
	for _, audience := range []gate.Audience{gate.Customers, gate.Operators} {
		var certs, foreign []*x509.Certificate
		var ders [][]byte
		for _, ca := range a.dir.CAs() {
			if ca.Audience != audience || !ca.Anchors(now) {
				continue
			}
			cert, err := x509.ParseCertificate(ca.DER)
			if err != nil {
				return fmt.Errorf("read CA %s: %w", ca.Fingerprint, err)
			}
			ders = append(ders, ca.DER)
			if ca.Imported != nil {
				foreign = append(foreign, cert)
			} else {
				certs = append(certs, cert)
			}
		}
		anchors, err := issuer.NewAnchors(certs...)
		if err == nil {
			anchors, err = anchors.With(foreign...)
		}
		if err != nil {
			return fmt.Errorf("no CA for %s is in force: %w", audience, err)
		}
		trust.anchors[audience] = anchors
		trust.ders = append(trust.ders, ders...)
		if err := a.writeTrust(audience, ders); err != nil {
			return err
		}
	}
	if old := a.trust.Load(); old == nil || !slices.EqualFunc(old.ders, trust.ders, bytes.Equal) {
		a.trust.Store(trust)
	}
	return nil
}

func (a *Authority) writeTrust(audience gate.Audience, ders [][]byte) error {
	if a.options.DataDir == "" {
		return nil // in memory
	}
	changed, err := certstore.WriteTrust(a.options.DataDir, audience, ders)
	if err != nil || !changed {
		return err
	}
	a.log.Warn("a trust file differed from the store and was rewritten; reload Caddy so that the handshake uses it", zap.String("audience", string(audience)))
	_, err = a.change(system, func(*certstore.Tx) (gate.Event, error) {
		return gate.Event{Verb: gate.TrustRewritten, Object: string(audience)}, nil
	})
	return err
}

// signer opens the CA of the audience that issues now.
func (a *Authority) signer(audience gate.Audience) (*issuer.CA, *gate.CA, error) {
	best := a.issues(audience)
	if best == nil {
		return nil, nil, gate.Errorf(gate.Conflict, "no CA for %s issues now; see certgate ca status", audience)
	}
	opened, err := a.open(best)
	return opened, best, err
}

// open finds what signs for a CA: the key that lies sealed in the store, or what Options.Signer knows, such as a device.
func (a *Authority) open(ca *gate.CA) (*issuer.CA, error) {
	cert, err := x509.ParseCertificate(ca.DER)
	if err != nil {
		return nil, fmt.Errorf("read CA %s: %w", ca.Fingerprint, err)
	}
	if a.options.Signer != nil {
		signer, err := a.options.Signer(cert)
		if err != nil {
			return nil, fmt.Errorf("find the signer of CA %s: %w", ca.Fingerprint, err)
		}
		if signer != nil {
			return &issuer.CA{Certificate: cert, Signer: signer}, nil
		}
	}
	der, err := a.store.Unseal(caLabel(ca.Fingerprint), ca.SealedKey)
	if err != nil {
		return nil, fmt.Errorf("open the key of CA %s: %w", ca.Fingerprint, err)
	}
	key, err := issuer.ParseKey(der)
	if err != nil {
		return nil, fmt.Errorf("read the key of CA %s: %w", ca.Fingerprint, err)
	}
	return &issuer.CA{Certificate: cert, Signer: key}, nil
}

// caLabel binds a sealed key to its CA.
func caLabel(fp gate.Fingerprint) string { return "ca/" + fp.String() }
