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
	spread  float32              // pooled scale of ln((1+x)/(1+median of the other weeks)), of an hour
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
		l = min(l, levelOf(med+winsor*s.scale(med)))
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

// rescale takes the scales anew. Each hour is compared with the median of the same hour in the other weeks, not of all: with a handful of
// weeks a median that contains the value flatters it.
func (s *series) rescale() {
	var (
		all  [Weeks * slots]float32
		n    int
		sums [Weeks * 7]float64
		nums [Weeks * 7]int
		buf  [Weeks]level
	)
	busy := s.peak.count() / 20
	for slot := range slots {
		v := s.samples(slot, buf[:0])
		if len(v) < ready || s.medians[slot].count() < busy {
			continue
		}
		n = s.residuals(slot, v, &pool{all: &all, sums: &sums, nums: &nums, n: n})
	}
	if n == 0 {
		return
	}
	s.spread = float32(1.4826 * medianOf(all[:n]))
	n = 0
	for d := range sums {
		if nums[d] >= 2 {
			all[n] = float32(math.Abs(sums[d]) / math.Sqrt(float64(nums[d])))
			n++
		}
	}
	s.daily = float32(1.4826 * medianOf(all[:n]))
}

// pool is what rescale gathers.
type pool struct {
	all  *[Weeks * slots]float32
	n    int
	sums *[Weeks * 7]float64
	nums *[Weeks * 7]int
}

// residuals adds how far each sample of an hour lies from the others, and returns how many there are now.
func (s *series) residuals(slot int, own []level, p *pool) int {
	var buf [3 * Weeks]level
	v := s.samples(slot+1, s.samples(slot-1, append(buf[:0], own...)))
	sortLevels(v)
	for w := range Weeks {
		l := s.hours[w*slots+slot]
		if l == 0 {
			continue
		}
		i, _ := slices.BinarySearch(v, l)
		r := l.log() - middleWithout(v, i).log()
		p.all[p.n] = float32(math.Abs(r))
		p.n++
		p.sums[w*7+slot/24] += r
		p.nums[w*7+slot/24]++
	}
	return p.n
}

// medianOf is the median of numbers, which it reorders; 0 of none.
func medianOf(v []float32) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return (float64(v[(len(v)-1)/2]) + float64(v[len(v)/2])) / 2
}

// scale is how far values lie from a median of med, in the same unit: the pooled scale, but at least the root of the median (what independent
// calls would show) and a quarter of it.
func (s *series) scale(med float64) float64 {
	return max(float64(s.spread)*(med+1), math.Sqrt(med+1), leastScale*med)
}

// A job begins and ends at once: its medians rise or fall by more than cliff times from one hour to the next. Jobs start an hour early and some
// hours late, so in those hours what is usual is the height of the job.
const (
	cliff      = 5
	cliffLeast = 20 // calls or patients an hour; below, a cliff is a pebble
	early      = 1
	late       = 4
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
