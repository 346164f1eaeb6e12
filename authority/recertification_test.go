package authority_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

func TestAReportedChangeIsJudgedCertifiedAndElseLapses(t *testing.T) {
	w := newTermIn(t, "UTC", "2027-12-31")
	id := w.Directory().Certifications(w.account.ID)[0].ID
	_, err := w.ReportChange(w.Ben, id, gate.HostingChanged, "moved to another cloud")
	must(t, err)
	c, err := w.JudgeChange(w.Cho, id, authority.Judgment{Material: true, Why: "keys move as well"})
	must(t, err)
	if want := w.Now().AddDate(0, 0, 30); !c.RecertifyBy.Equal(want) {
		t.Errorf("due %s, want %s", c.RecertifyBy, want)
	}
	if got := w.reason(); got != gate.Allowed {
		t.Errorf("until then: %s", got)
	}
	w.until(*c.RecertifyBy)
	if got := w.reason(); got != gate.RecertificationOverdue {
		t.Errorf("when it is due: %s", got)
	}
	c, err = w.ScheduleInterview(w.Ben, id, gate.Plan{At: w.Now().Add(time.Hour)})
	must(t, err)
	w.Advance(time.Hour)
	_, err = w.HoldInterview(w.Ben, id, c.Interviews[1].ID, gatetest.Transcript(), nil)
	must(t, err)
	_, err = w.PassRecertification(w.Cho, id, "shown")
	refused(t, "without documents", err, gate.Conflict)
	profile := c.Profile
	profile.Hosting, profile.Grant.Behaviors = "another cloud", []string{"fhir-query"}
	_, err = w.UpdateProfile(w.Ben, id, profile, "vault/9")
	must(t, err)
	_, err = w.PassRecertification(w.Cho, id, "shown")
	must(t, err)
	if got := w.reason(); got != gate.Allowed {
		t.Errorf("certified anew: %s", got)
	}
	if got := w.Check(w.credential.Request("POST", "/ihe/documents/find")).Reason; got != gate.BehaviorNotGranted {
		t.Errorf("what the new profile leaves out: %s", got)
	}
}

func TestASecondDeviceJoinsAndOneOfAnotherAccountDoesNot(t *testing.T) {
	w := newTermIn(t, "UTC", "2027-12-31")
	id := w.Directory().Certifications(w.account.ID)[0].ID
	second := w.MustDevice(w.account, "prod-2", gate.Production)
	_, err := w.Release(w.Eve, second.ID, id)
	refused(t, "releasing a device on no list", err, gate.Conflict)
	_, err = w.Join(w.Cho, id, second.ID, "the same engine at the second site")
	must(t, err)
	credential := w.MustEnroll(second)
	if got := w.Check(credential.Request("GET", "/fhir/Patient/1")).Reason; got != gate.Allowed {
		t.Errorf("%s", got)
	}
	stranger := w.MustDevice(w.MustAccount("other"), "prod-1", gate.Production)
	_, err = w.Join(w.Cho, id, stranger.ID, "the same engine")
	refused(t, "a device of another account", err, gate.Invalid)
	_, err = w.Join(w.Cho, id, "dev_x", "the same engine")
	refused(t, "no such device", err, gate.NotFound)
}
