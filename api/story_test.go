package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// One customer from nothing to a working credential and to the end of it, through the API alone, by the people who may. Each answer's
// shape is a golden file: it is what programs out there rely on.
func TestTheStoryOfOneCustomer(t *testing.T) {
	s := open(t)
	ben, cho, eve := s.as("ben"), s.as("cho"), s.as("eve")

	account := check[*api.Account](t)(ben.CreateAccount(ctx, api.NewAccount{
		Slug: "acme", Name: "Acme Clinic", Zone: "America/New_York", Owner: "ben", Notes: "Came by referral.",
		Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Tim", Email: "tim@acme.example", Phone: "+1 555 0101"}},
	}))
	golden(t, "account", account)
	golden(t, "organization", check[*api.Organization](t)(ben.Organization(ctx, "acme/main")))
	device := check[*api.Device](t)(ben.CreateDevice(ctx, api.NewDevice{
		Organization: "acme/main", Slug: "prod-1", Name: "Interface engine", Environment: gate.Production,
		DefaultPurpose: gate.Treatment, Addresses: gate.Addresses{Any: true},
	}))
	golden(t, "device", device)
	contract := check[*api.Contract](t)(ben.CreateContract(ctx, api.NewContract{
		Account: "acme", First: "2027-03-01", Last: "2028-02-29", Zone: "America/New_York", Grant: gatetest.Everything(),
		Agreements: []gate.Agreement{
			{Kind: gate.BusinessAssociate, Reference: "DMS-1", SignedOn: "2027-02-01"},
			{Kind: gate.Participation, Reference: "DMS-2", SignedOn: "2027-02-01"},
		},
	}))
	golden(t, "contract", contract)

	certification := check[*api.Certification](t)(ben.CreateCertification(ctx, api.NewCertification{
		Contract: contract.ID, Devices: []string{"acme/main/prod-1"},
		Profile: gate.Profile{Grant: gatetest.Everything(), Hosting: "AWS us-east-1", KeyStorage: "HSM", DailyVolume: 1000},
	}))
	golden(t, "certification-requested", certification)
	id := string(certification.ID)
	certification = check[*api.Certification](t)(ben.ScheduleInterview(ctx, id, api.NewInterview{At: s.Now().Add(time.Hour)}))
	s.Advance(2 * time.Hour)
	_, err := cho.Approve(ctx, id, api.Approval{})
	wantKind(t, err, gate.Conflict)
	check[*api.Certification](t)(ben.CancelInterview(ctx, id, string(certification.Interviews[0].ID), api.Why{Why: "Tim is ill."}))
	check[*api.Certification](t)(ben.ScheduleInterview(ctx, id, api.NewInterview{At: s.Now(), Link: "https://meet.example.com/7"}))
	certification = check[*api.Certification](t)(ben.AnswerQuestions(ctx, id, gatetest.Answers()[:2]))
	transcript := gatetest.Transcript()
	certification = check[*api.Certification](t)(ben.RecordInterview(ctx, id, string(certification.Interviews[1].ID), api.InterviewRecord{
		Attendees: transcript.Attendees, Recording: api.NewRecording{Reference: transcript.Recording.Reference}, DemoShown: true, Answers: transcript.Answers,
		Findings: []gate.NewFinding{{Text: "Say who rotates keys.", Severity: gate.HighSeverity, Due: "2027-03-15"}},
	}))
	golden(t, "certification-issues-found", certification)
	check[*api.Certification](t)(ben.AnswerFinding(ctx, id, 0, api.FindingAnswer{Text: "The operations team, twice a year.", Reference: "DMS-9", SHA256: strings.Repeat("0a", 32)}))
	check[*api.Certification](t)(ben.CloseFinding(ctx, id, 0, api.Why{Why: "Answered in writing."}))
	golden(t, "certification-approved", check[*api.Certification](t)(cho.Approve(ctx, id, api.Approval{Why: "All good."})))
	_, err = cho.ReleaseCertification(ctx, id, "acme/main/prod-1")
	wantKind(t, err, gate.Forbidden)
	enrollment := check[*api.Enrollment](t)(eve.ReleaseCertification(ctx, id, "acme/main/prod-1"))
	golden(t, "enrollment", enrollment)

	s.customerTakesIt(t, enrollment)
	golden(t, "certification-in-force", check[*api.Certification](t)(ben.Certification(ctx, id)))
	s.stopIt(t)
}

// token takes the token out of the link in a notice, as the mail to the customer will.
func (s *sites) token(t *testing.T, notice gate.NoticeID) string {
	t.Helper()
	_, token, found := strings.Cut(check[string](t)(s.TakeLink(notice)), "#")
	if !found {
		t.Fatal("the link has no token after #")
	}
	return token
}

// customerTakesIt redeems the link of the enrollment and calls with what it got.
func (s *sites) customerTakesIt(t *testing.T, enrollment *api.Enrollment) {
	t.Helper()
	customer := &api.Client{Base: s.public.URL}
	token := s.token(t, enrollment.Notice)
	_, csr := s.NewCSR("prod-1")
	first := check[*api.Redeemed](t)(customer.Redeem(ctx, token, string(csr)))
	golden(t, "redeemed", first)
	again := check[*api.Redeemed](t)(customer.Redeem(ctx, token, string(csr)))
	if again.Key == first.Key || again.CertificateID != first.CertificateID {
		t.Errorf("the repetition gave key %s again or another certificate %s", again.KeyID, again.CertificateID)
	}
	if err := customer.Acknowledge(ctx, token); err != nil {
		t.Fatal(err)
	}
	_, err := customer.Redeem(ctx, token, string(csr))
	wantKind(t, err, gate.Conflict)
	golden(t, "enrollment-done", check[*api.Enrollment](t)(s.as("ben").Enrollment(ctx, string(enrollment.ID))))
	golden(t, "credentials", check[*api.Page[api.Credential]](t)(s.as("ben").Credentials(ctx, api.Query{Device: "acme/main/prod-1"})))
	golden(t, "certificate", check[*api.Credential](t)(s.as("ben").Credential(ctx, string(again.CertificateID))))
}

// stopIt suspends, reinstates and in the end revokes.
func (s *sites) stopIt(t *testing.T) {
	t.Helper()
	ben, cho := s.as("ben"), s.as("cho")
	until := s.Now().Add(24 * time.Hour)
	golden(t, "remediation", check[*api.Remediation](t)(ben.SuspendAccount(ctx, "acme", api.Suspension{Why: "Ten times the usual calls.", Until: &until})))
	golden(t, "account-suspended", check[*api.Account](t)(ben.Account(ctx, "acme")))
	s.Advance(time.Hour)
	_, err := ben.ReinstateAccount(ctx, "acme", "Explained by the customer.")
	wantKind(t, err, gate.Forbidden)
	golden(t, "account-reinstated", check[*api.Account](t)(cho.ReinstateAccount(ctx, "acme", "Explained by the customer.")))
	for c, err := range api.Each(ctx, api.Query{Account: "acme"}, ben.Credentials) {
		if err != nil {
			t.Fatal(err)
		}
		if c.State != "active" {
			continue
		}
		revoked := check[*api.Credential](t)(ben.RevokeCredential(ctx, c.ID, api.Revocation{Reason: gate.KeyCompromise, Why: "Found in a public repository."}))
		golden(t, "revoked-"+c.Kind, revoked)
	}
	golden(t, "notices", check[*api.Page[api.Notice]](t)(ben.Notices(ctx, api.Query{Account: "acme"})))
	golden(t, "events", check[*api.Page[gate.Event]](t)(ben.Events(ctx, api.Query{Account: "acme"})))
}
