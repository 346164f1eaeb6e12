package ratelimit

import (
	"slices"
	"time"

	"github.com/onerecord/certgate/gate"
)

// usedUp is what was used in one period.
type usedUp interface {
	empty() bool
	// keep is how many periods are remembered beside the one that runs.
	keep() int
}

// turns are the period that runs, with what was used in it, and the few that were left lately. They are remembered because clocks are set
// back: each period of the calendar is then the one that it was, and gives its amount once. A period to which the clock goes back without
// its being remembered begins with what the one that ran had used, so that going back never gains anything; and the next day is a new one.
type turns[T usedUp] struct {
	period
	used T
	past []turn[T] // at most keep, none of them empty
}

type turn[T usedUp] struct {
	start time.Time
	used  T
}

// patience is for how long a period is remembered after it was left.
const patience = 48 * time.Hour

// roll moves to the period in which now lies.
func (t *turns[T]) roll(now time.Time) {
	if now.Before(t.end) && !now.Before(t.start) {
		return
	}
	back, left, next := now.Before(t.start), turn[T]{t.start, t.used}, periodAt(t.limit, t.zone, now)
	t.period = next
	found := slices.IndexFunc(t.past, func(p turn[T]) bool { return p.start.Equal(next.start) })
	switch {
	case found >= 0:
		t.used = t.past[found].used
		t.past = slices.Delete(t.past, found, found+1)
	case !back:
		var nothing T
		t.used = nothing
	}
	if !left.used.empty() {
		t.past = append(t.past, left)
	}
	if len(t.past) > t.used.keep() {
		t.forgetFarthest(now)
	}
}

func (t *turns[T]) forgetFarthest(now time.Time) {
	farthest := 0
	for i := range t.past {
		if t.past[i].start.Sub(now).Abs() > t.past[farthest].start.Sub(now).Abs() {
			farthest = i
		}
	}
	t.past = slices.Delete(t.past, farthest, farthest+1)
}

// adopt goes on in another zone; what the running period used stays used until that zone's period ends.
func (t *turns[T]) adopt(l *gate.Limit, zone *time.Location, now time.Time) {
	t.roll(now)
	t.period = periodAt(l, zone, now)
}

// idle reports whether nothing was used that a clock which is set back could bring to light.
func (t *turns[T]) idle(now time.Time) bool {
	t.roll(now)
	return t.used.empty() && !slices.ContainsFunc(t.past, func(p turn[T]) bool { return p.start.Sub(now) <= patience && t.near(p.start, now) })
}

// near reports whether the period that begins then ended less than patience ago, or has not ended.
func (t *turns[T]) near(start, now time.Time) bool {
	return periodAt(t.limit, t.zone, start).end.Add(patience).After(now)
}
