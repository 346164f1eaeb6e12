package api_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// misdeeds is a customer at several stages, for others to ask the wrong thing of.
type misdeeds struct {
	*sites
	contract             string
	requested            string // a case that nothing has happened to
	scheduled, interview string
	bare                 string // held without a recording
	approved             string // by cho
	both                 string // fay interviewed, who may approve
	stranger             string // a device of another account
}

func newMisdeeds(t *testing.T) *misdeeds {
	t.Helper()
	s := &misdeeds{sites: open(t)}
	account := s.MustAccount("acme")
	device := s.MustDevice(account, "prod-1", gate.Production)
	contract := s.MustContract(account)
	s.contract, s.stranger = string(contract.ID), string(s.MustDevice(s.MustAccount("other"), "prod-1", gate.Production).ID)
	s.requested = string(s.MustRequest(contract, device).ID)
	scheduled := check[*api.Certification](t)(s.as("ben").ScheduleInterview(ctx, string(s.MustRequest(contract, device).ID), api.NewInterview{At: s.Now().Add(24 * time.Hour)}))
	s.scheduled, s.interview = string(scheduled.ID), string(scheduled.Interviews[0].ID)
	bare := gatetest.Transcript()
	bare.Recording.Reference = ""
	s.bare = s.held("ben", contract, device, bare)
	s.approved = s.held("ben", contract, device, gatetest.Transcript())
	check[*api.Certification](t)(s.as("cho").Approve(ctx, s.approved, api.Approval{}))
	_, csr := s.NewCSR("fay")
	check[*api.Person](t)(s.as("cho").ProposePerson(ctx, api.NewPerson{Name: "fay", Email: "fay@example.com", Roles: []gate.Role{gate.Interviewer, gate.Approver}, CSR: string(csr)}))
	check[*api.Person](t)(s.as("eve").ConfirmPerson(ctx, "fay"))
	s.both = s.held("fay", contract, device, gatetest.Transcript())
	return s
}

// held is a case that somebody has interviewed in.
func (s *misdeeds) held(who string, contract *gate.Contract, device *gate.Device, record gate.Transcript) string {
	t := s.t.(*testing.T)
	t.Helper()
	id := string(s.MustRequest(contract, device).ID)
	c := check[*api.Certification](t)(s.as(who).ScheduleInterview(ctx, id, api.NewInterview{At: s.Now()}))
	check[*api.Certification](t)(s.as(who).RecordInterview(ctx, id, string(c.Interviews[0].ID), api.InterviewRecord{
		Attendees: record.Attendees, Recording: api.NewRecording{Reference: record.Recording.Reference}, DemoShown: record.DemoShown, Answers: record.Answers}))
	return id
}

