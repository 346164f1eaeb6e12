package main

import (
	"fmt"
	"os"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/gate"
)

// showAlarms lists false findings and attacks that were found late or not on standard error, to see what they are made of.
var showAlarms bool

const (
	fleetSize = 100
	learnDays = 6 * 7 // not scored
	scoreDays = 8 * 7
	reviewed  = day // how long staff take to see that a finding was false, and to say so
	grace     = 4   // quarters after the end of an attack in which finding it still counts
	openFor   = day // after the end of an attack in which findings belong to it, and count neither way
)

// incident is one injected attack and what became of it.
type incident struct {
	attack   *attack
	account  int
	kind     archetype
	cv       float64
	from, to int64 // quarters
	late     bool  // it was found, if only after the time within which it must be
	small    bool  // a multiple of a customer of fewer than 50 calls an hour
	found    int64 // quarters from its beginning until it was found; -1 if it was not
	rule     abuse.Rule
	exposed  int64 // patients, until it was found
	rivals   [rivals][]float32
}

// result is what one trial came to.
type result struct {
	incidents []incident
	days      int64 // benign account-days
	notices   [archetypes]int64
	kindDays  [archetypes]int64
	throttles int64
	suspended int64 // automatic suspensions, of anybody
	requests  int64 // benign ones of benign account-days
	throttled int64 // of those, over a throttle
	byRule    [32]int64
	held      int64
	alarms    int64             // findings that ask for a notice, outside of any attack
	benign    [rivals][]float32 // the highest score of each benign account-day

	oracleDays, oracleDoublings []float32
}

// trial simulates one fleet, with attacks or without.
type trial struct {
	rng       source
	detector  *abuse.Detector
	policy    abuse.Policy
	customers []*customer
	zones     []*time.Location
	standings []abuse.Standing
	incidents [][]incident // by account
	active    []*incident  // by account, nil while there is none
	counts    []abuse.Counts
	hours     []abuse.Counts
	quarters  []abuse.Row
	rows      []abuse.Row
	review    []int64 // by account, the quarter at which staff clear a false finding; 0: none is open
	added     []int64 // patients that an attack adds in this hour
	rivals    *contest
	oracle    *oracle
	best      [rivals][]float32
	start     time.Time
	holidays  [2]int64
	outages   [2][2]int64
	rush      float64
	out       result
}

func newTrial(seed uint64, attacked bool, set *abuse.Thresholds) *trial {
	return newFleet(fleetSize, seed, attacked, set)
}

// newFleet is a trial of some accounts instead of a hundred.
func newFleet(accounts int, seed uint64, attacked bool, set *abuse.Thresholds) *trial {
	t := &trial{rng: newSource(seed, 1), policy: abuse.DefaultPolicy()}
	d, err := abuse.New(*set, abuse.Enforced())
	if err != nil {
		fatal(err)
	}
	t.detector = d
	t.start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC).AddDate(0, 0, 7*int(t.rng.Int64N(26)))
	for i := range t.holidays {
		t.holidays[i] = learnDays/2 + t.rng.Int64N(learnDays/2+scoreDays-7)
	}
	for i := range t.outages {
		from := learnDays*day/2 + t.rng.Int64N((scoreDays+learnDays/2-2)*day)
		t.outages[i] = [2]int64{from, from + 2 + t.rng.Int64N(7)}
	}
	t.rush = t.rng.between(1.3, 1.8)
	t.rivals, t.oracle = newContest(accounts), newOracle(accounts)
	for i := range accounts {
		t.add(i, seed)
	}
	if attacked {
		t.plan()
	}
	return t
}

