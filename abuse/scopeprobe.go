package abuse

import "math/bits"

// ScopeThresholds say when an account tries one kind of resource after another that it is not granted. Kinds that were refused on earlier days
// are its old mistakes and do not count.
type ScopeThresholds struct {
	Kinds int `json:"kinds"` // distinct kinds refused with 403 in 24 hours; 2 to 40
}

func judgeScopes(v *view, e *evidence) bool {
	if v.c.Scopes == 0 {
		return false
	}
	all := v.c.Scopes
	for i := range v.a.recent {
		all |= v.a.recent[i].scopes
	}
	kinds := bits.OnesCount64(all)
	if kinds >= v.t.ScopeProbe.Kinds {
		kinds = bits.OnesCount64(all &^ v.a.known(v.day-1)) // what was tried yesterday may be the same attempt
	}
	if kinds < v.t.ScopeProbe.Kinds {
		return false
	}
	e.add("kinds of resources refused in 24 hours", float64(kinds), float64(v.t.ScopeProbe.Kinds))
	e.share = func(c *Counts) int64 { return int64(bits.OnesCount64(c.Scopes)) }
	return true
}
