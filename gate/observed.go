package gate

import (
	"net/netip"
	"slices"
	"time"
)

// Observed is what a pre-production device has really done: behaviors, purposes and source networks of its allowed calls. It stands
// beside what the customer declares. It is bounded, and never says when each call came or what it was about.
type Observed struct {
	Device     DeviceID      `json:"device"`
	Account    AccountID     `json:"account"`
	Behaviors  []Observation `json:"behaviors,omitempty"`
	Purposes   []Observation `json:"purposes,omitempty"`
	Networks   []Observation `json:"networks,omitempty"`
	Overflowed bool          `json:"overflowed,omitempty"` // there was more than is kept
}

// Observation is one thing that was seen, and when first and last, to about an hour.
type Observation struct {
	Name  string    `json:"name"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// Shown is what one allowed call shows.
type Shown struct {
	Behavior string
	Purpose  Purpose      // empty: none
	Network  netip.Prefix // see NetworkOf
}

// maxObservations bounds each list of Observed: a device that calls from everywhere must not fill the store.
const maxObservations = 64

// NetworkOf is the network of an address as it is remembered: /24 for IPv4, /48 for IPv6.
func NetworkOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address
	}
	return p
}

// See notes what a call at now showed.
func (o Observed) See(s Shown, now time.Time) Observed {
	network := ""
	if s.Network.IsValid() {
		network = s.Network.String()
	}
	for name, list := range map[string]*[]Observation{s.Behavior: &o.Behaviors, string(s.Purpose): &o.Purposes, network: &o.Networks} {
		if name != "" && !observe(list, name, now) {
			o.Overflowed = true
		}
	}
	return o
}

// observe notes one name in a copy of the list, and reports whether there was room.
func observe(list *[]Observation, name string, now time.Time) bool {
	i := slices.IndexFunc(*list, func(o Observation) bool { return o.Name == name })
	switch {
	case i >= 0:
		*list = slices.Clone(*list)
		if now.After((*list)[i].Last) {
			(*list)[i].Last = now
		}
	case len(*list) >= maxObservations:
		return false
	default:
		*list = append(slices.Clone(*list), Observation{Name: name, First: now, Last: now})
	}
	return true
}

// Compared is one thing that the customer declares, or that its devices did in pre-production.
type Compared struct {
	Aspect  Aspect     `json:"aspect"`
	Name    string     `json:"name"`
	Verdict Verdict    `json:"verdict"`
	First   *time.Time `json:"first,omitempty"` // seen first, and last; nil: never
	Last    *time.Time `json:"last,omitempty"`
}

// Aspect says what is compared.
type Aspect string

// The aspects, a closed list.
const (
	BehaviorAspect Aspect = "behavior"
	PurposeAspect  Aspect = "purpose"
	NetworkAspect  Aspect = "network"
)

// Aspects lists them all.
func Aspects() []Aspect { return []Aspect{BehaviorAspect, PurposeAspect, NetworkAspect} }

// Verdict says how what was declared and what was seen go together.
type Verdict string

// The verdicts, a closed list.
const (
	WasShown    Verdict = "shown"      // declared, and seen
	NeverShown  Verdict = "never"      // declared, and not seen
	Beyond      Verdict = "beyond"     // seen, and not declared
	NotDeclared Verdict = "undeclared" // seen, where nothing of the kind was declared at all
)

// Verdicts lists them all.
func Verdicts() []Verdict { return []Verdict{WasShown, NeverShown, Beyond, NotDeclared} }

// Compare puts what a profile declares beside what devices did.
func Compare(p *Profile, seen []*Observed) []Compared {
	var behaviors, purposes, networks []Observation
	for _, o := range seen {
		behaviors, purposes, networks = append(behaviors, o.Behaviors...), append(purposes, o.Purposes...), append(networks, o.Networks...)
	}
	same := func(declared, name string) bool { return declared == name }
	declaredPurposes, declaredNetworks := make([]string, 0, len(p.Grant.Purposes)), make([]string, 0, len(p.Networks))
	for _, purpose := range p.Grant.Purposes {
		declaredPurposes = append(declaredPurposes, string(purpose))
	}
	for _, network := range p.Networks {
		declaredNetworks = append(declaredNetworks, network.String())
	}
	return slices.Concat(
		compare(BehaviorAspect, p.Grant.Behaviors, behaviors, same),
		compare(PurposeAspect, declaredPurposes, purposes, same),
		compare(NetworkAspect, declaredNetworks, networks, overlaps))
}

func compare(aspect Aspect, declared []string, seen []Observation, covers func(declared, name string) bool) (list []Compared) {
	for _, name := range declared {
		c := Compared{Aspect: aspect, Name: name, Verdict: NeverShown}
		for i := range seen {
			if covers(name, seen[i].Name) {
				c.Verdict = WasShown
				c.widen(&seen[i])
			}
		}
		list = append(list, c)
	}
	verdict, first := Beyond, len(list)
	if len(declared) == 0 {
		verdict = NotDeclared
	}
	for i := range seen {
		o := &seen[i]
		if slices.ContainsFunc(declared, func(name string) bool { return covers(name, o.Name) }) {
			continue
		}
		n := slices.IndexFunc(list[first:], func(c Compared) bool { return c.Name == o.Name })
		if n < 0 {
			list = append(list, Compared{Aspect: aspect, Name: o.Name, Verdict: verdict})
			n = len(list) - first - 1
		}
		list[first+n].widen(o)
	}
	return list
}

// widen takes in when the observation was.
func (c *Compared) widen(o *Observation) {
	if c.First == nil || o.First.Before(*c.First) {
		c.First = &o.First
	}
	if c.Last == nil || o.Last.After(*c.Last) {
		c.Last = &o.Last
	}
}

// overlaps reports whether calls of the seen network may have come from the declared one, which may be smaller than what is remembered.
func overlaps(declared, seen string) bool {
	a, errA := netip.ParsePrefix(declared)
	b, errB := netip.ParsePrefix(seen)
	return errA == nil && errB == nil && a.Overlaps(b)
}
