package certstore

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

const (
	memTableSize = 16 << 20
	// maxCommit is what Badger takes in one transaction: 15 % of a memtable.
	maxCommit = memTableSize * 15 / 100
)

// badgerOptions are Badger's options for the store. The defaults are made for terabytes and for losing the last second.
func (s *Store) badgerOptions(dir string) badger.Options {
	o := badger.DefaultOptions(dir).
		WithLogger(s.options.Log).
		WithMetricsEnabled(false).
		// A commit returns when it is on disk.
		WithSyncWrites(true).
		// There is one writer, so there are no conflicts to detect.
		WithDetectConflicts(false).
		// Records are replaced, never deleted, and their history is in the events.
		WithNumVersionsToKeep(1).
		// The directory answers requests; Badger needs memory for writing and for starting only.
		WithMemTableSize(memTableSize).WithNumMemtables(2).
		WithNumLevelZeroTables(2).WithNumLevelZeroTablesStall(6).
		WithNumCompactors(2). // one is refused
		WithValueLogFileSize(64 << 20).
		// Both must be set with encryption.
		WithBlockCacheSize(16 << 20).WithIndexCacheSize(8 << 20).
		// What is compressed before it is encrypted shows by its length what it holds.
		WithCompression(options.None).
		WithEncryptionKey(s.keys().badger).WithEncryptionKeyRotationDuration(10 * 24 * time.Hour).
		WithChecksumVerificationMode(options.OnBlockRead).WithVerifyValueChecksum(true).
		// A store that was closed in order has all of it in tables, which are checked before they are opened.
		WithCompactL0OnClose(true)
	if s.options.InMemory {
		return o.WithDir("").WithValueDir("").WithInMemory(true).WithSyncWrites(false).WithEncryptionKey(nil)
	}
	return o
}

// openBadger opens Badger and says what a failure means. Badger panics over some files that it cannot read.
func openBadger(o badger.Options) (db *badger.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, damaged(o.Dir, fmt.Errorf("badger cannot read it: %v", r))
		}
	}()
	db, err = badger.Open(o)
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, badger.ErrEncryptionKeyMismatch):
		return nil, wrongSecret(o.Dir)
	case strings.Contains(err.Error(), "Cannot acquire directory lock"): // Badger prints the cause instead of wrapping it
		return nil, locked(o.Dir)
	}
	return nil, damaged(o.Dir, err)
}
