package authority

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// InheritMode is the mode of a rule that is to be as the wider scope has it.
const InheritMode = "inherit"

// NewRuling is how rules are to be set. What it does not name stays as it is in this scope.
type NewRuling struct {
	Scope   gate.RulingScope
	Plan    string         // with gate.PlanScope
	Account gate.AccountID // with gate.AccountScope
	// Modes are off, observe, enforce or InheritMode, by the names of rules.
	Modes map[string]string
	// Thresholds is a JSON object as abuse.ParsePatch reads it; empty: they stay.
	Thresholds []byte
	Why        string
}

// SetRules makes the next version of a scope. It counts at once, unless it newly enforces a rule for anybody, or changes a threshold of one that
// is enforced: then it waits for a second person. A version of the same scope that waits lapses.
func (a *Authority) SetRules(by By, in NewRuling) (*gate.Ruling, error) {
	if err := by.May(gate.ManageRules); err != nil {
		return nil, err
	}
	id := gate.RulingID(a.newID(gate.RulingPrefix))
	var out gate.Ruling
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		begun, err := gate.Ruling{ID: id, Scope: in.Scope, Plan: in.Plan, Account: in.Account}.Begin(a.act(by, in.Why))
		if err != nil {
			return gate.Event{}, err
		}
		if err := a.ruledAccounts(tx, &begun); err != nil {
			return gate.Event{}, err
		}
		all := a.dir.Rulings()
		if err := a.compose(&begun, all, &in); err != nil {
			return gate.Event{}, err
		}
		changes := a.rulingChanges(&begun, all)
		begun.Waits = slices.ContainsFunc(changes, RuleChange.escalates)
		out = begun
		certstore.Put(tx, &out)
		event := gate.Event{Verb: gate.RulesSet, Account: out.Account, Object: string(out.ID), Why: in.Why, Detail: rulingDetail(&out, changes)}
		if out.Waits {
			event.Verb = gate.RulesProposed
		}
		return event, nil
	})
	return &out, err
}

// ruledAccounts refuses a ruling for an account or plan that nobody has: a slip of the pen would change nothing, and look as if it did.
func (a *Authority) ruledAccounts(tx *certstore.Tx, r *gate.Ruling) error {
	switch r.Scope {
	case gate.AccountScope:
		_, err := certstore.Get[gate.Account](tx, string(r.Account))
		return gate.InField("account", err)
	case gate.PlanScope:
		var names []string
		for _, c := range a.dir.Contracts("") {
			if c.PlanName == r.Plan {
				return nil
			}
			if c.PlanName != "" && !slices.Contains(names, c.PlanName) {
				names = append(names, c.PlanName)
			}
		}
		slices.Sort(names)
		known := "no contract names one; certgate contract create and contract amend have --plan"
		if len(names) > 0 {
			known = "there are " + gate.Clip(strings.Join(names, ", "), 400)
		}
		return gate.FieldErrorf("plan", "%q: no contract has a plan of that name: %s", r.Plan, known)
	case gate.AllScope:
	}
	return nil
}

// compose fills in a ruling: what its scope has already, and what is wished for over it.
func (a *Authority) compose(r *gate.Ruling, all []*gate.Ruling, in *NewRuling) error {
	before := &gate.Ruling{}
	for _, o := range all {
		r.Version = max(r.Version, o.Version)
		if o.SameScope(r) && o.State(all) == gate.RulingInForce {
			before = o
		}
	}
	r.Version++
	r.Modes, r.Thresholds = maps.Clone(before.Modes), maps.Clone(before.Thresholds)
	if err := composeModes(r, in.Modes); err != nil {
		return err
	}
	if len(in.Thresholds) > 0 {
		here := newRuleBook(all).For(r.Account, r.Plan).Thresholds
		if r.Scope == gate.AccountScope {
			here = newRuleBook(all).For(r.Account, a.planOf(r.Account)).Thresholds
		}
		if err := composeThresholds(r, here, in.Thresholds); err != nil {
			return err
		}
	}
	if maps.Equal(before.Modes, r.Modes) && maps.Equal(before.Thresholds, r.Thresholds) {
		return gate.Errorf(gate.Conflict, "the rules are set so already for %s; nothing would change", whomOf(r))
	}
	return nil
}

