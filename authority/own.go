package authority

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// ownCertificate is a customer's own certificate on its way into the store.
type ownCertificate struct {
	problems []string         // what was found before the commit
	ca       *gate.CA         // nil: none that is allowed for the account
	list     gate.Fingerprint // of the CA's revocation list that does not name it; zero: none had to be asked
	signed   []byte           // what its CA has signed: all but the signature
}

// Bring gives the holder of a link a production key for a certificate of the customer's own CA, in place of one of ours: PEM, the certificate
// and those above it. The signing request proves that the customer has the certificate's private key. The certificate is pinned by its
// fingerprint; nothing else of its CA is let in by it. Everything that is wrong with it is said at once, as gate.Faults.
func (a *Authority) Bring(token string, csr, certificate []byte) (*Credential, error) {
	found, err := a.Enrollment(token)
	if err != nil {
		return nil, err
	}
	d, err := a.dir.Device(string(found.Device))
	if err != nil {
		return nil, err
	}
	place := a.redeeming.arrive()
	m, err := a.prepareOwn(d, csr, certificate)
	if err != nil {
		return nil, err
	}
	m.place = place
	return a.hand(found, m)
}

// prepareOwn reads and lints what is brought. What only the commit can know is asked there.
func (a *Authority) prepareOwn(d *gate.Device, csr, certificate []byte) (*material, error) {
	var faults gate.Faults
	b, err := issuer.ParseBrought(certificate)
	if err != nil {
		faults = append(faults, &gate.Error{Kind: gate.Invalid, Field: "certificate", Text: err.Error()})
	}
	applicant, err := issuer.ParseCSR(csr)
	if err != nil {
		faults = append(faults, &gate.Error{Kind: gate.Invalid, Field: "csr", Text: err.Error()})
	}
	m := &material{applicant: applicant, own: &ownCertificate{}}
	if b != nil {
		if err := a.lintOwn(m, d, b); err != nil {
			return nil, err
		}
		if err := a.sharesNoPrime(applicant); err != nil && len(faults) == 0 {
			m.own.problems = append(m.own.problems, err.Error())
		}
		if len(faults) == 0 && !b.Has(applicant) {
			faults = append(faults, &gate.Error{Kind: gate.Invalid, Field: "csr", Text: "it is for another key than the certificate's, so it does not prove that you have that one's private key; " +
				"make it with the certificate's key: openssl req -new -key KEYFILE -subj /CN=x -out request.csr"})
		}
	}
	if len(faults) > 0 {
		return nil, append(faults, m.own.faults()...).Err()
	}
	m.key, m.keyRecord, err = a.newKey(d)
	return m, err
}

func (o *ownCertificate) faults() (list gate.Faults) {
	for _, p := range o.problems {
		list = append(list, &gate.Error{Kind: gate.Invalid, Field: "certificate", Text: p})
	}
	return list
}

// lintOwn notes everything that is wrong with the certificate by itself, and drafts its record.
func (a *Authority) lintOwn(m *material, d *gate.Device, b *issuer.Brought) error {
	now := a.moment()
	var allowed []issuer.AllowedCA
	var records []*gate.CA
	for _, ca := range a.dir.CAs() {
		if !ca.Allows(d.Account, a.now()) {
			continue
		}
		cert, err := x509.ParseCertificate(ca.DER)
		if err != nil {
			return fmt.Errorf("read CA %s: %w", ca.Fingerprint, err)
		}
		candidate := issuer.AllowedCA{Certificate: cert}
		if ca.Allowance.DistributionPoint {
			candidate.Point = ca.Allowance.CRL
		}
		allowed, records = append(allowed, candidate), append(records, ca)
	}
	issuedBy, problems := b.Lint(allowed, now)
	m.own.problems, m.own.signed = problems, b.Leaf.RawTBSCertificate
	fp := gate.FingerprintOf(b.Leaf.Raw)
	m.certificate = &gate.Certificate{ID: gate.CertificateID(a.newID(gate.CertificatePrefix)), Account: d.Account, Device: d.ID, Environment: d.Environment,
		Fingerprint: fp, Serial: b.Leaf.SerialNumber.Text(16), PublicKey: m.applicant.SPKI, DER: b.Leaf.Raw, NotBefore: b.Leaf.NotBefore.UTC(),
		NotAfter: b.Leaf.NotAfter.UTC(), IssuedAt: now, Brought: true}
	for i := range allowed {
		if &allowed[i] == issuedBy {
			m.own.ca = records[i]
			m.certificate.Issuer = records[i].Fingerprint
			m.chain = chainPEM(b.Leaf.Raw, records[i].DER)
			return a.lintListed(m.own, b.Leaf.SerialNumber)
		}
	}
	return nil
}

