package abuse

import (
	"math"
	"slices"
)

const (
	// Weeks is how many weeks of each hour of the week a baseline knows.
	Weeks = 6
	// slots are the hours of a week, of the account's zone.
	slots = 7 * 24
	// ready is how many samples the median of an hour of the week takes. Before that, and before four weeks, the declared volume stands in.
	ready = 3
	// leastScale is the smallest relative scale that is believed: customers that look steadier are small samples.
	leastScale = 0.25
	// mostScale is the largest: hours that seem to vary more are those of a job that begins at another time each week.
	mostScale = 0.8
	// winsor is how many scales above the median the largest value lies that is learned.
	winsor = 3
)

// series is what is known of one feature of an account: about 3.6 kB.
type series struct {
	hours   [Weeks * slots]level         // by week, modulo Weeks, and hour of the week
	own     [slots]level                 // median of each hour and its two neighbors, in the last Weeks; refreshed each night
	medians [slots]level                 // the same, smoothed over the days that are alike: what is usual
	alone   [slots]level                 // of each hour without its neighbors
	tops    [slots]level                 // beside a cliff, its top: see cliff
	spread  float32                      // pooled scale of how far hours lie from the median of the other weeks; see distance
	pair    float32                      // the same of the mean of two hours in a row, times the root of two: larger where hours go together
	daily   float32                      // the same of the mean of a day's busy hours, times the root of their number
	last    [quick + 1][lookBack]float32 // distances of the last hours and quarters, the newest first
	summed  float32                      // of the quarters of this hour
	parts   float32                      // what the quarters of an hour come to, of the hour: more than 1 where the same patients come again
	idle    uint8                        // hours that it has been away
	lift    float32                      // how far the busy hours of the last weeks lay above the medians on average: those lag behind an account that grows
	peak    level                        // the highest median
	credit  float32                      // what was not done while the account was down
	drift   cusum
}

// learn keeps the value of an hour. A larger one than three scales above the median is kept as that much.
//
// An hour with next to nothing in it is not kept, because it tells nothing of what is usual: a system was down, or it was a holiday. It is once that
// has gone on for [idleHours].
func (s *series) learn(hour int64, x float64) {
	slot := slotOf(hour)
	l := levelOf(x)
	if m := s.medians[slot]; m != 0 {
		med := m.count()
		if s.away(med, x) {
			return
		}
		l = min(l, levelOf(med*math.Pow(1+winsor*s.scale(med, 1)/3, 3)))
	}
	s.hours[indexOf(hour)] = l
}

const (
	// idle is the share of the usual below which an hour is one in which the account was away.
	idle = 0.3
	// idleLeast is the least usual value of an hour that says so.
	idleLeast = 4
	// idleHours is after how many such hours in a row it is not away but does less.
	idleHours = 36
)

// away reports whether the account is away for a time.
func (s *series) away(med, x float64) bool {
	switch {
	case med < idleLeast:
		return s.idle > 0 && s.idle < idleHours
	case x >= idle*med:
		s.idle = 0
		return false
	case s.idle < idleHours:
		s.idle++
		return true
	}
	return false
}

// busy reports whether an hour is one of the account's busy ones, of which scales are known.
func (s *series) busy(med float64) bool { return med >= 1 && 4*med >= s.peak.count() }

// rise learns the lift from a busy hour.
func (s *series) rise(far float64) {
	const slow, most = 1.0 / 150, 0.25
	s.lift = float32(max(0, min(most, float64(s.lift)+slow*(max(min(far, 1), -1)-float64(s.lift)))))
}

// slotOf is the hour of the week of an hour of a zone.
func slotOf(hour int64) int { return int(((hour % slots) + slots) % slots) }

// indexOf is the place of an hour in the ring. A value stays in it until the same hour, Weeks later, is learned, so what is never learned
// (an hour that nobody told of, an hour under suspicion) moves nothing.
func indexOf(hour int64) int { return int(((hour % (Weeks * slots)) + Weeks*slots) % (Weeks * slots)) }

// samples appends what is known of an hour of the week.
func (s *series) samples(slot int, v []level) []level {
	slot = (slot + slots) % slots
	for w := range Weeks {
		if l := s.hours[w*slots+slot]; l != 0 {
			v = append(v, l)
		}
	}
	return v
}

