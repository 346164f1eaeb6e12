package authority

import (
	"hash/maphash"
	"net/netip"
	"sync"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/gate"
)

// signals count what should never happen, as requests show it: in memory of a fixed size, 1.6 MB. Where there is no room the count that is least is
// forgotten. What proven callers do has a memory of its own, so that no stranger can push it out.
type signals struct {
	proven, strangers signalTable

	judged int64 // the first span that was not judged yet; touched by the job alone
}

const (
	// signalSpan is the seconds in which signals are counted: ten minutes, of which six are an hour.
	signalSpan = 600
	// spansKept is how many spans are known of: those of the hour that is judged, and as many that a job may be late.
	spansKept = 12
	// shownKept is how many keys are told apart, of one place or one certificate.
	shownKept = 16

	signalSets = 512
	signalWays = 4
)

// signalName is what a signal is counted by.
type signalName struct {
	rule       abuse.Rule
	credential string       // the key or certificate that was used
	source     netip.Prefix // of strangers, but of foreign keys, which are about a certificate wherever it is
}

// signal is one count. The zero value is a free place.
type signal struct {
	signalName

	account gate.AccountID
	device  gate.DeviceID
	from    netip.Prefix // the network that it came from last
	last    int64        // the newest span in which it was counted
	counts  [spansKept]uint32
	said    int64      // the span in which something was last found; 0: never
	step    abuse.Step // what that asked for
	shown   [shownKept]shownKey
	next    uint8 // where in shown the next goes
}

// shownKey is a key that was presented, by hashes that no other process makes.
type shownKey struct {
	key, account uint32 // account: whose it is, unless it is of the customer itself
	last         int32  // the span; 0: a free place
}

type signalTable [signalSets]struct {
	mu      sync.Mutex
	signals [signalWays]signal // guarded by mu
}

func spanOf(unix int64) int64 { return unix / signalSpan }

// note counts one in a span. key is what distinguishes the request from others of its kind; nil: nothing. Of a signal that is about different keys one
// that was shown before is no further one.
func (t *signalTable) note(s *signal, at int64, key *shownKey) {
	set := &t[maphash.Comparable(hashSeed, s.signalName)%signalSets]
	set.mu.Lock()
	defer set.mu.Unlock()
	least := &set.signals[0]
	for i := range set.signals {
		e := &set.signals[i]
		if e.signalName == s.signalName {
			e.from = s.from
			e.count(at, key)
			return
		}
		if e.less(least, at) {
			least = e
		}
	}
	*least = *s
	least.last = at
	least.count(at, key)
}

func (s *signal) count(at int64, key *shownKey) {
	at = s.advance(at)
	if key != nil && s.showed(key, at) && s.rule == abuse.Guessing {
		return
	}
	s.counts[at%spansKept]++
}

// advance makes room for a span; one that is over counts in the newest.
func (s *signal) advance(at int64) int64 {
	if at <= s.last {
		return s.last
	}
	for i := max(s.last+1, at-spansKept+1); i <= at; i++ {
		s.counts[i%spansKept] = 0
	}
	s.last = at
	return at
}

// showed remembers a key, and reports whether it was known.
func (s *signal) showed(key *shownKey, at int64) bool {
	for i := range s.shown {
		if e := &s.shown[i]; e.last != 0 && e.key == key.key {
			e.last = int32(at)
			return true
		}
	}
	s.shown[s.next%shownKept] = shownKey{key.key, key.account, int32(at)}
	s.next++
	return false
}

// in is how many were counted in the n spans that end with one.
func (s *signal) in(at, n int64) (sum int64) {
	for i := max(at-n+1, s.last-spansKept+1, 0); i <= min(at, s.last); i++ {
		sum += int64(s.counts[i%spansKept])
	}
	return sum
}

// less reports whether it says less than another: it was counted less often lately, or as often and longer ago.
func (s *signal) less(o *signal, at int64) bool {
	a, b := s.in(at, spansKept), o.in(at, spansKept)
	return a < b || a == b && s.last < o.last
}

// day is how many different keys, and different customers whose they were, were shown in the 24 hours that end with a span.
func (s *signal) day(at int64) (keys, accounts int64) {
	var seen [shownKept]uint32
	for i := range s.shown {
		e := &s.shown[i]
		if e.last == 0 || int64(e.last) <= at-24*6 {
			continue
		}
		keys++
		if e.account == 0 {
			continue
		}
		known := false
		for _, other := range seen[:accounts] {
			known = known || other == e.account
		}
		if !known {
			seen[accounts] = e.account
			accounts++
		}
	}
	return keys, accounts
}

// counted calls f with a copy of each signal that was counted in the hour that ends with a span.
func (t *signalTable) counted(at int64, f func(signal)) {
	for i := range t {
		set := &t[i]
		set.mu.Lock()
		all := set.signals
		set.mu.Unlock()
		for _, s := range all {
			if s.in(at, 6) > 0 {
				f(s)
			}
		}
	}
}

// tell notes that something was found of a signal.
func (t *signalTable) tell(name signalName, at int64, step abuse.Step) {
	set := &t[maphash.Comparable(hashSeed, name)%signalSets]
	set.mu.Lock()
	defer set.mu.Unlock()
	for i := range set.signals {
		if e := &set.signals[i]; e.signalName == name {
			e.said, e.step = at, step
		}
	}
}
