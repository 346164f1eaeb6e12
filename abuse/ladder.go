package abuse

import (
	"math"
	"time"
)

// PolicyVersion names the policy below, its ladder and its numbers, in what is done by it. Whoever changes them gives it another.
const PolicyVersion = "2027-1"

// Policy says how findings become remediation. Each stage has its own door up and one door down, so that nobody flutters between two.
type Policy struct {
	Notify   float64       `json:"notify"`    // score from which the customer is told
	Throttle float64       `json:"throttle"`  // score from which it may be throttled
	Urgent   float64       `json:"urgent"`    // score from which a throttle does not wait for the grace
	Calm     float64       `json:"calm"`      // score below which an incident is over
	HalfLife time.Duration `json:"half_life"` // in which half of a score fades
	Grace    time.Duration `json:"grace"`     // between the notice and a throttle
	Term     time.Duration `json:"term"`      // of the first throttle; the n-th takes n times as long
	Longest  time.Duration `json:"longest"`   // of any throttle
	Memory   time.Duration `json:"memory"`    // for how long an earlier throttle makes the next one longer
}

// DefaultPolicy is what bench/abuse reports on.
func DefaultPolicy() Policy {
	return Policy{
		Notify: 60, Throttle: 100, Urgent: 150, Calm: 30, HalfLife: 24 * time.Hour, Grace: 24 * time.Hour, Term: 4 * time.Hour, Longest: 72 * time.Hour,
		Memory: 90 * 24 * time.Hour,
	}
}

// Stage is how far up the ladder an account stands by what was found. Suspension is not on it: only people suspend accounts.
type Stage int

// The stages.
const (
	Quiet     Stage = iota
	Told            // the customer and staff have been told
	Throttled       // and it is throttled for a time
)

// Standing is where an account stands. The zero value is an account of which nothing was ever found.
type Standing struct {
	Score     float64   `json:"score"`
	At        time.Time `json:"at"` // when the score was that
	Stage     Stage     `json:"stage"`
	ToldAt    time.Time `json:"told_at,omitzero"` // of the incident that is open
	Until     time.Time `json:"until,omitzero"`   // the end of the throttle
	Throttles int       `json:"throttles"`        // how many there were
	Last      time.Time `json:"last,omitzero"`    // when the last of them began
}

// Next is where an account stands at now, given what was found since. It takes an account up only by findings that act: observed and held ones,
// and those about strangers, change nothing.
func (p *Policy) Next(s Standing, now time.Time, found []Finding) Standing {
	if !s.At.IsZero() && now.After(s.At) {
		s.Score *= math.Exp2(-now.Sub(s.At).Hours() / p.HalfLife.Hours())
	}
	s.At = now
	scraping, stepping, limit := false, false, false
	for i := range found {
		f := &found[i]
		if !f.Acts() {
			continue
		}
		s.Score += f.Weight
		limit = limit || f.Step >= Limit
		scraping = scraping || f.Rule == Scraping
		stepping = stepping || f.Rule == Enumeration
	}
	switch {
	case s.Stage == Throttled && !now.Before(s.Until):
		s.Stage = Told
	case s.Stage == Told && s.Score < p.Calm:
		s.Stage, s.ToldAt = Quiet, time.Time{}
	}
	if s.Stage == Quiet && s.Score >= p.Notify {
		s.Stage, s.ToldAt = Told, now
	}
	waited := !s.ToldAt.IsZero() && now.Sub(s.ToldAt) >= p.Grace
	if s.Stage == Told && limit && s.Score >= p.Throttle && (waited || s.Score >= p.Urgent || scraping && stepping) {
		return p.throttle(s, now)
	}
	return s
}

func (p *Policy) throttle(s Standing, now time.Time) Standing {
	if s.Last.IsZero() || now.Sub(s.Last) > p.Memory {
		s.Throttles = 0
	}
	s.Throttles++
	s.Stage, s.Last = Throttled, now
	s.Until = now.Add(min(p.Longest, time.Duration(s.Throttles)*p.Term))
	return s
}
