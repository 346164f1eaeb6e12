package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// postsWithBody are the routes that take a body, with the schema of it.
func postsWithBody(t *testing.T) map[string]*openapi3.Schema {
	t.Helper()
	out := make(map[string]*openapi3.Schema)
	doc := check[*openapi3.T](t)(description())
	for path, item := range doc.Paths.Map() {
		if p := item.Post; p != nil && p.RequestBody != nil {
			out[path] = p.RequestBody.Value.Content["application/json"].Schema.Value
		}
	}
	return out
}

// wrong is a value of another type than the schema's.
func wrong(s *openapi3.Schema) string {
	if s.Type.Is("string") {
		return `{"no": "text"}`
	}
	return `"text"`
}

func TestEveryChangeRefusesABodyThatIsWrongInForm(t *testing.T) {
	s := open(t)
	events := s.Store().EventCount()
	for path, schema := range postsWithBody(t) {
		property := schema.Required
		if len(property) == 0 {
			property = slices.DeleteFunc([]string{"why", "csr", "text", "reference"}, func(name string) bool { return schema.Properties[name] == nil })
		}
		name, limit := property[0], 1<<20
		if path == "/v1/import" {
			limit = 8 << 20
		}
		rows := []struct {
			what, body, header string
			status             int
			field              string
		}{
			{what: "no JSON", body: `{"slug": `, status: 400},
			{what: "two values", body: `{} {}`, status: 400},
			{what: "a list", body: `[]`, status: 400},
			{what: "null", body: `null`, status: 400},
			{what: "an unknown field", body: `{"no_such_field": 1}`, status: 400, field: "no_such_field"},
			{what: "a field in capitals", body: `{"` + strings.ToUpper(name) + `": 1}`, status: 400, field: strings.ToUpper(name)},
			{what: "a value of another type", body: `{"` + name + `": ` + wrong(schema.Properties[name].Value) + `}`, status: 400, field: name},
			{what: "null for a value", body: `{"` + name + `": null}`, status: 400, field: name},
			{what: "too much", body: `{"` + name + `": "` + strings.Repeat("x", limit) + `"}`, status: 413},
			{what: "no body", status: 400},
			{what: "another media type", body: `{}`, header: "Content-Type: text/plain", status: 415, field: "Content-Type"},
			{what: "a compressed body", body: `{}`, header: "Content-Encoding: gzip", status: 415, field: "Content-Type"},
		}
		for _, row := range rows {
			r := raw{method: "POST", path: strings.NewReplacer("{", "", "}", "").Replace(path), body: row.body}
			if row.header != "" {
				name, _, _ := strings.Cut(row.header, ": ")
				r.headers = []string{name, row.header}
			}
			got := s.send(r)
			if got.status != row.status || got.problem.Field != row.field || got.problem.Detail == "" || got.problem.Code != "invalid" {
				t.Errorf("%s with %s: %d %+v", path, row.what, got.status, got.problem)
			}
		}
	}
	if now := s.Store().EventCount(); now != events {
		t.Errorf("%d events came about", now-events)
	}
}

func TestEveryAddressRefusesOtherMethodsAndParameters(t *testing.T) {
	s := open(t)
	for _, route := range api.Routes() {
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{", "", "}", "").Replace(path)
		got := s.send(raw{method: "DELETE", path: path})
		if got.status != 405 || !strings.Contains(got.header.Get("Allow"), method) {
			t.Errorf("DELETE %s: %d, Allow %q", path, got.status, got.header.Get("Allow"))
		}
		got = s.send(raw{method: method, path: path + "?no_such=1"})
		if got.status != 400 || got.problem.Field != "no_such" {
			t.Errorf("%s with a parameter: %d %+v", route, got.status, got.problem)
		}
		got = s.send(raw{as: "mallory", method: method, path: path})
		if got.status != 403 || got.problem.Code != "unauthorized" {
			t.Errorf("%s by nobody: %d %+v", route, got.status, got.problem)
		}
	}
}

func TestAnswersCannotBeKeptOrMistaken(t *testing.T) {
	s := open(t)
	for _, path := range []string{"/v1/accounts", "/v1/accounts/nobody", "/openapi.json"} {
		h := s.send(raw{method: "GET", path: path}).header
		if h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("X-Request-Id"), "req_") {
			t.Errorf("%s: %v", path, h)
		}
	}
	got := s.send(raw{method: "HEAD", path: "/v1/accounts"})
	if got.status != 200 || got.body != "" || got.header.Get("Content-Length") == "0" {
		t.Errorf("HEAD: %d, %d bytes, %v", got.status, len(got.body), got.header)
	}
}

