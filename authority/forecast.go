package authority

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Rehearse fills in a request and its caller as they would be if the device called at now with its newest certificate and key, live ones first.
// The key's secret is nobody's to know; it is taken as right, for the question is what would happen to whoever holds it. What is
// called, why and from where is left to the asker.
func (a *Authority) Rehearse(r *gate.Request, device *gate.Device, now time.Time) (*gate.Caller, error) {
	var probe certstore.Probe
	if crt := best(a.dir.Certificates(device.ID), func(c *gate.Certificate) bool { return c.State(now).Live() }); crt != nil {
		r.Leaf = &gate.Leaf{Fingerprint: crt.Fingerprint, Anchor: crt.Issuer, NotBefore: crt.NotBefore, NotAfter: crt.NotAfter, ClientAuth: true}
		probe.Leaf, probe.Anchor = crt.Fingerprint, crt.Issuer
	}
	key := best(a.dir.Keys(device.ID), func(k *gate.Key) bool { return k.State(now).Live() })
	if key != nil {
		text, _, err := gate.NewKey(device.Environment, zeros{})
		if err != nil {
			return nil, err
		}
		if key.Imported != nil {
			text = strings.Repeat("0", gate.MinToken)
		}
		r.Authorization = []string{"Bearer " + text} // any key of the right form: what counts is the record
		probe.Handle = key.Handle
	}
	caller := new(gate.Caller)
	a.dir.Caller(&probe, caller)
	caller.KeyProven = key != nil
	if caller.Device == nil {
		return caller, a.owners(caller, device)
	}
	return caller, nil
}

// owners fills in what would be found by a credential, for a device that has none yet.
func (a *Authority) owners(caller *gate.Caller, device *gate.Device) (err error) {
	caller.Device = device
	if caller.Organization, err = a.dir.Organization(string(device.Organization)); err != nil {
		return err
	}
	if caller.Account, err = a.dir.Account(string(device.Account)); err != nil {
		return err
	}
	caller.Contracts, caller.Certifications = a.dir.Contracts(device.Account), a.dir.Certifications(device.Account)
	for _, r := range a.dir.Remediations(device.Account) {
		switch r.Subject {
		case gate.Subject{Kind: gate.AccountSubject, ID: string(device.Account)}:
			caller.Remediations[gate.OfAccount] = append(caller.Remediations[gate.OfAccount], r)
		case gate.Subject{Kind: gate.OrganizationSubject, ID: string(device.Organization)}:
			caller.Remediations[gate.OfOrganization] = append(caller.Remediations[gate.OfOrganization], r)
		case gate.Subject{Kind: gate.DeviceSubject, ID: string(device.ID)}:
			caller.Remediations[gate.OfDevice] = append(caller.Remediations[gate.OfDevice], r)
		}
	}
	return nil
}

// best is the last that is live, else the last.
func best[R any](list []*R, live func(*R) bool) (found *R) {
	for i := range list {
		if found == nil || live(list[i]) || !live(found) {
			found = list[i]
		}
	}
	return found
}

// zeros is no secret.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// AnAddress is one from which the device may call, if there is any.
func AnAddress(d *gate.Device) netip.Addr {
	if len(d.Addresses.These) > 0 {
		return d.Addresses.These[0].Addr()
	}
	return netip.IPv4Unspecified()
}

// Outlook is when a production device will be refused first, and why.
type Outlook struct {
	Device *gate.Device
	gate.Outlook
	Clocks []gate.Clock // all that run now, the one that ends first at the head
}

