package authority

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
	"github.com/onerecord/certgate/notify"
)

// unblocked refuses a public key that never gets a certificate again. Field says where it was given.
func (a *Authority) unblocked(field string, publicKey gate.Fingerprint) error {
	if _, blocked := a.dir.BlockedPublicKey(publicKey); !blocked {
		return nil
	}
	return gate.FieldErrorf(field, "this public key never gets a certificate again, because its private key may be in other hands; make a new key pair")
}

// block puts a public key on the list, in the commit of what shows that its private half may be in other hands. One that is there already
// stays as it is.
func (a *Authority) block(tx *certstore.Tx, b gate.BlockedKey) {
	if _, blocked := a.dir.BlockedPublicKey(b.PublicKey); !blocked && !b.PublicKey.IsZero() {
		certstore.Put(tx, &b)
	}
}

// putRevoked stages a certificate that was revoked, and its public key for good, if that is compromised.
func (a *Authority) putRevoked(tx *certstore.Tx, c *gate.Certificate) {
	certstore.Put(tx, c)
	if c.Revoked != nil && c.Revoked.Reason == gate.KeyCompromise {
		a.block(tx, gate.BlockedKey{PublicKey: c.PublicKey, At: c.Revoked.At, By: c.Revoked.By, Cause: gate.BlockedAsCompromised})
	}
}

// publicKeyOf is the SHA-256 of the public key of a certificate of staff or of a CA; zero for one that cannot be read.
func publicKeyOf(der []byte) gate.Fingerprint {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return gate.Fingerprint{}
	}
	der, err = x509.MarshalPKIXPublicKey(cert.PublicKey) // anew, as everywhere: one key has one value
	if err != nil {
		return gate.Fingerprint{}
	}
	return gate.FingerprintOf(der)
}

// Blocking asks that a public key never get a certificate again. Exactly one of PublicKey and Text is given.
type Blocking struct {
	PublicKey gate.Fingerprint // SHA-256 of its SubjectPublicKeyInfo
	Text      []byte           // or what holds it, in PEM: a certificate, a signing request or the public key itself
	Why       string           // kept for good, also when a customer's records are deleted
	Revoke    bool             // certificates for it that have not ended are revoked as compromised, and their customers told
}

// BlockPublicKey puts a public key on the list of those that never get a certificate again. One person is enough, and there is no way back. A
// key that a live certificate has is refused unless that is to be revoked with it.
func (a *Authority) BlockPublicKey(by By, in Blocking) (*gate.BlockedKey, error) {
	if err := errors.Join(by.May(gate.Stop), gate.CheckReason(in.Why)); err != nil {
		return nil, err
	}
	if n := count(!in.PublicKey.IsZero(), len(in.Text) > 0); n != 1 {
		return nil, gate.Errorf(gate.Invalid, "give exactly one of fingerprint and public_key; %d were given", n)
	}
	if len(in.Text) > 0 {
		spki, err := issuer.ParsePublicKey(in.Text)
		if err != nil {
			return nil, gate.FieldErrorf("public_key", "%s", err)
		}
		in.PublicKey = spki
	}
	out := &gate.BlockedKey{PublicKey: in.PublicKey, At: a.moment(), By: by.Staff, Cause: gate.BlockedByStaff, Why: in.Why}
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		if err := a.ourCA(in.PublicKey); err != nil {
			return gate.Event{}, err
		}
		live := a.liveFor(in.PublicKey)
		if before, blocked := a.dir.BlockedPublicKey(in.PublicKey); blocked {
			if *out = before; live == nil {
				return gate.Event{}, gate.Errorf(gate.Exists, "public key %s is blocked since %s; there is nothing more to do", in.PublicKey, before.At.UTC().Format(time.DateOnly))
			}
		}
		if len(live) > 0 && !in.Revoke {
			return gate.Event{}, gate.Errorf(gate.Conflict, "it is the key of %s; say --revoke to revoke what is live as compromised and tell whom it concerns", strings.Join(liveNames(live), ", "))
		}
		a.block(tx, *out)
		event := gate.Event{Verb: gate.PublicKeyBlocked, Object: out.RecordID(), Why: in.Why}
		if len(live) > 0 {
			event.Detail = "revoked as compromised: " + strings.Join(liveNames(live), ", ")
		}
		for _, l := range live {
			if err := a.endLive(tx, l, a.leaked(by, in.Why), &event); err != nil {
				return gate.Event{}, err
			}
		}
		return event, nil
	})
	return out, err
}

// ourCA refuses to block the key of a CA in force: what would end with it is decided by two.
func (a *Authority) ourCA(publicKey gate.Fingerprint) error {
	for _, ca := range a.dir.CAs() {
		if ca.Retired == nil && publicKeyOf(ca.DER) == publicKey {
			return gate.Errorf(gate.Conflict, "it is the key of CA %s; retire that as compromised: certgate ca retire %s --compromised", nameOf(ca), ca.Fingerprint)
		}
	}
	return nil
}

