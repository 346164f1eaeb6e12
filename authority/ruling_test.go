package authority_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

const abuseSpike = abuse.Spike

// rule sets one rule for an account; an empty one is all.
func (o *office) rule(by authority.By, account gate.AccountID, mode, thresholds string) *gate.Ruling {
	o.t.Helper()
	in := authority.NewRuling{Scope: gate.AllScope, Account: account, Thresholds: []byte(thresholds), Why: "test"}
	if account != "" {
		in.Scope = gate.AccountScope
	}
	if mode != "" {
		in.Modes = map[string]string{"volume-spike": mode}
	}
	r, err := o.SetRules(by, in)
	must(o.t, err)
	return r
}

func usualRatio() string { return strconv.FormatFloat(abuse.Defaults().Spike.Ratio, 'g', -1, 64) }

func usualSpike() string {
	return strconv.FormatFloat(abuse.Defaults().Spike.Floor, 'g', -1, 64) + " " + usualRatio()
}

// spike is how volume-spike is judged for an account.
func (o *office) spike(account gate.AccountID) string {
	t, m, _ := o.RulesFor(account)
	values := t.Values()
	list := []string{m[abuse.Spike].String()}
	for _, name := range []string{"volume_spike.floor", "volume_spike.ratio"} {
		list = append(list, strconv.FormatFloat(values[name], 'g', -1, 64))
	}
	return strings.Join(list, " ")
}

func TestAFreshStoreObservesEverything(t *testing.T) {
	o := newOffice(t)
	thresholds, modes, version := o.RulesFor(o.account("acme").ID)
	if thresholds != abuse.Defaults() || modes != (abuse.Modes{}) || version != 0 {
		t.Errorf("version %d, modes %v", version, modes)
	}
}

func TestARuleIsEnforcedByTwoAndEasedByOne(t *testing.T) {
	o := newOffice(t)
	acme := o.account("acme").ID
	v := o.rule(o.ben, "", "enforce", "")
	if !v.Waits || o.spike(acme) != "observe "+usualSpike() {
		t.Errorf("proposed: %+v, %s", v, o.spike(acme))
	}
	_, err := o.ConfirmRules(o.ben, v.Version)
	refused(t, "confirming one's own", err, gate.Forbidden)
	_, err = o.ConfirmRules(o.cho, v.Version)
	must(t, err)
	if got := o.spike(acme); got != "enforce "+usualSpike() {
		t.Errorf("confirmed: %s", got)
	}
	_, err = o.ConfirmRules(o.eve, v.Version)
	refused(t, "confirming twice", err, gate.Conflict)
	if v := o.rule(o.ben, "", "observe", ""); v.Waits || o.spike(acme) != "observe "+usualSpike() {
		t.Errorf("eased: %+v, %s", v, o.spike(acme))
	}
}

func TestNobodyAloneComesToEnforceByAWayAround(t *testing.T) {
	o := newOffice(t)
	acme, zeta := o.account("acme").ID, o.account("zeta").ID
	two := func(r *gate.Ruling) {
		t.Helper()
		if !r.Waits {
			t.Fatalf("version %d counts at once", r.Version)
		}
		_, err := o.ConfirmRules(o.cho, r.Version)
		must(t, err)
	}
	two(o.rule(o.ben, "", "enforce", ""))
	o.rule(o.ben, acme, "observe", `{"volume_spike": {"floor": 50}}`)
	two(o.rule(o.ben, acme, "inherit", "")) // back under what all are under
	two(o.rule(o.ben, acme, "", `{"volume_spike": null}`))
	o.rule(o.ben, "", "observe", "")
	two(o.rule(o.ben, zeta, "enforce", ""))
	two(o.rule(o.ben, "", "", `{"volume_spike": {"ratio": 4}}`)) // only observed for all, but zeta is under it
	two(o.rule(o.ben, "", "", `{"cooldown_hours": 1}`))
	if got := o.spike(zeta); got != "enforce 100 4" {
		t.Errorf("zeta: %s", got)
	}
	if v := o.rule(o.ben, "", "", `{"probing": {"calls": 50}}`); v.Waits { // which nobody enforces
		t.Error("a threshold of an observed rule waits")
	}
}

