package api

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	// questionsPerMinute is how often one source may ask what the gate sees of it.
	questionsPerMinute = 30
	// maxSources bounds the memory that strangers can take: beyond it all further sources share one allowance.
	maxSources = 4096
)

// sources counts questions by where they come from, minute by minute. The zero value is ready.
type sources struct {
	mu     sync.Mutex
	minute int64                // guarded by mu
	asked  map[netip.Prefix]int // guarded by mu
}

// admit counts a question and reports whether it may be answered.
func (s *sources) admit(from netip.Prefix, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if minute := now.Unix() / 60; s.asked == nil || minute != s.minute {
		s.minute, s.asked = minute, make(map[netip.Prefix]int)
	}
	if _, known := s.asked[from]; !known && len(s.asked) >= maxSources {
		from = netip.Prefix{}
	}
	s.asked[from]++
	return s.asked[from] <= questionsPerMinute
}

// sourceOf is the peer's address, of IPv6 the /64 that one customer has. No header field is asked: anybody can send one.
func sourceOf(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	address = address.Unmap().WithZone("")
	bits := 64
	if address.Is4() {
		bits = 32
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
