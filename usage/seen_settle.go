package usage

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/gate"
)

// Settle turns sketches of days that nothing can change any more into numbers: of each device by hour and day, and by hour and day of each account
// that account names (empty: of none). From then on it cannot be told of anybody whether they were among the patients. It is to follow
// RollDays, and does something once a day.
//
// Each account has a turn of its own: counts, which are written each second, must not wait for all of them.
func (s *Store) Settle(account func(gate.DeviceID) gate.AccountID) error {
	groups, until, err := s.unsettled(account)
	if err != nil || groups == nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		if err := s.settle(id, groups[id], until); err != nil {
			return fmt.Errorf("sum what devices were seen to do: %w", err)
		}
	}
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	if err := s.forgetKnown(until); err != nil {
		return fmt.Errorf("forget which patients accounts have named: %w", err)
	}
	if err := s.forgetOrigins(until); err != nil {
		return fmt.Errorf("forget whence accounts have called: %w", err)
	}
	next := s.state
	next.Settled = until
	return s.setState(next)
}

// unsettled are the devices by account, and the first day that is not to be settled yet; nil if there is nothing to do.
func (s *Store) unsettled(account func(gate.DeviceID) gate.AccountID) (groups map[gate.AccountID][]gate.DeviceID, until int64, err error) {
	done, err := s.turn()
	if err != nil {
		return nil, 0, err
	}
	defer done()
	const latest = dayLong / 2 // a day has ended everywhere half a day after it has in UTC
	until = floor(s.state.Minutes-latest, dayLong) / dayLong
	if until <= s.state.Settled {
		return nil, 0, nil
	}
	devices, err := s.devices(seenHours, nil, 0)
	if err != nil {
		return nil, 0, err
	}
	groups = make(map[gate.AccountID][]gate.DeviceID)
	for _, d := range devices {
		groups[account(d)] = append(groups[account(d)], d)
	}
	return groups, until, nil
}

// settling is what becomes of the devices of an account.
type settling struct {
	store   *Store
	txn     *badger.Txn
	batch   *badger.WriteBatch // of the sums, which are on disk before anything is taken away
	strip   *badger.WriteBatch
	account gate.AccountID
	hours   map[int64]*Seen // of the account, by beginning
	days    map[int32]*Seen
	until   int64 // the first day that is not settled
}

func (s *Store) settle(account gate.AccountID, devices []gate.DeviceID, until int64) error {
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	g := &settling{store: s, txn: s.db.NewTransaction(false), batch: s.db.NewWriteBatch(), strip: s.db.NewWriteBatch(), account: account,
		hours: map[int64]*Seen{}, days: map[int32]*Seen{}, until: until}
	defer g.txn.Discard()
	defer g.batch.Cancel()
	defer g.strip.Cancel()
	for _, d := range devices {
		if err := g.device(d); err != nil {
			return err
		}
	}
	subject := gate.DeviceID(account)
	for start, r := range g.hours {
		if err := g.put(seenHours, subject, start, r); err != nil {
			return err
		}
	}
	for _, r := range g.days {
		if err := g.put(seenDays, subject, r.Start, r); err != nil {
			return err
		}
	}
	return errors.Join(s.sync(g.batch), g.strip.Flush())
}

func (g *settling) device(d gate.DeviceID) error {
	days := map[int32]*Seen{}
	from, to := (g.store.state.Settled-1)*dayLong, (g.until+1)*dayLong
	err := eachSeen(g.txn, seenHours, d, from, to, func(r *Seen) error {
		if !r.sketched || int64(r.day) >= g.until {
			return nil
		}
		if days[r.day] == nil {
			days[r.day] = new(Seen)
		}
		days[r.day].join(r)
		if g.account != "" {
			if g.hours[r.Start] == nil {
				g.hours[r.Start] = new(Seen)
			}
			if g.days[r.day] == nil {
				g.days[r.day] = new(Seen)
			}
			g.hours[r.Start].join(r)
			g.days[r.day].join(r)
		}
		r.sketched = false
		return g.strip.Set(keyOf(seenHours, d, r.Start), r.encode())
	})
	for _, r := range days {
		if err == nil {
			err = g.put(seenDays, d, r.Start, r)
		}
	}
	return err
}

// put writes a sum. One that is there was made before a crash from more than what has sketches now, or from as much.
func (g *settling) put(level byte, subject gate.DeviceID, start int64, r *Seen) error {
	r.tell()
	r.sketched = false
	before, err := g.store.seenAt(keyOf(level, subject, start), start)
	if err != nil {
		return err
	}
	if before != nil {
		r.Patients, r.Networks, r.fresh = max(r.Patients, before.Patients), max(r.Networks, before.Networks), max(r.fresh, before.fresh)
		r.Forbidden, r.NotFound, r.End = max(r.Forbidden, before.Forbidden), max(r.NotFound, before.NotFound), max(r.End, before.End)
	}
	return g.batch.Set(keyOf(level, subject, start), r.encode())
}

// forgetKnown forgets what accounts knew that have not called for so long that all would be new to them.
func (s *Store) forgetKnown(day int64) error {
	batch := s.db.NewWriteBatch()
	defer batch.Cancel()
	err := s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{knownTo}, PrefetchValues: true, PrefetchSize: 10})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			var k known
			if err := it.Item().Value(k.decode); err != nil {
				return err
			}
			if k.generation+1 < day/generationDays {
				if err := batch.Delete(it.Item().KeyCopy(nil)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return errors.Join(err, batch.Flush())
}
