package ratelimit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/ratelimit"
)

func TestALoweredPlanBitesAtOnceOnWhatIsUsedAlready(t *testing.T) {
	for _, row := range []struct {
		before, after string
		used, passed  int
	}{
		{"day 100", "day 50", 40, 10},
		{"day 100", "day 30", 40, 0},
		{"day 100", "day 200", 40, 160},
		{"month 100", "month 45", 40, 5},
		{"rate 1 burst 100", "rate 1 burst 50", 40, 10},
		{"rate 1 burst 100", "rate 1 burst 30", 40, 0},
		{"rate 1 burst 100", "rate 1 burst 200", 40, 160},
		{"concurrency 100", "concurrency 45", 40, 5},
		{"concurrency 100", "concurrency 10", 40, 0},
	} {
		var b ratelimit.Book
		for range row.used {
			b.Take(caller(plan(t, row.before)), &ratelimit.Call{Now: morning, Cost: 1})
		}
		if passed, _ := takes(&b, caller(plan(t, row.after)), morning); passed != row.passed {
			t.Errorf("%s, then %s after %d: %d passed, want %d", row.before, row.after, row.used, passed, row.passed)
		}
	}
}

// A call that began under the old plan and one under the new take turns; what they use is counted in one place.
func TestTwoPlansAtOnceShareWhatWasUsed(t *testing.T) {
	var b ratelimit.Book
	old, now := caller(plan(t, "day 10", "concurrency 10")), caller(plan(t, "day 10", "concurrency 10"))
	var taken []ratelimit.Taken
	for i := range 20 {
		who := []*ratelimit.Caller{old, now}[i%2]
		if got, refusal := b.Take(who, &ratelimit.Call{Now: morning, Cost: 1}); !refusal.Refused() {
			taken = append(taken, got)
		}
	}
	if len(taken) != 10 {
		t.Fatalf("%d passed, want 10", len(taken))
	}
	for i := range taken {
		taken[i].Release()
	}
	left, _ := b.Take(now, &ratelimit.Call{Now: morning.AddDate(0, 0, 1), Cost: 1})
	if got, want := string(left.AppendLeft(nil, morning.AddDate(0, 0, 1))), `"day";r=9;t=54000, "concurrency";r=9`; got != want {
		t.Errorf("left: %s, want %s", got, want)
	}
}

