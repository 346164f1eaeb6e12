package ratelimit_test

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/ratelimit"
)

var strangers = gate.Limit{Kind: gate.RateLimit, Amount: 60, Seconds: 60, Burst: 100}

func TestASourceIsHeldBackAfterItsBurst(t *testing.T) {
	s, from := ratelimit.NewSources(), netip.MustParseAddr("203.0.113.7")
	refused := func(now time.Time) (passed int, wait time.Duration) {
		for passed < 1000 {
			if wait = ratelimit.Refused(s, from, &strangers, now); wait > 0 {
				return passed, wait
			}
			passed++
		}
		return passed, 0
	}
	if passed, wait := refused(morning); passed != 100 || wait != time.Second {
		t.Errorf("%d passed, then wait %s", passed, wait)
	}
	if wait := ratelimit.Refused(s, netip.MustParseAddr("203.0.113.8"), &strangers, morning); wait > 0 {
		t.Errorf("its neighbor waits %s", wait)
	}
	if passed, _ := refused(morning.Add(10 * time.Second)); passed != 10 {
		t.Errorf("%d passed after ten seconds", passed)
	}
	if passed, _ := refused(morning.Add(time.Hour)); passed != 100 {
		t.Errorf("%d passed after an hour", passed)
	}
	if passed, _ := refused(morning); passed != 0 {
		t.Errorf("%d passed when the clock was set back", passed)
	}
}

func TestExactlyTheBurstOfASourcePassesAtOnce(t *testing.T) {
	s := ratelimit.NewSources()
	var passed atomic.Int64
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			for range 10 {
				if ratelimit.Refused(s, "one", &strangers, morning) == 0 {
					passed.Add(1)
				}
			}
		})
	}
	callers.Wait()
	if passed.Load() != 100 {
		t.Errorf("%d passed, want 100", passed.Load())
	}
}

// A million strangers cost no more memory than one, and the loudest is not forgotten for them.
func TestAMillionSourcesAreBounded(t *testing.T) {
	s := ratelimit.NewSources()
	for range 200 {
		ratelimit.Refused(s, -1, &strangers, morning)
	}
	if allocated := testing.AllocsPerRun(1, func() {
		for i := range 1_000_000 {
			ratelimit.Refused(s, i, &strangers, morning)
		}
	}); allocated > 0 {
		t.Errorf("%.0f allocations", allocated)
	}
	if ratelimit.Refused(s, -1, &strangers, morning) == 0 {
		t.Error("the loudest was forgotten")
	}
}

func BenchmarkRefused(b *testing.B) {
	s, from := ratelimit.NewSources(), netip.MustParseAddr("203.0.113.7")
	b.ReportAllocs()
	for b.Loop() {
		ratelimit.Refused(s, from, &strangers, morning)
	}
}
