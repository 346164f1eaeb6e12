package abuse

// ProbingThresholds say when so many calls ask for what is not there or not allowed that somebody is feeling along the wall. The share is
// the least that it can be (Wilson's 95 % bound), so that few calls prove nothing, and one broken link asked for a thousand times has one
// target. A client that is broken as a whole asks for no more than it always did, so there must be more calls than usual, too.
type ProbingThresholds struct {
	Share   float64 `json:"share"`   // least share of 403 and 404 in a quarter of an hour; 0.05 to 0.95
	Calls   int64   `json:"calls"`   // least calls of that quarter; 10 to 1,000,000
	Ratio   float64 `json:"ratio"`   // times the usual calls; 1 to 100
	Z       float64 `json:"z"`       // scales above the usual calls; 0.5 to 50
	Targets int64   `json:"targets"` // least distinct targets among the refused; 2 to 1,000,000
}

func judgeProbing(v *view, e *evidence) bool {
	t, c := &v.t.Probing, v.c
	if c.Requests < t.Calls || c.Targets < t.Targets {
		return false
	}
	share := wilson(c.Denied(), c.Requests)
	if share <= t.Share {
		return false
	}
	more := v.x[volume] / (v.med[volume] + 1)
	if v.learned && (more <= t.Ratio || v.z[volume] <= t.Z) {
		return false
	}
	e.add("share of 403 and 404", share, t.Share)
	e.add("calls", float64(c.Requests), float64(t.Calls))
	e.add("distinct targets", float64(c.Targets), float64(t.Targets))
	if v.learned {
		e.add("times the usual calls", more, t.Ratio)
	}
	e.share = (*Counts).Denied
	return true
}
