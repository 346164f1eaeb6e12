package authority

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/ratelimit"
)

// ErrUnavailable says that no decision is possible now: starting, stopping, or the store is gone. Doors answer 503.
var ErrUnavailable = errors.New("certgate cannot decide now")

// Call is one request and what was decided about it. Every Call that Check returns must be given to Done exactly once.
type Call struct {
	gate.Decision

	// Caller and Request are what the decision was made from. They are valid until Done.
	Caller  gate.Caller
	Request gate.Request

	// Exceeded says which limits the call was too much for, where Reason is one of those.
	Exceeded ratelimit.Refusal

	id        [16]byte
	began     time.Time
	authority *Authority
	probe     certstore.Probe
	uses      certstore.Uses
	use       ratelimit.Call  // what it asked of them; here, because limiters are called through an interface and it would escape
	taken     ratelimit.Taken // what it took of its limits
	names     namedPatients   // whom it names

	flight // its place among the calls in flight, if it was allowed
}

var calls = sync.Pool{New: func() any { return new(Call) }}

// Check judges a request. The error is ErrUnavailable; a refusal is not an error.
func (c *Config) Check(r *gate.Request) (*Call, error) {
	call, err := c.check(r, gate.Decide)
	if err == nil && call.Allowed() {
		c.authority.flights.add(call)
	}
	return call, err
}

// Identify judges only who calls (checks 1 to 4), for certgate's own answers to a customer about itself.
func (c *Config) Identify(r *gate.Request) (*Call, error) { return c.check(r, gate.Identify) }

func (c *Config) check(r *gate.Request, decide func(*gate.Request, *gate.Caller, time.Time) gate.Decision) (*Call, error) {
	a := c.authority
	if a.closed.Load() {
		return nil, ErrUnavailable
	}
	now := a.now()
	call := calls.Get().(*Call) //nolint:errcheck,forcetypeassert // the pool makes nothing else
	call.authority, call.Request, call.began = a, *r, now
	call.id = a.decisions.next(now)

	key, _ := call.Request.Present()
	call.find(key)
	if call.Decision = decide(&call.Request, &call.Caller, now); a.quarantine.Load() != nil {
		call.Decision = gate.Decision{Reason: gate.StateUnconfirmed} // whatever the records say: they may lack what was decided last
	}
	if call.Allowed() {
		a.see(call)
		a.noteUse(call, now)
		call.take(now)
		if call.Request.Site.Environment == gate.Preprod && call.Allowed() {
			a.observe(call, now)
		}
	}
	a.feel(call, now)
	a.recent.remember(call, now)
	if !call.Allowed() {
		a.noteSignals(call, now)
		call.countRefused(c.sourceLimit, now)
	}
	a.counters.decided(call.Reason, a.since(now))
	return call, nil
}

// find looks up whoever presents the request's certificate and the key, and proves the key.
func (c *Call) find(key gate.PresentedKey) {
	c.probe = certstore.Probe{Handle: key.Handle, Host: c.Request.Host}
	var token *gate.Key
	if key.Shape == gate.Foreign {
		if token = c.authority.token(key.Text); token != nil {
			c.probe.Handle = token.Handle
		}
	}
	if c.Request.Leaf != nil {
		c.probe.Leaf, c.probe.Anchor = c.Request.Leaf.Fingerprint, c.Request.Leaf.Anchor
	}
	c.uses = c.authority.dir.Caller(&c.probe, &c.Caller)
	switch found := c.Caller.Key; key.Shape {
	case gate.WellFormed:
		c.Caller.KeyProven = c.authority.macs.proves(found, key.Text)
	case gate.Foreign:
		c.Caller.KeyProven = token != nil && found != nil && found.ID == token.ID && found.MAC == token.MAC
	case gate.NoKey, gate.Malformed, gate.BadChecksum:
	}
}

// Guard lets the authority end the call while it is in flight, if it would now be refused: cancel is called first and, if the call
// is still there after CloseAfter, closer is closed. Either may be nil.
func (c *Call) Guard(cancel func(cause error), closer io.Closer) {
	c.authority.flights.guard(c, cancel, closer)
}

// Done ends the call and counts it, as it ended; how a refused one did does not matter. It must not be used afterwards.
func (c *Call) Done(o Outcome) {
	if c.listed {
		c.authority.flights.remove(c)
	}
	c.taken.Release()
	c.meter(&o)
	*c = Call{}
	calls.Put(c)
}

// ID identifies the decision: the problem's instance and X-Request-Id.
func (c *Call) ID() string { return gate.FormatID(gate.DecisionPrefix, c.id) }

// DecisionID draws an identifier for an answer that no Check stood behind.
func (a *Authority) DecisionID() string {
	return gate.FormatID(gate.DecisionPrefix, a.decisions.next(a.now()))
}

// decisionIDs numbers decisions without drawing randomness for each: milliseconds, then a number of this process, then a counter.
// They sort by time and do not repeat; that they can be guessed gives nothing away.
type decisionIDs struct {
	process [4]byte
	count   atomic.Uint64
}

func (d *decisionIDs) seed(random io.Reader) {
	// A failed read leaves zeros: identifiers are then less distinct between processes, which is no reason not to start.
	_, _ = io.ReadFull(random, d.process[:])
}

func (d *decisionIDs) next(now time.Time) (id [16]byte) {
	binary.BigEndian.PutUint64(id[:], uint64(now.UnixMilli())<<16)
	copy(id[6:], d.process[:])
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], d.count.Add(1))
	copy(id[10:], n[2:])
	return id
}
