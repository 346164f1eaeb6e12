package usage

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onerecord/certgate/gate"
)

// maxBuckets is how many minutes of devices the meter holds while they cannot be written; a call that would begin another is then counted
// in the newest minute of its device, if that has one: late rather than lost.
const maxBuckets = 200_000

// Meter counts calls in memory. A device is in it only while it calls. The zero value is an empty one.
type Meter struct {
	shards  [64]shard
	buckets atomic.Int64
	floor   atomic.Int64 // the earliest minute that is still counted in; earlier ones were removed from the store

	hours    atomic.Int64
	sketched atomic.Int64 // bytes of the hours' sketches
	named    atomic.Int64 // patients that wait to be compared with what their accounts know
	keys     sketchKeys
	traces   atomic.Int64 // how many are held
	clock    atomic.Int64 // Unix seconds of the last flush
	exports  exports
}

type shard struct {
	mu      sync.Mutex
	devices map[gate.DeviceID]*metered // guarded by mu
	in, out [16]byte                   // guarded by mu; what is being hashed
}

// metered is what is held of a device.
type metered struct {
	buckets []*bucket // oldest first
	hours   []*hour   // in the order in which they were begun
	trace   *trace    // of the last hour in which it called
}

func (d *metered) empty() bool { return len(d.buckets) == 0 && len(d.hours) == 0 && d.trace == nil }

// bucket is a minute of a device.
type bucket struct {
	minute  int64     // Unix seconds of its beginning
	cells   []counted // what was counted since the bucket was made
	changes int64     // how often it was counted in
	flushed int64     // changes when it was last written

	// Of the store alone, which flushes one at a time.
	base   []Cell // what the store had when the bucket was first written
	loaded bool
}

var hashSeed = maphash.MakeSeed()

const minute = 60

// Count counts a call at a time, and notes what it showed; nil is nothing. It allocates only for what is new in its minute and hour.
func (m *Meter) Count(at time.Time, device gate.DeviceID, c *Call, shown *Shown) {
	s := m.shard(device)
	second := max(at.Unix(), m.floor.Load())
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.devices[device]
	if d == nil {
		if s.devices == nil {
			s.devices = make(map[gate.DeviceID]*metered)
		}
		d = new(metered)
		s.devices[device] = d
	}
	b := m.bucket(d, floor(second, minute))
	b.cells = countIn(b.cells, c)
	b.changes++
	if shown != nil {
		m.see(s, d, second, shown)
	}
}

func (m *Meter) shard(device gate.DeviceID) *shard {
	return &m.shards[maphash.String(hashSeed, string(device))%uint64(len(m.shards))]
}

func (m *Meter) bucket(d *metered, start int64) *bucket {
	for _, b := range slices.Backward(d.buckets) {
		if b.minute == start {
			return b
		}
	}
	if n := len(d.buckets); n > 0 && m.buckets.Load() >= maxBuckets {
		return d.buckets[n-1]
	}
	b := &bucket{minute: start}
	d.buckets = append(d.buckets, b)
	m.buckets.Add(1)
	return b
}

// Len is how many minutes of devices are held.
func (m *Meter) Len() int { return int(m.buckets.Load()) }

// snapshot is a bucket as it was at one moment.
type snapshot struct {
	device  gate.DeviceID
	bucket  *bucket
	cells   []Cell
	changes int64
}

// raise has nothing counted before a time any more, and returns the earliest minute of those that are held, or that time.
func (m *Meter) raise(to int64) (earliest int64) {
	m.floor.Store(to)
	earliest = to
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for _, d := range s.devices {
			for _, b := range d.buckets {
				earliest = min(earliest, b.minute)
			}
		}
		s.mu.Unlock()
	}
	return earliest
}

// changed are the buckets that have counts which were not written.
func (m *Meter) changed() (list []snapshot) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for device, d := range s.devices {
			for _, b := range d.buckets {
				if b.changes != b.flushed {
					list = append(list, snapshot{device, b, cellsOf(b.cells), b.changes})
				}
			}
		}
		s.mu.Unlock()
	}
	return list
}

// written notes what was written, and forgets minutes before now of which nothing is left to write. A late call that comes yet makes its
// minute anew, and that is read back then.
func (m *Meter) written(list []snapshot, now time.Time) {
	current := floor(now.Unix(), minute)
	done := make(map[*bucket]int64, len(list))
	for i := range list {
		done[list[i].bucket] = list[i].changes
	}
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for device, d := range s.devices {
			kept := slices.DeleteFunc(d.buckets, func(b *bucket) bool {
				if n, ok := done[b]; ok {
					b.flushed = n
				}
				return b.minute < current && b.flushed == b.changes
			})
			m.buckets.Add(int64(len(kept) - len(d.buckets)))
			d.buckets = kept
			if d.empty() {
				delete(s.devices, device)
			}
		}
		s.mu.Unlock()
	}
}

// floor is the last multiple of step that is not after t.
func floor(t, step int64) int64 {
	r := t % step
	if r < 0 {
		r += step
	}
	return t - r
}
