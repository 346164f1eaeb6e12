package authority

import (
	"errors"
	"strings"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// SandboxKey issues a key to a sandbox device and returns it, once. Only there may staff see a key: the data is synthetic.
func (a *Authority) SandboxKey(by By, device gate.DeviceID) (string, *gate.Key, error) {
	if err := by.May(gate.ReleaseIt); err != nil {
		return "", nil, err
	}
	d, err := a.dir.Device(string(device))
	if err != nil {
		return "", nil, err
	}
	if d.Environment != gate.Sandbox {
		return "", nil, gate.Errorf(gate.Conflict, "device %s is in %s; staff may see keys of sandbox devices only, others are released", d.ID, d.Environment)
	}
	key, record, err := a.newKey(d)
	if err != nil {
		return "", nil, err
	}
	_, err = a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		if err := a.hasRoom(d.ID); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, record)
		return gate.Event{Verb: gate.SandboxKeyIssued, Account: d.Account, Object: string(record.ID), Detail: d.Slug}, nil
	})
	if err != nil {
		return "", nil, err
	}
	return key, record, nil
}

// hasRoom refuses a further key or certificate for a device that has as many as it may have. What waits for an import to be confirmed
// counts: it must find room then.
func (a *Authority) hasRoom(device gate.DeviceID) error {
	keys, certificates := 0, 0
	for _, k := range a.dir.Keys(device) {
		if s := k.State(a.now()); s.Live() || s == gate.Waiting {
			keys++
		}
	}
	for _, c := range a.dir.Certificates(device) {
		if s := c.State(a.now()); s.Live() || s == gate.Waiting {
			certificates++
		}
	}
	if keys >= gate.MaxLive || certificates >= gate.MaxLive {
		return gate.Errorf(gate.Conflict, "device %s has %d live keys and %d live certificates; %d of each are allowed, so revoke one first", device, keys, certificates, gate.MaxLive)
	}
	return nil
}

// RevokeKey ends a key now, on open connections too.
func (a *Authority) RevokeKey(by By, id gate.KeyID, reason gate.RevocationReason, why string) (*gate.Key, error) {
	if err := errors.Join(by.May(gate.Stop), gate.CheckReason(why)); err != nil {
		return nil, err
	}
	var out *gate.Key
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		if err := a.keyToEnd(tx, by, id); err != nil {
			return gate.Event{}, err
		}
		if err := a.revokeKey(tx, id, gate.Revocation{At: a.moment(), By: by.Staff, Reason: reason, Why: why}); err != nil {
			return gate.Event{}, err
		}
		var err error
		if out, err = certstore.Get[gate.Key](tx, string(id)); err != nil {
			return gate.Event{}, err
		}
		return a.revoked(tx, gate.Event{Account: out.Account, Object: string(id), Why: why, Detail: reason.String()})
	})
	return out, err
}

// RevokeCertificate ends a certificate now, on open connections too.
func (a *Authority) RevokeCertificate(by By, id gate.CertificateID, reason gate.RevocationReason, why string) (*gate.Certificate, error) {
	if err := errors.Join(by.May(gate.Stop), gate.CheckReason(why)); err != nil {
		return nil, err
	}
	var out gate.Certificate
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		c, err := load[gate.Certificate](tx, by, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		if err := a.spareCertificate(by, c); err != nil {
			return gate.Event{}, err
		}
		if out, err = c.Revoke(gate.Revocation{At: a.moment(), By: by.Staff, Reason: reason, Why: why}); err != nil {
			return gate.Event{}, err
		}
		a.putRevoked(tx, &out)
		return a.revoked(tx, gate.Event{Account: out.Account, Object: string(id), Why: why, Detail: reason.String()})
	})
	return &out, err
}

func (a *Authority) revokeKey(tx *certstore.Tx, id gate.KeyID, r gate.Revocation) error {
	k, err := certstore.Get[gate.Key](tx, string(id))
	if err != nil {
		return err
	}
	revoked, err := k.Revoke(r)
	if err != nil {
		return err
	}
	certstore.Put(tx, &revoked)
	return nil
}

// revoked tells the customer, and returns the event.
func (a *Authority) revoked(tx *certstore.Tx, event gate.Event) (gate.Event, error) {
	noun := gate.CertificateSubject
	if strings.HasPrefix(event.Object, gate.KeyPrefix) {
		noun = gate.KeySubject
	}
	_, err := a.notify(tx, event.Account, gate.CredentialNotice, notify.Data{Noun: string(noun), Name: event.Object, Verb: "revoked", Why: event.Why, From: a.moment()})
	event.Verb = gate.CredentialRevoked
	return event, err
}
