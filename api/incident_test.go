package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func TestAnIncidentIsLookedInto(t *testing.T) {
	s := open(t)
	s.MustProduction("acme")
	s.MustAccount("other")
	ben, cho := s.as("ben"), s.as("cho")
	var etag string
	opened := check[*api.Incident](t)(ben.OpenIncident(ctx, api.NewIncident{Subject: gate.Subject{Kind: gate.DeviceSubject, ID: "acme/main/prod-1"}, Why: "The hospital called."}, api.KeepETag(&etag)))
	id := string(opened.ID)
	noted := check[*api.Incident](t)(cho.NoteIncident(ctx, id, "Reads one patient after the other.", api.IfMatch(etag)))
	_, err := ben.NoteIncident(ctx, id, "Me too.", api.IfMatch(etag))
	wantKind(t, err, gate.Stale)
	check[*api.Remediation](t)(ben.CreateRemediation(ctx, api.NewRemediation{Subject: opened.Subject, Measure: gate.Suspend, Why: "Too many patients.", Incident: opened.ID}))
	check[*api.Incident](t)(cho.MarkIncident(ctx, id, "Records were read without a purpose."))
	if page := check[*api.Page[api.Incident]](t)(ben.Incidents(ctx, api.Query{Account: "acme", State: "open"})); len(page.Items) != 1 || len(page.Items[0].Remediations) != 1 || noted.State != gate.IncidentIsOpen {
		t.Errorf("open: %+v", page.Items)
	}
	golden(t, "incident", check[*api.Incident](t)(ben.CloseIncident(ctx, id, api.NewIncidentClosing{Outcome: gate.IncidentConfirmed, Why: "The script was stopped."})))
	for name, q := range map[string]api.Query{"open": {State: "open"}, "of another": {Account: "other"}} {
		if page := check[*api.Page[api.Incident]](t)(ben.Incidents(ctx, q)); len(page.Items) != 0 {
			t.Errorf("%s: %+v", name, page.Items)
		}
	}
	if read := check[*api.Incident](t)(ben.Incident(ctx, id)); read.State != gate.IncidentIsClosed || read.Closed.Outcome != gate.IncidentConfirmed {
		t.Errorf("%+v", read)
	}
}

func TestWhatIsWrongWithAnIncidentIsSaid(t *testing.T) {
	s := open(t)
	s.MustAccount("acme")
	other := s.MustAccount("other")
	in := api.NewIncident{Subject: gate.Subject{Kind: gate.AccountSubject, ID: "acme"}, Origin: gate.IncidentDetected, Why: "x"}
	i := check[*api.Incident](t)(s.as("ben").OpenIncident(ctx, in, api.Idempotent("once")))
	if again := check[*api.Incident](t)(s.as("ben").OpenIncident(ctx, in, api.Idempotent("once"))); again.ID != i.ID {
		t.Errorf("sent again: %s and %s", i.ID, again.ID)
	}
	path := "/v1/incidents/" + string(i.ID)
	for _, row := range []struct{ who, path, body, want string }{
		{"ben", "/v1/incidents", `{"subject": {"kind": "account", "id": "nobody"}, "why": "x"}`, "subject.id"},
		{"ben", "/v1/incidents", `{"subject": {"kind": "planet", "id": "acme"}, "why": "x"}`, "subject.kind"},
		{"ben", "/v1/incidents", `{"subject": {"kind": "account", "id": "acme"}, "origin": "leak", "why": "x"}`, "report the credential as leaked"},
		{"ben", "/v1/incidents", `{"subject": {"kind": "account", "id": "acme"}, "origin": "rumor", "why": "x"}`, "must be one of detected, reported"},
		{"ben", "/v1/incidents", `{"subject": {"kind": "account", "id": "acme"}, "why": ""}`, "why"},
		{"ben", path + "/closing", `{"outcome": "over", "why": "x"}`, "must be one of confirmed, false-alarm, benign"},
		{"ben", path + "/notes", `{"why": "it was ` + s.MustProduction("leaky").Key + `"}`, "holds a key"},
		{"ben", "/v1/remediations", `{"subject": {"kind": "account", "id": "` + string(other.ID) + `"}, "measure": "suspend", "why": "x", "incident": "` + string(i.ID) + `"}`, "about another account"},
		{"ben", "/v1/remediations", `{"subject": {"kind": "account", "id": "acme"}, "measure": "suspend", "why": "x", "incident": "inc_none"}`, "there is no incident"},
		{"ben", "/v1/incidents/inc_none/notes", `{"why": "x"}`, "there is no incident"},
	} {
		got := s.send(raw{method: "POST", path: row.path, headers: []string{actorHeader + ": " + row.who}, body: row.body})
		if got.status < 400 || got.status >= 500 || !strings.Contains(got.body, row.want) {
			t.Errorf("%s %s: %d %s; want %q", row.path, row.body, got.status, got.body, row.want)
		}
	}
	if got := s.send(raw{method: "GET", path: "/v1/incidents?state=stale", headers: []string{actorHeader + ": ben"}}); !strings.Contains(got.body, "must be one of") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if list := s.Directory().Remediations(""); len(list) != 0 {
		t.Errorf("a remediation whose incident was refused was imposed: %+v", list)
	}
}

