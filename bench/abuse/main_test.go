package main

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/abuse"
)

func TestTheReportsSeedsAreNotThoseThatThresholdsWereTunedOn(t *testing.T) {
	list, err := seedList("", 60)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{}
	for _, s := range list {
		if s&math.MaxUint32 <= 50 && s>>32 < 100 || seen[s] {
			t.Errorf("seed %d", s)
		}
		seen[s] = true
	}
	if tuned, err := seedList("1..50", 3); err != nil || tuned[0] != 1 || tuned[2] != 3 {
		t.Errorf("%v, %v", tuned, err)
	}
	for _, bad := range []string{"x", "5..1", "1..", "-1"} {
		if _, err := seedList(bad, 1); err == nil {
			t.Errorf("seed %q was taken", bad)
		}
	}
}

func TestTheSameSeedGivesTheSameWorld(t *testing.T) {
	set := abuse.Defaults()
	run := func() ([]abuse.Counts, int) {
		trial := newFleet(20, 7, true, &set)
		trial.run(3 * day)
		incidents := 0
		for _, list := range trial.incidents {
			incidents += len(list)
		}
		return trial.hours, incidents
	}
	a, n := run()
	b, _ := run()
	if diff := cmp.Diff(a, b); diff != "" || n < 10 {
		t.Errorf("%d incidents (-first +second):\n%s", n, diff)
	}
}

// A slice of the report that is small enough for each change: what it must not lose.
func TestASmallFleetIsJudgedAsTheReportSays(t *testing.T) {
	set := abuse.Defaults()
	attacked := newFleet(6, 4, true, &set).run((learnDays + scoreDays) * day)
	if attacked.alarms > 1 || attacked.throttles > 0 || attacked.suspended > 0 {
		t.Errorf("outside of attacks: %d false findings, %d throttles, %d suspensions", attacked.alarms, attacked.throttles, attacked.suspended)
	}
	sure, missed := 0, 0
	for _, in := range attacked.incidents {
		switch {
		case in.small:
		case in.attack.name == "flood" && in.attack.strength != "x3", in.attack.name == "scraping" && in.attack.strength != "50 patients/h",
			in.attack.name == "export restarts", in.attack.name == "limit camping":
			sure++
			missed += flagOf(in.found < 0)
		}
	}
	if sure < 3 || missed > 0 {
		t.Errorf("of %d attacks that nobody should miss %d were missed", sure, missed)
	}
}

// Poisson counts would make any detector look good: hours of a customer vary as much as it was drawn, and are like the hour before.
func TestCustomersAreUnevenAndTheirHoursGoTogether(t *testing.T) {
	for _, cv := range []float64{0.2, 0.35, 0.6} {
		c := newCustomer(churning, "acc_1", newSource(3, 3))
		c.cv, c.phi, c.carry, c.daily = cv, 0.6, 0.5, 0.1
		var sum, squares, products, last float64
		const n = 200_000
		for h := range int64(n) {
			c.moods(h)
			x := c.level
			sum, squares, products = sum+x, squares+x*x, products+x*last
			last = x
		}
		mean := sum / n
		variance := squares/n - mean*mean
		lag := (products/n - mean*mean) / variance
		if math.Abs(mean-1) > 0.02 || math.Abs(math.Sqrt(variance)/cv-1) > 0.05 || lag < 0.3 || lag > 0.5 {
			t.Errorf("cv %.2f: mean %.3f, cv %.3f, correlation with the hour before %.2f", cv, mean, math.Sqrt(variance)/mean, lag)
		}
	}
}

func TestEachKindOfCustomerHasItsShare(t *testing.T) {
	var got [archetypes]int
	for i := range fleetSize {
		got[kindOf(i)]++
	}
	if diff := cmp.Diff(shares, got); diff != "" {
		t.Error(diff)
	}
}

func TestDeterministicSignalsAreAllFoundAndNobodyElse(t *testing.T) {
	for _, r := range deterministic() {
		if r.Recall != 1 || r.Precision != 1 {
			t.Errorf("%+v", r)
		}
	}
}

func TestBoundsAreWhatTablesSay(t *testing.T) {
	// Exact Poisson upper 95 % limits of a count (one-sided).
	for n, want := range map[int64]float64{0: 3, 1: 4.744, 5: 10.513, 30: 40.69} {
		if got := highBound(n); math.Abs(got-want) > 0.02*want {
			t.Errorf("bound of %d: %.3f, want %.3f", n, got, want)
		}
	}
	if got := lowBound(100, 100); math.Abs(got-0.963) > 0.001 {
		t.Errorf("100 of 100: %.4f", got)
	}
}
