package abuse

import (
	"testing"
	"time"
)

// Each rule is met at its edge and just below it, by an account that otherwise does what it always does.
func TestEachRuleFiresAtItsThresholdAndNotBelow(t *testing.T) {
	hours := func(n int, c Counts) func(h *history) []Finding {
		return func(h *history) (found []Finding) {
			for range n {
				found = append(found, h.hour(more(office(h.at.Hour()), c))...)
			}
			return found
		}
	}
	quick := func(n int, c Counts) func(h *history) []Finding {
		return func(h *history) (found []Finding) {
			for range n {
				found = append(found, h.quarters(more(office(h.at.Hour()), c))...)
			}
			return found
		}
	}
	rows := []struct {
		name string
		rule Rule
		at   int
		do   func(h *history) []Finding
		want bool
	}{
		{"five times the calls, two hours", Spike, 10, hours(2, Counts{Requests: 400}), true},
		{"five times the calls, one hour", Spike, 10, hours(1, Counts{Requests: 400}), false},
		{"twice the calls, two hours", Spike, 10, hours(2, Counts{Requests: 100}), false},
		{"ten times the calls in the quarters of an hour", Spike, 10, quick(1, Counts{Requests: 900}), true},
		{"retries while the upstream is down", Spike, 10, hours(3, Counts{Requests: 900, Failed: 900}), false},
		{"a busy night below the floor", Spike, 2, hours(3, Counts{Requests: 90}), false},
		{"a busy night above the floor", Spike, 2, hours(3, Counts{Requests: 130}), true},
		{"two hundred patients more an hour", Scraping, 10, hours(2, Counts{Requests: 200, Patients: 200}), true},
		{"fifty patients more an hour", Scraping, 10, hours(6, Counts{Requests: 50, Patients: 50}), false},
		{"fifty new patients more an hour", FirstSeen, 10, hours(2, Counts{Requests: 50, Patients: 50, Newcomers: 50}), true},
		{"ten new patients more an hour", FirstSeen, 10, hours(8, Counts{Requests: 10, Patients: 10, Newcomers: 10}), false},
		{"twenty-five patients at night, all new", FirstSeen, 1, hours(2, Counts{Requests: 25, Patients: 25, Newcomers: 25}), true},
		{"fifteen patients at night, all new", FirstSeen, 1, hours(2, Counts{Requests: 15, Patients: 15, Newcomers: 15}), false},
		{"thirty new patients an hour for half a day", FirstSeen, 20, hours(12, Counts{Requests: 30, Patients: 30, Newcomers: 30}), true},
		{"identifiers in order, many of them not there", Enumeration, 10, quick(1, Counts{Requests: 400, NotFound: 160, Targets: 160, Numbers: 150, Near: 150, Run: 45, Distinct: 45}), true},
		{"identifiers in order, all of them there", Enumeration, 10, quick(2, Counts{Requests: 80, Numbers: 150, Near: 150, Run: 45, Distinct: 45}), false},
		{"half of many calls not there", Probing, 10, quick(1, Counts{Requests: 400, NotFound: 300, Targets: 300}), true},
		{"the same thing missing again and again", Probing, 10, quick(2, Counts{Requests: 400, NotFound: 300, Targets: 1}), false},
		{"a release that is broken", Probing, 10, quick(2, Counts{NotFound: 60, Targets: 60}), false},
		{"six kinds in a day", ScopeProbe, 10, hours(1, Counts{Requests: 6, Forbidden: 6, Scopes: 0b111111}), true},
		{"five kinds in a day", ScopeProbe, 10, hours(1, Counts{Requests: 5, Forbidden: 5, Scopes: 0b11111}), false},
		{"five networks and four clients at once", Sharing, 10, hours(2, Counts{Networks: 5, Together: 3, Prints: 4}), true},
		{"five networks with the same client", Sharing, 10, hours(2, Counts{Networks: 5, Together: 3, Prints: 1}), false},
		{"four clients from one network", Sharing, 10, hours(2, Counts{Networks: 1, Together: 1, Prints: 4}), false},
		{"seven hundred calls at night", AfterHours, 1, hours(3, Counts{Requests: 700}), true},
		{"seven hundred calls by day", AfterHours, 10, hours(3, Counts{Requests: 700}), false},
		{"five exports in a day", ExportAbuse, 9, hours(5, Counts{Exports: 1}), true},
		{"four exports in a day", ExportAbuse, 9, hours(4, Counts{Exports: 1}), false},
		{"four exports begun again", ExportAbuse, 9, hours(2, Counts{Exports: 2, Restarts: 2}), true},
		{"six hours against the limit", Camping, 9, hours(6, Counts{Limited: 60}), true},
		{"five hours against the limit", Camping, 9, hours(5, Counts{Limited: 60}), false},
	}
	for _, r := range rows {
		t.Run(r.rule.String()+"/"+r.name, func(t *testing.T) {
			h := taught(t, office).until(r.at)
			if got := has(r.do(h), r.rule); got != r.want {
				t.Errorf("fired: %v, want %v", got, r.want)
			}
		})
	}
}

