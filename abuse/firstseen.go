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
	// Share of an hour's patients that are new, at least (Wilson's 95 % bound), and at least halfway between the highest share of the last 28
	// days and all; 0.5 to 0.99. It is for accounts that never have a day of more than 40 % new
	// (60 % in their quiet hours), and needs no baseline of the hour, so it sees what hides beside a job or in the night.
	Share float64 `json:"share"`
	// ShareFloor is the least new patients of an hour for that; 10 to 1,000,000.
	ShareFloor float64 `json:"share_floor"`
}

func judgeFirstSeen(v *view, e *evidence) bool {
	if v.c.Newcomers == 0 || !v.remembers() {
		return false
	}
	return v.mostlyNew(e) || v.beyond(newcomers, &v.t.FirstSeen.Guard, e)
}

// familiar is the highest share of new patients that a day of an account may show if it is to be one that mostly asks about the same ones; up to
// strange, hours in which it usually does nothing can still be told.
const (
	familiar = 0.4
	strange  = 0.6
)

// mostlyNew reports whether nearly all patients of the window are new to an account that mostly asks about the same ones.
func (v *view) mostlyNew(e *evidence) bool {
	t := &v.t.FirstSeen
	x, all, floor := float64(v.c.Newcomers), v.c.Patients, t.ShareFloor
	if v.quarter {
		floor /= 2 // a quarter of an hour must show half of it: few are soon most
	}
	if x < floor || v.fleet[newcomers] > 1 {
		return false
	}
	share := wilson(v.c.Newcomers, all)
	if share < t.Share {
		return false
	}
	highest, days := 0.0, 0
	v.a.before(v.day, func(n *dayNote) {
		if n.people > 0 {
			highest = max(highest, float64(n.newcomers/n.people))
			days++
		}
	})
	limit := max(t.Share, (1+highest)/2)
	if days == 0 || share < limit || highest > familiar && (!v.quiet || highest > strange) {
		return false
	}
	e.add("first-seen patients", x, floor)
	e.add("least share of all patients", share, limit)
	e.main = newcomers
	return true
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
