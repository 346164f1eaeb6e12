package ratelimit_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/ratelimit"
)

// What is used in one environment takes nothing from another: a test in the sandbox must not eat into a contract.
func TestEnvironmentsDoNotUseEachOthersLimits(t *testing.T) {
	var b ratelimit.Book
	who := func(e gate.Environment, device gate.DeviceID, limits ...string) *ratelimit.Caller {
		c := caller(plan(t, limits...))
		c.Device, c.Plan.Environment = device, e
		return c
	}
	production := who(gate.Production, "dev_1", "day 10", "month 50 per organization")
	sandbox, preprod := who(gate.Sandbox, "dev_2", "day 3", "month 50 per organization"), who(gate.Preprod, "dev_3", "day 5")
	b.Take(production, &ratelimit.Call{Now: morning, Cost: 1})
	for _, row := range []struct {
		who  *ratelimit.Caller
		want int
	}{{sandbox, 3}, {preprod, 5}, {production, 9}} {
		if passed, _ := takes(&b, row.who, morning); passed != row.want {
			t.Errorf("%s: %d passed, want %d", row.who.Plan.Environment, passed, row.want)
		}
	}
	if passed, _ := takes(restart(&b, morning), sandbox, morning); passed != 0 {
		t.Errorf("after a restart %d more passed in the sandbox", passed)
	}
}

// edges are instants around which a day or month of 23, 24 or 25 hours ends, in zones that have them.
var edges = map[string]time.Time{
	"America/New_York":    time.Date(2027, time.March, 14, 7, 0, 0, 0, time.UTC),    // 02:00 is 03:00
	"Europe/Berlin":       time.Date(2027, time.October, 31, 1, 0, 0, 0, time.UTC),  // 03:00 is 02:00, on the last day of a month
	"America/Santiago":    time.Date(2027, time.September, 5, 4, 0, 0, 0, time.UTC), // midnight does not exist
	"Australia/Lord_Howe": time.Date(2027, time.April, 3, 15, 0, 0, 0, time.UTC),    // half an hour
	"Asia/Kathmandu":      time.Date(2027, time.February, 28, 18, 15, 0, 0, time.UTC),
	"UTC":                 time.Date(2028, time.February, 29, 0, 0, 0, 0, time.UTC),
}

// However calls fall around an edge, and though the clock is set back by less than two days, no day and no month gives more than its amount.
func TestNoEdgeGivesMoreThanOnePeriodsWorth(t *testing.T) {
	zones := make([]string, 0, len(edges))
	for name := range edges {
		zones = append(zones, name)
	}
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(zones).Draw(rt, "zone")
		p := plan(t, "day 5", "month 40")
		p.Zone = zone(t, name)
		b, now, latest := new(ratelimit.Book), edges[name].Add(-30*time.Hour), time.Time{}
		days, months, total := map[string]bool{}, map[string]bool{}, 0
		for range rapid.IntRange(1, 60).Draw(rt, "calls") {
			now = now.Add(time.Duration(rapid.IntRange(-20*3600, 26*3600).Draw(rt, "seconds")) * time.Second)
			if now.Before(latest.Add(-24 * time.Hour)) {
				now = latest.Add(-24 * time.Hour)
			}
			if now.After(latest) {
				latest = now
			}
			local := now.In(p.Zone)
			days[local.Format(time.DateOnly)], months[local.Format("2006-01")] = true, true
			switch rapid.IntRange(0, 9).Draw(rt, "beside") {
			case 0:
				b.Sweep(now)
			case 1:
				b = restart(b, now)
			}
			passed, _ := takes(b, caller(p), now)
			total += passed
		}
		if total > 5*len(days) || total > 40*len(months) {
			rt.Errorf("%s: %d passed on %d days of %d months", name, total, len(days), len(months))
		}
	})
}

// A clock that was far ahead and is right again locks nobody out for longer than the day that it has become.
func TestAClockThatWasAheadLocksNobodyOut(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, 23 * time.Hour, 72 * time.Hour, 10 * 365 * 24 * time.Hour} {
		for _, limit := range []string{"day 10", "rate 10", "patients-day 10"} {
			var b ratelimit.Book
			who := caller(plan(t, limit))
			call := func(at time.Time, id uint64) bool {
				_, refusal := b.Take(who, &ratelimit.Call{Now: at, Cost: 1, Patients: []uint64{id}})
				return !refusal.Refused()
			}
			for id := range uint64(20) {
				call(morning.Add(ahead), id)
			}
			passed := 0
			for day := range 4 {
				if call(morning.AddDate(0, 0, day+1), 99) {
					passed++
				}
			}
			if passed < 2 {
				t.Errorf("%s, %s ahead: on %d of the next four days a call passed", limit, ahead, passed)
			}
		}
	}
}

// Retry-After wins over the t of RateLimit, and so must never be earlier (draft-ietf-httpapi-ratelimit-headers-10 section 4).
func TestRetryAfterIsNeverEarlierThanWhatRateLimitSays(t *testing.T) {
	kinds := []string{"rate 3", "rate 7/60s", "rate 90/3600s burst 4", "day 9", "month 12", "concurrency 3", "day 6 per device", "patients-hour 4", "patients-day 5 per organization"}
	rapid.Check(t, func(rt *rapid.T) {
		limits := rapid.SliceOfNDistinct(rapid.SampledFrom(kinds), 1, 5, func(s string) string { l, _ := gate.ParseLimit(s); return l.Name() }).Draw(rt, "limits")
		who, now := caller(plan(t, limits...)), morning
		var b ratelimit.Book
		for range 40 {
			now = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(rt, "ms")) * time.Millisecond)
			call := ratelimit.Call{Now: now, Cost: rapid.Int64Range(1, 4).Draw(rt, "cost"), Patients: []uint64{rapid.Uint64Range(1, 9).Draw(rt, "patient")}}
			taken, refusal := b.Take(who, &call)
			if !refusal.Refused() {
				continue
			}
			retry := ratelimit.Seconds(refusal.Wait)
			for name, seconds := range waits(rt, string(taken.AppendLeft(nil, now))) {
				for _, violated := range refusal.Limits {
					if name == violated && retry < seconds {
						rt.Errorf("Retry-After: %d, but %s has more only in %d", retry, name, seconds)
					}
				}
			}
		}
	})
}

// waits reads the t of each limit in a RateLimit header field.
func waits(t *rapid.T, field string) map[string]int64 {
	found := map[string]int64{}
	for item := range strings.SplitSeq(field, ", ") {
		name, rest, _ := strings.Cut(strings.TrimPrefix(item, `"`), `"`)
		if _, text, timed := strings.Cut(rest, ";t="); timed {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", field, err)
			}
			found[name] = n
		}
	}
	return found
}

// Calls that come together are asked about in another order than they read the clock. What flowed in meanwhile flows in once.
func TestCallsOutOfOrderGainNothing(t *testing.T) {
	var b ratelimit.Book
	who, passed := caller(plan(t, "rate 10")), 0
	for i := range 400 {
		now := morning.Add(time.Duration(i%2) * -900 * time.Millisecond)
		if _, refusal := b.Take(who, &ratelimit.Call{Now: now, Cost: 1}); !refusal.Refused() {
			passed++
		}
	}
	if passed != 10 {
		t.Errorf("%d passed of a bucket of 10 within a second", passed)
	}
}
