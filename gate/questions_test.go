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

// What was asked may never change: a difference here is a new version, not another text.
func TestTheFirstListOfQuestionsNeverChanges(t *testing.T) {
	want := []string{"data-flow", "hosting", "environments", "tls", "retries", "volume", "gateway-readiness", "key-storage", "key-rotation",
		"user-authentication", "audit-logs", "assessments", "breach-contacts", "data-at-rest", "consent", "purposes", "sharing", "change-notices", "off-boarding"}
	var got []string
	for _, q := range gate.Questions(1) {
		got = append(got, q.ID)
		if q.Text == "" || q.Topic == "" || gate.CheckSlug(q.ID) != nil {
			t.Errorf("%+v", q)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if gate.Questions(0) != nil || gate.Questions(gate.QuestionsVersion+1) != nil || gate.Questions(gate.QuestionsVersion) == nil {
		t.Error("there are lists that are none")
	}
	gate.Questions(1)[0].ID = "changed"
	if gate.Questions(1)[0].ID != "data-flow" {
		t.Error("a caller changed the list")
	}
}

func TestAnswersInWritingCountBesideThoseOfTheInterview(t *testing.T) {
	c := interviewed()
	answers := c.Interviews[0].Held.Answers
	c.Interviews[0].Held.Answers = answers[5:]
	if diff := cmp.Diff(lacking(0, 4), c.Missing(signed(t), gate.Requirements{}, noon)); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
	c, err := c.AnswerInWriting(answers[:5], by("stf_eve", ""))
	if err != nil || c.Missing(signed(t), gate.Requirements{}, noon) != nil {
		t.Errorf("missing %q, %v", c.Missing(signed(t), gate.Requirements{}, noon), err)
	}
	if _, err := c.Approve(signed(t), gate.Requirements{}, by("stf_eve", "")); !errors.Is(err, gate.Forbidden) {
		t.Errorf("approved by who wrote the answers down: %v", err)
	}
}

func TestWhatNobodyCouldAnswerBecomesAFinding(t *testing.T) {
	c := gate.Certification{ID: "cas_1", Contract: "con_1", Questions: 1, Devices: []gate.DeviceID{"dev_1"}, Interviews: []gate.Interview{{ID: "int_1", Plan: plan(noon)}}}
	record := transcript("stf_ben")
	record.Answers[7] = gate.Answer{Question: "key-storage"}
	c, err := c.Hold("int_1", record, found("a finding"))
	if err != nil {
		t.Fatal(err)
	}
	text := "Nobody could answer: Where are production key and private key kept, and who can read them?"
	if diff := cmp.Diff([]string{"the finding to be closed: a finding", "the finding to be closed: " + text}, c.Missing(signed(t), gate.Requirements{}, noon)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if c.Findings[1].Question != "key-storage" || c.State(signed(t), noon) != gate.IssuesFound {
		t.Errorf("%+v", c.Findings)
	}
	for n := range c.Findings {
		if c, err = c.CloseFinding(n, by("stf_ben", "answered by letter")); err != nil {
			t.Fatal(err)
		}
	}
	if missing := c.Missing(signed(t), gate.Requirements{}, noon); missing != nil {
		t.Errorf("missing %q", missing)
	}
}

func TestAnswersFromBeforeARecertificationDoNotCount(t *testing.T) {
	c := certified()
	c, err := c.Recertify(noon.AddDate(0, 0, 30), gate.Act{By: "stf_cho", At: noon.Add(time.Hour), Why: "moved"})
	if err != nil {
		t.Fatal(err)
	}
	c.Written = []gate.WrittenAnswers{{Answers: answered(), Act: by("stf_ben", "")}}
	record := transcript("stf_ben")
	record.Answers = answered()[:18]
	c.Interviews = append(c.Interviews, gate.Interview{ID: "int_2", Plan: plan(noon.Add(2 * time.Hour)), Held: &record})
	if missing := c.Missing(signed(t), gate.Requirements{}, noon); !slices.Contains(missing, lacking(18, 18)[0]) || slices.Contains(missing, lacking(17, 17)[0]) {
		t.Errorf("missing %q", missing)
	}
}

func TestOnlyWhatIsAskedCanBeAnswered(t *testing.T) {
	c := gate.Certification{ID: "cas_1", Interviews: []gate.Interview{{ID: "int_1", Plan: plan(noon)}}}
	write := func(answers ...gate.Answer) error { return only(c.AnswerInWriting(answers, by("stf_ben", ""))) }
	record := transcript("stf_ben")
	record.Answers[3].Question = "weather"
	decided := interviewed()
	decided.Rejected = &gate.Act{}
	rows := []struct {
		name string
		err  error
		kind gate.Kind
		want string
	}{
		{"nothing", write(), gate.Invalid, "answers: must hold at least one"},
		{"what is not asked", write(gate.Answer{Question: "weather", Text: "fine"}), gate.Invalid, `answers[0].question: "weather": version 1`},
		{"what is not asked, in an interview", only(c.Hold("int_1", record, gate.Wanting{})), gate.Invalid, `answers[3].question: "weather"`},
		{"both", write(gate.Answer{Question: "tls", Text: "a", NotApplicable: "b"}), gate.Invalid, "both answered and not applicable"},
		{"neither", write(gate.Answer{Question: "tls", Text: "a"}, gate.Answer{Question: "consent"}), gate.Invalid, "answers[1].question"},
		{"a book", write(gate.Answer{Question: "tls", Text: strings.Repeat("x", 4001)}), gate.Invalid, "more than 4000 bytes"},
		{"after the decision", only(decided.AnswerInWriting(answered(), by("stf_ben", ""))), gate.Conflict, "was rejected"},
	}
	for _, row := range rows {
		if !errors.Is(row.err, row.kind) || !strings.Contains(fmt.Sprint(row.err), row.want) {
			t.Errorf("%s: %v, want %s that says %q", row.name, row.err, row.kind, row.want)
		}
	}
}
