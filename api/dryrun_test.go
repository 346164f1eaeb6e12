package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// trying begins the names of tests whose every change is tried first; see sites.try.
const trying = "TestTryingFirst"

// ownDryRun is the change that is tried in a way of its own.
const ownDryRun = "/v1/import"

// unrepeated is the change that takes no Idempotency-Key: a key may be in its body, so nothing of it is remembered.
const unrepeated = "/v1/credentials/leaked"

// tried collects the addresses of the changes that were tried and then made.
var tried struct {
	sync.Mutex
	made []string
}

// Each test of a story runs once more, with every change tried before it is made: trying changes nothing at all and meets the refusal that
// the change itself meets then. The routes that no story reaches are named, so that one which forgets to ask what is meant is found.
func TestTryingFirstChangesNothing(t *testing.T) {
	for name, story := range map[string]func(*testing.T){
		"customer": TestTheStoryOfOneCustomer, "years": TestTheYearsOfOneCustomer, "person": TestASecondAdminBringsAPersonIn,
		"host": TestAHostIsLoweredByTwo, "behavior": TestAGrantedBehaviorMayBeDroppedWhenAllowed,
		"ending": TestAContractEndsEarlyIfItIsStillTheOneThatWasRead, "case": TestACaseCanEndInOtherWays,
		"preprod": TestAPreproductionDeviceIsReleasedWithoutACase, "part": TestARemediationMayBeOfAnyPart,
		"onboarding": TestACustomerIsOnboardedInOneCommit, "faults": TestEveryMistakeOfAnOnboardingIsNamedAndNothingIsMade,
		"lifting": TestAReinstatementThatIsRefusedLiftsNothing, "swapped": TestASwappedProposalIsShownAsOne,
		"notices": TestNoticesThatDidNotArriveAreShownReplayedAndTold, "roles": TestRolesAndStatesAreRefusedInTheirOwnWay, "loss": TestALossIsShownProposedAndAccepted, "rest": theRest, "findings": TestWhatWasFoundWantingIsAnsweredAndSettled,
		"import": TestAnImportIsShownWithoutItsTokens, "badge": TestAPersonTakesACertificateByLinkAndRenewsIt,
		"CAs": TestCAsFollowOneAnotherByTwo, "own": TestACustomerBringsACertificateOfItsOwnCA,
		"secret": TestThePepperIsRotatedByTwo, "kit": TestTheSecretIsRotatedAndAKitTaken, "deletion": TestRecordsOfAFormerCustomerGoByTwo,
		"incident": TestAnIncidentIsLookedInto, "review": TestAnAccountIsReviewedAsItWasRead, "rules": TestRulesAreSetInVersions, "appeal": TestAnAppealIsAnsweredBySomebodyElse,
	} {
		t.Run(name, story)
	}
	doc := check[*openapi3.T](t)(description())
	for path, item := range doc.Paths.Map() {
		if item.Post == nil || !asks(item.Post) {
			continue
		}
		if !slices.ContainsFunc(tried.made, func(made string) bool { return fits(path, made) }) {
			t.Errorf("no story of this test makes the change of %s; add it to theRest", path)
		}
	}
}

// theRest makes the changes that no other story makes.
func theRest(t *testing.T) {
	t.Helper()
	s := open(t)
	ben, cho, eve := s.as("ben"), s.as("cho"), s.as("eve")
	contract := s.MustContract(s.MustAccount("acme"))
	check[*api.Organization](t)(ben.CreateOrganization(ctx, api.NewOrganization{Account: "acme", Slug: "lab", Name: "Lab"}))
	check[*api.Device](t)(ben.CreateDevice(ctx, api.NewDevice{Organization: "acme/lab", Slug: "box", Name: "Box", Environment: gate.Sandbox}))
	check[*api.Credential](t)(eve.CreateSandboxKey(ctx, "acme/lab/box"))
	check[*api.Device](t)(ben.CreateDevice(ctx, api.NewDevice{Organization: "acme/lab", Slug: "pre", Name: "Pre", Environment: gate.Preprod}))
	released := check[*api.Enrollment](t)(eve.ReleaseDevice(ctx, "acme/lab/pre"))
	check[*api.Enrollment](t)(ben.CancelEnrollment(ctx, string(released.ID), api.Why{Why: "Wrong address."}))

	check[*api.Contract](t)(ben.AmendContract(ctx, string(contract.ID), api.NewAmendment{Plan: gate.Limits{{Kind: gate.DayLimit, Amount: 10}}, Why: "As agreed."}))
	check[*api.Contract](t)(ben.GrantExtra(ctx, "acme", api.NewExtra{Limit: "day", Amount: 5, Why: "A migration."}))

	id := string(s.MustRequest(contract).ID)
	planned := check[*api.Certification](t)(ben.ScheduleInterview(ctx, id, api.NewInterview{At: s.Now().Add(time.Hour)}))
	s.Advance(2 * time.Hour)
	check[*api.Certification](t)(ben.MissInterview(ctx, id, string(planned.Interviews[0].ID), api.Why{Why: "Nobody came."}))

	taken := check[*api.Imported](t)(cho.Import(ctx, api.NewImport{Source: "the old gateway", Customers: []api.OldCustomer{bringing("old", "a-secret-token-of-many-years")}}))
	check[*api.Import](t)(ben.RejectImport(ctx, string(taken.ID), "Not their token."))

	fingerprint := s.MustProduction("leaky").Certificate.Fingerprint
	check[*api.Leak](t)(ben.ReportLeak(ctx, api.NewLeak{Fingerprint: &fingerprint, Why: "Seen in a public repository."}))

	blocked := check[*api.BlockedKey](t)(ben.BlockPublicKey(ctx, api.NewBlockedKey{Fingerprint: &gate.Fingerprint{7}, Why: "In a firmware image."}))
	check[*api.BlockedKey](t)(ben.BlockedKey(ctx, blocked.RecordID()))

	person := check[*gate.Staff](t)(s.Directory().Staff("ben"))
	check[*api.Person](t)(cho.RevokePersonCertificate(ctx, "ben", person.Certificates[0].Fingerprint, api.Why{Why: "Laptop lost."}))
}

