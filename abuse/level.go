package abuse

import "math"

// level is a count on a logarithmic scale, in two bytes: 0 is no sample, else 1 + steps of ln(1+count). Steps are a 2,500th, so a count is
// kept to 0.02 %, far finer than anything that is concluded from it.
type level uint16

const levelSteps = 2500

func levelOf(x float64) level { return levelOfLog(math.Log1p(max(x, 0))) }

func levelOfLog(log float64) level {
	return level(1 + min(math.Round(max(log, 0)*levelSteps), math.MaxUint16-1))
}

// log is ln(1+count); 0 where there is no sample.
func (l level) log() float64 {
	if l == 0 {
		return 0
	}
	return float64(l-1) / levelSteps
}

// counts are the numbers that levels stand for.
var counts = func() (all [math.MaxUint16 + 1]float32) {
	for l := range all {
		all[l] = float32(math.Expm1(level(l).log()))
	}
	return all
}()

// count is the number that the level stands for.
func (l level) count() float64 { return float64(counts[l]) }

// sortLevels sorts a handful.
func sortLevels(v []level) {
	for i := 1; i < len(v); i++ {
		for j := i; j > 0 && v[j] < v[j-1]; j-- {
			v[j], v[j-1] = v[j-1], v[j]
		}
	}
}

// middle is the median of sorted levels, 0 of none. Between two it lies halfway on the scale, which is their geometric mean.
func middle(v []level) level {
	n := len(v)
	if n == 0 {
		return 0
	}
	return level((uint32(v[(n-1)/2]) + uint32(v[n/2])) / 2)
}
