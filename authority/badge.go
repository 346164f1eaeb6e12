package authority

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// staffSpread is by how many days at most the lives of staff certificates differ. Each is shortened by its serial number modulo staffSpread,
// in days, and further until no other certificate ends that day: staff whose certificates were made together, as at the first start,
// are not locked out together.
const staffSpread = 30

// keyIsFresh refuses a public key that was used before: a private key that is shared proves nobody's identity, and a new certificate for an
// old key renews nothing.
func (a *Authority) keyIsFresh(publicKey gate.Fingerprint) error {
	if err := a.unblocked("csr", publicKey); err != nil {
		return err
	}
	holder, _, err := a.holderOf(publicKey)
	if err != nil {
		return err
	}
	used := holder != nil
	for _, c := range a.dir.Certificates("") {
		used = used || c.PublicKey == publicKey
	}
	if used {
		return gate.FieldErrorf("csr", "this public key has been used before; make a new key pair for every certificate")
	}
	return nil
}

// holderOf finds who has, or had, a certificate for a public key; nil if nobody.
func (a *Authority) holderOf(publicKey gate.Fingerprint) (*gate.Staff, *gate.StaffCertificate, error) {
	for _, s := range a.dir.People() {
		for i := range s.Certificates {
			c := &s.Certificates[i]
			leaf, err := x509.ParseCertificate(c.DER)
			if err != nil {
				return nil, nil, fmt.Errorf("read a certificate of %s: %w", s.Name, err)
			}
			if gate.FingerprintOf(leaf.RawSubjectPublicKeyInfo) == publicKey {
				return s, c, nil
			}
		}
	}
	return nil, nil, nil
}

// RenewStaff gives a member of staff another certificate for a new key, asked for with the one that they show. No second admin is needed:
// see [gate.Staff.Renew]. The person and all admins are told. Asking again with the same new key changes nothing, because an answer can be lost.
func (a *Authority) RenewStaff(by By, with gate.Fingerprint, csr []byte) (*gate.Staff, error) {
	if err := by.May(gate.Read); err != nil {
		return nil, err
	}
	person, known := a.dir.StaffByCertificate(with)
	if person == nil || person.ID != by.Staff {
		return nil, gate.Errorf(gate.Unauthorized, "a certificate is renewed with that certificate itself")
	}
	applicant, err := issuer.ParseCSR(csr)
	if err != nil {
		return nil, gate.FieldErrorf("csr", "%s", err)
	}
	if holder, crt, err := a.holderOf(applicant.SPKI); err == nil && holder != nil && holder.ID == person.ID && crt.RenewedFrom == known.Fingerprint && crt.Live(a.now()) {
		if by.Try != nil {
			return nil, gate.Errorf(gate.Conflict, "this has been done: the certificate for this key ends on %s", crt.NotAfter.UTC().Format("2 January 2006"))
		}
		return person, nil
	}
	made, err := a.staffCertificate(person, applicant)
	if err != nil {
		return nil, err
	}
	var out gate.Staff
	_, err = a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		s, err := certstore.Get[gate.Staff](tx, string(by.Staff))
		if err != nil {
			return gate.Event{}, err
		}
		if err := a.keyIsFresh(applicant.SPKI); err != nil {
			return gate.Event{}, err
		}
		if out, err = s.Renew(with, *made, a.now()); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		event := gate.Event{Verb: gate.StaffRenewed, Object: string(out.ID), Detail: fmt.Sprintf("%s, until %s", out.Name, made.NotAfter.UTC().Format(time.DateOnly))}
		return event, a.tellStaff(tx, by, event, &out)
	})
	return &out, err
}

func (a *Authority) staffCertificate(s *gate.Staff, applicant issuer.ApplicantKey) (*gate.StaffCertificate, error) {
	if err := a.sharesNoPrime(applicant); err != nil {
		return nil, gate.InField("csr", err)
	}
	signer, ca, err := a.signer(gate.Operators)
	if err != nil {
		return nil, err
	}
	serial, err := issuer.NewSerial(a.random)
	if err != nil {
		return nil, err
	}
	return signStaff(foundedCA{record: ca, ca: signer}, s, applicant, staffLeaf{serial: serial, now: a.moment(), random: a.random, others: a.dir.People()})
}

// staffLeaf is what signing a staff certificate needs besides the names.
type staffLeaf struct {
	serial *big.Int
	now    time.Time
	random io.Reader
	others []*gate.Staff
	until  time.Time // when it ends; zero: see ends
}

// ends is when the certificate ends.
func (l *staffLeaf) ends() time.Time {
	if !l.until.IsZero() {
		return l.until
	}
	first := new(big.Int).Mod(l.serial, big.NewInt(staffSpread)).Int64()
	shorter := func(days int64) time.Time {
		return l.now.Add(issuer.LeafLifetime - time.Duration(days%staffSpread)*24*time.Hour)
	}
	for days := first; days < first+staffSpread; days++ {
		if end := shorter(days); !l.isTaken(end) {
			return end
		}
	}
	return shorter(first) // more staff than days
}

