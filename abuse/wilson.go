package abuse

import "math"

// wilson is the lower bound of Wilson's 95 % interval for a share of hits in n trials: what the share is at least, however few the trials.
func wilson(hits, n int64) float64 {
	if n <= 0 {
		return 0
	}
	const z = 1.96
	p, m := float64(min(hits, n))/float64(n), float64(n)
	return max(0, (p+z*z/(2*m)-z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m)))/(1+z*z/m))
}
