package abuse

// ExportThresholds say when bulk exports are begun too often.
type ExportThresholds struct {
	Day      int64 `json:"day"`      // exports in 24 hours that are in order, where the contract says nothing; 1 to 10,000
	Restarts int64 `json:"restarts"` // times that what was exported before may be begun again in 24 hours; 1 to 10,000
}

func judgeExports(v *view, e *evidence) bool {
	if v.c.Exports == 0 {
		return false
	}
	day, restarts := v.c.Exports, v.c.Restarts
	for i := range v.a.recent {
		if int64(i) != v.hour%24 {
			day += int64(v.a.recent[i].exports)
			restarts += int64(v.a.recent[i].restarts)
		}
	}
	limit := v.t.ExportAbuse.Day
	if v.a.profile.Exports > 0 {
		limit = v.a.profile.Exports
	}
	if day <= limit && restarts <= v.t.ExportAbuse.Restarts {
		return false
	}
	e.add("exports in 24 hours", float64(day), float64(limit))
	e.add("begun again", float64(restarts), float64(v.t.ExportAbuse.Restarts))
	e.share = func(c *Counts) int64 { return c.Exports }
	return true
}
