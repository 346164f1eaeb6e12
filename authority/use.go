package authority

import (
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
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

// FirstUse is when a key or certificate was first used, by its record or by what is not written down yet; nil if it never was.
func (c *Call) FirstUse(id string, recorded *time.Time) *time.Time {
	return c.authority.dir.FirstUse(id, recorded)
}

// usesOf are the last uses of what a device holds.
func (a *Authority) usesOf(held *gate.Belongings) map[string]*gate.Use {
	uses := make(map[string]*gate.Use)
	for _, k := range held.Keys {
		if u := a.dir.LastUse(string(k.ID)); u != nil {
			uses[u.ID] = u
		}
	}
	for _, c := range held.Certificates {
		if u := a.dir.LastUse(string(c.ID)); u != nil {
			uses[u.ID] = u
		}
	}
	return uses
}

// oldInUse says what it is that is still presented, from where, and what took its place.
func (a *Authority) oldInUse(device *gate.Device, c *gate.Countdown, data *notify.Data) {
	data.Noun, data.From, data.Former = "key", c.Since, c.Subject
	if u := a.dir.LastUse(c.Subject); u != nil && u.From.IsValid() {
		data.Address = u.From.String()
	}
	now := a.now()
	if k := a.dir.Key(gate.KeyID(c.Subject)); k != nil {
		if by := k.ReplacedBy(a.dir.Keys(device.ID), now); by != nil {
			data.Made = string(by.ID)
		}
		return
	}
	data.Noun = "certificate"
	if k := a.dir.Certificate(gate.CertificateID(c.Subject)); k != nil {
		if by := k.ReplacedBy(a.dir.Certificates(device.ID), now); by != nil {
			data.Made = string(by.ID)
		}
	}
}
