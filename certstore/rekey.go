package certstore

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/gate"
)

// How the secret is changed while the store is in use.
//
//  1. The record of the secret says that a rotation goes on, and holds, sealed, what outlives the secret: see lasting.
//  2. The secret file holds the new secret and, in a second line, the former one (ReplaceSecret). From here on it can only go forward.
//  3. Rekey closes Badger, encrypts its data keys under the new secret, and opens it again. What is written from then on is the new one's.
//  4. Remake gives everything that was written before another MAC, in many small commits, and Reseal does so to what is sealed.
//  5. When a whole pass finds nothing more, the record says so, the second line goes from the file, and Forget drops the former secret.
//
// A process that dies anywhere in between leaves a store that opens with what its file says: with both lines, what was written under either is
// read, and the rest is done again from step 3 on, which changes nothing that was done already. A file of keys is put in place by one rename, so
// it is of one of the two.

// newKeyrings makes the keyring of the secret, with that of the former one inside while there is one.
func newKeyrings(secret [32]byte, former *[32]byte) (*keyring, error) {
	k, err := newKeyring(secret)
	if err != nil || former == nil {
		return k, err
	}
	before, err := newKeyring(*former)
	if err != nil {
		return nil, err
	}
	k.former.Store(before)
	return k, nil
}

// first is the keyring that was there first.
func (k *keyring) first() *keyring {
	if former := k.former.Load(); former != nil {
		return former
	}
	return k
}

// Rotating reports whether the store still reads what was written under a former secret.
func (s *Store) Rotating() bool { return s.keys().former.Load() != nil }

// Uses reports whether the secret is the one under which the store writes.
func (s *Store) Uses(secret [32]byte) bool {
	k, err := newKeyring(secret)
	return err == nil && bytes.Equal(k.badger, s.keys().badger)
}

// ErrBusy says that somebody reads at length. Its kind is gate.Conflict.
var ErrBusy = gate.Errorf(gate.Conflict, "the store is being read; try again in a moment")

// Rekey lets the store use another secret, which the secret file must hold already, with the former one. Changes wait meanwhile, readers too;
// requests are answered from the directory as ever. Called again with the same secret it does what the first time could not.
func (s *Store) Rekey(secret [32]byte) error {
	if s.options.InMemory {
		return gate.Errorf(gate.Conflict, "a store in memory has no secret")
	}
	s.writer.Lock()
	defer s.writer.Unlock()
	if err := s.reread(); err != nil {
		return err
	}
	if s.Uses(secret) && !s.behind {
		return nil
	}
	reopened := make(chan struct{})
	s.reopens.Store(&reopened)
	defer close(reopened)
	if !s.use.TryLock() { // whoever waits for a lock keeps out all who come after
		return ErrBusy
	}
	defer s.use.Unlock()
	switch {
	case s.closing.Load():
		return ErrClosed
	case s.Uses(secret): // and Badger's keys are not under it yet
	case s.Rotating():
		return gate.Errorf(gate.Conflict, "another rotation of the secret goes on")
	default:
		if err := s.succeed(secret); err != nil {
			return err
		}
	}
	if err := s.reopen(); err != nil {
		return err
	}
	if s.behind { // it is open under the former key, and changes go on
		return errors.New("the file of the store's keys could not be encrypted under the new secret")
	}
	return nil
}

// succeed puts a new keyring in the place of the one that there is.
func (s *Store) succeed(secret [32]byte) error {
	next, err := newKeyring(secret)
	if err != nil {
		return err
	}
	next.former.Store(s.keys())
	s.ring.Store(next)
	s.pass = pass{}
	s.remade.Store(0)
	return nil
}

// reopen closes the files and opens them again. What lies in them is what this process wrote, so it is not read again; the head is. If that fails
// the next change tries to open and read everything.
func (s *Store) reopen() (err error) {
	defer func() {
		if err != nil {
			s.unsure = true
			err = fmt.Errorf("open the store again: %w", err)
		}
	}()
	if err := s.detach(); err != nil {
		return err
	}
	if err := s.openFiles(filepath.Join(s.options.Dir, storeName)); err != nil {
		return errors.Join(err, s.detach())
	}
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	h, err := readHead(txn, s.keys())
	if err == nil && (h.Commits != s.head.Commits || h.Root != s.head.Root) {
		err = fmt.Errorf("it holds %d commits and there were %d", h.Commits, s.head.Commits)
	}
	return err
}

