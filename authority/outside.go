package authority

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

// A checkpoint file holds the log's checkpoints, a blank line after each. It lies on another disk or machine than the store, so that a store
// that was taken back to an earlier day is found out: alone it would be a correct store.

const (
	// outsideTail bounds what is read of the end of a checkpoint file (bytes): some two hundred checkpoints.
	outsideTail = 64 << 10
	// maxTorn bounds what is taken for the beginning of a checkpoint and cut off (bytes). One of ours has some 300.
	maxTorn = 1 << 10
	// outsidePause is how long a file that could not be written to is left alone.
	outsidePause = time.Minute
)

// ErrOlderStore says that a checkpoint outside covers events that the store does not have.
var ErrOlderStore = errors.New("the store is older than its newest checkpoint")

// checkOutside compares the store with the checkpoints in the file, and returns how many events the newest of them covers; 0 if there is
// none. Where events are missing the error is an *OlderStoreError; any other says that the two contradict each other.
func (a *Authority) checkOutside(path string) (int64, error) {
	if path == "" {
		return 0, nil
	}
	if dir := a.options.DataDir; dir != "" && inside(dir, path) {
		return 0, fmt.Errorf("checkpoint_file %s is inside the data directory: a copy of the one would take the other along; "+
			"put it on another disk or machine", path)
	}
	list, err := a.readOutside(path)
	if err != nil {
		return 0, err
	}
	all, open, err := a.losses()
	if err != nil {
		return 0, err
	}
	size, root, err := a.store.Tip()
	if err != nil {
		return 0, err
	}
	lost := gate.LostPart{Kept: size}
	if open != nil {
		lost.Kept = open.Lost.Kept // what came after is of another history than the checkpoints
	}
	var newest int64
	for _, c := range list {
		switch {
		case c.Size == 0 || covered(all, c):
			continue
		case c.Size > lost.Kept:
			lost = extend(lost, c)
			continue
		}
		if err := a.continues(c, audit.Checkpoint{Origin: a.store.Origin(), Size: size, Root: root}); err != nil {
			return 0, fmt.Errorf("the store does not continue the checkpoint of %d events in checkpoint_file %s: %w", c.Size, path, err)
		}
		newest = max(newest, c.Size)
	}
	if lost.Size > 0 && open == nil {
		return newest, &OlderStoreError{Lost: lost, Path: path, vkey: a.store.Vkey()}
	}
	return newest, nil
}

// continues proves that the log begins with that of an earlier checkpoint.
func (a *Authority) continues(earlier, now audit.Checkpoint) error {
	proof, err := audit.ProveConsistency(earlier.Size, now.Size, a.store)
	if err != nil {
		return err
	}
	return audit.CheckConsistency(earlier, now, proof)
}

// newestOutside is the checkpoint with the most events in a checkpoint file, of those that nobody has accepted as lost. One of no events stands
// for none.
func (a *Authority) newestOutside(path string) (newest audit.Checkpoint, err error) {
	list, err := a.readOutside(path)
	if err != nil {
		return newest, err
	}
	all, _, err := a.losses()
	for _, c := range list {
		if c.Size >= newest.Size && !covered(all, c) {
			newest = c
		}
	}
	return newest, err
}

// readOutside reads the checkpoints at the end of a checkpoint file; none if it is not there yet, or is empty.
func (a *Authority) readOutside(path string) ([]audit.Checkpoint, error) {
	text, err := readTail(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read checkpoint_file: %w", err)
	}
	key, err := audit.ParseKey(a.store.Vkey())
	if err != nil {
		return nil, err
	}
	if len(text) == outsideTail { // it begins in the middle of one
		_, text, _ = bytes.Cut(text, []byte("\n\n"+a.store.Origin()+"\n"))
		text = append([]byte(a.store.Origin()+"\n"), text...)
	}
	whole := audit.WholeCheckpoints(text)
	list, err := audit.ParseCheckpoints(whole, key)
	if err == nil && len(list) == 0 && len(text) > 0 {
		err = errors.New("it holds no checkpoint")
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint_file %s is not that of this store, or was edited: %w; "+
			"if it never held this store's checkpoints, name another file", path, err)
	}
	return list, nil
}

// readTail reads the end of a file, at most outsideTail of it.
func readTail(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if _, err := f.Seek(max(0, info.Size()-outsideTail), io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, outsideTail))
}

// keepOutside is a job: it writes the latest checkpoint to the checkpoint file of the running configuration, unless it is there already. It
// runs beside the other jobs, because the other disk or machine may be slow.
func (a *Authority) keepOutside(now time.Time) error {
	config := a.current()
	if config == nil || config.settings.CheckpointFile == "" {
		return nil
	}
	latest, signed := a.checkpoints.newest()
	size := latest.Size
	if size <= config.outside.Load() {
		return nil
	}
	if now.Before(config.retry) {
		return errNotNow
	}
	if err := appendCheckpoint(config.settings.CheckpointFile, signed); err != nil {
		config.retry = now.Add(outsidePause)
		return fmt.Errorf("append the checkpoint of %d events to checkpoint_file: %w", size, err)
	}
	config.outside.Store(size)
	return nil
}

// appendCheckpoint appends a checkpoint and waits until it is on the disk. What a crash has left of an earlier one is cut off.
func appendCheckpoint(path string, signed []byte) (err error) {
	text, err := readTail(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err != nil && !fresh {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600) // only appended to, so the file may be append-only (chattr +a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	torn := len(text) - len(audit.WholeCheckpoints(text))
	if torn > maxTorn {
		return fmt.Errorf("%s ends in %d bytes that are no checkpoint; move the file away", path, torn)
	}
	if torn > 0 {
		info, err := f.Stat()
		if err == nil {
			err = f.Truncate(info.Size() - int64(torn))
		}
		if err != nil {
			return fmt.Errorf("cut off %d bytes that were being written when the machine stopped: %w", torn, err)
		}
	}
	if _, err := f.Write(append(bytes.Clone(signed), '\n')); err != nil {
		return err
	}
	if err := f.Sync(); err != nil || !fresh {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the name of a new file durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