// refresh takes the medians of the hours of a day anew. Six samples of one hour are too few to trust their median (it is off by a third where hours
// vary by a half), so the neighbors count too: where traffic rises or falls steadily their median is that of the hour between them. A job of
// a single hour is then not seen, which is what alone is for.
func (s *series) refresh(firstHour int64) {
	var buf [3 * Weeks]level
	for h := firstHour; h < firstHour+24; h++ {
		slot := slotOf(h)
		v := s.samples(slot, buf[:0])
		if len(v) < ready {
			continue
		}
		sortLevels(v)
		s.alone[slot] = middle(v)
		v = s.samples(slot+1, s.samples(slot-1, v))
		sortLevels(v)
		s.own[slot] = middle(v)
	}
	for slot, own := range s.own {
		if own != 0 {
			s.medians[slot], _ = s.smooth(slot)
		}
	}
	for h := firstHour; h < firstHour+24; h++ {
		s.tops[slotOf(h)] = s.top(slotOf(h))
	}
	s.peak = slices.Max(s.medians[:])
}

// alike is how far apart, on the scale of levels, the medians of one hour on two days of the week may lie so that they are taken for the same.
const alike = level(0.6 * levelSteps)

// smooth is the mean, on the scale of levels, of the medians of an hour of the day over those days of the week whose are like that of its own, and
// how many they are. Hours of a week go together, so a median of six weeks is off by a sixth or more; most customers have five days that are
// alike or seven, and the job of one day finds none.
func (s *series) smooth(slot int) (level, int) {
	own := s.own[slot]
	sum, n := 0, 0
	for d := slot % 24; d < slots; d += 24 {
		if l := s.own[d]; l != 0 && max(l, own)-min(l, own) <= alike {
			sum += int(l)
			n++
		}
	}
	return level(sum / max(n, 1)), n
}

// rescale takes the scales anew. Each hour is compared with the median of the same hours in the other weeks, not of all: with a handful of weeks a
// median that contains the value flatters it. Only busy hours count, and what independent calls would show anyway is taken out, since scale
// puts it in again for the hour that is judged.
func (s *series) rescale() {
	var p pool
	var buf [Weeks]level
	busy := s.peak.count() / 4
	for slot := range slots {
		if len(s.samples(slot, buf[:0])) >= ready && s.own[slot] != 0 && s.medians[slot].count() >= busy {
			s.residuals(slot, &p)
		}
	}
	if p.n == 0 {
		return
	}
	chance := p.chance / float64(p.n)
	s.spread = min(mostScale, without(1.4826*medianOf(p.all[:p.n]), chance))
	s.pair = min(max(s.spread, without(1.4826*medianOf(p.pairs[:p.m]), chance)), s.spread*math.Sqrt2)
	n := 0
	for d := range p.sums {
		if p.nums[d] >= 2 {
			p.all[n] = float32(math.Abs(p.sums[d]) / math.Sqrt(float64(p.nums[d])))
			n++
		}
	}
	s.daily = min(max(s.pair, without(1.4826*medianOf(p.all[:n]), chance)), s.spread*2)
}

// without takes a variance out of a scale.
func without(scale, variance float64) float32 {
	return float32(math.Sqrt(max(0, scale*scale-variance)))
}

// pool is what rescale gathers: distances of hours, their variance by chance, and the sums of logarithms of days.
type pool struct {
	all    [Weeks * slots]float32
	n      int
	pairs  [Weeks * slots]float32 // sums of two hours in a row
	m      int
	before [Weeks]pastHour
	chance float64
	sums   [Weeks * 7]float64
	nums   [Weeks * 7]int
}

// pastHour is a residual and the hour of the week that it is of, plus one.
type pastHour struct {
	slot int
	r    float64
}