// isTaken reports whether a certificate in use ends on the same day.
func (l *staffLeaf) isTaken(end time.Time) bool {
	for _, s := range l.others {
		for _, c := range s.Certificates {
			if c.Live(l.now) && c.NotAfter.UTC().Format(time.DateOnly) == end.UTC().Format(time.DateOnly) {
				return true
			}
		}
	}
	return false
}

// staffURI names a person in their certificate's subject alternative name.
func staffURI(id gate.StaffID) *url.URL {
	return &url.URL{Scheme: "urn", Opaque: "certgate:staff:" + string(id)}
}

// signStaff signs a certificate of a person under a CA of the staff.
func signStaff(ca foundedCA, s *gate.Staff, applicant issuer.ApplicantKey, leaf staffLeaf) (*gate.StaffCertificate, error) {
	draft, err := ca.ca.Prepare(issuer.StaffProfile, issuer.LeafRequest{
		Key: applicant, CommonName: s.Name, URI: staffURI(s.ID), Serial: leaf.serial, NotAfter: earliest(leaf.ends(), ca.record.NotAfter),
	}, leaf.now)
	if err != nil {
		return nil, err
	}
	der, err := ca.ca.Issue(draft, leaf.random)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the new certificate: %w", err)
	}
	return &gate.StaffCertificate{Fingerprint: gate.FingerprintOf(der), Issuer: ca.record.Fingerprint, DER: der, NotBefore: cert.NotBefore, NotAfter: cert.NotAfter}, nil
}

// makeBadge draws a key for a person, signs their certificate, which goes into the record, and packs both.
func makeBadge(ca foundedCA, s *gate.Staff, leaf staffLeaf) (Badge, error) {
	key, err := issuer.NewKey(leaf.random)
	if err != nil {
		return Badge{}, err
	}
	applicant, err := issuer.NewApplicantKey(key.Public())
	if err != nil {
		return Badge{}, err
	}
	if leaf.serial, err = issuer.NewSerial(leaf.random); err != nil {
		return Badge{}, err
	}
	crt, err := signStaff(ca, s, applicant, leaf)
	if err != nil {
		return Badge{}, err
	}
	s.Certificates = []gate.StaffCertificate{*crt}
	cert, err := x509.ParseCertificate(crt.DER)
	if err != nil {
		return Badge{}, fmt.Errorf("read the new certificate: %w", err)
	}
	var drawn [18]byte
	if _, err := io.ReadFull(leaf.random, drawn[:]); err != nil {
		return Badge{}, fmt.Errorf("draw a password: %w", err)
	}
	password := base64.RawURLEncoding.EncodeToString(drawn[:])
	p12, err := issuer.PKCS12(key, cert, ca.ca.Certificate, password)
	if err != nil {
		return Badge{}, err
	}
	der, err := issuer.MarshalKey(key)
	return Badge{Name: s.Name, P12: p12, Password: password, Leaf: chainPEM(crt.DER, ca.record.DER), Key: issuer.KeyPEM(der)}, err
}

// remindStaff tells people that their last certificate ends soon, in a commit for each, as remind does for customers.
func (a *Authority) remindStaff(now time.Time) error {
	var errs []error
	for _, s := range a.dir.People() {
		c, runs := s.Countdown(now)
		if !runs {
			continue
		}
		if due, err := a.isDue(&c, now); err != nil || !due {
			errs = append(errs, err)
			continue
		}
		if err := a.remindPerson(s.ID); err != nil && !errors.Is(err, errKnown) {
			errs = append(errs, fmt.Errorf("remind %s: %w", s.Name, err))
		}
	}
	return errors.Join(errs...)
}

// remindPerson tells a person, unless it was told, renewed or stopped since it was looked at.
func (a *Authority) remindPerson(id gate.StaffID) error {
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		now := a.moment()
		s, err := certstore.Get[gate.Staff](tx, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		c, runs := s.Countdown(now)
		if !runs {
			return gate.Event{}, errKnown
		}
		days, due, err := dueNow(tx, &c, now)
		if err != nil {
			return gate.Event{}, err
		}
		if !due {
			return gate.Event{}, errKnown
		}
		n, err := a.notifyStaff(tx, c.Kind, []gate.Contact{s.Contact()}, staffReminder(s, &c, now))
		if err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &gate.Reminder{ID: c.ReminderID(days), Kind: c.Kind, Subject: c.Subject, Ends: c.Ends, Days: days, At: now, Notice: n.ID})
		return gate.Event{Verb: gate.StaffReminded, Object: c.Subject, Detail: fmt.Sprintf("%s: %s at %s", s.Name, c.Kind, c.Ends.Format(time.RFC3339))}, nil
	})
	return err
}
