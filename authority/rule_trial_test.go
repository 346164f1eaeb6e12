package authority_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// record keeps weeks of windows of an account that calls a hundred times in an office hour, and from the last day on at noon ten times that for some
// hours; other is quiet all the time. It returns the end.
func (o *office) record(acme, other gate.AccountID, weeks int, busy time.Duration) time.Time {
	o.t.Helper()
	start := o.clock.now().UTC().Truncate(24 * time.Hour)
	end := start.AddDate(0, 0, 7*weeks)
	surge := end.Add(-12 * time.Hour)
	for at := start; at.Before(end); at = at.Add(time.Hour) {
		n := int64(20)
		if at.Hour() >= 8 && at.Hour() < 18 {
			n = 100 + int64(at.Hour()%3)
		}
		m := n
		if !at.Before(surge) && at.Before(surge.Add(busy)) {
			n *= 10
		}
		rows := func(part int64) []abuse.Row {
			return []abuse.Row{{Account: acme, Device: "dev_1", Counts: abuse.Counts{Requests: n / part}}, {Account: other, Device: "dev_2", Counts: abuse.Counts{Requests: m / part}}}
		}
		if end.Sub(at) <= 7*24*time.Hour {
			for q := range 4 {
				must(o.t, authority.RecordWindow(o.Authority, at.Add(time.Duration(q)*15*time.Minute), true, rows(4)))
			}
		}
		must(o.t, authority.RecordWindow(o.Authority, at, false, rows(1)))
	}
	o.clock.advance(end.Add(time.Hour).Sub(o.clock.now()))
	return end
}

func (o *office) tried(q authority.TrialQuestion) *authority.Trial {
	o.t.Helper()
	got, err := o.TestRules(o.t.Context(), &q)
	must(o.t, err)
	return got
}

func TestATrialSaysWhoWouldHaveBeenHitAndWhatWouldHaveFollowed(t *testing.T) {
	o := newOffice(t)
	acme, other := o.account("acme").ID, o.account("zeta").ID
	end := o.record(acme, other, 6, 6*time.Hour)
	q := authority.TrialQuestion{From: end.AddDate(0, 0, -7), To: end}
	first := o.tried(q)
	if first.Windows != 5*7*24 || first.Skipped != 0 || !first.Since.Equal(end.AddDate(0, 0, -42)) || !first.QuartersSince.Equal(q.From) {
		t.Errorf("windows: %+v", first)
	}
	if len(first.Accounts) != 1 || first.Accounts[0].Account != acme || first.Accounts[0].Slug != "acme" || len(first.Accounts[0].Hits) == 0 || first.Accounts[0].Hits[0].Rule != abuse.Spike {
		t.Fatalf("accounts: %+v", first.Accounts)
	}
	hit := first.Accounts[0]
	if hit.Told != 1 || first.Told != 1 || hit.ToldAt.Before(end.Add(-12*time.Hour)) || hit.ToldAt.After(end.Add(-10*time.Hour)) || hit.Hits[0].Mode != abuse.Observe {
		t.Errorf("acme: %+v", hit)
	}
	text, err := json.Marshal(first)
	must(t, err)
	for range 2 {
		if again, err := json.Marshal(o.tried(q)); err != nil || string(again) != string(text) {
			t.Errorf("again: %s\nfirst: %s", again, text)
		}
	}
	for name, row := range map[string]struct {
		edit func(*authority.TrialQuestion)
		hit  bool
	}{
		"of another account": {func(q *authority.TrialQuestion) { q.Account = other }, false},
		"of the account":     {func(q *authority.TrialQuestion) { q.Account = acme }, true},
		"before":             {func(q *authority.TrialQuestion) { q.To = end.AddDate(0, 0, -1) }, false},
		"with other thresholds": {func(q *authority.TrialQuestion) {
			q.Thresholds = []byte(`{"volume_spike": {"ratio": 20}, "slow_drift": {"factor": 10, "ratio": 10}}`)
		}, false},
		"of another rule":            {func(q *authority.TrialQuestion) { q.Rules = []abuse.Rule{abuse.Probing} }, false},
		"of the rule":                {func(q *authority.TrialQuestion) { q.Rules = []abuse.Rule{abuse.Spike} }, true},
		"of the rule, though no one": {func(q *authority.TrialQuestion) { q.Rules, q.Account = []abuse.Rule{abuse.Spike}, other }, false},
	} {
		one := q
		row.edit(&one)
		if got := o.tried(one); (len(got.Accounts) > 0) != row.hit || (len(got.Rules) > 0) != row.hit {
			t.Errorf("%s: %+v", name, got)
		}
	}
	o.rule(o.ben, acme, "off", "")
	for _, h := range o.tried(q).Accounts {
		if h.Hits[0].Rule == abuse.Spike {
			t.Errorf("a rule that is off for the account: %+v", h)
		}
	}
}

