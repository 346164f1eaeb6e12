package abuse

// AfterHoursThresholds say when an account is busy while it never is. Alone that proves nothing, so it is only weighed.
type AfterHoursThresholds struct {
	Calls float64 `json:"calls"` // least calls in quiet hours of the last 24; 20 to 1,000,000
	Quiet float64 `json:"quiet"` // an hour is quiet if its median is below this share of the week's highest; 0.001 to 0.5
	Share float64 `json:"share"` // share of the last 24 hours' calls that fell into quiet hours; 0.05 to 0.95
	Z     float64 `json:"z"`     // scales above the usual of this hour; 1 to 50
}

func judgeAfterHours(v *view, e *evidence) bool {
	t := &v.t.AfterHours
	if !v.quiet || v.z[volume]-v.fleet[volume] <= t.Z {
		return false
	}
	quiet, all := float64(v.c.Requests), float64(v.c.Requests)
	for i := range v.a.recent {
		if int64(i) != v.hour%24 {
			quiet += float64(v.a.recent[i].quiet)
			all += float64(v.a.recent[i].calls)
		}
	}
	if quiet < t.Calls || quiet <= t.Share*all {
		return false
	}
	e.add("calls in quiet hours", quiet, t.Calls)
	e.add("share of 24 hours", quiet/all, t.Share)
	e.add("scales above the usual", v.z[volume], t.Z)
	return true
}
