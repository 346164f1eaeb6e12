package usage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// Window is a piece of what all devices did in a window, a quarter of an hour or an hour, as it was told to those who watch for abuse. It is
// written once, when the window has ended and was summed: a call that is counted later is in the customer's usage, but in no window. What Rows
// means is up to who writes and reads them.
type Window struct {
	Start time.Time
	Quick bool // a quarter of an hour instead of an hour
	Chunk int  // which piece it is, from 0 on
	Of    int  // how many pieces the window has; 0 is 1
	Rows  []byte
}

// How long windows are kept: as long as rules look back, and hours long enough to try new thresholds on what was a year ago.
const (
	QuickWindowsKept = 35 * 24 * time.Hour
	WindowsKept      = 400 * 24 * time.Hour
)

const (
	windows = 'w'
	beatKey = "beat"
	// maxChunks bounds the pieces of a window.
	maxChunks = 1 << 16
	// windowVersion is the first byte of a window's value.
	windowVersion = 1
)

// windowKey sorts windows by their end, of those that end together quarters before the hour, and the pieces of one in order.
func windowKey(end int64, kind byte, chunk int) []byte {
	key := append(binary.BigEndian.AppendUint64([]byte{windows}, uint64(end)), kind)
	return binary.BigEndian.AppendUint16(key, uint16(chunk))
}

// The kinds of windows, as they sort.
const (
	quickWindow = 0
	hourWindow  = 1
)

func (w *Window) length() (seconds int64, kind byte) {
	if w.Quick {
		return quarter, quickWindow
	}
	return hourLong, hourWindow
}

var errWindow = errors.New("a window that cannot be kept")

// PutWindow writes a piece of a window, and returns when it is on disk. Of several pieces the first, 0, is written last: a window without it is
// not there, so one that a crash cut off is written again as a whole.
func (s *Store) PutWindow(w *Window) error {
	length, kind := w.length()
	start := w.Start.Unix()
	of := max(w.Of, 1)
	if start < 0 || start%length != 0 || w.Start.Nanosecond() != 0 || w.Chunk < 0 || w.Chunk >= of || of > maxChunks {
		return fmt.Errorf("%w: piece %d of %d, from %s on", errWindow, w.Chunk, of, w.Start.UTC().Format(time.RFC3339Nano))
	}
	value := append(binary.AppendUvarint([]byte{windowVersion}, uint64(of)), w.Rows...)
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	if err := s.checkDisk(); err != nil {
		return err
	}
	err = s.db.Update(func(txn *badger.Txn) error { return txn.Set(windowKey(start+length, kind, w.Chunk), value) })
	if err == nil && w.Chunk == 0 {
		err = s.db.Sync()
	}
	if err != nil {
		return fmt.Errorf("write the window from %s on: %w", w.Start.UTC().Format(time.RFC3339), err)
	}
	return nil
}

// Windows calls f with the windows that begin at from or later and before to, piece by piece, in the order in which they are judged: by their end, the four
// quarters of an hour before the hour. f must keep nothing of what it is given: it is overwritten. It may be slow, but must not write.
func (s *Store) Windows(from, to time.Time, f func(*Window) error) error {
	_, txn, err := s.cut()
	if err != nil {
		return err
	}
	defer s.leave()
	defer txn.Discard()
	o := badger.DefaultIteratorOptions
	o.Prefix, o.PrefetchSize = []byte{windows}, 10
	it := txn.NewIterator(o)
	defer it.Close()
	r := windowReader{from: from.Unix(), to: to.Unix(), f: f}
	for it.Seek(windowKey(max(r.from, 0), 0, 0)); it.Valid(); it.Next() {
		more, err := r.read(it.Item())
		if err != nil {
			return err
		}
		if !more {
			return nil
		}
	}
	return nil
}

// windowReader tells of windows that are whole.
type windowReader struct {
	from, to int64
	f        func(*Window) error
	w        Window
	next     int // the piece that must come next, of a window that has begun
}

