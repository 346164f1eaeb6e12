package authority

import (
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// noteUse notes that the call used its key and, where certificates count, its certificate, and leaves in the queue what it is time to write
// down.
func (a *Authority) noteUse(c *Call, now time.Time) {
	if k := c.Caller.Key; k != nil && c.uses.Key != nil && c.uses.Key.Note(k, now, c.Request.Peer) {
		a.queueUse(string(k.ID), c.uses.Key)
	}
	if !c.Request.Site.Environment.NeedsCertificate() {
		return
	}
	if k := c.Caller.Certificate; k != nil && c.uses.Certificate != nil && c.uses.Certificate.Note(k, now, c.Request.Peer) {
		a.queueUse(string(k.ID), c.uses.Certificate)
	}
}

func (a *Authority) queueUse(id string, place *certstore.LastUse) {
	select {
	case a.sightings <- sighting{used: id}:
	default:
		place.Again()
	}
}

// writeUses writes down the last uses of credentials, in one commit. It is no change of state, so it has no event.
func (a *Authority) writeUses(list []sighting) error {
	if len(list) == 0 {
		return nil
	}
	err := a.store.Bookkeep(func(tx *certstore.Tx) error {
		for _, s := range list {
			if u := a.dir.LastUse(s.used); u != nil && u.ID == s.used {
				use := *u
				certstore.Put(tx, &use)
			}
		}
		return nil
	})
	if err != nil {
		for _, s := range list {
			a.dir.UseAgain(s.used)
		}
	}
	return err
}

// Held are the live keys and certificates of the device that calls.
func (c *Call) Held(now time.Time) (keys []*gate.Key, certificates []*gate.Certificate) {
	if c.Caller.Device == nil {
		return nil, nil
	}
	for _, k := range c.authority.dir.Keys(c.Caller.Device.ID) {
		if k.State(now).Live() {
			keys = append(keys, k)
		}
	}
	for _, k := range c.authority.dir.Certificates(c.Caller.Device.ID) {
		if k.State(now).Live() {
			certificates = append(certificates, k)
		}
	}
	return keys, certificates
}

// LastUse is when and from where a key or certificate was last used; nil if it is not known.
func (c *Call) LastUse(id string) *gate.Use { return c.authority.dir.LastUse(id) }
