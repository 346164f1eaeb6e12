package gate_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

func TestEnvironmentsAreReadAsTheyArePrinted(t *testing.T) {
	for _, e := range environments {
		text, err := json.Marshal(e)
		var back gate.Environment
		if err != nil || json.Unmarshal(text, &back) != nil || back != e {
			t.Errorf("%s: %s is read as %s, %v", e, text, back, err)
		}
	}
	for _, s := range []string{"", "none", "Production", "prod", "production "} {
		if e, err := gate.ParseEnvironment(s); !errors.Is(err, gate.Invalid) || e != gate.NoEnvironment {
			t.Errorf("%q is read as %s, %v", s, e, err)
		}
	}
}

func TestOnlyKnownEnvironmentsHaveATag(t *testing.T) {
	want := map[gate.Environment]string{gate.Sandbox: "ort_", gate.Preprod: "orpp_", gate.Production: "orpk_"}
	for e := gate.Environment(-1); e < 6; e++ {
		if got := e.KeyTag(); got != want[e] {
			t.Errorf("%d: %q, want %q", e, got, want[e])
		}
	}
}

func TestAnEnvironmentThatIsNotSandboxAsksForMore(t *testing.T) {
	for e := gate.Environment(-1); e < 6; e++ {
		if got, want := e.NeedsCertificate(), e != gate.Sandbox; got != want {
			t.Errorf("%d: certificate %t", e, got)
		}
		if got, want := e.NeedsCertification(), e != gate.Sandbox && e != gate.Preprod; got != want {
			t.Errorf("%d: certification %t", e, got)
		}
	}
}

func TestTwoPeopleLowerAHost(t *testing.T) {
	lowering := func(to gate.Environment, proposed, confirmed gate.StaffID) *gate.Lowering {
		return &gate.Lowering{To: to, Why: "moved", ProposedBy: proposed, ConfirmedBy: confirmed}
	}
	rows := []struct {
		name                         string
		host                         *gate.Host
		sandbox, preprod, production bool
	}{
		{"never served", nil, true, true, true},
		{"served as a sandbox", &gate.Host{Strictest: gate.Sandbox}, true, true, true},
		{"served as preprod", &gate.Host{Strictest: gate.Preprod}, false, true, true},
		{"served as production", &gate.Host{Strictest: gate.Production}, false, false, true},
		{"lowering proposed", &gate.Host{Strictest: gate.Production, Lowering: lowering(gate.Sandbox, "stf_ben", "")}, false, false, true},
		{"lowering confirmed", &gate.Host{Strictest: gate.Production, Lowering: lowering(gate.Sandbox, "stf_ben", "stf_cho")}, true, true, true},
		{"lowering to preprod confirmed", &gate.Host{Strictest: gate.Production, Lowering: lowering(gate.Preprod, "stf_ben", "stf_cho")}, false, true, true},
		{"lowering confirmed by who proposed it", &gate.Host{Strictest: gate.Production, Lowering: lowering(gate.Sandbox, "stf_ben", "stf_ben")}, false, false, true},
	}
	for _, row := range rows {
		for e, want := range map[gate.Environment]bool{gate.Sandbox: row.sandbox, gate.Preprod: row.preprod, gate.Production: row.production} {
			if got := row.host.Allows(e, time.Time{}); got != want {
				t.Errorf("%s: %s %t, want %t", row.name, e, got, want)
			}
			s := good(t, e)
			s.c.Host = row.host
			reason := gate.Allowed
			if !want {
				reason = gate.StateUnconfirmed
			}
			if got := s.decide(); got.Reason != reason {
				t.Errorf("%s: %s: %s, want %s", row.name, e, got.Reason, reason)
			}
		}
	}
}

func TestAHostIsLoweredOnlyBelowWhatItServedAndForAReason(t *testing.T) {
	host := gate.Host{Name: "api.example.com", Strictest: gate.Preprod}
	begin := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	end := begin.Add(time.Hour)
	rows := []struct {
		to   gate.Environment
		why  string
		want string // the field at fault
	}{
		{gate.Sandbox, "moved", ""},
		{gate.Preprod, "moved", "to"},
		{gate.Production, "moved", "to"},
		{gate.NoEnvironment, "moved", "to"},
		{gate.Sandbox, " ", "why"},
	}
	for _, row := range rows {
		next, err := host.Propose(gate.Lowering{To: row.to, Until: &end, Why: row.why, ProposedBy: "stf_ben"}, begin)
		if row.want == "" {
			if err != nil || next.Allows(row.to, begin) || host.Lowering != nil {
				t.Errorf("to %s: allowed before a second person confirmed it, or %v", row.to, err)
			}
			continue
		}
		if e, ok := errors.AsType[*gate.Error](err); !ok || e.Kind != gate.Invalid || e.Field != row.want || next.Lowering != nil {
			t.Errorf("to %s because %q: %v, want an error about %s", row.to, row.why, err, row.want)
		}
	}
	if _, err := host.Confirm("stf_cho", false, begin); !errors.Is(err, gate.Conflict) {
		t.Errorf("confirmed without a proposal: %v", err)
	}
}

func TestALoweringEndsByItselfOrByOnePerson(t *testing.T) {
	begin := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	end := begin.Add(gate.LoweringLifetime)
	host := gate.Host{Name: "api.example.com", Strictest: gate.Production}
	proposed, err := host.Propose(gate.Lowering{To: gate.Sandbox, Until: &end, Why: "rehearsal", ProposedBy: "stf_ben"}, begin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := proposed.Confirm("stf_cho", true, end); !errors.Is(err, gate.Conflict) {
		t.Errorf("confirmed when it was over: %v", err)
	}
	lowered, err := proposed.Confirm("stf_cho", true, begin)
	if err != nil {
		t.Fatal(err)
	}
	raised, err := lowered.Raise("stf_eve", "it is over", begin.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		host *gate.Host
		at   time.Time
		want bool
	}{
		{"the last moment", &lowered, end.Add(-1), true},
		{"its end", &lowered, end, false},
		{"raised", &raised, begin.Add(time.Hour), false},
	} {
		if got := row.host.Allows(gate.Sandbox, row.at); got != row.want {
			t.Errorf("%s: %t, want %t", row.name, got, row.want)
		}
	}
	for name, h := range map[string]gate.Host{"raised twice": raised, "never lowered": host} {
		if _, err := h.Raise("stf_eve", "again", begin.Add(time.Hour)); !errors.Is(err, gate.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := lowered.Raise("stf_eve", "late", end); !errors.Is(err, gate.Conflict) {
		t.Errorf("raised when it was over: %v", err)
	}
	if _, err := lowered.Raise("stf_eve", " ", begin); !errors.Is(err, gate.Invalid) {
		t.Errorf("raised without a reason: %v", err)
	}
	if _, err := raised.Confirm("stf_cho", true, begin.Add(time.Hour)); !errors.Is(err, gate.Conflict) {
		t.Errorf("confirmed after it was raised: %v", err)
	}
	past, far := begin, begin.Add(gate.MaxLoweringLifetime+1)
	for _, until := range []*time.Time{nil, &past, &far} {
		_, err := host.Propose(gate.Lowering{To: gate.Sandbox, Until: until, Why: "x", ProposedBy: "stf_ben"}, begin)
		if e, ok := errors.AsType[*gate.Error](err); !ok || e.Field != "until" {
			t.Errorf("until %v: %v", until, err)
		}
	}
}
