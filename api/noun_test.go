package api_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func TestASecondAdminBringsAPersonIn(t *testing.T) {
	s := open(t)
	cho, eve := s.as("cho"), s.as("eve")
	_, csr := s.NewCSR("dan")
	dan := check[*api.Person](t)(cho.ProposePerson(ctx, api.NewPerson{Name: "dan", Email: "dan@example.com", Roles: []gate.Role{gate.Auditor}, CSR: string(csr)}))
	if dan.State != "proposed" || dan.Proposal == nil || dan.Proposal.Certificate == nil {
		t.Errorf("%+v", dan)
	}
	golden(t, "person-proposed", dan)
	_, err := s.as("dan").WhoAmI(ctx)
	wantKind(t, err, gate.Forbidden)
	_, err = cho.ConfirmPerson(ctx, "dan")
	wantKind(t, err, gate.Forbidden)
	dan = check[*api.Person](t)(eve.ConfirmPerson(ctx, "dan"))
	if dan.State != "active" || len(dan.Certificates) != 1 || strings.Count(dan.Certificates[0].Certificate, "BEGIN CERTIFICATE") != 2 {
		t.Errorf("%+v", dan)
	}
	golden(t, "whoami", check[*api.Myself](t)(s.as("dan").WhoAmI(ctx)))
	_, err = s.as("dan").CreateAccount(ctx, newAccount("acme"))
	wantKind(t, err, gate.Forbidden)
	check[*api.Person](t)(cho.ProposeChange(ctx, "dan", api.Change{Roles: []gate.Role{gate.Operator}}))
	check[*api.Person](t)(eve.ConfirmPerson(ctx, string(dan.ID)))
	check[*api.Account](t)(s.as("dan").CreateAccount(ctx, newAccount("acme")))
	golden(t, "person-disabled", check[*api.Person](t)(cho.DisablePerson(ctx, "dan", "Left.")))
	_, err = s.as("dan").WhoAmI(ctx)
	wantKind(t, err, gate.Forbidden)
	_, err = cho.Person(ctx, "nobody")
	wantKind(t, err, gate.NotFound)
}

func TestAHostIsLoweredByTwo(t *testing.T) {
	s := open(t)
	s.Check(s.MustProduction("acme").Request("GET", "/fhir/Patient/1"))
	s.Advance(time.Minute)
	host := check[*gate.Host](t)(s.as("cho").ProposeLowering(ctx, "api.example.com", api.NewLowering{To: gate.Sandbox, Why: "Moved."}, api.Idempotent("x")))
	if host.Lowering == nil || host.Strictest != gate.Production {
		t.Errorf("%+v", host)
	}
	again := check[*gate.Host](t)(s.as("cho").ProposeLowering(ctx, "api.example.com", api.NewLowering{To: gate.Sandbox, Why: "Moved."}, api.Idempotent("x")))
	if again.Name != host.Name {
		t.Errorf("%+v", again)
	}
	_, err := s.as("cho").ConfirmLowering(ctx, "api.example.com")
	wantKind(t, err, gate.Forbidden)
	golden(t, "host", check[*gate.Host](t)(s.as("eve").ConfirmLowering(ctx, "api.example.com")))
	golden(t, "host-read", check[*gate.Host](t)(s.as("ben").Host(ctx, "api.example.com")))
	golden(t, "host-raised", check[*gate.Host](t)(s.as("ben").RaiseHost(ctx, "api.example.com", api.Why{Why: "The test is over."})))
	_, err = s.as("ben").RaiseHost(ctx, "api.example.com", api.Why{Why: "Again."})
	wantKind(t, err, gate.Conflict)
}

func TestAGrantedBehaviorMayBeDroppedWhenAllowed(t *testing.T) {
	s := open(t)
	s.MustContract(s.MustAccount("acme"))
	golden(t, "behaviors", check[*api.Behaviors](t)(s.as("ben").Behaviors(ctx)))
	got := check[*api.Behaviors](t)(s.as("cho").AllowBehavior(ctx, "fhir-query", api.Allowance{Why: "No longer offered."}, api.Idempotent("x")))
	again := check[*api.Behaviors](t)(s.as("cho").AllowBehavior(ctx, "fhir-query", api.Allowance{Why: "No longer offered."}, api.Idempotent("x")))
	if len(got.Allowances) != 1 || len(again.Allowances) != 1 || got.Allowances[0].Name != "fhir-query" {
		t.Errorf("%+v, %+v", got, again)
	}
}