func TestATrialShowsWhatWasEnforced(t *testing.T) {
	o := newOffice(t)
	acme, other := o.account("acme").ID, o.account("zeta").ID
	end := o.record(acme, other, 5, 12*time.Hour)
	o.clock.advance(end.Add(-11 * time.Hour).Sub(o.clock.now()))
	r, err := o.Impose(o.ben, authority.Imposition{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(acme)}, Measure: gate.Suspend, Why: "test"})
	must(t, err)
	o.clock.advance(12 * time.Hour)
	got := o.tried(authority.TrialQuestion{From: end.AddDate(0, 0, -2), To: end})
	if len(got.Accounts) != 1 || len(got.Accounts[0].Imposed) != 1 || got.Accounts[0].Imposed[0].ID != r.ID || !got.Accounts[0].Imposed[0].Until.IsZero() {
		t.Errorf("%+v", got.Accounts)
	}
}

func TestWhatCannotBeTried(t *testing.T) {
	o := newOffice(t)
	acme, other := o.account("acme").ID, o.account("zeta").ID
	now := o.clock.now().UTC().Truncate(time.Hour)
	ask := func(q authority.TrialQuestion) error {
		_, err := o.TestRules(t.Context(), &q)
		return err
	}
	if err := ask(authority.TrialQuestion{From: now.Add(-time.Hour), To: now}); err == nil || !strings.Contains(err.Error(), "from: nothing is recorded yet") {
		t.Errorf("of nothing: %v", err)
	}
	start := o.clock.now().UTC().Truncate(24 * time.Hour)
	end := o.record(acme, other, 1, 0)
	for _, row := range []struct {
		q    authority.TrialQuestion
		want string
	}{
		{authority.TrialQuestion{From: end, To: start}, "is not after from"},
		{authority.TrialQuestion{From: end, To: end}, "is not after from"},
		{authority.TrialQuestion{From: start, To: end.AddDate(1, 0, 0)}, "is still to come; now is"},
		{authority.TrialQuestion{From: start.Add(time.Minute), To: end}, "must be days, or whole hours"},
		{authority.TrialQuestion{From: start.AddDate(-2, 0, 0), To: end}, "hours are kept for 400 days"},
		{authority.TrialQuestion{From: start.AddDate(0, 0, -3), To: start.AddDate(0, 0, -1)}, "the first window begins at " + start.Format(time.RFC3339)},
		{authority.TrialQuestion{From: start, To: end, Rules: []abuse.Rule{abuse.ForeignKey}}, "rules: foreign-key counts what is refused as it happens"},
		{authority.TrialQuestion{From: start, To: end, Thresholds: []byte(`{"volume_spike": {"near": 4}}`)}, "thresholds.volume_spike.near: is higher than ratio"},
		{authority.TrialQuestion{From: start, To: end, Thresholds: []byte(`{"volume_spike": {"rato": 4}}`)}, "thresholds.volume_spike.rato: is not known"},
	} {
		if err := ask(row.q); err == nil || gate.KindOf(err) != gate.Invalid || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v: %v, want %q", row.q, err, row.want)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := o.TestRules(gone, &authority.TrialQuestion{From: start, To: end}); !errors.Is(err, context.Canceled) {
		t.Errorf("when whoever asked has gone: %v", err)
	}
	if err := ask(authority.TrialQuestion{From: start, To: end}); err != nil {
		t.Errorf("after one that was canceled: %v", err)
	}
}
