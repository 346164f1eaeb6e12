package certstore

import (
	"fmt"
	"testing"

	"github.com/onerecord/certgate/gate"
)

// fleet is a directory of devices, each with a key and a certificate, 100 to an account, with an event for each, as customers enroll.
func fleet(b *testing.B, devices int) string {
	b.Helper()
	dir := b.TempDir()
	s, err := New(testOptions(dir), created)
	if err != nil {
		b.Fatal(err)
	}
	for n := 0; n < devices; n += 100 {
		w := newWorld(n)
		w.account.Slug = fmt.Sprintf("acme-%d", n)
		list := w.records()[:4]
		for i := n; i < n+100; i++ {
			device := newDevice(w, i)
			device.Slug = fmt.Sprintf("prod-%d", i)
			w.certification.Devices = append(w.certification.Devices, device.ID)
			list = append(list, device, newKey(device, i), newCertificate(device, i))
		}
		update(b, s, append(list, w.certification, w.ca)...)
		for range 100 {
			update(b, s)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return dir
}

func BenchmarkCaller(b *testing.B) {
	const devices = 10_000
	s, err := Open(testOptions(fleet(b, devices)))
	if err != nil {
		b.Fatal(err)
	}
	defer closeStore(b, s)
	probes := make([]*Probe, devices)
	for i := range probes {
		probes[i] = newWorld(i).probe()
	}
	var out gate.Caller
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		// A stride that meets every device, none twice in a row, so that the caches are as cold as requests find them.
		n = (n + 7919) % devices
		s.Directory().Caller(probes[n], &out)
		if out.Key == nil || out.Certificate == nil {
			b.Fatal("not found")
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, devices := range []int{10_000} {
		dir := fleet(b, devices)
		b.Run(fmt.Sprintf("%d", devices), func(b *testing.B) {
			for b.Loop() {
				s, err := Open(testOptions(dir))
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				closeStore(b, s)
				b.StartTimer()
			}
		})
	}
}

func BenchmarkUpdate(b *testing.B) {
	s := onDisk(b)
	w := newWorld(1)
	update(b, s, w.records()...)
	for n := 0; b.Loop(); n++ {
		w.account.Notes = fmt.Sprint(n)
		update(b, s, w.account)
	}
}
