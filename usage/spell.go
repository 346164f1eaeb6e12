package usage

import (
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/gate"
)

// Spell is what a device did in a time, for those who watch for abuse.
type Spell struct {
	Device gate.DeviceID
	Cells  []Cell // its calls by what they were
	// Seen are the hours of its zone that begin in the time, joined; its numbers are 0 where nothing was seen, and of less than an hour.
	Seen Seen
}

// Spells calls f with what each of the devices that called did from one time until another, in the order in which they are given. The time must
// be whole quarters, and have been summed. f must keep nothing of what it is given.
func (s *Store) Spells(devices []gate.DeviceID, from, to time.Time, f func(*Spell) error) error {
	at, txn, err := s.cut()
	if err != nil {
		return err
	}
	defer s.leave()
	defer txn.Discard()
	if to.Unix() > at.Summed {
		return fmt.Errorf("usage is summed until %s only, not until %s", time.Unix(at.Summed, 0).UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
	}
	r := spellReader{from: from.Unix(), to: to.Unix(), quarters: newWalk(txn, quarters), hours: newWalk(txn, seenHours)}
	defer r.quarters.Close()
	defer r.hours.Close()
	for _, d := range devices {
		spell, err := r.read(d)
		if err == nil && spell != nil {
			err = f(spell)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// newWalk is an iterator over a level that reads values where they are asked for.
func newWalk(txn *badger.Txn, level byte) *badger.Iterator {
	return txn.NewIterator(badger.IteratorOptions{Prefix: []byte{level}})
}

type spellReader struct {
	from, to        int64
	quarters, hours *badger.Iterator
}

func (r *spellReader) read(d gate.DeviceID) (*Spell, error) {
	spell := &Spell{Device: d}
	err := r.each(r.quarters, quarters, d, func(_ int64, v []byte) error {
		_, cells, err := decode(v)
		spell.Cells = Sum(spell.Cells, cells)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read usage of %s: %w", d, err)
	}
	if r.to-r.from < hourLong { // what is seen is kept by hour
		return spell.known(), nil
	}
	err = r.each(r.hours, seenHours, d, func(start int64, v []byte) error {
		seen, err := decodeSeen(start, v)
		if err == nil && seen.sketched {
			spell.Seen.join(seen)
		} else if err == nil {
			spell.Seen = *seen
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what %s was seen to do: %w", d, err)
	}
	spell.Seen.tell()
	return spell.known(), nil
}

// known is the spell, or nil if there is nothing in it.
func (p *Spell) known() *Spell {
	if len(p.Cells) == 0 && p.Seen.End == 0 {
		return nil
	}
	return p
}

func (r *spellReader) each(it *badger.Iterator, level byte, d gate.DeviceID, f func(start int64, value []byte) error) error {
	for it.Seek(keyOf(level, d, r.from)); it.Valid(); it.Next() {
		device, start, err := parseKey(it.Item().Key())
		if err != nil {
			return err
		}
		if device != d || start >= r.to {
			return nil
		}
		if err := it.Item().Value(func(v []byte) error { return f(start, v) }); err != nil {
			return err
		}
	}
	return nil
}