// Days and months are those of the calendar, so the longest and the shortest day of the year let through the same.
func TestADayIsADayHoweverLong(t *testing.T) {
	for _, row := range []struct {
		name, zone string
		midnight   time.Time
		hours      int
	}{
		{"clocks go forward", "America/New_York", time.Date(2027, time.March, 14, 5, 0, 0, 0, time.UTC), 23},
		{"clocks go back", "America/New_York", time.Date(2027, time.November, 7, 4, 0, 0, 0, time.UTC), 25},
		{"an ordinary day", "America/New_York", time.Date(2027, time.June, 1, 4, 0, 0, 0, time.UTC), 24},
		{"29 February", "Pacific/Auckland", time.Date(2028, time.February, 28, 11, 0, 0, 0, time.UTC), 24},
		{"midnight that does not exist", "America/Santiago", time.Date(2027, time.September, 5, 4, 0, 0, 0, time.UTC), 23},
	} {
		t.Run(row.name, func(t *testing.T) {
			var b ratelimit.Book
			p := plan(t, "day 10")
			p.Zone = zone(t, row.zone)
			next := row.midnight.Add(time.Duration(row.hours) * time.Hour)
			var got []int
			for _, at := range []time.Time{row.midnight.Add(-time.Nanosecond), row.midnight, next.Add(-time.Nanosecond), next, next.Add(time.Minute)} {
				passed, _ := takes(&b, caller(p), at)
				got = append(got, passed)
			}
			if diff := cmp.Diff([]int{10, 10, 0, 10, 0}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheHourThatComesTwiceIsTwoHours(t *testing.T) {
	var b ratelimit.Book
	who := caller(plan(t, "patients-hour 1"))
	first := time.Date(2027, time.November, 7, 5, 30, 0, 0, time.UTC) // 01:30, for the first time
	for i, row := range []struct {
		at   time.Time
		id   uint64
		want bool
	}{{first, 1, true}, {first.Add(29 * time.Minute), 2, false}, {first.Add(30 * time.Minute), 2, true}, {first.Add(time.Hour), 3, false}, {first.Add(90 * time.Minute), 3, true}} {
		if _, refusal := b.Take(who, &ratelimit.Call{Now: row.at, Patients: []uint64{row.id}}); refusal.Refused() == row.want {
			t.Errorf("row %d: %+v", i, refusal)
		}
	}
}

// Whoever can move the clock gains nothing by setting it back, and a clock that was wrong does not lock anybody out for longer than a day.
func TestAClockThatJumpsGivesNothingTwice(t *testing.T) {
	var b ratelimit.Book
	who := caller(plan(t, "day 10"))
	var got []int
	for _, at := range []time.Time{
		morning, morning.Add(-25 * time.Hour), morning.Add(-time.Minute), // set back: nothing
		morning.AddDate(3, 0, 0), morning, // far ahead and back again: one day's worth in all
		morning.AddDate(0, 0, 1), // the next day
	} {
		passed, _ := takes(&b, who, at)
		got = append(got, passed)
	}
	if diff := cmp.Diff([]int{10, 0, 0, 10, 0, 10}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatWasSavedCountsInTheNextProcess(t *testing.T) {
	limits := []string{"rate 1 burst 100", "day 100 per device", "month 1000", "concurrency 5", "patients-day 3"}
	spend := func(b *ratelimit.Book, now time.Time) string {
		taken, refusal := b.Take(caller(plan(t, limits...)), &ratelimit.Call{Now: now, Cost: 10, Patients: []uint64{1, 2}})
		if refusal.Refused() {
			t.Fatalf("%+v", refusal)
		}
		return string(taken.AppendLeft(nil, now))
	}
	var before ratelimit.Book
	spend(&before, morning)
	spend(&before, morning)
	var saved []*ratelimit.Saved
	before.Save(morning, func(s *ratelimit.Saved) { saved = append(saved, s) })

	for _, row := range []struct {
		after time.Duration
		left  string
	}{
		{5 * time.Second, `"rate";r=75;t=1, "day/device";r=70;t=53995, "month";r=970;t=2642395, "concurrency";r=4, "patients-day";r=1;t=53995`},
		{24 * time.Hour, `"rate";r=90;t=1, "day/device";r=90;t=54000, "month";r=970;t=2556000, "concurrency";r=4, "patients-day";r=1;t=54000`},
	} {
		var b ratelimit.Book
		now := morning.Add(row.after)
		for _, s := range saved {
			kept := *s
			b.Restore(now, &kept)
		}
		if got := spend(&b, now); got != row.left {
			t.Errorf("after %s:\n%s\nwant:\n%s", row.after, got, row.left)
		}
	}
}

// What nobody has asked for yet is saved again: two restarts lose nothing either.
func TestWhatWasRestoredIsSavedAgain(t *testing.T) {
	var first ratelimit.Book
	takes(&first, caller(plan(t, "day 10")), morning)
	second := restart(&first, morning)
	third := restart(second, morning)
	if passed, _ := takes(third, caller(plan(t, "day 10")), morning); passed != 0 {
		t.Errorf("%d passed after two restarts", passed)
	}
	third.Sweep(morning)
	if passed, _ := takes(third, caller(plan(t, "day 10")), morning); passed != 0 {
		t.Errorf("%d passed after a sweep", passed)
	}
}

func restart(b *ratelimit.Book, now time.Time) *ratelimit.Book {
	next := new(ratelimit.Book)
	b.Save(now, func(s *ratelimit.Saved) { next.Restore(now, s) })
	return next
}

func TestAKindThatNobodyKnowsLetsNothingThrough(t *testing.T) {
	var b ratelimit.Book
	p := &gate.UsagePlan{Limits: gate.Limits{{Kind: "century", Amount: 10}}, Zone: time.UTC}
	if _, refusal := b.Take(caller(p), &ratelimit.Call{Now: morning, Cost: 1}); !refusal.Refused() || !slices.Equal(refusal.Limits, []string{"century"}) {
		t.Errorf("%+v", refusal)
	}
}

// A throttle holds beside the plan, also where there is none, and is gone with what imposed it.
func TestAThrottleHoldsBesideThePlan(t *testing.T) {
	limit := gate.Limit{Kind: gate.ConcurrencyLimit, Amount: 2}
	for _, p := range []*gate.UsagePlan{nil, plan(t, "day 10")} {
		var b ratelimit.Book
		who := caller(p)
		who.Throttles = []ratelimit.Throttle{{ID: "rem_1", Limit: &limit}}
		first, _ := b.Take(who, &ratelimit.Call{Now: morning, Cost: 1})
		passed, refusal := takes(&b, who, morning)
		if passed != 1 || refusal.Reason != gate.AbnormalUsage || !slices.Equal(refusal.Limits, []string{"throttle"}) {
			t.Errorf("%d passed, then %+v", passed, refusal)
		}
		first.Release()
		if passed, _ := takes(&b, who, morning); passed != 1 {
			t.Errorf("%d passed after a call had ended", passed)
		}
		who.Throttles = nil
		if _, refusal := b.Take(who, &ratelimit.Call{Now: morning, Cost: 1}); refusal.Refused() {
			t.Errorf("after the throttle: %+v", refusal)
		}
	}
}

func TestAskingWhatIsLeftUsesNothing(t *testing.T) {
	var b ratelimit.Book
	who := caller(plan(t, "rate 10", "day 5 per device", "day 3 for fhir-export", "concurrency 2"))
	for range 2 {
		b.Take(who, &ratelimit.Call{Now: morning, Cost: 1})
	}
	for range 2 {
		var got []int64
		for _, s := range restart(&b, morning).Standings(who, morning) {
			got = append(got, s.Left)
		}
		if diff := cmp.Diff([]int64{8, 3, 3, 2}, got); diff != "" { // calls that ran have ended with the process
			t.Error(diff)
		}
		if got := b.Standings(who, morning); got[3].Left != 0 || got[1].More != 15*time.Hour {
			t.Errorf("%+v", got)
		}
	}
	if got := new(ratelimit.Book).Standings(who, morning); len(got) != 4 || got[0].Left != 10 || got[0].More != 0 {
		t.Errorf("of a caller who never called: %+v", got)
	}
}
