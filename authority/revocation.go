package authority

import (
	"strings"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Revoking says how a key or certificate is to end.
type Revoking struct {
	Reason gate.RevocationReason
	Why    string
	// Last says that it may be the last one with which its device can call. After a key compromise it always may.
	Last bool
}

// RevokeCredential ends a key or certificate, by its identifier, now, on open connections too. It refuses to end the last usable one of a
// device by accident.
func (a *Authority) RevokeCredential(by By, id string, in Revoking) error {
	by.spare = !in.Last && in.Reason != gate.KeyCompromise
	var err error
	switch {
	case strings.HasPrefix(id, gate.KeyPrefix):
		_, err = a.RevokeKey(by, gate.KeyID(id), in.Reason, in.Why)
	case strings.HasPrefix(id, gate.CertificatePrefix):
		_, err = a.RevokeCertificate(by, gate.CertificateID(id), in.Reason, in.Why)
	default:
		err = gate.Errorf(gate.NotFound, "there is no credential %q", gate.Clip(id, 60))
	}
	return err
}

// spareKey refuses to end the last live key of a device, if by asks for that.
func (a *Authority) spareKey(by By, k *gate.Key) error {
	now := a.now()
	if !by.spare || !k.State(now).Live() {
		return nil
	}
	for _, other := range a.dir.Keys(k.Device) {
		if other.ID != k.ID && other.State(now).Live() {
			return nil
		}
	}
	return a.lastOne("key", string(k.ID), k.Device)
}

// spareCertificate is spareKey for certificates.
func (a *Authority) spareCertificate(by By, c *gate.Certificate) error {
	now := a.now()
	if !by.spare || !c.State(now).Live() {
		return nil
	}
	for _, other := range a.dir.Certificates(c.Device) {
		if other.ID != c.ID && other.State(now).Live() {
			return nil
		}
	}
	return a.lastOne("certificate", string(c.ID), c.Device)
}

func (a *Authority) lastOne(noun, id string, device gate.DeviceID) error {
	name := string(device)
	if d, err := a.dir.Device(name); err == nil {
		if path, err := a.devicePath(d); err == nil {
			name = path
		}
	}
	return gate.Errorf(gate.Conflict, "%s is the last live %s of %s, which could not call any more; let the customer renew it first, or say --last if that is meant", id, noun, name)
}

// keyToEnd reads a key that by may end.
func (a *Authority) keyToEnd(tx *certstore.Tx, by By, id gate.KeyID) error {
	k, err := load[gate.Key](tx, by, string(id))
	if err != nil {
		return err
	}
	return a.spareKey(by, k)
}
