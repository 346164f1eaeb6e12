package usage

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
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
	s.notes.take(fresh)
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

// noted are the notes on disk: the hash of each, by that of its key. There may be a million, so their keys are not kept. Two keys of one hash
// would be written each time; that of a note counts in its own, so neither is taken for the other.
type noted map[uint64]uint64

func hashOfKey(key string) uint64 { return maphash.String(hashSeed, key) }

// hash is never 0, which stands for a note that is gone.
func (n *Note) hash() uint64 {
	var h maphash.Hash
	h.SetSeed(hashSeed)
	_, _ = h.WriteString(n.Key)
	_, _ = h.Write(n.Value)
	return h.Sum64() | 1
}

// take takes over what was written.
func (n noted) take(fresh noted) {
	for key, hash := range fresh {
		if hash == 0 {
			delete(n, key)
		} else {
			n[key] = hash
		}
	}
}

// putNotes writes the notes that changed, and returns them; 0 stands for one that is gone.
func (s *Store) putNotes(batch *badger.WriteBatch, notes []Note) (noted, error) {
	fresh := make(noted)
	for i := range notes {
		n := &notes[i]
		key, hash := []byte(notePrefix+n.Key), uint64(0)
		if n.Value != nil {
			hash = n.hash()
		}
		if s.notes[hashOfKey(n.Key)] == hash {
			continue
		}
		fresh[hashOfKey(n.Key)] = hash
		var err error
		if n.Value != nil {
			err = batch.Set(key, n.Value)
		} else {
			err = batch.Delete(key)
		}
		if err != nil {
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
			s.notes[hashOfKey(n.Key)] = n.hash()
			if err := each(n); err != nil {
				return err
			}
		}
		return nil
	})
}
