package gate_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
)

func TestEveryFactIsNeeded(t *testing.T) {
	for _, e := range environments {
		if got := good(t, e).decide(); got.Reason != gate.Allowed {
			t.Fatalf("%s: the good request is refused: %s", e, got.Reason)
		}
		for _, f := range faults() {
			s := good(t, e)
			f.edit(s)
			if got := s.decide(); got.Reason != f.want(e) {
				t.Errorf("%s: %s: %s, want %s", e, f.name, got.Reason, f.want(e))
			}
			if got := firstRefusal(s); got != f.want(e) {
				t.Errorf("%s: %s: Explain finds %s first, want %s", e, f.name, got, f.want(e))
			}
		}
	}
}

// firstRefusal is what Explain finds first.
func firstRefusal(s *scene) gate.Reason {
	for _, result := range gate.Explain(&s.r, &s.c, s.now) {
		if result.Reason != gate.Allowed {
			return result.Reason
		}
	}
	return gate.Allowed
}

func TestEveryReasonOfADecisionHasAFault(t *testing.T) {
	seen := map[gate.Reason]bool{gate.Allowed: true}
	for _, f := range faults() {
		seen[f.production], seen[f.sandbox] = true, true
	}
	for _, r := range gate.Reasons() {
		if want := r != gate.ClockUnusable && !r.OverLimit(); seen[r] != want { // the shell alone knows the clock, and what was used
			t.Errorf("%s: has a fault: %t, want %t", r, seen[r], want)
		}
	}
}

func TestTheFirstCheckThatFailsDecides(t *testing.T) {
	all := faults()
	rapid.Check(t, func(rt *rapid.T) {
		e := rapid.SampledFrom(environments).Draw(rt, "environment")
		s := good(t, e)
		for range rapid.IntRange(0, 4).Draw(rt, "faults") {
			all[rapid.IntRange(0, len(all)-1).Draw(rt, "fault")].try(s)
		}
		got, want := s.decide(), firstRefusal(s)
		if got.Reason != want {
			rt.Fatalf("Decide says %s, the first refusal of Explain is %s", got.Reason, want)
		}
		if identity := gate.Identify(&s.r, &s.c, s.now); identity.Reason != want && identity.Reason != gate.Allowed {
			rt.Fatalf("Identify says %s, want %s or allowed", identity.Reason, want)
		}
	})
}

func TestFaultsAreFoundInTheOrderOfTheChecks(t *testing.T) {
	// The first of each check, one after another: each is masked by those before it.
	order := []string{"a site without environment", "no certificate", "an unknown leaf", "two purposes", "no key",
		"a certificate of another device", "a suspended account", "no contract", "no certification", "a path that nobody declared",
		"no purpose, and two are granted", "no address", "an upgrade where none is allowed"}
	byName := map[string]fault{}
	for _, f := range faults() {
		byName[f.name] = f
	}
	s := good(t, gate.Production)
	for _, name := range slices.Backward(order) {
		f, ok := byName[name]
		if !ok {
			t.Fatalf("no fault is called %q", name)
		}
		f.edit(s)
		if got := s.decide(); got.Reason != f.production {
			t.Errorf("with %s and everything after it: %s, want %s", f.name, got.Reason, f.production)
		}
	}
}

