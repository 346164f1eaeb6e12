package usage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// Options say where usage is kept.
type Options struct {
	// Dir is the data directory; usage lies in Dir/usage. Empty: in memory, for tests of rules.
	Dir string
	// Key encrypts it: 32 bytes, derived from the secret.
	Key []byte
	// Sketch is the key under which patients and networks are hashed, to be counted: it outlives the secret. Nil: Key.
	Sketch []byte
	// Now is the time at which it is opened: for the name under which a damaged one is moved aside, and for where a new one begins.
	Now time.Time
	// Free says how many bytes are free where Dir lies; nil: the system is asked.
	Free func() (int64, error)
	// Log takes what Badger has to say, and what was done about damage.
	Log Logger
}

// Logger is Badger's: printf style, one line a call.
type Logger interface {
	Errorf(format string, args ...any)
	Warningf(format string, args ...any)
	Infof(format string, args ...any)
	Debugf(format string, args ...any)
}

// Store keeps usage on disk. One goroutine at a time flushes, sums and removes; reading needs no turn.
type Store struct {
	// Meter counts; Flush writes what it counted.
	Meter Meter

	dir     string
	options Options

	mu    sync.Mutex   // held while anything is written
	whole sync.Mutex   // held while all hours are written, in several turns
	use   sync.RWMutex // read-locked while Badger is in use, locked to close it
	db    *badger.DB   // nil while closed; guarded by use
	ended bool         // closed for good; guarded by use
	state state        // guarded by mu
	notes noted        // guarded by mu

	free    func() (int64, error) // bytes on the disk; nil: it is in memory
	fresh   bool                  // it was begun when it was opened
	flushed atomic.Int64          // Unix nanoseconds of the last flush that succeeded
}

// state is how far sums and removal have come, in Unix seconds.
type state struct {
	// Summed is the beginning of the first quarter that was not summed yet. From it on, minutes count.
	Summed int64 `json:"summed"`
	// Final is how far Summed has ever come: what changes before it is a correction.
	Final int64 `json:"final"`
	// Settled is the first day, since 1970, of which hours still have sketches.
	Settled int64 `json:"settled"`
	// Minutes and Quarters before these are removed; so are Days.
	Minutes  int64 `json:"minutes"`
	Quarters int64 `json:"quarters"`
	Days     int64 `json:"days"`
	// Windows that end before these are removed, quarters and hours.
	QuickWindows int64 `json:"quick_windows,omitempty"`
	Windows      int64 `json:"windows,omitempty"`
}

const (
	dirName  = "usage"
	stateKey = "state"
)

// How long buckets are kept. A dispute is settled on quarters; days last as long as the contract's records.
const (
	MinutesKept  = 48 * time.Hour
	QuartersKept = 396 * 24 * time.Hour
	DaysKept     = 6 * 366 * 24 * time.Hour
)

// Dir is where usage lies in a data directory.
func Dir(dataDir string) string { return filepath.Join(dataDir, dirName) }

// Open opens usage, and makes it if there is none. What cannot be read is moved aside, to usage.damaged-TIME, and a new one begun: counts
// must not keep the gate shut. The log says so.
func Open(o Options) (*Store, error) {
	if o.Dir == "" {
		return openIn("", o)
	}
	dir := Dir(o.Dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory for usage: %w", err)
	}
	s, err := openIn(dir, o)
	if err == nil {
		return s, nil
	}
	aside := dir + ".damaged-" + o.Now.UTC().Format("20060102T150405.000Z")
	if renamed := os.Rename(dir, aside); renamed != nil {
		return nil, errors.Join(err, renamed)
	}
	o.Log.Errorf("usage cannot be read: %v; it was moved to %s and a new one begun: what was counted before, and what was used of quotas, is missing until the copy is repaired", err, aside)
	if err := os.MkdirAll(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the directory for usage: %w", err)
	}
	return openIn(dir, o)
}

func openIn(dir string, o Options) (s *Store, err error) {
	defer func() {
		if p := recover(); p != nil { // Badger panics over some files that it cannot read
			s, err = nil, fmt.Errorf("badger cannot read it: %v", p)
		}
	}()
	db, err := openBadger(dir, &o)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	s = &Store{db: db, notes: make(noted), dir: dir, options: o}
	s.Meter.keys.secret = o.Key
	if s.free = o.Free; s.free == nil && dir != "" {
		s.free = func() (int64, error) { return freeIn(dir) }
	}
	if o.Sketch != nil {
		s.Meter.keys.secret = o.Sketch
	}
	s.flushed.Store(o.Now.UnixNano())
	if err := s.load(o.Now); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// openBadger opens it without the logs that a death left empty: they hold nothing, and Badger would refuse them.
func openBadger(dir string, o *Options) (*badger.DB, error) {
	if dir == "" {
		return badger.Open(badgerOptions(dir, o))
	}
	for _, pattern := range []string{"*.mem", "*.vlog"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if info, err := os.Stat(name); err != nil || info.Size() > 0 {
				continue
			}
			if err := os.Remove(name); err != nil {
				return nil, fmt.Errorf("remove an empty log: %w", err)
			}
		}
	}
	if err := checkTables(dir); err != nil {
		return nil, err
	}
	return badger.Open(badgerOptions(dir, o))
}

