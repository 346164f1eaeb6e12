package authority

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// Pooled reports whether the trust pools of the configuration in force have the CA. One that they lack is not shown to clients in the
// handshake, and in mode require_and_verify what it issued is refused, until Caddy is reloaded.
func (a *Authority) Pooled(ca *gate.CA) bool {
	config := a.current()
	return config == nil || config.settings.Pooled == nil || config.settings.Pooled(ca.Audience, ca.Fingerprint)
}

// RequestCA makes the key and the signing request of the next standby. It takes the place of a request that waits for its certificate, whose
// key is gone then. The answer is the CA that issues, which holds it.
func (a *Authority) RequestCA(by By, audience gate.Audience) (*gate.CA, error) {
	if err := by.May(gate.ManageCAs); err != nil {
		return nil, err
	}
	if err := checkAudience(audience); err != nil {
		return nil, err
	}
	draft, err := a.draftRequest(audience)
	if err != nil {
		return nil, err
	}
	var out *gate.CA
	_, err = a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		holder := a.issues(audience)
		if holder == nil {
			return gate.Event{}, gate.Errorf(gate.Conflict, "no CA for %s issues now; see certgate ca status", audience)
		}
		if out, err = certstore.Get[gate.CA](tx, holder.RecordID()); err != nil {
			return gate.Event{}, err
		}
		if out.Request, err = draft.seal(tx, a.act(by, "")); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, out)
		return gate.Event{Verb: gate.CARequested, Object: out.RecordID(), Detail: draft.name}, nil
	})
	return out, err
}

// requestDraft is a request that was drawn before the commit.
type requestDraft struct {
	name string
	csr  []byte
	key  []byte // PKCS #8
	spki gate.Fingerprint
}

func (a *Authority) draftRequest(audience gate.Audience) (*requestDraft, error) {
	d := &requestDraft{name: a.nextName(audience)}
	csr, key, err := issuer.NewStandbyRequest(d.name, a.random)
	if err != nil {
		return nil, err
	}
	d.csr = csr
	if d.key, err = issuer.MarshalKey(key); err != nil {
		return nil, err
	}
	d.spki, err = spkiOf(key.Public())
	return d, err
}

// nextName is a common name that no CA of the audience has had: a list of revoked certificates is found by its issuer's name.
func (a *Authority) nextName(audience gate.Audience) string {
	taken, count := make(map[string]bool), 0
	for _, ca := range a.dir.CAs() {
		taken[nameOf(ca)] = true
		if ca.Audience == audience && ca.Imported == nil {
			count++
		}
	}
	for i := count + 1; ; i++ {
		if name := fmt.Sprintf("certgate %s %d", audience, i); !taken[name] {
			return name
		}
	}
}

func spkiOf(key crypto.PublicKey) (gate.Fingerprint, error) {
	applicant, err := issuer.NewApplicantKey(key)
	return applicant.SPKI, err
}

func (d *requestDraft) seal(tx *certstore.Tx, act gate.Act) (*gate.CARequest, error) {
	sealed, err := tx.Seal(requestLabel(d.spki), d.key)
	if err != nil {
		return nil, err
	}
	return &gate.CARequest{CSR: d.csr, PublicKey: d.spki, SealedKey: sealed, At: act.At, By: act.By}, nil
}

// requestLabel binds a sealed key to its request.
func requestLabel(publicKey gate.Fingerprint) string { return "ca-request/" + publicKey.String() }

