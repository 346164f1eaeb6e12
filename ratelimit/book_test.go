package ratelimit_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/ratelimit"
)

// morning is at nine in New York, on a day of 24 hours.
var morning = time.Date(2027, time.March, 1, 14, 0, 0, 0, time.UTC)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// plan reads limits as people write them.
func plan(t testing.TB, limits ...string) *gate.UsagePlan {
	t.Helper()
	p := &gate.UsagePlan{Zone: zone(t, "America/New_York")}
	for _, text := range limits {
		l, err := gate.ParseLimit(text)
		if err != nil {
			t.Fatal(err)
		}
		p.Limits = append(p.Limits, l)
	}
	return p
}

func caller(p *gate.UsagePlan) *ratelimit.Caller {
	return &ratelimit.Caller{Account: "acc_1", Organization: "org_1", Device: "dev_1", Behavior: "fhir-query", Plan: p}
}

// takes makes calls of cost 1 until one is refused, and returns how many passed. None of them ends.
func takes(b *ratelimit.Book, who *ratelimit.Caller, now time.Time) (passed int, refusal ratelimit.Refusal) {
	for {
		if _, refusal = b.Take(who, &ratelimit.Call{Now: now, Cost: 1}); refusal.Refused() {
			return passed, refusal
		}
		passed++
	}
}

func TestEachKindOfLimitLetsItsAmountThrough(t *testing.T) {
	for _, row := range []struct {
		limit  string
		passed int
		reason gate.Reason
		wait   time.Duration
	}{
		{"rate 5", 5, gate.RateExceeded, 200 * time.Millisecond},
		{"rate 5 burst 20", 20, gate.RateExceeded, 200 * time.Millisecond},
		{"rate 6/60s", 6, gate.RateExceeded, 10 * time.Second},
		{"day 30", 30, gate.QuotaExceeded, 15 * time.Hour},
		{"month 40", 40, gate.QuotaExceeded, 31*24*time.Hour - 9*time.Hour - time.Hour}, // clocks go forward on the 14th
		{"concurrency 3", 3, gate.ConcurrencyExceeded, time.Second},
	} {
		passed, refusal := takes(new(ratelimit.Book), caller(plan(t, row.limit)), morning)
		if passed != row.passed || refusal.Reason != row.reason || refusal.Wait != row.wait {
			t.Errorf("%s: %d passed, then %s for %s; want %d, %s, %s", row.limit, passed, refusal.Reason, refusal.Wait, row.passed, row.reason, row.wait)
		}
	}
}

func TestWithoutAPlanNothingIsLimitedOrRemembered(t *testing.T) {
	var b ratelimit.Book
	for _, p := range []*gate.UsagePlan{nil, {}} {
		if _, refusal := b.Take(caller(p), &ratelimit.Call{Now: morning, Cost: 1}); refusal.Refused() {
			t.Errorf("refused: %+v", refusal)
		}
	}
	if b.Len() != 0 {
		t.Errorf("%d accounts are held", b.Len())
	}
}

// A plan of everything, asked by 64 callers at once: exactly as many pass as the smallest limit says.
func TestExactlyTheLimitPassesHoweverManyAskAtOnce(t *testing.T) {
	var b ratelimit.Book
	who := caller(plan(t, "rate 1000000 burst 1000000", "day 1000", "month 100000", "day 5000 per device"))
	var passed atomic.Int64
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			for range 50 {
				if _, refusal := b.Take(who, &ratelimit.Call{Now: morning, Cost: 1}); !refusal.Refused() {
					passed.Add(1)
				}
			}
		})
	}
	callers.Wait()
	if passed.Load() != 1000 {
		t.Errorf("%d passed, want 1000", passed.Load())
	}
}

func TestACallThatOneLimitRefusesSpendsNothingOfAnother(t *testing.T) {
	var b ratelimit.Book
	p := plan(t, "rate 100", "day 10 per device", "concurrency 1000", "patients-day 50")
	other := caller(p)
	other.Device = "dev_2"
	if passed, refusal := takes(&b, caller(p), morning); passed != 10 || refusal.Reason != gate.QuotaExceeded {
		t.Fatalf("%d passed, then %+v", passed, refusal)
	}
	for range 500 {
		b.Take(caller(p), &ratelimit.Call{Now: morning, Cost: 1, Patients: []uint64{1, 2, 3}})
	}
	taken, _ := b.Take(other, &ratelimit.Call{Now: morning, Cost: 1})
	want := `"rate";r=89;t=1, "day/device";r=9;t=54000, "concurrency";r=989, "patients-day";r=50;t=54000`
	if got := string(taken.AppendLeft(nil, morning)); got != want {
		t.Errorf("left:\n%s\nwant:\n%s", got, want)
	}
}

func TestSubjectsHaveTheWholeAmountEach(t *testing.T) {
	var b ratelimit.Book
	p := plan(t, "day 10", "day 6 per organization", "day 4 per device")
	who := func(organization gate.OrganizationID, device gate.DeviceID) *ratelimit.Caller {
		return &ratelimit.Caller{Account: "acc_1", Organization: organization, Device: device, Behavior: "fhir-query", Plan: p}
	}
	var got []int
	for _, w := range []*ratelimit.Caller{who("org_1", "dev_1"), who("org_1", "dev_2"), who("org_2", "dev_3"), who("org_2", "dev_4")} {
		passed, _ := takes(&b, w, morning)
		got = append(got, passed)
	}
	if diff := cmp.Diff([]int{4, 2, 4, 0}, got); diff != "" {
		t.Error(diff)
	}
}

