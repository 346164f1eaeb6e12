package usage

import (
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/onerecord/certgate/gate"
)

// openTrace is one that has changed since it was last written.
type openTrace struct {
	device gate.DeviceID
	trace  *trace
	// What is being written of it.
	changes int64
	ended   int
}

func (m *Meter) openTraces() (list []openTrace) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for device, d := range s.devices {
			for t := d.trace; t != nil; t = t.before {
				if t.changes != t.flushed {
					list = append(list, openTrace{device: device, trace: t})
				}
			}
		}
		s.mu.Unlock()
	}
	return list
}

// flushTraces writes numbers as they are now, whole. If it fails, the meter still has them.
func (s *Store) flushTraces(list []openTrace) error {
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	if err := s.checkDisk(); err != nil {
		return err
	}
	batch := s.db.NewWriteBatch()
	defer batch.Cancel()
	for i := range list {
		if err := s.putTrace(batch, &list[i]); err != nil {
			return err
		}
	}
	if err := s.sync(batch); err != nil {
		return err
	}
	s.Meter.tracesWritten(list)
	return nil
}

func (s *Store) putTrace(batch *badger.WriteBatch, o *openTrace) error {
	found := s.Meter.unread(o)
	for i := range found {
		r := &found[i]
		before, err := s.traceAt(traceKey(r.quick, r.Start, o.device))
		if err != nil {
			return fmt.Errorf("read what %s left: %w", o.device, err)
		}
		if before != nil {
			r.Trace = *before
		}
	}
	for _, r := range s.Meter.writeTrace(o, found) {
		if err := batch.Set(traceKey(r.quick, r.Start, o.device), r.encode()); err != nil {
			return err
		}
	}
	return nil
}

// row is a trace of a quarter or an hour.
type row struct {
	Trace

	quick bool
}

// rows are all that a trace holds, the last one that of the quarter that lasts. The shard is locked.
func (t *trace) rows() (list []*Trace) {
	list = append(list, &t.hour)
	for i := range t.ended {
		list = append(list, &t.ended[i])
	}
	if !t.closed {
		list = append(list, &t.now)
	}
	return list
}

// unread are those of which it is not known yet what the store has.
func (m *Meter) unread(o *openTrace) (list []row) {
	s := m.shard(o.device)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range o.trace.rows() {
		if !r.loaded {
			list = append(list, row{Trace{Start: r.Start}, i > 0})
		}
	}
	return list
}

// writeTrace joins in what was found, and returns what is to be written.
func (m *Meter) writeTrace(o *openTrace, found []row) (list []row) {
	s, t := m.shard(o.device), o.trace
	s.mu.Lock()
	defer s.mu.Unlock()
	if !t.closed {
		t.settle()
	}
	if d := s.devices[o.device]; d != nil {
		for _, h := range d.hours {
			if t.aligned(h) {
				raise(&t.hour.Patients, h.patients.count())
			}
		}
	}
	o.changes, o.ended = t.changes, 0
	for i, r := range t.rows() {
		for k := range found {
			if f := &found[k]; !r.loaded && f.Start == r.Start && f.quick == (i > 0) {
				r.join(&f.Trace)
				r.loaded = true
			}
		}
		if !r.loaded { // it began a moment ago, and is written the next time
			o.changes--
			break
		}
		list = append(list, row{*r, i > 0})
		if i > 0 && i <= len(t.ended) {
			o.ended++
		}
	}
	return list
}

func (m *Meter) tracesWritten(list []openTrace) {
	for i := range list {
		o := &list[i]
		s := m.shard(o.device)
		s.mu.Lock()
		o.trace.flushed = o.changes
		o.trace.ended = append([]Trace(nil), o.trace.ended[o.ended:]...)
		s.mu.Unlock()
	}
}

// forgetTraces forgets those of hours that are over and written, and whom the device named in a quarter that is.
func (m *Meter) forgetTraces() {
	limit := m.clock.Load() - lag
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for device, d := range s.devices {
			for at := &d.trace; *at != nil; {
				t := *at
				written := t.flushed == t.changes
				if written && t.quarter+quarter <= limit {
					t.release(m)
				}
				if !written || !t.closed && t.start+hourLong > limit {
					at = &t.before
					continue
				}
				t.close(m)
				*at = t.before
				m.traces.Add(-1)
			}
			if d.empty() {
				delete(s.devices, device)
			}
		}
		s.mu.Unlock()
	}
}
