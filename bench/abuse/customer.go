package main

import (
	"math"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/gate"
)

// archetype is a kind of benign customer.
type archetype int

const (
	clinic     archetype = iota // weekdays from morning to evening
	telehealth                  // evenings, every day
	payer                       // a batch at night, paging through members by number; several times as much on the first nights of a month
	research                    // one large export a week, and a few calls
	tiny                        // fewer than five calls an hour
	growing                     // a clinic that gains 3 % a week
	churning                    // round the clock from a cloud whose addresses change
	archetypes
)

// shares are how many of a hundred customers are of each kind. What is found of each kind is printed, too.
var shares = [archetypes]int{clinic: 30, telehealth: 15, payer: 10, research: 5, tiny: 15, growing: 10, churning: 15}

// kindOf is the kind of the i-th customer of a fleet of a hundred; kinds are mixed.
func kindOf(i int) archetype {
	i = i * 37 % fleetSize
	for k, n := range shares {
		if i -= n; i < 0 {
			return archetype(k)
		}
	}
	return clinic
}

var archetypeNames = [archetypes]string{"clinic", "telehealth", "payer batch", "research export", "tiny app", "growing app", "cloud, changing addresses"}

// customer is one simulated account: fixed traits, and the state of its noise.
type customer struct {
	kind archetype
	id   gate.AccountID
	rng  source

	busy   float64 // calls of a usual busy hour
	cv     float64 // coefficient of variation of an hour, 0.2 to 0.6
	phi    float64 // how much of an hour's mood is the last hour's
	carry  float64 // share of an hour's variance that is its mood's, and so carries on
	daily  float64 // share of it that lasts the day
	zone   int64   // hours
	people float64 // distinct patients per call
	fresh  float64 // share of those that are new to it
	gone   float64 // share of calls answered 404
	growth float64 // a week
	peak   float64 // payer: factor of the first nights of a month
	start  float64 // payer, research: hour at which the job begins
	pages  bool    // goes through numbers in order
	clouds float64 // mean distinct networks of an hour
	prints int64

	mood, day, freshDay float64 // noise: of the hour, the day, and of new patients that day
	mean                float64 // of this quarter, without noise
	level               float64 // what the noise comes to: times the usual, this hour
	shifted             float64 // hours by which tonight's job is late
	owed                float64 // calls that could not be made
	down, deploy        int64   // quarters that an outage, a broken release last
	broken              float64 // share of 404 while a release is broken
	spread              bool    // it asks for many things that are not there, instead of a few again and again
	kinds               uint64  // kinds of resources that a release tries in vain
	upgrade             int64   // quarters for which two library versions run side by side
}

// newCustomer draws one. Sizes are lognormal: most are small and a few are large.
func newCustomer(kind archetype, id gate.AccountID, rng source) *customer {
	c := &customer{
		kind: kind, id: id, rng: rng, busy: min(max(rng.lognormal(200, 0.9), 60), 6000), cv: min(max(rng.lognormal(0.35, 0.3), 0.2), 0.6),
		phi: rng.between(0.4, 0.8), carry: rng.between(0.3, 0.7), daily: rng.between(0.05, 0.15),
		zone: -5 - rng.Int64N(4), people: rng.between(0.12, 0.4), fresh: rng.between(0.05, 0.15), gone: rng.between(0.002, 0.03),
		growth: rng.between(-0.004, 0.006), clouds: float64(1 + rng.Int64N(2)), prints: 1 + rng.Int64N(2), start: 1, peak: 1,
	}
	switch kind {
	case telehealth:
		c.fresh = rng.between(0.15, 0.35)
	case payer:
		c.busy = rng.lognormal(2500, 0.6)
		c.people, c.fresh, c.gone = rng.between(0.5, 0.9), rng.between(0.1, 0.3), rng.between(0.005, 0.04)
		c.peak, c.pages = rng.between(3, 6), true
	case research:
		c.busy = rng.lognormal(4000, 0.5)
		c.people, c.fresh, c.start = rng.between(0.6, 0.9), rng.between(0.3, 0.6), rng.between(0, 20)
		c.pages = rng.chance(0.5)
	case tiny:
		c.busy = rng.between(1, 5)
	case growing:
		c.growth = 0.03
	case churning:
		c.clouds = rng.between(3, 9)
	case clinic, archetypes:
	}
	return c
}

