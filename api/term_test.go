package api_test

import (
	"testing"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// The years after certification, through the API alone. Each answer's shape is a golden file.
func TestTheYearsOfOneCustomer(t *testing.T) {
	s := open(t)
	ben, cho, eve := s.as("ben"), s.as("cho"), s.as("eve")
	credential := s.MustProduction("acme")
	account := check[*gate.Account](t)(s.Directory().Account("acme"))
	contract, id := s.Directory().Contracts(account.ID)[0], string(s.Directory().Certifications(account.ID)[0].ID)

	_, err := ben.RenewContract(ctx, string(contract.ID), api.NewRenewal{Last: "2029-02-28", Why: "No question answered."})
	wantKind(t, err, gate.Invalid)
	renewal := api.NewRenewal{Last: "2029-02-28", Changed: new(false), Why: "Nothing has changed."}
	renewed := check[*api.Contract](t)(ben.RenewContract(ctx, string(contract.ID), renewal, api.Idempotent("r")))
	golden(t, "contract-renewed", renewed)
	if again := check[*api.Contract](t)(ben.RenewContract(ctx, string(contract.ID), renewal, api.Idempotent("r"))); again.ID != renewed.ID {
		t.Errorf("sent again it made %s", again.ID)
	}
	golden(t, "contract-amended", check[*api.Contract](t)(ben.AmendContract(ctx, string(renewed.ID), api.NewAmendment{
		Purposes: []gate.Purpose{gate.Treatment}, Agreements: []gate.Agreement{{Kind: gate.BusinessAssociate, Reference: "DMS-9", SignedOn: "2028-02-01"}}, Why: "Treatment alone."})))
	golden(t, "contract-extending", check[*api.Contract](t)(ben.ProposeExtension(ctx, string(renewed.ID), api.NewExtension{Last: "2029-03-05", Why: "The signature is late."})))
	_, err = ben.ConfirmExtension(ctx, string(renewed.ID))
	wantKind(t, err, gate.Forbidden)
	golden(t, "contract-extended", check[*api.Contract](t)(cho.ConfirmExtension(ctx, string(renewed.ID))))

	device := s.MustDevice(account, "prod-2", gate.Production)
	_, err = cho.JoinDevice(ctx, id, api.Joiner{Device: "acme/main/none", Why: "x"})
	wantKind(t, err, gate.Invalid)
	check[*api.Certification](t)(cho.JoinDevice(ctx, id, api.Joiner{Device: "acme/main/prod-2", Why: "The same engine."}))
	s.MustEnroll(device)

	check[*api.Certification](t)(ben.ReportChange(ctx, id, api.NewChangeReport{Kind: gate.HostingChanged, Text: "Moved to another cloud."}))
	_, err = cho.JudgeChange(ctx, id, 0, api.Judgment{Why: "No answer."})
	wantKind(t, err, gate.Invalid)
	judged := check[*api.Certification](t)(cho.JudgeChange(ctx, id, 0, api.Judgment{Material: new(true), Why: "Keys move as well."}))
	golden(t, "certification-judged", judged)
	planned := check[*api.Certification](t)(ben.ScheduleInterview(ctx, id, api.NewInterview{At: s.Now()}))
	transcript := gatetest.Transcript()
	check[*api.Certification](t)(ben.RecordInterview(ctx, id, string(planned.Interviews[1].ID), api.InterviewRecord{
		Attendees: transcript.Attendees, Recording: api.NewRecording{Reference: transcript.Recording.Reference}, DemoShown: true, Answers: transcript.Answers}))
	profile := judged.Profile
	profile.Hosting = "another cloud"
	check[*api.Certification](t)(ben.UpdateProfile(ctx, id, api.NewProfile{Profile: profile, Documents: "DMS-10"}))
	golden(t, "certification-recertified", check[*api.Certification](t)(cho.PassRecertification(ctx, id, "Shown again.")))

	golden(t, "forecast", check[*api.Forecast](t)(ben.Forecast(ctx, 400)))
	golden(t, "check", check[*api.Page[api.Obstacle]](t)(ben.CheckAll(ctx, 366)))
	check[*api.Account](t)(ben.ProposeContacts(ctx, "acme", api.NewContacts{Contacts: account.Contacts[:1], Why: "One mailbox for all."}))
	golden(t, "contacts-withdrawn", check[*api.Account](t)(ben.WithdrawContacts(ctx, "acme")))
	var etag string
	golden(t, "contacts-proposed", check[*api.Account](t)(ben.ProposeContacts(ctx, "acme", api.NewContacts{
		Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Uma", Email: "uma@acme.example"}}, Why: "Tim has left."}, api.KeepETag(&etag))))
	_, err = cho.ConfirmContacts(ctx, "acme")
	wantKind(t, err, gate.Stale)
	golden(t, "contacts-confirmed", check[*api.Account](t)(cho.ConfirmContacts(ctx, "acme", api.IfMatch(etag))))
	closing := check[*api.Remediation](t)(cho.CloseAccount(ctx, "acme", api.Closing{Last: "2027-06-30", Why: "Merged with another."}))
	golden(t, "closing", closing)
	golden(t, "closing-called-off", check[*api.Remediation](t)(eve.LiftRemediation(ctx, string(closing.ID), "They stay.")))
	if d := s.Check(credential.Request("GET", "/fhir/Patient/1")); !d.Allowed() {
		t.Errorf("in the end: %s", d.Reason)
	}
}

func TestDaysAheadAreNumbersOfDays(t *testing.T) {
	s := open(t)
	for path, field := range map[string]string{
		"/v1/forecast?within=soon": "within", "/v1/forecast?within=-1": "within", "/v1/forecast?within=99999d": "within",
		"/v1/check?days=367": "days", "/v1/check?days=": "days", "/v1/check?day=1": "day",
	} {
		if got := s.send(raw{method: "GET", path: path}); got.status < 400 || got.problem.Field != field {
			t.Errorf("%s: %d %+v", path, got.status, got.problem)
		}
	}
	for _, path := range []string{"/v1/forecast", "/v1/forecast?within=30d", "/v1/check", "/v1/check?days=30"} {
		if got := s.send(raw{method: "GET", path: path}); got.status != 200 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestADeviceIsToldOfTheDaysThatARenewalAdds(t *testing.T) {
	s := open(t)
	credential := s.MustProduction("acme")
	left := func() (contract, certification int) {
		call := check[*authority.Call](t)(s.Config.Identify(credential.Request("GET", "/.well-known/certgate/status")))
		defer call.Done(authority.Outcome{})
		status, ok := api.Status(call, s.Now()).(api.OwnStatus)
		if !ok || status.Contract == nil || status.Certification == nil {
			t.Fatalf("%+v", status)
		}
		return status.Contract.DaysLeft, status.Certification.DaysLeft
	}
	if contract, certification := left(); contract != 364 || certification != 364 {
		t.Errorf("%d and %d days", contract, certification)
	}
	id := string(s.Directory().Contracts(credential.Device.Account)[0].ID)
	check[*api.Contract](t)(s.as("ben").RenewContract(ctx, id, api.NewRenewal{Last: "2029-02-27", Changed: new(true), Why: "Moved."}))
	if contract, certification := left(); contract != 364+365 || certification != 364+30 {
		t.Errorf("renewed: %d and %d days", contract, certification)
	}
}
