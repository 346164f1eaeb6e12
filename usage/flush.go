package usage

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// Note is something else that is kept with usage and written with each flush: what was used of a limit. Its value is absolute.
type Note struct {
	Key   string
	Value []byte // nil: it is to be forgotten
}

const notePrefix = "note/"

// Flush writes every minute that changed, whole, and the notes, and returns when they are on disk. If it fails, the meter still has
// everything, and the next flush writes it.
func (s *Store) Flush(now time.Time, notes []Note) error {
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	if err := s.checkDisk(); err != nil {
		return err
	}
	list := s.Meter.changed()
	if err := s.reopen(list); err != nil {
		return err
	}
	batch := s.db.NewWriteBatch()
	defer batch.Cancel()
	for i := range list {
		if err := s.put(batch, &list[i]); err != nil {
			return fmt.Errorf("write usage: %w", err)
		}
	}
	fresh, err := s.putNotes(batch, notes)
	if err != nil {
		return fmt.Errorf("write what was used of limits: %w", err)
	}
	if len(list) > 0 || len(fresh) > 0 {
		if err := s.sync(batch); err != nil {
			return fmt.Errorf("write usage: %w", err)
		}
	}
	maps.Copy(s.notes, fresh)
	s.Meter.written(list, now)
	s.Meter.clock.Store(now.Unix())
	s.flushed.Store(now.UnixNano())
	return nil
}

func (s *Store) sync(batch *badger.WriteBatch) error {
	if err := batch.Flush(); err != nil {
		return err
	}
	return s.db.Sync()
}

// reopen has quarters summed again in which a minute changed: a call that ended late, or a clock that was set back.
func (s *Store) reopen(list []snapshot) error {
	earliest := s.state.Summed
	for i := range list {
		earliest = min(earliest, floor(list[i].bucket.minute, quarter))
	}
	if earliest == s.state.Summed {
		return nil
	}
	next := s.state
	next.Summed = earliest
	return s.setState(next)
}

// setState writes how far sums and removal have come.
func (s *Store) setState(next state) error {
	value, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err = s.db.Update(func(txn *badger.Txn) error { return txn.Set([]byte(stateKey), value) }); err != nil {
		return fmt.Errorf("write how far usage was summed: %w", err)
	}
	s.state = next
	return nil
}

// put writes a minute: what the store had before the meter began it, and what was counted since.
func (s *Store) put(batch *badger.WriteBatch, snap *snapshot) error {
	b := snap.bucket
	key := keyOf(minutes, snap.device, b.minute)
	if !b.loaded {
		base, err := s.get(key)
		if err != nil {
			return err
		}
		b.base, b.loaded = base, true
	}
	return batch.Set(key, encode(b.minute+minute, Sum(snap.cells, b.base)))
}

func (s *Store) get(key []byte) (cells []Cell, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(key)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return item.Value(func(v []byte) (err error) {
			_, cells, err = decode(v)
			return err
		})
	})
	return cells, err
}

// putNotes writes the notes that changed, and returns their hashes; 0 stands for one that is gone.
func (s *Store) putNotes(batch *badger.WriteBatch, notes []Note) (map[string]uint64, error) {
	fresh := make(map[string]uint64)
	for _, n := range notes {
		key := []byte(notePrefix + n.Key)
		if n.Value == nil {
			if s.notes[n.Key] == 0 {
				continue
			}
			fresh[n.Key] = 0
			if err := batch.Delete(key); err != nil {
				return nil, err
			}
			continue
		}
		hash := maphash.Bytes(hashSeed, n.Value) | 1
		if s.notes[n.Key] == hash {
			continue
		}
		fresh[n.Key] = hash
		if err := batch.Set(key, n.Value); err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

// Notes calls each with every note on disk.
func (s *Store) Notes(each func(Note) error) error {
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	return s.db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix = []byte(notePrefix)
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			value, err := it.Item().ValueCopy(nil)
			if err != nil {
				return fmt.Errorf("read what was used of limits: %w", err)
			}
			n := Note{Key: string(it.Item().Key()[len(notePrefix):]), Value: value}
			s.notes[n.Key] = maphash.Bytes(hashSeed, value) | 1
			if err := each(n); err != nil {
				return err
			}
		}
		return nil
	})
}
