package abuse

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

// monday is where histories begin: a Monday, midnight UTC.
var monday = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// history is a detector and where its time stands.
type history struct {
	t  *testing.T
	d  *Detector
	at time.Time
	// usual is what an account does in an hour, by hour of the day.
	usual func(hour int) Counts
	rng   *rand.Rand
}

const acme = gate.AccountID("acc_acme")

// office is an account that makes 100 calls an hour in office hours, about 30 patients, 3 of them new, and next to nothing at night.
func office(hour int) Counts {
	if hour < 8 || hour >= 18 {
		return Counts{Requests: 2}
	}
	return Counts{Requests: 100, Patients: 30, Newcomers: 3, NotFound: 1, Targets: 1, Networks: 1, Together: 1, Prints: 1, Numbers: 50, Near: 2, Run: 3, Distinct: 30}
}

// taught is an account with five weeks of history, each hour up to a fifth more or less than usual.
func taught(t *testing.T, usual func(hour int) Counts) *history {
	t.Helper()
	d, err := New(Defaults(), Enforced())
	if err != nil {
		t.Fatal(err)
	}
	h := &history{t: t, d: d, at: monday, usual: usual, rng: rand.New(rand.NewPCG(1, 2))}
	if err := d.Set(acme, Profile{DailyVolume: 1200}); err != nil {
		t.Fatal(err)
	}
	for range 5 * 7 * 24 {
		if found := h.hour(h.noisy()); len(found) > 0 {
			t.Fatalf("while it learned: %v", found)
		}
	}
	return h
}

// noisy is a usual hour, a fifth more or less.
func (h *history) noisy() Counts {
	c := h.usual(h.at.Hour())
	f := 0.8 + 0.4*h.rng.Float64()
	for _, n := range []*int64{&c.Requests, &c.Patients, &c.Newcomers} {
		*n = int64(float64(*n)*f + 0.5)
	}
	return c
}

func row(c Counts) []Row { return []Row{{Account: acme, Device: "dev_1", Counts: c}} }

// hour tells of the next hour.
func (h *history) hour(c Counts) []Finding {
	h.t.Helper()
	found, err := h.d.Hour(h.at, row(c))
	if err != nil {
		h.t.Fatal(err)
	}
	h.at = h.at.Add(time.Hour)
	return found
}

// quarters tells of the quarters of the hour that comes next, each a fourth of the counts, and of the hour.
func (h *history) quarters(c Counts) (found []Finding) {
	h.t.Helper()
	q := c
	for _, n := range []*int64{&q.Requests, &q.Patients, &q.Newcomers, &q.NotFound, &q.Targets, &q.Forbidden} {
		*n = (*n + 3) / 4
	}
	for i := range 4 {
		list, err := h.d.Quarter(h.at.Add(time.Duration(i)*quarter), row(q))
		if err != nil {
			h.t.Fatal(err)
		}
		found = append(found, list...)
	}
	return append(found, h.hour(c)...)
}

// until lets usual hours pass until an hour of the day.
func (h *history) until(hour int) *history {
	h.t.Helper()
	for h.at.Hour() != hour {
		h.hour(h.noisy())
	}
	return h
}

// rulesOf lists the rules of findings, in order and each once.
func rulesOf(found []Finding) (rules []Rule) {
	for i := range found {
		seen := false
		for _, r := range rules {
			seen = seen || r == found[i].Rule
		}
		if !seen {
			rules = append(rules, found[i].Rule)
		}
	}
	return rules
}

// has reports whether a rule is among the findings.
func has(found []Finding, rule Rule) bool {
	for i := range found {
		if found[i].Rule == rule {
			return true
		}
	}
	return false
}

// more adds counts to a usual hour.
func more(c, plus Counts) Counts {
	c.Add(&plus)
	return c
}

// number is the id of the i-th account of a fleet.
func number(i int) gate.AccountID { return gate.AccountID(fmt.Sprintf("acc_%05d", i)) }