func TestALimitForABehaviorCountsNoOther(t *testing.T) {
	var b ratelimit.Book
	p := plan(t, "day 2 for fhir-export", "day 5")
	export := caller(p)
	export.Behavior = "fhir-export"
	if passed, refusal := takes(&b, export, morning); passed != 2 || refusal.Limits[0] != "day/account/fhir-export" {
		t.Errorf("%d exports passed, then %v", passed, refusal.Limits)
	}
	if passed, refusal := takes(&b, caller(p), morning); passed != 3 || refusal.Limits[0] != "day" {
		t.Errorf("%d queries passed, then %v", passed, refusal.Limits)
	}
}

func TestTheStrictestOfTheLimitsIsNamedFirst(t *testing.T) {
	var b ratelimit.Book
	who := caller(plan(t, "rate 1 burst 5", "concurrency 5", "month 5", "day 5"))
	_, refusal := takes(&b, who, morning)
	if diff := cmp.Diff([]string{"month", "day", "rate", "concurrency"}, refusal.Limits); diff != "" {
		t.Error(diff)
	}
	if refusal.Reason != gate.QuotaExceeded {
		t.Errorf("reason %s", refusal.Reason)
	}
}

func TestACallCostsAtMostAllThereIs(t *testing.T) {
	for _, limit := range []string{"rate 10", "day 10"} {
		var b ratelimit.Book
		who := caller(plan(t, limit))
		if _, refusal := b.Take(who, &ratelimit.Call{Now: morning, Cost: 50}); refusal.Refused() {
			t.Errorf("%s: a call of cost 50 can never pass", limit)
		}
		if _, refusal := b.Take(who, &ratelimit.Call{Now: morning, Cost: 1}); !refusal.Refused() {
			t.Errorf("%s: something was left", limit)
		}
	}
}

func TestAPlaceIsGivenBackOnce(t *testing.T) {
	var b ratelimit.Book
	who := caller(plan(t, "concurrency 2"))
	first, _ := b.Take(who, &ratelimit.Call{Now: morning})
	b.Take(who, &ratelimit.Call{Now: morning})
	first.Release()
	first.Release()
	if passed, _ := takes(&b, who, morning); passed != 1 {
		t.Errorf("%d passed after one of two calls ended", passed)
	}
}

func TestTheSamePatientsCountOnce(t *testing.T) {
	var b ratelimit.Book
	who := caller(plan(t, "patients-hour 3"))
	ask := func(now time.Time, ids ...uint64) bool {
		_, refusal := b.Take(who, &ratelimit.Call{Now: now, Patients: ids})
		return !refusal.Refused()
	}
	for i, row := range []struct {
		after time.Duration
		ids   []uint64
		want  bool
	}{
		{0, []uint64{1, 2}, true}, {0, []uint64{2, 1}, true}, {0, []uint64{3, 4}, false}, {0, []uint64{3}, true}, {0, []uint64{4}, false},
		{0, nil, true}, {0, []uint64{1, 2, 3}, true}, {59 * time.Minute, []uint64{4}, false}, {time.Hour, []uint64{4, 5, 6}, true},
	} {
		if got := ask(morning.Add(row.after), row.ids...); got != row.want {
			t.Errorf("row %d: patients %v after %s: %t", i, row.ids, row.after, got)
		}
	}
}

func TestTheHeadersSayWhatIsLimitedAndWhatIsLeft(t *testing.T) {
	var b ratelimit.Book
	who := caller(plan(t, "rate 600/60s burst 100 per device", "day 200000", "month 5000000", "concurrency 8", "patients-hour 500"))
	taken, _ := b.Take(who, &ratelimit.Call{Now: morning, Cost: 5, Patients: []uint64{7}})
	policy := `"rate/device";q=600;w=60;certgate-unit="cost", "day";q=200000;w=86400;certgate-unit="cost", "month";q=5000000;certgate-unit="cost", ` +
		`"concurrency";q=8;qu="concurrent-requests", "patients-hour";q=500;w=3600;certgate-unit="patients"`
	if diff := cmp.Diff([]string{policy}, taken.Policy()); diff != "" {
		t.Error(diff)
	}
	left := `"rate/device";r=95;t=1, "day";r=199995;t=54000, "month";r=4999995;t=2642400, "concurrency";r=7, "patients-hour";r=499;t=3600`
	if got := string(taken.AppendLeft(nil, morning)); got != left {
		t.Errorf("left:\n%s\nwant:\n%s", got, left)
	}
}

// What Retry-After says is enough, to the second.
func TestWhoWaitsAsLongAsToldIsLetThrough(t *testing.T) {
	for _, limit := range []string{"rate 3", "rate 7/60s", "rate 1/86400s", "day 5", "month 5"} {
		var b ratelimit.Book
		who := caller(plan(t, limit))
		_, refusal := takes(&b, who, morning)
		later := morning.Add(time.Duration(ratelimit.Seconds(refusal.Wait)) * time.Second)
		if _, again := b.Take(who, &ratelimit.Call{Now: later, Cost: 1}); again.Refused() {
			t.Errorf("%s: still refused after %s", limit, refusal.Wait)
		}
	}
}

func TestLimitersThatHaveNothingToRememberAreForgotten(t *testing.T) {
	var b ratelimit.Book
	p := plan(t, "rate 10", "concurrency 5")
	for i := range 1000 {
		who := caller(p)
		who.Account = gate.AccountID(fmt.Sprintf("acc_%d", i))
		taken, _ := b.Take(who, &ratelimit.Call{Now: morning, Cost: 1})
		if i > 0 {
			taken.Release()
		}
	}
	b.Sweep(morning.Add(time.Second))
	if b.Len() != 1 {
		t.Errorf("%d accounts are held; only one has a call that runs", b.Len())
	}
}