// residuals adds how far each sample of an hour lies from those of the other weeks. Its neighbors of its own week, which are like it, are left out:
// they are not there, either, when a new hour is judged.
func (s *series) residuals(slot int, p *pool) {
	var buf [3 * Weeks]level
	usual, days := s.smooth(slot)
	for w := range Weeks {
		l := s.hours[w*slots+slot]
		if l == 0 {
			continue
		}
		v := buf[:0]
		for other := range Weeks {
			if other == w {
				continue
			}
			for _, k := range [...]int{slot, (slot + 1) % slots, (slot - 1 + slots) % slots} {
				if o := s.hours[other*slots+k]; o != 0 {
					v = append(v, o)
				}
			}
		}
		sortLevels(v)
		med := level(int(usual) + (int(middle(v))-int(s.own[slot]))/days) // as it would be without that week
		r := distance(math.Exp(l.log() - med.log()))
		p.all[p.n] = float32(math.Abs(r))
		p.n++
		if p.before[w].slot == slot {
			p.pairs[p.m] = float32(math.Abs(p.before[w].r+r) / math.Sqrt2)
			p.m++
		}
		p.before[w] = pastHour{slot + 1, r}
		p.chance += 1 / (med.count() + 1)
		p.sums[w*7+slot/24] += r
		p.nums[w*7+slot/24]++
	}
}

// medianOf is the median of numbers, which it reorders; 0 of none.
func medianOf(v []float32) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return (float64(v[(len(v)-1)/2]) + float64(v[len(v)/2])) / 2
}

// distance is how far a value lies from what is usual, on the cube-root scale: three times the cube root of their ratio, less one. Counts of calls
// follow a gamma distribution or nearly so, whose cube root is normal (Wilson and Hilferty, 1931), so that scales of it mean the same for the
// steady and the uneven; near the usual it is the ratio less one.
func distance(ratio float64) float64 { return 3 * (math.Cbrt(ratio) - 1) }

// scale is the scale of distance at a median of med: the pooled one and what independent calls would show besides. Uneven makes it larger.
func (s *series) scale(med, uneven float64) float64 {
	pooled := max(float64(s.spread)*uneven, leastScale)
	return math.Sqrt(pooled*pooled + 1/(med+1))
}

// A job begins and ends at once: its medians rise or fall by more than cliff times from one hour to the next. Jobs start an hour or two early and some
// hours late, so in those hours what is usual is the height of the job.
const (
	cliff      = 5
	cliffLeast = 20 // calls or patients an hour; below, a cliff is a pebble
	early      = 2
	late       = 3
)

// top is the height of the highest cliff that ends or begins in the hours around one, 0 where there is none.
func (s *series) top(slot int) (top level) {
	for h := slot - late; h <= slot+early; h++ {
		a, b := s.alone[(h-1+slots)%slots], s.alone[(h+slots)%slots]
		high, low := max(a, b), min(a, b)
		if n := high.count(); low != 0 && n >= cliffLeast && n > cliff*(low.count()+1) {
			top = max(top, high)
		}
	}
	return top
}

// around is the median of an hour of the week, the highest of it and its two neighbors, and what a value is compared with: the median, or
// the top of a cliff beside it.
func (s *series) around(slot int) (med, near, base float64) {
	m := s.medians[slot]
	n := max(m, s.alone[slot], s.alone[(slot+1)%slots], s.alone[(slot+slots-1)%slots])
	return m.count(), n.count(), max(m, s.tops[slot]).count()
}

// settle keeps account of what could not be done. An hour with next to nothing is owed: what is missing may come in the hours after, at most as
// much as owedHours of the busiest. Twice as much is allowed, since the queue of a day is as uneven as the day.
func (s *series) settle(med, x float64) {
	const fade, slack, nothing = 0.95, 2, 0.15
	owed := float64(s.credit) * fade
	switch {
	case x > med:
		owed -= x - med
	case x < nothing*med:
		owed += slack * (med - x)
	case owed > med: // the outage ended within this hour
		owed += med - x
	}
	s.credit = float32(max(0, min(owed, owedHours*s.peak.count())))
}

// owedHours bounds what may be made up for, so that an outage is no license for a day.
const owedHours = 6

// less is a value without what is owed, never less than the median.
func (s *series) less(med, x float64) float64 {
	if x <= med {
		return x
	}
	return max(med, x-float64(s.credit))
}

// shift moves all that is known by a factor, given as its logarithm: staff have judged that what an account does now is what it is for.
func (s *series) shift(log float64) {
	for _, v := range [][]level{s.hours[:], s.own[:], s.medians[:], s.alone[:], s.tops[:]} {
		for i, l := range v {
			if l != 0 {
				v[i] = levelOfLog(l.log() + log)
			}
		}
	}
	s.peak = slices.Max(s.medians[:])
	s.drift = cusum{}
	s.credit = 0
}
