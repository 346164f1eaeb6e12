package authority

import (
	"maps"
	"slices"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/gate"
)

// Trial is the answer. The same question gives the same, byte for byte, until windows, contracts or rules change.
type Trial struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"` // not in it
	// Since is from when on windows were read: what is usual was learned from there to From.
	Since time.Time `json:"since"`
	// QuartersSince is from when on quarters of an hour are still kept; before, only hours were judged. Zero: none are.
	QuartersSince time.Time `json:"quarters_since,omitzero"`
	Windows       int       `json:"windows"` // that were judged, of From to To
	Skipped       int       `json:"skipped"` // windows that could not be judged, those before From too
	// Unreadable is the first recorded window that could not be read.
	Unreadable string         `json:"unreadable,omitempty"`
	Rules      []TrialRule    `json:"rules"`
	Accounts   []TrialAccount `json:"accounts"`  // those of whom something was found, in the order of their identifiers; at most MaxTrialAccounts
	More       int            `json:"more"`      // accounts beyond
	Told       int            `json:"told"`      // accounts that would have been told
	Throttled  int            `json:"throttled"` // accounts that would have been throttled
}

// TrialRule sums up what one rule did.
type TrialRule struct {
	Rule     abuse.Rule `json:"rule"`
	Mode     abuse.Mode `json:"mode"` // now, for all accounts without a setting of their own
	Accounts int        `json:"accounts"`
	Findings int        `json:"findings"`
	Held     int        `json:"held"` // of those: because the rule met too many accounts within an hour
}

// TrialAccount is what would have been found of one account, and what would have followed, beside what was enforced.
type TrialAccount struct {
	Account gate.AccountID `json:"account"`
	Slug    string         `json:"slug,omitempty"` // empty: its records are gone
	Hits    []TrialHit     `json:"hits"`
	Told    int            `json:"told"`                // how often it would have been told
	ToldAt  time.Time      `json:"told_at,omitzero"`    // the first time
	Count   int            `json:"throttle_count"`      // how often it would have been throttled
	Seconds int64          `json:"throttled_seconds"`   // for how long in all, within From and To
	Spans   []TrialSpan    `json:"throttles"`           // the first MaxTrialSpans of them
	Imposed []TrialImposed `json:"imposed"`             // what was in force between From and To
	Opened  []TrialOpened  `json:"incidents,omitempty"` // incidents that were opened between From and To
}

// TrialHit is what one rule found of an account.
type TrialHit struct {
	Rule     abuse.Rule `json:"rule"`
	Mode     abuse.Mode `json:"mode"`  // now, for this account
	First    time.Time  `json:"first"` // the end of the first window that showed it
	Last     time.Time  `json:"last"`
	Findings int        `json:"findings"`
	Held     int        `json:"held"`
}

// TrialSpan is a throttle.
type TrialSpan struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// TrialImposed is a remediation that was in force.
type TrialImposed struct {
	ID      gate.RemediationID `json:"id"`
	Measure gate.Measure       `json:"measure"`
	From    time.Time          `json:"from"`
	Until   time.Time          `json:"until,omitzero"` // when it ended or was lifted; zero: it has not
}

// TrialOpened is an incident on record.
type TrialOpened struct {
	ID     gate.IncidentID     `json:"id"`
	Origin gate.IncidentOrigin `json:"origin"`
	At     time.Time           `json:"at"`
}

// answer puts together what was found, beside what was enforced.
func (t *trial) answer() *Trial {
	t.enforced()
	sums := make(map[abuse.Rule]*TrialRule)
	t.out.Rules, t.out.Accounts = []TrialRule{}, []TrialAccount{}
	for _, id := range slices.Sorted(maps.Keys(t.found)) {
		s := t.found[id]
		for i := range s.out.Hits {
			h := &s.out.Hits[i]
			sum := sums[h.Rule]
			if sum == nil {
				sum = &TrialRule{Rule: h.Rule, Mode: t.book.all.Modes[h.Rule]}
				sums[h.Rule] = sum
			}
			sum.Accounts++
			sum.Findings += h.Findings
			sum.Held += h.Held
		}
		if s.out.Told > 0 {
			t.out.Told++
		}
		if s.out.Count > 0 {
			t.out.Throttled++
		}
		if len(t.out.Accounts) == MaxTrialAccounts {
			t.out.More++
			continue
		}
		if account, err := t.a.dir.Account(string(id)); err == nil {
			s.out.Slug = account.Slug
		}
		t.out.Accounts = append(t.out.Accounts, s.out)
	}
	for _, rule := range slices.Sorted(maps.Keys(sums)) {
		t.out.Rules = append(t.out.Rules, *sums[rule])
	}
	return t.out
}

// enforced notes what was in force and what was opened between From and To. An account of which nothing was found is named where certgate itself
// had acted or found something: with the thresholds that were tried it would not have.
func (t *trial) enforced() {
	of := func(id gate.AccountID, detected bool) *TrialAccount {
		s := t.found[id]
		if s == nil {
			if !detected || t.q.Account != "" && t.q.Account != id {
				return nil
			}
			s = &suspect{out: TrialAccount{Account: id, Hits: []TrialHit{}, Spans: []TrialSpan{}, Imposed: []TrialImposed{}}}
			t.found[id] = s
		}
		return &s.out
	}
	for _, r := range t.a.dir.Remediations("") {
		i := TrialImposed{ID: r.ID, Measure: r.Measure, From: r.From}
		if r.Until != nil {
			i.Until = *r.Until
		}
		if r.Lifted != nil && (i.Until.IsZero() || r.Lifted.At.Before(i.Until)) {
			i.Until = r.Lifted.At
		}
		if !i.From.Before(t.q.To) || !i.Until.IsZero() && (!i.Until.After(t.q.From) || !i.Until.After(i.From)) {
			continue
		}
		if out := of(r.Account, r.By == gate.System); out != nil {
			out.Imposed = append(out.Imposed, i)
		}
	}
	for _, i := range t.a.dir.Incidents("") {
		if at := i.Opened.At; at.Before(t.q.From) || !at.Before(t.q.To) {
			continue
		}
		if out := of(i.Account, i.Origin == gate.IncidentDetected && i.Opened.By == gate.System); out != nil {
			out.Opened = append(out.Opened, TrialOpened{i.ID, i.Origin, i.Opened.At})
		}
	}
}

// trialProfile is what an account has agreed to now. Zones are one for each name, since the detector compares them by their addresses.
func (a *Authority) trialProfile(id gate.AccountID, zones map[string]*time.Location) abuse.Profile {
	now := a.now()
	zone := a.UsageZone(id)
	if one := zones[zone.String()]; one != nil {
		zone = one
	} else {
		zones[zone.String()] = zone
	}
	p := abuse.Profile{Zone: zone}
	caller := gate.Caller{Contracts: a.dir.Contracts(id)}
	contract := caller.Contract(now)
	if contract == nil {
		return p
	}
	// Who is granted neither treatment nor what patients ask for themselves works on whole populations: patients new to it mean nothing.
	g := contract.Grant.Purposes
	p.Population = len(g) > 0 && !slices.Contains(g, gate.Treatment) && !slices.Contains(g, gate.PatientRequest)
	for _, c := range a.dir.Certifications(id) {
		if c.State(contract, now) == gate.InForce {
			p.DailyVolume += c.Profile.DailyVolume
		}
	}
	return p
}
