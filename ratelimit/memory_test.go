package ratelimit_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/ratelimit"
)

// bytesEach is how much of the heap what is made holds, for each of n.
func bytesEach(n int, made func() any) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := made()
	runtime.GC()
	runtime.ReadMemStats(&after)
	defer runtime.KeepAlive(kept)
	return (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / float64(n)
}

// crowds are ways in which n limiters come to be in use: what they are called, how many devices an account has, and under which plan they call.
var crowds = []struct {
	name    string
	devices int
	plan    []string
	each    int // limiters of one call
}{
	{"rate/one in each account", 1, []string{"rate 100"}, 1},
	{"day/one in each account", 1, []string{"day 100000"}, 1},
	{"all kinds/four in each account", 1, []string{"rate 100", "day 100000", "month 1000000", "concurrency 10"}, 4},
	{"rate/a thousand devices in each account", 1000, []string{"rate 100 per device"}, 1},
}

// names are identifiers as long as real ones.
func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = gate.FormatID(gate.DevicePrefix, [16]byte{byte(i), byte(i >> 8), byte(i >> 16), 1})
	}
	return all
}

// fill has one call made by each device, until n limiters are in use.
func fill(t testing.TB, n, row int, devices []string) *ratelimit.Book {
	t.Helper()
	book, crowd := new(ratelimit.Book), crowds[row]
	p := plan(t, crowd.plan...)
	for i := range n / crowd.each {
		account := devices[i/crowd.devices]
		who := &ratelimit.Caller{Account: gate.AccountID(account), Organization: gate.OrganizationID(account), Device: gate.DeviceID(devices[i]), Behavior: "fhir-query", Plan: p}
		if taken, refusal := book.Take(who, &ratelimit.Call{Now: morning, Cost: 1}); refusal.Refused() {
			t.Fatal(refusal)
		} else {
			taken.Release()
		}
	}
	return book
}

// limiterBound is how many bytes a limiter may hold: a million fit in 400 MB, also where each is the only one of its account.
const limiterBound = 400

func TestALimiterIsSmallAndIsThereOnlyWhileItIsInUse(t *testing.T) {
	const n = 12_000
	devices := names(n)
	for i, row := range crowds {
		var book *ratelimit.Book
		if each := bytesEach(n, func() any { book = fill(t, n, i, devices); return book }); each > limiterBound {
			t.Errorf("%s: %.0f bytes each", row.name, each)
		}
		book.Sweep(morning)
		if want := n / row.each / row.devices; book.Len() != want {
			t.Errorf("%s: %d accounts are held while their limits are in use, want %d", row.name, book.Len(), want)
		}
		// A month later, and two days in which a clock might be set back, there is nothing to remember.
		if book.Sweep(morning.Add(34 * 24 * time.Hour)); book.Len() != 0 {
			t.Errorf("%s: %d accounts are held that use nothing", row.name, book.Len())
		}
	}
}

// BenchmarkMemory makes a million limiters. One round is enough: -benchtime 1x.
func BenchmarkMemory(b *testing.B) {
	const n = 1_000_000
	devices := names(n)
	for i, row := range crowds {
		b.Run(row.name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(bytesEach(n, func() any { return fill(b, n, i, devices) }), "B/limiter")
			}
		})
	}
}

// A device that is one of many in its account is found as fast as one of a few, and what is swept away among them is forgotten alone.
func TestManySubjectsOfAnAccountAreKeptApart(t *testing.T) {
	var b ratelimit.Book
	p := plan(t, "day 2 per device")
	who := func(i int) *ratelimit.Caller {
		c := caller(p)
		c.Device = gate.DeviceID(fmt.Sprintf("dev_%d", i))
		return c
	}
	for round, want := range []int{2, 0} {
		for i := range 100 {
			if passed, _ := takes(&b, who(i), morning); passed != want {
				t.Fatalf("round %d, device %d: %d passed, want %d", round, i, passed, want)
			}
		}
	}
	later := morning.Add(72 * time.Hour)
	for i := 40; i < 43; i++ {
		takes(&b, who(i), later)
	}
	b.Sweep(later)
	for i := range 100 {
		want := 2
		if i >= 40 && i < 43 {
			want = 0
		}
		if passed, _ := takes(&b, who(i), later); passed != want {
			t.Errorf("after the sweep, device %d: %d passed, want %d", i, passed, want)
		}
	}
}
