package usage

import "time"

// LatencyBounds are the upper bounds of the histogram of how long calls took. Each is at most 2.5 times the one before, and so is what a
// quantile may be off by.
var LatencyBounds = [...]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// Latency counts calls by how long they took: one count for each of LatencyBounds, and one above; not cumulative. Histograms of parts of a
// time add up to that of the whole, which quantiles do not.
type Latency [len(LatencyBounds) + 1]int64

// Took counts one call.
func (l *Latency) Took(d time.Duration) { l[bucketOf(d)]++ }

// bucketOf is the place of the count of calls that took as long.
func bucketOf(d time.Duration) int {
	i := 0
	for i < len(LatencyBounds) && d > LatencyBounds[i] {
		i++
	}
	return i
}

// Add adds another histogram.
func (l *Latency) Add(o *Latency) {
	for i, n := range o {
		if n != 0 {
			l[i] += n
		}
	}
}

// Calls is how many were counted.
func (l *Latency) Calls() (n int64) {
	for _, in := range l {
		n += in
	}
	return n
}

// Quantile is the time within which a share of the calls ended (0.95: 95 of 100), read between the bounds as if calls lay evenly there. Of calls
// above the last bound nothing more is known, so it is at most that one. It is 0 where nothing was counted.
func (l *Latency) Quantile(share float64) time.Duration {
	rank := share * float64(l.Calls())
	below := 0.0
	for i, n := range l {
		if i == len(LatencyBounds) {
			break
		}
		in := float64(n)
		if n > 0 && below+in >= rank {
			low := time.Duration(0)
			if i > 0 {
				low = LatencyBounds[i-1]
			}
			return low + time.Duration(max(rank-below, 0)/in*float64(LatencyBounds[i]-low))
		}
		below += in
	}
	if l.Calls() == 0 {
		return 0
	}
	return LatencyBounds[len(LatencyBounds)-1]
}