func (r *windowReader) read(item *badger.Item) (more bool, err error) {
	key := item.Key()
	if len(key) != 1+8+1+2 {
		return false, fmt.Errorf("%w: its key is %x", errWindow, key)
	}
	end, chunk := int64(binary.BigEndian.Uint64(key[1:])), int(binary.BigEndian.Uint16(key[10:]))
	quick := key[9] == quickWindow
	length, _ := (&Window{Quick: quick}).length()
	start := end - length
	switch {
	case end >= r.to+hourLong:
		return false, nil
	case start < r.from || start >= r.to:
		return true, nil
	case chunk == 0:
		r.w, r.next = Window{Start: time.Unix(start, 0).UTC(), Quick: quick}, 0
	case r.w.Start.Unix() != start || r.w.Quick != quick || chunk != r.next || chunk >= r.w.Of:
		return true, nil // of a window that was never whole, or left of what a crash cut off
	}
	err = item.Value(func(v []byte) error { return r.tell(chunk, v) })
	if err != nil {
		return false, fmt.Errorf("read the window from %s on: %w", time.Unix(start, 0).UTC().Format(time.RFC3339), err)
	}
	return true, nil
}

func (r *windowReader) tell(chunk int, v []byte) error {
	if len(v) == 0 || v[0] != windowVersion {
		return fmt.Errorf("%w: not of version %d", errWindow, windowVersion)
	}
	of, n := binary.Uvarint(v[1:])
	if n <= 0 || of == 0 || of > maxChunks {
		return errWindow
	}
	if chunk == 0 {
		r.w.Of = int(of)
	}
	r.w.Chunk, r.w.Rows, r.next = chunk, v[1+n:], chunk+1
	return r.f(&r.w)
}

// LastWindow is the beginning of the last window that is whole and ends at a time or before, of those of a kind; zero if there is none.
func (s *Store) LastWindow(quick bool, until time.Time) (start time.Time, err error) {
	_, txn, err := s.cut()
	if err != nil {
		return time.Time{}, err
	}
	defer s.leave()
	defer txn.Discard()
	length, kind := (&Window{Quick: quick}).length()
	it := txn.NewIterator(badger.IteratorOptions{Reverse: true})
	defer it.Close()
	for it.Seek(windowKey(until.Unix(), hourWindow, maxChunks-1)); it.ValidForPrefix([]byte{windows}); it.Next() {
		if key := it.Item().Key(); len(key) == 12 && key[9] == kind && key[10] == 0 && key[11] == 0 {
			return time.Unix(int64(binary.BigEndian.Uint64(key[1:]))-length, 0).UTC(), nil
		}
	}
	return time.Time{}, nil
}

// removeWindows deletes those of a kind that end at from or later and before to.
func (s *Store) removeWindows(kind byte, from, to int64) error {
	batch := s.db.NewWriteBatch()
	defer batch.Cancel()
	err := s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{windows}})
		defer it.Close()
		for it.Seek(windowKey(max(from, 0), 0, 0)); it.Valid(); it.Next() {
			key := it.Item().KeyCopy(nil)
			if len(key) != 12 || int64(binary.BigEndian.Uint64(key[1:])) >= to {
				return nil
			}
			if key[9] != kind {
				continue
			}
			if err := batch.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = batch.Flush()
	}
	return err
}

// Beat notes that certgate runs at now, for who asks later whether it did: see [Store.LastBeat]. A window during which it did not run tells nothing of
// what is usual.
func (s *Store) Beat(now time.Time) error {
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	if err := s.checkDisk(); err != nil {
		return err
	}
	value := binary.BigEndian.AppendUint64(nil, uint64(now.Unix()))
	if err := s.db.Update(func(txn *badger.Txn) error { return txn.Set([]byte(beatKey), value) }); err != nil {
		return fmt.Errorf("write that certgate runs: %w", err)
	}
	return nil
}

// LastBeat is the last time that Beat noted; zero if there is none.
func (s *Store) LastBeat() (at time.Time, err error) {
	_, txn, err := s.cut()
	if err != nil {
		return time.Time{}, err
	}
	defer s.leave()
	defer txn.Discard()
	item, err := txn.Get([]byte(beatKey))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read when certgate last ran: %w", err)
	}
	err = item.Value(func(v []byte) error {
		if len(v) == 8 {
			at = time.Unix(int64(binary.BigEndian.Uint64(v)), 0).UTC()
		}
		return nil
	})
	return at, err
}