// bell is a smooth bump around an hour of the day.
func bell(hour, at, width float64) float64 {
	d := math.Mod(hour-at+36, 24) - 12
	return math.Exp(-d * d / (2 * width * width))
}

// shape is the share of a busy hour that is usual at an hour of the customer's day. weekday 0 is Monday.
func (c *customer) shape(hour float64, weekday, dayOfMonth int64) float64 {
	weekend := weekday >= 5
	switch c.kind {
	case telehealth:
		return 0.06 + bell(hour, 19.5, 3)*where(weekend, 1.1) + 0.3*bell(hour, 12, 3)
	case payer:
		at := hour - c.start - c.shifted
		if at < 0 || at >= 3.2 {
			return 0.004
		}
		return where(dayOfMonth <= 3, c.peak)
	case research:
		if at := hour - c.start - c.shifted; weekday == 2 && at >= 0 && at < 3.5 {
			return 1
		}
		return 0.002 + 0.006*bell(hour, 13, 3)*where(weekend, 0.2)
	case churning:
		return 0.35 + 0.65*bell(hour, 14, 4)*where(weekend, 0.6)
	case clinic, tiny, growing, archetypes:
	}
	return 0.012 + (bell(hour, 10, 2)+0.85*bell(hour, 15, 2))*where(weekend, 0.08)
}

// where is a factor that counts only where something is so.
func where(yes bool, factor float64) float64 {
	if yes {
		return factor
	}
	return 1
}

// moods draws the noise of a new hour and, at midnight, of a new day. An hour's counts are negative binomial with the customer's coefficient of
// variation: 0.2 to 0.6, most often 0.35, which is k = 8. Three to seven tenths of that variance carry on from the hour before, and a tenth or so
// lasts the day, so that hours are correlated with the one before by 0.2 to 0.7, on average 0.4.
func (c *customer) moods(hour int64) {
	c.mood = c.phi*c.mood + math.Sqrt(1-c.phi*c.phi)*c.rng.NormFloat64()
	if hour%24 == 0 {
		c.day = c.rng.NormFloat64()
		c.freshDay = 0.3 * c.rng.NormFloat64()
		c.shifted = max(-0.5, 0.4*c.rng.NormFloat64())
		if c.rng.chance(0.04) { // the file that the job waits for is late
			c.shifted += c.rng.between(1, 3)
		}
	}
	// A normal number that is like the last one, made a gamma number of mean 1 and that variation (Wilson and Hilferty, 1931).
	z := math.Sqrt(c.carry)*c.mood + math.Sqrt(c.daily)*c.day + math.Sqrt(1-c.carry-c.daily)*c.rng.NormFloat64()
	v := c.cv * c.cv / 9
	c.level = math.Pow(max(0, 1-v+z*math.Sqrt(v)), 3)
}

// events lets things happen: an outage of the customer's own about every three weeks, a release that is broken about every four.
func (c *customer) events() {
	c.down, c.deploy, c.upgrade = max(0, c.down-1), max(0, c.deploy-1), max(0, c.upgrade-1)
	if c.rng.chance(1.0 / (21 * 96)) {
		c.down = 2 + c.rng.Int64N(22)
	}
	if c.deploy == 0 {
		c.kinds = 0
	}
	if c.rng.chance(1.0 / (28 * 96)) {
		c.deploy, c.broken, c.spread = 2+c.rng.Int64N(8), c.rng.between(0.2, 0.7), c.rng.chance(0.3)
		for range c.rng.Int64N(4) {
			c.kinds |= 1 << c.rng.Int64N(64)
		}
	}
	if c.rng.chance(1.0 / (60 * 96)) {
		c.upgrade = 4 * (6 + c.rng.Int64N(48))
	}
}

// world is what happens to everybody at one time.
type world struct {
	quarter  int64    // since the beginning
	day      int64    // since the beginning
	month    int64    // day of the month
	holidays [2]int64 // days
	upstream float64  // share of calls that fail
	rush     float64  // factor after an upstream outage
}

