package gate_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
)

func TestFourClocksRun(t *testing.T) {
	s := good(t, gate.Production)
	day := func(n int) time.Time { return noon.AddDate(0, 0, n) }
	s.c.Key.RetireAt = new(day(3))
	s.c.Certificate.NotAfter = day(2)
	s.c.Certifications[0].RecertifyBy = new(day(1))
	_, ends := s.c.Contracts[0].Term()
	want := []gate.Clock{{gate.CertificationClock, day(1)}, {gate.CertificateClock, day(2).Add(time.Second)}, {gate.KeyClock, day(3)}, {gate.ContractClock, ends}}
	if diff := cmp.Diff(want, gate.Clocks(&s.c, noon)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(want[3:], gate.Clocks(&s.c, day(5))); diff != "" {
		t.Errorf("five days later, -want +got:\n%s", diff)
	}
	if got := gate.Clocks(&gate.Caller{}, noon); got != nil {
		t.Errorf("a stranger: %v", got)
	}
	if got := gate.Clocks(&s.c, ends); got != nil {
		t.Errorf("after all: %v", got)
	}
}

func TestARenewalWindsTheContractsClock(t *testing.T) {
	s := good(t, gate.Production)
	next := renew(t, s.c.Contracts[0], "2028-12-31", immaterially(noon))
	s.c.Contracts = append(s.c.Contracts, next)
	_, first := s.c.Contracts[0].Term()
	_, second := next.Term()
	first, second = first.UTC(), second.UTC()
	s.c.Certificate.NotAfter = second.AddDate(1, 0, 0)
	// Without being carried over, the certification ends with its own term.
	clocks := gate.Clocks(&s.c, noon)
	if clocks[0] != (gate.Clock{Kind: gate.CertificationClock, Ends: first}) || clocks[1] != (gate.Clock{Kind: gate.ContractClock, Ends: second}) {
		t.Errorf("%v", clocks)
	}
	carried, _ := s.c.Certifications[0].Carry(next)
	s.c.Certifications[0] = &carried
	clocks = gate.Clocks(&s.c, noon)
	if clocks[0] != (gate.Clock{Kind: gate.ContractClock, Ends: second}) || clocks[1] != (gate.Clock{Kind: gate.CertificationClock, Ends: second}) {
		t.Errorf("%v", clocks)
	}
}

func TestTheForecastIsWhatDecideWillSay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := good(rt, gate.Production)
		day := func(label string) time.Time {
			return noon.Add(time.Duration(rapid.IntRange(1, 100*24).Draw(rt, label)) * time.Hour)
		}
		maybe := func(label string, do func(at time.Time)) {
			if rapid.Bool().Draw(rt, label) {
				do(day(label + " hours"))
			}
		}
		s.r.Leaf.NotAfter = day("leaf")
		s.c.Certificate.NotAfter = s.r.Leaf.NotAfter
		maybe("retire", func(at time.Time) { s.c.Key.RetireAt = &at })
		maybe("recertify", func(at time.Time) { s.c.Certifications[0].RecertifyBy = &at })
		maybe("end", func(at time.Time) { s.c.Contracts[0].Ended = &gate.Ending{At: at} })
		maybe("close", func(at time.Time) {
			s.c.Remediations[gate.OfAccount] = []*gate.Remediation{{Measure: gate.Terminate, From: at}}
		})
		until := noon.AddDate(0, 0, 120)
		out, found := gate.Forecast(&s.r, &s.c, noon, until)
		if !found {
			rt.Fatal("nothing ends")
		}
		if got := gate.Decide(&s.r, &s.c, out.At); got.Reason != out.Reason || got.Allowed() {
			rt.Fatalf("forecast %s at %s, and it is %s", out.Reason, out.At, got.Reason)
		}
		for at := noon; at.Before(out.At.Add(-time.Second)); at = at.Add(time.Hour) {
			if d := gate.Decide(&s.r, &s.c, at); !d.Allowed() {
				rt.Fatalf("refused at %s as %s, before the forecast of %s", at, d.Reason, out.At)
			}
		}
		if _, found := gate.Forecast(&s.r, &s.c, noon, out.At); found {
			rt.Fatalf("found before %s", out.At)
		}
		named := out.Clock != ""
		if stopped := out.Reason == gate.AccountTerminated; named && stopped && len(gate.Clocks(&s.c, noon)) == 0 {
			rt.Fatalf("%+v", out)
		}
	})
}

func TestWhatIsRefusedAlreadyIsForecastForNow(t *testing.T) {
	s := good(t, gate.Production)
	s.c.Certificate.Revoked = &gate.Revocation{At: noon}
	out, found := gate.Forecast(&s.r, &s.c, noon, noon.Add(1))
	if want := (gate.Outlook{At: noon, Reason: gate.CertificateRevoked}); !found || out != want {
		t.Errorf("%+v", out)
	}
}

func TestASampleIsMatchedByItsBehavior(t *testing.T) {
	table := compile(t, append(behaviors(), gate.Behavior{Name: "any", Method: "*", Path: "/any/*"}, gate.Behavior{Name: "any-get", Method: "GET", Path: "/any/*"},
		gate.Behavior{Name: "x", Method: "GET", Path: "/fhir/x"})...)
	for _, b := range table.List() {
		method, path, ok := table.Sample(b.Name)
		s := good(t, gate.Preprod)
		s.r.Site.Behaviors, s.c.Device.Grant, s.r.Method, s.r.Path = table, nil, method, path
		if d := s.decide(); !ok || !d.Allowed() || d.Behavior.Name != b.Name {
			t.Errorf("%s: %s %s is %s of %v", b.Name, method, path, d.Reason, d.Behavior)
		}
	}
	if _, _, ok := table.Sample("nothing"); ok {
		t.Error("a sample of nothing")
	}
}
