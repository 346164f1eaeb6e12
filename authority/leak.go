package authority

import (
	"errors"
	"slices"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
	"github.com/onerecord/certgate/notify"
)

// Leak reports that something of a customer's is known to others: its key, or the private key of its certificate. Exactly one is given.
type Leak struct {
	Key         string           // whole, or a token from before; it is looked up by its HMAC and kept nowhere
	Fingerprint gate.Fingerprint // of the certificate
	Certificate []byte           // or the certificate itself, PEM
	Why         string           // where it was found
}

// Leaked revokes what has leaked, as compromised, opens an incident about it, and tells the customer's technical and security contacts. One
// person is enough. It returns the identifier of the key or certificate, also of one that was revoked before, where at most its public key is
// blocked and the incident opened; LeakIncident finds that. What nobody has is of kind gate.NotFound, and neither it nor that it was asked for is kept.
func (a *Authority) Leaked(by By, in Leak) (id string, err error) {
	if err := errors.Join(by.May(gate.Stop), gate.CheckReason(in.Why)); err != nil {
		return "", err
	}
	if gate.ContainsKey(in.Why) {
		return "", gate.FieldErrorf("why", "holds a key; say where it was found, and give the key by itself")
	}
	if n := count(in.Key != "", !in.Fingerprint.IsZero(), len(in.Certificate) > 0); n != 1 {
		return "", gate.Errorf(gate.Invalid, "give exactly one of key, fingerprint and certificate; %d were given", n)
	}
	if in.Key != "" {
		return a.keyLeaked(by, in)
	}
	return a.privateKeyLeaked(by, in)
}

func count(given ...bool) (n int) {
	for _, g := range given {
		if g {
			n++
		}
	}
	return n
}

func (a *Authority) keyLeaked(by By, in Leak) (string, error) {
	key := gate.ParseKey(in.Key)
	switch key.Shape {
	case gate.WellFormed, gate.Foreign:
	case gate.BadChecksum:
		return "", gate.FieldErrorf("key", "looks like a key of ours, but a character was lost or changed; copy it again, whole")
	case gate.NoKey, gate.Malformed:
		return "", gate.FieldErrorf("key", "is no key of ours and no token: give it whole and alone, without \"Bearer\"")
	}
	call := &Call{authority: a}
	call.find(key)
	if call.Caller.Key == nil || !call.Caller.KeyProven || (key.Shape == gate.Foreign) != (call.Caller.Key.Imported != nil) {
		return "", gate.Errorf(gate.NotFound, "no device has this key; nothing was changed or kept")
	}
	id := call.Caller.Key.ID
	begun := a.leakIncident(gate.KeySubject, string(id))
	if call.Caller.Key.Revoked != nil {
		return string(id), a.leakedBefore(by, begun, in.Why)
	}
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		k, err := certstore.Get[gate.Key](tx, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		if err := a.revokeKey(tx, id, a.leaked(by, in.Why)); err != nil {
			return gate.Event{}, err
		}
		if _, _, err := a.beginIncident(tx, begun, a.act(by, in.Why)); err != nil {
			return gate.Event{}, err
		}
		return a.tellLeaked(tx, gate.Event{Account: k.Account, Object: string(id), Why: in.Why}, notify.Data{Noun: string(gate.KeySubject)})
	})
	return string(id), err
}

