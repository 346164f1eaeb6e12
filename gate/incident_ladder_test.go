package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

// detected is an incident that certgate opened and told the customer of.
func detected() gate.Incident {
	i := incident()
	i.Origin, i.Opened, i.Notes = gate.IncidentDetected, gate.Act{At: noon, Why: "patient-scraping"}, nil
	i.Evidence = []gate.Detection{{At: noon, Rule: "patient-scraping", Weight: 60}, {At: noon, Rule: "volume-spike", Observed: "the rule is only observed"}}
	i.Steps = []gate.Step{{At: noon, Rung: gate.RungObserve}, {At: noon.Add(time.Minute), Rung: gate.RungNotify, Notice: "not_1"}}
	return i
}

func TestTheLadderOfAnIncident(t *testing.T) {
	later := noon.Add(time.Hour)
	ben, cho := gate.Act{By: "stf_ben", At: later, Why: "seen"}, gate.Act{By: "stf_cho", At: later, Why: "seen"}
	itself := gate.Act{At: later, Why: "nothing more was seen"}
	climb := func(s gate.Step) func(gate.Incident) (gate.Incident, error) {
		return func(i gate.Incident) (gate.Incident, error) { return i.Climb(s) }
	}
	appeal := func(text string) func(gate.Incident) (gate.Incident, error) {
		return func(i gate.Incident) (gate.Incident, error) {
			return i.Appeal(gate.Appeal{At: later, Text: text, Notice: "not_2"})
		}
	}
	answer := func(act gate.Act) func(gate.Incident) (gate.Incident, error) {
		return func(i gate.Incident) (gate.Incident, error) {
			return i.AnswerAppeal(gate.AppealAnswer{Act: act, Granted: true, Notice: "not_3"}, []gate.StaffID{"stf_eve"})
		}
	}
	end := func(act gate.Act, o gate.IncidentOutcome) func(gate.Incident) (gate.Incident, error) {
		return func(i gate.Incident) (gate.Incident, error) {
			return i.Close(gate.IncidentClosing{Act: act, Outcome: o})
		}
	}
	agree := func(due gate.Date) func(gate.Incident) (gate.Incident, error) {
		return func(i gate.Incident) (gate.Incident, error) {
			return i.Agree(gate.CorrectivePlan{Text: "narrow the query", Due: due, Agreed: ben, Notice: "not_4"}, time.UTC)
		}
	}
	bar := func(until time.Time) func(gate.Incident) (gate.Incident, error) {
		return func(i gate.Incident) (gate.Incident, error) {
			return i.Bar(gate.Bar{Until: until, Act: ben, Notice: "not_5"})
		}
	}
	find := func(i gate.Incident) (gate.Incident, error) {
		return i.Find(gate.Detection{At: later, Rule: "probing", Weight: 30})
	}
	appealed := func(i *gate.Incident) { i.Appeals = []gate.Appeal{{At: noon, By: "stf_ben", Text: "we moved"}} }
	held := func(i *gate.Incident) { i.Holds = []gate.Hold{{Began: ben}} }
	planned := func(i *gate.Incident) { i.Plan = &gate.CorrectivePlan{Due: "2027-12-01"} }
	imposed := func(i *gate.Incident) { i.Remediations = []gate.RemediationID{"rem_1"} }
	throttle := gate.Step{At: later, Rung: gate.RungThrottle, Notice: "not_2", Remediation: "rem_1"}
	rows := []struct {
		name string
		edit func(i *gate.Incident)
		do   func(gate.Incident) (gate.Incident, error)
		want string // part of the error; empty: it is taken
	}{
		{"more is found", nil, find, ""},
		{"rules find in what people reported", func(i *gate.Incident) { i.Origin = gate.IncidentReported }, find, "belongs to an incident that they opened"},
		{"a throttle", nil, climb(throttle), ""},
		{"a throttle without a notice", nil, climb(gate.Step{At: later, Rung: gate.RungThrottle, Remediation: "rem_1"}), "without a notice"},
		{"a throttle without a remediation", nil, climb(gate.Step{At: later, Rung: gate.RungThrottle, Notice: "not_2"}), "without its remediation"},
		{"a rung that nobody knows", nil, climb(gate.Step{At: later, Rung: "shout", Notice: "not_2"}), "must be one of observe"},
		{"a throttle by itself while it is held", held, climb(throttle), "people hold it"},
		{"a throttle by itself while an appeal waits", appealed, climb(throttle), "an appeal waits"},
		{"observing goes on while it is held", held, climb(gate.Step{At: later, Rung: gate.RungObserve}), ""},
		{"a hold", nil, func(i gate.Incident) (gate.Incident, error) { return i.Hold(ben) }, ""},
		{"a hold twice", held, func(i gate.Incident) (gate.Incident, error) { return i.Hold(ben) }, "held already"},
		{"a release", held, func(i gate.Incident) (gate.Incident, error) { return i.Release(cho) }, ""},
		{"a release of what is not held", nil, func(i gate.Incident) (gate.Incident, error) { return i.Release(cho) }, "is not held"},
		{"an appeal", nil, appeal("we moved to another data center"), ""},
		{"an appeal without words", nil, appeal(" "), "text: "},
		{"an appeal twice", appealed, appeal("once more"), "waits for its answer already"},
		{"an appeal against what nobody was told of", func(i *gate.Incident) { i.Steps = i.Steps[:1] }, appeal("why"), "nothing was done"},
		{"an answer", appealed, answer(cho), ""},
		{"an answer by who wrote the appeal down", appealed, answer(ben), "somebody else must answer"},
		{"an answer by who imposed", appealed, answer(gate.Act{By: "stf_eve", At: later, Why: "seen"}), "somebody else must answer"},
		{"an answer by nobody", appealed, answer(itself), "only a person"},
		{"an answer without an appeal", nil, answer(cho), "no appeal"},
		{"the end while an appeal waits", appealed, end(cho, gate.IncidentBenign), "answer it first"},
		{"the end while a plan is open", planned, end(cho, gate.IncidentBenign), "say that it is done first"},
		{"the end by itself", nil, end(itself, gate.IncidentFaded), ""},
		{"the end by itself of what people hold", held, end(itself, gate.IncidentFaded), "people deal with it"},
		{"the end by itself as a judgment", nil, end(itself, gate.IncidentBenign), "people deal with it"},
		{"the end by a person as faded", nil, end(cho, gate.IncidentFaded), "must be one of"},
		{"a plan", nil, agree("2027-12-01"), ""},
		{"a plan that is late already", nil, agree("2020-12-01"), "has passed"},
		{"a second plan", planned, agree("2027-12-01"), "say that it is done first"},
		{"a plan is done", planned, func(i gate.Incident) (gate.Incident, error) { return i.PlanDone(cho) }, ""},
		{"no plan is done", nil, func(i gate.Incident) (gate.Incident, error) { return i.PlanDone(cho) }, "no plan"},
		{"a bar", imposed, bar(later.AddDate(0, 6, 0)), ""},
		{"a bar of nothing", nil, bar(later.AddDate(0, 6, 0)), "nothing was imposed"},
		{"a bar of two years", imposed, bar(later.AddDate(2, 0, 0)), "more than 366 days"},
		{"a shorter bar", func(i *gate.Incident) { imposed(i); i.Barred = &gate.Bar{Until: later.AddDate(0, 6, 0)} }, bar(later.AddDate(0, 5, 0)), "only made longer"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			i := detected()
			if row.edit != nil {
				row.edit(&i)
			}
			_, err := row.do(i)
			switch {
			case row.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestAGrantedAppealExemptsItsRulesForAWhileAndEndsTheBar(t *testing.T) {
	i := detected()
	i.Remediations, i.Barred = []gate.RemediationID{"rem_1"}, &gate.Bar{Until: noon.AddDate(0, 6, 0)}
	if !i.Bars("rem_1", noon.AddDate(0, 5, 0)) || i.Bars("rem_2", noon) || i.Bars("rem_1", noon.AddDate(0, 6, 0)) {
		t.Error("the bar keeps something else than what was imposed, until its end")
	}
	i, err := i.Appeal(gate.Appeal{At: noon, Text: "we moved", Notice: "not_2"})
	if err != nil {
		t.Fatal(err)
	}
	if i.State() != gate.IncidentIsAppealed || i.Exempts("patient-scraping", noon) {
		t.Errorf("while it waits: %s", i.State())
	}
	i, err = i.AnswerAppeal(gate.AppealAnswer{Act: gate.Act{By: "stf_cho", At: noon, Why: "a migration"}, Granted: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !i.Exempts("patient-scraping", noon.AddDate(0, 0, 13)) || i.Exempts("patient-scraping", noon.AddDate(0, 0, 14)) || i.Exempts("probing", noon) || i.Exempts("volume-spike", noon) {
		t.Error("the exemption is not the 14 days of the rules that acted")
	}
	if i.Bars("rem_1", noon) {
		t.Error("a granted appeal did not end the bar")
	}
}

func TestAGrantedAppealExemptsNoRuleThatFoundSomethingLater(t *testing.T) {
	i := detected()
	i.Appeals = []gate.Appeal{{At: noon, Text: "we moved", Notice: "not_2", Answer: &gate.AppealAnswer{Act: gate.Act{By: "stf_cho", At: noon.Add(time.Hour), Why: "true"}, Granted: true}}}
	later, err := i.Find(gate.Detection{At: noon.Add(2 * time.Hour), Rule: "enumeration", Weight: 50})
	if err != nil {
		t.Fatal(err)
	}
	if later.Exempts("enumeration", noon.Add(3*time.Hour)) || !later.Exempts("patient-scraping", noon.Add(3*time.Hour)) {
		t.Error("the exemption is not of what was judged")
	}
}

// What is only observed may go on for weeks; it must not push out what the account's score is made of.
func TestWhatIsOnlyObservedPushesNothingOut(t *testing.T) {
	i := detected()
	find := func(n, weight int, observed string) {
		t.Helper()
		next, err := i.Find(gate.Detection{At: noon.Add(time.Duration(n) * time.Hour), Rule: "probing", Weight: weight, Observed: observed})
		if err != nil {
			t.Fatal(err)
		}
		i = next
	}
	sum := func() (weights int) {
		for n := range i.Evidence {
			weights += i.Evidence[n].Weight
		}
		return weights
	}
	i.Evidence = nil
	for n := range 120 {
		find(n, 0, "the rule is only observed")
	}
	for n := range 3 {
		find(200+2*n, 40, "")
		find(201+2*n, 0, "the rule is only observed")
	}
	if sum() != 120 || len(i.Evidence) != 100 || i.MoreEvidence != 26 {
		t.Errorf("of three that weigh 40 each %d is left; %d kept, %d more", sum(), len(i.Evidence), i.MoreEvidence)
	}
	for n := range 100 {
		find(300+n, 1, "")
	}
	before := sum()
	if find(500, 0, "the rule is only observed"); sum() != before || i.Evidence[99].Observed != "" {
		t.Error("what is only observed pushed out what weighs")
	}
}

func TestEvidenceBeyondWhatIsKeptIsCounted(t *testing.T) {
	i := detected()
	i.Evidence = nil
	for n := range 130 {
		var err error
		if i, err = i.Find(gate.Detection{At: noon.Add(time.Duration(n) * time.Hour), Rule: "probing", Weight: 30}); err != nil {
			t.Fatal(err)
		}
	}
	if len(i.Evidence) != 100 || i.MoreEvidence != 30 || !i.Evidence[99].At.Equal(noon.Add(129*time.Hour)) {
		t.Errorf("kept %d, counted %d more, the last of %s", len(i.Evidence), i.MoreEvidence, i.Evidence[99].At)
	}
}
