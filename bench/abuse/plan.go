package main

// plan gives each account attacks at random times, 24 days apart or more, so that a fleet is not under attack all the time.
func (t *trial) plan() {
	var deck []*attack
	for i := range t.customers {
		at := int64(learnDays*day) + t.rng.Int64N(24*day)
		for {
			if len(deck) == 0 {
				for j := range attacks {
					for range attacks[j].share {
						deck = append(deck, &attacks[j])
					}
				}
				t.rng.Shuffle(len(deck), func(a, b int) { deck[a], deck[b] = deck[b], deck[a] })
			}
			a := deck[0]
			if at+a.quarters+2*day > (learnDays+scoreDays)*day {
				break
			}
			deck = deck[1:]
			c := t.customers[i]
			if a.follows {
				at = t.atWork(c, at)
			}
			t.incidents[i] = append(t.incidents[i], incident{
				attack: a, account: i, kind: c.kind, cv: c.cv, from: at, to: at + a.quarters, found: -1, small: a.scaled && c.usual() < 50,
			})
			at += a.quarters + 24*day + t.rng.Int64N(8*day)
		}
	}
}

// atWork is a time within the week from one on, at random among those at which a customer is at work: where there is nothing to multiply, nothing
// has begun. It is not the next such time, which would mostly be the beginning of a day.
func (t *trial) atWork(c *customer, from int64) int64 {
	for {
		at := from + t.rng.Int64N(7*day)
		if w := t.world(at); c.expect(&w) >= c.busy/4*0.25 {
			return at
		}
	}
}
