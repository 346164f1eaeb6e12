package authority

import (
	"errors"
	"fmt"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
	"github.com/onerecord/certgate/notify"
)

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
	place := a.redeeming.arrive()
	material, err := a.prepare(found.Device, applicant)
	if err != nil {
		a.redemptionRefused(found.ID, applicant.SPKI, err)
		return nil, err
	}
	material.place = place
	return a.hand(found, material)
}

// hand redeems a link for what was prepared.
func (a *Authority) hand(found *gate.Enrollment, material *material) (*Credential, error) {
	a.flushSightings() // a key used a moment ago makes the link dead
	out := &Credential{Key: material.key, KeyID: material.keyRecord.ID}
	_, err := a.change(customer, func(tx *certstore.Tx) (gate.Event, error) { return a.redeem(tx, found.ID, material, out) })
	if err != nil {
		a.redemptionRefused(found.ID, material.applicant.SPKI, err)
		return nil, err
	}
	return out, nil
}

// material is what a redemption may need, made before the commit: secrets come from outside it.
type material struct {
	place       uint64 // among redemptions, in the order in which they came
	applicant   issuer.ApplicantKey
	key         string
	keyRecord   *gate.Key
	certificate *gate.Certificate
	chain       []byte
	own         *ownCertificate // nil: the certificate is one of ours
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
	next, err := e.Redeem(m.applicant.SPKI, used, a.now())
	if err != nil {
		return gate.Event{}, err
	}
	if err := errors.Join(a.admit(tx, e, m), a.redeeming.take(e.ID, m.place)); err != nil {
		return gate.Event{}, err
	}
	device, err := certstore.Get[gate.Device](tx, string(e.Device))
	if err != nil {
		return gate.Event{}, err
	}
	if repeat {
		err = a.repeat(tx, e, m)
	} else {
		err = errors.Join(a.hasRoom(e.Device), a.retireKeys(tx, e.Device))
	}
	if err != nil {
		return gate.Event{}, err
	}
	if err := a.enrollCase(tx, e.Certification); err != nil {
		return gate.Event{}, err
	}
	if err := a.tellTaken(tx, e, device); err != nil {
		return gate.Event{}, err
	}
	next = next.Hand(gate.Handing{At: m.keyRecord.IssuedAt, Key: m.keyRecord.ID, Certificate: m.certificate.ID})
	certstore.Put(tx, &next)
	certstore.Put(tx, m.keyRecord)
	certstore.Put(tx, m.certificate)
	out.Enrollment, out.Device, out.Certificate, out.Chain = &next, device, m.certificate, m.chain
	return gate.Event{Verb: gate.EnrollmentWasRedeemed, Account: e.Account, Object: string(e.ID),
		Detail: fmt.Sprintf("redemption %d, %s and %s", next.Redemptions, m.keyRecord.ID, m.certificate.ID) + m.told()}, nil
}

// admit asks whether what is presented may be used: a certificate of the customer's own, or the public key for one of ours.
func (a *Authority) admit(tx *certstore.Tx, e *gate.Enrollment, m *material) error {
	if m.own != nil {
		return a.admitOwn(tx, e, m)
	}
	return a.publicKeyIsFree(e, m.applicant.SPKI)
}

// repeat gives the certificate of an earlier redemption of the link again, and ends the key that was lost with its answer.
func (a *Authority) repeat(tx *certstore.Tx, e *gate.Enrollment, m *material) error {
	lost := gate.Revocation{At: a.moment(), Reason: gate.Superseded, Why: "its answer was lost; the link was redeemed again"}
	if err := a.revokeKey(tx, e.Key, lost); err != nil {
		return err
	}
	given, err := certstore.Get[gate.Certificate](tx, string(e.Certificate))
	if err == nil {
		err = m.repeats(given)
	}
	if err != nil {
		return err
	}
	if given.Revoked != nil {
		return gate.Errorf(gate.Conflict, "the certificate that this link gave was revoked; ask for a new link, and make a new key pair for it")
	}
	m.certificate = given
	m.chain, err = a.chainOf(given)
	return err
}

// retireKeys gives the keys that the device has an end: the one that is being handed out takes their place. One that waits for an import to be
// confirmed is not in use yet, and stays as it is.
func (a *Authority) retireKeys(tx *certstore.Tx, device gate.DeviceID) error {
	for _, known := range a.dir.Keys(device) {
		k, err := certstore.Get[gate.Key](tx, string(known.ID))
		if err != nil {
			return err
		}
		if k.State(a.now()) != gate.Active {
			continue
		}
		retired := k.Replaced(a.moment())
		certstore.Put(tx, &retired)
	}
	return nil
}

// lastEnd is when the last of the device's earlier keys ends; zero if none goes on.
func (a *Authority) lastEnd(tx *certstore.Tx, device gate.DeviceID) (last time.Time, err error) {
	for _, known := range a.dir.Keys(device) {
		k, err := certstore.Get[gate.Key](tx, string(known.ID))
		if err != nil {
			return last, err
		}
		if k.RetireAt != nil && k.State(a.now()).Live() && k.RetireAt.After(last) {
			last = *k.RetireAt
		}
	}
	return last, nil
}

// tellTaken tells everybody at the customer that the credential was taken: if it was somebody else, they are the ones who can know.
func (a *Authority) tellTaken(tx *certstore.Tx, e *gate.Enrollment, d *gate.Device) error {
	path, err := a.devicePath(d)
	if err != nil {
		return err
	}
	until, err := a.lastEnd(tx, d.ID)
	if err != nil {
		return err
	}
	_, err = a.notify(tx, e.Account, gate.TakenNotice, notify.Data{Noun: "device", Name: path, Environment: d.Environment.String(),
		Case: e.Certification, Verb: "taken", From: a.moment(), Until: until})
	return err
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

// publicKeyIsFree refuses a public key that is blocked, or that another device uses: a private key that is shared proves nobody's identity.
func (a *Authority) publicKeyIsFree(e *gate.Enrollment, publicKey gate.Fingerprint) error {
	if err := a.unblocked("csr", publicKey); err != nil {
		return err
	}
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
	contract, err := a.termOf(tx, c)
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