// Forget ends the rotation in memory: what was written under the former secret is refused from now on. Nothing may be left of that, which
// Remake tells, and the secret file must not hold it any more.
func (s *Store) Forget() error {
	s.writer.Lock()
	defer s.writer.Unlock()
	if err := s.reread(); err != nil {
		return err
	}
	if !s.use.TryLock() { // a long reader may still see what there was before
		return ErrBusy
	}
	defer s.use.Unlock()
	if s.behind || !s.pass.done {
		return gate.Errorf(gate.Internal, "something is left under the former secret")
	}
	if s.newest != nil {
		if err := errors.Join(s.newest.note(s.head.Commits-1), s.newest.note(s.head.Commits)); err != nil {
			return fmt.Errorf("note the newest commit: %w", err)
		}
	}
	s.keys().former.Store(nil)
	return nil
}

// await waits until the channel is closed, for as long as the closing of a store may take.
func await(done <-chan struct{}) {
	timer := time.NewTimer(closeWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// rewrapped sees to it that Badger's keys in dir are encrypted under the present secret, and returns the key that opens them.
func (s *Store) rewrapped(dir string) []byte {
	k := s.keys()
	former := k.former.Load()
	s.behind = false
	if former == nil {
		return k.badger
	}
	key, err := Rewrap(dir, k.badger, former.badger)
	if err != nil {
		s.options.Log.Errorf("certstore: encrypt the store's keys under the new secret; it is tried again: %v", err)
	}
	s.behind = bytes.Equal(key, former.badger)
	return key
}

const rewrapName = "rekey.new" // while Rewrap writes it

// Rewrap encrypts the data keys of the Badger in dir, which must be closed, under another key, and adds a new one for what is written from now on.
// It returns the key that opens Badger now: to, also where that was so before, or where neither does and opening it will say why; from with an error
// where it could not be done.
func Rewrap(dir string, to, from []byte) (key []byte, err error) {
	aside := filepath.Join(dir, rewrapName)
	if err := os.RemoveAll(aside); err != nil {
		return to, fmt.Errorf("remove what is left of an earlier attempt: %w", err)
	}
	registry, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{Dir: dir, ReadOnly: true, EncryptionKey: from})
	if err != nil {
		return to, nil //nolint:nilerr // it is under the other, or damaged, or not there
	}
	if _, err := os.Stat(filepath.Join(dir, badger.KeyRegistryFileName)); err != nil {
		return to, nil //nolint:nilerr // there is none: Badger makes one
	}
	if err := rewrap(registry, dir, aside, to); err != nil {
		return from, errors.Join(err, os.RemoveAll(aside))
	}
	return to, os.RemoveAll(aside)
}

// rewrap writes the registry under another key, with one more data key, in a directory aside, and puts it in the place of the one in dir.
func rewrap(registry *badger.KeyRegistry, dir, aside string, to []byte) error {
	if err := os.Mkdir(aside, 0o700); err != nil {
		return err
	}
	// The age at which a data key is replaced is below every age, so that the next one is new.
	o := badger.KeyRegistryOptions{Dir: aside, EncryptionKey: to, EncryptionKeyRotationDuration: math.MinInt64}
	if err := badger.WriteKeyRegistry(registry, o); err != nil {
		return err
	}
	again, err := badger.OpenKeyRegistry(o)
	if err != nil {
		return err
	}
	_, err = again.LatestDataKey()
	if err := errors.Join(err, again.Close()); err != nil {
		return err
	}
	o.ReadOnly = true
	if _, err := badger.OpenKeyRegistry(o); err != nil {
		return fmt.Errorf("read what was written: %w", err)
	}
	name := filepath.Join(aside, badger.KeyRegistryFileName)
	if err := syncFile(name); err != nil {
		return err
	}
	if err := os.Rename(name, filepath.Join(dir, badger.KeyRegistryFileName)); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