func TestAContractEndsEarlyIfItIsStillTheOneThatWasRead(t *testing.T) {
	s := open(t)
	id := string(s.MustContract(s.MustAccount("acme")).ID)
	var etag string
	check[*api.Contract](t)(s.as("cho").Contract(ctx, id, api.KeepETag(&etag)))
	_, err := s.as("cho").EndContract(ctx, id, "Wound up.", api.IfMatch(`"0000000000000000"`))
	wantKind(t, err, gate.Stale)
	golden(t, "contract-ended", check[*api.Contract](t)(s.as("cho").EndContract(ctx, id, "Wound up.", api.IfMatch(etag))))
	_, err = s.as("cho").EndContract(ctx, id, "Wound up.")
	wantKind(t, err, gate.Conflict)
}

func TestACaseCanEndInOtherWays(t *testing.T) {
	s := open(t)
	contract := s.MustContract(s.MustAccount("acme"))
	device := s.MustDevice(check[*gate.Account](t)(s.Directory().Account("acme")), "prod-1", gate.Production)
	rejected := check[*api.Certification](t)(s.as("cho").Reject(ctx, string(s.MustRequest(contract).ID), "No demo."))
	withdrawn := check[*api.Certification](t)(s.as("ben").Withdraw(ctx, string(s.MustRequest(contract).ID), "Not now."))
	approved := string(s.MustCertify(contract, device).ID)
	check[*api.Certification](t)(s.as("cho").Recertify(ctx, approved, api.Recertification{Due: s.Now().Add(time.Hour), Why: "New hosting."}))
	s.Advance(2 * time.Hour)
	lapsed := check[*api.Certification](t)(s.as("ben").Certification(ctx, approved))
	revoked := check[*api.Certification](t)(s.as("cho").RevokeCertification(ctx, approved, "For cause."))
	for want, got := range map[string]*api.Certification{"rejected": rejected, "withdrawn": withdrawn, "lapsed": lapsed, "revoked": revoked} {
		if got.State != want || (len(got.Missing) != 0) != (want == "lapsed") { // what is missing to certify the change
			t.Errorf("%s is %s, missing %v", want, got.State, got.Missing)
		}
	}
}

func TestAPreproductionDeviceIsReleasedWithoutACase(t *testing.T) {
	s := open(t)
	s.MustDevice(s.MustAccount("acme"), "test-1", gate.Preprod)
	first := check[*api.Enrollment](t)(s.as("eve").ReleaseDevice(ctx, "acme/main/test-1"))
	second := check[*api.Enrollment](t)(s.as("eve").ReleaseDevice(ctx, "acme/main/test-1"))
	first = check[*api.Enrollment](t)(s.as("eve").Enrollment(ctx, string(first.ID)))
	if first.State != "canceled" || second.State != "open" {
		t.Errorf("the first is %s, the second %s", first.State, second.State)
	}
	page := check[*api.Page[api.Notice]](t)(s.as("eve").Notices(ctx, api.Query{Account: "acme"}))
	if len(page.Items) != 2 || page.Items[0].HasLink || !page.Items[1].HasLink || strings.Contains(page.Items[1].Body, "#") {
		t.Errorf("%+v", page.Items)
	}
}

func TestARemediationMayBeOfAnyPart(t *testing.T) {
	s := open(t)
	credential := s.MustProduction("acme")
	for kind, id := range map[gate.SubjectKind]string{gate.OrganizationSubject: "acme/main", gate.DeviceSubject: "acme/main/prod-1",
		gate.KeySubject: string(credential.KeyID), gate.CertificateSubject: string(credential.Certificate.ID)} {
		r := check[*api.Remediation](t)(s.as("ben").CreateRemediation(ctx, api.NewRemediation{Subject: gate.Subject{Kind: kind, ID: id}, Measure: gate.Suspend, Why: "x"}))
		if d := s.Check(credential.Request("GET", "/fhir/Patient/1")); d.Reason != gate.AccountSuspended || d.Scope != kind {
			t.Errorf("%s: %s of %s", kind, d.Reason, d.Scope)
		}
		if device := check[*api.Device](t)(s.as("ben").Device(ctx, "acme/main/prod-1")); (device.State == "suspended") != (kind == gate.OrganizationSubject || kind == gate.DeviceSubject) {
			t.Errorf("%s: the device is %s", kind, device.State)
		}
		if lifted := check[*api.Remediation](t)(s.as("cho").LiftRemediation(ctx, string(r.ID), "y")); lifted.State != "lifted" {
			t.Errorf("%s: %s", kind, lifted.State)
		}
	}
}

