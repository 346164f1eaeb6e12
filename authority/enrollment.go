package authority

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// tokenBytes is the length of an enrollment token before encoding: 128 bits cannot be guessed.
const tokenBytes = 16

// Release lets the customer of a device take a credential: it makes a one-time link in a notice to the technical contact. In
// production it needs the certification that covers the device; in pre-production none. A link that is still open is replaced.
func (a *Authority) Release(by By, device gate.DeviceID, certification gate.CertificationID) (*gate.Enrollment, error) {
	if err := by.May(gate.ReleaseIt); err != nil {
		return nil, err
	}
	config := a.current()
	if config == nil {
		return nil, gate.Errorf(gate.ShuttingDown, "no configuration is in force yet; try again")
	}
	token, err := a.drawToken()
	if err != nil {
		return nil, err
	}
	e := &gate.Enrollment{
		ID: gate.EnrollmentID(a.newID(gate.EnrollmentPrefix)), Device: device, Certification: certification,
		TokenHash: gate.FingerprintOf([]byte(token)), ReleasedBy: by.Staff, ReleasedAt: a.moment(),
		ExpiresAt: a.moment().Add(gate.EnrollmentLifetime),
	}
	link := config.PublicURL() + "/enroll#" + token
	_, err = a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		d, err := certstore.Get[gate.Device](tx, string(device))
		if err != nil {
			return gate.Event{}, err
		}
		e.Account = d.Account
		if err := a.hasRoom(d.ID); err != nil {
			return gate.Event{}, err
		}
		if err := a.releaseCase(tx, by, d, certification); err != nil {
			return gate.Event{}, err
		}
		if err := a.cancelOpenLinks(tx, by, d); err != nil {
			return gate.Event{}, err
		}
		notice, err := a.notify(tx, d.Account, gate.EnrollmentNotice, message{
			"Take your " + d.Environment.String() + " credential for " + d.Name,
			"Open this link to take the certificate and key of " + d.Name + ". It works once, until " +
				e.ExpiresAt.Format("2 January 2006, 15:04 UTC") + ":\n\n{link}"})
		if err != nil {
			return gate.Event{}, err
		}
		if notice.SealedLink, err = a.store.Seal(linkLabel(notice.ID), []byte(link)); err != nil {
			return gate.Event{}, err
		}
		e.Notice = notice.ID
		certstore.Put(tx, notice)
		certstore.Put(tx, e)
		return gate.Event{Verb: gate.EnrollmentReleased, Account: d.Account, Object: string(e.ID), Detail: d.Slug}, nil
	})
	return e, err
}

// linkLabel binds a sealed link to its notice.
func linkLabel(id gate.NoticeID) string { return "notice/" + string(id) }

