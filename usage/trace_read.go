package usage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/gate"
)

// The levels of traces. Their keys are in order of time and then of device, because they are read all of one time together.
const (
	traceHours    = 't'
	traceQuarters = 'u'
)

func traceKey(quick bool, start int64, device gate.DeviceID) []byte {
	level := byte(traceHours)
	if quick {
		level = traceQuarters
	}
	return append(binary.BigEndian.AppendUint64([]byte{level}, uint64(start)), device...)
}

// Traces calls f with what each device left in the quarter of an hour (quick) or the hour that begins at start, in the order of their identifiers: all but
// the last minute. They are kept as long as minutes.
func (s *Store) Traces(start time.Time, quick bool, f func(gate.DeviceID, *Trace) error) error {
	_, txn, err := s.cut()
	if err != nil {
		return err
	}
	defer s.leave()
	defer txn.Discard()
	o := badger.DefaultIteratorOptions
	o.Prefix = traceKey(quick, start.Unix(), "")
	it := txn.NewIterator(o)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		device := gate.DeviceID(it.Item().Key()[len(o.Prefix):])
		var r *Trace
		err := it.Item().Value(func(v []byte) (err error) {
			r, err = decodeTrace(start.Unix(), v)
			return err
		})
		if err != nil {
			return fmt.Errorf("read what %s left: %w", device, err)
		}
		if err := f(device, r); err != nil {
			return err
		}
	}
	return nil
}

// traceAt is what is kept under a key; nil if there is nothing.
func (s *Store) traceAt(key []byte) (r *Trace, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(key)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return item.Value(func(v []byte) (err error) {
			r, err = decodeTrace(int64(binary.BigEndian.Uint64(key[1:])), v)
			return err
		})
	})
	return r, err
}

// encode writes it: version, what adds up, what does not, the kinds, and how many patients were new before that was rounded.
func (r *Trace) encode() []byte {
	out := []byte{1}
	for _, n := range append(r.sums(), r.most()...) {
		out = binary.AppendVarint(out, *n)
	}
	out = binary.AppendUvarint(out, r.Scopes)
	return binary.BigEndian.AppendUint64(out, math.Float64bits(r.fresh))
}

func decodeTrace(start int64, value []byte) (*Trace, error) {
	if len(value) == 0 || value[0] != 1 {
		return nil, fmt.Errorf("%w: what a device left is not of version 1", errBucket)
	}
	d, r := decoder{rest: value[1:]}, &Trace{Start: start}
	for _, n := range append(r.sums(), r.most()...) {
		*n = d.number()
	}
	scopes, n := binary.Uvarint(d.rest)
	d.took(n)
	r.Scopes = scopes
	if b := d.bytes(8); b != nil {
		r.fresh = math.Float64frombits(binary.BigEndian.Uint64(b))
	}
	if d.err == nil && len(d.rest) > 0 {
		d.err = errBucket
	}
	r.tell()
	return r, d.err
}

// removeTraces deletes those that begin before a time.
func (s *Store) removeTraces(before int64) error {
	batch := s.db.NewWriteBatch()
	defer batch.Cancel()
	err := s.db.View(func(txn *badger.Txn) error {
		for _, level := range []byte{traceHours, traceQuarters} {
			it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{level}})
			defer it.Close()
			for it.Rewind(); it.Valid(); it.Next() {
				key := it.Item().KeyCopy(nil)
				if len(key) > 9 && int64(binary.BigEndian.Uint64(key[1:9])) >= before {
					break
				}
				if err := batch.Delete(key); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return errors.Join(err, batch.Flush())
}
