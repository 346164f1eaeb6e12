package usage

import (
	"net/http"
	"sync"
)

// leave notes in a trace what a call showed beside the patients. The shard of the device is locked.
func (m *Meter) leave(s *shard, t *trace, h *hour, shown *Shown) {
	switch {
	case shown.Refused, shown.Status == http.StatusForbidden:
		t.now.Forbidden++
		t.hour.Forbidden++
	case shown.Status == http.StatusNotFound, shown.Status == http.StatusGone:
		t.now.NotFound++
		t.hour.NotFound++
	}
	if shown.Denied.Target != ([16]byte{}) {
		m.deny(s, t, h, &shown.Denied)
	}
	if len(shown.Numbers) > 0 {
		if t.numbers == nil {
			t.numbers = new(numbers)
		}
		for _, n := range shown.Numbers {
			t.numbers.add(n, &t.now)
		}
	}
	if shown.Export != 0 {
		again := m.exports.again(shown.Export, t.quarter)
		for _, r := range []*Trace{&t.now, &t.hour} {
			r.Exports++
			r.Restarts += again
		}
	}
}

// Denied says what a call asked for that was refused for that, or answered 403, 404 or 410. The zero value says that it was none.
type Denied struct {
	Target [16]byte // a keyed hash of it. Not kept
	Kind   uint8    // the number of the kind of resource, 1 to 64, where that was refused with 403
}

func (m *Meter) deny(s *shard, t *trace, h *hour, d *Denied) {
	r := t.seldom()
	s.in = d.Target
	hash := s.hash(h.key)
	m.add(&r.targets, hash)
	m.add(&r.quarter, hash)
	if d.Kind > 0 {
		t.now.Scopes |= 1 << (d.Kind - 1)
		t.hour.Scopes |= 1 << (d.Kind - 1)
	}
}

// meet notes a patient, by what the hour's key made of it.
func (m *Meter) meet(t *trace, h *hour, hash uint64) {
	m.add(&t.people, hash)
	if !t.aligned(h) {
		m.add(&t.seldom().people, hash)
	}
}

// welcome adds patients who turned out to be new to the account to the quarter in which they were named, in this hour or one before.
func (t *trace) welcome(at int64, fresh float64) {
	for ; t != nil && fresh > 0; t = t.before {
		if floor(at, hourLong) != t.start {
			continue
		}
		t.hour.fresh += fresh
		t.changes++
		for i := range t.ended {
			if t.ended[i].Start == at {
				t.ended[i].fresh += fresh
				return
			}
		}
		if !t.closed {
			t.now.fresh += fresh
		}
		return
	}
}

func (t *trace) seldom() *rare {
	if t.rare == nil {
		t.rare = new(rare)
	}
	return t.rare
}

// aligned reports whether the hour of the device's zone is that of the trace, so that what is known of the one is known of the other.
func (t *trace) aligned(h *hour) bool { return h.start == t.start && h.end == t.start+hourLong }

// exports are what was exported within a day, by hash: 64 kB. Where there is no room what was exported longest ago is forgotten.
type exports struct {
	mu   sync.Mutex
	sets [1024][4]exported // guarded by mu
}

type exported struct {
	hash uint64
	at   int64
}

// again notes an export, and is 1 if it was begun within a day before; else 0.
func (e *exports) again(hash uint64, at int64) int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	set := &e.sets[hash%uint64(len(e.sets))]
	oldest := &set[0]
	for i := range set {
		one := &set[i]
		if one.hash == hash {
			lately := at-one.at < dayLong
			one.at = max(one.at, at)
			if lately {
				return 1
			}
			return 0
		}
		if one.at < oldest.at {
			oldest = one
		}
	}
	*oldest = exported{hash, at}
	return 0
}

// Traced is how many hours of devices are held of which traces are kept.
func (m *Meter) Traced() int { return int(m.traces.Load()) }