func TestAddressesThatAreNotThere(t *testing.T) {
	s := open(t)
	for _, path := range []string{"/", "/v1", "/v1/accounts/", "/v1//accounts", "/v1/./accounts", "/v2/accounts", "/v1/accounts/a/b", "/v1/accounts/nobody",
		"/v1/credentials/key_0", "/v1/credentials/acc_0", "/v1/contracts/con_0", "/v1/organizations/acme%2Fmain", "/v1/hosts/a.example", "/v1/staff/%00"} {
		got := s.send(raw{method: "GET", path: path})
		if got.status != 404 || got.problem.Code != "not-found" || got.problem.Instance != got.header.Get("X-Request-Id") || got.problem.Detail == "" {
			t.Errorf("%s: %d %+v", path, got.status, got.problem)
		}
		if want := "https://connect.example.com/problems/not-found"; got.problem.Type != want {
			t.Errorf("%s: type %s", path, got.problem.Type)
		}
	}
}

// Values that are readable but wrong: the field is named, and nothing happens.
func TestWrongValuesNameTheirField(t *testing.T) {
	s := open(t)
	account := s.MustAccount("acme")
	s.MustDevice(account, "prod-1", gate.Production)
	contract := s.MustContract(account)
	sandbox := s.MustDevice(account, "box", gate.Sandbox)
	key := s.MustEnroll(sandbox)
	cas := "/v1/certifications/" + string(s.MustRequest(contract).ID)
	contacts := `"contacts": [{"role": "technical", "name": "T", "email": "t@example.com"}]`
	grant := `"grant": {"behaviors": ["fhir-query"], "purposes": ["TREAT"]}`
	rows := []struct {
		as, path, body string
		field          string
	}{
		{"ben", "/v1/accounts", `{"slug": "A b", "name": "n", "zone": "UTC", ` + contacts + `}`, "slug"},
		{"ben", "/v1/accounts", `{"slug": "b", "name": "", "zone": "UTC", ` + contacts + `}`, "name"},
		{"ben", "/v1/accounts", `{"slug": "b", "name": "n", "zone": "Mars", ` + contacts + `}`, "zone"},
		{"ben", "/v1/accounts", `{"slug": "b", "name": "n", "zone": "UTC", "contacts": []}`, "contacts"},
		{"ben", "/v1/accounts", `{"slug": "b", "name": "n", "zone": "UTC", "contacts": [{"role": "technical", "name": "T", "email": "nobody"}]}`, "contacts[0].email"},
		{"ben", "/v1/accounts", `{"slug": "b", "name": "n", "zone": "UTC", "owner": "nobody", ` + contacts + `}`, "owner"},
		{"ben", "/v1/organizations", `{"account": "nobody", "slug": "s", "name": "n"}`, "account"},
		{"ben", "/v1/organizations", `{"account": "acme", "slug": "", "name": "n"}`, "slug"},
		{"ben", "/v1/devices", `{"organization": "acme/none", "slug": "s", "name": "n", "environment": "preprod", "addresses": {}}`, "organization"},
		{"ben", "/v1/devices", `{"organization": "acme/main", "slug": "s", "name": "n", "environment": "prod", "addresses": {}}`, "environment"},
		{"ben", "/v1/devices", `{"organization": "acme/main", "slug": "s", "name": "n", "environment": "preprod", "addresses": {"these": ["10.0.0.1"]}}`, "addresses.these[0]"},
		{"ben", "/v1/devices", `{"organization": "acme/main", "slug": "s", "name": "n", "environment": "preprod", "addresses": {"any": true, "these": ["10.0.0.0/8"]}}`, "addresses"},
		{"ben", "/v1/devices", `{"organization": "acme/main", "slug": "s", "name": "n", "environment": "preprod", "default_purpose": "FUN", "addresses": {}}`, "default_purpose"},
		{"ben", "/v1/devices", `{"organization": "acme/main", "slug": "s", "name": "n", "environment": "production", ` + grant + `, "addresses": {}}`, "grant"},
		{"ben", "/v1/contracts", `{"account": "acme", "first": "2027-02-30", "last": "2028-01-01", "zone": "UTC", ` + grant + `}`, "first"},
		{"ben", "/v1/contracts", `{"account": "acme", "first": "2027-02-01", "last": "2027-01-01", "zone": "UTC", ` + grant + `}`, "last"},
		{"ben", "/v1/contracts", `{"account": "acme", "first": "2027-02-01", "last": "2028-01-01", "zone": "UTC", "grant": {"behaviors": ["none"], "purposes": ["TREAT"]}}`, "grant.behaviors"},
		{"ben", "/v1/certifications", `{"contract": "con_0", "devices": [], "profile": {` + grant + `}}`, "contract"},
		{"ben", "/v1/certifications", `{"contract": "` + string(contract.ID) + `", "devices": ["acme/main/none"], "profile": {` + grant + `}}`, "devices[0]"},
		{"ben", "/v1/certifications", `{"contract": "` + string(contract.ID) + `", "devices": ["acme/main/box"], "profile": {` + grant + `}}`, "devices"},
		{"ben", cas + "/answers", `{"answers": []}`, "answers"},
		{"ben", cas + "/answers", `{"answers": [{"question": "weather", "text": "fine"}]}`, "answers[0].question"},
		{"ben", cas + "/interviews", `{"at": "yesterday"}`, "at"},
		{"ben", cas + "/interviews", `{"at": "2027-06-01T00:00:00Z", "link": "room 7"}`, "link"},
		{"ben", cas + "/interviews", `{"at": "2027-06-01T00:00:00Z", "minutes": 5}`, "minutes"},
		{"ben", cas + "/interviews", `{"at": "2001-01-01T00:00:00Z"}`, "at"},
		{"ben", cas + "/interviews", `{"at": "2027-06-01T00:00:00Z", "interviewer": "cho"}`, "interviewer"},
		{"cho", cas + "/rejection", `{"why": " "}`, "why"},
		{"cho", "/v1/credentials/" + string(key.KeyID) + "/revocation", `{"reason": "boredom", "why": "x"}`, "reason"},
		{"cho", "/v1/credentials/" + string(key.KeyID) + "/revocation", `{"reason": "superseded", "why": ""}`, "why"},
		{"ben", "/v1/remediations", `{"subject": {"kind": "planet", "id": "acme"}, "measure": "suspend", "why": "x"}`, "subject.kind"},
		{"ben", "/v1/remediations", `{"subject": {"kind": "account", "id": "nobody"}, "measure": "suspend", "why": "x"}`, "subject.id"},
		{"ben", "/v1/remediations", `{"subject": {"kind": "account", "id": "acme"}, "measure": "scold", "why": "x"}`, "measure"},
		{"ben", "/v1/accounts/acme/suspension", `{"why": "x", "until": "2001-01-01T00:00:00Z"}`, "until"},
		{"cho", "/v1/staff", `{"name": "Dan!", "email": "d@example.com", "roles": ["admin"], "csr": ""}`, "name"},
		{"cho", "/v1/staff", `{"name": "dan", "email": "d@example.com", "roles": ["king"], "csr": ""}`, "roles"},
		{"cho", "/v1/staff", `{"name": "dan", "email": "d@example.com", "roles": ["admin"], "csr": "no PEM"}`, "csr"},
		{"cho", "/v1/staff/ben/proposals", `{}`, "roles"},
		{"cho", "/v1/behaviors/none/allowance", `{"method": "", "path": "", "why": "x"}`, "name"},
	}
	events := s.Store().EventCount()
	for _, row := range rows {
		got := s.send(raw{as: row.as, method: "POST", path: row.path, body: row.body})
		if got.status != 422 && got.status != 400 || got.problem.Field != row.field || got.problem.Detail == "" {
			t.Errorf("%s %s: %d %+v", row.path, row.body, got.status, got.problem)
		}
	}
	if now := s.Store().EventCount(); now != events {
		t.Errorf("%d events came about", now-events)
	}
}

