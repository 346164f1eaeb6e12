package authority

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// Allowing is an allowance as it is asked for. Exactly one of Certificate and CA is given.
type Allowing struct {
	Certificate []byte           // PEM: a customer's CA; one that is known already stays as it is
	CA          gate.Fingerprint // a customer's CA that is known
	Allowance   gate.Allowance   // without its acts
	Why         string
}

// AllowCA proposes that devices of some accounts may bring certificates of a customer's own CA to their enrollment, and from where its
// revocation list is read. A second admin must confirm; until then nothing changes, and a CA that came in with it is trusted with nothing.
func (a *Authority) AllowCA(by By, in Allowing) (*gate.CA, error) {
	if err := by.May(gate.TrustForeign); err != nil {
		return nil, err
	}
	if err := in.Allowance.Check(); err != nil {
		return nil, err
	}
	for i, id := range in.Allowance.Accounts {
		if _, err := a.dir.Account(string(id)); err != nil || slices.Contains(in.Allowance.Accounts[:i], id) {
			return nil, gate.FieldErrorf(fmt.Sprintf("accounts[%d]", i), "%q: must be an account, and named once", gate.Clip(string(id), 60))
		}
	}
	cert, err := a.customersCA(in)
	if err != nil {
		return nil, err
	}
	if in.Allowance.CRL != "" && cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCRLSign == 0 {
		return nil, gate.FieldErrorf("crl", "the CA's key usage lacks cRLSign, so that no list of it would count; allow it without, or have it made anew")
	}
	var out gate.CA
	_, err = a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		act := a.act(by, in.Why)
		ca, err := a.toAllow(tx, by, cert, act)
		if err != nil {
			return gate.Event{}, err
		}
		wanted := in.Allowance
		wanted.Accounts = slices.Clone(wanted.Accounts)
		if out, err = ca.Propose(gate.CAProposal{Change: gate.CAAllow, Act: act, Allowance: &wanted}); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		return gate.Event{Verb: gate.CAAllowanceProposed, Object: out.RecordID(), Why: in.Why, Detail: a.allowed(&out, &wanted)}, nil
	})
	return &out, err
}

// customersCA reads the CA that is meant.
func (a *Authority) customersCA(in Allowing) (*x509.Certificate, error) {
	if (len(in.Certificate) > 0) == !in.CA.IsZero() {
		return nil, gate.FieldErrorf("certificate", "give either the certificate of a CA or the fingerprint of one that is known")
	}
	if !in.CA.IsZero() {
		known := a.dir.CA(in.CA)
		if known == nil {
			return nil, gate.Errorf(gate.NotFound, "there is no CA %s", in.CA)
		}
		return x509.ParseCertificate(known.DER)
	}
	certs, err := issuer.ParseCertificatesPEM(in.Certificate)
	if err != nil {
		return nil, gate.FieldErrorf("certificate", "%s", err)
	}
	if len(certs) != 1 {
		return nil, gate.FieldErrorf("certificate", "holds %d certificates; give that of the CA which issues the clients' certificates, alone", len(certs))
	}
	if err := issuer.CheckCustomersCA(certs[0], a.now()); err != nil {
		return nil, gate.FieldErrorf("certificate", "%s", oneLine(err))
	}
	return certs[0], nil
}

// toAllow is the record of the CA, or a new one that waits with the proposal.
func (a *Authority) toAllow(tx *certstore.Tx, by By, cert *x509.Certificate, act gate.Act) (*gate.CA, error) {
	fp := gate.FingerprintOf(cert.Raw)
	if a.dir.CA(fp) != nil {
		return load[gate.CA](tx, by, fp.String())
	}
	for _, record := range a.dir.CAs() {
		for _, der := range [][]byte{record.DER, record.RootDER} {
			known, err := x509.ParseCertificate(der)
			if err != nil || !bytes.Equal(known.RawSubjectPublicKeyInfo, cert.RawSubjectPublicKeyInfo) {
				continue
			}
			if record.Imported == nil || record.Compromised || record.Retired == nil && !a.now().After(record.NotAfter) {
				return nil, gate.FieldErrorf("certificate", "has the key of %q, which is trusted already or waits to be, is ours, or was retired as compromised", gate.Clip(nameOf(record), 60))
			}
		}
	}
	if err := errors.Join(a.unblocked("certificate", publicKeyOf(cert.Raw)), gate.InField("certificate", a.fitHandshakes(cert))); err != nil {
		return nil, err
	}
	return &gate.CA{Fingerprint: fp, Audience: gate.Customers, DER: cert.Raw, NotBefore: cert.NotBefore.UTC(), NotAfter: cert.NotAfter.UTC(),
		Imported: &gate.TakenOver{Import: gate.Import{By: act.By, At: act.At, Source: "brought by its customers"}}}, nil
}

// allowed says for the event what is allowed.
func (a *Authority) allowed(ca *gate.CA, w *gate.Allowance) string {
	var slugs []string
	for _, id := range w.Accounts {
		if account, err := a.dir.Account(string(id)); err == nil {
			slugs = append(slugs, account.Slug)
		}
	}
	said := nameOf(ca) + " for "
	if said += strings.Join(slugs, ", "); len(slugs) == 0 {
		said += "nobody new"
	}
	if w.CRL == "" {
		return gate.Clip(said+", without a revocation list", 500)
	}
	return gate.Clip(fmt.Sprintf("%s, revocation list %s, grace %d hours", said, w.CRL, w.GraceHours), 500)
}

// DisallowCA lets nobody bring certificates of a customer's own CA any more, at once. What was brought goes on.
func (a *Authority) DisallowCA(by By, fp gate.Fingerprint, why string) (*gate.CA, error) {
	if err := by.May(gate.Stop); err != nil {
		return nil, err
	}
	var out gate.CA
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		ca, err := load[gate.CA](tx, by, fp.String())
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = ca.Disallow(a.act(by, why)); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		return gate.Event{Verb: gate.CADisallowed, Object: out.RecordID(), Why: why, Detail: nameOf(&out)}, nil
	})
	return &out, err
}