// privateKeyLeaked revokes every certificate for the public key: who has the private half can use each.
func (a *Authority) privateKeyLeaked(by By, in Leak) (string, error) {
	if len(in.Certificate) > 0 {
		list, err := issuer.ParseCertificatesPEM(in.Certificate)
		if err != nil || len(list) == 0 {
			return "", gate.FieldErrorf("certificate", "must be a certificate in PEM, and never a private key")
		}
		in.Fingerprint = gate.FingerprintOf(list[0].Raw)
	}
	var caller gate.Caller
	a.dir.Caller(&certstore.Probe{Leaf: in.Fingerprint}, &caller)
	if caller.Certificate == nil {
		return "", gate.Errorf(gate.NotFound, "no device has this certificate; nothing was changed or kept")
	}
	id := caller.Certificate.ID
	live := func() (ids []gate.CertificateID) {
		for _, c := range a.dir.Certificates("") {
			same := c.ID == id || !c.PublicKey.IsZero() && c.PublicKey == caller.Certificate.PublicKey
			if same && c.Revoked == nil {
				ids = append(ids, c.ID)
			}
		}
		return ids
	}
	if !slices.Contains(live(), id) {
		return string(id), a.blockLeaked(by, caller.Certificate, in.Why)
	}
	begun := a.leakIncident(gate.CertificateSubject, string(id))
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		for _, each := range live() {
			c, err := certstore.Get[gate.Certificate](tx, string(each))
			if err != nil {
				return gate.Event{}, err
			}
			revoked, err := c.Revoke(a.leaked(by, in.Why))
			if err != nil {
				return gate.Event{}, err
			}
			a.putRevoked(tx, &revoked)
		}
		if _, _, err := a.beginIncident(tx, begun, a.act(by, in.Why)); err != nil {
			return gate.Event{}, err
		}
		return a.tellLeaked(tx, gate.Event{Account: caller.Certificate.Account, Object: string(id), Why: in.Why}, notify.Data{Noun: string(gate.CertificateSubject)})
	})
	return string(id), err
}

// blockLeaked puts the key of a certificate that was revoked for another reason on the list of those that never get a certificate again.
func (a *Authority) blockLeaked(by By, c *gate.Certificate, why string) error {
	begun := a.leakIncident(gate.CertificateSubject, string(c.ID))
	if _, blocked := a.dir.BlockedPublicKey(c.PublicKey); blocked {
		return a.leakedBefore(by, begun, why)
	}
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		if a.LeakIncident(string(c.ID)) == nil {
			if _, _, err := a.beginIncident(tx, begun, a.act(by, why)); err != nil {
				return gate.Event{}, err
			}
		}
		a.block(tx, gate.BlockedKey{PublicKey: c.PublicKey, At: a.moment(), By: by.Staff, Cause: gate.BlockedAsCompromised})
		return gate.Event{Verb: gate.PublicKeyBlocked, Account: c.Account, Object: c.PublicKey.String(), Why: why, Detail: string(c.ID) + ", which was revoked before, has leaked"}, nil
	})
	return err
}

func (a *Authority) leaked(by By, why string) gate.Revocation {
	return gate.Revocation{At: a.moment(), By: by.Staff, Reason: gate.KeyCompromise, Why: why}
}

// tellLeaked tells the customer, and returns the event.
func (a *Authority) tellLeaked(tx *certstore.Tx, event gate.Event, data notify.Data) (gate.Event, error) {
	data.Name, data.Verb, data.Why, data.From = event.Object, "leaked", event.Why, a.moment()
	_, err := a.notify(tx, event.Account, gate.LeakedNotice, data)
	event.Verb, event.Detail = gate.CredentialRevoked, gate.KeyCompromise.String()+", it has leaked"
	return event, err
}

// maxUses bounds what is listed of what somebody did with a leaked credential.
const maxUses = 1000

// UsesOf lists the decisions that are remembered about calls with a key or certificate, whoever made them and whether they were allowed:
// the newest first, at most 1000. Since is inclusive; zero: all that is remembered.
func (a *Authority) UsesOf(id string, since time.Time) []PastDecision {
	f := DecisionFilter{Since: since}
	if k := a.dir.Key(gate.KeyID(id)); k != nil {
		f.ProvenHandle = k.Handle
	} else if c := a.dir.Certificate(gate.CertificateID(id)); c != nil {
		f.Fingerprint = c.Fingerprint
	} else {
		return nil
	}
	return a.recent.List(f, maxUses)
}
