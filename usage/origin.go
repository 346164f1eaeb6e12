package usage

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/gate"
)

// Origin is a network whence production devices of an account called: a /24, or /48 of IPv6. Unlike what sketches count it is kept by name,
// because people must be told which one is new.
type Origin struct {
	Network netip.Prefix
	Device  gate.DeviceID // that called from there last
	// First is the hour in which it was seen first, or again after it had not been for OriginRest; Last the latest.
	First, Last time.Time
}

const (
	// OriginRest is how long an account must have called from elsewhere alone for a network to be new again. A pause of the account itself makes
	// nothing new.
	OriginRest = 30 * 24 * time.Hour
	// originKept is how long one is remembered at all.
	originKept = 2 * OriginRest
	// maxOrigins is how many are remembered of an account; beyond that the one not seen for longest is forgotten.
	maxOrigins = 256
	// maxHourOrigins is how many different ones are noted of a device in an hour.
	maxHourOrigins = 16
)

// originLevel is the level of what is kept of each account's.
const originLevel = 'o'

// come notes whence a device calls, in the hour. It allocates only for what is new in it.
func (h *hour) come(network [16]byte) {
	if len(h.origins) < maxHourOrigins && !slices.Contains(h.origins, network) {
		h.origins = append(h.origins, network)
	}
}

// prefixOf undoes networkOf.
func prefixOf(n [16]byte) netip.Prefix {
	if n[0] == 4 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{n[1], n[2], n[3]}), 24)
	}
	var b [16]byte
	copy(b[:6], n[1:7])
	return netip.PrefixFrom(netip.AddrFrom16(b), 48)
}

// origins are what is kept of an account.
type origins struct {
	since   int64 // Unix time of the first hour that was noted
	list    []origin
	changed bool
}

type origin struct {
	network     [16]byte
	first, last int64
	device      gate.DeviceID
}

// see takes in that a device called from a network in the hour that began then. A day is near enough for the last time: most hours change nothing.
func (o *origins) see(network [16]byte, at int64, device gate.DeviceID) {
	if o.since == 0 {
		o.since, o.changed = at, true
	}
	i := slices.IndexFunc(o.list, func(k origin) bool { return k.network == network })
	if i < 0 {
		o.list, o.changed = append(o.list, origin{network, at, at, device}), true
		return
	}
	k := &o.list[i]
	switch {
	case o.latest()-k.last >= int64(OriginRest/time.Second):
		*k = origin{network, at, at, device}
	case at-k.last >= dayLong, at > k.last && k.device != device:
		k.last, k.device = at, device
	default:
		return
	}
	o.changed = true
}

// latest is when the account called last, from anywhere.
func (o *origins) latest() (at int64) {
	for i := range o.list {
		at = max(at, o.list[i].last)
	}
	return at
}

// forget drops those that were not seen for long, and of too many the oldest.
func (o *origins) forget(now int64) {
	before := len(o.list)
	o.list = slices.DeleteFunc(o.list, func(k origin) bool { return now-k.last > int64(originKept/time.Second) })
	if len(o.list) > maxOrigins {
		slices.SortFunc(o.list, func(a, b origin) int { return cmp.Compare(b.last, a.last) })
		o.list = o.list[:maxOrigins]
	}
	o.changed = o.changed || len(o.list) != before
}

func (o *origins) encode() []byte {
	out := binary.AppendVarint([]byte{1}, o.since)
	out = binary.AppendUvarint(out, uint64(len(o.list)))
	for i := range o.list {
		k := &o.list[i]
		out = append(out, k.network[:7]...)
		out = binary.AppendVarint(binary.AppendVarint(out, k.first), k.last-k.first)
		out = append(binary.AppendUvarint(out, uint64(len(k.device))), k.device...)
	}
	return out
}