func TestExplainNamesAllThatStandsInTheWay(t *testing.T) {
	s := open(t)
	s.MustProduction("acme")
	golden(t, "explanation", check[*api.Explanation](t)(s.as("ben").Evaluate(ctx, api.Call{Device: "acme/main/prod-1", Path: "/fhir/Patient/1"})))
	s.MustDevice(check[*gate.Account](t)(s.Directory().Account("acme")), "prod-2", gate.Production)
	got := check[*api.Explanation](t)(s.as("ben").Evaluate(ctx, api.Call{Device: "acme/main/prod-2", Path: "/none", Method: "POST", Purpose: "PATRQT", Address: "10.0.0.1"}))
	var reasons []string
	for _, c := range got.Checks {
		if c.Reason != "allowed" {
			reasons = append(reasons, c.Reason)
		}
	}
	want := "certificate-required certificate-unknown key-required invalid-token certification-missing behavior-unknown purpose-not-granted"
	if diff := cmp.Diff(want, strings.Join(reasons, " ")); diff != "" || got.Allowed || got.Reason != "certificate-required" {
		t.Errorf("%s: %s", got.Reason, diff)
	}
	for field, in := range map[string]api.Call{"device": {Device: "none", Path: "/"}, "address": {Device: "acme/main/prod-1", Path: "/", Address: "here"}} {
		_, err := s.as("ben").Evaluate(ctx, in)
		if err == nil || !strings.HasPrefix(err.Error(), field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestEveryListCanBeNarrowedAndRead(t *testing.T) {
	s := open(t)
	device := s.MustProduction("acme").Device
	s.MustProduction("other")
	check[*api.Remediation](t)(s.as("ben").SuspendAccount(ctx, "acme", api.Suspension{Why: "x"}))
	organization := check[*api.Organization](t)(s.as("ben").CreateOrganization(ctx, api.NewOrganization{Account: "acme", Slug: "lab", Name: "Lab"}))
	if organization.Path != "acme/lab" || organization.State != "suspended" {
		t.Errorf("%+v", organization)
	}
	c, of, by := s.as("ben"), api.Query{Account: "acme"}, api.Query{Device: string(device.ID)}
	rows := []struct {
		name      string
		got, want int
	}{
		{"organizations", count(t, of, c.Organizations), 2},
		{"devices", count(t, of, c.Devices), 1},
		{"contracts", count(t, of, c.Contracts), 1},
		{"certifications", count(t, of, c.Certifications), 1},
		{"credentials of an account", count(t, of, c.Credentials), 2},
		{"credentials of a device", count(t, by, c.Credentials), 2},
		{"enrollments", count(t, by, c.Enrollments), 1},
		{"remediations", count(t, of, c.Remediations), 1},
		{"staff", count(t, api.Query{}, c.Staff), 3},
		{"hosts", count(t, api.Query{}, c.Hosts), 0},
		{"CAs", count(t, api.Query{}, c.CAs), 4},
	}
	for _, row := range rows {
		if row.got != row.want {
			t.Errorf("%s: %d, want %d", row.name, row.got, row.want)
		}
	}
	cas := check[*api.Page[api.CA]](t)(c.CAs(ctx, api.Query{}))
	slices.SortFunc(cas.Items, func(a, b api.CA) int { return strings.Compare(a.Name, b.Name) }) // identifiers are fingerprints
	for i := range cas.Items {
		cas.Items[i].LastEnds = nil // by chance a few days more or less
	}
	golden(t, "cas", cas)
	if _, err := c.OpenAPI(ctx); err != nil {
		t.Error(err)
	}
}

func count[T any](t *testing.T, q api.Query, list func(context.Context, api.Query) (*api.Page[T], error)) (n int) {
	t.Helper()
	for _, err := range api.Each(ctx, q, list) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}
