package abuse

// judgeSpike asks whether the calls are several times what this hour of the week usually brings. Calls that failed do not count: a client that
// tries again while the upstream is down is doing its job.
func judgeSpike(v *view, e *evidence) bool {
	return v.beyond(volume, &v.t.Spike, e)
}
