package gate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func TestAMovedInterviewKeepsItsIdentifierAndWhatItWas(t *testing.T) {
	soon := noon.Add(time.Hour)
	c, err := gate.Certification{ID: "cas_1"}.Schedule("int_1", plan(soon), by("stf_ben", ""))
	if err != nil {
		t.Fatal(err)
	}
	second := gate.Plan{At: soon.Add(time.Hour), Minutes: 90, Link: "https://meet.example.com/7", Interviewer: "stf_eve"}
	moved, err := c.Schedule("int_2", second, by("stf_eve", ""))
	if err != nil {
		t.Fatal(err)
	}
	want := []gate.Interview{{ID: "int_1", Plan: second, Moved: []gate.Moving{{Was: plan(soon), Act: by("stf_eve", "")}}}}
	if diff := cmp.Diff(want, moved.Interviews); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := moved.Interviews[0].Sequence(); got != 1 {
		t.Errorf("sequence %d", got)
	}
	if c.Interviews[0].Moved != nil || !c.Interviews[0].At.Equal(soon) {
		t.Error("what was handed in has changed")
	}
}

func TestAnInterviewThatEndedUnheldLeavesTheCaseAsItWas(t *testing.T) {
	scheduled := gate.Certification{ID: "cas_1", Contract: "con_1", Interviews: []gate.Interview{{ID: "int_1", Plan: plan(noon)}}}
	canceled, err := scheduled.CancelInterview("int_1", by("stf_ben", "a holiday"))
	if err != nil || canceled.State(nil, noon) != gate.Requested || canceled.Interviews[0].Sequence() != 1 || canceled.Planned() != nil {
		t.Errorf("canceled: %+v, %v", canceled, err)
	}
	missed, err := scheduled.MissInterview("int_1", by("stf_ben", "nobody came"))
	if err != nil || missed.State(nil, noon) != gate.Requested || missed.Interviewed("stf_ben") || missed.Interviews[0].Ended.Why != "nobody came" {
		t.Errorf("missed: %+v, %v", missed, err)
	}
	again, err := missed.Schedule("int_2", plan(noon.Add(time.Hour)), by("stf_ben", ""))
	if err != nil || len(again.Interviews) != 2 || again.Interviews[1].Follows != "" || again.State(nil, noon) != gate.Scheduled {
		t.Errorf("planned again: %+v, %v", again, err)
	}
}

func TestAFollowUpIsLinkedToTheFirstInterview(t *testing.T) {
	c := interviewed()
	for _, id := range []gate.InterviewID{"int_2", "int_3"} {
		var err error
		if c, err = c.Schedule(id, plan(noon), by("stf_ben", "")); err != nil {
			t.Fatal(err)
		}
		if got := c.Planned(); got.ID != id || got.Follows != "int_1" {
			t.Errorf("%+v", got)
		}
		if c, err = c.Hold(id, transcript("stf_ben"), gate.Wanting{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnInterviewIsPlannedAndEndedWithinBounds(t *testing.T) {
	scheduled := gate.Certification{ID: "cas_1", Interviews: []gate.Interview{{ID: "int_1", Plan: plan(noon.Add(time.Minute))}}}
	schedule := func(edit func(*gate.Plan)) error {
		p := plan(noon.Add(time.Hour))
		edit(&p)
		return only(scheduled.Schedule("int_2", p, by("stf_ben", "")))
	}
	held := interviewed()
	rows := []struct {
		name string
		err  error
		kind gate.Kind
		want string
	}{
		{"nine minutes", schedule(func(p *gate.Plan) { p.Minutes = 9 }), gate.Invalid, "minutes: 9: must be 10 to 480"},
		{"nine hours", schedule(func(p *gate.Plan) { p.Minutes = 540 }), gate.Invalid, "minutes: 540"},
		{"a link that is none", schedule(func(p *gate.Plan) { p.Link = "room 7" }), gate.Invalid, `link: "room 7"`},
		{"a link to a file", schedule(func(p *gate.Plan) { p.Link = "file:///etc/passwd" }), gate.Invalid, "link: "},
		{"a long link", schedule(func(p *gate.Plan) { p.Link = "https://a/" + strings.Repeat("x", 300) }), gate.Invalid, "link: "},
		{"canceled without reason", only(scheduled.CancelInterview("int_1", by("stf_ben", ""))), gate.Invalid, "why: "},
		{"another case's canceled", only(scheduled.CancelInterview("int_9", by("stf_ben", "no"))), gate.NotFound, "no interview int_9"},
		{"held and canceled", only(held.CancelInterview("int_1", by("stf_ben", "no"))), gate.Conflict, "int_1"},
		{"missed before it began", only(scheduled.MissInterview("int_1", by("stf_ben", "no"))), gate.Conflict, "cancel it instead"},
	}
	for _, row := range rows {
		if !errors.Is(row.err, row.kind) || !strings.Contains(fmt.Sprint(row.err), row.want) {
			t.Errorf("%s: %v, want %s that says %q", row.name, row.err, row.kind, row.want)
		}
	}
}

func TestAnInterviewIsNotHeldBeforeItBegins(t *testing.T) {
	begins := noon.Add(time.Hour)
	scheduled := gate.Certification{ID: "cas_1", Interviews: []gate.Interview{{ID: "int_1", Plan: plan(begins)}}}
	for offset, early := range map[time.Duration]bool{-time.Hour: true, -time.Second: true, 0: false, 48 * time.Hour: false} {
		record := transcript("stf_ben")
		record.At = begins.Add(offset)
		_, err := scheduled.Hold("int_1", record, gate.Wanting{})
		if errors.Is(err, gate.Conflict) != early || err != nil && !early {
			t.Errorf("recorded %s after its beginning: %v", offset, err)
		}
	}
	if scheduled.Interviews[0].Held != nil {
		t.Error("a refused record has changed the case")
	}
}

func TestACallThatCameAboutAtOnceIsEnteredAsItBegins(t *testing.T) {
	for at, want := range map[time.Time]bool{noon: true, noon.Add(-5 * time.Minute): true, noon.Add(-6 * time.Minute): false} {
		if err := plan(at).Check(noon); (err == nil) != want {
			t.Errorf("planned at %s for %s: %v", noon, at, err)
		}
	}
}
