package authority

import (
	"sync/atomic"
	"time"

	"github.com/onerecord/certgate/gate"
)

// maxReasons is room for every gate.Reason; a test holds it.
const maxReasons = 64

// Counters count decisions since the authority was opened; they survive reloads.
type Counters struct {
	requests   [maxReasons]atomic.Uint64 // by gate.Reason
	durations  [len(DurationBuckets) + 1]atomic.Uint64
	durationNS atomic.Uint64
	handshakes [maxReasons]atomic.Uint64 // refused in the handshake, by gate.Reason
}

// DurationBuckets are the upper bounds of the histogram of decision times.
var DurationBuckets = [...]time.Duration{250 * time.Nanosecond, 500 * time.Nanosecond, time.Microsecond, 2 * time.Microsecond,
	4 * time.Microsecond, 8 * time.Microsecond, 16 * time.Microsecond, 64 * time.Microsecond, 256 * time.Microsecond, time.Millisecond, 16 * time.Millisecond}

func (c *Counters) decided(r gate.Reason, took time.Duration) {
	c.requests[r].Add(1)
	i := 0
	for i < len(DurationBuckets) && took > DurationBuckets[i] {
		i++
	}
	c.durations[i].Add(1)
	c.durationNS.Add(uint64(max(took, 0)))
}

// Unavailable counts a request that was answered before any decision was possible.
func (a *Authority) Unavailable() { a.counters.requests[gate.Unavailable].Add(1) }

func (c *Counters) snapshot(list *[maxReasons]atomic.Uint64) map[gate.Reason]uint64 {
	out := make(map[gate.Reason]uint64)
	for _, r := range gate.Reasons() {
		out[r] = list[r].Load()
	}
	return out
}