func (a *Authority) drawToken() (string, error) {
	var raw [tokenBytes]byte
	if _, err := io.ReadFull(a.random, raw[:]); err != nil {
		return "", fmt.Errorf("draw an enrollment token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw[:]), nil
}

// releaseCase checks that the device may be released and notes it in its case.
func (a *Authority) releaseCase(tx *certstore.Tx, by By, d *gate.Device, id gate.CertificationID) error {
	switch {
	case d.Environment == gate.Sandbox:
		return gate.Errorf(gate.Conflict, "a sandbox device has no certificate; issue it a key instead")
	case d.Environment == gate.Preprod && id != "":
		return gate.FieldErrorf("certification", "a pre-production device is released without a case")
	case d.Environment == gate.Preprod:
		return nil
	case id == "":
		return gate.FieldErrorf("certification", "a production device is released by the certification that covers it")
	}
	c, err := load[gate.Certification](tx, by, string(id))
	if err != nil {
		return err
	}
	if !c.Covers(d.ID) {
		return gate.Errorf(gate.Conflict, "certification %s does not cover device %s", id, d.ID)
	}
	contract, err := resolvedContract(tx, c.Contract)
	if err != nil {
		return err
	}
	released, err := c.Release(contract, a.act(by, ""))
	if err != nil {
		return err
	}
	certstore.Put(tx, &released)
	return nil
}

// cancelOpenLinks ends the links of the device that could still be redeemed: the latest alone counts.
func (a *Authority) cancelOpenLinks(tx *certstore.Tx, by By, d *gate.Device) error {
	for _, old := range a.dir.Enrollments(d.ID) {
		if old.Canceled != nil || old.Acknowledged != nil || !a.now().Before(old.ExpiresAt) {
			continue
		}
		e, err := certstore.Get[gate.Enrollment](tx, string(old.ID))
		if err != nil {
			return err
		}
		act := a.act(by, "replaced by a new link")
		e.Canceled = &act
		certstore.Put(tx, e)
		if err := blankLink(tx, e.Notice); err != nil {
			return err
		}
	}
	return nil
}

// blankLink removes the secret link from a notice once it is of no use.
func blankLink(tx *certstore.Tx, id gate.NoticeID) error {
	n, err := certstore.Get[gate.Notice](tx, string(id))
	if err != nil {
		return err
	}
	n.SealedLink = nil
	certstore.Put(tx, n)
	return nil
}

// TakeLink hands out the link of a notice, once, to whoever delivers it. Only a program that holds the authority itself can call
// it: no door leads here.
func (a *Authority) TakeLink(id gate.NoticeID) (string, error) {
	var link string
	err := a.store.Bookkeep(func(tx *certstore.Tx) error {
		n, err := certstore.Get[gate.Notice](tx, string(id))
		if err != nil {
			return err
		}
		if n.SealedLink == nil || n.TakenAt != nil {
			return gate.Errorf(gate.Conflict, "notice %s has no link to hand out any more", id)
		}
		plain, err := a.store.Unseal(linkLabel(id), n.SealedLink)
		if err != nil {
			return err
		}
		link = string(plain)
		now := a.moment()
		n.TakenAt = &now
		certstore.Put(tx, n)
		return nil
	})
	return link, err
}

// Credential is what a customer receives, once: it is not stored anywhere in this form.
type Credential struct {
	Enrollment  *gate.Enrollment
	Device      *gate.Device
	Certificate *gate.Certificate
	KeyID       gate.KeyID
	Key         string // the production key
	Chain       []byte // PEM: the certificate, then the issuing CA
}

// Enrollment finds a link by its token without changing anything; the error does not tell a wrong token from one that never was.
func (a *Authority) Enrollment(token string) (*gate.Enrollment, error) {
	e := a.dir.EnrollmentByToken(gate.FingerprintOf([]byte(token)))
	if token == "" || len(token) > 200 || e == nil {
		return nil, gate.Errorf(gate.NotFound, "this link is not known; check that it was copied whole, or ask for a new one")
	}
	return e, nil
}

// Redeem gives the holder of a link a certificate for the public key in its signing request, and a new production key. An earlier
// key of the same link is revoked, as its answer was lost.
func (a *Authority) Redeem(token string, csr []byte) (*Credential, error) {
	found, err := a.Enrollment(token)
	if err != nil {
		return nil, err
	}
	applicant, err := issuer.ParseCSR(csr)
	if err != nil {
		return nil, gate.FieldErrorf("csr", "%s", err)
	}
	a.flushSightings() // a key used a moment ago makes the link dead
	material, err := a.prepare(found.Device, applicant)
	if err != nil {
		return nil, err
	}
	out := &Credential{Key: material.key, KeyID: material.keyRecord.ID}
	_, err = a.change(customer, func(tx *certstore.Tx) (gate.Event, error) { return a.redeem(tx, found.ID, material, out) })
	if err != nil {
		return nil, err
	}
	return out, nil
}

// material is what a redemption may need, made before the commit: secrets come from outside it.
type material struct {
	applicant   issuer.ApplicantKey
	key         string
	keyRecord   *gate.Key
	certificate *gate.Certificate
	chain       []byte
}

func (a *Authority) prepare(device gate.DeviceID, applicant issuer.ApplicantKey) (*material, error) {
	d, err := a.dir.Device(string(device))
	if err != nil {
		return nil, err
	}
	m := &material{applicant: applicant}
	if m.key, m.keyRecord, err = a.newKey(d); err != nil {
		return nil, err
	}
	m.certificate, m.chain, err = a.newCertificate(d, applicant)
	return m, err
}

func (a *Authority) redeem(tx *certstore.Tx, id gate.EnrollmentID, m *material, out *Credential) (gate.Event, error) {
	e, err := certstore.Get[gate.Enrollment](tx, string(id))
	if err != nil {
		return gate.Event{}, err
	}
	used, err := a.keyUsed(tx, e)
	if err != nil {
		return gate.Event{}, err
	}
	repeat := e.Redemptions > 0
	earlier := e.Key
	next, err := e.Redeem(m.applicant.SPKI, used, a.now())
	if err != nil {
		return gate.Event{}, err
	}
	if err := a.publicKeyIsFree(e, m.applicant.SPKI); err != nil {
		return gate.Event{}, err
	}
	device, err := certstore.Get[gate.Device](tx, string(e.Device))
	if err != nil {
		return gate.Event{}, err
	}
	if !repeat {
		if err := a.hasRoom(e.Device); err != nil {
			return gate.Event{}, err
		}
	} else {
		if err := a.revokeKey(tx, earlier, gate.Revocation{At: a.moment(), Reason: gate.Superseded, Why: "its answer was lost; the link was redeemed again"}); err != nil {
			return gate.Event{}, err
		}
		if m.certificate, err = certstore.Get[gate.Certificate](tx, string(e.Certificate)); err != nil {
			return gate.Event{}, err
		}
		if m.chain, err = a.chainOf(m.certificate); err != nil {
			return gate.Event{}, err
		}
	}
	if err := a.enrollCase(tx, e.Certification); err != nil {
		return gate.Event{}, err
	}
	next.Key, next.Certificate = m.keyRecord.ID, m.certificate.ID
	certstore.Put(tx, &next)
	certstore.Put(tx, m.keyRecord)
	certstore.Put(tx, m.certificate)
	out.Enrollment, out.Device, out.Certificate, out.Chain = &next, device, m.certificate, m.chain
	return gate.Event{Verb: gate.EnrollmentWasRedeemed, Account: e.Account, Object: string(e.ID),
		Detail: fmt.Sprintf("redemption %d, %s and %s", next.Redemptions, m.keyRecord.ID, m.certificate.ID)}, nil
}

// keyUsed reports whether the key that the link gave last has been used.
func (a *Authority) keyUsed(tx *certstore.Tx, e *gate.Enrollment) (bool, error) {
	if e.Key == "" {
		return false, nil
	}
	k, err := certstore.Get[gate.Key](tx, string(e.Key))
	if err != nil {
		return false, err
	}
	return k.FirstUsedAt != nil, nil
}

// publicKeyIsFree refuses a public key that another device uses: a private key that is shared proves nobody's identity.
func (a *Authority) publicKeyIsFree(e *gate.Enrollment, publicKey gate.Fingerprint) error {
	for _, c := range a.dir.Certificates("") {
		if c.PublicKey == publicKey && c.ID != e.Certificate {
			return gate.FieldErrorf("csr", "this public key has been used before; make a new key pair for every credential")
		}
	}
	return nil
}

func (a *Authority) enrollCase(tx *certstore.Tx, id gate.CertificationID) error {
	if id == "" {
		return nil
	}
	c, err := certstore.Get[gate.Certification](tx, string(id))
	if err != nil {
		return err
	}
	contract, err := resolvedContract(tx, c.Contract)
	if err != nil {
		return err
	}
	if s := c.State(contract, a.now()); s != gate.Released && s != gate.InForce {
		return gate.Errorf(gate.Conflict, "the certification behind this link is %s; ask OneRecord", s)
	}
	enrolled := c.Enroll(a.moment())
	certstore.Put(tx, &enrolled)
	return nil
}

// Acknowledge notes that the customer has stored its credential; the link is dead then.
func (a *Authority) Acknowledge(token string) error {
	found, err := a.Enrollment(token)
	if err != nil {
		return err
	}
	_, err = a.change(customer, func(tx *certstore.Tx) (gate.Event, error) {
		e, err := certstore.Get[gate.Enrollment](tx, string(found.ID))
		if err != nil {
			return gate.Event{}, err
		}
		if e.Acknowledged != nil {
			return gate.Event{}, errKnown
		}
		next, err := e.Acknowledge(a.moment())
		if err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &next)
		if err := blankLink(tx, e.Notice); err != nil {
			return gate.Event{}, err
		}
		return gate.Event{Verb: gate.EnrollmentAcknowledged, Account: e.Account, Object: string(e.ID)}, nil
	})
	if errors.Is(err, errKnown) {
		return nil
	}
	return err
}

// newKey draws a key for a device. The record holds its MAC alone.
func (a *Authority) newKey(d *gate.Device) (string, *gate.Key, error) {
	key, handle, err := gate.NewKey(d.Environment, a.random)
	if err != nil {
		return "", nil, err
	}
	version, mac := a.macs.sum(key)
	return key, &gate.Key{
		ID: gate.KeyID(a.newID(gate.KeyPrefix)), Account: d.Account, Device: d.ID, Environment: d.Environment,
		Handle: handle, Pepper: version, MAC: mac, IssuedAt: a.moment(),
	}, nil
}

// newCertificate signs a certificate for a device: from the signing request it takes the public key alone.
func (a *Authority) newCertificate(d *gate.Device, applicant issuer.ApplicantKey) (*gate.Certificate, []byte, error) {
	signer, ca, err := a.signer(gate.Customers)
	if err != nil {
		return nil, nil, err
	}
	serial, err := issuer.NewSerial(a.random)
	if err != nil {
		return nil, nil, err
	}
	config := a.current()
	if config == nil {
		return nil, nil, gate.Errorf(gate.ShuttingDown, "no configuration is in force yet; try again")
	}
	crl, ca1 := config.pkiURLs(ca.Fingerprint)
	now := a.moment()
	draft, err := signer.Prepare(issuer.DeviceProfile, issuer.LeafRequest{
		Key: applicant, CommonName: d.Environment.String() + " " + d.Slug, URI: deviceURI(d.ID), Serial: serial,
		NotAfter: earliest(now.Add(issuer.LeafLifetime), ca.NotAfter), CRLURL: crl, IssuerURL: ca1,
	}, now)
	if err != nil {
		return nil, nil, err
	}
	der, err := signer.Issue(draft, a.random)
	if err != nil {
		return nil, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("read the new certificate: %w", err)
	}
	return &gate.Certificate{
		ID: gate.CertificateID(a.newID(gate.CertificatePrefix)), Account: d.Account, Device: d.ID, Environment: d.Environment,
		Fingerprint: gate.FingerprintOf(der), Issuer: ca.Fingerprint, Serial: leaf.SerialNumber.Text(16), PublicKey: applicant.SPKI,
		DER: der, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, IssuedAt: now,
	}, chainPEM(der, ca.DER), nil
}

// chainOf is the PEM chain of a certificate that was issued before.
func (a *Authority) chainOf(c *gate.Certificate) ([]byte, error) {
	ca := a.dir.CA(c.Issuer)
	if ca == nil {
		return nil, fmt.Errorf("the CA of certificate %s is not in the store", c.ID)
	}
	return chainPEM(c.DER, ca.DER), nil
}

func chainPEM(leaf, ca []byte) []byte {
	return bytes.Join([][]byte{issuer.CertificatePEM(leaf), issuer.CertificatePEM(ca)}, nil)
}

// deviceURI names a device in its certificate's subject alternative name.
func deviceURI(id gate.DeviceID) *url.URL {
	return &url.URL{Scheme: "urn", Opaque: "certgate:device:" + string(id)}
}

// pkiURLs are where a CA's revocation list and certificate are served. The shard number is there from the first certificate on,
// because a URL in a certificate cannot be added later.
func (c *Config) pkiURLs(ca gate.Fingerprint) (crl, certificate string) {
	base := strings.TrimSuffix(c.settings.PKIURL, "/")
	return base + CRLPath(ca, 0), base + CAPath(ca)
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
