package authority_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

const daily = 24 * time.Hour

func TestTheForecastComesTrue(t *testing.T) {
	w := newTermIn(t, "America/New_York", "2027-06-30")
	w.MustDevice(w.account, "idle", gate.Production) // cannot call, so nothing of it will end
	none, err := w.Forecast(30 * daily)
	must(t, err)
	if len(none) != 0 {
		t.Errorf("within 30 days: %+v", none)
	}
	list, err := w.Forecast(200 * daily)
	must(t, err)
	if len(list) != 1 || list[0].Device.ID != w.credential.Device.ID || list[0].Reason != gate.ContractHasEnded || list[0].Clock != gate.ContractClock || !list[0].At.Equal(w.ends) {
		t.Fatalf("%+v", list)
	}
	if len(list[0].Clocks) != 3 { // the key has no end
		t.Errorf("%+v", list[0].Clocks)
	}
	_, err = w.Renew(w.Ben, w.contract.ID, authority.NewTerm{Last: "2028-06-30", Changed: true, Why: "moved"})
	must(t, err)
	list, err = w.Forecast(200 * daily)
	must(t, err)
	if len(list) != 1 || list[0].Reason != gate.RecertificationOverdue || list[0].Clock != gate.CertificationClock {
		t.Fatalf("after the renewal: %+v", list)
	}
	_, err = w.CloseAccount(w.Cho, w.account.ID, "2027-05-31", "merged")
	must(t, err)
	list, err = w.Forecast(200 * daily)
	must(t, err)
	if len(list) != 1 || list[0].Reason != gate.AccountTerminated || list[0].Clock != "" {
		t.Fatalf("after the closing: %+v", list)
	}
	w.until(list[0].At.Add(-time.Second))
	before := w.reason()
	w.Advance(time.Second)
	if got := w.reason(); before != gate.Allowed || got != list[0].Reason {
		t.Errorf("%s and then %s, forecast was %s", before, got, list[0].Reason)
	}
}

func TestCheckAllNamesWhoWouldBeRefused(t *testing.T) {
	w := newTermIn(t, "UTC", "2027-03-10")
	idle := w.MustDevice(w.account, "idle", gate.Production)
	list, err := w.CheckAll(0)
	must(t, err)
	now := w.Now()
	want := []authority.Obstacle{{Device: idle, At: now, Reason: gate.CertificateRequired}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("now, -want +got:\n%s", diff)
	}
	list, err = w.CheckAll(30)
	must(t, err)
	want = append(want, authority.Obstacle{Device: list[1].Device, At: now.AddDate(0, 0, 10), Reason: gate.ContractHasEnded, Behavior: "fhir-query", Purpose: gate.Treatment})
	if diff := cmp.Diff(want, list); diff != "" || list[1].Device.ID != w.credential.Device.ID {
		t.Errorf("in 30 days, -want +got:\n%s", diff)
	}
	_, err = w.Amend(w.Ben, w.contract.ID, gate.Terms{Grant: gate.Grant{Purposes: []gate.Purpose{gate.Treatment}}}, "less")
	must(t, err)
	list, err = w.CheckAll(0)
	must(t, err)
	if len(list) != 2 || list[0].Reason != gate.PurposeNotGranted || list[0].Purpose != gate.Operations {
		t.Errorf("what is certified and not granted: %+v", list)
	}
	_, err = w.Impose(w.Cho, authority.Imposition{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(w.account.ID)}, Measure: gate.Terminate, Why: "fraud"})
	must(t, err)
	if list, err = w.CheckAll(0); err != nil || len(list) != 1 || list[0].Device.ID != idle.ID {
		t.Errorf("what was terminated is left out: %+v, %v", list, err)
	}
}