func composeModes(r *gate.Ruling, modes map[string]string) error {
	if r.Modes == nil {
		r.Modes = make(map[string]string, len(modes))
	}
	var faults gate.Faults
	for _, name := range slices.Sorted(maps.Keys(modes)) {
		if _, err := abuse.ParseRule(name); err != nil {
			_ = faults.Add(gate.FieldErrorf("modes", "%s", err)) // it takes every error of ours
			continue
		}
		mode := modes[name]
		if mode == InheritMode {
			delete(r.Modes, name)
			continue
		}
		if _, err := abuse.ParseMode(mode); err != nil {
			_ = faults.Add(gate.FieldErrorf("modes."+name, "%q: must be off, observe, enforce or inherit (as the wider scope has it)", gate.Clip(mode, 40)))
			continue
		}
		r.Modes[name] = mode
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// composeThresholds lays a patch over the thresholds of the scope. Groups that it names are kept whole, so that no number of one comes to
// contradict another when the wider scope changes.
func composeThresholds(r *gate.Ruling, here abuse.Thresholds, text []byte) error {
	patch, err := abuse.ParsePatch(text)
	if err != nil {
		return err
	}
	next, err := here.With(patch.Values)
	if err != nil {
		return gate.InField("thresholds", err)
	}
	if err := next.Check(); err != nil {
		return gate.InField("thresholds", err)
	}
	if r.Thresholds == nil {
		r.Thresholds = make(map[string]float64)
	}
	for _, group := range patch.Dropped {
		maps.DeleteFunc(r.Thresholds, func(name string, _ float64) bool { return name == group || strings.HasPrefix(name, group+".") })
	}
	values := next.Values()
	for _, name := range patch.Names() {
		r.Thresholds[name] = values[name]
	}
	return nil
}

// ConfirmRules lets a version count that another person set.
func (a *Authority) ConfirmRules(by By, version int) (*gate.Ruling, error) {
	return a.decideRules(by, version, func(r *gate.Ruling, all []*gate.Ruling) (gate.Ruling, gate.Event, error) {
		if err := a.stillMay(r.Set.By, gate.ManageRules); err != nil {
			return *r, gate.Event{}, err
		}
		next, err := r.Confirm(a.act(by, ""), all)
		if err == nil {
			err = defaultRules().follow(r) // it may have been set under another version of certgate
		}
		return next, gate.Event{Verb: gate.RulesConfirmed, Why: r.Set.Why, Detail: rulingDetail(r, a.rulingChanges(r, all))}, err
	})
}

// RefuseRules ends a version that waits for a second person.
func (a *Authority) RefuseRules(by By, version int, why string) (*gate.Ruling, error) {
	return a.decideRules(by, version, func(r *gate.Ruling, all []*gate.Ruling) (gate.Ruling, gate.Event, error) {
		next, err := r.Refuse(a.act(by, why), all)
		return next, gate.Event{Verb: gate.RulesRefused, Why: why, Detail: rulingDetail(r, nil)}, err
	})
}

func (a *Authority) decideRules(by By, version int, to func(*gate.Ruling, []*gate.Ruling) (gate.Ruling, gate.Event, error)) (*gate.Ruling, error) {
	if err := by.May(gate.ManageRules); err != nil {
		return nil, err
	}
	var out gate.Ruling
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		known, err := a.Ruling(version)
		if err != nil {
			return gate.Event{}, err
		}
		r, err := load[gate.Ruling](tx, by, string(known.ID))
		if err != nil {
			return gate.Event{}, err
		}
		next, event, err := to(r, a.dir.Rulings())
		if err != nil {
			return gate.Event{}, err
		}
		out = next
		certstore.Put(tx, &out)
		event.Account, event.Object = out.Account, string(out.ID)
		return event, nil
	})
	return &out, err
}

// Ruling finds a version of the rules.
func (a *Authority) Ruling(version int) (*gate.Ruling, error) {
	all := a.dir.Rulings()
	for _, r := range all {
		if r.Version == version {
			return r, nil
		}
	}
	if len(all) == 0 {
		return nil, gate.Errorf(gate.NotFound, "there is no version %d of the rules: they were never set, so all are observed with the thresholds that certgate comes with", version)
	}
	return nil, gate.Errorf(gate.NotFound, "there is no version %d of the rules; the newest is %d", version, all[len(all)-1].Version)
}

// whomOf says for whom a ruling is, for people.
func whomOf(r *gate.Ruling) string {
	switch r.Scope {
	case gate.PlanScope:
		return "plan " + r.Plan
	case gate.AccountScope:
		return "account " + string(r.Account)
	case gate.AllScope:
	}
	return "all accounts"
}

// rulingDetail is what the log says of a ruling.
func rulingDetail(r *gate.Ruling, changes []RuleChange) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version %d, %s", r.Version, whomOf(r))
	for i := range changes {
		if b.Len() > 600 {
			fmt.Fprintf(&b, "; and %d more", len(changes)-i)
			break
		}
		b.WriteString("; " + changes[i].String())
	}
	return b.String()
}