// lintListed asks the revocation list of the certificate's CA, if one is read.
func (a *Authority) lintListed(own *ownCertificate, serial *big.Int) error {
	if !own.ca.Reads(a.now()) {
		return nil
	}
	a.lists.asking.Lock() // a list may take issuer.MaxRevocationList of memory, and who holds a link may ask as often as it likes
	defer a.lists.asking.Unlock()
	known := a.dir.RevocationList(own.ca.Fingerprint)
	list, err := a.heldList(own.ca, known)
	missing := errors.Is(err, errNoList) || err == nil && !a.now().Before(known.NextUpdate)
	if missing {
		own.problems = append(own.problems, fmt.Sprintf("no current revocation list of its CA has been read from %s, so nobody knows whether it is revoked; try again in some minutes", own.ca.Allowance.CRL))
	}
	if missing || err != nil {
		return ignore(err, errNoList)
	}
	own.list = known.Hash
	for _, l := range list.Find(serial) {
		own.problems = append(own.problems, "its CA has revoked it: its serial number is on the CA's revocation list ("+l.Reason.String()+")")
	}
	return nil
}

// admitOwn says inside the commit all that keeps the certificate out. Where the device has it already, as from an import or an earlier link, it
// goes on with that record and takes a new key. One that differs from a known one in its fingerprint but not in its CA and serial number is most
// likely that one with another encoding of its ECDSA signature, which anybody can make: (r, n-s) verifies like (r, s), so what was revoked here
// would come back under another fingerprint.
func (a *Authority) admitOwn(tx *certstore.Tx, e *gate.Enrollment, m *material) error {
	faults := m.own.faults()
	note := func(text string) {
		faults = append(faults, &gate.Error{Kind: gate.Invalid, Field: "certificate", Text: text})
	}
	if _, blocked := a.dir.BlockedPublicKey(m.applicant.SPKI); blocked {
		note("its key never counts again, because its private half may be in other hands; make a new key pair")
	}
	var known *gate.Certificate
	for _, c := range a.dir.Certificates("") {
		switch same := c.Fingerprint == m.certificate.Fingerprint; {
		case !same && c.Serial == m.certificate.Serial && (c.Issuer == m.certificate.Issuer || bytes.Contains(c.DER, m.own.signed)):
			note("its CA has issued another certificate with the same serial number, which is known here; have it issued anew, with a number of its own")
		case same && c.Device != e.Device:
			note("it is used by another device; a certificate names one device")
		case same && c.Revoked != nil:
			note(fmt.Sprintf("it was revoked here on %s (%s), which is for good; bring another", c.Revoked.At.UTC().Format("2 January 2006"), c.Revoked.Reason))
		case same && c.Imported.Waits():
			note("it came with an import that two admins have yet to confirm; wait for that, or bring another")
		case same:
			known = c
		case c.PublicKey != m.applicant.SPKI:
		case c.Device != e.Device:
			note("its key is used by another device; a private key that is shared proves nobody's identity")
		}
	}
	if m.own.ca != nil {
		if now := a.dir.CA(m.own.ca.Fingerprint); now == nil || !now.Allows(e.Account, a.now()) {
			note("its CA is not allowed for this account any more")
		} else if now.Reads(a.now()) && !a.listStands(now, m.own.list) && len(m.own.problems) == 0 {
			return gate.Errorf(gate.Conflict, "the revocation list of its CA has just been read anew; send the same again")
		}
	}
	if len(faults) > 0 {
		return distinctFaults(faults).Err()
	}
	if known == nil || e.Redemptions > 0 {
		return nil
	}
	record, err := certstore.Get[gate.Certificate](tx, string(known.ID))
	if err != nil {
		return err
	}
	m.certificate = record
	return nil
}

// listStands reports whether the list that was asked is still the one that is held.
func (a *Authority) listStands(ca *gate.CA, asked gate.Fingerprint) bool {
	known := a.dir.RevocationList(ca.Fingerprint)
	return known.Of(ca.Allowance) && known.Hash == asked
}

// distinctFaults leaves out what is said twice: several certificates may share a key.
func distinctFaults(list gate.Faults) (once gate.Faults) {
	said := make(map[string]bool)
	for _, e := range list {
		if !said[e.Text] {
			said[e.Text] = true
			once = append(once, e)
		}
	}
	return once
}

// repeats refuses to give again what was not given: a link that was redeemed for one of ours is not repeated with the customer's own, nor the
// other way round, nor with another one of its own.
func (m *material) repeats(given *gate.Certificate) error {
	if (m.own != nil) == given.Foreign() && (m.own == nil || m.certificate.Fingerprint == given.Fingerprint) {
		return nil
	}
	return gate.Errorf(gate.Conflict, "this link was first redeemed for another certificate; repeat it with what was sent then, or ask for a new link")
}

// told is what the event says besides.
func (m *material) told() string {
	if m.own == nil || m.own.ca == nil {
		return ""
	}
	return fmt.Sprintf(", the customer's own of %s, SHA-256 %s", strings.ToValidUTF8(gate.Clip(nameOf(m.own.ca), 60), ""), m.certificate.Fingerprint)
}

// ignore is err, unless it is the one that says nothing more.
func ignore(err, known error) error {
	if errors.Is(err, known) {
		return nil
	}
	return err
}
