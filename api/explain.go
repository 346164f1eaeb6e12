package api

import (
	"net/netip"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Explanation says what would be decided about a call of a device, check by check. Nothing is called and nothing is counted.
type Explanation struct {
	Allowed bool      `json:"allowed"`
	Reason  string    `json:"reason"` // of the first check that fails; allowed if none does
	Checks  []Checked `json:"checks"` // all of them, also those after the first that fails
}

// Checked is what one check would find.
type Checked struct {
	Check  string `json:"check"`
	Reason string `json:"reason"`          // allowed, or why not
	Title  string `json:"title,omitempty"` // the reason for people
}

// Call is a call to explain.
type Call struct {
	Device  string // by id or slug path
	Method  string // default GET
	Path    string
	Purpose string // as in Purpose-Of-Use; may be empty
	Address string // of the peer; default one from which the device may call
}

// explainCall lets every check look at a call with the device's newest credential. The key's secret is nobody's to know; it is taken as
// right, for the question is what would happen to whoever holds it.
func explainCall(x *exchange) (*shown, error) {
	q := x.r.URL.Query()
	config := x.staff.Config()
	if config == nil {
		return nil, gate.Errorf(gate.ShuttingDown, "no configuration is in force yet; try again")
	}
	device, err := x.dir.Device(q.Get("device"))
	if err != nil {
		return nil, reference("device", err)
	}
	r := &gate.Request{Site: config.Site(device.Environment), TLS: true, Method: "GET", Path: q.Get("path")}
	if m := q.Get("method"); m != "" {
		r.Method = m
	}
	if p := q.Get("purpose"); p != "" {
		r.Purpose = []string{p}
	}
	if r.Peer, err = peerOf(q.Get("address"), device); err != nil {
		return nil, err
	}
	caller, err := x.credentialFor(r, device)
	if err != nil {
		return nil, err
	}
	out := &Explanation{Reason: gate.Allowed.String()}
	for _, result := range gate.Explain(r, caller, x.now) {
		c := Checked{Check: result.Check.String(), Reason: result.Reason.String()}
		if result.Reason != gate.Allowed {
			c.Title = pages[c.Reason].Title
			if out.Reason == gate.Allowed.String() {
				out.Reason = c.Reason
			}
		}
		out.Checks = append(out.Checks, c)
	}
	out.Allowed = out.Reason == gate.Allowed.String()
	return &shown{view: out}, nil
}

// peerOf is the address given, or one from which the device may call if there is any.
func peerOf(given string, device *gate.Device) (netip.Addr, error) {
	if given != "" {
		peer, err := netip.ParseAddr(given)
		if err != nil {
			return peer, gate.FieldErrorf("address", "%q: must be an IP address such as 203.0.113.7", gate.Clip(given, 60))
		}
		return peer, nil
	}
	if len(device.Addresses.These) > 0 {
		return device.Addresses.These[0].Addr(), nil
	}
	return netip.IPv4Unspecified(), nil
}

// credentialFor puts the device's newest certificate and key into the request, live ones first, and finds the caller by them.
func (x *exchange) credentialFor(r *gate.Request, device *gate.Device) (*gate.Caller, error) {
	var probe certstore.Probe
	if crt := best(x.dir.Certificates(device.ID), func(c *gate.Certificate) bool { return c.State(x.now).Live() }); crt != nil {
		r.Leaf = &gate.Leaf{Fingerprint: crt.Fingerprint, Anchor: crt.Issuer, NotBefore: crt.NotBefore, NotAfter: crt.NotAfter, ClientAuth: true}
		probe.Leaf, probe.Anchor = crt.Fingerprint, crt.Issuer
	}
	key := best(x.dir.Keys(device.ID), func(k *gate.Key) bool { return k.State(x.now).Live() })
	if key != nil {
		text, _, err := gate.NewKey(device.Environment, zeros{})
		if err != nil {
			return nil, err
		}
		r.Authorization = []string{"Bearer " + text} // any key of the right form: what counts is the record
		probe.Handle = key.Handle
	}
	caller := new(gate.Caller)
	x.dir.Caller(&probe, caller)
	caller.KeyProven = key != nil
	if caller.Device == nil {
		return caller, x.owners(caller, device)
	}
	return caller, nil
}

// owners fills in what would be found by a credential, for a device that has none yet.
func (x *exchange) owners(caller *gate.Caller, device *gate.Device) (err error) {
	caller.Device = device
	if caller.Organization, err = x.dir.Organization(string(device.Organization)); err != nil {
		return err
	}
	if caller.Account, err = x.dir.Account(string(device.Account)); err != nil {
		return err
	}
	caller.Contracts, caller.Certifications = x.dir.Contracts(device.Account), x.dir.Certifications(device.Account)
	for _, r := range x.dir.Remediations(device.Account) {
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
