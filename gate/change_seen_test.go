package gate_test

import (
	"slices"
	"testing"

	"github.com/onerecord/certgate/gate"
)

func TestAChangeThatTheGateSeesIsReportedOnceUntilItIsJudgedAndRests(t *testing.T) {
	c := certified()
	c, err := c.SeeChange(gate.NetworkNew, "203.0.113.0/24", by("", ""))
	if err != nil {
		t.Fatal(err)
	}
	at := noon
	again := func(c gate.Certification, kind gate.ChangeKind, days int) bool {
		_, err := c.SeeChange(kind, "again", gate.Act{At: at.AddDate(0, 0, days)})
		if may := c.MaySee(kind, at.AddDate(0, 0, days)); may != (err == nil) {
			t.Errorf("%s: %v, and %v", kind, may, err)
		}
		return err == nil
	}
	if again(c, gate.NetworkNew, 400) || !again(c, gate.VolumeTripled, 0) || again(c, gate.HostingChanged, 0) {
		t.Error("while one waits")
	}
	for material, want := range map[bool]bool{false: true, true: false} { // a material one is to be certified first
		judged, err := c.JudgeChange(0, material, by("stf_cho", "looked at"))
		if err != nil {
			t.Fatal(err)
		}
		if again(judged, gate.NetworkNew, 29) || again(judged, gate.NetworkNew, 30) != want {
			t.Errorf("judged material: %v", material)
		}
	}
	if slices.ContainsFunc(gate.SeenChangeKinds(), func(k gate.ChangeKind) bool { return slices.Contains(gate.ChangeKinds(), k) }) {
		t.Error("people can report what only the gate sees")
	}
}
