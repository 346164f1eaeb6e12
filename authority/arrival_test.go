package authority_test

import (
	"crypto/rand"
	"sync/atomic"
	"testing"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// stalling is randomness that the next reader waits for until it is told to go on.
type stalling struct {
	armed         atomic.Bool
	reached, goOn chan struct{}
}

func (s *stalling) Read(b []byte) (int, error) {
	if s.armed.CompareAndSwap(true, false) {
		s.reached <- struct{}{}
		<-s.goOn
	}
	return rand.Read(b)
}

// A customer's connection is dropped while its request is under way, and it repeats it. That the first one is done last takes nothing away.
func TestARedemptionThatIsOvertakenTakesNothingAway(t *testing.T) {
	o := &office{t: t, clock: newClock()}
	store, _, err := authority.FoundInMemory(authority.Setup{Admins: people(), Now: o.clock.now})
	must(t, err)
	random := &stalling{reached: make(chan struct{}), goOn: make(chan struct{})}
	o.open(authority.Options{Store: store, Now: o.clock.now, NoJobs: true, Random: random})
	_, _, token := o.preprod("acme")
	csr := newCSR(t)
	random.armed.Store(true)
	dropped := make(chan error)
	go func() {
		_, err := o.Redeem(token, csr)
		dropped <- err
	}()
	<-random.reached
	got, err := o.Redeem(token, csr)
	must(t, err)
	random.goOn <- struct{}{}
	refused(t, "the first request", <-dropped, gate.Conflict)
	if r := o.reason(got); r != gate.Allowed {
		t.Errorf("what was answered to the second: %s", r)
	}
}