func TestExplainNamesEveryObstacle(t *testing.T) {
	s := good(t, gate.Production)
	s.r.Leaf.NotAfter = noon.Add(-time.Hour)
	s.r.Authorization = nil
	s.c.Contracts = nil
	s.r.Peer = netip.Addr{}
	want := map[gate.Check]gate.Reason{
		gate.CheckChain: gate.CertificateExpired, gate.CheckKey: gate.KeyRequired, gate.CheckContract: gate.ContractMissing,
		gate.CheckCertification: gate.CertificationEnded, gate.CheckBehavior: gate.BehaviorNotGranted, gate.CheckPurpose: gate.PurposeNotGranted,
		gate.CheckAddress: gate.AddressNotAllowed,
	}
	got := map[gate.Check]gate.Reason{}
	names := map[string]bool{}
	for i, r := range gate.Explain(&s.r, &s.c, s.now) {
		if int(r.Check) != i || r.Check.String() == "" || names[r.Check.String()] {
			t.Errorf("result %d is of check %d, %q", i, r.Check, r.Check)
		}
		names[r.Check.String()] = true
		if r.Reason != gate.Allowed {
			got[r.Check] = r.Reason
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheZeroDecisionDenies(t *testing.T) {
	s := good(t, gate.Production)
	decisions := map[string]gate.Decision{
		"zero":                {},
		"no request":          gate.Decide(nil, &s.c, noon),
		"an empty request":    gate.Decide(&gate.Request{}, &s.c, noon),
		"no caller":           gate.Decide(&s.r, nil, noon),
		"a stranger":          gate.Decide(&s.r, &gate.Caller{}, noon),
		"nothing":             gate.Decide(nil, nil, time.Time{}),
		"an identity of none": gate.Identify(nil, nil, time.Time{}),
	}
	for name, d := range decisions {
		if d.Allowed() {
			t.Errorf("%s: allowed", name)
		}
	}
	for _, results := range [][]gate.CheckResult{gate.Explain(nil, nil, noon), gate.Explain(&s.r, nil, noon), gate.Explain(&gate.Request{}, &s.c, noon)} {
		if diff := cmp.Diff([]gate.CheckResult{{Check: gate.CheckSite, Reason: gate.Unavailable}}, results); diff != "" {
			t.Errorf("Explain without enough to judge (-want +got):\n%s", diff)
		}
	}
}

func TestAnAllowedDecisionSaysWhatWasFound(t *testing.T) {
	s := good(t, gate.Production)
	s.r.Path = "/fhir/%50atient/1"
	got := s.decide()
	behavior, _ := s.r.Site.Behaviors.Named("fhir-query")
	want := gate.Decision{Reason: gate.Allowed, Path: "/fhir/Patient/1", Behavior: behavior, Purpose: gate.Treatment,
		Contract: s.c.Contracts[0], Certification: s.c.Certifications[0]}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(gate.Contract{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIdentifyAsksOnlyWhoCalls(t *testing.T) {
	for _, e := range environments {
		for _, f := range concat(remediationFaults(), termFaults(), callFaults()) {
			s := good(t, e)
			f.edit(s)
			if got := gate.Identify(&s.r, &s.c, s.now); got.Reason != gate.Allowed {
				t.Errorf("%s: %s: %s, want allowed", e, f.name, got.Reason)
			}
		}
		for _, f := range concat(siteFaults(), certificateFaults(), formFaults(), keyFaults()) {
			s := good(t, e)
			f.edit(s)
			if got := gate.Identify(&s.r, &s.c, s.now); got.Reason != f.want(e) {
				t.Errorf("%s: %s: %s, want %s", e, f.name, got.Reason, f.want(e))
			}
		}
	}
}

func TestOneAnswerForEveryWellFormedKeyThatIsNotRight(t *testing.T) {
	for _, e := range []gate.Environment{gate.Preprod, gate.Production} {
		var first *gate.Decision
		for _, f := range keyFaults() {
			s := good(t, e)
			f.edit(s)
			if key, _ := s.r.Key(); key.Shape != gate.WellFormed || key.Environment != e {
				continue
			}
			got := s.decide()
			if first == nil {
				first = &got
			}
			if diff := cmp.Diff(*first, got); diff != "" || got.Reason != gate.InvalidToken {
				t.Errorf("%s: %s can be told apart (-first +this):\n%s", e, f.name, diff)
			}
		}
		if first == nil {
			t.Errorf("%s: no fault has a well-formed key", e)
		}
	}
}

func TestASuspendedAccountIsToldOnlyToWhoProvedTheKey(t *testing.T) {
	for _, f := range keyFaults() {
		s := good(t, gate.Production)
		s.c.Remediations[gate.OfAccount] = []*gate.Remediation{{Measure: gate.Suspend, From: noon}}
		f.edit(s)
		if got := s.decide(); got.Reason != f.production || got.Scope != "" {
			t.Errorf("%s: %s about %q, want %s", f.name, got.Reason, got.Scope, f.production)
		}
	}
}

func TestPresentDecidesAsKeyDoes(t *testing.T) {
	for _, e := range environments {
		for _, f := range faults() {
			s := good(t, e)
			f.edit(s)
			want := s.decide()
			key, fault := s.r.Key()
			if gotKey, gotFault := s.r.Present(); gotKey != key || gotFault != fault {
				t.Errorf("%s: %s: Present and Key do not agree", e, f.name)
			}
			if got := s.decide(); got.Reason != want.Reason {
				t.Errorf("%s: %s: %s after Present, %s without", e, f.name, got.Reason, want.Reason)
			}
		}
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	for _, e := range environments {
		s := good(t, e)
		if n := testing.AllocsPerRun(100, func() { _ = s.decide() }); n != 0 {
			t.Errorf("%s: %v allocations for each decision", e, n)
		}
	}
}

func ExampleDecide() {
	site := &gate.Site{Environment: gate.Production}
	stranger := gate.Decide(&gate.Request{Site: site, TLS: true}, &gate.Caller{}, time.Unix(0, 0))
	fmt.Println(stranger.Reason, stranger.Allowed())
	// Output: certificate-required false
}

func TestAMethodIsAWordInUpperCase(t *testing.T) {
	s := good(t, gate.Sandbox)
	s.c.Device.Grant = nil
	s.r.Site.Behaviors = compile(t, gate.Behavior{Name: "any", Method: "*", Path: "/fhir/*"})
	for method, want := range map[string]gate.Reason{
		"GET": gate.Allowed, "M-SEARCH": gate.Allowed, "AZ": gate.Allowed, "QUERY": gate.Allowed,
		"": gate.InvalidRequest, "get": gate.InvalidRequest, "Get": gate.InvalidRequest, "G@T": gate.InvalidRequest, "G[T": gate.InvalidRequest,
		"GET X": gate.InvalidRequest, "GET\n": gate.InvalidRequest, "*": gate.InvalidRequest, "GET1": gate.InvalidRequest,
		"connect": gate.InvalidRequest, "trace": gate.InvalidRequest,
	} {
		s.r.Method = method
		if got := s.decide(); got.Reason != want {
			t.Errorf("%q: %s, want %s", method, got.Reason, want)
		}
	}
}

func TestAWebSocketOpensWhereItsBehaviorSaysSo(t *testing.T) {
	for _, e := range environments {
		s := good(t, e)
		s.r.Path = "/subscriptions/1/socket"
		for upgrade, want := range map[string]gate.Reason{
			"": gate.Allowed, "websocket": gate.Allowed, "WebSocket": gate.Allowed, "h2c": gate.UpgradeNotAllowed, "websocket/13": gate.UpgradeNotAllowed,
		} {
			s.r.Upgrade = upgrade
			if got := s.decide(); got.Reason != want {
				t.Errorf("%s: upgrade to %q: %s, want %s", e, upgrade, got.Reason, want)
			}
		}
	}
}
