package abuse

import "math/bits"

// EnumerationThresholds say when identifiers are being tried one after another. Paging through one's own panel is sequential too, so it takes
// that some are not there and calls are more than usual, or that there are far more patients; and an account that pages as a habit is left to
// the other rules.
type EnumerationThresholds struct {
	Near     float64 `json:"near"`     // share of steps of at most three among the last 50 numeric identifiers; 0.2 to 1
	Distinct int64   `json:"distinct"` // least distinct ones for that; 10 to 50
	Run      int64   `json:"run"`      // or a run that only rises or only falls, this long; 5 to 49
	Missing  float64 `json:"missing"`  // least share of calls answered 403 or 404 (Wilson's 95 % bound); 0.01 to 0.95
	Ratio    float64 `json:"ratio"`    // and times the usual calls; 1 to 100
}

func judgeEnumeration(v *view, e *evidence) bool {
	t, c := &v.t.Enumeration, v.c
	if c.Numbers == 0 || c.Distinct < t.Distinct {
		return false
	}
	near := float64(c.Near) / float64(c.Numbers)
	if near < t.Near && c.Run < t.Run {
		return false
	}
	if today := v.a.today(v.day); today.paged < 255 {
		today.paged++
	}
	missing := wilson(c.Denied(), c.Requests)
	scraping := bits.OnesCount8(v.a.quick[Scraping]&0xf) >= 3 // it is asked before this rule
	more := v.x[volume] / (v.med[volume] + 1)
	trying := missing > t.Missing && (!v.learned || more > t.Ratio)
	if !trying && !scraping || v.a.pages(v.day) {
		return false
	}
	e.add("share of small steps", near, t.Near)
	e.add("longest run", float64(c.Run), float64(t.Run))
	e.add("distinct identifiers", float64(c.Distinct), float64(t.Distinct))
	e.add("share not there or not allowed", missing, t.Missing)
	if scraping {
		e.add("patients", v.x[patients], v.t.Scraping.Floor/4)
	}
	e.share = func(c *Counts) int64 { return c.Numbers }
	return true
}