// ImportCA takes in the certificate that the root signed for a request made here. From then on it is the standby: trusted, and not issuing.
// One admin is enough, because whoever holds the root stands behind it, and its key has never left.
func (a *Authority) ImportCA(by By, certificate []byte) (*gate.CA, error) {
	if err := by.May(gate.ManageCAs); err != nil {
		return nil, err
	}
	cert, err := oneCA(certificate)
	if err != nil {
		return nil, err
	}
	spki, err := spkiOf(cert.PublicKey)
	if err != nil {
		return nil, gate.FieldErrorf("certificate", "has a key that is not allowed: %s", err)
	}
	if err := a.unblocked("certificate", spki); err != nil {
		return nil, err
	}
	out := &gate.CA{Fingerprint: gate.FingerprintOf(cert.Raw), DER: cert.Raw, NotBefore: cert.NotBefore.UTC(), NotAfter: cert.NotAfter.UTC()}
	_, err = a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		holder, err := a.requestFor(tx, spki)
		if err != nil {
			return gate.Event{}, err
		}
		key, err := a.fits(cert, holder)
		if err != nil {
			return gate.Event{}, err
		}
		if out.SealedKey, err = tx.Seal(caLabel(out.Fingerprint), key); err != nil {
			return gate.Event{}, err
		}
		out.Audience, out.RootDER = holder.Audience, holder.RootDER
		holder.Request = nil
		certstore.Put(tx, holder)
		certstore.Put(tx, out)
		return gate.Event{Verb: gate.CAAdded, Object: out.RecordID(), Detail: cert.Subject.CommonName + ", standby for " + string(out.Audience)}, nil
	})
	if err != nil {
		return nil, err
	}
	a.trustNow()
	return out, nil
}

func oneCA(text []byte) (*x509.Certificate, error) {
	certs, err := issuer.ParseCertificatesPEM(text)
	if err != nil {
		return nil, gate.FieldErrorf("certificate", "%s", err)
	}
	if len(certs) != 1 {
		return nil, gate.FieldErrorf("certificate", "holds %d certificates; give that of the new issuing CA alone", len(certs))
	}
	return certs[0], nil
}

// requestFor finds the CA that holds the request for a key.
func (a *Authority) requestFor(tx *certstore.Tx, spki gate.Fingerprint) (*gate.CA, error) {
	for _, ca := range a.dir.CAs() {
		if ca.Request != nil && ca.Request.PublicKey == spki {
			return certstore.Get[gate.CA](tx, ca.RecordID())
		}
	}
	return nil, gate.FieldErrorf("certificate", "its key belongs to no request that waits here; have the one signed that certgate ca csr prints")
}

// fits checks a certificate against the request that it answers, and opens the key that was made for it.
func (a *Authority) fits(cert *x509.Certificate, holder *gate.CA) ([]byte, error) {
	key, err := a.store.Unseal(requestLabel(holder.Request.PublicKey), holder.Request.SealedKey)
	if err != nil {
		return nil, fmt.Errorf("open the key of the request: %w", err)
	}
	signer, err := issuer.ParseKey(key)
	if err != nil {
		return nil, fmt.Errorf("read the key of the request: %w", err)
	}
	root, err := x509.ParseCertificate(holder.RootDER)
	if err != nil {
		return nil, fmt.Errorf("read the root of CA %s: %w", holder.Fingerprint, err)
	}
	if err := issuer.CheckStandby(cert, root, signer, a.now()); err != nil {
		return nil, gate.FieldErrorf("certificate", "%s", oneLine(err))
	}
	for _, other := range a.dir.CAs() {
		if known, err := x509.ParseCertificate(other.DER); err == nil && slices.Equal(known.RawSubject, cert.RawSubject) {
			return nil, gate.FieldErrorf("certificate", "%q is the name of another CA; each has its own, because revocation lists are found by it", cert.Subject.CommonName)
		}
	}
	return key, nil
}

func checkAudience(audience gate.Audience) error {
	if audience != gate.Customers && audience != gate.Operators {
		return gate.FieldErrorf("audience", "%q: must be %s or %s", gate.Clip(string(audience), 40), gate.Customers, gate.Operators)
	}
	return nil
}

// trustNow brings anchors and trust files up to date at once, and not with the job: what was added must be able to connect, and what was
// retired must not be shown any more.
func (a *Authority) trustNow() {
	if err := a.syncTrust(); err != nil {
		a.log.Error("the trust file could not be written; the next minute tries again", zap.Error(err))
	}
}
