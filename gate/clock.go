package gate

import (
	"slices"
	"strings"
	"time"
)

// Clock is one of the four that run on a device's right to call production. Nothing waits for them: each check asks them itself, and
// they are shown so that people can act in time.
type Clock struct {
	Kind ClockKind `json:"kind"`
	Ends time.Time `json:"ends"` // the first instant at which it has run out
}

// ClockKind names a clock.
type ClockKind string

// The clocks, a closed list.
const (
	ContractClock      ClockKind = "contract"      // to the end of the last term that follows without gap
	CertificationClock ClockKind = "certification" // to the end of the last term that the case covers, or until a change must be certified
	CertificateClock   ClockKind = "certificate"
	KeyClock           ClockKind = "key" // of a key that has been replaced
)

// ClockKinds lists them all.
func ClockKinds() []ClockKind {
	return []ClockKind{ContractClock, CertificationClock, CertificateClock, KeyClock}
}

// Clocks are those that run for the caller at now, the one that ends first at the head. What has run out, or has not begun, has none.
func Clocks(c *Caller, now time.Time) []Clock {
	var clocks []Clock
	run := func(kind ClockKind, ends time.Time) {
		if ends.After(now) {
			clocks = append(clocks, Clock{kind, ends.UTC()})
		}
	}
	if c.Device != nil && c.Device.Environment.NeedsCertification() {
		_, ends := c.lastTerm(now)
		run(ContractClock, ends)
		_, ends = c.lastCertified(now)
		run(CertificationClock, ends)
	}
	if c.Certificate != nil && c.Certificate.State(now).Live() {
		run(CertificateClock, c.Certificate.NotAfter.Add(time.Second)) // NotAfter is inclusive and counts whole seconds, RFC 5280 section 4.1.2.5
	}
	if c.Key != nil && c.Key.State(now).Live() && c.Key.RetireAt != nil {
		run(KeyClock, *c.Key.RetireAt)
	}
	slices.SortStableFunc(clocks, func(a, b Clock) int { return a.Ends.Compare(b.Ends) })
	return clocks
}

// lastTerm is the last of the terms that follow without gap from now on, nil if none is in force, and the first instant after it.
func (c *Caller) lastTerm(now time.Time) (last *Contract, ends time.Time) {
	for ends = now; ; {
		contract, state := c.contract(ends)
		if contract == nil || state != ContractInForce {
			return last, ends
		}
		last, ends = contract, contract.end()
	}
}

// lastCertified is the case with which the certification ends that is in force from now on without gap, nil if none is, and the first
// instant after it.
func (c *Caller) lastCertified(now time.Time) (last *Certification, ends time.Time) {
	for ends = now; ; {
		contract, _ := c.contract(ends)
		found, state := c.Certification(contract, ends)
		if found == nil || state != InForce || contract.State(ends) != ContractInForce {
			return last, ends
		}
		last, ends = found, contract.end()
		if found.RecertifyBy != nil && found.RecertifyBy.Before(ends) {
			return last, *found.RecertifyBy
		}
	}
}

// Outlook is when a call will be refused first, and why.
type Outlook struct {
	At     time.Time
	Reason Reason
	Clock  ClockKind // whose end it is; empty if it is none's, as with a suspension
}

// Forecast finds the first instant from now on, and before until, at which the request will be refused if nothing is done. Decide itself
// is asked, at each instant at which something begins or ends. The second result is false if there is none.
func Forecast(r *Request, c *Caller, now, until time.Time) (Outlook, bool) {
	clocks := Clocks(c, now)
	instants := []time.Time{now}
	for _, clock := range clocks {
		instants = append(instants, clock.Ends)
	}
	for _, level := range c.Remediations {
		for _, remediation := range level {
			instants = append(instants, remediation.From)
		}
	}
	if c.Issuer != nil {
		instants = append(instants, c.Issuer.NotAfter.Add(time.Second))
	}
	slices.SortFunc(instants, time.Time.Compare)
	for _, at := range instants {
		if at.Before(now) || !at.Before(until) {
			continue
		}
		d := Decide(r, c, at)
		if d.Allowed() {
			continue
		}
		out := Outlook{At: at, Reason: d.Reason}
		if i := slices.IndexFunc(clocks, func(k Clock) bool { return k.Ends.Equal(at) }); i >= 0 && at.After(now) {
			out.Clock = clocks[i].Kind
		}
		return out, true
	}
	return Outlook{}, false
}

// Sample is a call that the named behavior matches, for rehearsals; ok is false if there is none, because more specific behaviors take
// them all or there is no such behavior.
func (t *Behaviors) Sample(name string) (method, path string, ok bool) {
	b, found := t.Named(name)
	if !found {
		return "", "", false
	}
	methods := []string{b.Method}
	if b.Method == "*" {
		methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	}
	for _, method := range methods {
		for _, segment := range []string{"x", "certgate-sample"} {
			path := strings.ReplaceAll(b.Path, "*", segment)
			if matched, _, exact := t.match(method, path); exact && matched != nil && matched.Name == name {
				return method, path, true
			}
		}
	}
	return "", "", false
}