func (t *trial) add(i int, seed uint64) {
	kind := kindOf(i)
	c := newCustomer(kind, gate.AccountID(fmt.Sprintf("acc_%05d", i)), newSource(seed, uint64(i)+100))
	zone := time.FixedZone("", int(c.zone)*3600)
	t.customers, t.zones = append(t.customers, c), append(t.zones, zone)
	// Customers declare more than they need, and not exactly.
	daily := 0.0
	for d := range int64(7) {
		sum := 0.0
		for q := range int64(day) {
			sum += c.expect(&world{quarter: d*day + q, month: 4, holidays: [2]int64{-9, -9}})
		}
		daily = max(daily, sum)
	}
	p := abuse.Profile{Zone: zone, DailyVolume: int64(1 + c.rng.lognormal(1.5*daily*c.peak, 0.3)), Exports: 4, Population: kind == research}
	if err := t.detector.Set(c.id, p); err != nil {
		fatal(err)
	}
	t.rivals.declare(i, float64(p.DailyVolume))
	t.standings = append(t.standings, abuse.Standing{})
	t.incidents = append(t.incidents, nil)
	t.active = append(t.active, nil)
	t.counts, t.hours = append(t.counts, abuse.Counts{}), append(t.hours, abuse.Counts{})
	t.added, t.review = append(t.added, 0), append(t.review, 0)
	for r := range t.best {
		t.best[r] = append(t.best[r], 0)
	}
}

// run plays some quarters of an hour, whole days, from the beginning.
func (t *trial) run(quarters int64) result {
	for q := range quarters {
		t.quarter(q)
		if q%4 == 3 {
			t.hour(q / 4)
		}
		if q%day == day-1 {
			t.endDay(q)
		}
	}
	for i := range t.incidents {
		for j := range t.incidents[i] {
			if in := &t.incidents[i][j]; showAlarms && (in.found < 0 || in.found > 8) {
				c := t.customers[i]
				hour := (in.from/4 + c.zone + 24) % 24
				fmt.Fprintf(os.Stderr, "late %s %s: after %d quarters, -1 never; %s %d from day %d %02d:00, cv %.2f, busy %.0f\n", in.attack.name, in.attack.strength, in.found, archetypeNames[c.kind], i, in.from/day, hour, c.cv, c.busy)
			}
		}
		t.out.incidents = append(t.out.incidents, t.incidents[i]...)
	}
	t.out.oracleDays, t.out.oracleDoublings = t.ask()
	return t.out
}

func (t *trial) world(q int64) world {
	at := t.start.Add(time.Duration(q) * 15 * time.Minute)
	w := world{quarter: q, day: q / day, month: int64(at.Day()), rush: 1, holidays: t.holidays}
	for _, o := range t.outages {
		switch {
		case q >= o[0] && q < o[1]:
			w.upstream = 0.9
		case q >= o[1] && q < o[1]+6:
			w.rush = t.rush
		}
	}
	return w
}

func (t *trial) quarter(q int64) {
	w := t.world(q)
	t.quarters = t.quarters[:0]
	for i, c := range t.customers {
		if q%4 == 0 {
			c.moods(q / 4)
			t.hours[i], t.added[i] = abuse.Counts{}, 0
		}
		n := &t.counts[i]
		c.quarter(&w, n)
		t.attack(i, q, n)
		t.hours[i].Add(n)
		if n.Requests+n.Limited > 0 {
			t.quarters = append(t.quarters, abuse.Row{Account: c.id, Device: "dev_1", Counts: *n})
		}
		t.rivals.quarter(i, n)
		t.oracle.quarter(i, q, n.Answered(), c.mean)
		if t.review[i] != 0 && q >= t.review[i] && t.active[i] == nil {
			t.review[i] = 0
			if err := t.detector.Clear(c.id); err != nil {
				fatal(err)
			}
		}
	}
	at := t.start.Add(time.Duration(q) * 15 * time.Minute)
	found, err := t.detector.Quarter(at, t.quarters)
	if err != nil {
		fatal(err)
	}
	t.take(found, q+1)
}

// attack adds what an attack does in this quarter.
func (t *trial) attack(i int, q int64, n *abuse.Counts) {
	list := t.incidents[i]
	t.active[i] = nil
	for j := range list {
		in := &list[j]
		if q < in.from || q >= in.to+openFor {
			continue
		}
		t.active[i] = in
		if q >= in.to {
			return
		}
		before := n.Patients
		in.attack.apply(t.customers[i], q-in.from, n)
		t.added[i] += n.Patients - before
		if in.found < 0 && in.attack.people {
			in.exposed += n.Patients - before
		}
		return
	}
}

