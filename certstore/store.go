package certstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

// Options say where the store is and what it needs from outside.
type Options struct {
	// Dir is the data directory; the store lies in Dir/store, CA certificates in Dir/trust. Empty with InMemory.
	Dir string
	// Secret is the content of the secret file; every key of the store is derived from it.
	Secret [32]byte
	// Former is the secret before, while a rotation goes on, as the file says too; nil: none does.
	Former *[32]byte
	// Random is where nonces for sealing come from.
	Random io.Reader
	// Zones finds time zones for the terms of contracts: time.LoadLocation.
	Zones gate.Zones
	// Log takes what Badger and the store have to say; nil is silent.
	Log Logger
	// InMemory keeps nothing: for tests of rules.
	InMemory bool
}

// Logger is Badger's: printf style, one line a call.
type Logger interface {
	Errorf(format string, args ...any)
	Warningf(format string, args ...any)
	Infof(format string, args ...any)
	Debugf(format string, args ...any)
}

// Store is an open store. Its methods are safe for concurrent use.
type Store struct {
	options   Options
	ring      atomic.Pointer[keyring]
	lasting   lasting
	nonces    nonces
	directory *Directory

	// writer is held by whoever changes the store; it guards head, tree and unsure.
	writer sync.Mutex
	head   head
	tree   audit.Tree
	unsure bool // a commit failed and may be on disk
	pass   pass // of Remake

	events  atomic.Int64
	closing atomic.Bool
	remade  atomic.Int64                  // values that Remake has looked at in its pass
	remakes atomic.Int64                  // and that there are
	reopens atomic.Pointer[chan struct{}] // closed when the store is open again that Rekey has closed; nil: it never did

	// use is read-locked while Badger is in use and locked to open and close it; it guards the fields below. It is only ever
	// read-locked by trying, so that a transaction within a transaction fails instead of waiting for a Close that waits for it.
	use    sync.RWMutex
	db     *badger.DB // nil while closed
	newest *newest    // nil in memory
	lock   *os.File   // nil in memory, and where Badger locks for itself
	behind bool       // Badger's keys are still encrypted under the former secret
	stuck  chan error // an attempt to close Badger that was given up on; nil if there is none
}

const (
	storeName = "store"
	draftName = "store.new" // while Create writes it
)

// Create makes a store in o.Dir, which is made too if need be, and closes it again. first makes the records and the event of the first
// commit, without which there is no store: if it fails, or the process dies meanwhile, there is none. What exists is refused: errors.Is
// ErrExists.
func Create(o Options, first func(*Tx) (gate.Event, error)) error {
	if o.InMemory {
		return errors.New("a store in memory is gone when it is closed; make it with New")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	target, draft := filepath.Join(o.Dir, storeName), filepath.Join(o.Dir, draftName)
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s; to start anew, choose another data_dir", ErrExists, target)
	}
	if err := os.Mkdir(draft, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w: %s was left by a creation that did not finish, unless one is running now; remove it and try again", ErrExists, draft)
		}
		return fmt.Errorf("make the store's directory: %w", err)
	}
	err := writeFirst(o, draft, first)
	if err == nil {
		// A rename onto a directory with files in it fails, so a store that appeared meanwhile stays what it is.
		err = os.Rename(draft, target)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(draft))
	}
	return syncDir(o.Dir)
}

// writeFirst makes a store with its first commit in dir and closes it.
func writeFirst(o Options, dir string, first func(*Tx) (gate.Event, error)) error {
	s, err := newStore(o)
	if err != nil {
		return err
	}
	if s.newest, err = createNewest(dir, s.keys()); err != nil {
		return err
	}
	if s.db, err = openBadger(s.badgerOptions(dir)); err != nil {
		return errors.Join(err, s.newest.close())
	}
	_, err = s.Update(first)
	return errors.Join(err, s.Close())
}

// New is Create, with the store left open.
func New(o Options, first func(*Tx) (gate.Event, error)) (*Store, error) {
	if !o.InMemory {
		if err := Create(o, first); err != nil {
			return nil, err
		}
		return Open(o)
	}
	s, err := newStore(o)
	if err != nil {
		return nil, err
	}
	if s.db, err = openBadger(s.badgerOptions("")); err != nil {
		return nil, err
	}
	if _, err := s.Update(first); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Open opens the store in o.Dir, reads and verifies all of it, and fills the directory. A refusal is one of the errors of this package
// (ErrMissing, ErrLocked, ErrWrongSecret, ErrDamaged) and says what to do.
func Open(o Options) (*Store, error) {
	if o.InMemory {
		return nil, errors.New("a store in memory cannot be opened again; make it with New")
	}
	s, err := newStore(o)
	if err != nil {
		return nil, err
	}
	if err := s.attach(); err != nil {
		return nil, err
	}
	return s, nil
}

func newStore(o Options) (*Store, error) {
	if o.Random == nil {
		return nil, errNoRandom
	}
	keys, err := newKeyrings(o.Secret, o.Former)
	if err != nil {
		return nil, err
	}
	o.Secret, o.Former = [32]byte{}, nil // what is derived from them is enough
	if o.Log == nil {
		o.Log = silent{}
	}
	var empty audit.Tree
	s := &Store{options: o, nonces: nonces{source: o.Random}, directory: newDirectory()}
	s.ring.Store(keys)
	if s.lasting, err = keys.first().inherit(); err != nil {
		return nil, err
	}
	s.head = head{Kinds: map[gate.RecordKind]tally{}}
	s.head.grow(empty)
	return s, nil
}

// attach opens the files, reads them, and puts what was read in place of what the store held. On an error nothing is left open.
func (s *Store) attach() (err error) {
	dir := filepath.Join(s.options.Dir, storeName)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.detach())
		}
	}()
	if err := s.openFiles(dir); err != nil {
		return err
	}
	r, err := read(s.db, s.keys(), s.options.Zones)
	if err == nil {
		err = s.newest.check(r.head.Commits)
	}
	if err == nil {
		err = s.adopt(r.state.secret)
	}
	if errors.Is(err, errZone) {
		return fmt.Errorf("open the store: %w; install the time zone database (on Debian: tzdata)", err)
	}
	if err != nil {
		return damaged(dir, err)
	}
	s.head, s.tree, s.unsure = r.head, r.tree, false
	s.events.Store(r.head.Events)
	s.directory.replace(r.state)
	return dropAside(dir)
}

