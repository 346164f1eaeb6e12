package abuse

// CampingThresholds say when a client goes on calling against its limit and heeds no Retry-After. It is told how to wait.
type CampingThresholds struct {
	Share float64 `json:"share"`           // share of calls answered 429, in each of the hours; 0.02 to 0.98
	Hours int64   `json:"hours"`           // hours in a row; 2 to 24
	Calls int64   `json:"calls_each_hour"` // least calls answered 429 in each hour; 1 to 1,000,000
}

func judgeCamping(v *view, e *evidence) bool {
	t, c := &v.t.Camping, v.c
	share := float64(c.Limited) / float64(max(1, c.Requests+c.Limited))
	if c.Limited < t.Calls || share < t.Share {
		v.a.camped = 0
		return false
	}
	v.a.camped = small(int64(v.a.camped) + 1)
	if int64(v.a.camped) < t.Hours {
		return false
	}
	e.add("share over the limit", share, t.Share)
	e.add("hours in a row", float64(v.a.camped), float64(t.Hours))
	e.add("calls over the limit this hour", float64(c.Limited), float64(t.Calls))
	e.share = func(c *Counts) int64 { return c.Limited }
	return true
}
