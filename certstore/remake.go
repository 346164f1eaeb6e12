package certstore

import (
	"bytes"
	"crypto/hmac"
	"fmt"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/gate"
)

// pass is how far Remake has come through everything that is stored under a MAC.
type pass struct {
	next []byte // the key to go on from
	made bool   // something was written anew in this pass
	done bool   // a whole pass has found nothing
}

// Bounds of one step of Remake: what it looks at, and what it writes in one commit.
const (
	maxLooked  = 4096
	maxRemade  = 500
	maxRewrite = maxCommit / 4 // bytes
)

// Remake gives another MAC to the next few values that were written under the former secret, in one commit that counts as bookkeeping. It
// reports whether there may be more: a pass that found some is followed by another.
func (s *Store) Remake() (more bool, err error) {
	s.writer.Lock()
	defer s.writer.Unlock()
	if err := s.reread(); err != nil {
		return true, err
	}
	if err := s.enter(); err != nil {
		return true, err
	}
	defer s.leave()
	if !s.Rotating() || s.pass.done {
		return false, nil
	}
	tx := &Tx{store: s, txn: s.db.NewTransaction(true), writes: writesNothing}
	defer tx.txn.Discard()
	s.remakes.Store(s.head.values())
	c := &change{head: s.head.next(), tree: s.tree}
	next, n, err := tx.remake(s.pass.next, c)
	if err != nil {
		return true, fmt.Errorf("remake the MACs: %w", err)
	}
	if n > 0 {
		if err := s.commitRemade(tx, c); err != nil {
			return true, err
		}
		s.pass.made = true
	}
	s.pass.next = next
	if next == nil { // the end
		s.pass = pass{done: !s.pass.made}
		if !s.pass.done {
			s.remade.Store(0)
		}
	}
	return !s.pass.done, nil
}

func (s *Store) commitRemade(tx *Tx, c *change) error {
	value, err := c.head.wrap(s.keys())
	if err == nil {
		err = tx.set([]byte(headKey), value)
	}
	if err != nil {
		return err
	}
	if err := tx.txn.Commit(); err != nil {
		return s.doubt(c, err)
	}
	s.settle(c)
	return nil
}

// remade is a value under its new MAC.
type remade struct{ key, old, value []byte }

// remake stages what it finds under the former secret from a key on, and returns where to go on, nil at the end, and how much it staged.
func (tx *Tx) remake(from []byte, c *change) (next []byte, n int, err error) {
	found, next, err := tx.stale(from)
	if err != nil {
		return nil, 0, err
	}
	for _, r := range found {
		var before, after mac
		copy(before[:], r.old[1:overhead])
		copy(after[:], r.value[1:overhead])
		c.head.replace(r.key, before, after)
		if err := tx.set(r.key, r.value); err != nil {
			return nil, 0, err
		}
	}
	return next, len(found), nil
}

// stale collects what lies under the former secret from a key on, within the bounds. A transaction that writes can have one iterator only, so
// they are collected first.
func (tx *Tx) stale(from []byte) (found []remade, next []byte, err error) {
	k, size := tx.store.keys(), 0
	it := tx.txn.NewIterator(badger.IteratorOptions{})
	defer it.Close()
	looked := 0
	for it.Seek(from); it.Valid(); it.Next() {
		key := it.Item().KeyCopy(nil)
		if bytes.HasPrefix(key, []byte(hashPrefix)) { // hashes have no MAC, and are last
			break
		}
		if looked == maxLooked || len(found) == maxRemade || size >= maxRewrite {
			return found, key, nil
		}
		looked++
		tx.store.remade.Add(1)
		value, err := it.Item().ValueCopy(nil)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", inWords(key), err)
		}
		body, _, err := k.unwrap(key, value)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", inWords(key), err)
		}
		if k.wrote(key, value) {
			continue
		}
		found = append(found, remade{key: key, old: value, value: k.wrap(key, body)})
		size += len(key) + len(value)
	}
	return found, nil, nil
}

// wrote reports whether the value has the keyring's own MAC.
func (k *keyring) wrote(key, value []byte) bool {
	want := k.mac(key, value[0], value[overhead:])
	return hmac.Equal(want[:], value[1:overhead])
}

// replace takes another MAC of the value under a key into account.
func (h *head) replace(key []byte, before, after mac) {
	switch name := string(key); {
	case strings.HasPrefix(name, recordPrefix):
		kind, _, _ := strings.Cut(name[len(recordPrefix):], "/")
		h.count(gate.RecordKind(kind), &before, after)
	case strings.HasPrefix(name, checkpointPrefix):
		h.Checkpoints.Sum = h.Checkpoints.Sum.sub(before).add(after)
	}
}

// inWords names what lies under a key as other errors do.
func inWords(key []byte) string {
	if seq, ok := number(eventPrefix, key); ok && bytes.HasPrefix(key, []byte(eventPrefix)) {
		return fmt.Sprintf("event %d", seq)
	}
	if size, ok := number(checkpointPrefix, key); ok && bytes.HasPrefix(key, []byte(checkpointPrefix)) {
		return fmt.Sprintf("checkpoint of %d events", size)
	}
	return strings.Replace(strings.TrimPrefix(string(key), recordPrefix), "/", " ", 1)
}

// Remade is how many values the pass of Remake that goes on has looked at, and about how many there are.
func (s *Store) Remade() (looked, all int64) {
	all = s.remakes.Load()
	return min(s.remade.Load(), all), all
}

// values is how many values the head counts, itself included.
func (h *head) values() int64 {
	all := 1 + h.Events + h.Checkpoints.Count
	for _, t := range h.Kinds {
		all += t.Count
	}
	return all
}
