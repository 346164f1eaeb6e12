package main

import (
	"math"
	"slices"
)

// oracle says how many doublings anybody could find within a day. It knows what no detector does: the true mean of each hour, outages and
// releases aside, and how much the day's total of each customer truly varies. It asks of each hour's last 24 how far their total lies above
// the true mean, in the customer's own scales. What it misses is hidden in the noise, and not by the detector.
type oracle struct {
	calls, means [][]float32 // by account and hour
}

func newOracle(n int) *oracle { return &oracle{make([][]float32, n), make([][]float32, n)} }

func (o *oracle) quarter(i int, q int64, answered int64, mean float64) {
	if q%4 == 0 {
		o.calls[i], o.means[i] = append(o.calls[i], 0), append(o.means[i], 0)
	}
	last := len(o.calls[i]) - 1
	o.calls[i][last] += float32(answered)
	o.means[i][last] += float32(mean)
}

// scores are how many scales the last 24 hours lie above the truth, for each hour of an account, 0 where hardly anything is expected in them.
// Scales are taken from hours that are benign.
func (o *oracle) scores(i int, benign func(hour int) bool) []float64 {
	n := len(o.calls[i])
	far := make([]float64, n)
	var calls, mean, most, squares, count float64
	means := make([]float64, n)
	for h := range n {
		calls, mean = calls+float64(o.calls[i][h]), mean+float64(o.means[i][h])
		if h >= 24 {
			calls, mean = calls-float64(o.calls[i][h-24]), mean-float64(o.means[i][h-24])
		}
		means[h] = mean
		far[h] = 3 * (math.Cbrt((calls+1)/(mean+1)) - 1)
		most = max(most, mean)
	}
	for h := range n {
		if h < 24 || 4*means[h] < most {
			far[h] = 0
		} else if benign(h) {
			squares += far[h] * far[h]
			count++
		}
	}
	scale := math.Sqrt(squares / max(1, count))
	for h := range far {
		far[h] /= max(scale, 1e-9)
	}
	return far
}

// ask gives the highest score of each benign account-day, and of each doubling within its first day.
func (t *trial) ask() (days, doublings []float32) {
	for i := range t.customers {
		touched := func(h int) *incident {
			for j := range t.incidents[i] {
				if in := &t.incidents[i][j]; int64(4*h) >= in.from && int64(4*h) < in.to+openFor+day {
					return in
				}
			}
			return nil
		}
		scores := t.oracle.scores(i, func(h int) bool { return touched(h) == nil })
		for d := learnDays; d < len(scores)/24; d++ {
			if touched(24*d) == nil && touched(24*d+23) == nil {
				days = append(days, float32(slices.Max(scores[24*d:24*d+24])))
			}
		}
		for j := range t.incidents[i] {
			in := &t.incidents[i][j]
			if in.attack.name != doubling || in.small {
				continue
			}
			most := 0.0
			for h := (in.from + 3) / 4; 4*h+4 <= in.from+day && h < int64(len(scores)); h++ {
				most = max(most, scores[h])
			}
			doublings = append(doublings, float32(most))
		}
	}
	return days, doublings
}

// limitRow is what the oracle found.
type limitRow struct {
	Alarms float64 `json:"alarm_days_per_1000"`
	Recall float64 `json:"doubling_recall"`
}

// limit is the oracle's recall where all false notices that are allowed were its own: one in a thousand account-days.
func limit(results []result, benign int) limitRow {
	var days, doublings []float32
	for i := range results {
		if i < benign {
			days = append(days, results[i].oracleDays...)
		}
		doublings = append(doublings, results[i].oracleDoublings...)
	}
	if len(days) == 0 || len(doublings) == 0 {
		return limitRow{}
	}
	slices.Sort(days)
	threshold := days[len(days)-1-len(days)/1000]
	found := 0
	for _, s := range doublings {
		if s > threshold {
			found++
		}
	}
	return limitRow{Alarms: 1, Recall: float64(found) / float64(len(doublings))}
}
