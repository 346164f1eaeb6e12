package main

import (
	"time"

	"github.com/onerecord/certgate/abuse"
)

// signalRow is what was found of one deterministic rule.
type signalRow struct {
	Rule      string  `json:"rule"`
	Abuse     int     `json:"abuse"`
	Benign    int     `json:"benign"`
	Recall    float64 `json:"recall"`
	Precision float64 `json:"precision"`
}

// deterministic plays each violation at several strengths, and the accidents that look like it: a deployment that lags behind a renewal, one
// configuration mixed up, a key mistyped. Every single call is refused anyway; this is about who is told.
func deterministic() (rows []signalRow) {
	rng := newSource(2026, 11)
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	modes, limits := abuse.Enforced(), abuse.Defaults().Signals
	for rule := range abuse.Rules() {
		if !abuse.Rule(rule).Deterministic() {
			continue
		}
		row := signalRow{Rule: abuse.Rule(rule).String()}
		hits, wrong := 0, 0
		for range 500 {
			bad, fine := signalOf(abuse.Rule(rule), rng, at, true), signalOf(abuse.Rule(rule), rng, at, false)
			row.Abuse++
			hits += len(abuse.Judge([]abuse.Signal{bad}, &limits, &modes))
			row.Benign++
			wrong += len(abuse.Judge([]abuse.Signal{fine}, &limits, &modes))
		}
		row.Recall, row.Precision = float64(hits)/float64(row.Abuse), float64(hits)/float64(hits+wrong)
		rows = append(rows, row)
	}
	return rows
}

func signalOf(rule abuse.Rule, rng source, at time.Time, bad bool) abuse.Signal {
	s := abuse.Signal{Rule: rule, Account: "acc_1", Device: "dev_1", Credential: "crt_1", Source: "203.0.113.0/24", From: at, To: at.Add(time.Hour)}
	n := func(low, high int64) int64 { return low + rng.Int64N(high-low+1) }
	switch rule {
	case abuse.DeadCredential:
		s.Count = n(10, 400)
		if !bad { // a server that was forgotten, within a day of the renewal
			s.Count, s.Renewed = n(1, 3), at.Add(-time.Duration(n(1, 20))*time.Hour)
		}
	case abuse.ForeignKey:
		s.Count, s.Keys, s.Accounts = n(1, 100), n(2, 9), n(1, 4)
		if !bad { // one file of the same customer in the wrong place, and somebody who tries it
			s.Count, s.Keys, s.Accounts = n(1, 15), 1, 0
		}
	case abuse.WrongPurpose:
		s.Proven, s.Count = true, n(10, 500)
		if !bad {
			s.Count = n(1, 9)
		}
	case abuse.Guessing:
		s.Count = n(6, 5000)
		if !bad {
			s.Count = n(1, 5)
		}
	case abuse.Pollution:
		s.Proven, s.Count = true, n(1, 50)
		if !bad {
			s.Count = 0
		}
	default:
	}
	return s
}
