package authority

import (
	"errors"
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// recentlySeen remembers what pre-production devices were seen to do within the hour, so that a busy one does not fill the queue of
// sightings. Two in one slot are written more often, which costs a little and loses nothing.
type recentlySeen [4096]atomic.Uint64

// slot finds the place of what a call shows, and what stands there once it was noted in this hour.
func (s *recentlySeen) slot(device gate.DeviceID, shown *gate.Shown, now time.Time) (*atomic.Uint64, uint64) {
	ip := shown.Network.Addr().As16()
	const odd = 0x9E3779B97F4A7C15 // 2^64 over the golden ratio
	mixed := ((hashOf(string(device))*odd^hashOf(shown.Behavior))*odd ^ hashOf(string(shown.Purpose))) * odd
	mixed = (mixed ^ maphash.Bytes(hashSeed, ip[:])) * odd
	return &s[mixed>>(64-12)], mixed<<24 | uint64(now.Unix()/3600)&0xFFFFFF
}

func (s *recentlySeen) clear() {
	for i := range s {
		s[i].Store(0)
	}
}

// observe leaves in the queue what an allowed call shows of a pre-production device: there a customer shows that it is ready.
func (a *Authority) observe(c *Call, now time.Time) {
	if c.Behavior == nil || c.Caller.Device == nil || !c.Request.Peer.IsValid() {
		return // one of certgate's own answers
	}
	shown := gate.Shown{Behavior: c.Behavior.Name, Purpose: c.Purpose, Network: gate.NetworkOf(c.Request.Peer)}
	slot, mark := a.seenLately.slot(c.Caller.Device.ID, &shown, now)
	if slot.Load() == mark {
		return
	}
	select {
	case a.sightings <- sighting{environment: gate.Preprod, device: c.Caller.Device.ID, shown: shown}:
		slot.Store(mark)
	default: // the next one shows it again
	}
}

// writeObserved writes down what devices have shown, in one commit. It is no change of state, so it has no event.
func (a *Authority) writeObserved(list []sighting) error {
	if len(list) == 0 {
		return nil
	}
	now := a.moment()
	err := a.store.Bookkeep(func(tx *certstore.Tx) error {
		all := make(map[gate.DeviceID]gate.Observed)
		for _, s := range list {
			o, ok := all[s.device]
			if !ok {
				found, err := observedOf(tx, s.device)
				if err != nil {
					return err
				}
				o = *found
			}
			all[s.device] = o.See(s.shown, now)
		}
		for _, o := range all {
			certstore.Put(tx, &o)
		}
		return nil
	})
	if err != nil {
		a.seenLately.clear()
	}
	return err
}

// observedOf is what a device was seen to do, empty if it was not seen.
func observedOf(tx *certstore.Tx, id gate.DeviceID) (*gate.Observed, error) {
	o, err := certstore.Get[gate.Observed](tx, string(id))
	if !errors.Is(err, gate.NotFound) {
		return o, err
	}
	device, err := certstore.Get[gate.Device](tx, string(id))
	if err != nil {
		return nil, err
	}
	return &gate.Observed{Device: id, Account: device.Account}, nil
}

// Observed is what the pre-production devices of an account were seen to do, as far as it was written down.
func (a *Authority) Observed(account gate.AccountID) (list []*gate.Observed, err error) {
	err = a.store.View(func(tx *certstore.Tx) error {
		for _, device := range a.dir.Devices(account) {
			if device.Environment != gate.Preprod {
				continue
			}
			o, err := certstore.Get[gate.Observed](tx, string(device.ID))
			switch {
			case errors.Is(err, gate.NotFound):
			case err != nil:
				return err
			default:
				list = append(list, o)
			}
		}
		return nil
	})
	return list, err
}