// badgerOptions are for many small values that are written over and over, and for one sync a flush.
func badgerOptions(dir string, o *Options) badger.Options {
	b := badger.DefaultOptions(dir).
		WithLogger(nil).
		WithMetricsEnabled(false).
		WithSyncWrites(false).
		WithDetectConflicts(false).
		WithNumVersionsToKeep(1).
		WithMemTableSize(memTable).WithNumMemtables(2).
		WithValueThreshold(maxValue).
		WithNumLevelZeroTables(2).WithNumLevelZeroTablesStall(6).
		WithNumCompactors(2).
		WithValueLogFileSize(16 << 20).
		WithBlockCacheSize(8 << 20).WithIndexCacheSize(8 << 20).
		WithCompression(options.None).
		WithChecksumVerificationMode(options.OnBlockRead).
		WithCompactL0OnClose(true)
	if o.Log != nil {
		b = b.WithLogger(o.Log)
	}
	if dir == "" {
		return b.WithInMemory(true).WithMemTableSize(1 << 20).WithValueThreshold(64 << 10)
	}
	return b.WithEncryptionKey(o.Key).WithEncryptionKeyRotationDuration(10 * 24 * time.Hour)
}

const (
	memTable = 8 << 20
	maxValue = 512 << 10 // smaller values lie in the tables, where they go away with what replaces them
)

// load reads the state, and every minute that is not summed yet: they are what the next flush and the next sum will read.
func (s *Store) load(now time.Time) error {
	start := floor(now.Unix(), quarter)
	s.state = state{Summed: start, Minutes: start - int64(MinutesKept.Seconds()), Quarters: start - int64(QuartersKept.Seconds()), Days: start - int64(DaysKept.Seconds())}
	err := s.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get([]byte(stateKey))
		if err != nil {
			return err
		}
		return item.Value(func(v []byte) error { return json.Unmarshal(v, &s.state) })
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		s.fresh = true
		err = s.setState(s.state)
	}
	if err != nil {
		return fmt.Errorf("read how far usage was summed: %w", err)
	}
	s.state.Final = max(s.state.Final, s.state.Summed)
	s.Meter.floor.Store(s.state.Minutes)
	_, err = s.devices(minutes, func(*Bucket) error { return nil }, s.state.Summed)
	if err != nil {
		return fmt.Errorf("read the last minutes: %w", err)
	}
	return nil
}

// Close closes it. What was not flushed is lost.
func (s *Store) Close() error {
	s.use.Lock()
	defer s.use.Unlock()
	s.ended = true
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	if err := db.Close(); err != nil {
		return fmt.Errorf("close usage: %w", err)
	}
	return nil
}

// Reopen closes it, lets rewrite change the file of its keys in its directory, and opens it under the key that rewrite returns, as before if that is
// the old one. Readers and flushes wait meanwhile; counting goes on. If it does not open, what is counted stays in memory until Reopen is called again.
func (s *Store) Reopen(rewrite func(dir string) (key []byte, err error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.use.Lock()
	defer s.use.Unlock()
	if s.ended || s.dir == "" {
		return nil
	}
	if s.db != nil {
		db := s.db
		s.db = nil
		if err := db.Close(); err != nil {
			return fmt.Errorf("close usage: %w", err)
		}
	}
	key, failed := rewrite(s.dir)
	s.options.Key = key
	db, err := openBadger(s.dir, &s.options)
	if err != nil {
		return errors.Join(failed, fmt.Errorf("open usage again: %w", err))
	}
	s.db = db
	return failed
}

// ErrClosed says that the store was closed.
var ErrClosed = errors.New("usage is closed")

// enter has Close wait until leave.
func (s *Store) enter() error {
	s.use.RLock()
	if s.db == nil {
		s.use.RUnlock()
		return ErrClosed
	}
	return nil
}

func (s *Store) leave() { s.use.RUnlock() }

// turn is enter for who writes; done gives it back.
func (s *Store) turn() (done func(), err error) {
	s.mu.Lock()
	if err := s.enter(); err != nil {
		s.mu.Unlock()
		return nil, err
	}
	return func() { s.leave(); s.mu.Unlock() }, nil
}

// Summed is until when usage is final: nothing before it changes any more, unless the clock is set back.
func (s *Store) Summed() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Unix(s.state.Summed, 0).UTC()
}

// Fresh reports whether there was no usage when it was opened: it is the first time, or what there was is lost.
func (s *Store) Fresh() bool { return s.fresh }

// Flushed is when the last flush succeeded, or when the store was opened.
func (s *Store) Flushed() time.Time { return time.Unix(0, s.flushed.Load()) }
