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
	"github.com/onerecord/certgate/notify"
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
		if err := errors.Join(a.goesOn(d.Account), a.hasRoom(d.ID)); err != nil {
			return gate.Event{}, err
		}
		if err := a.releaseCase(tx, by, d, certification); err != nil {
			return gate.Event{}, err
		}
		if err := a.cancelOpenLinks(tx, by, d); err != nil {
			return gate.Event{}, err
		}
		path, err := a.devicePath(d)
		if err != nil {
			return gate.Event{}, err
		}
		notice, err := a.notify(tx, d.Account, gate.EnrollmentNotice, notify.Data{Noun: "device", Name: path,
			Environment: d.Environment.String(), Case: certification, Verb: "released", From: e.ReleasedAt, Until: e.ExpiresAt})
		if err != nil {
			return gate.Event{}, err
		}
		if notice.SealedLink, err = tx.Seal(linkLabel(notice.ID), []byte(link)); err != nil {
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
	contract, err := a.termOf(tx, c)
	if err != nil {
		return err
	}
	released, err := c.ReleaseTo(d.ID, contract, a.act(by, ""))
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
	if err == nil {
		a.noteNotice(id)
	}
	return link, err
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
	if err := a.sharesNoPrime(applicant); err != nil {
		return nil, nil, gate.InField("csr", err)
	}
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

// CancelEnrollment ends a link at once, as when it went to the wrong address, and tells the customer.
func (a *Authority) CancelEnrollment(by By, id gate.EnrollmentID, why string) (*gate.Enrollment, error) {
	if err := by.May(gate.Stop); err != nil {
		return nil, err
	}
	var out gate.Enrollment
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		e, err := load[gate.Enrollment](tx, by, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		used, err := a.keyUsed(tx, e)
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = e.Cancel(used, a.act(by, why)); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		if err := blankLink(tx, e.Notice); err != nil {
			return gate.Event{}, err
		}
		if _, err := a.notify(tx, out.Account, gate.CredentialNotice, notify.Data{Noun: "enrollment link", Name: string(id), Verb: "revoked", Why: why, From: a.moment()}); err != nil {
			return gate.Event{}, err
		}
		return gate.Event{Verb: gate.EnrollmentWasCanceled, Account: out.Account, Object: string(id), Why: why}, nil
	})
	return &out, err
}
