package abuse

// cusum adds up evidence for a lasting rise. One hour adds at most cusumCap, so one spike cannot fill it; an hour that speaks against a rise
// takes as much away.
type cusum struct {
	sum    float32 // log-likelihood
	excess float32 // calls above the medians, since the sum was last 0
	base   float32 // the medians of that time
	hours  uint16  // how many
}

// cusumCap is the most that one hour adds or takes.
const cusumCap = 4

// add counts what an hour of x, where med is usual, says for a rise.
func (c *cusum) add(likelihood, x, med float64) {
	sum := float64(c.sum) + max(min(likelihood, cusumCap), -cusumCap)
	if sum <= 0 {
		*c = cusum{}
		return
	}
	c.sum = float32(sum)
	c.excess += float32(x - med)
	c.base += float32(med)
	c.hours++
}
