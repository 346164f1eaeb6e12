package authority

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/gate"
)

// RuleChange is what a ruling changes about one rule, for some accounts.
type RuleChange struct {
	Rule abuse.Rule `json:"rule"`
	// Plan and Account are those with a ruling of their own below the scope, whom the change reaches because that leaves it open; both empty: the
	// scope itself.
	Plan       string            `json:"plan,omitempty"`
	Account    gate.AccountID    `json:"account,omitempty"`
	From       abuse.Mode        `json:"from"`
	To         abuse.Mode        `json:"to"`
	Thresholds []ThresholdChange `json:"thresholds"`
}

// ThresholdChange is another value of a threshold.
type ThresholdChange struct {
	Name string  `json:"name"`
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// escalates reports whether the change takes two people: it may be the reason why somebody is throttled who was not.
func (c RuleChange) escalates() bool {
	return c.To == abuse.Enforce && (c.From != abuse.Enforce || len(c.Thresholds) > 0)
}

// String is the change in a line.
func (c *RuleChange) String() string {
	var parts []string
	if c.From != c.To {
		parts = append(parts, fmt.Sprintf("%s -> %s", c.From, c.To))
	}
	for _, t := range c.Thresholds {
		parts = append(parts, t.Name+" "+strconv.FormatFloat(t.From, 'g', -1, 64)+" -> "+strconv.FormatFloat(t.To, 'g', -1, 64))
	}
	who := ""
	if c.Plan != "" {
		who = " of plan " + c.Plan
	}
	if c.Account != "" {
		who = " of " + string(c.Account)
	}
	return c.Rule.String() + who + ": " + strings.Join(parts, ", ")
}

// ruled is somebody for whom the rules may be set in a way of their own.
type ruled struct {
	plan    string
	account gate.AccountID
}

// RulingChanges are what a version that waits would change now, or what another has changed when it came.
func (a *Authority) RulingChanges(r *gate.Ruling) []RuleChange {
	all := a.dir.Rulings()
	if r.State(all) == gate.RulingWaits {
		return a.rulingChanges(r, all)
	}
	all = slices.DeleteFunc(all, func(o *gate.Ruling) bool { return o.Version > r.Version })
	return a.rulingChanges(r, all)
}

// rulingChanges compares the rules without a ruling and with it, for each who is set apart: the scope itself, and plans and accounts with a
// ruling of their own, which may leave open what this one changes.
func (a *Authority) rulingChanges(r *gate.Ruling, all []*gate.Ruling) (list []RuleChange) {
	others := slices.DeleteFunc(slices.Clone(all), func(o *gate.Ruling) bool { return o.Version == r.Version })
	counted := *r
	counted.Waits, counted.Refused = false, nil
	before, after := newRuleBook(others), newRuleBook(append(others, &counted))
	for _, w := range a.reached(r, before) {
		own := w
		if w.account == r.Account && w.account != "" || w.account == "" && w.plan == r.Plan {
			own = ruled{}
		} else if w.account != "" {
			own.plan = ""
		}
		list = append(list, own.changes(before.For(w.account, w.plan), after.For(w.account, w.plan))...)
	}
	return list
}

// reached are those whom a ruling may reach: its scope, and below it who has a ruling of their own. An account counts on the plan that it is on.
func (a *Authority) reached(r *gate.Ruling, book *RuleBook) []ruled {
	if r.Scope == gate.AccountScope {
		return []ruled{{a.planOf(r.Account), r.Account}}
	}
	list := []ruled{{plan: r.Plan}}
	if r.Scope == gate.AllScope {
		for plan := range book.plans {
			list = append(list, ruled{plan: plan})
		}
	}
	for account := range book.accounts {
		if plan := a.planOf(account); r.Scope == gate.AllScope || plan == r.Plan {
			list = append(list, ruled{plan, account})
		}
	}
	slices.SortFunc(list[1:], func(a, b ruled) int {
		if a.account != b.account {
			return strings.Compare(string(a.account), string(b.account))
		}
		return strings.Compare(a.plan, b.plan)
	})
	return list
}

// changes are the rules that are set differently.
func (w ruled) changes(before, after RuleSet) (list []RuleChange) {
	was, is := before.Thresholds.Describe(), after.Thresholds.Describe()
	for _, rule := range abuse.Rules() {
		c := RuleChange{Rule: rule, Plan: w.plan, Account: w.account, From: before.Modes[rule], To: after.Modes[rule], Thresholds: []ThresholdChange{}}
		for i := range was {
			if was[i].Value != is[i].Value && was[i].Of(rule) {
				c.Thresholds = append(c.Thresholds, ThresholdChange{was[i].Name, was[i].Value, is[i].Value})
			}
		}
		if c.From != c.To || len(c.Thresholds) > 0 {
			list = append(list, c)
		}
	}
	return list
}