// asks reports whether an operation has a dry run.
func asks(o *openapi3.Operation) bool {
	return slices.ContainsFunc(o.Parameters, func(p *openapi3.ParameterRef) bool { return p.Value.Name == "dry_run" })
}

func TestEveryChangeHasADryRun(t *testing.T) {
	doc := check[*openapi3.T](t)(description())
	for path, item := range doc.Paths.Map() {
		if item.Post == nil || path == ownDryRun {
			continue
		}
		repeats := slices.ContainsFunc(item.Post.Parameters, func(p *openapi3.ParameterRef) bool { return p.Value.Name == "Idempotency-Key" })
		if path == unrepeated {
			repeats = true
		}
		if repeats != asks(item.Post) {
			t.Errorf("%s takes Idempotency-Key: %v; dry_run: %v; describe the parameter, and the answer 200 of a DryRun, as its neighbors do", path, repeats, asks(item.Post))
		}
	}
}

// state is everything that a change could touch.
func (s *sites) state(t testing.TB) string {
	t.Helper()
	var all []any
	all = append(all, s.Store().EventCount(), s.Directory().Accounts(), s.Directory().Devices(""), s.Directory().Contracts(""),
		s.Directory().Certifications(""), s.Directory().Keys(""), s.Directory().Remediations(""), s.Directory().Hosts(), s.Directory().Behaviors())
	err := s.Store().View(func(tx *certstore.Tx) error {
		for n, err := range certstore.All[gate.Notice](tx) {
			if err != nil {
				return err
			}
			all = append(all, n)
		}
		for m, err := range certstore.All[gate.Mark](tx) {
			if err != nil {
				return err
			}
			all = append(all, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// try sends a change as a dry run; what comes back is compared with what the change comes back with.
func (s *sites) try(r *http.Request, body []byte) func(answer *http.Response, meant []byte) {
	t := s.t
	t.Helper()
	before := s.state(t)
	dry := r.Clone(r.Context())
	dry.Header.Del("Idempotency-Key")
	dry.URL.RawQuery = "dry_run=true"
	dry.Body = io.NopCloser(bytes.NewReader(body))
	response, err := http.DefaultTransport.RoundTrip(dry)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	path := r.URL.EscapedPath()
	conform(t, "POST", path, response.StatusCode, got)
	if after := s.state(t); after != before {
		t.Errorf("%s changed something in a dry run", path)
	}
	return func(answer *http.Response, meant []byte) {
		t.Helper()
		if answer.StatusCode >= 300 {
			var want, is api.Problem
			if err := json.Unmarshal(meant, &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(got, &is); err != nil {
				t.Fatal(err)
			}
			is.Instance = want.Instance
			if diff := cmp.Diff(want, is); diff != "" {
				t.Errorf("%s is refused otherwise in a dry run (-meant +dry):\n%s", path, diff)
			}
			return
		}
		if answer.Header.Get("Idempotency-Replayed") != "" {
			return
		}
		var is api.DryRun
		if err := json.Unmarshal(got, &is); err != nil || response.StatusCode != http.StatusOK || !is.DryRun {
			t.Errorf("%s: dry run answered %d %s", path, response.StatusCode, got)
		}
		tried.Lock()
		defer tried.Unlock()
		tried.made = append(tried.made, path)
	}
}

func TestADryRunShowsDevicesPeopleNoticeAndCallsInFlight(t *testing.T) {
	s := open(t)
	got := s.MustProduction("acme")
	call := check[*authority.Call](t)(s.Config.Check(got.Request("GET", "/fhir/Patient/1")))
	defer call.Done(authority.Outcome{})
	why := api.Suspension{Why: "Key seen in public."}
	dry := check[*api.DryRun](t)(s.as("ben").Try(ctx, "/v1/accounts/acme/suspension", why))
	golden(t, "dry-run", dry)
	check[*api.Remediation](t)(s.as("ben").SuspendAccount(ctx, "acme", why))
	sent := check[*api.Page[api.Notice]](t)(s.as("ben").Notices(ctx, api.Query{Account: "acme"})).Items
	last := sent[len(sent)-1]
	if n := dry.Notices[0]; n.Subject != last.Subject || n.Text != last.Body {
		t.Errorf("shown %q\n%s\nsent %q\n%s", n.Subject, n.Text, last.Subject, last.Body)
	}
	dry = check[*api.DryRun](t)(s.as("cho").Try(ctx, "/v1/accounts/acme/closing", api.Closing{Last: "2030-01-01", Why: "Merged."}))
	if d := dry.Devices; len(d) != 1 || d[0].MayCall || d[0].Reason != "account-suspended" || d[0].InFlight != 0 {
		t.Errorf("a suspended device: %+v", d)
	}
}

func TestADryRunOfAReleaseDoesNotShowTheLink(t *testing.T) {
	s := open(t)
	s.MustDevice(s.MustAccount("acme"), "pre-1", gate.Preprod)
	got := s.send(raw{as: "eve", method: "POST", path: "/v1/devices/acme%2Fmain%2Fpre-1/release?dry_run=true"})
	if got.status != 200 || !strings.Contains(got.body, "{link}") || strings.Contains(got.body, "enroll#") || strings.Contains(got.body, "sealed") {
		t.Errorf("%d %s", got.status, got.body)
	}
	box := s.MustDevice(s.MustAccount("other"), "box", gate.Sandbox)
	got = s.send(raw{as: "eve", method: "POST", path: "/v1/devices/" + string(box.ID) + "/keys?dry_run=true"})
	if got.status != 200 || strings.Contains(got.body, "ort_") || len(s.Directory().Keys(box.ID)) != 0 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestADryRunOfSeveralLiftingsShowsAll(t *testing.T) {
	s := open(t)
	s.MustAccount("acme")
	for range 2 {
		check[*api.Remediation](t)(s.as("ben").SuspendAccount(ctx, "acme", api.Suspension{Why: "x"}))
	}
	s.Advance(time.Hour)
	_, err := s.as("ben").Try(ctx, "/v1/accounts/acme/reinstatement", api.Why{Why: "y"})
	wantKind(t, err, gate.Forbidden)
	before := s.state(t)
	dry := check[*api.DryRun](t)(s.as("cho").Try(ctx, "/v1/accounts/acme/reinstatement", api.Why{Why: "y"}))
	if len(dry.Notices) != 2 || s.state(t) != before {
		t.Errorf("%+v", dry.Notices)
	}
}

func TestWhatADryRunCannotBeIsRefused(t *testing.T) {
	s := open(t)
	s.MustAccount("acme")
	events := s.Store().EventCount()
	for _, row := range []struct {
		query   string
		headers []string
		status  int
		field   string
	}{
		{"?dry_run=yes", nil, 400, "dry_run"},
		{"?dry_run=", nil, 400, "dry_run"},
		{"?dry_run=true&dry_run=false", nil, 400, "dry_run"},
		{"?Dry_Run=true", nil, 400, "Dry_Run"},
		{"?dry_run=true", []string{"Idempotency-Key: k"}, 422, "Idempotency-Key"},
		{"?dry_run=true", []string{"If-Match: *"}, 422, "If-Match"},
	} {
		got := s.send(raw{method: "POST", path: "/v1/accounts/acme/suspension" + row.query, body: `{"why": "x"}`, headers: row.headers})
		if got.status != row.status || got.problem.Field != row.field {
			t.Errorf("%s %v: %d %+v", row.query, row.headers, got.status, got.problem)
		}
	}
	got := s.send(raw{method: "POST", path: "/v1/import?dry_run=true", body: `{"source": "x", "customers": []}`})
	if got.status != 400 || got.problem.Field != "dry_run" {
		t.Errorf("import: %d %+v", got.status, got.problem)
	}
	if n := s.Store().EventCount(); n != events {
		t.Errorf("%d events came about", n-events)
	}
	got = s.send(raw{method: "POST", path: "/v1/accounts/acme/suspension?dry_run=false", body: `{"why": "x"}`})
	if got.status != 201 || s.Store().EventCount() != events+1 {
		t.Errorf("meant: %d %s", got.status, got.body)
	}
}
