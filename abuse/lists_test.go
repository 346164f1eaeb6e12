package abuse

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func TestEveryRuleHasANameAWeightAndALimitToWhatItMayAskFor(t *testing.T) {
	for _, r := range Rules() {
		parsed, err := ParseRule(r.String())
		if err != nil || parsed != r {
			t.Errorf("%s: parsed as %v, %v", r, parsed, err)
		}
		if r.Weight() <= 0 {
			t.Errorf("%s weighs nothing", r)
		}
		if !r.Deterministic() && r.Most() >= Suspend {
			t.Errorf("%s is statistical and may ask for a suspension", r)
		}
	}
	if _, err := ParseRule("vibes"); !errors.Is(err, gate.Invalid) || !strings.Contains(err.Error(), "slow-drift") {
		t.Errorf("an unknown rule: %v", err)
	}
	var names struct {
		Modes map[Rule]Mode `json:"modes"`
		Step  Step          `json:"step"`
	}
	in := `{"modes":{"probing":"enforce","volume-spike":"off"},"step":"throttle"}`
	if err := json.Unmarshal([]byte(in), &names); err != nil {
		t.Fatal(err)
	}
	if out, err := json.Marshal(names); err != nil || string(out) != in {
		t.Errorf("%s, %v", out, err)
	}
	for _, bad := range []string{`{"modes":{"probing":"maybe"}}`, `{"step":"jail"}`, `{"modes":{"vibes":"off"}}`} {
		if err := json.Unmarshal([]byte(bad), &names); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestThresholdsThatCannotBeMeantAreRefusedByName(t *testing.T) {
	if d := Defaults(); d.Check() != nil {
		t.Fatal(d.Check())
	}
	rows := []struct{ text, want string }{
		{`{"volume_spike":{"floor":0}}`, "volume_spike.floor: is 0"},
		{`{"volume_spike":{"ratio":1}}`, "volume_spike.ratio: is 1, and must be from 1.2 to 100"},
		{`{"volume_spike":{"z":1000}}`, "volume_spike.z"},
		{`{"volume_spike":{"near":50}}`, "volume_spike.near: is higher than ratio"},
		{`{"patient_scraping":{"near":4}}`, "patient_scraping.near: is higher than ratio"},
		{`{"first_seen_patients":{"day":20}}`, "first_seen_patients.day: is lower than floor"},
		{`{"probing":{"targets":50}}`, "probing.targets: is higher than calls"},
		{`{"probing":{"share":1}}`, "probing.share"},
		{`{"slow_drift":{"ratio":3}}`, "slow_drift.ratio: is higher than factor"},
		{`{"slow_drift":{"sum":1}}`, "slow_drift.sum"},
		{`{"sequential_enumeration":{"run":60}}`, "sequential_enumeration.run"},
		{`{"signals":{"dead":200}}`, "signals.dead_hour: is lower than dead"},
		{`{"signals":{"foreign_keys":5}}`, "signals.foreign_accounts: is lower"},
		{`{"cooldown_hours":0}`, "cooldown_hours"},
		{`{"volume_spyke":{}}`, `unknown field "volume_spyke"`},
		{`{"volume_spike":{"floor":"ten"}}`, "thresholds"},
		{`{} {}`, "more follows"},
		{`[]`, "an object of rules"},
	}
	for _, r := range rows {
		got, err := ParseThresholds([]byte(r.text))
		if !errors.Is(err, gate.Invalid) || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: %v, want %q", r.text, err, r.want)
		}
		if diff := cmp.Diff(Defaults(), got); diff != "" {
			t.Errorf("%s changed something: %s", r.text, diff)
		}
	}
	if got, err := ParseThresholds([]byte(`{"volume_spike":{"floor":500}}`)); err != nil || got.Spike.Floor != 500 || got.Spike.Z != Defaults().Spike.Z {
		t.Errorf("one threshold of its own: %+v, %v", got.Spike, err)
	}
	bad := Defaults()
	bad.Spike.Z = 0
	if _, err := New(bad, Enforced()); err == nil {
		t.Error("a detector was made of thresholds that always fire")
	}
	d, err := New(Defaults(), Enforced())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Set(acme, Profile{Thresholds: &bad}); err == nil || d.Accounts() != 0 {
		t.Errorf("an account's bad thresholds: %v, %d accounts", err, d.Accounts())
	}
}

func TestARuleThatIsOffSaysNothingAndOneThatObservesDoesNotAct(t *testing.T) {
	for mode, want := range map[Mode]int{Off: 0, Observe: 1, Enforce: 1} {
		h := taught(t, office).until(10)
		modes := Enforced()
		modes[Spike] = mode
		if err := h.d.Set(acme, Profile{Modes: &modes}); err != nil {
			t.Fatal(err)
		}
		h.hour(more(office(10), Counts{Requests: 600}))
		found := h.hour(more(office(11), Counts{Requests: 600}))
		if len(found) != want {
			t.Fatalf("%s: %v", mode, found)
		}
		if want == 1 && found[0].Acts() != (mode == Enforce) {
			t.Errorf("%s: acts: %v", mode, found[0].Acts())
		}
	}
}

func TestSignalsAreJudgedByCountAndNeverAgainstAnOwnerWhoWasNotProven(t *testing.T) {
	limits := Defaults().Signals
	at := monday
	rows := []struct {
		name string
		s    Signal
		want bool
		step Step
	}{
		{"ten uses of a revoked key", Signal{Rule: DeadCredential, Count: 10}, true, Notify},
		{"nine uses", Signal{Rule: DeadCredential, Count: 9}, false, 0},
		{"one use from a network that was never seen", Signal{Rule: DeadCredential, Count: 1, NewNetwork: true}, true, Notify},
		{"three uses on the day of the renewal", Signal{Rule: DeadCredential, Count: 3, Renewed: at.Add(-2 * time.Hour), NewNetwork: true}, false, 0},
		{"a second foreign key", Signal{Rule: ForeignKey, Count: 2, Keys: 2}, true, Notify},
		{"one foreign key of the same customer", Signal{Rule: ForeignKey, Count: 19, Keys: 1}, false, 0},
		{"one key of another customer", Signal{Rule: ForeignKey, Count: 1, Keys: 1, Accounts: 1}, true, Notify},
		{"keys of three other customers, from a stranger", Signal{Rule: ForeignKey, Count: 3, Keys: 3, Accounts: 3}, true, Notify},
		{"ten calls for another purpose", Signal{Rule: WrongPurpose, Count: 10, Proven: true}, true, Notify},
		{"nine calls for another purpose", Signal{Rule: WrongPurpose, Count: 9, Proven: true}, false, 0},
		{"six unknown keys", Signal{Rule: Guessing, Count: 6}, true, Notify},
		{"five unknown keys", Signal{Rule: Guessing, Count: 5}, false, 0},
		{"one polluted call that was answered", Signal{Rule: Pollution, Count: 1, Proven: true}, true, Suspend},
		{"a statistical rule is no signal", Signal{Rule: Spike, Count: 1000, Proven: true}, false, 0},
	}
	for _, r := range rows {
		r.s.Account, r.s.Source, r.s.From, r.s.To = acme, "203.0.113.0/24", at, at.Add(time.Hour)
		f, ok := r.s.Judge(&limits, Enforce)
		if ok != r.want || ok && f.Step != r.step {
			t.Errorf("%s: %v %v, want %v %v", r.name, ok, f.Step, r.want, r.step)
		}
		if ok && !r.s.Proven && (f.Acts() || f.Weight != 0) {
			t.Errorf("%s: acts against the owner: %+v", r.name, f)
		}
		if _, ok := r.s.Judge(&limits, Off); ok {
			t.Errorf("%s: judged while off", r.name)
		}
	}
	modes := Enforced()
	if got := Judge([]Signal{{Rule: Guessing, Account: "acc_b", Count: 9}, {Rule: Guessing, Account: "acc_a", Count: 9}, {Rule: -1}}, &limits, &modes); len(got) != 2 || got[0].Account != "acc_a" {
		t.Errorf("findings: %v", got)
	}
}

func TestTheLadderWarnsBeforeItThrottlesAndComesDownByItself(t *testing.T) {
	p := DefaultPolicy()
	spike := Finding{Rule: Spike, Weight: 60, Step: Limit, Mode: Enforce}
	s := p.Next(Standing{}, monday, []Finding{spike})
	if s.Stage != Told || s.ToldAt != monday {
		t.Fatalf("after the first finding: %+v", s)
	}
	if s = p.Next(s, monday.Add(6*time.Hour), []Finding{spike}); s.Stage != Told {
		t.Errorf("throttled at %v, six hours after the notice", s.Score)
	}
	if s = p.Next(s, monday.Add(25*time.Hour), []Finding{spike}); s.Stage != Throttled || s.Until != monday.Add(29*time.Hour) {
		t.Fatalf("a day after the notice it still goes on: %+v", s)
	}
	if s = p.Next(s, monday.Add(29*time.Hour), nil); s.Stage != Told {
		t.Errorf("a throttle outlives its end: %+v", s)
	}
	again := p.Next(s, monday.Add(31*time.Hour), []Finding{spike})
	if again.Stage != Throttled || again.Until != monday.Add(39*time.Hour) {
		t.Errorf("the second throttle lasts twice as long: %+v", again)
	}
	if s = p.Next(s, monday.Add(100*time.Hour), nil); s.Stage != Quiet || s.Score > p.Calm {
		t.Errorf("three days later: %+v", s)
	}
}

func TestTheLadderGoesUpOnlyByFindingsThatAct(t *testing.T) {
	p := DefaultPolicy()
	for name, f := range map[string]Finding{
		"observed": {Weight: 1000, Step: Limit}, "held": {Weight: 1000, Step: Limit, Mode: Enforce, Held: true},
		"a stranger's": {Weight: 1000, Step: Limit, Mode: Enforce, Stranger: true},
	} {
		if s := p.Next(Standing{}, monday, []Finding{f, f, f}); s.Stage != Quiet || s.Score != 0 {
			t.Errorf("%s findings: %+v", name, s)
		}
	}
	notices := []Finding{{Rule: SlowDrift, Weight: 60, Step: Notify, Mode: Enforce}, {Rule: FirstSeen, Weight: 60, Step: Notify, Mode: Enforce}, {Rule: Camping, Weight: 60, Step: Notify, Mode: Enforce}}
	if s := p.Next(Standing{}, monday, notices); s.Stage != Told {
		t.Errorf("rules that may only tell have throttled: %+v", s)
	}
	both := []Finding{{Rule: Scraping, Weight: 60, Step: Limit, Mode: Enforce}, {Rule: Enumeration, Weight: 100, Step: Limit, Mode: Enforce}}
	if s := p.Next(Standing{}, monday, both); s.Stage != Throttled {
		t.Errorf("records drained in order wait for nobody: %+v", s)
	}
}

func TestARuleThatMeetsManyAccountsInAnHourIsHeld(t *testing.T) {
	d, err := New(Defaults(), Enforced())
	if err != nil {
		t.Fatal(err)
	}
	at := monday
	for range 5 * 7 * 24 {
		rows := make([]Row, 0, 200)
		for i := range 200 {
			rows = append(rows, Row{Account: number(i), Device: "dev_1", Counts: office(at.Hour())})
		}
		if _, err := d.Hour(at, rows); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Hour)
	}
	for want, n := range map[bool]int{false: 3, true: 4} {
		c := copyOf(t, d)
		now, held := at, false
		for range 12 {
			rows := make([]Row, 0, 200)
			for i := range 200 {
				counts := office(now.Hour())
				if i < n && now.Hour() >= 10 {
					counts.Requests += 900
				}
				rows = append(rows, Row{Account: number(i), Device: "dev_1", Counts: counts})
			}
			found, err := c.Hour(now, rows)
			if err != nil {
				t.Fatal(err)
			}
			for i := range found {
				held = held || found[i].Held
			}
			now = now.Add(time.Hour)
		}
		if held != want {
			t.Errorf("%d accounts at once: held %v", n, held)
		}
	}
}
