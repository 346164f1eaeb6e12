package usage_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
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

// devices are identifiers as long as real ones.
func devices(n int) []gate.DeviceID {
	all := make([]gate.DeviceID, n)
	for i := range all {
		all[i] = gate.DeviceID(gate.FormatID(gate.DevicePrefix, [16]byte{byte(i), byte(i >> 8), byte(i >> 16), 1}))
	}
	return all
}

// countEach counts one call of each device.
func countEach(m *usage.Meter, list []gate.DeviceID) {
	call := usage.Call{Key: query, Cost: 1, Out: 1000, Took: time.Millisecond}
	for _, d := range list {
		m.Count(noon, d, &call, nil)
	}
}

// meterBound is how many bytes the meter may hold of a device that calls, without sketches: a million fit in 400 MB.
const meterBound = 400

func TestAMeterIsSmallAndIsThereOnlyWhileItIsInUse(t *testing.T) {
	const n = 12_000
	list, s := devices(n), open(t, "", noon)
	defer s.Close()
	if each := bytesEach(n, func() any { countEach(&s.Meter, list); return s }); each > meterBound {
		t.Errorf("%.0f bytes each", each)
	}
	must(t, s.Flush(noon.Add(30*time.Second), nil))
	if got := s.Meter.Len(); got != n {
		t.Errorf("%d minutes are held while they last, want %d", got, n)
	}
	must(t, s.Flush(noon.Add(time.Minute), nil))
	if got := s.Meter.Len(); got != 0 {
		t.Errorf("%d minutes are held that are over and written", got)
	}
}

// BenchmarkMemory counts a call of a million devices. One round is enough: -benchtime 1x.
func BenchmarkMemory(b *testing.B) {
	const n = 1_000_000
	list := devices(n)
	for b.Loop() {
		b.ReportMetric(bytesEach(n, func() any {
			m := new(usage.Meter)
			countEach(m, list)
			return m
		}), "B/meter")
	}
}
