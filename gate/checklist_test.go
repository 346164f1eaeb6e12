package gate_test

import (
	"slices"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

// undone are the steps of a case that are not done.
func undone(c *gate.Certification, contract *gate.Contract, enrolled ...gate.DeviceID) (steps []gate.ChecklistStep) {
	for _, item := range c.Checklist(contract, gate.Requirements{}, enrolled, noon) {
		if !item.Done {
			steps = append(steps, item.Step)
		}
	}
	return steps
}

func TestTheChecklistSaysWhatIsLeft(t *testing.T) {
	contract := signed(t)
	requested := gate.Certification{ID: "cas_1", Contract: "con_1", Devices: []gate.DeviceID{"dev_1"}, Requested: by("stf_ben", "")}
	bare := interviewed()
	record := gate.Transcript{By: "stf_ben", At: noon, Attendees: []gate.Attendee{{Name: "Ann"}}}
	bare.Interviews = []gate.Interview{{ID: "int_1", Plan: plan(noon), Held: &record}}
	bare.Devices = nil
	complete := interviewed()
	approved, err := complete.Approve(contract, gate.Requirements{}, by("stf_cho", ""))
	if err != nil {
		t.Fatal(err)
	}
	released, err := approved.Release(contract, by("stf_eve", ""))
	if err != nil {
		t.Fatal(err)
	}
	enrolled := released.Enroll(noon)
	due, err := enrolled.Recertify(noon.Add(time.Hour), by("stf_cho", "moved"))
	if err != nil {
		t.Fatal(err)
	}
	due.Demanded.At = noon.Add(time.Second)
	rejected, err := complete.Reject(by("stf_cho", "no"))
	if err != nil {
		t.Fatal(err)
	}
	finding := wanting(t)
	for name, row := range map[string]struct {
		got  []gate.ChecklistStep
		want []gate.ChecklistStep
	}{
		"requested": {undone(&requested, contract), []gate.ChecklistStep{gate.InterviewStep, gate.DecisionStep}},
		"bare": {undone(&bare, nil), []gate.ChecklistStep{gate.RecordingStep, gate.ConsentStep, gate.DemoStep, gate.QuestionsStep, gate.DevicesStep,
			gate.ContractStep, gate.AgreementStep, gate.AgreementStep, gate.DecisionStep}},
		"with a finding":  {undone(&finding, contract), []gate.ChecklistStep{gate.FindingsStep, gate.DecisionStep}},
		"complete":        {undone(&complete, contract), []gate.ChecklistStep{gate.DecisionStep}},
		"approved":        {undone(&approved, contract), []gate.ChecklistStep{gate.ReleaseStep, gate.EnrollStep}},
		"released":        {undone(&released, contract), []gate.ChecklistStep{gate.EnrollStep}},
		"in force":        {undone(&enrolled, contract, "dev_1"), nil},
		"to be certified": {undone(&due, contract, "dev_1"), []gate.ChecklistStep{gate.InterviewStep, gate.ProfileStep, gate.RecertifyStep}},
		"rejected":        {undone(&rejected, contract), nil},
	} {
		if !slices.Equal(row.got, row.want) {
			t.Errorf("%s: %v, want %v", name, row.got, row.want)
		}
	}
}

// What keeps a case from approval stands in the checklist, and nothing else does.
func TestTheChecklistAgreesWithWhatIsMissing(t *testing.T) {
	contract := signed(t)
	for _, c := range []gate.Certification{interviewed(), wanting(t), {ID: "cas_1"}} {
		open := slices.DeleteFunc(undone(&c, contract), func(s gate.ChecklistStep) bool { return s == gate.DecisionStep })
		if missing := c.Missing(contract, gate.Requirements{}, noon); (len(missing) == 0) != (len(open) == 0) {
			t.Errorf("missing %q, on the checklist %v", missing, open)
		}
	}
}

func TestStepsOfTheChecklistAreListed(t *testing.T) {
	seen := make(map[gate.ChecklistStep]bool)
	for _, s := range gate.ChecklistSteps() {
		if s == "" || seen[s] {
			t.Errorf("%q", s)
		}
		seen[s] = true
	}
}