func (t *trial) hour(h int64) {
	t.rows = t.rows[:0]
	for i, c := range t.customers {
		n := &t.hours[i]
		// Some patients of one quarter are those of another.
		own := n.Patients - t.added[i]
		n.Patients = t.added[i] + int64(0.85*float64(own))
		n.Newcomers = min(n.Newcomers, n.Patients)
		if n.Requests+n.Limited > 0 {
			t.rows = append(t.rows, abuse.Row{Account: c.id, Device: "dev_1", Counts: *n})
		}
	}
	found, err := t.detector.Hour(t.start.Add(time.Duration(h)*time.Hour), t.rows)
	if err != nil {
		fatal(err)
	}
	t.take(found, 4*h+4)
	if h < learnDays*24 {
		t.rivals.hour(h, t.hours)
		return
	}
	t.scoreRivals(h)
	for i := range t.customers {
		if s := &t.standings[i]; s.Stage == abuse.Throttled && t.active[i] == nil {
			if limit, ok := t.detector.Busy(t.customers[i].id); ok {
				t.out.throttled += max(0, t.hours[i].Requests-limit)
			}
		}
	}
}

// take scores findings at the end of a window, in quarters since the beginning, and moves the ladder.
func (t *trial) take(found []abuse.Finding, end int64) {
	now := t.start.Add(time.Duration(end) * 15 * time.Minute)
	for len(found) > 0 {
		n := 1
		for n < len(found) && found[n].Account == found[0].Account {
			n++
		}
		var i int
		if _, err := fmt.Sscanf(string(found[0].Account), "acc_%d", &i); err != nil {
			fatal(err)
		}
		if end > learnDays*day {
			t.score(i, found[:n], end)
		}
		was := t.standings[i]
		t.standings[i] = t.policy.Next(was, now, found[:n])
		if now := t.standings[i]; t.active[i] == nil && end > learnDays*day {
			if was.Stage == abuse.Quiet && now.Stage >= abuse.Told {
				t.out.notices[t.customers[i].kind]++
			}
			if was.Stage != abuse.Throttled && now.Stage == abuse.Throttled {
				t.out.throttles++
			}
		}
		found = found[n:]
	}
	for i := range t.standings {
		if t.standings[i].Stage != abuse.Quiet {
			t.standings[i] = t.policy.Next(t.standings[i], now, nil)
		}
	}
}

func (t *trial) score(i int, found []abuse.Finding, end int64) {
	in := t.active[i]
	for j := range found {
		f := &found[j]
		if f.Step == abuse.Suspend {
			t.out.suspended++
		}
		switch {
		case f.Step < abuse.Notify:
		case f.Held:
			t.out.held++
		case in == nil:
			if t.review[i] == 0 {
				t.review[i] = end + reviewed
			}
			t.out.alarms++
			t.out.byRule[f.Rule]++
			if showAlarms {
				fmt.Fprintf(os.Stderr, "false %s %d %s %s %v\n", archetypeNames[t.customers[i].kind], i, f.To.In(t.zones[i]).Format("Mon 01-02 15:04"), f.Rule, f.Evidence)
			}
		case in.found < 0 && in.open(end):
			in.late = true
			in.found, in.rule = end-in.from, f.Rule
		case end <= in.to+grace:
			in.late = true
		}
	}
}

// open reports whether finding the incident at a time still counts.
func (in *incident) open(end int64) bool {
	if in.attack.within > 0 {
		return end-in.from <= in.attack.within
	}
	return end <= in.to+grace
}

// endDay counts the benign account-days.
func (t *trial) endDay(q int64) {
	for i, c := range t.customers {
		benign := q >= learnDays*day
		for j := range t.incidents[i] {
			in := &t.incidents[i][j]
			benign = benign && (q < in.from || q-day >= in.to+openFor)
		}
		if benign {
			t.out.days++
			t.out.kindDays[c.kind]++
		}
		for r := range t.best {
			if benign {
				t.out.benign[r] = append(t.out.benign[r], t.best[r][i])
			}
			t.best[r][i] = 0
		}
	}
}

// scoreRivals asks the simpler detectors about the same hour.
func (t *trial) scoreRivals(h int64) {
	scores := t.rivals.hour(h, t.hours)
	for i := range t.customers {
		in := t.active[i]
		if in == nil {
			t.out.requests += t.hours[i].Requests
		}
		for r := range scores {
			s := scores[r][i]
			switch {
			case in == nil:
				t.best[r][i] = max(t.best[r][i], s)
			case in.open(4*h + 4):
				in.rivals[r] = append(in.rivals[r], s)
			}
		}
	}
}
