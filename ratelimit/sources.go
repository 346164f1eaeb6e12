package ratelimit

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/onerecord/certgate/gate"
)

// Sources limit how many refused requests come from one place: an address or a certificate. Who sends them is not known, so they can be made
// up without end; hence the memory is fixed, and where it is full the place that was quiet for the longest is forgotten, which lets it through
// again. It never refuses a request that is in order.
type Sources struct {
	seed maphash.Seed
	sets [sourceSets]sourceSet
}

// How many sources are remembered: four in each set, 16 bytes each, 1 MiB in all.
const (
	sourceSets = 16_384
	sourceWays = 4
)

// sourceSet are the sources whose hashes fall together.
type sourceSet struct {
	mu      sync.Mutex
	sources [sourceWays]source // guarded by mu
}

// source is one place: the hash of its name and when, in Unix nanoseconds, it will have nothing to make up for (the theoretical arrival time of
// the generic cell rate algorithm, which is a token bucket in one number).
type source struct {
	hash  uint64
	quiet int64
}

// NewSources makes an empty memory.
func NewSources() *Sources { return &Sources{seed: maphash.MakeSeed()} }

// Refused counts one refused request from the place that the name stands for, and reports how long that place has to wait if there were too
// many; 0 if not. Names of one type are told apart from those of others by their values alone.
func Refused[N comparable](s *Sources, name N, l *gate.Limit, now time.Time) time.Duration {
	hash := maphash.Comparable(s.seed, name)
	set := &s.sets[hash%sourceSets]
	each := l.Window() * int64(time.Second) / l.Amount
	set.mu.Lock()
	defer set.mu.Unlock()
	e := set.find(hash, now.UnixNano())
	if wait := e.quiet - now.UnixNano() - (l.Capacity()-1)*each; wait > 0 {
		return time.Duration(wait)
	}
	e.quiet += each
	return 0
}

// find is the source's entry: its own, or that of the quietest, which it takes over.
func (s *sourceSet) find(hash uint64, now int64) *source {
	quietest := &s.sources[0]
	for i := range s.sources {
		e := &s.sources[i]
		if e.hash == hash {
			e.quiet = max(e.quiet, now)
			return e
		}
		if e.quiet < quietest.quiet {
			quietest = e
		}
	}
	*quietest = source{hash: hash, quiet: now}
	return quietest
}
