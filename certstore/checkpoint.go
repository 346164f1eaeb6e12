package certstore

import (
	"fmt"
	"math"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/gate"
)

// keep stages a checkpoint.
func (tx *Tx) keep(size int64, signed []byte) error {
	key := checkpointKey(size)
	value := tx.store.keys().wrap(key, signed)
	tx.kept = new(mac)
	copy(tx.kept[:], value[1:overhead])
	return tx.set(key, value)
}

// LatestCheckpoint is the kept checkpoint with the most events; the error is of kind gate.NotFound if there is none.
func (s *Store) LatestCheckpoint() (size int64, signed []byte, err error) {
	err = s.View(func(tx *Tx) error {
		it := tx.txn.NewIterator(badger.IteratorOptions{Prefix: []byte(checkpointPrefix), Reverse: true})
		defer it.Close()
		it.Seek(checkpointKey(math.MaxInt64))
		if !it.Valid() {
			return gate.Errorf(gate.NotFound, "no checkpoint has been made yet")
		}
		size, signed, _, err = s.keys().checkpointAt(it.Item())
		return err
	})
	return size, signed, err
}

// Checkpoints are kept checkpoints by rising size, at most n, from that of from events on.
func (s *Store) Checkpoints(from int64, n int) ([][]byte, error) {
	if from < 0 || n < 0 {
		return nil, gate.Errorf(gate.Invalid, "checkpoints from %d events on, at most %d: neither can be negative", from, n)
	}
	var list [][]byte
	err := s.View(func(tx *Tx) error {
		if n == 0 {
			return nil
		}
		_, err := s.keys().eachCheckpoint(tx.txn, from, func(_ int64, signed []byte) bool {
			list = append(list, signed)
			return len(list) < n
		})
		return err
	})
	return list, err
}

// eachCheckpoint hands over the checkpoints of from events and more until f returns false, and counts them.
func (k *keyring) eachCheckpoint(txn *badger.Txn, from int64, f func(size int64, signed []byte) bool) (tally, error) {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte(checkpointPrefix)})
	defer it.Close()
	var found tally
	for it.Seek(checkpointKey(from)); it.Valid(); it.Next() {
		size, signed, m, err := k.checkpointAt(it.Item())
		if err != nil {
			return found, err
		}
		found = found.with(m)
		if !f(size, signed) {
			break
		}
	}
	return found, nil
}

func (k *keyring) checkpointAt(item *badger.Item) (size int64, signed []byte, m mac, err error) {
	size, ok := number(checkpointPrefix, item.Key())
	if !ok {
		return 0, nil, m, fmt.Errorf("a checkpoint under the key %q", item.Key())
	}
	value, err := item.ValueCopy(nil)
	if err == nil {
		signed, m, err = k.unwrap(item.Key(), value)
	}
	if err != nil {
		return 0, nil, m, fmt.Errorf("checkpoint of %d events: %w", size, err)
	}
	return size, signed, m, nil
}

// checkpoints compares the kept checkpoints with their MACs and with the head.
func (l *loader) checkpoints(h head) []error {
	found, err := l.keys.eachCheckpoint(l.txn, 0, func(int64, []byte) bool { return true })
	if err == nil && found != h.Checkpoints {
		err = countedOtherwise(found, h.Checkpoints)
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

func countedOtherwise(found, want tally) error {
	if found.Count != want.Count {
		return fmt.Errorf("checkpoints: %d are kept, and the head counts %d", found.Count, want.Count)
	}
	return fmt.Errorf("checkpoints: the %d that are kept are not those of the head", found.Count)
}