func TestALastingDoublingIsFoundWithinADayAndOneBusyHourIsNot(t *testing.T) {
	h := taught(t, office).until(8)
	if found := h.hour(Counts{Requests: 250, Patients: 30}); has(found, SlowDrift) {
		t.Error("one hour of two and a half times the calls was a drift")
	}
	h = taught(t, office).until(8)
	for range 24 {
		c := office(h.at.Hour())
		c.Requests *= 2
		if has(h.hour(c), SlowDrift) {
			return
		}
	}
	t.Error("a day of twice the calls was no drift")
}

func TestEvidenceHoldsEachNumberBesideTheThresholdThatItPassed(t *testing.T) {
	h := taught(t, office).until(10)
	h.hour(more(office(10), Counts{Requests: 400}))
	found := h.hour(more(office(11), Counts{Requests: 400}))
	if len(found) != 1 {
		t.Fatalf("findings: %v", found)
	}
	f := found[0]
	if f.Account != acme || f.Device != "dev_1" || f.Step != Limit || f.Weight != 60 || !f.Acts() {
		t.Errorf("finding: %+v", f)
	}
	if f.To != h.at || f.From != h.at.Add(-3*time.Hour) {
		t.Errorf("window %s to %s", f.From, f.To)
	}
	for _, g := range f.Evidence {
		if g.Seen < g.Limit {
			t.Errorf("%s: %v is not beyond %v", g.Name, g.Seen, g.Limit)
		}
	}
}

func TestTheDeviceIsNamedOnlyWhereItMakesUpFourFifths(t *testing.T) {
	for share, want := range map[int64]string{400: "dev_2", 250: ""} {
		h := taught(t, office).until(10)
		var found []Finding
		for range 2 {
			rows := row(office(10))
			rows = append(rows, Row{Account: acme, Device: "dev_2", Counts: Counts{Requests: share}}, Row{Account: acme, Device: "dev_3", Counts: Counts{Requests: 420 - share}})
			rows[0].Requests = 50
			list, err := h.d.Hour(h.at, rows)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, list...)
			h.at = h.at.Add(time.Hour)
		}
		if !has(found, Spike) || string(found[0].Device) != want {
			t.Errorf("with %d of 470 calls: %+v, want device %q", share, found, want)
		}
	}
}

func TestTheSameRuleSpeaksAgainOnlyAfterItsCooldown(t *testing.T) {
	h := taught(t, office).until(8)
	var said []int
	for i := range 10 {
		if has(h.hour(more(office(h.at.Hour()), Counts{Requests: 600})), Spike) {
			said = append(said, i)
		}
	}
	if len(said) != 2 || said[0] != 1 || said[1] != 7 {
		t.Errorf("said in hours %v, want 1 and 7", said)
	}
}

func TestWhatAnAccountCouldNotDoWhileItWasDownItMayDoAfter(t *testing.T) {
	h := taught(t, office).until(9)
	for range 4 {
		h.hour(Counts{})
	}
	for range 2 {
		if found := h.hour(more(office(h.at.Hour()), Counts{Requests: 250, Patients: 70})); len(found) > 0 {
			t.Errorf("catching up was found: %v", found)
		}
	}
}

func TestAFleetThatRisesTogetherIsNotAccused(t *testing.T) {
	d, err := New(Defaults(), Enforced())
	if err != nil {
		t.Fatal(err)
	}
	at := monday
	tell := func(f int64) (found []Finding) {
		rows := make([]Row, 30)
		for i := range rows {
			c := office(at.Hour())
			c.Requests = c.Requests * f * int64(9+(i+at.Hour())%3) / 10
			rows[i] = Row{Account: number(i), Device: "dev_1", Counts: c}
		}
		found, err := d.Hour(at, rows)
		if err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Hour)
		return found
	}
	for range 5*7*24 + 10 {
		tell(1)
	}
	for range 4 {
		if found := tell(6); has(found, Spike) || has(found, SlowDrift) {
			t.Fatalf("all accounts at six times the usual were accused: %v", rulesOf(found))
		}
	}
	if !d.Shifted() {
		t.Error("the shift of the whole fleet was not noticed")
	}
}
