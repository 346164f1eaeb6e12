package main

import (
	"math"

	"github.com/onerecord/certgate/abuse"
)

// attack is a kind and strength of abuse, as it is injected into the traffic of a benign customer.
type attack struct {
	name     string
	strength string
	quarters int64 // how long it lasts
	within   int64 // quarters after its beginning within which it must be found; 0: its whole length and an hour
	share    int   // incidents, relative to the others
	scaled   bool  // its size is a multiple of the customer's own, so that of a small customer it is small
	follows  bool  // it multiplies what the customer does, so it begins while the customer is at work
	people   bool  // patients are exposed
	apply    func(c *customer, at int64, n *abuse.Counts)
}

// times multiplies all that the customer does: the copy keeps its hours and its patients.
func times(c *customer, f float64, n *abuse.Counts) {
	k := func(x int64) int64 { return c.rng.poisson(float64(x) * (f - 1)) }
	calls, people := k(n.Requests), k(n.Patients)
	people = min(people, calls)
	n.Requests += calls
	n.Patients += people
	n.Newcomers += c.rng.binomial(people, ratio(n.Newcomers, n.Patients-people))
}

func ratio(a, b int64) float64 {
	if b <= 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// flood makes the calls a multiple of what is usual at this hour, or of a usual working hour where that is more: who floods does not keep the
// customer's hours. A flood asks about a few patients again and again.
func flood(f float64) func(*customer, int64, *abuse.Counts) {
	return func(c *customer, _ int64, n *abuse.Counts) {
		more := c.rng.poisson(max(c.usual()/4, c.mean) * (f - 1) * c.rng.gamma(20))
		n.Requests += more
		n.Patients += min(more, 3)
	}
}

// usual is the calls of an hour in which the customer is at work, on average.
func (c *customer) usual() float64 {
	switch c.kind {
	case payer, research:
		return c.busy * 0.9
	default:
		return c.busy * 0.6
	}
}

// scrape adds distinct patients, nearly all of them new to the account.
func scrape(perHour float64) func(*customer, int64, *abuse.Counts) {
	return func(c *customer, _ int64, n *abuse.Counts) {
		people := c.rng.poisson(perHour / 4 * c.rng.gamma(10))
		n.Patients += people
		n.Newcomers += c.rng.binomial(people, 0.95)
		n.Requests += people + c.rng.binomial(people, 0.3)
	}
}

// enumerate tries identifiers, 40 % of which are not there, in order or shuffled.
func enumerate(perHour float64, inOrder bool) func(*customer, int64, *abuse.Counts) {
	return func(c *customer, _ int64, n *abuse.Counts) {
		tried := c.rng.poisson(perHour / 4 * c.rng.gamma(10))
		missing := c.rng.binomial(tried, 0.4)
		own := n.Requests
		n.Requests += tried
		n.NotFound += missing
		n.Targets += missing
		n.Patients += tried - missing
		n.Newcomers += c.rng.binomial(tried-missing, 0.95)
		// Of the last fifty numbers some are the attacker's and some the customer's own.
		mixed := ratio(tried, tried+own)
		theirs := int64(mixed * float64(min(50, tried+own)))
		n.Numbers = min(50, tried+own)
		n.Distinct = min(50, n.Distinct+theirs)
		if inOrder {
			n.Near = max(n.Near, int64(mixed*mixed*float64(n.Numbers)))
			n.Run = max(n.Run, min(theirs, int64(3/(1-min(mixed, 0.98)))))
		}
	}
}

// leak is a key and certificate used from three more networks, beside the customer itself.
func leak(c *customer, _ int64, n *abuse.Counts) {
	more := c.rng.poisson(c.usual() / 4 * 0.5)
	n.Requests += more
	n.Patients += c.rng.binomial(more, c.people)
	active := int64(0)
	for range 3 {
		if c.rng.chance(0.75) {
			active++
		}
	}
	if more+n.Requests < 20 {
		active = min(active, 1)
	}
	n.Networks += active
	n.Prints += min(active, 2)
	n.Together = max(n.Together, min(active+1, n.Networks))
}

// scopes tries kinds of resources that are not granted, so many in all.
func scopes(kinds int64, over int64) func(*customer, int64, *abuse.Counts) {
	return func(c *customer, at int64, n *abuse.Counts) {
		first, last := at*kinds/over, (at+1)*kinds/over
		for k := first; k < last; k++ {
			n.Scopes |= 1 << ((k*7 + c.zone + 64) % 64)
			n.Requests += 2
			n.Forbidden += 2
			n.Targets++
		}
	}
}

func restarts(c *customer, at int64, n *abuse.Counts) {
	if at%8 == 0 {
		n.Exports++
		n.Restarts += min(1, at)
		n.Requests++
	}
}

// ramp grows by a tenth each day, to teach the baseline.
func ramp(c *customer, at int64, n *abuse.Counts) { times(c, math.Pow(1.1, float64(at)/96), n) }

func camp(c *customer, _ int64, n *abuse.Counts) {
	n.Limited += c.rng.poisson(max(40, float64(n.Requests)*0.6))
}

const day = 96

// doubling is the attack whose limit the oracle tells.
const doubling = "doubling"

// attacks are all that is measured, a fixed list.
var attacks = []attack{
	{name: "flood", strength: "x3", quarters: 24, share: 1, scaled: true, apply: flood(3)},
	{name: "flood", strength: "x5", quarters: 24, share: 3, scaled: true, apply: flood(5)},
	{name: "flood", strength: "x10", quarters: 24, share: 1, scaled: true, apply: flood(10)},
	{name: doubling, strength: "x2 for a week", quarters: 7 * day, within: day, share: 3, scaled: true, follows: true, apply: func(c *customer, _ int64, n *abuse.Counts) { times(c, 2, n) }},
	{name: "mimicry", strength: "x2.9 for a day", quarters: day, share: 1, scaled: true, follows: true, people: true, apply: func(c *customer, _ int64, n *abuse.Counts) { times(c, 2.9, n) }},
	{name: "poisoning", strength: "+10 % a day, 3 weeks", quarters: 21 * day, share: 1, scaled: true, follows: true, apply: ramp},
	{name: "scraping", strength: "50 patients/h", quarters: 48, share: 1, people: true, apply: scrape(50)},
	{name: "scraping", strength: "200 patients/h", quarters: 48, share: 3, people: true, apply: scrape(200)},
	{name: "scraping", strength: "1000 patients/h", quarters: 24, share: 1, people: true, apply: scrape(1000)},
	{name: "low and slow", strength: "30 new/h for 72 h", quarters: 3 * day, share: 3, people: true, apply: scrape(30)},
	{name: "enumeration", strength: "in order, 60/h", quarters: 48, share: 1, people: true, apply: enumerate(60, true)},
	{name: "enumeration", strength: "in order, 400/h", quarters: 24, share: 1, people: true, apply: enumerate(400, true)},
	{name: "enumeration", strength: "shuffled, 400/h", quarters: 24, share: 1, people: true, apply: enumerate(400, false)},
	{name: "leaked key", strength: "3 networks", quarters: day, share: 1, apply: leak},
	{name: "scope probing", strength: "10 kinds in 2 h", quarters: 8, share: 1, apply: scopes(10, 8)},
	{name: "scope probing", strength: "6 kinds in a day", quarters: day, share: 1, apply: scopes(6, day)},
	{name: "export restarts", strength: "each 2 h", quarters: day, share: 1, apply: restarts},
	{name: "limit camping", strength: "12 h", quarters: 48, share: 1, apply: camp},
}
