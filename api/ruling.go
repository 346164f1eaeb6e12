package api

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Ruling is a version of how rules are set, with its state now and what it changes, or has changed when it came.
type Ruling struct {
	gate.Ruling
	State   gate.RulingState       `json:"state"`
	Changes []authority.RuleChange `json:"changes"`
}

// NewRuling sets rules anew. What is left out stays as it is in this scope. It counts at once, unless it newly enforces a rule for anybody or changes
// a threshold where one is enforced: then it waits for a second person.
type NewRuling struct {
	Account string `json:"account,omitempty"` // by id or slug; for this one alone
	Plan    string `json:"plan,omitempty"`    // for accounts on it; without both: for all
	// Modes are off, observe, enforce or inherit (as the wider scope has it), by the names of rules.
	Modes map[string]string `json:"modes,omitempty"`
	// Thresholds are numbers by group and name; null for a group: as the wider scope has it.
	Thresholds map[string]any `json:"thresholds,omitempty"`
	Why        string         `json:"why"`
}

var rulings = listing[*gate.Ruling, *Ruling]{
	filters: []string{"state"},
	all: func(x *exchange, q url.Values) ([]*gate.Ruling, error) {
		all, state := x.dir.Rulings(), gate.RulingState(q.Get("state"))
		if state == "" {
			return all, nil
		}
		if !slices.Contains(gate.RulingStates(), state) {
			return nil, gate.FieldErrorf("state", "%q: must be one of %s", gate.Clip(string(state), 40), gate.RulingStates())
		}
		return slices.DeleteFunc(slices.Clone(all), func(r *gate.Ruling) bool { return r.State(all) != state }), nil
	},
	id:   func(r *gate.Ruling) string { return string(r.ID) },
	view: (*exchange).rulingView,
}

func (x *exchange) rulingView(r *gate.Ruling) *Ruling {
	v := &Ruling{Ruling: *r, State: r.State(x.dir.Rulings()), Changes: x.a.RulingChanges(r)}
	if v.Changes == nil {
		v.Changes = []authority.RuleChange{}
	}
	return v
}

// showRuling finds a ruling by its version, or by its identifier.
func (x *exchange) showRuling(ref string) (*shown, error) {
	for _, r := range x.dir.Rulings() {
		if string(r.ID) == ref || strconv.Itoa(r.Version) == ref {
			return &shown{view: x.rulingView(r), etag: certstore.ETag(r), path: "/v1/rulings/" + strconv.Itoa(r.Version)}, nil
		}
	}
	version, err := rulingVersion(ref)
	if err != nil {
		return nil, err
	}
	_, err = x.a.Ruling(version)
	return nil, err
}

func rulingVersion(ref string) (int, error) {
	version, err := strconv.Atoi(ref)
	if err != nil || version < 1 {
		return 0, gate.Errorf(gate.NotFound, "%q is no version of the rules: that is a number from 1 on; certgate rules history lists them", gate.Clip(ref, 60))
	}
	return version, nil
}

func setRules(x *exchange, by authority.By, in *NewRuling) (string, error) {
	set := authority.NewRuling{Scope: gate.AllScope, Plan: in.Plan, Modes: in.Modes, Why: in.Why}
	switch {
	case in.Account != "" && in.Plan != "":
		return "", gate.FieldErrorf("plan", "and account are both given; give one of the two")
	case in.Account != "":
		account, err := x.dir.Account(in.Account)
		if err != nil {
			return "", reference("account", err)
		}
		set.Scope, set.Account = gate.AccountScope, account.ID
	case in.Plan != "":
		set.Scope = gate.PlanScope
	}
	var err error
	if set.Thresholds, err = thresholdsOf(in.Thresholds); err != nil {
		return "", err
	}
	return idOf(x.a.SetRules(by, set))
}

// thresholdsOf are thresholds as abuse reads them; nil where none are given.
func thresholdsOf(in map[string]any) ([]byte, error) {
	if in == nil {
		return nil, nil
	}
	return json.Marshal(in)
}

func confirmRules(x *exchange, by authority.By, _ *struct{}) (string, error) {
	version, err := rulingVersion(x.r.PathValue("version"))
	if err != nil {
		return "", err
	}
	return idOf(x.a.ConfirmRules(by, version))
}

func refuseRules(x *exchange, by authority.By, in *Why) (string, error) {
	version, err := rulingVersion(x.r.PathValue("version"))
	if err != nil {
		return "", err
	}
	return idOf(x.a.RefuseRules(by, version, in.Why))
}
