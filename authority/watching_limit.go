package authority

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// leastThrottle is the least that a throttle of certgate's own leaves in an hour: calls of care must not end by a rule.
const leastThrottle = 30

// leastLimit is what a throttle leaves of an account: about what it uses in its busiest hours; where that is not known yet, in a busy hour of
// the volume that it declared, or half of what its plan lets through. Nil: there is nothing to go by.
func (a *Authority) leastLimit(id gate.AccountID, now time.Time) *gate.Limit {
	units := a.busyUnits(id)
	contracts := gate.Caller{Contracts: a.dir.Contracts(id)}
	contract := contracts.Contract(now)
	if units == 0 && contract != nil {
		units = a.declaredVolume(id, contract, now) / 8
	}
	if units == 0 && contract != nil {
		for _, l := range contract.Plan {
			if l.Kind == gate.RateLimit && l.Behavior == "" {
				units = l.Amount * 3600 / max(l.Seconds, 1) / 2
			}
		}
	}
	if units == 0 {
		return nil
	}
	return &gate.Limit{Kind: gate.RateLimit, Amount: max(units, leastThrottle), Seconds: 3600}
}

// busyUnits is how many units an account uses in its busiest hours, by what the detector knows; 0: it does not.
func (a *Authority) busyUnits(id gate.AccountID) int64 {
	w := &a.watching
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.detector == nil {
		return 0
	}
	calls, known := w.detector.Busy(id)
	if !known {
		return 0
	}
	if mark := w.profiles[id]; mark != nil && mark.cost > 1 {
		return int64(float64(calls)*mark.cost + 0.5)
	}
	return calls
}

// declaredVolume is how many calls a day the certified profiles of an account say.
func (a *Authority) declaredVolume(id gate.AccountID, contract *gate.Contract, now time.Time) (calls int64) {
	for _, c := range a.dir.Certifications(id) {
		if c.State(contract, now) == gate.InForce {
			calls += c.Profile.DailyVolume
		}
	}
	return calls
}
