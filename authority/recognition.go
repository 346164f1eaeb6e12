package authority

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// Recognition is what the gate would say of a client certificate by itself, whatever it calls: checks 1 and 2 alone.
type Recognition struct {
	// Reason is why calls with the certificate would be refused; gate.Allowed if they would not be, for what the certificate is.
	Reason gate.Reason
	// Foreign says that a customer's own CA issued it, one that was imported.
	Foreign bool
	// Caller is the certificate's owner, and empty unless Reason is Allowed: whom we do not let in learns nothing of anybody.
	Caller gate.Caller
	// Plan is how much the owner may use; nil: no limit, or not known.
	Plan *gate.UsagePlan
	// Pair says whether the key belongs to the certificate's device. It is said outside production alone, and where both were presented:
	// in production a stolen half would else tell its thief what it is good for.
	Pair Pairing
	Now  time.Time // when
}

// Pairing is whether a key and a certificate belong together.
type Pairing int

// The answers.
const (
	PairNotSaid Pairing = iota
	PairBelongs
	PairDoesNot // or the key is not good at all: which of the two is not said
)

// Recognize says what the gate would make of a certificate that was proven in the handshake, and of a key beside it. Nothing is counted or
// remembered. The error is ErrUnavailable.
func (a *Authority) Recognize(leaf *gate.Leaf, key gate.PresentedKey) (*Recognition, error) {
	if a.closed.Load() || a.quarantine.Load() != nil {
		return nil, ErrUnavailable
	}
	r := &Recognition{Now: a.now()}
	if leaf == nil {
		r.Reason = gate.CertificateRequired
		return r, nil
	}
	call := &Call{authority: a, Request: gate.Request{TLS: true, Leaf: leaf, Site: &gate.Site{Environment: gate.Production}}}
	call.find(gate.PresentedKey{})
	r.Foreign = call.Caller.Issuer != nil && call.Caller.Issuer.Imported != nil
	if crt := call.Caller.Certificate; crt != nil {
		call.Request.Site.Environment = crt.Environment
	}
	results := gate.Explain(&call.Request, &call.Caller, r.Now)
	if r.Reason = results[gate.CheckChain].Reason; r.Reason == gate.Allowed {
		r.Reason = results[gate.CheckRegistered].Reason
	}
	if r.Reason != gate.Allowed {
		return r, nil
	}
	r.Caller = call.Caller
	r.Plan = a.planFor(&r.Caller, r.Now)
	if e := r.Caller.Certificate.Environment; e != gate.Production && (key.Shape == gate.WellFormed || key.Shape == gate.Foreign) {
		r.Pair = a.pair(leaf, key, e, r.Now)
	}
	return r, nil
}

// planFor says how much a caller may use: in production the contract does, elsewhere the configuration.
func (a *Authority) planFor(c *gate.Caller, now time.Time) *gate.UsagePlan {
	e := c.Certificate.Environment
	if !e.NeedsCertification() {
		if config := a.current(); config != nil && config.sites[e] != nil {
			return config.sites[e].Plan
		}
		return nil
	}
	if contract := c.Contract(now); contract != nil {
		return contract.UsagePlan()
	}
	return nil
}

// pair judges a key beside its certificate as the gate does.
func (a *Authority) pair(leaf *gate.Leaf, key gate.PresentedKey, e gate.Environment, now time.Time) Pairing {
	call := &Call{authority: a, Request: gate.Request{TLS: true, Leaf: leaf, Site: &gate.Site{Environment: e}, Authorization: []string{"Bearer " + key.Text}}}
	call.find(key)
	results := gate.Explain(&call.Request, &call.Caller, now)
	if results[gate.CheckKey].Reason != gate.Allowed || results[gate.CheckPair].Reason != gate.Allowed {
		return PairDoesNot
	}
	return PairBelongs
}
