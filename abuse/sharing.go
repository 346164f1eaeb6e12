package abuse

// SharingThresholds say when a credential seems to be in several hands: more networks and more TLS implementations than this account ever
// shows, several of them within the same ten minutes. New fingerprints alone never fire (libraries are upgraded), nor do new networks alone
// (clouds change addresses) where fingerprints are counted; where they are not, twice as many networks are asked for.
type SharingThresholds struct {
	Networks int64 `json:"networks"` // an hour's networks must be more than this, and than one and a quarter times the usual plus one; 1 to 64
	Prints   int64 `json:"prints"`   // its fingerprints more than this, and than the usual plus one; 1 to 64
	Together int64 `json:"together"` // networks within ten minutes; 2 to 64
}

func judgeSharing(v *view, e *evidence) bool {
	t, c := &v.t.Sharing, v.c
	if c.Networks <= t.Networks || c.Together < t.Together {
		return false
	}
	usual := int64(v.a.usual(v.day, func(n *dayNote) float64 { return float64(n.networks) }))
	networks := max(t.Networks, usual+usual/4+1)
	if c.Prints == 0 {
		networks *= 2
	}
	prints := max(t.Prints, int64(v.a.usual(v.day, func(n *dayNote) float64 { return float64(n.prints) }))+1)
	if c.Networks <= networks || c.Prints > 0 && c.Prints <= prints {
		return false
	}
	e.add("networks", float64(c.Networks), float64(networks))
	e.add("networks within ten minutes", float64(c.Together), float64(t.Together))
	if c.Prints > 0 {
		e.add("TLS fingerprints", float64(c.Prints), float64(prints))
	}
	e.share = func(c *Counts) int64 { return c.Networks }
	return true
}
