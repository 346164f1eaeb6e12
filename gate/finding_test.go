package gate_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

// newYork is the customer's zone in the tests below.
func newYork(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// wanting is a case with one finding, due at the end of 17 March in New York.
func wanting(t *testing.T) gate.Certification {
	t.Helper()
	c, err := interviewed().RaiseFinding(gate.NewFinding{Text: "Who rotates keys?", Severity: gate.HighSeverity, Due: "2027-03-17"}, newYork(t), by("stf_cho", ""))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAFindingGoesItsWay(t *testing.T) {
	c := wanting(t)
	due := time.Date(2027, time.March, 18, 3, 59, 59, 0, time.UTC)
	if !c.Findings[0].Due.Equal(due) {
		t.Errorf("due %s, want %s", c.Findings[0].Due, due)
	}
	want := func(c gate.Certification, now time.Time, want gate.FindingState) {
		t.Helper()
		if got := c.FindingState(0, now); got != want {
			t.Errorf("at %s it is %s, want %s", now, got, want)
		}
	}
	want(c, due, gate.FindingOpen)
	want(c, due.Add(1), gate.FindingOverdue)
	p := plan(noon)
	p.Findings = []int{0}
	followUp, err := c.Schedule("int_2", p, by("stf_ben", ""))
	if err != nil {
		t.Fatal(err)
	}
	want(followUp, due.Add(1), gate.FindingFollowUp)
	moved, err := followUp.Schedule("int_3", plan(noon.Add(time.Hour)), by("stf_ben", ""))
	if err != nil || !slices.Equal(moved.Planned().Findings, []int{0}) {
		t.Errorf("moved it is about %v, %v", moved.Planned().Findings, err)
	}
	canceled, err := followUp.CancelInterview("int_2", by("stf_ben", "a holiday"))
	if err != nil {
		t.Fatal(err)
	}
	want(canceled, due.Add(1), gate.FindingOverdue)
	held, err := followUp.Hold("int_2", transcript("stf_ben"), gate.Wanting{})
	if err != nil {
		t.Fatal(err)
	}
	want(held, due.Add(1), gate.FindingAnswered)
	answered, err := c.AnswerFinding(0, gate.FindingAnswer{Text: "Two engineers, twice a year.", Act: by("stf_ben", "")})
	if err != nil {
		t.Fatal(err)
	}
	want(answered, due.Add(1), gate.FindingAnswered)
	if c.Findings[0].Answers != nil || !answered.Findings[0].Answers[0].CameIn.Equal(noon) {
		t.Errorf("%+v, was %+v", answered.Findings[0], c.Findings[0])
	}
	closed, err := answered.CloseFinding(0, by("stf_ben", "the answer will do"))
	if err != nil {
		t.Fatal(err)
	}
	want(closed, due.Add(1), gate.FindingIsClosed)
	if _, err := closed.AnswerFinding(0, gate.FindingAnswer{Text: "more", Act: by("stf_ben", "")}); !errors.Is(err, gate.Conflict) {
		t.Errorf("answered when it was closed: %v", err)
	}
}

func TestWhoTookAnAnswerDoesNotApprove(t *testing.T) {
	c, err := wanting(t).AnswerFinding(0, gate.FindingAnswer{Text: "Two.", Act: by("stf_eve", "")})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Interviewed("stf_eve") || c.Interviewed("stf_cho") {
		t.Errorf("eve, who took the answer: %v; cho, who asked for it: %v", c.Interviewed("stf_eve"), c.Interviewed("stf_cho"))
	}
}

func TestWhatNobodyCouldAnswerIsDueInFourteenDays(t *testing.T) {
	c := gate.Certification{ID: "cas_1", Interviews: []gate.Interview{{ID: "int_1", Plan: plan(noon)}}}
	record := transcript("stf_ben")
	record.Answers[0].Text = ""
	c, err := c.Hold("int_1", record, gate.Wanting{Zone: newYork(t)})
	if err != nil {
		t.Fatal(err)
	}
	due := time.Date(2027, time.March, 25, 3, 59, 59, 0, time.UTC) // the end of the 24th, by daylight saving time
	want := []gate.Finding{{Text: "Nobody could answer: " + gate.Questions(1)[0].Text, Question: gate.Questions(1)[0].ID, Severity: gate.MediumSeverity, Due: &due,
		Interview: "int_1", Raised: by("stf_ben", "")}}
	if diff := cmp.Diff(want, c.Findings); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFindingsFromBeforeHaveNoDue(t *testing.T) {
	c := gate.Certification{ID: "cas_1", Findings: []gate.Finding{{Text: "old", Raised: by("stf_ben", "")}}}
	if got := c.FindingState(0, noon.AddDate(10, 0, 0)); got != gate.FindingOpen {
		t.Errorf("it is %s", got)
	}
	if due := c.FindingsDue(noon.AddDate(10, 0, 0), func(string) bool { return false }); due != nil {
		t.Errorf("reminded of %v", due)
	}
}

func TestACustomerIsRemindedOfAnAnswerOnce(t *testing.T) {
	c := wanting(t)
	due := *c.Findings[0].Due
	sent := make(map[string]bool)
	for _, row := range []struct {
		at   time.Time
		want []gate.FindingDue
	}{
		{noon, nil},
		{due.AddDate(0, 0, -3).Add(time.Second), []gate.FindingDue{{0, 3}}},
		{due, nil},
		{due.Add(time.Second), []gate.FindingDue{{0, 0}}},
		{due.AddDate(0, 1, 0), nil},
		{due.AddDate(0, 0, -1), nil}, // the clock was set back
	} {
		got := c.FindingsDue(row.at, func(id string) bool { return sent[id] })
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s, -want +got:\n%s", row.at, diff)
		}
		for _, d := range got {
			sent[c.FindingReminderID(d.Number, d.Days)] = true
		}
	}
	if got := c.FindingsDue(due.AddDate(0, 2, 0), func(string) bool { return false }); !slices.Equal(got, []gate.FindingDue{{0, 0}}) {
		t.Errorf("after a pause: %v", got)
	}
	withdrawn, err := c.Withdraw(by("stf_ben", "no longer wanted"))
	if err != nil || withdrawn.FindingsDue(due.Add(1), func(string) bool { return false }) != nil {
		t.Errorf("reminded of a case that was withdrawn; %v", err)
	}
}

func TestFindingsAreCheckedWhenTheyAreRaised(t *testing.T) {
	c := wanting(t)
	raise := func(edit func(*gate.NewFinding)) error {
		n := gate.NewFinding{Text: "a", Severity: gate.LowSeverity}
		edit(&n)
		return only(c.RaiseFinding(n, nil, by("stf_ben", "")))
	}
	answer := func(edit func(*gate.FindingAnswer)) error {
		a := gate.FindingAnswer{Text: "so", Act: by("stf_ben", "")}
		edit(&a)
		return only(c.AnswerFinding(0, a))
	}
	follow := func(findings ...int) error {
		p := plan(noon)
		p.Findings = findings
		return only(c.Schedule("int_2", p, by("stf_ben", "")))
	}
	for name, row := range map[string]struct {
		err  error
		kind gate.Kind
		want string
	}{
		"no text":               {raise(func(n *gate.NewFinding) { n.Text = "" }), gate.Invalid, "text: "},
		"no severity":           {raise(func(n *gate.NewFinding) { n.Severity = "" }), gate.Invalid, `severity: "": must be one of low, medium, high, critical`},
		"another severity":      {raise(func(n *gate.NewFinding) { n.Severity = "grave" }), gate.Invalid, `severity: "grave"`},
		"a day that is none":    {raise(func(n *gate.NewFinding) { n.Due = "2027-02-30" }), gate.Invalid, `due: "2027-02-30": must be a day`},
		"due yesterday":         {raise(func(n *gate.NewFinding) { n.Due = "2027-03-09" }), gate.Invalid, "has passed"},
		"due in two years":      {raise(func(n *gate.NewFinding) { n.Due = "2029-03-09" }), gate.Invalid, "more than 366 days"},
		"due at an instant":     {raise(func(n *gate.NewFinding) { n.Due = "2027-03-11T12:00:00+01:00" }), 0, ""},
		"an empty answer":       {answer(func(a *gate.FindingAnswer) { a.Text = " " }), gate.Invalid, "text: "},
		"a long answer":         {answer(func(a *gate.FindingAnswer) { a.Text = strings.Repeat("x", 4001) }), gate.Invalid, "4000 are allowed"},
		"an answer from then":   {answer(func(a *gate.FindingAnswer) { a.CameIn = noon.Add(time.Second) }), gate.Invalid, "is still to come"},
		"an answer from before": {answer(func(a *gate.FindingAnswer) { a.CameIn = noon.Add(-time.Second) }), gate.Invalid, "before the finding was raised"},
		"a hash of nothing":     {answer(func(a *gate.FindingAnswer) { a.Document.SHA256 = strings.Repeat("0a", 32) }), gate.Invalid, "reference: "},
		"half a hash":           {answer(func(a *gate.FindingAnswer) { a.Document = gate.Document{Reference: "r", SHA256: "0a"} }), gate.Invalid, "sha256: "},
		"a hash that is guessed": {answer(func(a *gate.FindingAnswer) {
			a.Document = gate.Document{Reference: "r", SHA256: strings.Repeat("0a", 32), HashSource: "guessed"}
		}), gate.Invalid, "hash_source: "},
		"a source of no hash":        {answer(func(a *gate.FindingAnswer) { a.Document = gate.Document{Reference: "r", HashSource: gate.ComputedHash} }), gate.Invalid, "hash_source: "},
		"an answer to none":          {only(c.AnswerFinding(1, gate.FindingAnswer{Text: "so", Act: by("stf_ben", "")})), gate.NotFound, "there is no 1"},
		"a follow-up about none":     {follow(7), gate.Invalid, "findings[0]: "},
		"a follow-up twice about it": {follow(0, 0), gate.Invalid, "findings[1]: 0 is listed twice"},
	} {
		if row.kind == 0 {
			if row.err != nil {
				t.Errorf("%s: %v", name, row.err)
			}
			continue
		}
		if !errors.Is(row.err, row.kind) || !strings.Contains(fmt.Sprint(row.err), row.want) {
			t.Errorf("%s: %v, want %s that says %q", name, row.err, row.kind, row.want)
		}
	}
}

func TestAHashThatSaysNotHowItCameAboutWasTyped(t *testing.T) {
	c, err := wanting(t).AnswerFinding(0, gate.FindingAnswer{Document: gate.Document{Reference: "DMS-7", SHA256: strings.Repeat("0a", 32)}, Act: by("stf_ben", "")})
	if err != nil || c.Findings[0].Answers[0].Document.HashSource != gate.TypedHash {
		t.Errorf("%+v, %v", c.Findings[0].Answers, err)
	}
}

func TestStatesOfFindingsHaveNames(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range gate.FindingStates() {
		if s.String() == "" || seen[s.String()] {
			t.Errorf("%d is %q", s, s)
		}
		seen[s.String()] = true
	}
}
