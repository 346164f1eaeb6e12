package authority

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
	"github.com/onerecord/certgate/notify"
)

// Entitle judges who calls and whether it may call at all (checks 1 to 7), for what gives it a new credential.
func (c *Config) Entitle(r *gate.Request) (*Call, error) { return c.check(r, gate.Entitle) }

// ErrNotEntitled says that the call would be refused now; its Decision says why.
var ErrNotEntitled = errors.New("the caller may have no new credential")

// RenewedKey is a new key as its customer receives it, once.
type RenewedKey struct {
	Key      string // the key itself
	Record   *gate.Key
	Replaced *gate.Key // retires
}

// RenewKey gives the holder of a credential a new key; the one of the call retires. One that was given for the same wish and never used
// is revoked, as its answer was lost. The error is ErrNotEntitled, a gate.WaitError or of a kind.
func (a *Authority) RenewKey(call *Call) (*RenewedKey, error) {
	if err := a.attempts.admit(call.Caller.Device.ID, a.now()); err != nil {
		return nil, err
	}
	a.flushSightings() // a key used a moment ago is not lost
	out := &RenewedKey{}
	var err error
	if out.Key, out.Record, err = a.newKey(call.Caller.Device); err != nil {
		return nil, err
	}
	_, err = a.change(customer, func(tx *certstore.Tx) (gate.Event, error) {
		caller, err := a.entitled(call)
		if err != nil {
			return gate.Event{}, err
		}
		unused, err := (&gate.KeyRenewal{Presented: caller.Key, All: a.dir.Keys(caller.Device.ID)}).Judge(a.now())
		if err != nil {
			return gate.Event{}, err
		}
		if unused != nil {
			lost := gate.Revocation{At: a.moment(), Reason: gate.Superseded, Why: "never used; its answer was lost and the customer renewed again"}
			if err := a.revokeKey(tx, unused.ID, lost); err != nil {
				return gate.Event{}, err
			}
		}
		old := caller.Key.Replaced(a.moment())
		out.Record.Replaces, out.Replaced = old.ID, &old
		certstore.Put(tx, &old)
		certstore.Put(tx, out.Record)
		told := renewal{noun: "key", made: string(out.Record.ID), old: string(old.ID), until: *old.RetireAt}
		if unused != nil {
			told.ended = string(unused.ID)
		}
		return a.tellRenewed(tx, call, told)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// RenewCertificate gives the holder of a credential a certificate for another public key, as a PEM chain; the one of the call stays good to
// its own end. The same signing request gets the same chain again. Replace, if it is not empty, is a live certificate that was never used
// and ends for the new one. The error is ErrNotEntitled, a gate.WaitError or of a kind.
func (a *Authority) RenewCertificate(call *Call, csr []byte, replace gate.CertificateID) ([]byte, error) {
	device := call.Caller.Device
	if err := a.attempts.admit(device.ID, a.now()); err != nil {
		return nil, err
	}
	if !device.Environment.NeedsCertificate() {
		return nil, gate.Errorf(gate.Conflict, "a %s device has no certificate; its key alone is renewed", device.Environment)
	}
	applicant, err := issuer.ParseCSR(csr)
	if err != nil {
		return nil, gate.FieldErrorf("csr", "%s", err)
	}
	a.flushSightings()
	wish := gate.CertificateRenewal{Presented: call.Caller.Certificate, All: a.dir.Certificates(device.ID), PublicKey: applicant.SPKI, Replace: replace}
	repeat, _, err := a.judgeCertificate(&wish) // before anything is signed
	if err != nil {
		return nil, err
	}
	if repeat != nil {
		return a.chainAgain(repeat.ID)
	}
	made, chain, err := a.newCertificate(device, applicant)
	if err != nil {
		return nil, err
	}
	_, err = a.change(customer, func(tx *certstore.Tx) (event gate.Event, err error) {
		repeat, event, err = a.renewCertificate(tx, call, wish, made)
		return event, err
	})
	if errors.Is(err, errKnown) {
		return a.chainAgain(repeat.ID)
	}
	if err != nil {
		return nil, err
	}
	return chain, nil
}

// renewCertificate is RenewCertificate in its commit. It fails with errKnown if another call with the same signing request was first.
func (a *Authority) renewCertificate(tx *certstore.Tx, call *Call, wish gate.CertificateRenewal, made *gate.Certificate) (*gate.Certificate, gate.Event, error) {
	caller, err := a.entitled(call)
	if err != nil {
		return nil, gate.Event{}, err
	}
	wish.Presented, wish.All = caller.Certificate, a.dir.Certificates(caller.Device.ID)
	repeat, unused, err := a.judgeCertificate(&wish)
	if err != nil {
		return nil, gate.Event{}, err
	}
	if repeat != nil {
		return repeat, gate.Event{}, errKnown
	}
	told := renewal{noun: "certificate", made: string(made.ID), old: string(wish.Presented.ID), until: wish.Presented.NotAfter}
	if unused != nil {
		if err := a.revokeUnused(tx, unused.ID); err != nil {
			return nil, gate.Event{}, err
		}
		told.ended = string(unused.ID)
	}
	made.Renews = wish.Presented.ID
	certstore.Put(tx, made)
	event, err := a.tellRenewed(tx, call, told)
	return nil, event, err
}

// judgeCertificate asks the rules, and whether anybody else ever used the public key.
func (a *Authority) judgeCertificate(wish *gate.CertificateRenewal) (repeat, unused *gate.Certificate, err error) {
	if err := a.unblocked("csr", wish.PublicKey); err != nil {
		return nil, nil, err
	}
	if repeat, unused, err = wish.Judge(a.now()); err != nil || repeat != nil {
		return repeat, nil, err
	}
	return nil, unused, a.publicKeyIsFree(&gate.Enrollment{}, wish.PublicKey)
}

func (a *Authority) revokeUnused(tx *certstore.Tx, id gate.CertificateID) error {
	c, err := certstore.Get[gate.Certificate](tx, string(id))
	if err != nil {
		return err
	}
	revoked, err := c.Revoke(gate.Revocation{At: a.moment(), Reason: gate.Superseded, Why: "never used; the customer renewed again and replaced it"})
	if err != nil {
		return err
	}
	a.putRevoked(tx, &revoked)
	return nil
}

// chainAgain is the chain of a certificate that was issued before.
func (a *Authority) chainAgain(id gate.CertificateID) (chain []byte, err error) {
	err = a.store.View(func(tx *certstore.Tx) error {
		c, err := certstore.Get[gate.Certificate](tx, string(id))
		if err == nil {
			chain, err = a.chainOf(c)
		}
		return err
	})
	return chain, err
}

// entitled judges the call again, on the records as they are now: its body may have taken its time.
func (a *Authority) entitled(call *Call) (*gate.Caller, error) {
	return a.judgedAgain(call, gate.Entitle)
}

func (a *Authority) judgedAgain(call *Call, judge func(*gate.Request, *gate.Caller, time.Time) gate.Decision) (*gate.Caller, error) {
	var now gate.Caller
	a.dir.Caller(&call.probe, &now)
	now.KeyProven = now.Key != nil && call.Caller.Key != nil && now.Key.ID == call.Caller.Key.ID
	d := judge(&call.Request, &now, a.now())
	if a.quarantine.Load() != nil {
		d = gate.Decision{Reason: gate.StateUnconfirmed}
	}
	if !d.Allowed() {
		call.Decision = d
		return nil, ErrNotEntitled
	}
	return &now, nil
}

// renewal is what there is to tell of one.
type renewal struct {
	noun  string // key or certificate
	made  string // identifier of the new one
	old   string // of the one that it follows
	ended string // of one that was never used and was revoked; empty if none was
	until time.Time
}

// tellRenewed tells the customer's technical and security contacts each time: if it was somebody else, they are the ones who can know.
func (a *Authority) tellRenewed(tx *certstore.Tx, call *Call, r renewal) (gate.Event, error) {
	device := call.Caller.Device
	path, err := a.devicePath(device)
	if err != nil {
		return gate.Event{}, err
	}
	peer := call.Request.Peer.Unmap().String()
	_, err = a.notify(tx, device.Account, gate.RenewedNotice, notify.Data{Noun: r.noun, Name: path, Environment: device.Environment.String(), Verb: "renewed",
		From: a.moment(), Until: r.until, Address: peer, Made: r.made, Former: r.old, Ended: r.ended})
	event := gate.Event{Verb: gate.KeyRenewed, Account: device.Account, Object: r.made, Detail: fmt.Sprintf("%s, after %s, from %s", device.Slug, r.old, peer)}
	if r.noun == "certificate" {
		event.Verb = gate.CertificateRenewed
	}
	if r.ended != "" {
		event.Detail += ", in place of " + r.ended
	}
	return event, err
}

// attempts bound how often each device may try to renew: what is asked costs more than a call, and is free.
type attempts struct {
	mu     sync.Mutex
	minute int64                 // guarded by mu; Unix time / 60
	made   map[gate.DeviceID]int // guarded by mu; in that minute
}

const attemptsPerMinute = 10

func (t *attempts) admit(device gate.DeviceID, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if minute := now.Unix() / 60; t.made == nil || minute != t.minute {
		t.minute, t.made = minute, make(map[gate.DeviceID]int)
	}
	if t.made[device] >= attemptsPerMinute {
		wait := time.Unix((t.minute+1)*60, 0).Sub(now)
		return &gate.WaitError{Wait: wait, Text: fmt.Sprintf("this device has tried to renew %d times within a minute; try again in %s", attemptsPerMinute, wait.Round(time.Second))}
	}
	t.made[device]++
	return nil
}
