package authority

import (
	"sync"
	"sync/atomic"

	"github.com/onerecord/certgate/gate"
)

// arrivals are the order in which redemptions came. A customer whose connection was dropped repeats its request, and the first may still be
// under way: if it were taken after the second, the key of that answer would be revoked as lost.
type arrivals struct {
	last atomic.Uint64

	mu    sync.Mutex
	taken map[gate.EnrollmentID]uint64 // guarded by mu; the latest that was taken, of links that exist
}

func (r *arrivals) arrive() uint64 { return r.last.Add(1) }

// take refuses what came before one that was taken already. Commits ask one after the other.
func (r *arrivals) take(id gate.EnrollmentID, place uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if place < r.taken[id] {
		return gate.Errorf(gate.Conflict, "this link was redeemed again meanwhile, and that request was answered; repeat this one if its answer did not arrive")
	}
	if r.taken == nil {
		r.taken = make(map[gate.EnrollmentID]uint64)
	}
	r.taken[id] = place
	return nil
}
