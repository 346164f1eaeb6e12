package certstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
)

// newest is a file beside Badger's that holds the number of the newest commit. Badger keeps what it has not yet put into a table in a
// log, and where that log is gone or cut off it starts with what was before, which is whole in itself. So each commit, once it is on disk,
// notes its number here, and a start that finds fewer commits than are noted refuses.
//
// The note is not synced: it survives the process, and after a power cut it may be of an earlier commit, never of one that Badger had not
// synced. There are two places, written in turn, so that a note torn by a power cut leaves the one before.
type newest struct {
	file *os.File
	keys *keyring
}

const (
	newestName = "NEWEST"
	// noteStride sets the two places a sector apart.
	noteStride = 512
)

// errNoNote says that neither place can be read: the file is damaged, or the secret is another one.
var errNoNote = errors.New("the file " + newestName + " is missing or damaged")

func createNewest(dir string, keys *keyring) (*newest, error) {
	f, err := os.OpenFile(filepath.Join(dir, newestName), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the store: %w", err)
	}
	n := &newest{file: f, keys: keys}
	if err := n.note(0); err != nil {
		return nil, errors.Join(fmt.Errorf("make the store: %w", err), f.Close())
	}
	return n, nil
}

func openNewest(dir string, keys *keyring) (*newest, error) {
	f, err := os.OpenFile(filepath.Join(dir, newestName), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, damaged(dir, errNoNote)
	}
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	return &newest{file: f, keys: keys}, nil
}

// note writes the number of a commit.
func (n *newest) note(commits int64) error {
	body := binary.BigEndian.AppendUint64(nil, uint64(commits))
	_, err := n.file.WriteAt(n.keys.wrap([]byte(newestName), body), commits%2*noteStride)
	return err
}

// noted is the higher of the numbers that can be read.
func (n *newest) noted() (int64, error) {
	highest, found := int64(0), false
	for place := range int64(2) {
		value := make([]byte, overhead+8)
		if _, err := n.file.ReadAt(value, place*noteStride); err != nil {
			if errors.Is(err, io.EOF) {
				continue
			}
			return 0, fmt.Errorf("read %s: %w", newestName, err)
		}
		if body, _, err := n.keys.unwrap([]byte(newestName), value); err == nil {
			highest, found = max(highest, int64(binary.BigEndian.Uint64(body))), true
		}
	}
	if !found {
		return 0, errNoNote
	}
	return highest, nil
}

// check compares what the head says with the note.
func (n *newest) check(commits int64) error {
	noted, err := n.noted()
	if err == nil && noted > commits {
		err = fmt.Errorf("it holds %d commits and there were %d: its newest log (.mem) is missing or cut off", commits, noted)
	}
	return err
}

// judge looks again at a refusal for a wrong secret: where a note can be read, the secret is right, and it is Badger's file of keys
// that is not as it was.
func (n *newest) judge(dir string, refusal error) error {
	if _, err := n.noted(); err == nil && errors.Is(refusal, ErrWrongSecret) {
		return damaged(dir, errors.New("the file "+badger.KeyRegistryFileName+" was changed"))
	}
	return refusal
}

func (n *newest) close() error {
	return errors.Join(n.file.Sync(), n.file.Close())
}
