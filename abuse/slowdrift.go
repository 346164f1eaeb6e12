package abuse

// DriftThresholds say when calls have risen for good though no hour stands out. Each hour is asked how much likelier it is if everything has been
// multiplied by a factor than if it is as usual, given how much this customer's hours vary and go together; the logarithms are added up
// (CUSUM), and the sum is back at nothing whenever things are as usual. Quiet hours are left out. A customer is told, and nothing else follows.
type DriftThresholds struct {
	Factor float64 `json:"factor"` // the rise that is looked for; 1.2 to 10
	Sum    float64 `json:"sum"`    // log-likelihood that must come together; an hour adds 4 at most; 5 to 1,000
	Ratio  float64 `json:"ratio"`  // times the usual of the whole rise; 1.1 to 10
	Excess float64 `json:"excess"` // calls above the usual in the whole rise; 1 to 1,000,000
}

// drift adds the hour to the sum.
func (v *view) drift() {
	if !v.learned || v.quarter || !v.a.series[volume].busy(v.med[volume]) {
		return
	}
	if v.z[volume] > 2 && v.a.monthly(v, volume) {
		return
	}
	s := &v.a.series[volume]
	med, x := v.med[volume], v.x[volume]
	spread := max(float64(s.daily), leastScale)
	variance := spread*spread + 1/(med+1)
	rise := distance(v.t.SlowDrift.Factor)
	far := distance((x+1)/(med+1)) - v.fleet[volume]*v.scale[volume] - float64(s.lift)
	s.drift.add(rise/variance*(far-rise/2), x, med)
}

func judgeDrift(v *view, e *evidence) bool {
	v.drift()
	t, c := &v.t.SlowDrift, &v.a.series[volume].drift
	if float64(c.sum) < t.Sum {
		return false
	}
	ratio := float64(c.excess+c.base+1) / float64(c.base+1)
	if ratio < t.Ratio || float64(c.excess) < t.Excess {
		return false
	}
	e.add("log-likelihood of a rise", float64(c.sum), t.Sum)
	e.add("times the usual", ratio, t.Ratio)
	e.add("calls above the usual", float64(c.excess), t.Excess)
	e.add("hours", float64(c.hours), 0)
	e.main = volume
	return true
}