func TestAnAppealIsAnsweredBySomebodyElse(t *testing.T) {
	s := open(t)
	s.MustProduction("acme")
	ben, cho := s.as("ben"), s.as("cho")
	device := gate.Subject{Kind: gate.DeviceSubject, ID: "acme/main/prod-1"}
	opened := check[*api.Incident](t)(ben.OpenIncident(ctx, api.NewIncident{Subject: device, Origin: gate.IncidentDetected, Why: "Reads one patient after the other."}))
	id := string(opened.ID)
	_, err := ben.AppealIncident(ctx, id, "Nothing was done to us yet.")
	wantKind(t, err, gate.Conflict)
	if held := check[*api.Incident](t)(ben.HoldIncident(ctx, id, "Called them first.")); held.State != gate.IncidentIsHeld {
		t.Errorf("held it is %s", held.State)
	}
	if page := check[*api.Page[api.Incident]](t)(ben.Incidents(ctx, api.Query{State: "held"})); len(page.Items) != 1 {
		t.Errorf("held: %+v", page.Items)
	}
	check[*api.Incident](t)(ben.ReleaseIncident(ctx, id, "They did not answer."))
	imposed := check[*api.Remediation](t)(ben.CreateRemediation(ctx, api.NewRemediation{Subject: device, Measure: gate.Suspend, Why: "Too many patients.", Incident: opened.ID,
		Policy: "2027-1", Risk: "Records of patients.", Alternatives: "A throttle lets the reading go on."}))
	check[*api.Incident](t)(ben.BarIncident(ctx, id, api.NewBar{Until: s.Now().Add(24 * time.Hour), Why: "A second time."}))
	_, err = cho.LiftRemediation(ctx, string(imposed.ID), "x")
	wantKind(t, err, gate.Conflict)
	check[*api.Incident](t)(ben.AgreePlan(ctx, id, api.NewPlan{Text: "Ask for patients of the day.", Due: gate.Date(s.Now().AddDate(0, 0, 9).Format(time.DateOnly)), Why: "As agreed."}))
	check[*api.Incident](t)(ben.PlanDone(ctx, id, "They showed it."))
	if waits := check[*api.Incident](t)(ben.AppealIncident(ctx, id, "We moved to another data center.")); waits.State != gate.IncidentIsAppealed {
		t.Errorf("appealed it is %s", waits.State)
	}
	_, err = ben.AnswerAppeal(ctx, id, api.NewAppealAnswer{Granted: true, Why: "x"})
	wantKind(t, err, gate.Forbidden)
	golden(t, "incident-appealed", check[*api.Incident](t)(cho.AnswerAppeal(ctx, id, api.NewAppealAnswer{Granted: true, Why: "It was announced."})))
	if got := check[*api.Remediation](t)(ben.Remediation(ctx, string(imposed.ID))); got.State != "lifted" {
		t.Errorf("it is %s", got.State)
	}
	check[*api.Incident](t)(cho.CloseIncident(ctx, id, api.NewIncidentClosing{Outcome: gate.IncidentBenign, Stays: true, Why: "Their new data center."}))
}
