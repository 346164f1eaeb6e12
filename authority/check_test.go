package authority_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// guarded is a call in flight whose end can be observed.
type guarded struct {
	*authority.Call
	ctx    context.Context
	closed chan struct{}
}

func (g *guarded) Close() error { close(g.closed); return nil }

// begin starts a call and guards it, as a door does.
func (o *office) begin(got *authority.Credential) *guarded {
	o.t.Helper()
	call, err := o.config.Check(o.request(got))
	must(o.t, err)
	if !call.Allowed() {
		o.t.Fatalf("refused: %s", call.Reason)
	}
	ctx, cancel := context.WithCancelCause(o.t.Context())
	g := &guarded{Call: call, ctx: ctx, closed: make(chan struct{})}
	call.Guard(cancel, g)
	return g
}

func (g *guarded) canceled() bool { return errors.Is(context.Cause(g.ctx), authority.ErrRevoked) }

// awaitClosed waits for the connection to be closed, which another goroutine does.
func (g *guarded) awaitClosed(t *testing.T) {
	t.Helper()
	select {
	case <-g.closed:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection was not closed")
	}
}

func TestACertifiedCustomerIsAllowedAndOthersAreNot(t *testing.T) {
	o := newOffice(t)
	acme, other := o.customer("acme"), o.customer("other")
	if r := o.reason(acme.got); r != gate.Allowed {
		t.Fatalf("a certified customer: %s", r)
	}
	mixed := *acme.got
	mixed.Key = other.got.Key
	if r := o.reason(&mixed); r != gate.InvalidToken {
		t.Errorf("with another customer's key: %s", r)
	}
	mixed.Key = ""
	request := o.request(&mixed)
	request.Authorization = nil
	call, err := o.config.Check(request)
	must(t, err)
	if call.Reason != gate.KeyRequired {
		t.Errorf("without a key: %s", call.Reason)
	}
	call.Done(authority.Outcome{})
}

func TestIdentifyAsksOnlyWhoCalls(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	_, err := o.Impose(o.ben, authority.Imposition{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(acme.account.ID)}, Measure: gate.Suspend, Why: "test"})
	must(t, err)
	if r := o.reason(acme.got); r != gate.AccountSuspended {
		t.Fatalf("a suspended customer: %s", r)
	}
	call, err := o.config.Identify(o.request(acme.got))
	must(t, err)
	defer call.Done(authority.Outcome{})
	if !call.Allowed() {
		t.Errorf("a suspended customer may not learn why: %s", call.Reason)
	}
	if n := o.Stats().InFlight; n != 0 {
		t.Errorf("%d calls are in flight; an answer of our own is none", n)
	}
}

func TestACallIsInFlightUntilDone(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	a, b, c := o.begin(acme.got), o.begin(acme.got), o.begin(acme.got)
	if n := o.Stats().InFlight; n != 3 {
		t.Fatalf("%d calls are in flight, want 3", n)
	}
	b.Done(authority.Outcome{})
	a.Done(authority.Outcome{})
	c.Done(authority.Outcome{})
	if n := o.Stats().InFlight; n != 0 {
		t.Errorf("%d calls are in flight, want none", n)
	}
}

func TestARevocationCancelsCallsInFlightBeforeItReturns(t *testing.T) {
	for name, stop := range map[string]func(*office, *customer) error{
		"suspended account": func(o *office, c *customer) error {
			_, err := o.Impose(o.ben, authority.Imposition{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(c.account.ID)}, Measure: gate.Suspend, Why: "test"})
			return err
		},
		"revoked key": func(o *office, c *customer) error {
			_, err := o.RevokeKey(o.ben, c.got.KeyID, gate.KeyCompromise, "test")
			return err
		},
		"revoked certificate": func(o *office, c *customer) error {
			_, err := o.RevokeCertificate(o.ben, c.got.Certificate.ID, gate.KeyCompromise, "test")
			return err
		},
		"revoked certification": func(o *office, c *customer) error {
			_, err := o.RevokeCertification(o.cho, c.cert.ID, "test")
			return err
		},
		"ended contract": func(o *office, c *customer) error {
			_, err := o.EndContract(o.cho, c.contract.ID, "test")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			acme, other := o.customer("acme"), o.customer("other")
			call, kept := o.begin(acme.got), o.begin(other.got)
			defer call.Done(authority.Outcome{})
			defer kept.Done(authority.Outcome{})
			must(t, stop(o, acme))
			if !call.canceled() {
				t.Error("the call was not canceled")
			}
			if r := o.reason(acme.got); r == gate.Allowed {
				t.Error("the next request was allowed")
			}
			o.pass(authority.CloseAfter - time.Second)
			select {
			case <-call.closed:
				t.Error("the connection was closed before its time")
			default:
			}
			o.pass(5 * time.Second)
			call.awaitClosed(t)
			if kept.ctx.Err() != nil {
				t.Error("another customer's call was canceled")
			}
		})
	}
}

func TestATimeThatRunsOutCancelsCallsAtTheNextSweep(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	call := o.begin(acme.got)
	defer call.Done(authority.Outcome{})
	o.pass(5 * time.Second)
	if call.canceled() {
		t.Fatal("canceled although nothing changed")
	}
	o.pass(acme.got.Certificate.NotAfter.Sub(o.clock.now()) + time.Second)
	if !call.canceled() {
		t.Error("the call goes on with a certificate that has expired")
	}
}

func TestACallRefusedBetweenCheckAndGuardIsCanceledAtOnce(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	call, err := o.config.Check(o.request(acme.got))
	must(t, err)
	defer call.Done(authority.Outcome{})
	_, err = o.RevokeKey(o.ben, acme.got.KeyID, gate.KeyCompromise, "test")
	must(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	call.Guard(cancel, nil)
	if !errors.Is(context.Cause(ctx), authority.ErrRevoked) {
		t.Errorf("guarded too late, the call goes on: %v", context.Cause(ctx))
	}
}

func TestAClosedAuthorityDecidesNothing(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	call := o.begin(acme.got)
	must(t, o.Close())
	if _, err := o.config.Check(o.request(acme.got)); !errors.Is(err, authority.ErrUnavailable) {
		t.Errorf("after closing: %v", err)
	}
	if o.Ready() == nil {
		t.Error("ready after closing")
	}
	if call.ctx.Err() != nil {
		t.Error("a call in flight was cut at once; it has time to end")
	}
	_ = o.Stats()
	call.Done(authority.Outcome{})
}

func TestDecisionsHaveDistinctSortableNames(t *testing.T) {
	o := newOffice(t)
	seen := map[string]bool{}
	last := ""
	for range 1000 {
		id := o.DecisionID()
		if seen[id] || id <= last {
			t.Fatalf("%s after %s", id, last)
		}
		seen[id], last = true, id
		o.clock.advance(time.Millisecond)
	}
}

func TestAJobThatPanicsDoesNotEndTheProcess(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	call, err := o.config.Check(o.request(acme.got))
	must(t, err)
	defer call.Done(authority.Outcome{})
	call.Guard(func(error) { panic("a door went mad") }, nil)
	o.pass(acme.got.Certificate.NotAfter.Sub(o.clock.now()) + time.Second)
	before := o.Stats().JobLastSuccess["sightings"]
	o.pass(10 * time.Second)
	if after := o.Stats().JobLastSuccess["sightings"]; !after.After(before) {
		t.Errorf("the other jobs stopped: last success %s, before %s", after, before)
	}
}
