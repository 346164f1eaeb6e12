package authority

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onerecord/certgate/gate"
)

// suspectLimit is how many requests may fail checks 1 to 4 from a network in which somebody was found to use what is not theirs: one each ten seconds.
var suspectLimit = gate.Limit{Kind: gate.RateLimit, Amount: 6, Seconds: 60, Burst: 6}

const (
	// suspectFor is how long that lasts after the last finding.
	suspectFor = time.Hour
	// maxSuspects bounds the networks; beyond, the one that would be forgotten first is.
	maxSuspects = 4096
)

// suspects are networks (/24, /48) whose refused requests are limited harder. A request that is in order is never asked about them, and one of a
// proven caller never limited by them.
type suspects struct {
	some  atomic.Bool // so that most requests need no lock
	mu    sync.RWMutex
	until map[netip.Prefix]time.Time // guarded by mu
}

func (s *suspects) has(network netip.Prefix, now time.Time) bool {
	if !s.some.Load() {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return now.Before(s.until[network])
}

func (s *suspects) add(network netip.Prefix, now time.Time) {
	if !network.IsValid() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until == nil {
		s.until = make(map[netip.Prefix]time.Time)
	}
	if _, known := s.until[network]; !known && len(s.until) >= maxSuspects {
		s.drop()
	}
	s.until[network] = now.Add(suspectFor)
	s.some.Store(true)
}

// drop forgets the network that would be forgotten first. The lock is held.
func (s *suspects) drop() {
	var first netip.Prefix
	for network, until := range s.until {
		if !first.IsValid() || until.Before(s.until[first]) {
			first = network
		}
	}
	delete(s.until, first)
}

// sweep forgets those whose time is over, or lies so far ahead that the clock must have been set back.
func (s *suspects) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for network, until := range s.until {
		if !now.Before(until) || until.Sub(now) > suspectFor {
			delete(s.until, network)
		}
	}
	s.some.Store(len(s.until) > 0)
}
