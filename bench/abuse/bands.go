package main

import (
	"fmt"
	"io"
)

// bandRow is what was found of customers whose hours vary about as much: the even are easy to tell, the uneven are not.
type bandRow struct {
	CV       string  `json:"cv"`
	Surges   int     `json:"fivefold_surges"`
	Surge    float64 `json:"fivefold_surge_recall"`
	Doubles  int     `json:"doublings"`
	Doubling float64 `json:"doubling_recall"`
	Week     float64 `json:"doubling_recall_in_its_week"`
}

// bandEnds are the upper ends of the bands of the coefficient of variation of an hour.
var bandEnds = []float64{0.3, 0.4, 0.5, 0.61}

func bands(incidents []incident) (rows []bandRow) {
	low := 0.2
	for _, high := range bandEnds {
		r := bandRow{CV: fmt.Sprintf("%.1f to %.1f", low, high)}
		var surges, doubles, week int
		for i := range incidents {
			in := &incidents[i]
			switch {
			case in.small || in.cv < low || in.cv >= high:
			case in.attack.name == "flood" && in.attack.strength == "x5":
				r.Surges++
				surges += flagOf(in.found >= 0)
			case in.attack.name == doubling:
				r.Doubles++
				doubles += flagOf(in.found >= 0)
				week += flagOf(in.late)
			}
		}
		r.Surge = float64(surges) / float64(max(1, r.Surges))
		r.Doubling, r.Week = float64(doubles)/float64(max(1, r.Doubles)), float64(week)/float64(max(1, r.Doubles))
		rows = append(rows, r)
		low = high
	}
	return rows
}

func flagOf(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (r *report) printBands(w io.Writer) {
	fmt.Fprintln(w, "\nHOURS VARY BY\tFIVEFOLD SURGES\tRECALL\tDOUBLINGS\tRECALL IN 24 H\tIN THE WEEK")
	for _, b := range r.Bands {
		fmt.Fprintf(w, "%s\t%d\t%.3f\t%d\t%.3f\t%.3f\n", b.CV, b.Surges, b.Surge, b.Doubles, b.Doubling, b.Week)
	}
	fmt.Fprintf(w, "\nWho knew the true mean of each hour and how much each customer's days truly vary, and spent all of %.0f false notice per 1,000 account-days\n", r.Limit.Alarms)
	fmt.Fprintf(w, "on it, would find %.3f of the doublings from the totals of their first 24 hours: the rest is in the noise.\n", r.Limit.Recall)
}
