package ratelimit

import (
	"maps"
	"sync"
	"time"

	"github.com/onerecord/certgate/gate"
)

// Caller is who calls, what, and under which plan.
type Caller struct {
	Account      gate.AccountID
	Organization gate.OrganizationID
	Device       gate.DeviceID
	Behavior     string
	Plan         *gate.UsagePlan
	// Throttles hold beside the plan; none for nearly everybody.
	Throttles []Throttle
}

// Throttle is a limit that was imposed on a subject.
type Throttle struct {
	ID    string // of what imposed it: each is counted for itself
	Limit *gate.Limit
}

// Call is what one call would use.
type Call struct {
	Now      time.Time
	Cost     int64    // of its behavior, in units
	Patients []uint64 // the different patients that it is about, as keyed hashes
}

// Book holds what is left of the limits of every account that calls. The zero value is an empty one.
type Book struct {
	mu       sync.RWMutex
	accounts map[gate.AccountID]*account // guarded by mu
	policies policies
}

// Take lets a call through and takes from every limit that is about it, or refuses it and takes from none. What was taken must be given
// back with [Taken.Release] when the call has ended.
func (b *Book) Take(who *Caller, c *Call) (Taken, Refusal) {
	if !who.Plan.Limited() && len(who.Throttles) == 0 {
		return Taken{}, Refusal{}
	}
	if who.Plan == nil {
		planned := *who
		planned.Plan = &gate.UsagePlan{Zone: time.UTC}
		who = &planned
	}
	for {
		a := b.account(who.Account)
		if taken, refusal, ok := a.take(who, c, &b.policies); ok {
			return taken, refusal
		}
		// It was swept away between the two; the next one is new.
	}
}

func (b *Book) account(id gate.AccountID) *account {
	b.mu.RLock()
	a := b.accounts[id]
	b.mu.RUnlock()
	if a != nil {
		return a
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if a = b.accounts[id]; a == nil {
		if b.accounts == nil {
			b.accounts = make(map[gate.AccountID]*account)
		}
		a = new(account)
		b.accounts[id] = a
	}
	return a
}

// Sweep forgets what is as good as new. It holds up no call for longer than one account takes.
func (b *Book) Sweep(now time.Time) {
	for id, a := range b.list() {
		if !a.sweep(now) {
			continue
		}
		b.mu.Lock()
		if b.accounts[id] == a {
			delete(b.accounts, id)
		}
		b.mu.Unlock()
	}
}

// Len is how many accounts are held.
func (b *Book) Len() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.accounts)
}

// list is a copy, so that no lock is held while it is walked.
func (b *Book) list() map[gate.AccountID]*account {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return maps.Clone(b.accounts)
}
