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
}

type shard struct {
	mu      sync.Mutex
	devices map[gate.DeviceID][]*bucket // guarded by mu; oldest first
	_       [40]byte                    // shards do not share a line of the processor's cache
}

// bucket is a minute of a device.
type bucket struct {
	minute  int64  // Unix seconds of its beginning
	cells   []Cell // what was counted since the bucket was made
	changes int64  // how often it was counted in
	flushed int64  // changes when it was last written

	// Of the store alone, which flushes one at a time.
	base   []Cell // what the store had when the bucket was first written
	loaded bool
}

var hashSeed = maphash.MakeSeed()

const minute = 60

// Count counts a call, or what else a tally holds, at a time. It allocates only for what is new in its minute.
func (m *Meter) Count(at time.Time, device gate.DeviceID, key *Key, t *Tally) {
	s := &m.shards[maphash.String(hashSeed, string(device))%uint64(len(m.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	b := m.bucket(s, device, floor(max(at.Unix(), m.floor.Load()), minute))
	b.cells = addTo(b.cells, key, t)
	b.changes++
}

func (m *Meter) bucket(s *shard, device gate.DeviceID, start int64) *bucket {
	list := s.devices[device]
	for _, b := range slices.Backward(list) {
		if b.minute == start {
			return b
		}
	}
	if len(list) > 0 && m.buckets.Load() >= maxBuckets {
		return list[len(list)-1]
	}
	if s.devices == nil {
		s.devices = make(map[gate.DeviceID][]*bucket)
	}
	b := &bucket{minute: start}
	s.devices[device] = append(list, b)
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
		for _, buckets := range s.devices {
			for _, b := range buckets {
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
		for device, buckets := range s.devices {
			for _, b := range buckets {
				if b.changes != b.flushed {
					list = append(list, snapshot{device, b, slices.Clone(b.cells), b.changes})
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
		for device, buckets := range s.devices {
			kept := slices.DeleteFunc(buckets, func(b *bucket) bool {
				if n, ok := done[b]; ok {
					b.flushed = n
				}
				return b.minute < current && b.flushed == b.changes
			})
			m.buckets.Add(int64(len(kept) - len(buckets)))
			if len(kept) == 0 {
				delete(s.devices, device)
			} else {
				s.devices[device] = kept
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
