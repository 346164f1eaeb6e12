package authority_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// busyCrowd is 10,000 accounts with a device or two, of whom each has called in the quarter of an hour before the clock's.
func busyCrowd(b *testing.B) (*crowd, *clock) {
	b.Helper()
	at := &clock{}
	at.ns.Store(time.Now().Truncate(time.Hour).Add(time.Hour).UnixNano())
	c := newCrowdAt(b, 20_000, at.now)
	authority.Beat(c.authority)
	must(b, authority.WatchForAbuse(c.authority))
	return c, at
}

// quarter counts some calls of every device and lets a quarter of an hour pass.
func (c *crowd) quarter(b *testing.B, at *clock) {
	b.Helper()
	call := usage.Call{Key: usage.Key{Behavior: "behavior-1", Purpose: gate.Treatment, Outcome: usage.Succeeded}, Cost: 1}
	for _, d := range c.authority.Directory().Devices("") {
		authority.CountCall(c.authority, d.ID, &call)
	}
	for range 4 {
		at.advance(4 * time.Minute)
		authority.Beat(c.authority)
	}
	must(b, c.authority.SumUsage())
	at.advance(-time.Minute)
}

// BenchmarkWatching is a quarter of an hour of 10,000 accounts and 20,000 devices that all called: read from usage, recorded and judged. It reports
// what that is of one core, in percent.
func BenchmarkWatching(b *testing.B) {
	c, at := busyCrowd(b)
	for b.Loop() {
		b.StopTimer()
		c.quarter(b, at)
		at.advance(3 * time.Minute)
		must(b, c.authority.SumUsage())
		b.StartTimer()
		must(b, authority.WatchForAbuse(c.authority))
		b.StopTimer()
		at.advance(-3 * time.Minute)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(15*time.Minute)*100, "%core")
}

// BenchmarkCheckBesideWatching takes in turn the 99th percentile of Check while nothing is judged and while one window of 10,000 accounts after the
// other is without a pause, where in production that takes about a thousandth of the time (see BenchmarkWatching): a percentile that is taken over
// a day cannot come to more than this. It reports the median ratio of nine pairs, the least and the most.
func BenchmarkCheckBesideWatching(b *testing.B) {
	c, at := busyCrowd(b)
	rows := make([]abuse.Row, 0, 20_000)
	for _, d := range c.authority.Directory().Devices("") {
		rows = append(rows, abuse.Row{Account: d.Account, Device: d.ID, Counts: abuse.Counts{Requests: 10, Patients: 3}})
	}
	slices.SortFunc(rows, func(x, y abuse.Row) int {
		return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.Device, y.Device))
	})
	start := at.now().Truncate(time.Hour)
	for h := range 6 {
		must(b, authority.RecordWindow(c.authority, start.Add(time.Duration(h-6)*time.Hour), false, rows))
	}
	var ratios []float64
	for b.Loop() {
		ratios = ratios[:0]
		for range 9 {
			off := c.p99(b)
			stop, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for {
					authority.ForgetDetector(c.authority)
					_ = authority.WatchForAbuse(c.authority)
					select {
					case <-stop:
						return
					default:
					}
				}
			}()
			on := c.p99(b)
			close(stop)
			<-done
			ratios = append(ratios, float64(on)/float64(off))
		}
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "p99-ratio")
	b.ReportMetric(ratios[0], "p99-least")
	b.ReportMetric(ratios[len(ratios)-1], "p99-most")
}

// p99 is the 99th percentile of 50,000 calls.
func (c *crowd) p99(b *testing.B) time.Duration {
	b.Helper()
	took := make([]time.Duration, 50_000)
	for i := range took {
		began := time.Now()
		call, err := c.config.Check(&c.requests[i%len(c.requests)])
		took[i] = time.Since(began)
		if err != nil || !call.Allowed() {
			b.Fatal(err, call.Reason)
		}
		call.Done(authority.Outcome{Status: 200})
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}