// openFiles looks at the files and opens them. What it has opened when it fails is the caller's to close.
func (s *Store) openFiles(dir string) (err error) {
	if err := presence(dir); err != nil {
		return err
	}
	if s.lock, err = lockDir(dir); err != nil {
		return err
	}
	if s.newest, err = openNewest(dir, s.keys()); err != nil {
		return err
	}
	options := s.badgerOptions(dir).WithBypassLockGuard(s.lock != nil).WithEncryptionKey(s.rewrapped(dir))
	if err := checkFiles(options); err != nil {
		return s.newest.judge(dir, err)
	}
	if s.db, err = openBadger(options); err != nil {
		return err
	}
	// Badger leaves it to a goroutine to make the names of new files durable; a log that is synced under a name that is not is lost.
	return syncDir(dir)
}

// detach closes the files.
func (s *Store) detach() error {
	var errs []error
	if s.db != nil {
		if err := s.closeBadger(); errors.Is(err, errStuck) {
			return err // the lock stays: whoever opened the directory now would meet a Badger that still writes
		} else if err != nil {
			errs = append(errs, err)
		}
	}
	if s.newest != nil {
		errs = append(errs, s.newest.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	s.db, s.newest, s.lock = nil, nil, nil
	return errors.Join(errs...)
}

// errStuck says that Badger does not close: it tries for ever to write what it holds in memory to a disk that does not take it.
var errStuck = errors.New("the disk does not take what is left to write; free space or repair it, then restart certgate")

// closeWait bounds how long a change waits for Badger to close. A healthy one takes milliseconds.
const closeWait = 5 * time.Second

// closeBadger closes Badger, or gives up waiting for it. Asked again, it waits for the same attempt.
func (s *Store) closeBadger() error {
	if s.stuck == nil {
		done, db := make(chan error, 1), s.db
		s.stuck = done
		go func() { done <- db.Close() }()
	}
	timer := time.NewTimer(closeWait)
	defer timer.Stop()
	select {
	case err := <-s.stuck:
		s.stuck = nil
		return err
	case <-timer.C:
		return errStuck
	}
}

// Close waits for transactions that are running and closes the store. From its beginning on, everything else returns ErrClosed; the
// directory stays readable. Closing twice is no error.
func (s *Store) Close() error {
	if s.closing.Swap(true) {
		return nil
	}
	s.writer.Lock()
	defer s.writer.Unlock()
	s.use.Lock()
	defer s.use.Unlock()
	if err := s.detach(); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	return nil
}

// enter makes sure that Badger stays open until leave.
func (s *Store) enter() error {
	if s.closing.Load() {
		return ErrClosed
	}
	if !s.use.TryRLock() {
		if s.closing.Load() {
			return ErrClosed
		}
		return errReread
	}
	if s.db != nil {
		return nil
	}
	s.use.RUnlock()
	return errReread
}

func (s *Store) leave() { s.use.RUnlock() }

// View reads from one consistent cut. Neither Update nor Bookkeep may be called inside f.
func (s *Store) View(f func(*Tx) error) error {
	err := s.enter()
	if reopens := s.reopens.Load(); err != nil && reopens != nil && !s.closing.Load() {
		await(*reopens)
		err = s.enter()
	}
	if err != nil {
		return err
	}
	defer s.leave()
	tx := &Tx{store: s, txn: s.db.NewTransaction(false), writes: writesNothing}
	defer tx.txn.Discard()
	if err := f(tx); err != nil {
		return err
	}
	return tx.err
}

// EventCount is the number of events, which is the number of the next one.
func (s *Store) EventCount() int64 { return s.events.Load() }

// Directory is what requests are decided from. It is the same for as long as the store lives.
func (s *Store) Directory() *Directory { return s.directory }

// Seal encrypts what must not lie in a record as it is, such as a CA's key: AES-256-GCM under a key derived from the secret. label
// says where it belongs (kind and identifier of the record): it opens under the same label only, so it cannot be moved.
func (s *Store) Seal(label string, plaintext []byte) ([]byte, error) {
	if s.closing.Load() {
		return nil, ErrClosed
	}
	return s.seal(label, plaintext)
}

// Unseal opens what Seal closed under the same label.
func (s *Store) Unseal(label string, sealed []byte) ([]byte, error) {
	if s.closing.Load() {
		return nil, ErrClosed
	}
	plaintext, _, err := s.keys().unseal(label, sealed)
	return plaintext, err
}

type silent struct{}

func (silent) Errorf(string, ...any)   {}
func (silent) Warningf(string, ...any) {}
func (silent) Infof(string, ...any)    {}
func (silent) Debugf(string, ...any)   {}
