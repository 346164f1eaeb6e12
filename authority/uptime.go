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
		u.holes = append(u.holes, span{now, u.last})
	}
	if n := len(u.holes); n > maxHoles {
		u.holes = slices.Delete(u.holes, 0, n-maxHoles)
	}
	u.last = now
	if err := a.usage.Beat(now); err != nil {
		a.log.Warn("it is not noted that certgate runs; should it stop now, the windows since are left out", zap.Error(err))
	}
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
