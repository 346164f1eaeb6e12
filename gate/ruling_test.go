package gate_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func TestTheNewestRulingThatCountsIsInForce(t *testing.T) {
	act := gate.Act{By: "stf_ben", At: noon, Why: "seen"}
	all := []*gate.Ruling{
		{Version: 1, Scope: gate.AllScope, Set: act},
		{Version: 2, Scope: gate.AllScope, Set: act, Waits: true},
		{Version: 3, Scope: gate.AllScope, Set: act, Waits: true, Confirmed: &act},
		{Version: 4, Scope: gate.AccountScope, Account: "acc_1", Set: act},
		{Version: 5, Scope: gate.AllScope, Set: act, Waits: true, Refused: &act},
		{Version: 6, Scope: gate.AccountScope, Account: "acc_1", Set: act, Waits: true},
		{Version: 7, Scope: gate.PlanScope, Plan: "gold", Set: act},
		{Version: 8, Scope: gate.PlanScope, Plan: "silver", Set: act, Waits: true},
	}
	var states []gate.RulingState
	for _, r := range all {
		states = append(states, r.State(all))
	}
	want := []gate.RulingState{gate.RulingReplaced, gate.RulingLapsed, gate.RulingInForce, gate.RulingInForce, gate.RulingRefused, gate.RulingWaits, gate.RulingInForce, gate.RulingWaits}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]*gate.Ruling{all[2], all[6], all[3]}, gate.RulingsInForce(all)); diff != "" {
		t.Errorf("in force (-want +got):\n%s", diff)
	}
}

func TestWhatARulingTakes(t *testing.T) {
	key, _, err := gate.NewKey(gate.Production, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	act := gate.Act{By: "stf_cho", At: noon, Why: "seen"}
	without, leaking := act, act
	without.Why, leaking.Why = "", "it was "+key
	set := gate.Ruling{Version: 3, Scope: gate.AllScope, Set: gate.Act{By: "stf_ben", At: noon, Why: "seen"}, Waits: true}
	begin := func(r gate.Ruling, a gate.Act) func() (gate.Ruling, error) {
		return func() (gate.Ruling, error) { return r.Begin(a) }
	}
	confirm := func(a gate.Act, edit func(*gate.Ruling)) func() (gate.Ruling, error) {
		return func() (gate.Ruling, error) {
			r := set
			edit(&r)
			return r.Confirm(a, []*gate.Ruling{&r})
		}
	}
	own := act
	own.By = "stf_ben"
	for name, row := range map[string]struct {
		do   func() (gate.Ruling, error)
		want string
		kind gate.Kind
	}{
		"for all":                  {begin(gate.Ruling{Scope: gate.AllScope}, act), "", 0},
		"for a plan":               {begin(gate.Ruling{Scope: gate.PlanScope, Plan: "gold"}, act), "", 0},
		"for nobody known":         {begin(gate.Ruling{Scope: "some"}, act), `scope: "some": must be one of all, plan, account`, gate.Invalid},
		"for all of a plan":        {begin(gate.Ruling{Scope: gate.AllScope, Plan: "gold"}, act), "plan: belongs to the scope plan", gate.Invalid},
		"for a plan without one":   {begin(gate.Ruling{Scope: gate.PlanScope}, act), "plan: belongs to the scope plan", gate.Invalid},
		"for a plan with a space":  {begin(gate.Ruling{Scope: gate.PlanScope, Plan: "a b"}, act), "plan: slug", gate.Invalid},
		"for an account without":   {begin(gate.Ruling{Scope: gate.AccountScope}, act), "account: belongs to", gate.Invalid},
		"without a reason":         {begin(gate.Ruling{Scope: gate.AllScope}, without), "why: ", gate.Invalid},
		"with a key in the reason": {begin(gate.Ruling{Scope: gate.AllScope}, leaking), "why: holds a key", gate.Invalid},
		"confirmed":                {confirm(act, func(*gate.Ruling) {}), "", 0},
		"confirmed by who set it":  {confirm(own, func(*gate.Ruling) {}), "a second person must confirm it", gate.Forbidden},
		"confirmed twice":          {confirm(act, func(r *gate.Ruling) { r.Confirmed = &act }), "was confirmed on", gate.Conflict},
		"confirmed after refusal":  {confirm(act, func(r *gate.Ruling) { r.Refused = &act }), "was refused on", gate.Conflict},
		"confirmed without need":   {confirm(act, func(r *gate.Ruling) { r.Waits = false }), "it needed no second person", gate.Conflict},
		"refused by who set it":    {func() (gate.Ruling, error) { return set.Refuse(own, []*gate.Ruling{&set}) }, "", 0},
		"refused without a reason": {func() (gate.Ruling, error) { return set.Refuse(without, []*gate.Ruling{&set}) }, "why: ", gate.Invalid},
	} {
		got, err := row.do()
		switch {
		case row.want == "" && err == nil && got.Set.At.Equal(noon):
		case row.want != "" && errors.Is(err, row.kind) && strings.Contains(err.Error(), row.want) && !strings.Contains(err.Error(), key):
		default:
			t.Errorf("%s: %+v, %v; want %q", name, got, err, row.want)
		}
	}
}