// everything is what the store holds of what the rows below could change, and how many events.
func (s *misdeeds) everything() map[string]string {
	s.t.Helper()
	all := map[string]string{}
	note := func(r gate.Record, err error) {
		if err != nil {
			s.t.Fatal(err)
		}
		text, err := json.Marshal(r)
		if err != nil {
			s.t.Fatal(err)
		}
		all[string(r.RecordKind())+" "+r.RecordID()] = string(text)
	}
	if err := s.Store().View(func(tx *certstore.Tx) error {
		all["events"] = time.Duration(s.Store().EventCount()).String()
		for r, err := range certstore.All[gate.Account](tx) {
			note(r, err)
		}
		for r, err := range certstore.All[gate.Contract](tx) {
			note(r, err)
		}
		for r, err := range certstore.All[gate.Certification](tx) {
			note(r, err)
		}
		for r, err := range certstore.All[gate.Enrollment](tx) {
			note(r, err)
		}
		for r, err := range certstore.All[gate.Notice](tx) {
			note(r, err)
		}
		for r, err := range certstore.All[gate.Mark](tx) {
			note(r, err)
		}
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	return all
}

// misdeed is one bad request: what it is, and how it is answered.
type misdeed struct {
	what   string
	raw    raw
	status int
	code   string
	field  string
	text   string // in the detail
	// state is what the answer shows of the object as it stands; empty: it shows none.
	state string
}

func (s *misdeeds) rows() []misdeed {
	cas := func(id, verb string) string { return "/v1/certifications/" + id + "/" + verb }
	grant := `"grant": {"behaviors": ["fhir-query"], "purposes": ["TREAT"]}`
	term := func(first, last, zone string) string {
		return `{"account": "acme", "first": "` + first + `", "last": "` + last + `", "zone": "` + zone + `", ` + grant + `}`
	}
	post := func(as, path, body string, headers ...string) raw {
		return raw{as: as, method: "POST", path: path, body: body, headers: headers}
	}
	record := `{"attendees": [{"name": "T", "consented": true}], "recording": {"reference": "v"}, "demo_shown": true, "answers": []}`
	return []misdeed{
		{"approved before an interview", post("cho", cas(s.requested, "approval"), `{}`), 409, "conflict", "", "missing: an interview that was held and recorded", "requested"},
		{"released before approval", post("eve", cas(s.requested, "release"), `{"device": "acme/main/prod-1"}`), 409, "conflict", "", "is requested; only an approved one can be released", "requested"},
		{"rejected after approval", post("cho", cas(s.approved, "rejection"), `{"why": "x"}`), 409, "conflict", "", "is approved already", "approved"},
		{"an interview recorded before it begins", post("ben", cas(s.scheduled, "interviews/"+s.interview+"/record"), record), 409, "conflict", "", "it cannot have been held yet", "scheduled"},
		{"an interview that there is not", post("ben", cas(s.requested, "interviews/int_0/record"), record), 404, "not-found", "", "has no interview int_0", ""},
		{"an absence before the interview", post("ben", cas(s.scheduled, "interviews/"+s.interview+"/absence"), `{"why": "x"}`), 409, "conflict", "", "nobody has missed it yet", "scheduled"},
		{"approved without a recording", post("cho", cas(s.bare, "approval"), `{}`), 409, "conflict", "", "missing: the reference of the recording", "interviewed"},
		{"a day that there is not", post("ben", "/v1/contracts", term("2027-02-30", "2028-01-01", "UTC")), 422, "invalid", "first", `"2027-02-30": must be a day`, ""},
		{"ended before it began", post("ben", "/v1/contracts", term("2029-02-01", "2029-01-01", "UTC")), 422, "invalid", "last", "2029-01-01 is before the first day 2029-02-01", ""},
		{"an unknown zone", post("ben", "/v1/contracts", term("2029-02-01", "2029-03-01", "Mars/Olympus")), 422, "invalid", "zone", `"Mars/Olympus"`, ""},
		{"overlapping terms", post("ben", "/v1/contracts", term("2027-06-01", "2029-01-01", "UTC")), 409, "conflict", "", "the term overlaps contract " + s.contract, ""},
		{"an approver who interviewed", post("fay", cas(s.both, "approval"), `{}`), 403, "forbidden", "", "you interviewed in this case; somebody else must approve it", ""},
		{"a releaser who may not", post("cho", cas(s.approved, "release"), `{"device": "acme/main/prod-1"}`), 403, "forbidden", "", "cho may not release: that takes the role issuer", ""},
		{"a version that does not stand any more", post("cho", cas(s.both, "approval"), `{}`, `If-Match: "0123456789abcdef"`), 412, "stale", "", "has changed since you read it", "interviewed"},
		{"ten megabytes", post("ben", "/v1/accounts", `{"notes": "`+strings.Repeat("x", 10<<20)+`"}`), 413, "invalid", "", "larger than 1048576 bytes", ""},
		{"an unknown field", post("ben", "/v1/accounts", `{"slug": "n", "color": "red"}`), 400, "invalid", "color", "", ""},
		{"a device of somebody else", post("ben", "/v1/certifications", `{"contract": "`+s.contract+`", "devices": ["`+s.stranger+`"], "profile": {`+grant+`}}`), 422, "invalid", "devices", "is not a production device of the contract's account", ""},
		{"a device of somebody else joins", post("cho", cas(s.approved, "devices"), `{"device": "`+s.stranger+`", "why": "x"}`), 422, "invalid", "device", "is not a production device of the certification's account", ""},
		{"a device of somebody else is released", post("eve", cas(s.approved, "release"), `{"device": "`+s.stranger+`"}`), 409, "conflict", "", "does not cover device", "approved"},
		{"an identifier of another kind", post("cho", cas(s.contract, "approval"), `{}`), 404, "not-found", "", "there is no certification " + s.contract, ""},
		{"an identifier of nothing", post("cho", cas("cas_0", "approval"), `{}`), 404, "not-found", "", "there is no certification cas_0", ""},
		{"somebody without a certificate", post("mallory", cas(s.both, "approval"), `{}`), 403, "unauthorized", "", "", ""},
		{"a page of another site", post("ben", "/v1/accounts", `{}`, "Origin: https://evil.example"), 403, "forbidden", "", "changes are not taken from pages of other sites", ""},
		{"a page that a browser calls foreign", post("ben", "/v1/accounts", `{}`, "Sec-Fetch-Site: cross-site"), 403, "forbidden", "", "changes are not taken from pages of other sites", ""},
	}
}

// TestBadInputIsAnsweredInItsOwnWayAndChangesNothing goes through all that people and their programs get wrong. What a wrong certificate is told is
// in caddymodule, where there is TLS.
func TestBadInputIsAnsweredInItsOwnWayAndChangesNothing(t *testing.T) {
	s := newMisdeeds(t)
	before := s.everything()
	for _, row := range s.rows() {
		got := s.send(row.raw)
		p := got.problem
		if got.status != row.status || p.Status != row.status || p.Code != row.code || p.Field != row.field || !strings.Contains(p.Detail, row.text) || p.Detail == "" {
			t.Errorf("%s: %d %+v", row.what, got.status, p)
		}
		current, _ := p.Current.(map[string]any)
		if state, _ := current["state"].(string); state != row.state || (row.state != "") != (got.header.Get("ETag") != "") {
			t.Errorf("%s: shown as %v, ETag %s; want state %q", row.what, current["state"], got.header.Get("ETag"), row.state)
		}
		if !maps.Equal(before, s.everything()) {
			t.Fatalf("%s changed something", row.what)
		}
	}
}

// TestOfTwoWhoActAtOnceOneWins: the second is told so, with what the first has made of it, and can go on from there.
func TestOfTwoWhoActAtOnceOneWins(t *testing.T) {
	s := newMisdeeds(t)
	path := "/v1/certifications/" + s.both
	read := s.send(raw{method: "GET", path: path}).header.Get("ETag")
	for _, row := range []struct {
		ifMatch string
		status  int
	}{{"", 409}, {"If-Match: " + read, 412}} {
		headers := strings.Fields("")
		if row.ifMatch != "" {
			headers = append(headers, row.ifMatch)
		}
		if row.ifMatch == "" {
			if got := s.send(raw{as: "cho", method: "POST", path: path + "/approval", body: `{}`}); got.status != 200 {
				t.Fatalf("the first: %d %s", got.status, got.body)
			}
		}
		before := s.everything()
		got := s.send(raw{as: "cho", method: "POST", path: path + "/rejection", body: `{"why": "x"}`, headers: headers})
		current, _ := got.problem.Current.(map[string]any)
		if now := s.send(raw{method: "GET", path: path}); got.status != row.status || current["state"] != "approved" || got.header.Get("ETag") != now.header.Get("ETag") {
			t.Errorf("the second, %s: %d %+v", row.ifMatch, got.status, got.problem)
		}
		if !maps.Equal(before, s.everything()) {
			t.Error("the second changed something")
		}
	}
}

// TestTheSameRequestOnceMoreChangesNothing, whatever it was.
func TestTheSameRequestOnceMoreChangesNothing(t *testing.T) {
	s := newMisdeeds(t)
	r := raw{as: "cho", method: "POST", path: "/v1/certifications/" + s.both + "/approval", body: `{}`, headers: []string{"Idempotency-Key: k"}}
	first := s.send(r)
	before := s.everything()
	again := s.send(r)
	if first.status != 200 || again.status != 200 || again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" || !maps.Equal(before, s.everything()) {
		t.Errorf("%d, then %d %v", first.status, again.status, again.header)
	}
	r.body = `{"why": "otherwise"}`
	if got := s.send(r); got.status != 422 || got.problem.Field != "Idempotency-Key" || !maps.Equal(before, s.everything()) {
		t.Errorf("another request under the same key: %d %+v", got.status, got.problem)
	}
}
