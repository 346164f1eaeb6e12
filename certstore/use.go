package certstore

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/onerecord/certgate/gate"
)

// LastUse is the place in memory where the last use of one key or certificate is noted. Requests note it without a lock. The zero value is
// that of one that was never used.
type LastUse struct {
	last    atomic.Pointer[gate.Use]
	first   atomic.Int64 // Unix time of the first since the start, if it was the first of all; 0: of none
	written atomic.Int64 // Unix time of what was written down, or is about to be
}

// useInterval is how often the last use of a credential is written down while it is in use.
const useInterval = 3600

// Note notes a use, once a second at most, and reports whether it is time to write it down.
func (u *LastUse) Note(of gate.Record, at time.Time, from netip.Addr) (due bool) {
	second := at.Unix()
	if last := u.last.Load(); last == nil || last.At.Unix() < second {
		use := &gate.Use{ID: of.RecordID(), At: at.UTC().Truncate(time.Second), From: from.Unmap()}
		switch r := of.(type) {
		case *gate.Key:
			use.Account = r.Account
		case *gate.Certificate:
			use.Account = r.Account
		}
		if last == nil {
			u.first.CompareAndSwap(0, second)
		}
		u.last.Store(use)
	}
	written := u.written.Load()
	return second-written >= useInterval && u.written.CompareAndSwap(written, second)
}

// Again makes the next use due: the last one could not be written down.
func (u *LastUse) Again() { u.written.Store(0) }

// Last is the last use; nil if there was none.
func (u *LastUse) Last() *gate.Use { return u.last.Load() }

// LastUse is the last use of the key or certificate; nil if none is known. It is shared and immutable.
func (d *Directory) LastUse(id string) *gate.Use {
	if u := d.usePlace(id); u != nil {
		return u.Last()
	}
	return nil
}

// FirstUse is when the key or certificate was first used, by its record, or where that was not written down yet by what is in memory; nil if it
// never was.
func (d *Directory) FirstUse(id string, recorded *time.Time) *time.Time {
	if recorded != nil {
		return recorded
	}
	u := d.usePlace(id)
	if u == nil || u.Last() == nil {
		return nil
	}
	if second := u.first.Load(); second != 0 {
		at := time.Unix(second, 0).UTC()
		return &at
	}
	return &u.Last().At
}

// UseAgain is LastUse.Again of the key or certificate.
func (d *Directory) UseAgain(id string) {
	if u := d.usePlace(id); u != nil {
		u.Again()
	}
}

func (d *Directory) usePlace(id string) *LastUse {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if n := d.keys[gate.KeyID(id)]; n != nil {
		return &n.use
	}
	if n := d.certificates[gate.CertificateID(id)]; n != nil {
		return &n.use
	}
	return nil
}

// putUse takes what was written down, unless more is known.
func (s *state) putUse(r *gate.Use) {
	var place *LastUse
	if strings.HasPrefix(r.ID, gate.KeyPrefix) {
		place = &node(s.keys, gate.KeyID(r.ID)).use
	} else {
		place = &node(s.certificates, gate.CertificateID(r.ID)).use
	}
	if last := place.last.Load(); last == nil || last.At.Before(r.At) {
		place.last.Store(r)
	}
	if at := r.At.Unix(); at > place.written.Load() {
		place.written.Store(at)
	}
}
