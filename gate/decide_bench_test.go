package gate_test

import (
	"testing"

	"github.com/onerecord/certgate/gate"
)

// BenchmarkDecide judges a production request that is allowed: certificate, key, contract, certification, eight behaviors. The request
// has been read before, as the shell does in order to look the key up.
func BenchmarkDecide(b *testing.B) {
	s := good(b, gate.Production)
	s.r.Present()
	// Identifiers as long as real ones, one copy of each, as the directory keeps them.
	device := gate.DeviceID(gate.FormatID(gate.DevicePrefix, [16]byte{1}))
	contract := gate.ContractID(gate.FormatID(gate.ContractPrefix, [16]byte{1}))
	s.c.Device.ID, s.c.Key.Device, s.c.Certificate.Device = device, device, device
	s.c.Contracts[0].ID, s.c.Certifications[0].Contract = contract, contract
	s.c.Certifications[0].Devices[0] = device
	b.ReportAllocs()
	for b.Loop() {
		if d := gate.Decide(&s.r, &s.c, s.now); !d.Allowed() {
			b.Fatal(d.Reason)
		}
	}
}

// BenchmarkPresent reads the request: key, query, path, behavior, purpose. It is the other half of the arithmetic of a request.
func BenchmarkPresent(b *testing.B) {
	s := good(b, gate.Production)
	b.ReportAllocs()
	for b.Loop() {
		if _, fault := s.r.Present(); fault {
			b.Fatal("fault")
		}
	}
}
