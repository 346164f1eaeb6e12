package certstore

import (
	"sync/atomic"
	"time"

	"github.com/onerecord/certgate/gate"
)

// Pulse is the place in memory where it is noted how it goes for a device. Requests note it without a lock. The zero value is that of a device
// that never called; a start knows from the last uses of credentials when it did.
type Pulse struct {
	passed  atomic.Int64 // Unix time of the last call that passed; 0: none is known
	since   atomic.Int64 // Unix time of the first refusal after that; 0: none
	refused atomic.Int64 // the last refusal: Unix time and reason
}

// reasonBits is room for a gate.Reason.
const reasonBits = 8

// Passed notes a call that passed.
func (p *Pulse) Passed(now time.Time) {
	if second := now.Unix(); p.passed.Load() != second {
		p.passed.Store(second)
	}
	if p.since.Load() != 0 {
		p.since.Store(0)
	}
}

// Refused notes a refusal, and reports whether it is the first one since a call passed.
func (p *Pulse) Refused(now time.Time, r gate.Reason) (first bool) {
	p.refused.Store(now.Unix()<<reasonBits | int64(r))
	return p.since.CompareAndSwap(0, now.Unix())
}

// Read is how it goes now.
func (p *Pulse) Read() gate.Pulse {
	at := func(second int64) time.Time {
		if second == 0 {
			return time.Time{}
		}
		return time.Unix(second, 0).UTC()
	}
	refused := p.refused.Load()
	return gate.Pulse{Passed: at(p.passed.Load()), Since: at(p.since.Load()), Last: at(refused >> reasonBits), Reason: gate.Reason(refused & (1<<reasonBits - 1))}
}

// Pulse is how it goes for a device; the zero one if nothing is known of it.
func (d *Directory) Pulse(id gate.DeviceID) gate.Pulse {
	d.mu.RLock()
	n := d.devices[id]
	d.mu.RUnlock()
	if n == nil {
		return gate.Pulse{}
	}
	return n.pulse.Read()
}