func (o *origins) decode(value []byte) error {
	if len(value) == 0 || value[0] != 1 {
		return fmt.Errorf("%w: networks are not of version 1", errBucket)
	}
	d := decoder{rest: value[1:]}
	o.since = d.number()
	for range d.length() {
		var k origin
		copy(k.network[:7], d.bytes(7))
		k.first = d.number()
		k.last = k.first + d.number()
		k.device = gate.DeviceID(d.text())
		o.list = append(o.list, k)
	}
	return d.err
}

// putOrigins writes whence devices called that is not written yet. Devices that count for no account but themselves are passed over.
func (s *Store) putOrigins(batch *badger.WriteBatch, list []openHour) error {
	for len(list) > 0 {
		account := list[0].hour.account
		n := slices.IndexFunc(list, func(o openHour) bool { return o.hour.account != account })
		if n < 0 {
			n = len(list)
		}
		if err := s.putOriginsOf(batch, account, list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

func (s *Store) putOriginsOf(batch *badger.WriteBatch, account gate.AccountID, list []openHour) error {
	var known *origins
	for i := range list {
		fresh := s.Meter.untold(&list[i])
		if len(fresh) == 0 || string(account) == string(list[i].device) {
			continue
		}
		if known == nil {
			var err error
			if known, err = s.originsOf(account); err != nil {
				return err
			}
		}
		for _, network := range fresh {
			known.see(network, list[i].hour.start, list[i].device)
		}
		known.forget(list[i].hour.start)
	}
	if known == nil || !known.changed {
		return nil
	}
	return batch.Set(keyOf(originLevel, gate.DeviceID(account), 0), known.encode())
}

// untold are the origins of an hour that were not written.
func (m *Meter) untold(o *openHour) [][16]byte {
	s := m.shard(o.device)
	s.mu.Lock()
	defer s.mu.Unlock()
	o.origins = len(o.hour.origins)
	return slices.Clone(o.hour.origins[o.hour.told:])
}

func (s *Store) originsOf(account gate.AccountID) (*origins, error) {
	o := new(origins)
	err := s.db.View(func(txn *badger.Txn) error { return o.read(txn, account) })
	if err != nil {
		return nil, fmt.Errorf("read whence %s called: %w", account, err)
	}
	return o, nil
}

func (o *origins) read(txn *badger.Txn, account gate.AccountID) error {
	item, err := txn.Get(keyOf(originLevel, gate.DeviceID(account), 0))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return item.Value(o.decode)
}

// Origins are the networks whence production devices of an account called within the last 60 days, the newest first at the head, and
// since when that is noted; zero: it never was.
func (s *Store) Origins(account gate.AccountID) (since time.Time, list []Origin, err error) {
	_, txn, err := s.cut()
	if err != nil {
		return since, nil, err
	}
	defer s.leave()
	defer txn.Discard()
	var o origins
	if err := o.read(txn, account); err != nil {
		return since, nil, fmt.Errorf("read whence %s called: %w", account, err)
	}
	if o.since != 0 {
		since = time.Unix(o.since, 0).UTC()
	}
	for _, k := range o.list {
		list = append(list, Origin{prefixOf(k.network), k.device, time.Unix(k.first, 0).UTC(), time.Unix(k.last, 0).UTC()})
	}
	slices.SortFunc(list, func(a, b Origin) int {
		return cmp.Or(b.First.Compare(a.First), cmp.Compare(a.Network.String(), b.Network.String()))
	})
	return since, list, nil
}

// forgetOrigins forgets accounts that have not called for long.
func (s *Store) forgetOrigins(day int64) error {
	batch := s.db.NewWriteBatch()
	defer batch.Cancel()
	err := s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{originLevel}, PrefetchValues: true, PrefetchSize: 10})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			var o origins
			if err := it.Item().Value(o.decode); err != nil {
				return err
			}
			if o.forget(day * dayLong); len(o.list) == 0 {
				if err := batch.Delete(it.Item().KeyCopy(nil)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return errors.Join(err, batch.Flush())
}