func TestRolesAndStatesAreRefusedInTheirOwnWay(t *testing.T) {
	s := open(t)
	s.MustAccount("acme")
	_, err := s.as("eve").Approve(ctx, "cas_0", api.Approval{})
	wantKind(t, err, gate.Forbidden)
	_, err = s.as("cho").Approve(ctx, "cas_0", api.Approval{})
	wantKind(t, err, gate.NotFound)
	_, err = s.as("ben").CreateAccount(ctx, newAccount("acme"))
	wantKind(t, err, gate.Exists)
	_, err = s.as("cho").ReinstateAccount(ctx, "acme", "Nothing to lift.")
	wantKind(t, err, gate.Conflict)
	if e, ok := errors.AsType[*gate.Error](err); !ok || e.Text != "account acme is neither suspended nor throttled" {
		t.Errorf("error %v", err)
	}
}

func newAccount(slug string) api.NewAccount {
	return api.NewAccount{Slug: slug, Name: "Clinic " + slug, Zone: "UTC",
		Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Tim", Email: "tim@example.com"}}}
}

func TestARepeatedRequestHappensOnce(t *testing.T) {
	s := open(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids, fresh := make(map[gate.AccountID]int), 0
	for range 16 {
		wg.Go(func() {
			var replayed bool
			account, err := s.as("ben").CreateAccount(ctx, newAccount("acme"), api.Idempotent("once"), api.KeepReplayed(&replayed))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ids[account.ID]++
			if !replayed {
				fresh++
			}
		})
	}
	wg.Wait()
	if len(ids) != 1 || fresh != 1 || len(s.Directory().Accounts()) != 1 {
		t.Errorf("%d identifiers, %d fresh answers, %d accounts", len(ids), fresh, len(s.Directory().Accounts()))
	}
	_, err := s.as("ben").CreateAccount(ctx, newAccount("other"), api.Idempotent("once"))
	if e, ok := errors.AsType[*gate.Error](err); !ok || e.Kind != gate.Invalid || e.Field != "Idempotency-Key" {
		t.Errorf("the same key with another body: %v", err)
	}
	if _, err := s.as("cho").CreateAccount(ctx, newAccount("other"), api.Idempotent("once")); err != nil {
		t.Errorf("the same key by somebody else: %v", err)
	}
}

func TestARepeatedRequestIsAnsweredAlsoWhenTheStateMovedOn(t *testing.T) {
	s := open(t)
	s.MustAccount("acme")
	until := s.Now().Add(time.Hour)
	first := check[*api.Remediation](t)(s.as("ben").SuspendAccount(ctx, "acme", api.Suspension{Why: "x", Until: &until}, api.Idempotent("s")))
	check[*api.Account](t)(s.as("cho").ReinstateAccount(ctx, "acme", "y", api.Idempotent("r")))
	s.Advance(2 * time.Hour)
	again := check[*api.Remediation](t)(s.as("ben").SuspendAccount(ctx, "acme", api.Suspension{Why: "x", Until: &until}, api.Idempotent("s")))
	if again.ID != first.ID || again.State != "lifted" {
		t.Errorf("%+v", again)
	}
	if account := check[*api.Account](t)(s.as("cho").ReinstateAccount(ctx, "acme", "y", api.Idempotent("r"))); account.State != "normal" {
		t.Errorf("%+v", account)
	}
}

func TestARepeatedRequestForAKeyIsAnsweredWithoutIt(t *testing.T) {
	s := open(t)
	s.MustDevice(s.MustAccount("acme"), "box", gate.Sandbox)
	first := check[*api.Credential](t)(s.as("eve").CreateSandboxKey(ctx, "acme/main/box", api.Idempotent("k")))
	again := check[*api.Credential](t)(s.as("eve").CreateSandboxKey(ctx, "acme/main/box", api.Idempotent("k")))
	read := check[*api.Credential](t)(s.as("eve").Credential(ctx, first.ID))
	if !strings.HasPrefix(first.Key, "ort_") || again.ID != first.ID || again.Key != "" || read.Key != "" {
		t.Errorf("keys %d, %d and %d long; %s and %s", len(first.Key), len(again.Key), len(read.Key), first.ID, again.ID)
	}
}

func TestOfChangesToWhatWasReadOneWins(t *testing.T) {
	s := open(t)
	id := string(s.MustRequest(s.MustContract(s.MustAccount("acme"))).ID)
	var etag string
	check[*api.Certification](t)(s.as("ben").Certification(ctx, id, api.KeepETag(&etag)))
	var wg sync.WaitGroup
	var mu sync.Mutex
	won, stale := 0, 0
	for i := range 16 {
		wg.Go(func() {
			_, err := s.as("ben").ScheduleInterview(ctx, id, api.NewInterview{At: s.Now().Add(time.Duration(i+1) * time.Hour)}, api.IfMatch(etag))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case errors.Is(err, gate.Stale):
				stale++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 || stale != 15 {
		t.Errorf("%d changes went through and %d were stale", won, stale)
	}
}

func TestConditionsAreUnderstoodOrRefused(t *testing.T) {
	s := open(t)
	contract := s.MustContract(s.MustAccount("acme"))
	path := "/v1/contracts/" + string(contract.ID) + "/ending"
	rows := []struct {
		path    string
		headers []string
		status  int
		field   string
	}{
		{path, []string{"If-Match: abc"}, 422, "If-Match"},
		{path, []string{`If-Match: W/"abc"`}, 422, "If-Match"},
		{path, []string{`If-Match: "a", "b"`}, 422, "If-Match"},
		{path, []string{`If-Match: "a"`, `If-Match: "b"`}, 422, "If-Match"},
		{path, []string{`If-Match: "0123456789abcdef"`}, 412, ""},
		{"/v1/accounts/acme/suspension", []string{"If-Match: *"}, 422, "If-Match"},
		{path, []string{"Idempotency-Key: a b"}, 422, "Idempotency-Key"},
		{path, []string{"Idempotency-Key: " + strings.Repeat("x", 201)}, 422, "Idempotency-Key"},
		{path, []string{"Idempotency-Key: a", "Idempotency-Key: a"}, 422, "Idempotency-Key"},
		{path, []string{"Sec-Fetch-Site: cross-site"}, 403, ""},
		{path, []string{"Origin: https://evil.example"}, 403, ""},
		{path, []string{"If-Match: *", "Sec-Fetch-Site: same-origin", "Idempotency-Key: " + strings.Repeat("x", 200)}, 200, ""},
	}
	for _, row := range rows {
		got := s.send(raw{as: "cho", method: "POST", path: row.path, body: `{"why": "x"}`, headers: row.headers})
		if got.status != row.status || got.problem.Field != row.field {
			t.Errorf("%v: %d %+v", row.headers, got.status, got.problem)
		}
	}
}

func TestListsPage(t *testing.T) {
	s := open(t)
	for i := range 7 {
		s.MustAccount(fmt.Sprintf("acme-%d", i))
	}
	var slugs []string
	for account, err := range api.Each(ctx, api.Query{Limit: 3}, s.as("ben").Accounts) {
		if err != nil {
			t.Fatal(err)
		}
		slugs = append(slugs, account.Slug)
	}
	if got := strings.Join(slugs, " "); got != "acme-0 acme-1 acme-2 acme-3 acme-4 acme-5 acme-6" {
		t.Errorf("accounts %s", got)
	}
	events := 0
	for _, err := range api.Each(ctx, api.Query{Limit: 2}, s.as("ben").Events) {
		if err != nil {
			t.Fatal(err)
		}
		events++
	}
	if int64(events) != s.Store().EventCount() {
		t.Errorf("%d events of %d", events, s.Store().EventCount())
	}
	for query, field := range map[string]string{"limit=0": "limit", "limit=1001": "limit", "limit=x": "limit", "account=nobody": "account", "limit=1&limit=2": "limit"} {
		got := s.send(raw{method: "GET", path: "/v1/organizations?" + query})
		if got.status != 422 && got.status != 400 || got.problem.Field != field {
			t.Errorf("%s: %d %+v", query, got.status, got.problem)
		}
	}
	if got := s.send(raw{method: "GET", path: "/v1/events?after=x"}); got.problem.Field != "after" {
		t.Errorf("%+v", got)
	}
}

func TestEveryListIsAsDescribed(t *testing.T) {
	s := open(t)
	s.MustProduction("acme")
	s.MustEnroll(s.MustDevice(s.MustAccount("other"), "box", gate.Sandbox))
	s.Check(s.MustProduction("third").Request("GET", "/fhir/Patient/1"))
	s.Advance(time.Minute)
	for _, route := range api.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if method != "GET" || strings.Contains(path, "{") || path == "/v1/decisions/stream" || strings.HasPrefix(path, "/v1/audit/") {
			continue
		}
		got := s.send(raw{method: method, path: path})
		if got.status != 200 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		conform(t, method, path, got.status, []byte(got.body))
	}
}

// What went wrong on our side is told to the operator, and to nobody else.
func TestAnInternalErrorIsReportedAndNotTold(t *testing.T) {
	s := open(t)
	var reported []string
	site := httptest.NewServer(&api.Staff{
		Authority: func() *authority.Authority { return s.Authority }, Config: s.config,
		Actor:   func(*http.Request) (gate.Actor, error) { return gate.Actor{}, errors.New("/secret/path is broken") },
		OnError: func(_ *http.Request, err error, id string) { reported = append(reported, id+" "+err.Error()) },
	})
	defer site.Close()
	got := send(t, site.URL, raw{method: "GET", path: "/v1/accounts"})
	if got.status != 500 || got.problem.Code != "internal" || strings.Contains(got.body, "secret") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if len(reported) != 1 || reported[0] != got.problem.Instance+" /secret/path is broken" {
		t.Errorf("reported %q", reported)
	}
}

func TestWhileStartingOrStoppingItSaysSo(t *testing.T) {
	site := httptest.NewServer(&api.Staff{Authority: func() *authority.Authority { return nil }})
	defer site.Close()
	got := send(t, site.URL, raw{method: "GET", path: "/v1/accounts"})
	if got.status != 503 || got.problem.Code != "unavailable" || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %v %+v", got.status, got.header, got.problem)
	}
	s := open(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := s.as("ben").CreateAccount(ctx, newAccount("acme"))
	wantKind(t, err, gate.ShuttingDown)
}
