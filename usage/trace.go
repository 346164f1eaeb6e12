package usage

import "math"

// Trace is what those who watch for abuse look at of a device in an hour or a quarter of one (of UTC), beside its counts. It is numbers and
// nothing else: what was told apart to get them is in memory only while the hour lasts, and forgotten with it or by a restart, which never
// makes a number smaller.
type Trace struct {
	Start int64 // Unix seconds

	Forbidden int64 // calls refused for what they asked for, why or whence, or answered 403
	NotFound  int64 // calls answered 404 or 410
	Targets   int64 // different things that those asked for: up to 256 exactly, then about
	Scopes    uint64

	Patients  int64 // different ones that calls named which were let through
	Newcomers int64 // of those: not named by the account for at least 30 days

	// Of identifiers of patients that are numbers, the last 50 of the quarter, each but those that only repeat the one before: how many they
	// are; then at the worst moment how many lay within three of the one before and were none of the last 50, the longest run that only rose
	// or only fell, and how many were different. Of an hour the worst of its quarters.
	Numbers, Near, Run, Distinct int64

	Networks int64 // /24, and /48 of IPv6, that made at least 20 calls: exact up to 64, of which there are no more
	Together int64 // the most of them within one ten minutes

	Exports  int64 // that were begun
	Restarts int64 // of those: of what the device had exported within a day before, as far as is remembered

	fresh  float64 // Newcomers before it was rounded
	loaded bool    // what the store had of it is in it
}

// trace is what the meter holds of a device in an hour. What every call touches comes first and lies together.
type trace struct {
	start    int64 // Unix seconds
	quarter  int64 // the beginning of the quarter that lasts
	changes  int64
	networks networks

	now, hour Trace
	ended     []Trace // earlier quarters that are not written yet
	before    *trace  // of an hour before that is not written yet
	closed    bool    // its last quarter has ended
	flushed   int64   // changes when it was last written

	people  sketch   // patients of the quarter
	numbers *numbers // nil: none came yet
	rare    *rare    // nil: nothing of it came yet
}

// rare is what most devices never need.
type rare struct {
	targets, quarter sketch // of the hour, and of the quarter
	people           sketch // of the hour, where the hours of the device's zone are others
}

const (
	// maxTraces is how many hours of devices are held, for which other calls leave no trace.
	maxTraces = 200_000
	// TraceBytes is about what one takes where all is as usual: few networks, no refusals, no numbers. The most is 4 kB more and four sketches,
	// which count toward what all sketches may take.
	TraceBytes = 640
)

// trace is the one of the hour in which a time lies; nil if there are too many. A call that comes up to an hour late counts in the one that lasts: late
// rather than lost.
func (m *Meter) trace(d *metered, at int64) *trace {
	t := d.trace
	if t == nil || at >= t.start+hourLong || at < t.start-hourLong {
		if m.traces.Load() >= maxTraces {
			return nil
		}
		m.traces.Add(1)
		d.trace = newTrace(at, t)
		if t != nil {
			t.close(m)
		}
		return d.trace
	}
	if at >= t.quarter+quarter {
		t.turn(m)
		t.quarter = floor(at, quarter)
		t.now.Start = t.quarter
	}
	return t
}

func newTrace(at int64, before *trace) *trace {
	t := &trace{start: floor(at, hourLong), quarter: floor(at, quarter), before: before}
	t.hour.Start, t.now.Start = t.start, t.quarter
	t.networks.last = none
	return t
}

// turn ends the quarter that lasted.
func (t *trace) turn(m *Meter) {
	t.settle()
	t.ended = append(t.ended, t.now)
	t.now = Trace{}
	t.release(m)
	t.networks.turn()
	if t.numbers != nil {
		t.numbers.turn()
	}
}

// release forgets what was told apart in the quarter; the numbers stay.
func (t *trace) release(m *Meter) {
	m.drop(&t.people)
	if t.rare != nil {
		m.drop(&t.rare.quarter)
	}
}

// close ends the hour. What was told apart is forgotten, and the numbers stay until they are written.
func (t *trace) close(m *Meter) {
	if t.closed {
		return
	}
	t.turn(m)
	t.closed, t.numbers, t.networks = true, nil, networks{}
	if t.rare != nil {
		m.drop(&t.rare.targets)
		m.drop(&t.rare.people)
		t.rare = nil
	}
}

// drop empties a sketch.
func (m *Meter) drop(s *sketch) {
	m.sketched.Add(-s.bytes())
	*s = sketch{}
}

// settle brings the numbers of what was told apart up to date. They never become smaller.
func (t *trace) settle() {
	raise(&t.now.Patients, t.people.count())
	t.networks.tell(t)
	if t.numbers != nil {
		raise(&t.now.Distinct, t.numbers.distinct())
	}
	if t.rare != nil {
		raise(&t.now.Targets, t.rare.quarter.count())
		raise(&t.hour.Targets, t.rare.targets.count())
		raise(&t.hour.Patients, t.rare.people.count())
	}
	t.hour.worst(&t.now)
}

// worst takes over what of an hour is that of its worst quarter, or at least as much as in each.
func (r *Trace) worst(q *Trace) {
	if q.Near > r.Near || q.Near == r.Near && q.Numbers > r.Numbers {
		r.Near, r.Numbers = q.Near, q.Numbers
	}
	for _, n := range [][2]*int64{{&r.Run, &q.Run}, {&r.Distinct, &q.Distinct}, {&r.Patients, &q.Patients}, {&r.Targets, &q.Targets}} {
		raise(n[0], *n[1])
	}
}

func raise(n *int64, to int64) { *n = max(*n, to) }

// join takes in what the store has, from before a restart: what was counted adds up; of what was told apart the larger number stands.
func (r *Trace) join(o *Trace) {
	for i, n := range r.sums() {
		*n += *o.sums()[i]
	}
	for i, n := range r.most() {
		raise(n, *o.most()[i])
	}
	r.Scopes |= o.Scopes
	r.fresh += o.fresh
}

func (r *Trace) sums() []*int64 { return []*int64{&r.Forbidden, &r.NotFound, &r.Exports, &r.Restarts} }

func (r *Trace) most() []*int64 {
	return []*int64{&r.Targets, &r.Patients, &r.Numbers, &r.Near, &r.Run, &r.Distinct, &r.Networks, &r.Together}
}

// tell rounds for readers.
func (r *Trace) tell() { r.Newcomers = int64(math.Round(r.fresh)) }
