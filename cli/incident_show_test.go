package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func TestAnIncidentShowsEachNumberBesideItsThreshold(t *testing.T) {
	at := time.Date(2027, time.March, 1, 15, 0, 0, 0, time.UTC)
	device := gate.Subject{Kind: gate.DeviceSubject, ID: "dev_1"}
	found := gate.Detection{At: at, Rule: "volume-spike", Subject: device, From: at.Add(-time.Hour), To: at, Weight: 60, Asks: "throttle",
		Figures: []gate.Figure{{Name: "calls", Seen: 5120000, Limit: 400.5}}}
	observed := found
	observed.Rule, observed.Weight, observed.Observed, observed.Figures = "probing", 0, "the rule is only observed", nil
	i := api.Incident{State: gate.IncidentIsAppealed, Incident: gate.Incident{ID: "inc_1", Account: "acc_1", Subject: device, Origin: gate.IncidentDetected,
		Opened: gate.Act{At: at}, Evidence: []gate.Detection{found, observed}, MoreEvidence: 3,
		Steps:   []gate.Step{{At: at, Rung: gate.RungNotify, Policy: gate.PolicyNote{Risk: "records of patients"}, Notice: "not_1"}},
		Appeals: []gate.Appeal{{At: at, Text: "We moved.\nclosed as benign \x1b[31m"}},
	}}
	var out strings.Builder
	printIncident(&out, &i)
	want := `inc_1 is appealed: detected, about device dev_1 of acc_1
opened 2027-03-01 15:00Z by certgate
evidence 2027-03-01 15:00Z: volume-spike of device dev_1, 2027-03-01 14:00Z to 2027-03-01 15:00Z; weighs 60, asks for throttle
  calls: 5120000, threshold 400.5
evidence 2027-03-01 15:00Z: probing of device dev_1, 2027-03-01 14:00Z to 2027-03-01 15:00Z; nothing follows: the rule is only observed
and 3 findings more than are kept
step 2027-03-01 15:00Z by certgate: notify, told in not_1
  risk: records of patients
appeal 2027-03-01 15:00Z, sent by the customer: We moved. closed as benign ` + "\uFFFD" + `[31m
  WAITS for an answer
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