// Forecast lists the production devices that can call now and will be refused within the time if nothing is done, the most urgent first.
// It looks at each device's newest certificate and key.
func (a *Authority) Forecast(within time.Duration) ([]Outlook, error) {
	now := a.now()
	var list []Outlook
	err := a.rehearsals(func(s *rehearsal) {
		for _, call := range s.calls(now) { // whatever of it can be called
			call.set(&s.request)
			if d := gate.Decide(&s.request, s.caller, now); d.Allowed() {
				break
			}
		}
		out, found := gate.Forecast(&s.request, s.caller, now, now.Add(within))
		if found && out.At.After(now) {
			list = append(list, Outlook{Device: s.device, Outlook: out, Clocks: gate.Clocks(s.caller, now)})
		}
	})
	slices.SortStableFunc(list, func(a, b Outlook) int { return a.At.Compare(b.At) })
	return list, err
}

// Obstacle is a call of a production device that would be refused.
type Obstacle struct {
	Device   *gate.Device
	At       time.Time // the first of the days on which it would be
	Reason   gate.Reason
	Behavior string // of the first call that would be; empty if the device has none that is certified
	Purpose  gate.Purpose
}

// CheckAll rehearses every certified behavior and purpose of every production device now and on each of the next days, at this time of day.
// It lists each device once for each reason for which it would be refused. What was terminated is meant to be refused and is left out.
func (a *Authority) CheckAll(days int) ([]Obstacle, error) {
	now := a.now()
	var list []Obstacle
	err := a.rehearsals(func(s *rehearsal) {
		seen := make(map[gate.Reason]bool)
		for day := range days + 1 {
			at := now.AddDate(0, 0, day)
			for _, call := range s.calls(at) {
				call.set(&s.request)
				d := gate.Decide(&s.request, s.caller, at)
				if d.Allowed() || d.Reason == gate.AccountTerminated || seen[d.Reason] {
					continue
				}
				seen[d.Reason] = true
				list = append(list, Obstacle{Device: s.device, At: at, Reason: d.Reason, Behavior: call.behavior, Purpose: call.purpose})
			}
		}
	})
	slices.SortStableFunc(list, func(a, b Obstacle) int { return a.At.Compare(b.At) })
	return list, err
}

// rehearsal is a production device as it would call.
type rehearsal struct {
	device  *gate.Device
	request gate.Request
	caller  *gate.Caller
}

// rehearsals visits every production device.
func (a *Authority) rehearsals(visit func(*rehearsal)) error {
	config := a.current()
	if config == nil {
		return gate.Errorf(gate.ShuttingDown, "no configuration is in force yet; try again")
	}
	for _, device := range a.dir.Devices("") {
		if device.Environment != gate.Production {
			continue
		}
		s := &rehearsal{device: device, request: gate.Request{Site: config.Site(gate.Production), TLS: true, Peer: AnAddress(device)}}
		var err error
		if s.caller, err = a.Rehearse(&s.request, device, a.now()); err != nil {
			return err
		}
		visit(s)
	}
	return nil
}

// sampleCall is one call of a behavior for a purpose.
type sampleCall struct {
	method, path, behavior string
	purpose                gate.Purpose
}

func (c *sampleCall) set(r *gate.Request) {
	r.Method, r.Path, r.Purpose = c.method, c.path, nil
	if c.purpose != "" {
		r.Purpose = []string{string(c.purpose)}
	}
}

// calls are the certified behaviors, each for each certified purpose; without a certification one call of nothing in particular. A behavior
// that the site does not offer becomes a call that it does not know.
func (s *rehearsal) calls(at time.Time) []sampleCall {
	certified, _ := s.caller.Certification(s.caller.Contract(at), at)
	if certified == nil {
		return []sampleCall{{method: "GET", path: "/"}}
	}
	return s.samples(certified.Profile.Grant.Behaviors, certified.Profile.Grant.Purposes)
}

// samples are calls of each behavior for each purpose.
func (s *rehearsal) samples(behaviors []string, purposes []gate.Purpose) (list []sampleCall) {
	for _, behavior := range behaviors {
		method, path, ok := s.request.Site.Behaviors.Sample(behavior)
		if !ok {
			method, path = "GET", "/"
		}
		for _, purpose := range purposes {
			list = append(list, sampleCall{method, path, behavior, purpose})
		}
	}
	return list
}
