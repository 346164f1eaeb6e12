package usage

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/gate"
)

// openHour is an hour that has changed since it was last written.
type openHour struct {
	device gate.DeviceID
	hour   *hour
	// What is being written of it.
	changes int64
	named   [4]int
	fresh   [4]float64
	origins int
}

func (o *openHour) allFresh() float64 { return o.fresh[0] + o.fresh[1] + o.fresh[2] + o.fresh[3] }

// seenTogether is how many hours are written in one turn: counts, which are written each second, must not wait for all of them.
const seenTogether = 500

// FlushSeen writes what devices were seen to do, whole hours of those that changed. It is for every minute: a process that is killed forgets
// whom it saw since. If it fails, the meter still has what was not written.
func (s *Store) FlushSeen() error {
	s.whole.Lock()
	defer s.whole.Unlock()
	for list := range slices.Chunk(s.Meter.openHours(), seenTogether) {
		if err := s.flushSeen(list); err != nil {
			return fmt.Errorf("write what devices were seen to do: %w", err)
		}
	}
	for list := range slices.Chunk(s.Meter.openTraces(), seenTogether) {
		if err := s.flushTraces(list); err != nil {
			return fmt.Errorf("write what is watched of devices: %w", err)
		}
	}
	s.Meter.forgetHours()
	s.Meter.forgetTraces()
	return nil
}

func (s *Store) flushSeen(list []openHour) error {
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	if err := s.checkDisk(); err != nil {
		return err
	}
	batch := s.db.NewWriteBatch()
	defer batch.Cancel()
	var k *known
	for i := range list {
		if k, err = s.putHour(batch, &list[i], k); err != nil {
			return err
		}
	}
	if err := errors.Join(k.put(batch), s.putOrigins(batch, list), s.sync(batch)); err != nil {
		return err
	}
	s.Meter.seenWritten(list)
	return nil
}

// openHours are those that changed, one account after another.
func (m *Meter) openHours() (list []openHour) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for device, d := range s.devices {
			for _, h := range d.hours {
				if h.changes != h.flushed {
					list = append(list, openHour{device: device, hour: h})
				}
			}
		}
		s.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b openHour) int {
		return cmp.Or(cmp.Compare(a.hour.account, b.hour.account), cmp.Compare(a.hour.start, b.hour.start), cmp.Compare(a.device, b.device))
	})
	return list
}

// putHour writes an hour. k is what the account of the one before knows; it returns what this one's does.
func (s *Store) putHour(batch *badger.WriteBatch, o *openHour, k *known) (*known, error) {
	h := o.hour
	if k == nil || k.account != h.account {
		if err := k.put(batch); err != nil {
			return k, err
		}
		var err error
		if k, err = s.knownTo(h.account, h.day); err != nil {
			return nil, err
		}
	}
	key := keyOf(seenHours, o.device, h.start)
	var before *Seen
	if !h.loaded {
		var err error
		if before, err = s.seenAt(key, h.start); err != nil {
			return k, err
		}
	}
	value := s.Meter.write(o, before, k)
	return k, batch.Set(key, value)
}

// seenAt is what is kept under a key; nil if there is nothing.
func (s *Store) seenAt(key []byte, start int64) (r *Seen, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(key)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return item.Value(func(v []byte) (err error) {
			r, err = decodeSeen(start, v)
			return err
		})
	})
	return r, err
}

// write puts into an hour what the store had of it, and returns what is to be written.
func (m *Meter) write(o *openHour, before *Seen, k *known) []byte {
	h, s := o.hour, m.shard(o.device)
	s.mu.Lock()
	defer s.mu.Unlock()
	if before != nil {
		held := h.patients.bytes() + h.networks.bytes()
		h.patients.merge(&before.patients)
		h.networks.merge(&before.networks)
		m.sketched.Add(h.patients.bytes() + h.networks.bytes() - held)
		h.forbidden += before.Forbidden
		h.notFound += before.NotFound
		h.fresh += before.fresh
	}
	h.loaded = true
	o.changes = h.changes
	for i, named := range h.named {
		o.named[i], o.fresh[i] = len(named), k.see(named)
	}
	r := Seen{Start: h.start, End: h.end, Forbidden: h.forbidden, NotFound: h.notFound, day: h.day, fresh: h.fresh + o.allFresh(), sketched: true,
		patients: h.patients, networks: h.networks}
	return r.encode()
}

// seenWritten notes what was written.
func (m *Meter) seenWritten(list []openHour) {
	for i := range list {
		o := &list[i]
		s := m.shard(o.device)
		s.mu.Lock()
		o.hour.flushed, o.hour.fresh = o.changes, o.hour.fresh+o.allFresh()
		for q, n := range o.named {
			if m.named.Add(-int64(n)); n == len(o.hour.named[q]) {
				o.hour.named[q] = nil // with the memory behind it
			} else {
				o.hour.named[q] = slices.Delete(o.hour.named[q], 0, n)
			}
			if d := s.devices[o.device]; d != nil {
				d.trace.welcome(o.hour.start+int64(q)*quarter, o.fresh[q])
			}
		}
		o.hour.written, o.hour.told = true, o.origins
		s.mu.Unlock()
	}
}

// forgetHours forgets those that did not change since they were written before. A call that comes yet makes its hour anew, and that is joined to
// what the store has.
func (m *Meter) forgetHours() {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for device, d := range s.devices {
			d.hours = slices.DeleteFunc(d.hours, func(h *hour) bool {
				idle := h.flushed == h.changes && !h.written
				h.written = false
				if idle {
					m.hours.Add(-1)
					m.sketched.Add(-h.patients.bytes() - h.networks.bytes())
				}
				return idle
			})
			if d.empty() {
				delete(s.devices, device)
			}
		}
		s.mu.Unlock()
	}
}
