package api_test

import (
	"strings"
	"testing"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

func TestWhatWasFoundWantingIsAnsweredAndSettled(t *testing.T) {
	s := open(t)
	ben, cho := s.as("ben"), s.as("cho")
	account := s.MustAccount("acme")
	id := string(s.MustRequest(s.MustContract(account), s.MustDevice(account, "prod-1", gate.Production)).ID)
	planned := check[*api.Certification](t)(ben.ScheduleInterview(ctx, id, api.NewInterview{At: s.Now()}))
	transcript := gatetest.Transcript()
	check[*api.Certification](t)(ben.RecordInterview(ctx, id, string(planned.Interviews[0].ID), api.InterviewRecord{
		Attendees: transcript.Attendees, Recording: api.NewRecording{Reference: transcript.Recording.Reference}, DemoShown: true, Answers: transcript.Answers}))

	check[*api.Certification](t)(ben.AttachRecording(ctx, id, string(planned.Interviews[0].ID), api.NewRecording{SHA256: strings.Repeat("0a", 32), HashSource: gate.ComputedHash}))
	_, err := ben.AttachRecording(ctx, id, string(planned.Interviews[0].ID), api.NewRecording{Reference: "elsewhere"})
	wantKind(t, err, gate.Conflict)
	check[*api.Certification](t)(cho.AddEvidence(ctx, id, api.NewEvidence{Kind: gate.PenetrationTest, Reference: "DMS-2", SHA256: strings.Repeat("0b", 32), Note: "of 2024"}))
	_, err = ben.AddEvidence(ctx, id, api.NewEvidence{Kind: "photo", Reference: "DMS-2"})
	wantKind(t, err, gate.Invalid)

	check[*api.Certification](t)(cho.RaiseFinding(ctx, id, gate.NewFinding{Text: "The penetration test is three years old.", Severity: gate.CriticalSeverity, Due: "2027-03-05T12:00:00Z"}))
	_, err = cho.RaiseFinding(ctx, id, gate.NewFinding{Text: "No severity."})
	wantKind(t, err, gate.Invalid)
	_, err = ben.AnswerFinding(ctx, id, 1, api.FindingAnswer{Text: "There is none."})
	wantKind(t, err, gate.NotFound)
	list := func(q api.Query, want int) []api.Certification {
		t.Helper()
		page := check[*api.Page[api.Certification]](t)(ben.Certifications(ctx, q))
		if len(page.Items) != want {
			t.Errorf("%+v: %d cases, want %d", q, len(page.Items), want)
		}
		return page.Items
	}
	list(api.Query{Findings: "overdue"}, 0)
	s.Advance(5 * 24 * 3600e9)
	if found := list(api.Query{Account: "acme", State: "issues-found", Findings: "overdue"}, 1); found[0].OverdueFindings != 1 || found[0].Findings[0].State != "overdue" {
		t.Errorf("%+v", found[0])
	}
	list(api.Query{State: "scheduled"}, 0)
	_, err = ben.Certifications(ctx, api.Query{State: "fine"})
	wantKind(t, err, gate.Invalid)
	_, err = ben.Certifications(ctx, api.Query{Findings: "fine"})
	wantKind(t, err, gate.Invalid)

	follow := check[*api.Certification](t)(ben.ScheduleInterview(ctx, id, api.NewInterview{At: s.Now(), Findings: []int{0}}))
	if follow.Findings[0].State != "follow-up" || follow.State != "follow-up-scheduled" {
		t.Errorf("%s, its finding %s", follow.State, follow.Findings[0].State)
	}
	check[*api.Certification](t)(ben.CancelInterview(ctx, id, string(follow.Interviews[1].ID), api.Why{Why: "An answer came."}))
	check[*api.Certification](t)(ben.AnswerFinding(ctx, id, 0, api.FindingAnswer{Reference: "DMS-12", CameIn: new(s.Now())}))
	golden(t, "review", check[*api.Review](t)(ben.Review(ctx, id)))
	_, err = ben.Review(ctx, "cas_none")
	wantKind(t, err, gate.NotFound)
	golden(t, "certification-answered", check[*api.Certification](t)(ben.Certification(ctx, id)))
	check[*api.Certification](t)(ben.CloseFinding(ctx, id, 0, api.Why{Why: "A new one came."}))
	check[*api.Certification](t)(cho.Approve(ctx, id, api.Approval{}))
	golden(t, "questions", check[*api.Page[api.QuestionList]](t)(ben.Questions(ctx)))
}
