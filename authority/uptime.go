package authority

import (
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// longestPause is the longest time between two beats that is no hole: a restart is shorter.
	longestPause = 5 * time.Minute
	// longestTwice is the longest time that is left out because it may have passed twice. A clock that was set back further was wrong, and calls were
	// counted under times of which few come again.
	longestTwice = 48 * time.Hour
	// maxHoles is how many holes are remembered; a window lies in the last few.
	maxHoles = 64
)

// span is from one time until another.
type span struct{ from, to time.Time }

// uptime is when certgate ran, by a beat each minute. A window in which it did not, or in which the clock was moved, says nothing of what anybody
// does: nobody could call, or time that passed twice was counted twice.
type uptime struct {
	mu    sync.Mutex
	last  time.Time // guarded by mu; zero: before the first beat of this process
	holes []span    // guarded by mu
}

// beat notes that certgate runs at now.
func (a *Authority) beat(now time.Time) {
	u := &a.uptime
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last.IsZero() {
		last, err := a.usage.LastBeat()
		if err != nil {
			a.log.Error("it is not known when certgate last ran; windows that had begun before it started are left out", zap.Error(err))
		}
		u.last = last
	}
	switch gap := now.Sub(u.last); {
	case gap > longestPause:
		u.holes = append(u.holes, span{u.last, now})
	case gap < -longestPause:
		u.setBack(now)
	}
	if n := len(u.holes); n > maxHoles {
		u.holes = slices.Delete(u.holes, 0, n-maxHoles)
	}
	u.last = now
	if err := a.usage.Beat(now); err != nil {
		a.log.Warn("it is not noted that certgate runs; should it stop now, the windows since are left out", zap.Error(err))
	}
}

// setBack notes that the clock was set back to now. What had passed since then passes twice and is a hole, but for what the clock had jumped over:
// that passes for the first time, and is none any more. The lock is held.
func (u *uptime) setBack(now time.Time) {
	twice, before := []span{{now, u.last}}, make([]span, 0, len(u.holes))
	for _, h := range u.holes {
		var left []span
		for _, t := range twice {
			left = append(left, t.without(h)...)
		}
		if twice = left; h.to.After(now) {
			h.to = now
		}
		if h.from.Before(now) {
			before = append(before, h)
		}
	}
	for _, t := range twice {
		if t.to.Sub(t.from) > longestTwice {
			t.to = t.from.Add(longestTwice)
		}
		before = append(before, t)
	}
	u.holes = before
}

// without are the parts of a span that do not lie in another.
func (s span) without(h span) (parts []span) {
	if !h.from.Before(s.to) || !s.from.Before(h.to) {
		return []span{s}
	}
	if s.from.Before(h.from) {
		parts = append(parts, span{s.from, h.from})
	}
	if h.to.Before(s.to) {
		parts = append(parts, span{h.to, s.to})
	}
	return parts
}

// ran reports whether certgate ran all the time from one time until another. Before the first beat that is not known, and it did not.
func (u *uptime) ran(from, to time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last.IsZero() {
		return false
	}
	return !slices.ContainsFunc(u.holes, func(h span) bool { return h.from.Before(to) && from.Before(h.to) })
}
