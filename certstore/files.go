package certstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// asideSuffix is put behind a table that Badger would delete, until the store has been found to be whole without it.
const asideSuffix = ".aside"

// presence says whether there is a store in dir at all.
func presence(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing(filepath.Dir(dir))
	case err != nil:
		return fmt.Errorf("open the store: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%w: %s is a file; a store is a directory", ErrMissing, dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	if len(entries) == 0 {
		return missing(filepath.Dir(dir))
	}
	return nil
}

// checkFiles looks at the store's files before Badger opens them. Badger makes what is missing anew, deletes tables that its manifest does
// not name, leaves out a table that it cannot read, and ends the process over some others: each of them would lose records, or what
// shows that they are lost. The caller holds the lock.
func checkFiles(o badger.Options) error {
	tables, err := manifest(o)
	if err != nil {
		return damaged(o.Dir, err)
	}
	// A log that a crash left empty holds nothing, and Badger would refuse it.
	for _, pattern := range []string{"*.mem", "*.vlog"} {
		if err := removeEmpty(filepath.Join(o.Dir, pattern)); err != nil {
			return err
		}
	}
	registry, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{Dir: o.Dir, ReadOnly: true, EncryptionKey: o.EncryptionKey})
	if errors.Is(err, badger.ErrEncryptionKeyMismatch) {
		return wrongSecret(o.Dir)
	}
	if err != nil {
		return damaged(o.Dir, fmt.Errorf("%s: %w", badger.KeyRegistryFileName, err))
	}
	for id, t := range tables {
		name := table.NewFilename(id, o.Dir)
		if err := bringBack(name); err != nil {
			return err
		}
		key, err := registry.DataKey(t.KeyID)
		if err == nil {
			err = checkTable(name, key.GetData())
		}
		if err != nil {
			return damaged(o.Dir, fmt.Errorf("table %s: %w", filepath.Base(name), err))
		}
	}
	return setAside(o.Dir, tables)
}

// manifest reads the list of tables.
func manifest(o badger.Options) (map[uint64]badger.TableManifest, error) {
	for _, name := range []string{badger.ManifestFilename, badger.KeyRegistryFileName} {
		if _, err := os.Stat(filepath.Join(o.Dir, name)); err != nil {
			return nil, fmt.Errorf("the file %s: %w", name, err)
		}
	}
	f, err := os.Open(filepath.Join(o.Dir, badger.ManifestFilename))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	m, _, err := badger.ReplayManifestFile(f, o.ExternalMagicVersion, o)
	if err != nil {
		return nil, fmt.Errorf("the file %s: %w", badger.ManifestFilename, err)
	}
	return m.Tables, nil
}

func removeEmpty(pattern string) error {
	names, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && info.Size() == 0 {
			if err := os.Remove(name); err != nil {
				return fmt.Errorf("remove an empty log: %w", err)
			}
		}
	}
	return nil
}

// setAside renames tables that the manifest does not name. A crash in the middle of a compaction leaves such; so does a manifest
// that lost its end, and then they hold records.
func setAside(dir string, tables map[uint64]badger.TableManifest) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		return err
	}
	for _, name := range names {
		if id, ok := table.ParseFileID(name); ok {
			if _, named := tables[id]; named {
				continue
			}
		}
		if err := os.Rename(name, name+asideSuffix); err != nil {
			return fmt.Errorf("set a table aside: %w", err)
		}
	}
	return nil
}

// bringBack undoes setAside for a table that the manifest names after all.
func bringBack(name string) error {
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := os.Rename(name+asideSuffix, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // checkTable will say that it is missing
	}
	return err
}

// dropAside deletes what was set aside, once the store is known to be whole.
func dropAside(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.sst"+asideSuffix))
	if err != nil {
		return err
	}
	for _, name := range names {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// syncDir makes names that were created or renamed in dir durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return errors.Join(f.Sync(), f.Close())
}
