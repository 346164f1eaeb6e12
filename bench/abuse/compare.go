package main

import "slices"

// rivals compares our detector with the simpler ones: at their textbook thresholds, and at those that make them as quiet as ours.
func (r *report) rivals(benign []result, incidents []incident) {
	ours := rivalRow{Name: "certgate", Alarms: r.Benign.NoticeRate}
	n := 0.0
	for _, a := range r.Attacks {
		if !a.Small {
			ours.Recalls = append(ours.Recalls, a.Recall)
			ours.Recall += a.Recall
			n++
		}
	}
	ours.Recall /= n
	ours.F1 = f1(&ours)
	r.Rivals = append(r.Rivals, ours)
	for k := range rivals {
		var days []float32
		for i := range benign {
			days = append(days, benign[i].benign[k]...)
		}
		slices.Sort(days)
		quiet := days[len(days)-1-min(len(days)-1, int(r.Benign.NoticeRate/1000*float64(len(days))))]
		r.Rivals = append(r.Rivals, rivalRowOf(k, textbook[k], days, incidents))
		row := rivalRowOf(k, quiet, days, incidents)
		row.Matched = true
		r.Rivals = append(r.Rivals, row)
	}
}

func rivalRowOf(k int, threshold float32, days []float32, incidents []incident) rivalRow {
	row := rivalRow{Name: rivalNames[k], Threshold: float64(threshold)}
	i, _ := slices.BinarySearch(days, threshold)
	for i < len(days) && days[i] <= threshold {
		i++
	}
	row.Alarms = 1000 * float64(len(days)-i) / float64(len(days))
	n := 0.0
	for j := range attacks {
		all, found := 0.0, 0.0
		for x := range incidents {
			in := &incidents[x]
			if in.attack != &attacks[j] || in.small {
				continue
			}
			all++
			if slices.ContainsFunc(in.rivals[k], func(s float32) bool { return s > threshold }) {
				found++
			}
		}
		if all > 0 {
			row.Recalls = append(row.Recalls, found/all)
			row.Recall += found / all
			n++
		}
	}
	row.Recall /= n
	row.F1 = f1(&row)
	return row
}

// f1 weighs recall and precision alike, where one attack comes to a hundred benign account-days.
func f1(r *rivalRow) float64 {
	hits, wrong := r.Recall, r.Alarms/1000*100
	if hits == 0 {
		return 0
	}
	precision := hits / (hits + wrong)
	return 2 * precision * hits / (precision + hits)
}

func (r *report) targets() {
	find := func(name, strength string) *attackRow {
		for i := range r.Attacks {
			if a := &r.Attacks[i]; a.Attack == name && a.Strength == strength && !a.Small {
				return a
			}
		}
		return &attackRow{}
	}
	least := func(what string, got, want float64, text string) {
		r.Targets = append(r.Targets, target{what, text, got, got >= want})
	}
	most := func(what string, got, want float64, text string) {
		r.Targets = append(r.Targets, target{what, text, got, got <= want})
	}
	flood, scraping := find("flood", "x5"), find("scraping", "200 patients/h")
	least("fivefold surge: recall", flood.Recall, 0.99, ">= 0.99")
	most("fivefold surge: p95 hours", flood.P95, 2, "<= 2")
	least("200 patients an hour: recall", scraping.Recall, 0.99, ">= 0.99")
	most("200 patients an hour: p95 hours", scraping.P95, 2, "<= 2")
	least("doubling, within 24 h: recall", find("doubling", "x2 for a week").Recall, 0.8, ">= 0.8")
	least("30 new patients an hour for 72 h: recall", find("low and slow", "30 new/h for 72 h").Recall, 0.7, ">= 0.7")
	recall, precision := 1.0, 1.0
	for _, s := range r.Signals {
		recall, precision = min(recall, s.Recall), min(precision, s.Precision)
	}
	least("deterministic: recall", recall, 1, "1")
	least("deterministic: precision", precision, 1, "1")
	most("false notices per 1,000 account-days", r.Benign.NoticeRate, 1, "<= 1")
	most("false throttles per 10,000 account-days", r.Benign.ThrotRate, 1, "<= 1")
	most("automatic suspensions of benign customers", float64(r.Benign.Suspended), 0, "0")
	best := 0.0
	for _, v := range r.Rivals[1:] {
		best = max(best, v.F1)
	}
	least("F1 above the best of the simpler detectors", r.Rivals[0].F1-best, 1e-9, "> 0")
}
