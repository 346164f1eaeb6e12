package abuse

import (
	"math"
)

// view is one account's window as rules see it.
type view struct {
	a    *account
	t    *Thresholds
	rows []Row   // of its devices
	c    *Counts // their sum
	sum  *Counts // place for it

	hour, local, day int64 // hours since 1970, of UTC and of the account's zone; days of that zone
	slot             int
	quarter          bool // a quarter of an hour instead of one
	learned          bool // the baseline is the account's own
	quiet            bool // an hour in which next to nothing is usual

	x, med, near, z [features]float64
	far, scale      [features]float64  // distance from what it is compared with, and the scale of one such window: z is the one in the other
	base            [features]float64  // what a value is compared with: med, or the top of a cliff beside it
	fleet           *[features]float64 // median z of all accounts, where above 0
}

// measure compares the counts with the baseline.
func (v *view) measure() {
	a := v.a
	v.learned = v.hour-a.born >= learning && a.series[volume].peak > 1
	for f := range features {
		s := &a.series[f]
		med, near, base := s.around(v.slot)
		if !v.learned || s.medians[v.slot] == 0 {
			med = a.declared(f)
			near, base = med, med
		}
		if v.quarter {
			part := float64(s.parts) / 4
			med, near, base = med*part, near*part, base*part
		}
		v.med[f], v.near[f], v.base[f] = med, near, base
		uneven := 1.0
		if v.quarter { // quarters of an hour are less alike than hours
			uneven = 1.2
		}
		v.x[f] = s.less(med, v.c.of(f))
		v.far[f], v.scale[f] = distance((v.x[f]+1)/(base+1)), s.scale(base, uneven)
		v.z[f] = v.far[f] / v.scale[f]
	}
	v.quiet = v.learned && a.series[volume].medians[v.slot].count() < v.t.AfterHours.Quiet*a.series[volume].peak.count()
}

// declared is what the customer said of a busy hour: an eighth of its day. Where it said nothing there is no baseline, and nothing is
// unusual.
func (a *account) declared(f feature) float64 {
	calls, people := float64(a.profile.DailyVolume), float64(a.profile.DailyPatients)
	if people == 0 {
		people = calls / 3
	}
	switch {
	case calls == 0:
		return math.MaxInt32
	case f == volume:
		return calls / 8
	default:
		return people / 8
	}
}

// material is the least share of the account's busiest hour that an hour must come to.
var material = [features]float64{volume: 0.1, patients: 0.05}

// beyond reports whether a feature meets a guard, and gives the figures. In a quarter of an hour a quarter of the floor is enough.
func (v *view) beyond(f feature, g *Guard, e *evidence) bool {
	floor := g.Floor
	if v.quarter {
		floor /= 4
	}
	if v.learned { // what is nothing beside a busy hour is what a job left over
		least := material[f] * v.a.series[f].peak.count()
		if v.quarter {
			least /= 4
		}
		floor = max(floor, least)
	}
	x, z := v.x[f], v.z[f]-v.fleet[f]
	ratio, near := x/(v.base[f]+1), x/(v.near[f]+1)
	if x < floor || ratio <= g.Ratio || z <= g.Z || near <= g.Near {
		return false
	}
	if v.a.monthly(v, f) {
		return false
	}
	e.add(featureNames[f], x, floor)
	e.add("times the usual", ratio, g.Ratio)
	e.add("scales above the usual", z, g.Z)
	e.add("times the neighboring hours", near, g.Near)
	e.main, e.joint = f, g.Joint
	return true
}

// evidence is what a rule has found, without a place on the heap.
type evidence struct {
	figures [7]Figure
	n       int
	main    feature               // whose share of a device says whether it stands out
	share   func(c *Counts) int64 // instead of main
	joint   float64               // scales that the windows must lie above the usual together; 0: it is enough that they meet the conditions
}

func (e *evidence) add(name string, seen, limit float64) {
	if e.n < len(e.figures) {
		e.figures[e.n] = Figure{name, round(seen), round(limit)}
		e.n++
	}
}

// round keeps four digits after the point, so that evidence reads well.
func round(x float64) float64 { return math.Round(x*1e4) / 1e4 }
