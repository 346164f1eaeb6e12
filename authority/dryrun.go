package authority

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// DryRun takes what a change would have committed. Whoever puts one into [By] gets the change's own refusal, from the same code under the
// same lock, or ErrDryRun; nothing has been written in either case, and nobody has been told.
type DryRun struct {
	Event   gate.Event // the last one, where the change makes several
	records []gate.Record
}

// ErrDryRun is how a change answers that would have been carried out and was only tried.
var ErrDryRun = errors.New("dry run: nothing was changed")

// try runs a change up to its commit.
func (a *Authority) try(by By, f func(tx *certstore.Tx) (gate.Event, error)) (gate.Event, error) {
	event, records, err := a.store.Try(f)
	if err != nil {
		return event, err
	}
	by.Try.Event, by.Try.records = event, append(by.Try.records, records...)
	return event, ErrDryRun
}

// Effect is what a change would mean if it were made now.
type Effect struct {
	// Notices are those that would be sent, in their words. A secret link is not in them.
	Notices []*gate.Notice
	// Devices are those that it is about, by slug path.
	Devices []Affected
}

// Affected is a device that a change is about.
type Affected struct {
	Device   *gate.Device
	Path     string
	Reason   gate.Reason // why it may not call now, before the change; gate.Allowed: it may
	InFlight int         // its calls in flight
}

// Effect looks at what a tried change is about. The devices are as they are now.
func (a *Authority) Effect(d *DryRun) (*Effect, error) {
	e, now := new(Effect), a.now()
	about := make(map[gate.DeviceID]bool)
	for _, r := range d.records {
		if n, ok := r.(*gate.Notice); ok {
			n.SealedLink = nil
			e.Notices = append(e.Notices, n)
		}
		for _, id := range a.devicesOf(r) {
			about[id] = true
		}
	}
	calls := a.flights.perDevice()
	for id := range about {
		device, err := a.dir.Device(string(id))
		if err != nil {
			continue // it would only now be made
		}
		hit := Affected{Device: device, InFlight: calls[id]}
		if hit.Path, err = a.devicePath(device); err == nil {
			hit.Reason, err = a.standing(device, now)
		}
		if err != nil {
			return nil, err
		}
		e.Devices = append(e.Devices, hit)
	}
	slices.SortFunc(e.Devices, func(a, b Affected) int { return strings.Compare(a.Path, b.Path) })
	return e, nil
}

// devicesOf are the devices whose calls a record decides about.
func (a *Authority) devicesOf(r gate.Record) []gate.DeviceID {
	switch r := r.(type) {
	case *gate.Remediation:
		return a.subjectDevices(r)
	case *gate.Key:
		return []gate.DeviceID{r.Device}
	case *gate.Certificate:
		return []gate.DeviceID{r.Device}
	case *gate.Enrollment:
		return []gate.DeviceID{r.Device}
	case *gate.Certification:
		return r.Devices
	case *gate.Contract:
		return a.devicesWhere(r.Account, func(d *gate.Device) bool { return d.Environment.NeedsCertification() })
	}
	return nil
}

func (a *Authority) subjectDevices(r *gate.Remediation) []gate.DeviceID {
	switch s := r.Subject; s.Kind {
	case gate.AccountSubject:
		return a.devicesWhere(r.Account, func(*gate.Device) bool { return true })
	case gate.OrganizationSubject:
		return a.devicesWhere(r.Account, func(d *gate.Device) bool { return string(d.Organization) == s.ID })
	case gate.DeviceSubject:
		return []gate.DeviceID{gate.DeviceID(s.ID)}
	case gate.KeySubject:
		if k := a.dir.Key(gate.KeyID(s.ID)); k != nil {
			return []gate.DeviceID{k.Device}
		}
	case gate.CertificateSubject:
		if c := a.dir.Certificate(gate.CertificateID(s.ID)); c != nil {
			return []gate.DeviceID{c.Device}
		}
	}
	return nil
}

func (a *Authority) devicesWhere(account gate.AccountID, is func(*gate.Device) bool) (ids []gate.DeviceID) {
	for _, d := range a.dir.Devices(account) {
		if is(d) {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// standing is why a device may not call now with its newest certificate and key: gate.Allowed if any call that it could make passes, else
// the reason for which the first of them is refused. The host that it calls is left out of it.
func (a *Authority) standing(device *gate.Device, now time.Time) (gate.Reason, error) {
	config := a.current()
	if config == nil {
		return gate.Unavailable, gate.Errorf(gate.ShuttingDown, "no configuration is in force yet; try again")
	}
	s := &rehearsal{device: device, request: gate.Request{Site: config.Site(device.Environment), TLS: true, Peer: AnAddress(device)}}
	var err error
	if s.caller, err = a.Rehearse(&s.request, device, now); err != nil {
		return gate.Unavailable, err
	}
	reason := gate.Unavailable
	for i, call := range s.possible(now) {
		call.set(&s.request)
		d := gate.Decide(&s.request, s.caller, now)
		if d.Allowed() {
			return gate.Allowed, nil
		}
		if i == 0 {
			reason = d.Reason
		}
	}
	return reason, nil
}

// possible are the calls that a device could make: in production those it is certified for, elsewhere those of its own grant, each once for
// each purpose; at least one.
func (s *rehearsal) possible(now time.Time) []sampleCall {
	if s.device.Environment.NeedsCertification() {
		return s.calls(now)
	}
	var names []string
	purposes := gate.Purposes()
	if g := s.device.Grant; g != nil {
		names, purposes = g.Behaviors, g.Purposes
	} else {
		for _, b := range s.request.Site.Behaviors.List() {
			names = append(names, b.Name)
		}
	}
	return append(s.samples(names, purposes), sampleCall{method: "GET", path: "/"})
}
