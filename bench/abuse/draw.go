package main

import (
	"math"
	"math/rand/v2"
)

// source draws random numbers that depend on a seed and nothing else.
type source struct{ *rand.Rand }

//nolint:gosec // G404: a seed must give the same world each time
func newSource(seed, stream uint64) source { return source{rand.New(rand.NewPCG(seed, stream))} }

// gamma draws from a gamma distribution of mean 1 and variance 1/k (Marsaglia and Tsang, 2000).
func (s source) gamma(k float64) float64 {
	if k < 1 {
		return s.gamma1(k+1) * math.Pow(s.Float64(), 1/k) / k
	}
	return s.gamma1(k) / k
}

func (s source) gamma1(k float64) float64 {
	d := k - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := s.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v *= v * v
		if math.Log(s.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// poisson draws a count.
func (s source) poisson(mean float64) int64 {
	switch {
	case mean <= 0:
		return 0
	case mean > 50:
		return max(0, int64(math.Round(mean+math.Sqrt(mean)*s.NormFloat64())))
	}
	limit, p := math.Exp(-mean), s.Float64()
	n := int64(0)
	for p > limit {
		p *= s.Float64()
		n++
	}
	return n
}

// binomial draws about share of n, never more than n.
func (s source) binomial(n int64, share float64) int64 { return min(n, s.poisson(float64(n)*share)) }

// lognormal draws around a median; sigma is in natural logarithms.
func (s source) lognormal(median, sigma float64) float64 {
	return median * math.Exp(sigma*s.NormFloat64())
}

// between draws evenly.
func (s source) between(a, b float64) float64 { return a + (b-a)*s.Float64() }

// chance is true in a share of cases.
func (s source) chance(p float64) bool { return s.Float64() < p }
