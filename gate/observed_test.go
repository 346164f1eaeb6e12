package gate_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func TestWhatWasDeclaredStandsBesideWhatWasSeen(t *testing.T) {
	later := noon.Add(time.Hour)
	one := gate.Observed{}.See(gate.Shown{Behavior: "fhir-query", Purpose: gate.Treatment, Network: gate.NetworkOf(netip.MustParseAddr("203.0.113.7"))}, noon)
	two := gate.Observed{}.See(gate.Shown{Behavior: "fhir-query", Purpose: gate.Payment, Network: gate.NetworkOf(netip.MustParseAddr("198.51.100.9"))}, later)
	profile := gate.Profile{
		Grant:    gate.Grant{Behaviors: []string{"fhir-query", "fhir-match"}, Purposes: []gate.Purpose{gate.Treatment}},
		Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/28"), netip.MustParsePrefix("2001:db8::/48")},
	}
	want := []gate.Compared{
		{Aspect: gate.BehaviorAspect, Name: "fhir-query", Verdict: gate.WasShown, First: &noon, Last: &later},
		{Aspect: gate.BehaviorAspect, Name: "fhir-match", Verdict: gate.NeverShown},
		{Aspect: gate.PurposeAspect, Name: "TREAT", Verdict: gate.WasShown, First: &noon, Last: &noon},
		{Aspect: gate.PurposeAspect, Name: "HPAYMT", Verdict: gate.Beyond, First: &later, Last: &later},
		{Aspect: gate.NetworkAspect, Name: "203.0.113.0/28", Verdict: gate.WasShown, First: &noon, Last: &noon},
		{Aspect: gate.NetworkAspect, Name: "2001:db8::/48", Verdict: gate.NeverShown},
		{Aspect: gate.NetworkAspect, Name: "198.51.100.0/24", Verdict: gate.Beyond, First: &later, Last: &later},
	}
	if diff := cmp.Diff(want, gate.Compare(&profile, []*gate.Observed{&one, &two})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	profile.Networks = nil
	for _, c := range gate.Compare(&profile, []*gate.Observed{&one}) {
		if c.Aspect == gate.NetworkAspect && c.Verdict != gate.NotDeclared {
			t.Errorf("%+v", c)
		}
	}
}

func TestWhatIsObservedIsBounded(t *testing.T) {
	var o gate.Observed
	for i := range 100 {
		o = o.See(gate.Shown{Behavior: "fhir-query", Network: gate.NetworkOf(netip.AddrFrom4([4]byte{10, 0, byte(i), 1}))}, noon)
	}
	if len(o.Networks) != 64 || !o.Overflowed || len(o.Behaviors) != 1 || len(o.Purposes) != 0 {
		t.Errorf("%d networks, %d behaviors, %d purposes, overflowed: %v", len(o.Networks), len(o.Behaviors), len(o.Purposes), o.Overflowed)
	}
	known := o.Networks[3]
	o = o.See(gate.Shown{Network: netip.MustParsePrefix(known.Name)}, noon.Add(time.Hour))
	if !o.Networks[3].Last.Equal(noon.Add(time.Hour)) || !o.Networks[3].First.Equal(noon) || !known.Last.Equal(noon) {
		t.Errorf("%+v, was %+v", o.Networks[3], known)
	}
}

func TestNetworksAreRememberedCoarsely(t *testing.T) {
	for address, want := range map[string]string{"203.0.113.7": "203.0.113.0/24", "::ffff:203.0.113.7": "203.0.113.0/24", "2001:db8:1:2::3": "2001:db8:1::/48", "fe80::1%eth0": "fe80::/48"} {
		if got := gate.NetworkOf(netip.MustParseAddr(address)).String(); got != want {
			t.Errorf("%s is of %s, want %s", address, got, want)
		}
	}
	if gate.NetworkOf(netip.Addr{}).IsValid() {
		t.Error("no address is of a network")
	}
}

func TestAProfileIsChecked(t *testing.T) {
	networks := func(texts ...string) gate.Profile {
		var p gate.Profile
		for _, text := range texts {
			p.Networks = append(p.Networks, netip.MustParsePrefix(text))
		}
		return p
	}
	many := gate.Profile{Networks: make([]netip.Prefix, 65)}
	for name, row := range map[string]struct {
		p    gate.Profile
		want string
	}{
		"good":                  {networks("203.0.113.0/24", "2001:db8::/32", "10.0.0.1/32"), ""},
		"everything":            {networks("0.0.0.0/0"), "networks[0]: 0.0.0.0/0 is larger"},
		"everything, version 6": {networks("::/0"), "is larger"},
		"bits after its length": {networks("10.0.0.0/24", "203.0.113.7/24"), "networks[1]: "},
		"twice":                 {networks("10.0.0.0/24", "10.0.0.0/24"), "is listed twice"},
		"mapped":                {networks("::ffff:10.0.0.0/120"), "must be a network"},
		"multicast":             {networks("224.0.0.0/24"), "no call comes from"},
		"none":                  {gate.Profile{Networks: make([]netip.Prefix, 1)}, "must be a network"},
		"too many":              {many, "at most 64"},
		"a negative volume":     {gate.Profile{DailyVolume: -1}, "daily_volume: -1"},
		"hosting in two lines":  {gate.Profile{Hosting: "a\nb"}, "hosting: "},
	} {
		err := row.p.Check()
		if row.want == "" && err != nil || row.want != "" && (!errors.Is(err, gate.Invalid) || !strings.Contains(fmt.Sprint(err), row.want)) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
}
