package gate_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

// certified is a case that went all the way, with an interview behind it.
func certified() gate.Certification {
	c := interviewed()
	c.Profile.Grant = gate.Grant{Behaviors: []string{"fhir-query"}, Purposes: []gate.Purpose{gate.Treatment}}
	c.Approved, c.Released, c.EnrolledAt = new(by("stf_cho", "")), new(by("stf_eve", "")), new(noon)
	return c
}

func TestAMaterialChangeIsCertifiedAnew(t *testing.T) {
	contract := signed(t)
	c := certified()
	step := func(next gate.Certification, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		c = next
	}
	act := func(who gate.StaffID, at time.Time) gate.Act { return gate.Act{By: who, At: at, Why: "moved"} }
	later := noon.Add(time.Hour)
	step(c.ReportChange(gate.HostingChanged, "moved to another cloud", act("stf_ben", later)))
	if _, err := c.JudgeChange(0, true, act("stf_ben", later)); !errors.Is(err, gate.Forbidden) {
		t.Errorf("judged by who reported: %v", err)
	}
	step(c.JudgeChange(0, true, act("stf_cho", later)))
	if want := later.AddDate(0, 0, 30); !c.RecertifyBy.Equal(want) || c.State(contract, want.Add(-1)) != gate.InForce || c.State(contract, want) != gate.Lapsed {
		t.Errorf("due %s, want %s", c.RecertifyBy, want)
	}
	want := []string{"an interview that was held and recorded", "the profile and its documents, brought up to date"}
	if diff := cmp.Diff(want, c.Missing(contract, gate.Requirements{}, later)); diff != "" {
		t.Errorf("missing, -want +got:\n%s", diff)
	}
	overdue := c.RecertifyBy.Add(time.Hour) // it can be cleared after it has lapsed as well
	step(c.Schedule("int_2", plan(overdue), act("stf_ben", overdue)))
	record := transcript("stf_ben")
	record.DemoShown, record.At = false, overdue
	step(c.Hold("int_2", record, found("who rotates keys")))
	step(c.Schedule("int_3", plan(overdue), act("stf_ben", overdue)))
	record = transcript("stf_ben")
	record.At = overdue
	step(c.Hold("int_3", record, gate.Wanting{}))
	profile := gate.Profile{Grant: gate.Grant{Behaviors: []string{"fhir-query", "fhir-match"}, Purposes: []gate.Purpose{gate.Treatment}}, Hosting: "another cloud"}
	step(c.UpdateProfile(gate.ProfileUpdate{Profile: profile, Documents: "vault/9", Submitted: act("stf_ben", overdue)}, everyBehavior))
	if _, err := c.PassRecertification(contract, gate.Requirements{}, act("stf_cho", overdue)); !errors.Is(err, gate.Conflict) || !strings.Contains(err.Error(), "who rotates keys") {
		t.Errorf("with an open finding: %v", err)
	}
	step(c.CloseFinding(0, act("stf_ben", overdue)))
	if slices.Contains(c.Profile.Grant.Behaviors, "fhir-match") {
		t.Error("the new profile counts before it was certified")
	}
	if _, err := c.PassRecertification(contract, gate.Requirements{}, act("stf_ben", overdue)); !errors.Is(err, gate.Forbidden) {
		t.Errorf("by who interviewed: %v", err)
	}
	due := *c.RecertifyBy
	step(c.PassRecertification(contract, gate.Requirements{}, act("stf_cho", overdue)))
	if c.State(contract, overdue) != gate.InForce || c.RecertifyBy != nil || c.Update != nil || c.Demanded != nil || c.Profile.Hosting != "another cloud" {
		t.Errorf("%+v", c)
	}
	passed := gate.Recertification{Act: act("stf_cho", overdue), Demanded: act("stf_cho", later), Due: due, Was: certified().Profile, Documents: "vault/9"}
	if diff := cmp.Diff([]gate.Recertification{passed}, c.Recertified); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestASecondChangeMovesNoDueDateButNeedsAnInterviewOfItsOwn(t *testing.T) {
	c := certified()
	day := func(n int) time.Time { return noon.AddDate(0, 0, n) }
	due := day(10)
	c.RecertifyBy, c.Demanded = &due, new(by("stf_cho", "x"))
	c.Interviews = append(c.Interviews, gate.Interview{ID: "int_2", Plan: plan(day(1)), Held: new(transcript("stf_ben"))})
	c.Update = &gate.ProfileUpdate{Submitted: gate.Act{At: day(1)}}
	if missing := c.Missing(signed(t), gate.Requirements{}, day(2)); len(missing) > 0 {
		t.Fatalf("missing %q", missing)
	}
	c.Changes = []gate.ChangeReport{{Kind: gate.OwnershipChanged, Text: "sold", Reported: by("stf_ben", "")}}
	got, err := c.JudgeChange(0, true, gate.Act{By: "stf_cho", At: day(2), Why: "another owner"})
	if err != nil || !got.RecertifyBy.Equal(due) {
		t.Fatalf("due %v, %v", got.RecertifyBy, err)
	}
	if missing := got.Missing(signed(t), gate.Requirements{}, day(2)); len(missing) != 2 {
		t.Errorf("missing %q", missing)
	}
	immaterial, err := c.JudgeChange(0, false, gate.Act{By: "stf_cho", At: day(2), Why: "the same people"})
	if err != nil || len(immaterial.Missing(signed(t), gate.Requirements{}, day(2))) > 0 || immaterial.Changes[0].Judged == nil {
		t.Errorf("%+v, %v", immaterial, err)
	}
}

func TestWhatIsRefusedOfACertifiedCase(t *testing.T) {
	open, c, due := interviewed(), certified(), certified()
	due.RecertifyBy, due.Demanded = new(noon.Add(time.Hour)), new(by("stf_cho", "x"))
	judged := certified()
	judged.Changes = []gate.ChangeReport{{Kind: gate.HostingChanged, Text: "moved", Reported: by("stf_ben", ""), Judged: new(by("stf_cho", ""))}}
	revoked := due
	revoked.Revoked = &gate.Ending{At: noon}
	update := gate.ProfileUpdate{Profile: certified().Profile, Documents: "vault/9", Submitted: by("stf_ben", "")}
	undocumented, empty := update, update
	undocumented.Documents, empty.Profile.Grant = "", gate.Grant{}
	device := &gate.Device{ID: "dev_2", Account: "acc_1", Environment: gate.Production}
	only := func(_ gate.Certification, err error) error { return err }
	contract := signed(t)
	rows := []struct {
		name string
		err  error
		kind gate.Kind
		want string
	}{
		{"a change before approval", only(open.ReportChange(gate.HostingChanged, "x", by("stf_ben", ""))), gate.Conflict, "is not approved"},
		{"a change of a revoked one", only(revoked.ReportChange(gate.HostingChanged, "x", by("stf_ben", ""))), gate.Conflict, "was revoked"},
		{"a change of no kind", only(c.ReportChange("weather", "x", by("stf_ben", ""))), gate.Invalid, "kind: "},
		{"a change without text", only(c.ReportChange(gate.HostingChanged, " ", by("stf_ben", ""))), gate.Invalid, "text: "},
		{"a change that there is not", only(c.JudgeChange(0, true, by("stf_cho", "x"))), gate.NotFound, "there is no 0"},
		{"a change judged twice", only(judged.JudgeChange(0, true, by("stf_eve", "x"))), gate.Conflict, "judged already"},
		{"judged before approval", only(open.JudgeChange(0, true, by("stf_eve", "x"))), gate.Conflict, "is not approved"},
		{"judged without reason", func() error {
			reported, _ := c.ReportChange(gate.HostingChanged, "x", by("stf_ben", ""))
			return only(reported.JudgeChange(0, true, by("stf_cho", "")))
		}(), gate.Invalid, "why: "},
		{"a profile for no reason", only(c.UpdateProfile(update, everyBehavior)), gate.Conflict, "does not have to be certified anew"},
		{"a profile of a revoked one", only(revoked.UpdateProfile(update, everyBehavior)), gate.Conflict, "does not have to be certified anew"},
		{"a profile without documents", only(due.UpdateProfile(undocumented, everyBehavior)), gate.Invalid, "documents: "},
		{"a profile of nothing", only(due.UpdateProfile(empty, everyBehavior)), gate.Invalid, "profile.grant: "},
		{"certified anew for no reason", only(c.PassRecertification(contract, gate.Requirements{}, by("stf_cho", "x"))), gate.Conflict, "does not have to be"},
		{"certified anew before approval", only(open.PassRecertification(contract, gate.Requirements{}, by("stf_cho", "x"))), gate.Conflict, "is not approved"},
		{"certified anew without reason", only(due.PassRecertification(contract, gate.Requirements{}, by("stf_cho", ""))), gate.Invalid, "why: "},
		{"an interview of a certified one", only(c.Schedule("int_2", plan(noon.Add(time.Hour)), by("stf_ben", ""))), gate.Conflict, "approved already"},
		{"joined before approval", only(open.Join(contract, device, by("stf_cho", "x"))), gate.Conflict, "is interviewed"},
		{"joined by who interviewed", only(c.Join(contract, device, by("stf_ben", "x"))), gate.Forbidden, "you interviewed"},
		{"joined without reason", only(c.Join(contract, device, by("stf_cho", ""))), gate.Invalid, "why: "},
		{"joined twice", only(c.Join(contract, &gate.Device{ID: "dev_1", Account: "acc_1", Environment: gate.Production}, by("stf_cho", "x"))), gate.Conflict, "already"},
		{"joined by another account's", only(c.Join(contract, &gate.Device{ID: "dev_2", Account: "acc_2", Environment: gate.Production}, by("stf_cho", "x"))), gate.Invalid, "device: "},
		{"joined by one of preprod", only(c.Join(contract, &gate.Device{ID: "dev_2", Account: "acc_1", Environment: gate.Preprod}, by("stf_cho", "x"))), gate.Invalid, "device: "},
		{"released to a stranger", only(c.ReleaseTo("dev_9", contract, by("stf_eve", ""))), gate.Conflict, "does not cover"},
	}
	for _, row := range rows {
		if !errors.Is(row.err, row.kind) || !strings.Contains(row.err.Error(), row.want) {
			t.Errorf("%s: %v, want %s that says %q", row.name, row.err, row.kind, row.want)
		}
	}
}

func TestAnotherDeviceJoinsAndIsReleasedBySomebodyElse(t *testing.T) {
	c := certified()
	joined, err := c.Join(signed(t), &gate.Device{ID: "dev_2", Account: "acc_1", Environment: gate.Production}, by("stf_dan", "the same engine, second site"))
	if err != nil || !joined.Covers("dev_2") || c.Covers("dev_2") {
		t.Fatalf("%v", err)
	}
	if _, err := joined.ReleaseTo("dev_2", signed(t), by("stf_dan", "")); !errors.Is(err, gate.Forbidden) {
		t.Errorf("released by who let it join: %v", err)
	}
	for device, who := range map[gate.DeviceID]gate.StaffID{"dev_1": "stf_dan", "dev_2": "stf_eve"} {
		if _, err := joined.ReleaseTo(device, signed(t), by(who, "")); err != nil {
			t.Errorf("%s: %v", device, err)
		}
	}
}
