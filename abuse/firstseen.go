package abuse

// FirstSeenThresholds say when patients that an account never asked about before are too many. A practice meets new patients every day, but
// about as many as last week; somebody who copies a population meets hardly anybody twice. It does not apply before an account is known
// for 30 days, nor to one whose purpose is a whole population.
type FirstSeenThresholds struct {
	Guard
	// Day is how many in 24 hours are anybody's business, so that a slow copy is seen; 10 to 1,000,000.
	Day float64 `json:"day"`
	// DayRatio is times the second highest day of the last 28, plus ten; 1.2 to 100.
	DayRatio float64 `json:"day_ratio"`
}

func judgeFirstSeen(v *view, e *evidence) bool {
	return v.remembers() && v.beyond(newcomers, &v.t.FirstSeen.Guard, e)
}

// remembers reports whether patients can be new to the account.
func (v *view) remembers() bool {
	return v.learned && v.hour-v.a.born >= settled && !v.a.profile.Population
}

// judgeFirstSeenDay looks at the last 24 hours together, beside the days of the last weeks.
func judgeFirstSeenDay(v *view, e *evidence) bool {
	t := &v.t.FirstSeen
	if v.c.Newcomers == 0 || v.fleet[newcomers] > 1 || !v.remembers() {
		return false
	}
	sum := float64(v.c.Newcomers) - float64(v.a.series[newcomers].credit)
	for i := range v.a.recent {
		if int64(i) != v.hour%24 {
			sum += float64(v.a.recent[i].seen[newcomers])
		}
	}
	if sum < t.Day {
		return false
	}
	busiest := v.a.usual(v.day, func(n *dayNote) float64 { return float64(n.newcomers) })
	ratio := sum / (busiest + 10)
	if ratio <= t.DayRatio || v.a.monthlyDay(v, sum) {
		return false
	}
	e.add("first-seen patients in 24 hours", sum, t.Day)
	e.add("times a busy day", ratio, t.DayRatio)
	e.main = newcomers
	return true
}