// liveKey is a certificate for a public key that has not ended: of a device or of a person.
type liveKey struct {
	certificate *gate.Certificate
	person      *gate.Staff
	badge       *gate.StaffCertificate
	path        string
}

// liveFor finds the certificates for a public key that were not revoked and have not ended, also those that wait to be confirmed.
func (a *Authority) liveFor(publicKey gate.Fingerprint) (live []liveKey) {
	now := a.now()
	for _, c := range a.dir.Certificates("") {
		if c.PublicKey != publicKey || c.Revoked != nil || now.After(c.NotAfter) {
			continue
		}
		l := liveKey{certificate: c, path: string(c.Device)}
		if d, err := a.dir.Device(l.path); err == nil {
			if path, err := a.devicePath(d); err == nil {
				l.path = path
			}
		}
		live = append(live, l)
	}
	for _, s := range a.dir.People() {
		for i := range s.Certificates {
			c := &s.Certificates[i]
			if c.Revoked == nil && !now.After(c.NotAfter) && publicKeyOf(c.DER) == publicKey {
				live = append(live, liveKey{person: s, badge: c})
			}
		}
	}
	return live
}

// liveNames says what each is, for people.
func liveNames(live []liveKey) (list []string) {
	for _, l := range live {
		if l.certificate != nil {
			list = append(list, fmt.Sprintf("certificate %s of %s", l.certificate.ID, l.path))
		} else {
			list = append(list, "a certificate of "+l.person.Name)
		}
	}
	return list
}

// endLive revokes one live certificate in the commit that blocks its key, and tells whom it concerns.
func (a *Authority) endLive(tx *certstore.Tx, l liveKey, r gate.Revocation, event *gate.Event) error {
	if l.certificate != nil {
		c, err := certstore.Get[gate.Certificate](tx, string(l.certificate.ID))
		if err != nil {
			return err
		}
		revoked, err := c.Revoke(r)
		if err != nil {
			return err
		}
		a.putRevoked(tx, &revoked)
		event.Account = c.Account
		_, err = a.notify(tx, c.Account, gate.LeakedNotice, notify.Data{Noun: string(gate.CertificateSubject), Name: string(c.ID), Verb: "leaked", Why: r.Why, From: r.At})
		return err
	}
	return gate.Errorf(gate.Conflict, "it is the key of a certificate of %s, which an admin revokes: certgate staff revoke-certificate %s %s; its key is blocked with it",
		l.person.Name, l.person.Name, l.badge.Fingerprint)
}

// blockKnown is a job: it puts the keys on the list that were compromised before there was one. Each commit takes some of them, so that none is too large.
func (a *Authority) blockKnown(time.Time) error {
	if a.quarantine.Load() != nil {
		return nil
	}
	const most = 200
	for missing := a.missingBlocks(); len(missing) > 0; {
		some := missing[:min(most, len(missing))]
		missing = missing[len(some):]
		_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
			n := 0
			for _, b := range some {
				if _, blocked := a.dir.BlockedPublicKey(b.PublicKey); !blocked {
					a.block(tx, b)
					n++
				}
			}
			if n == 0 {
				return gate.Event{}, errKnown
			}
			return gate.Event{Verb: gate.PublicKeyBlocked, Object: some[0].RecordID(), Detail: fmt.Sprintf("keys of certificates that were revoked before: %d", n)}, nil
		})
		if err != nil && !errors.Is(err, errKnown) {
			return err
		}
	}
	return nil
}

// missingBlocks are the keys that should be on the list by what the other records say, and are not.
func (a *Authority) missingBlocks() (list []gate.BlockedKey) {
	note := func(b gate.BlockedKey) {
		if _, blocked := a.dir.BlockedPublicKey(b.PublicKey); !blocked && !b.PublicKey.IsZero() {
			list = append(list, b)
		}
	}
	for _, c := range a.dir.Certificates("") {
		if r := c.Revoked; r != nil && r.Reason == gate.KeyCompromise {
			note(gate.BlockedKey{PublicKey: c.PublicKey, At: r.At, By: r.By, Cause: gate.BlockedAsCompromised})
		}
	}
	for _, s := range a.dir.People() {
		for i := range s.Certificates {
			if r := s.Certificates[i].Revoked; r != nil {
				note(gate.BlockedKey{PublicKey: publicKeyOf(s.Certificates[i].DER), At: r.At, By: r.By, Cause: gate.BlockedWithBadge})
			}
		}
	}
	for _, ca := range a.dir.CAs() {
		if ca.Compromised && ca.Retired != nil {
			note(gate.BlockedKey{PublicKey: publicKeyOf(ca.DER), At: ca.Retired.At, By: ca.Retired.By, Cause: gate.BlockedWithCA})
		}
	}
	return list
}
