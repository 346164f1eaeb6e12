package certstore

import (
	"errors"
	"fmt"
	"iter"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

// maxHashes bounds what one call of ReadHashes reads. A proof takes two for each level of the tree.
const maxHashes = 1000

// Tip is the number of events and the root of their tree, as the newest commit left them: what a checkpoint signs.
func (s *Store) Tip() (size int64, root audit.Hash, err error) {
	err = s.View(func(tx *Tx) error {
		h, err := readHead(tx.txn, s.keys())
		size, root = h.Events, audit.Hash(h.Root)
		return err
	})
	return size, root, err
}

// ReadHashes makes a Store an audit.HashReader. Stored hashes carry no MAC: a start has compared them with the events, and a proof that was made from
// one that was damaged since fails where it is checked.
func (s *Store) ReadHashes(indexes []int64) ([]audit.Hash, error) {
	if len(indexes) > maxHashes {
		return nil, gate.Errorf(gate.Internal, "%d hashes of the audit tree at once; %d can be read", len(indexes), maxHashes)
	}
	hashes := make([]audit.Hash, 0, len(indexes))
	err := s.View(func(tx *Tx) error {
		for _, i := range indexes {
			hash, err := tx.hash(i)
			if err != nil {
				return err
			}
			hashes = append(hashes, hash)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return hashes, nil
}

func (tx *Tx) hash(index int64) (audit.Hash, error) {
	if index < 0 {
		return audit.Hash{}, gate.Errorf(gate.Internal, "stored hash %d: indexes are not negative", index)
	}
	item, err := tx.txn.Get(hashKey(index))
	if err != nil {
		return audit.Hash{}, fmt.Errorf("stored hash %d: %w", index, err)
	}
	var hash audit.Hash
	err = item.Value(func(value []byte) error {
		if len(value) != len(hash) {
			return fmt.Errorf("stored hash %d has %d bytes", index, len(value))
		}
		copy(hash[:], value)
		return nil
	})
	return hash, err
}

// Leaves are events as the bytes that were hashed, at most n, from number from on (the first is 0). Each has been compared with its MAC
// and with its hash in the audit tree.
func (s *Store) Leaves(from int64, n int) ([][]byte, error) {
	if from < 0 || n < 0 {
		return nil, gate.Errorf(gate.Invalid, "events from %d, at most %d: neither can be negative", from, n)
	}
	var leaves [][]byte
	err := s.View(func(tx *Tx) error {
		for seq := from; seq < s.EventCount() && len(leaves) < n; seq++ {
			leaf, err := tx.leaf(seq)
			if err != nil {
				return fmt.Errorf("read event %d: %w", seq, err)
			}
			if leaf == nil {
				return nil
			}
			leaves = append(leaves, leaf)
		}
		return nil
	})
	return leaves, err
}

// leaf reads one event and compares it with its MAC and its stored hash; nil if there is none of that number.
func (tx *Tx) leaf(seq int64) ([]byte, error) {
	leaf, _, err := tx.read(eventKey(seq))
	if err != nil || leaf == nil {
		return nil, err
	}
	stored, err := tx.hash(audit.StoredCount(seq))
	if err != nil {
		return nil, fmt.Errorf("its hash: %w", err)
	}
	if audit.LeafHash(leaf) != stored {
		return nil, errors.New("its hash in the audit tree is another")
	}
	return leaf, nil
}

// Verify verifies the open store's log as audit.Verify does an export, and each record against the last event that names it; o.Records and
// o.Bookkept are the store's to set. All is read from one cut, while changes go on; Close ends it early (ErrClosed). What a start checks and this
// does not: the stored hashes of subtrees.
func (s *Store) Verify(o audit.Options) (audit.Report, error) {
	var report audit.Report
	err := s.View(func(tx *Tx) error {
		h, err := readHead(tx.txn, s.keys())
		if err != nil {
			return err
		}
		o.Records, o.Bookkept = tx.bodies(), nil
		for _, kind := range gate.RecordKinds() {
			if bookkept(kind) {
				o.Bookkept = append(o.Bookkept, string(kind))
			}
		}
		v, err := audit.NewVerifier(o)
		if err != nil {
			return err
		}
		if err := tx.feed(v, h); err != nil {
			report, _ = v.Finish() // how far it came; the error is the one at hand
			return err
		}
		report, err = v.Finish()
		return err
	})
	return report, err
}

// feed gives v every event that the head counts, and each checkpoint at its place.
func (tx *Tx) feed(v *audit.Verifier, h head) error {
	checkpoints := make(map[int64][]byte)
	found, err := tx.store.keys().eachCheckpoint(tx.txn, 0, func(size int64, signed []byte) bool {
		checkpoints[size] = signed
		return true
	})
	if err != nil {
		return err
	}
	if found != h.Checkpoints {
		return countedOtherwise(found, h.Checkpoints)
	}
	for n := int64(0); ; n++ {
		if signed := checkpoints[n]; signed != nil {
			if err := v.Checkpoint(signed); err != nil {
				return err
			}
		}
		if n == h.Events {
			return nil
		}
		if tx.store.closing.Load() {
			return ErrClosed
		}
		leaf, err := tx.leaf(n)
		if err == nil && leaf == nil {
			err = errors.New("missing")
		}
		if err != nil {
			return fmt.Errorf("event %d: %w", n, err)
		}
		if err := v.Event(leaf); err != nil {
			return err
		}
	}
}

// bodies iterates over all records by the hash of their stored form, as events name them.
func (tx *Tx) bodies() iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		for _, kind := range gate.RecordKinds() {
			if !tx.bodiesOf(kind, yield) {
				return
			}
		}
	}
}

func (tx *Tx) bodiesOf(kind gate.RecordKind, yield func(audit.Record, error) bool) bool {
	prefix := kindPrefix(kind)
	it := tx.txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		item := it.Item()
		r := audit.Record{Kind: string(kind), ID: string(item.Key()[len(prefix):])}
		err := item.Value(func(value []byte) error {
			body, _, err := tx.store.keys().unwrap(item.Key(), value)
			r.Hash = audit.Hash(gate.FingerprintOf(body))
			return err
		})
		if err != nil {
			err = fmt.Errorf("%s %s: %w", kind, r.ID, err)
		}
		if !yield(r, err) || err != nil {
			return false
		}
	}
	return true
}
