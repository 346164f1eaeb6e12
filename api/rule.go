package api

import (
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// Rule is a rule against abuse, and how it is set now.
type Rule struct {
	Rule abuse.Rule `json:"rule"`
	// Kind is statistical, which compares an account with itself, or deterministic, which counts what should never happen.
	Kind   string     `json:"kind"`
	Most   abuse.Step `json:"most"`   // the most that a finding may ask for
	Weight float64    `json:"weight"` // what a finding adds to the score of its account
	Mode   abuse.Mode `json:"mode"`
	// Version is the ruling that set the mode, Since when, and Scope for whom; without: none did.
	Version int              `json:"version,omitempty"`
	Since   *time.Time       `json:"since,omitempty"`
	Scope   gate.RulingScope `json:"scope,omitempty"`
	// Thresholds are left out of lists.
	Thresholds []abuse.Threshold `json:"thresholds,omitempty"`
	// Exceptions are plans and accounts for which the rule is set in a way of its own; of all accounts alone.
	Exceptions []RuleException `json:"exceptions"`
}

// RuleException is a plan or an account for which a rule is set in a way of its own.
type RuleException struct {
	Version    int                `json:"version"`
	Plan       string             `json:"plan,omitempty"`
	Account    gate.AccountID     `json:"account,omitempty"`
	Mode       string             `json:"mode,omitempty"`       // empty: as the wider scope has it
	Thresholds map[string]float64 `json:"thresholds,omitempty"` // of the rule, by their names
}

// rulesFor is whose rules the query asks for: without a plan or account those of all.
func (x *exchange) rulesFor(q url.Values) (account gate.AccountID, plan string, err error) {
	if account, err = x.accountFilter(q); err != nil {
		return "", "", err
	}
	plan = q.Get("plan")
	switch {
	case account != "" && plan != "":
		return "", "", gate.FieldErrorf("plan", "is that of the account, which is asked for; give one of the two")
	case account != "":
		plan = x.a.PlanOf(account)
	}
	return account, plan, nil
}

func listRules(x *exchange) error {
	q, err := x.query("account", "plan")
	if err != nil {
		return err
	}
	account, plan, err := x.rulesFor(q)
	if err != nil {
		return err
	}
	page := Page[*Rule]{}
	book := x.a.RuleBook()
	for _, r := range abuse.Rules() {
		page.Items = append(page.Items, ruleView(book, r, account, plan))
	}
	return x.json(http.StatusOK, page)
}

func showRule(x *exchange) error {
	q, err := x.query("account", "plan")
	if err != nil {
		return err
	}
	account, plan, err := x.rulesFor(q)
	if err != nil {
		return err
	}
	r, err := abuse.ParseRule(x.r.PathValue("rule"))
	if err != nil {
		return gate.Errorf(gate.NotFound, "%s", err)
	}
	book := x.a.RuleBook()
	view := ruleView(book, r, account, plan)
	set := book.For(account, plan)
	for _, t := range set.Thresholds.Describe() {
		if t.Of(r) {
			view.Thresholds = append(view.Thresholds, t)
		}
	}
	return x.json(http.StatusOK, view)
}

func ruleView(book *authority.RuleBook, r abuse.Rule, account gate.AccountID, plan string) *Rule {
	set := book.For(account, plan)
	v := &Rule{Rule: r, Kind: "statistical", Most: r.Most(), Weight: r.Weight(), Mode: set.Modes[r], Exceptions: []RuleException{}}
	if r.Deterministic() {
		v.Kind = "deterministic"
	}
	for _, layer := range book.Layers(account, plan) {
		if _, named := layer.Modes[r.String()]; named {
			at := layer.Set.At
			if layer.Confirmed != nil {
				at = layer.Confirmed.At
			}
			v.Version, v.Since, v.Scope = layer.Version, &at, layer.Scope
		}
	}
	if account != "" || plan != "" {
		return v
	}
	for _, e := range book.Exceptions() {
		out := RuleException{Version: e.Version, Plan: e.Plan, Account: e.Account, Mode: e.Modes[r.String()], Thresholds: maps.Clone(e.Thresholds)}
		maps.DeleteFunc(out.Thresholds, func(name string, _ float64) bool { return !(&abuse.Threshold{Name: name}).Of(r) })
		if out.Mode != "" || len(out.Thresholds) > 0 {
			v.Exceptions = append(v.Exceptions, out)
		}
	}
	return v
}

func ruleRoutes() []route {
	return []route{
		get("/v1/rules", listRules),
		get("/v1/rules/{rule}", showRule),
		post("/v1/rules/test", testRules),
		get("/v1/rulings", rulings.list),
		post("/v1/rulings", write(creates, setRules)),
		get("/v1/rulings/{version}", read(byPath("version", (*exchange).showRuling))),
		post("/v1/rulings/{version}/confirmation", write(changes, confirmRules)),
		post("/v1/rulings/{version}/refusal", write(changes, refuseRules)),
	}
}