func TestAnAccountGoesBeforeItsPlanAndAPlanBeforeAll(t *testing.T) {
	o := newOffice(t)
	acme := o.account("acme")
	c := o.contract(acme)
	_, err := o.SetRules(o.ben, authority.NewRuling{Scope: gate.PlanScope, Plan: "gold", Modes: map[string]string{"volume-spike": "off"}, Why: "test"})
	refused(t, "a plan that nobody has", err, gate.Invalid)
	_, err = o.Amend(o.ben, c.ID, gate.Terms{PlanName: "gold"}, "test")
	must(t, err)
	_, err = o.SetRules(o.ben, authority.NewRuling{Scope: gate.PlanScope, Plan: "gold", Modes: map[string]string{"volume-spike": "off"}, Thresholds: []byte(`{"volume_spike": {"floor": 500}}`), Why: "test"})
	must(t, err)
	o.rule(o.ben, "", "", `{"volume_spike": {"ratio": 4, "floor": 70}}`)
	if got := o.spike(acme.ID); got != "off 500 "+usualRatio() {
		t.Errorf("on the plan: %s", got)
	}
	o.rule(o.ben, acme.ID, "observe", "")
	if got := o.spike(acme.ID); got != "observe 500 "+usualRatio() {
		t.Errorf("of its own: %s", got)
	}
	if got := o.spike(o.account("zeta").ID); got != "observe 70 4" {
		t.Errorf("without a plan: %s", got)
	}
}

func TestALaterVersionOfTheSameAccountsEndsOneThatWaits(t *testing.T) {
	o := newOffice(t)
	first := o.rule(o.ben, "", "enforce", "")
	o.rule(o.ben, "", "off", "")
	_, err := o.ConfirmRules(o.cho, first.Version)
	refused(t, "confirming what lapsed", err, gate.Conflict)
	second := o.rule(o.cho, "", "enforce", "")
	_, err = o.RefuseRules(o.cho, second.Version, "a slip")
	must(t, err)
	_, err = o.ConfirmRules(o.ben, second.Version)
	refused(t, "confirming what was refused", err, gate.Conflict)
	third := o.rule(o.cho, "", "enforce", "")
	_, err = o.DisableStaff(o.eve, o.cho.Staff, "left")
	must(t, err)
	_, err = o.ConfirmRules(o.ben, third.Version)
	refused(t, "confirming what somebody set who has left", err, gate.Conflict)
	var states []gate.RulingState
	all := o.Directory().Rulings()
	for _, r := range all {
		states = append(states, r.State(all))
	}
	if diff := cmp.Diff([]gate.RulingState{gate.RulingLapsed, gate.RulingInForce, gate.RulingRefused, gate.RulingWaits}, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeSet(t *testing.T) {
	o := newOffice(t)
	events := o.Stats().AuditEvents
	for _, row := range []struct {
		modes      map[string]string
		thresholds string
		want       string
		kind       gate.Kind
	}{
		{map[string]string{"volume-spikes": "enforce"}, "", `modes: rule: "volume-spikes" is not a rule; there are patient-scraping`, gate.Invalid},
		{map[string]string{"volume-spike": "on"}, "", `modes.volume-spike: "on": must be off, observe, enforce or inherit`, gate.Invalid},
		{nil, `{"volume_spike": {"ratio": 1}}`, "thresholds.volume_spike.ratio: is 1, and must be from 1.2 to 100: below, the rule fires on ordinary traffic", gate.Invalid},
		{nil, `{"volume_spike": {"ratio": 2e9}}`, "above, it never fires", gate.Invalid},
		{nil, `{"volume_spike": {"near": 4}}`, "thresholds.volume_spike.near: is higher than ratio", gate.Invalid},
		{nil, `{"volume_spike": {"rato": 4}}`, "thresholds.volume_spike.rato: is not known; volume_spike has floor, joint, near, ratio and z", gate.Invalid},
		{nil, `{"volume_spikes": {}}`, "thresholds.volume_spikes: is not known; there are after_hours", gate.Invalid},
		{nil, `{"volume_spike": {"ratio": "4"}}`, `thresholds.volume_spike.ratio: "4": must be a number`, gate.Invalid},
		{nil, `{"volume_spike": 4}`, "thresholds.volume_spike: must be an object with some of", gate.Invalid},
		{nil, `{"probing": {"calls": 40.5}}`, "thresholds.probing.calls: 40.5: must be a whole number", gate.Invalid},
		{nil, `{"cooldown_hours": null}`, "nothing would change", gate.Conflict},
		{nil, `{"volume_spike": {"ratio": 4}} {}`, "one object is expected", gate.Invalid},
		{nil, `[]`, "cannot be read as JSON", gate.Invalid},
		{map[string]string{"volume-spike": "inherit"}, "", "the rules are set so already for all accounts; nothing would change", gate.Conflict},
		{nil, "", "nothing would change", gate.Conflict},
	} {
		_, err := o.SetRules(o.ben, authority.NewRuling{Scope: gate.AllScope, Modes: row.modes, Thresholds: []byte(row.thresholds), Why: "test"})
		if err == nil || gate.KindOf(err) != row.kind || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%v %s: %v", row.modes, row.thresholds, err)
		}
	}
	if o.Stats().AuditEvents != events || len(o.Directory().Rulings()) != 0 {
		t.Error("what was refused changed something")
	}
	_, err := o.ConfirmRules(o.ben, 7)
	refused(t, "confirming what there is not", err, gate.NotFound)
}
