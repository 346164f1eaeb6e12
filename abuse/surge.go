package abuse

import (
	"math"
	"math/bits"
)

// Hours of an uneven customer are several times the usual by chance, and where one is the next often is, too. So a rule that compares with the
// usual asks not only whether its conditions held in most of the last hours, but also how far these hours lie above the usual together, in
// scales that tell how much such a run of hours of this customer varies. A high surge is far beyond after one hour, a lesser one after several.
const (
	// lookBack is how many hours, or quarters, are looked at together at most.
	lookBack = 8
	// leastHours and leastQuarters are the fewest.
	leastHours, leastQuarters = 2, 3
	// farthest is the most that one of them counts, as a distance: some sixteen times the usual. One peak then cannot stand for all.
	farthest = 4.5
	// unknown is the scale of a customer whose hours are not known well enough: that of an uneven one, however many are looked at.
	unknown = 0.5
)

// hourly and quick are the two kinds of windows of which distances are kept.
const (
	hourly = iota
	quick
)

// keep puts the distance of a window first in its list.
func (s *series) keep(kind int, d float64) {
	list := &s.last[kind]
	copy(list[1:], list[:])
	list[0] = float32(max(min(d, farthest), -farthest))
}

// keep keeps the distances of the window, less what everybody shows and what the account has grown.
func (d *Detector) keep(w *window) {
	kind := hourly
	if w.length == quarter {
		kind = quick
	}
	for i := range d.views {
		v := &d.views[i]
		for f := range features {
			far := 0.0
			if !math.IsInf(d.fleet[f], 0) {
				far = v.far[f] - d.fleet[f]*v.scale[f] - float64(v.a.series[f].lift)
			}
			v.a.series[f].keep(kind, far)
			if v.quarter {
				v.a.series[f].summed += float32(v.c.of(f))
			}
		}
	}
}

// compare learns what the quarters of an hour come to, of the hour. A quarter is judged beside its part of that.
func (s *series) compare(x float64) {
	const least, slow, most = 20, 0.02, 4
	if sum := float64(s.summed); sum >= least && x >= least {
		s.parts += slow * (float32(min(max(sum/x, 1), most)) - s.parts)
	}
	s.summed = 0
}

// variance is that of the mean distance of some hours in a row, a fourth at least. What the hours of a day have in common is known of two and of
// about eight; between them it grows with the logarithm.
func (s *series) variance(hours float64) float64 {
	if s.spread == 0 {
		return unknown * unknown
	}
	one, two, many := float64(s.spread)*float64(s.spread), float64(s.pair)*float64(s.pair), float64(s.daily)*float64(s.daily)
	var of float64
	switch {
	case hours <= 1:
		return max(one, leastScale*leastScale)
	case hours <= 2:
		of = one + (two-one)*math.Log2(hours)
	default:
		of = two + (many-two)*min(1, math.Log2(hours/2)/2)
	}
	return max(of, leastScale*leastScale) / hours
}

// together is how many scales the last windows of a feature lie above the usual, taken together: the most that a run of them shows of which two in
// three, the newest included, met the rule's conditions.
func (v *view) together(f feature, met uint8) (most float64) {
	kind, least, part := hourly, leastHours, 1.0
	if v.quarter {
		kind, least, part = quick, leastQuarters, 0.25
	}
	s := &v.a.series[f]
	chance := 1 / (v.base[f] + 1)
	sum := 0.0
	for i, d := range s.last[kind] {
		sum += float64(d)
		n := i + 1
		if n < least || 3*bits.OnesCount8(met&(1<<n-1)) < 2*n {
			continue
		}
		mean := sum / float64(n)
		most = max(most, mean/math.Sqrt(s.variance(float64(n)*part)+chance/float64(n)))
	}
	return most
}
