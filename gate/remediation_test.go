package gate_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func suspension() gate.Remediation {
	return gate.Remediation{
		ID: "rem_1", Account: "acc_1", Subject: gate.Subject{Kind: gate.DeviceSubject, ID: "dev_1"},
		Measure: gate.Suspend, From: noon, By: "stf_ben", Why: "scraping",
	}
}

func TestWhoMayLiftASuspensionAndWhen(t *testing.T) {
	why := "it was a load test"
	planned := func(r *gate.Remediation) {
		r.Measure, r.From, r.PlannedAt = gate.Terminate, noon.Add(time.Hour), new(noon.Add(-time.Hour))
	}
	rows := []struct {
		name    string
		edit    func(r *gate.Remediation)
		lifting gate.Lifting
		want    string // part of the error
		kind    gate.Kind
		mistake bool
	}{
		{"whoever imposed it, at once", nil, gate.Lifting{By: "stf_ben", At: noon, Why: why}, "", 0, true},
		{"in the last instant of the window", nil, gate.Lifting{By: "stf_ben", At: noon.Add(gate.UndoWindow), Why: why}, "", 0, true},
		{"after the window", nil, gate.Lifting{By: "stf_ben", At: noon.Add(gate.UndoWindow + 1), Why: why}, "more than 15 minutes ago", gate.Forbidden, false},
		{"a second person, at once", nil, gate.Lifting{By: "stf_cho", At: noon, Why: why}, "", 0, false},
		{"a second person, later", nil, gate.Lifting{By: "stf_cho", At: noon.AddDate(1, 0, 0), Why: why}, "", 0, false},
		{"a second person who claims a mistake", nil, gate.Lifting{By: "stf_cho", At: noon, Why: why, Mistake: true}, "", 0, false},
		{"without a reason", nil, gate.Lifting{By: "stf_cho", At: noon}, "why: ", gate.Invalid, false},
		{"before it begins", nil, gate.Lifting{By: "stf_cho", At: noon.Add(-1), Why: why}, "not in force", gate.Conflict, false},
		{"after its end", func(r *gate.Remediation) { r.Until = new(noon.Add(time.Hour)) }, gate.Lifting{By: "stf_cho", At: noon.Add(time.Hour), Why: why}, "not in force", gate.Conflict, false},
		{"twice", func(r *gate.Remediation) { r.Lifted = &gate.Lifting{At: noon} }, gate.Lifting{By: "stf_cho", At: noon, Why: why}, "lifted already", gate.Conflict, false},
		{"a termination that is planned", planned, gate.Lifting{By: "stf_cho", At: noon, Why: why}, "", 0, false},
		{"a termination that is planned, by who planned it, late", planned, gate.Lifting{By: "stf_ben", At: noon, Why: why}, "more than 15 minutes ago", gate.Forbidden, false},
		{"a planned termination that has begun", planned, gate.Lifting{By: "stf_cho", At: noon.Add(time.Hour), Why: why}, "for good", gate.Conflict, false},
		{"a termination", func(r *gate.Remediation) { r.Measure = gate.Terminate }, gate.Lifting{By: "stf_cho", At: noon, Why: why}, "for good", gate.Conflict, false},
		{"a termination, at once, by who imposed it", func(r *gate.Remediation) { r.Measure = gate.Terminate }, gate.Lifting{By: "stf_ben", At: noon, Why: why}, "for good", gate.Conflict, false},
		{"what a rule imposed", func(r *gate.Remediation) { r.By = "" }, gate.Lifting{By: "stf_ben", At: noon.Add(time.Hour), Why: why}, "", 0, false},
	}
	for _, row := range rows {
		r := suspension()
		if row.edit != nil {
			row.edit(&r)
		}
		before := r
		got, err := r.Lift(row.lifting)
		if diff := cmp.Diff(before, r); diff != "" {
			t.Errorf("%s: lifting changed the value that it was asked of:\n%s", row.name, diff)
		}
		if row.want != "" {
			if !errors.Is(err, row.kind) || !strings.Contains(err.Error(), row.want) || cmp.Diff(before, got) != "" {
				t.Errorf("%s: %v, want %s that says %q", row.name, err, row.kind, row.want)
			}
			continue
		}
		if err != nil || got.Lifted == nil || got.Lifted.Mistake != row.mistake || got.InForce(row.lifting.At) {
			t.Errorf("%s: %+v, %v", row.name, got.Lifted, err)
		}
	}
}

func TestStatusIsTheStrictestInForce(t *testing.T) {
	suspend, terminate, lifted, unknown, throttle := suspension(), suspension(), suspension(), suspension(), suspension()
	throttle.Measure = gate.Throttle
	terminate.Measure = gate.Terminate
	lifted.Lifted = &gate.Lifting{At: noon}
	unknown.Measure = "quarantine"
	rows := []struct {
		list []*gate.Remediation
		want gate.Status
		name string
	}{
		{nil, gate.Normal, "normal"},
		{[]*gate.Remediation{&lifted}, gate.Normal, "normal"},
		{[]*gate.Remediation{&throttle, &lifted}, gate.Throttled, "throttled"},
		{[]*gate.Remediation{&suspend, &throttle}, gate.Suspended, "suspended"},
		{[]*gate.Remediation{&lifted, &suspend}, gate.Suspended, "suspended"},
		{[]*gate.Remediation{&unknown}, gate.Suspended, "suspended"},
		{[]*gate.Remediation{&suspend, &terminate}, gate.Terminated, "terminated"},
		{[]*gate.Remediation{&terminate, &suspend}, gate.Terminated, "terminated"},
	}
	for i, row := range rows {
		if got := gate.StatusOf(row.list, noon); got != row.want || got.String() != row.name {
			t.Errorf("row %d: %s, want %s", i, got, row.name)
		}
	}
}

func TestAMeasureHasTheLimitThatItNeeds(t *testing.T) {
	limit := func(text string) *gate.Limit {
		l, err := gate.ParseLimit(text)
		if err != nil {
			t.Fatal(err)
		}
		return &l
	}
	for _, row := range []struct {
		measure gate.Measure
		limit   *gate.Limit
		want    string // of the error; empty: it is fine
	}{
		{gate.Suspend, nil, ""}, {gate.Terminate, nil, ""},
		{gate.Throttle, limit("rate 10/60s burst 2"), ""}, {gate.Throttle, limit("day 5"), ""}, {gate.Throttle, limit("concurrency 1"), ""},
		{gate.Suspend, limit("day 5"), "limit: belongs to a throttle; suspend lets nothing through"},
		{gate.Throttle, nil, "limit: is missing: a throttle says how much is still let through, such as rate 10/60s"},
		{gate.Throttle, limit("patients-day 5"), "limit: patients-day 5: of a throttle it is a rate, day or concurrency, for all calls of its subject"},
		{gate.Throttle, limit("day 5 per device"), "limit: day 5 per device: of a throttle it is a rate, day or concurrency, for all calls of its subject"},
		{gate.Throttle, limit("day 0"), "limit.amount: 0: must be 1 to 1000000000000; to let nothing through, do not grant it"},
		{"slow-down", nil, `measure: "slow-down": must be throttle, suspend or terminate`},
	} {
		got := ""
		if err := row.measure.Check(row.limit); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s: %s", row.measure, diff)
		}
	}
}