// expect is the mean of a quarter without noise.
func (c *customer) expect(w *world) float64 {
	local := float64(w.quarter)/4 + float64(c.zone) + 24*7
	weekday := int64(local/24) % 7
	x := c.busy / 4 * c.shape(math.Mod(local, 24), weekday, w.month) * math.Pow(1+c.growth, float64(w.day)/7)
	for _, h := range w.holidays {
		switch int64(local/24) - 7 {
		case h:
			x *= [...]float64{0.15, 1.2, 1, 1, 0.3, 0.15, 0.8}[c.kind]
		case h + 1:
			x *= [...]float64{1.35, 1.1, 1, 1, 1.35, 1.35, 1.2}[c.kind]
		}
	}
	return x
}

// quarter draws what the customer does in a quarter of an hour.
func (c *customer) quarter(w *world, out *abuse.Counts) {
	c.events()
	*out = abuse.Counts{}
	mean := c.expect(w)
	c.mean = mean
	level := mean * c.level
	if c.down > 0 { // six tenths of what is missing come later
		c.owed += 0.6 * level
		return
	}
	if c.owed > 0 { // within an hour or two
		more := c.owed * c.rng.between(0.1, 0.3)
		if c.owed < mean {
			more = c.owed
		}
		c.owed -= more
		level += more
	}
	level *= w.rush
	n := c.rng.poisson(level * c.rng.gamma(20))
	if w.upstream > 0 { // and tried again
		failed := c.rng.poisson(float64(n) * w.upstream * c.rng.between(1, 3))
		out.Failed = failed
		n -= int64(float64(n) * w.upstream)
		out.Requests = failed
	}
	out.Requests += n
	out.Cost, out.Bytes = out.Requests, n*8000
	c.touch(n, out)
	c.connect(out)
	if c.kind == payer && n > int64(c.busy/6) { // it runs into its rate limit, and waits as it is told
		out.Limited = c.rng.poisson(float64(n) * 0.06)
	}
}

// touch draws patients and what is not there.
func (c *customer) touch(n int64, out *abuse.Counts) {
	out.Patients = c.rng.binomial(n, c.people)
	out.Newcomers = c.rng.binomial(out.Patients, min(0.9, c.fresh*math.Exp(c.freshDay)))
	out.NotFound = c.rng.binomial(n, c.gone)
	out.Targets = c.rng.binomial(out.NotFound, 0.7)
	if c.deploy > 0 {
		bad := c.rng.binomial(n-out.NotFound, c.broken)
		out.NotFound += bad
		if c.spread {
			out.Targets += c.rng.binomial(bad, 0.8)
		} else {
			out.Targets += min(bad, 6)
		}
		if c.kinds != 0 && n > 0 {
			out.Scopes = c.kinds
			out.Forbidden = min(n-out.NotFound, 5)
		}
	}
	if n < 5 {
		return
	}
	out.Numbers = min(n, 50)
	out.Distinct = min(out.Patients, 50)
	if c.pages {
		out.Near = c.rng.binomial(out.Numbers, 0.85)
		out.Run = min(out.Distinct, 50)
		return
	}
	out.Near = c.rng.binomial(out.Numbers, 0.04)
	out.Run = min(out.Distinct, 3+c.rng.Int64N(3))
	if c.rng.chance(0.01) { // somebody works through a list
		out.Run = min(out.Distinct, 40)
	}
}

// connect draws where the calls came from.
func (c *customer) connect(out *abuse.Counts) {
	if out.Requests < 20 {
		out.Networks, out.Together, out.Prints = min(1, out.Requests), min(1, out.Requests), min(1, out.Requests)
		return
	}
	out.Networks = int64(c.clouds)
	if c.kind == churning {
		out.Networks = max(1, c.rng.poisson(c.clouds))
	} else if c.rng.chance(0.002) { // the second line took over
		out.Networks++
	}
	out.Together = max(1, c.rng.binomial(out.Networks, 0.6))
	out.Prints = c.prints
	if c.upgrade > 0 {
		out.Prints++
	}
}
