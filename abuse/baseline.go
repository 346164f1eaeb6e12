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
	// winsor is how many scales above the median the largest value lies that is learned.
	winsor = 3
)

// series is what is known of one feature of an account: about 3.1 kB.
type series struct {
	hours   [Weeks * slots]level // by week, modulo Weeks, and hour of the week
	medians [slots]level         // of each hour and its two neighbors, in the last Weeks; refreshed each night
	alone   [slots]level         // of each hour without its neighbors
	tops    [slots]level         // beside a cliff, its top: see cliff
	spread  float32              // pooled scale of how far hours lie from the median of the other weeks; see distance
	daily   float32              // the same of a day's mean, times the root of its hours: larger where hours of a day go together
	peak    level                // the highest median
	credit  float32              // what was not done while the account was down
	drift   cusum
}

// learn keeps the value of an hour. A larger one than three scales above the median is kept as that much.
func (s *series) learn(hour int64, x float64) {
	slot := slotOf(hour)
	l := levelOf(x)
	if m := s.medians[slot]; m != 0 {
		med := m.count()
		l = min(l, levelOf(med*math.Pow(1+winsor*s.scale(med, 1)/3, 3)))
	}
	s.hours[indexOf(hour)] = l
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
		s.medians[slot] = middle(v)
	}
	for h := firstHour; h < firstHour+24; h++ {
		s.tops[slotOf(h)] = s.top(slotOf(h))
	}
	s.peak = slices.Max(s.medians[:])
}

// rescale takes the scales anew. Each hour is compared with the median of the same hours in the other weeks, not of all: with a handful of weeks a
// median that contains the value flatters it. Only busy hours count, and what independent calls would show anyway is taken out, since scale
// puts it in again for the hour that is judged.
func (s *series) rescale() {
	var p pool
	var buf [Weeks]level
	busy := s.peak.count() / 4
	for slot := range slots {
		if v := s.samples(slot, buf[:0]); len(v) >= ready && s.medians[slot].count() >= busy {
			s.residuals(slot, v, &p)
		}
	}
	if p.n == 0 {
		return
	}
	chance := p.chance / float64(p.n)
	s.spread = without(1.4826*medianOf(p.all[:p.n]), chance)
	n := 0
	for d := range p.sums {
		if p.nums[d] >= 2 {
			p.all[n] = float32(math.Abs(p.sums[d]) / math.Sqrt(float64(p.nums[d])))
			n++
		}
	}
	s.daily = without(1.4826*medianOf(p.all[:n]), chance)
}

// without takes a variance out of a scale.
func without(scale, variance float64) float32 {
	return float32(math.Sqrt(max(0, scale*scale-variance)))
}

// pool is what rescale gathers: distances of hours, their variance by chance, and the sums of logarithms of days.
type pool struct {
	all    [Weeks * slots]float32
	n      int
	chance float64
	sums   [Weeks * 7]float64
	nums   [Weeks * 7]int
}

// residuals adds how far each sample of an hour lies from the others.
func (s *series) residuals(slot int, own []level, p *pool) {
	var buf [3 * Weeks]level
	v := s.samples(slot+1, s.samples(slot-1, append(buf[:0], own...)))
	sortLevels(v)
	for w := range Weeks {
		l := s.hours[w*slots+slot]
		if l == 0 {
			continue
		}
		i, _ := slices.BinarySearch(v, l)
		med := middleWithout(v, i)
		r := l.log() - med.log()
		p.all[p.n] = float32(math.Abs(distance(math.Exp(r))))
		p.n++
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
	for _, v := range [][]level{s.hours[:], s.medians[:], s.alone[:], s.tops[:]} {
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
