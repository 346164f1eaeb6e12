package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func TestRulesAreSetInVersions(t *testing.T) {
	s := open(t)
	account := s.MustAccount("acme")
	contract := s.MustContract(account)
	ben, cho := s.as("ben"), s.as("cho")
	check[*api.Contract](t)(ben.AmendContract(ctx, string(contract.ID), api.NewAmendment{PlanName: "gold", Why: "As agreed."}))
	if page := check[*api.Page[api.Rule]](t)(ben.Rules(ctx, api.Query{})); len(page.Items) != len(abuse.Rules()) || page.Items[0].Mode != abuse.Observe || page.Items[0].Version != 0 {
		t.Errorf("a fresh store: %+v", page.Items[0])
	}
	spike := map[string]string{"volume-spike": "enforce"}
	first := check[*api.Ruling](t)(ben.SetRules(ctx, api.NewRuling{Modes: spike, Thresholds: map[string]any{"volume_spike": map[string]any{"ratio": 4}}, Why: "A month without a false alarm."}, api.Idempotent("once")))
	if again := check[*api.Ruling](t)(ben.SetRules(ctx, api.NewRuling{Modes: spike, Thresholds: map[string]any{"volume_spike": map[string]any{"ratio": 4}}, Why: "A month without a false alarm."}, api.Idempotent("once"))); again.ID != first.ID {
		t.Errorf("sent again: %s and %s", first.ID, again.ID)
	}
	_, err := ben.ConfirmRules(ctx, first.Version)
	wantKind(t, err, gate.Forbidden)
	golden(t, "ruling", check[*api.Ruling](t)(cho.ConfirmRules(ctx, first.Version)))
	check[*api.Ruling](t)(ben.SetRules(ctx, api.NewRuling{Plan: "gold", Thresholds: map[string]any{"probing": map[string]any{"calls": 50}}, Why: "They burst."}))
	check[*api.Ruling](t)(ben.SetRules(ctx, api.NewRuling{Account: "acme", Modes: map[string]string{"volume-spike": "off"}, Why: "A migration."}))
	golden(t, "rule", check[*api.Rule](t)(ben.Rule(ctx, "volume-spike", api.Query{})))
	if r := check[*api.Rule](t)(ben.Rule(ctx, "volume-spike", api.Query{Account: "acme"})); r.Mode != abuse.Off || r.Scope != gate.AccountScope || len(r.Exceptions) != 0 {
		t.Errorf("of acme: %+v", r)
	}
	fourth := check[*api.Ruling](t)(cho.SetRules(ctx, api.NewRuling{Account: "acme", Modes: map[string]string{"volume-spike": "inherit"}, Why: "It is over."}))
	if fourth.State != gate.RulingWaits || len(fourth.Changes) != 1 || fourth.Changes[0].From != abuse.Off || fourth.Changes[0].To != abuse.Enforce {
		t.Errorf("back under what all are under: %+v", fourth)
	}
	check[*api.Ruling](t)(ben.RefuseRules(ctx, fourth.Version, "Not yet."))
	if page := check[*api.Page[api.Ruling]](t)(ben.Rulings(ctx, api.Query{State: "in-force"})); len(page.Items) != 3 {
		t.Errorf("in force: %+v", page.Items)
	}
	if r := check[*api.Ruling](t)(ben.Ruling(ctx, fourth.Version)); r.State != gate.RulingRefused {
		t.Errorf("refused: %+v", r)
	}
}

func TestWhatIsWrongWithRulesIsSaid(t *testing.T) {
	s := open(t)
	s.MustAccount("acme")
	for _, row := range []struct{ method, path, body, want string }{
		{"POST", "/v1/rulings", `{"modes": {"volume-spike": "on"}, "why": "x"}`, "must be off, observe, enforce or inherit"},
		{"POST", "/v1/rulings", `{"thresholds": {"volume_spike": {"near": 4}}, "why": "x"}`, "is higher than ratio"},
		{"POST", "/v1/rulings", `{"thresholds": {"volume_spike": {"near": 4}}, "why": "x"}`, `"field":"thresholds.volume_spike.near"`},
		{"POST", "/v1/rulings", `{"account": "nobody", "modes": {"volume-spike": "off"}, "why": "x"}`, `"field":"account"`},
		{"POST", "/v1/rulings", `{"account": "acme", "plan": "gold", "modes": {"volume-spike": "off"}, "why": "x"}`, "give one of the two"},
		{"POST", "/v1/rulings", `{"plan": "gold", "modes": {"volume-spike": "off"}, "why": "x"}`, "no contract names one"},
		{"POST", "/v1/rulings/7/confirmation", "", "they were never set"},
		{"POST", "/v1/rulings/first/confirmation", "", "is no version of the rules"},
		{"GET", "/v1/rulings/7", "", "they were never set"},
		{"GET", "/v1/rules/spike", "", "is not a rule; there are"},
		{"GET", "/v1/rules?plan=gold&account=acme", "", "give one of the two"},
		{"GET", "/v1/rulings?state=new", "", "must be one of"},
		{"POST", "/v1/rules/test", "", "send a JSON object with from and to"},
		{"POST", "/v1/rules/test", `{"from": "March", "to": "2027-04-01"}`, "must be a day such as 2027-03-01"},
		{"POST", "/v1/rules/test", `{"from": "2020-03-01", "to": "2020-04-01"}`, "nothing is recorded yet"},
		{"POST", "/v1/rules/test", `{"from": "2020-03-01", "to": "2020-04-01", "rules": ["foreign-key"]}`, "nothing of that is recorded"},
		{"POST", "/v1/rules/test", `{"from": "2020-03-01", "to": "2020-04-01", "rules": ["spike"]}`, "is not a rule"},
	} {
		got := s.send(raw{method: row.method, path: row.path, headers: []string{actorHeader + ": ben"}, body: row.body})
		if got.status < 400 || got.status >= 500 || !strings.Contains(got.body, row.want) {
			t.Errorf("%s %s %s: %d %s", row.method, row.path, row.body, got.status, got.body)
		}
	}
	_, err := s.as("ben").TestRules(ctx, api.NewTrial{From: s.Now().Format(time.DateOnly), To: s.Now().AddDate(0, 0, 9).Format(time.DateOnly)})
	wantKind(t, err, gate.Invalid)
}
