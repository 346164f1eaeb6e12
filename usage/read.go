package usage

import (
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/gate"
)

// Bucket is what a device used from Start until End.
type Bucket struct {
	Device     gate.DeviceID
	Start, End int64 // Unix seconds
	Cells      []Cell
}

// Each calls f with what a device used from one time until another, in order of time: minutes where they are not summed yet, quarters of an
// hour before, days of the zone that counted then where quarters are removed. A bucket counts where it begins.
func (s *Store) Each(device gate.DeviceID, from, to time.Time, f func(*Bucket) error) error {
	at, txn, err := s.cut()
	if err != nil {
		return err
	}
	defer s.leave()
	defer txn.Discard()
	whole := int64(0) // from here on quarters count
	err = scan(txn, days, device, 0, at.Quarters, func(b *Bucket) error {
		whole = b.End
		if b.Start < from.Unix() || b.Start >= to.Unix() {
			return nil
		}
		return f(b)
	})
	if err != nil {
		return err
	}
	if err = scan(txn, quarters, device, max(from.Unix(), whole), min(to.Unix(), at.Summed), f); err != nil {
		return err
	}
	return scan(txn, minutes, device, max(from.Unix(), at.Summed), to.Unix(), f)
}

// cut is the store as it is between two writes; leave must follow.
func (s *Store) cut() (state, *badger.Txn, error) {
	s.mu.Lock() // before enter, as writers do: Close waits between the two
	defer s.mu.Unlock()
	if err := s.enter(); err != nil {
		return state{}, nil, err
	}
	return s.state, s.db.NewTransaction(false), nil
}

// scan calls f with the buckets of a device that begin at from or later and before to.
//
//nolint:revive // six things, and none belongs to another
func scan(txn *badger.Txn, level byte, device gate.DeviceID, from, to int64, f func(*Bucket) error) error {
	return scanKeys(txn, level, device, from, to, func(_ int64, item *badger.Item) error {
		b, err := read(item)
		if err != nil {
			return err
		}
		return f(b)
	})
}

// scanKeys calls f with what is kept of a device that begins at from or later and before to.
//
//nolint:revive // six things, and none belongs to another
func scanKeys(txn *badger.Txn, level byte, device gate.DeviceID, from, to int64, f func(start int64, item *badger.Item) error) error {
	o := badger.DefaultIteratorOptions
	o.Prefix = append(append([]byte{level}, device...), 0)
	it := txn.NewIterator(o)
	defer it.Close()
	for it.Seek(keyOf(level, device, max(from, 0))); it.Valid(); it.Next() {
		_, start, err := parseKey(it.Item().Key())
		if err != nil {
			return err
		}
		if start >= to {
			return nil
		}
		if err := f(start, it.Item()); err != nil {
			return err
		}
	}
	return nil
}

func read(item *badger.Item) (*Bucket, error) {
	var b Bucket
	device, start, err := parseKey(item.Key())
	if err == nil {
		b.Device, b.Start = device, start
		err = item.Value(func(v []byte) (err error) {
			b.End, b.Cells, err = decode(v)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read usage of %s: %w", device, err)
	}
	return &b, nil
}

// devices lists those that have buckets of a level. Where f is not nil it is called with each of their buckets that begins at from or later.
func (s *Store) devices(level byte, f func(*Bucket) error, from int64) (list []gate.DeviceID, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{level}})
		defer it.Close()
		for it.Rewind(); it.Valid(); {
			device, _, err := parseKey(it.Item().Key())
			if err != nil {
				return err
			}
			list = append(list, device)
			if f != nil {
				if err := scan(txn, level, device, from, 1<<62, f); err != nil {
					return err
				}
			}
			it.Seek(append(append([]byte{level}, device...), 1)) // past all buckets of the device
		}
		return nil
	})
	return list, err
}
