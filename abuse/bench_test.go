package abuse

import (
	"runtime"
	"testing"
	"time"
)

// day is the rows of each hour of a day, and of its quarters.
type day struct{ hours, quarters [24][]Row }

// crowd is a detector of n accounts that are all known for five weeks, their days, and the next hour.
func crowd(b *testing.B, n int) (*Detector, *day, time.Time) {
	b.Helper()
	d, err := New(Defaults(), Enforced())
	if err != nil {
		b.Fatal(err)
	}
	at := monday
	for range 5 * 7 * 24 {
		if _, err := d.Hour(at, row(office(at.Hour()))); err != nil {
			b.Fatal(err)
		}
		at = at.Add(time.Hour)
	}
	known := d.accounts[0]
	d.accounts = make([]*account, n)
	rows := new(day)
	for i := range n {
		a := *known
		a.id = number(i)
		d.accounts[i] = &a
		for h := range 24 {
			r := Row{Account: a.id, Device: "dev_1", Counts: office(h)}
			r.Requests += int64(i*7+h) % 40 * r.Requests / 100
			rows.hours[h] = append(rows.hours[h], r)
			r.Requests, r.Patients, r.Newcomers = (r.Requests+3)/4, (r.Patients+3)/4, (r.Newcomers+3)/4
			rows.quarters[h] = append(rows.quarters[h], r)
		}
	}
	return d, rows, at
}

// tick tells of one hour and its quarters.
func tick(b *testing.B, d *Detector, rows *day, at time.Time) {
	b.Helper()
	for q := range 4 {
		if _, err := d.Quarter(at.Add(time.Duration(q)*quarter), rows.quarters[at.Hour()]); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := d.Hour(at, rows.hours[at.Hour()]); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDetector is an hour of 10,000 accounts, its quarters and, once in 24, the night's work on baselines. It reports what that is of one
// core, in percent, and the memory that the detector holds.
func BenchmarkDetector(b *testing.B) {
	var before, after runtime.MemStats
	d, rows, at := crowd(b, 10_000)
	tick(b, d, rows, at)
	known := d.accounts
	d.accounts, d.views = nil, nil
	runtime.GC()
	runtime.ReadMemStats(&before)
	d.accounts = make([]*account, len(known))
	for i := range known {
		a := *known[i]
		d.accounts[i] = &a
	}
	d.look(&window{at: at, length: time.Hour}, false)
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Hour)
		tick(b, d, rows, at)
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(time.Hour)*100, "%core")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MB")
	runtime.KeepAlive(known)
}

// BenchmarkReplay is a day of 1,000 accounts. It reports how many seconds a month of 10,000 would take.
func BenchmarkReplay(b *testing.B) {
	d, rows, at := crowd(b, 1_000)
	for b.Loop() {
		for range 24 {
			at = at.Add(time.Hour)
			tick(b, d, rows, at)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)*30*10, "s/month")
}

// BenchmarkMonth is the whole month of 10,000 accounts, by hand.
func BenchmarkMonth(b *testing.B) {
	d, rows, at := crowd(b, 10_000)
	for b.Loop() {
		for range 30 * 24 {
			at = at.Add(time.Hour)
			tick(b, d, rows, at)
		}
	}
}
