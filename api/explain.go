package api

import (
	"cmp"
	"net/http"
	"net/netip"
	"time"

	"github.com/onerecord/certgate/authority"
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

// Call is a call to explain: a POST to evaluate takes it.
type Call struct {
	Device  string `json:"device"`           // by id or slug path
	Method  string `json:"method,omitempty"` // default GET
	Path    string `json:"path"`
	Purpose string `json:"purpose,omitempty"` // as in Purpose-Of-Use; may be empty
	Address string `json:"address,omitempty"` // of the peer; default one from which the device may call
	// At is when the call is made; default now. The records are those of now: what was revoked since is revoked at any time.
	At *time.Time `json:"at,omitempty"`
	// Contract, by id, stands in the place of all contracts of the account; default those that it has.
	Contract gate.ContractID `json:"contract,omitempty"`
}

// evaluate lets every check look at a call with the device's newest credential. The key's secret is nobody's to know; it is taken as
// right, for the question is what would happen to whoever holds it. It is a POST because a path may not stand in a log, and changes
// nothing.
func evaluate(x *exchange) error {
	if _, err := x.query(); err != nil {
		return err
	}
	body, err := x.body(maxBody)
	if err != nil {
		return err
	}
	in := new(Call)
	if err := decode(body, in); err != nil {
		return err
	}
	if in.At != nil {
		x.now = *in.At
	}
	out, err := x.explain(in)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, out)
}

func (x *exchange) explain(in *Call) (*Explanation, error) {
	config := x.staff.Config()
	if config == nil {
		return nil, gate.Errorf(gate.ShuttingDown, "no configuration is in force yet; try again")
	}
	device, err := x.dir.Device(in.Device)
	if err != nil {
		return nil, reference("device", err)
	}
	r := &gate.Request{Site: config.Site(device.Environment), TLS: true, Method: cmp.Or(in.Method, http.MethodGet), Path: in.Path}
	if in.Purpose != "" {
		r.Purpose = []string{in.Purpose}
	}
	if r.Peer, err = peerOf(in.Address, device); err != nil {
		return nil, err
	}
	caller, err := x.a.Rehearse(r, device, x.now)
	if err != nil {
		return nil, err
	}
	if in.Contract != "" {
		contract := x.dir.Contract(in.Contract)
		if contract == nil || contract.Account != device.Account {
			return nil, gate.FieldErrorf("contract", "%q: must be a contract of the device's account", gate.Clip(string(in.Contract), 60))
		}
		caller.Contracts = []*gate.Contract{contract}
	}
	return explanation(gate.Explain(r, caller, x.now)), nil
}

func explanation(results []gate.CheckResult) *Explanation {
	out := &Explanation{Reason: gate.Allowed.String()}
	for _, result := range results {
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
	return out
}

// peerOf is the address given, or one from which the device may call if there is any.
func peerOf(given string, device *gate.Device) (netip.Addr, error) {
	if given != "" {
		return parsePeer(given)
	}
	return authority.AnAddress(device), nil
}

func parsePeer(given string) (netip.Addr, error) {
	peer, err := netip.ParseAddr(given)
	if err != nil {
		return peer, gate.FieldErrorf("address", "%q: must be an IP address such as 203.0.113.7", gate.Clip(given, 60))
	}
	return peer, nil
}
