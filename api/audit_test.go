package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

// history is a world in which something has happened, over some hours.
func history(t *testing.T) *sites {
	t.Helper()
	s := open(t)
	ben := s.as("ben")
	for _, slug := range []string{"acme", "beta", "coda"} {
		s.Advance(time.Hour)
		check[*api.Account](t)(ben.CreateAccount(ctx, api.NewAccount{Slug: slug, Name: slug, Zone: "UTC",
			Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Tim", Email: "tim@" + slug + ".example"}}}))
	}
	check[*api.Remediation](t)(s.as("cho").SuspendAccount(ctx, "beta", api.Suspension{Why: "Key seen in public."}))
	s.Advance(time.Hour)
	return s
}

func seqs(events []gate.Event) (list []int64) {
	for _, e := range events {
		list = append(list, e.Seq)
	}
	return list
}

func TestEventsAreFoundByWhatIsAskedFor(t *testing.T) {
	s := history(t)
	ben := s.as("ben")
	all := check[*api.Page[gate.Event]](t)(ben.FindEvents(ctx, api.EventQuery{})).Items
	beta := check[*api.Account](t)(ben.Account(ctx, "beta"))
	hour := func(n int) time.Time { return s.Now().Add(time.Duration(n-4) * time.Hour) }
	for name, row := range map[string]struct {
		query api.EventQuery
		want  func(gate.Event) bool
	}{
		"everything":    {api.EventQuery{}, func(gate.Event) bool { return true }},
		"an account":    {api.EventQuery{Query: api.Query{Account: "beta"}}, func(e gate.Event) bool { return e.Account == beta.ID }},
		"an actor":      {api.EventQuery{Actor: "cho"}, func(e gate.Event) bool { return e.By.Name == "cho" }},
		"an actor's id": {api.EventQuery{Actor: string(s.Cho.Staff)}, func(e gate.Event) bool { return e.By.Name == "cho" }},
		"a verb":        {api.EventQuery{Verb: "account.created"}, func(e gate.Event) bool { return e.Verb == gate.AccountCreated }},
		"an object":     {api.EventQuery{Object: string(beta.ID)}, func(e gate.Event) bool { return e.Verb == gate.AccountCreated && e.Account == beta.ID }},
		"no such":       {api.EventQuery{Object: `a "b" <c>`}, func(gate.Event) bool { return false }},
		"a time":        {api.EventQuery{Since: hour(1), Until: hour(2)}, func(e gate.Event) bool { return !e.At.Before(hour(1)) && e.At.Before(hour(2)) }},
		"numbers":       {api.EventQuery{Query: api.Query{After: "2"}, Before: "5"}, func(e gate.Event) bool { return e.Seq > 2 && e.Seq < 5 }},
		"several":       {api.EventQuery{Actor: "cho", Verb: "remediation.imposed"}, func(e gate.Event) bool { return e.Verb == gate.RemediationImposed }},
	} {
		want := seqs(slices.DeleteFunc(slices.Clone(all), func(e gate.Event) bool { return !row.want(e) }))
		got := check[*api.Page[gate.Event]](t)(ben.FindEvents(ctx, row.query))
		if diff := cmp.Diff(want, seqs(got.Items)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		row.query.Newest, row.query.Limit = true, 2
		var backward []int64
		for {
			page := check[*api.Page[gate.Event]](t)(ben.FindEvents(ctx, row.query))
			backward = append(backward, seqs(page.Items)...)
			if page.Next == "" {
				break
			}
			row.query.Before = page.Next
		}
		slices.Reverse(want)
		if diff := cmp.Diff(want, backward); diff != "" {
			t.Errorf("%s, newest first, by twos (-want +got):\n%s", name, diff)
		}
	}
}

func TestAWrongEventQueryIsNamed(t *testing.T) {
	s := open(t)
	for query, field := range map[string]string{
		"after=-1": "after", "before=x": "before", "since=yesterday": "since", "until=2027-02-30T00:00:00Z": "until", "order=up": "order", "account=none": "account",
	} {
		got := s.send(raw{method: "GET", path: "/v1/events?" + query})
		if got.status != http.StatusUnprocessableEntity || got.problem.Field != field {
			t.Errorf("%s: %d, field %q", query, got.status, got.problem.Field)
		}
	}
}

// keyOf is the log's key, as an auditor keeps it.
func keyOf(t *testing.T, s *sites) note.Verifiers {
	t.Helper()
	return check[note.Verifiers](t)(audit.ParseKey(check[*api.AuditKey](t)(s.as("ben").AuditKey(ctx)).Vkey))
}

func TestAProofOfAnEventLeadsToTheCheckpointBesideIt(t *testing.T) {
	s := history(t)
	key := keyOf(t, s)
	for seq := range s.Store().EventCount() {
		p := check[*api.EventProof](t)(s.as("ben").Event(ctx, seq))
		c := check[audit.Checkpoint](t)(audit.ParseCheckpoint([]byte(p.Checkpoint), key))
		if err := audit.CheckInclusion([]byte(p.Leaf), seq, c, p.Inclusion); err != nil {
			t.Error(err)
		}
		if p.Event.Seq != seq {
			t.Errorf("event %d came for %d", p.Event.Seq, seq)
		}
	}
	for _, seq := range []string{"-1", "9999", "first", "1.0"} {
		if got := s.send(raw{method: "GET", path: "/v1/events/" + seq}); got.status != http.StatusNotFound {
			t.Errorf("event %s: %d", seq, got.status)
		}
	}
}

func TestACheckpointThatIsHeldProvesThatTheLogOnlyGrew(t *testing.T) {
	s := open(t)
	key := keyOf(t, s)
	held := check[*api.Checkpoint](t)(s.as("ben").Checkpoint(ctx))
	older := check[audit.Checkpoint](t)(audit.ParseCheckpoint([]byte(held.Note), key))
	if older.Size != held.Size || older.Root != held.Root || older.Origin != held.Origin || !older.Time.Equal(held.Time) {
		t.Errorf("the note says %+v and the JSON %+v", older, held)
	}
	check[*api.Remediation](t)(s.as("ben").CreateRemediation(ctx, remediationOn(t, s)))
	p := check[*api.ConsistencyProof](t)(s.as("ben").Consistency(ctx, held.Size))
	newer := check[audit.Checkpoint](t)(audit.ParseCheckpoint([]byte(p.Checkpoint), key))
	if err := audit.CheckConsistency(older, newer, p.Consistency); err != nil || newer.Size <= older.Size {
		t.Errorf("from %d to %d: %v", older.Size, newer.Size, err)
	}
	for _, old := range []string{"-1", "9999", "", "x"} {
		got := s.send(raw{method: "GET", path: "/v1/audit/consistency?old=" + old})
		if got.status != http.StatusUnprocessableEntity || got.problem.Field != "old" {
			t.Errorf("old=%s: %d, %s", old, got.status, got.body)
		}
	}
}

// remediationOn makes an account and says how to suspend it.
func remediationOn(t *testing.T, s *sites) api.NewRemediation {
	t.Helper()
	account := check[*api.Account](t)(s.as("ben").CreateAccount(ctx, api.NewAccount{Slug: "dora", Name: "Dora", Zone: "UTC",
		Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Tim", Email: "tim@dora.example"}}}))
	return api.NewRemediation{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(account.ID)}, Measure: gate.Suspend, Why: "Key seen in public."}
}

func TestTheCheckpointIsTextUnlessJSONIsAskedFor(t *testing.T) {
	s := open(t)
	for accept, want := range map[string]string{
		"Accept: */*": "text/plain; charset=utf-8", "Accept": "text/plain; charset=utf-8", "Accept: text/plain": "text/plain; charset=utf-8",
		"Accept: application/json": "application/json", "Accept: text/plain;q=0.5, application/json": "application/json",
	} {
		got := s.send(raw{method: "GET", path: "/v1/audit/checkpoint", headers: []string{accept}})
		if got.status != http.StatusOK || got.header.Get("Content-Type") != want || got.header.Get("Vary") != "Accept" {
			t.Errorf("%s: %d %s", accept, got.status, got.header.Get("Content-Type"))
		}
		if want != "application/json" {
			check[audit.Checkpoint](t)(audit.ParseCheckpoint([]byte(got.body), keyOf(t, s)))
		}
	}
}

func TestAnExportVerifiesWithoutTheServer(t *testing.T) {
	s := history(t)
	vkey := check[*api.AuditKey](t)(s.as("ben").AuditKey(ctx)).Vkey
	got := s.send(raw{method: "GET", path: "/v1/audit/export"})
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%d %v", got.status, got.header)
	}
	report := check[audit.Report](t)(audit.Verify(strings.NewReader(got.body), audit.Options{Vkey: vkey}))
	if report.Events != s.Store().EventCount() || report.Uncovered != 0 || report.Checkpoints < 2 {
		t.Errorf("%+v", report)
	}
	if _, err := audit.Verify(strings.NewReader(strings.Replace(got.body, "beta", "bexa", 1)), audit.Options{Vkey: vkey}); err == nil {
		t.Error("an edited export verified")
	}
	if head := s.send(raw{method: "HEAD", path: "/v1/audit/export"}); head.status != http.StatusOK || head.body != "" {
		t.Errorf("HEAD: %d", head.status)
	}
}

func TestVerificationComparesWithCheckpointsFromOutside(t *testing.T) {
	s := open(t)
	ben := s.as("ben")
	_, err := ben.LastVerification(ctx)
	wantKind(t, err, gate.NotFound)
	alone := check[*api.Verification](t)(ben.Verify(ctx, api.NewVerification{}))
	if !alone.Verified || alone.Report.OutsideSeen != 0 || !strings.Contains(alone.Summary, "No outside checkpoint was given") {
		t.Errorf("%+v", alone)
	}
	held := check[*api.Checkpoint](t)(ben.Checkpoint(ctx))
	with := check[*api.Verification](t)(ben.Verify(ctx, api.NewVerification{Checkpoints: []string{held.Note, held.Note + "\n" + held.Note}}))
	if !with.Verified || with.Report.OutsideSeen != 3 || with.Report.Records == 0 {
		t.Errorf("%+v", with)
	}
	last := check[*api.Verification](t)(ben.LastVerification(ctx))
	if diff := cmp.Diff(with, last); diff != "" {
		t.Errorf("last (-want +got):\n%s", diff)
	}
	for name, row := range map[string]struct {
		body  string
		field string
	}{
		"no checkpoint": {`{"checkpoints": ["x"]}`, "checkpoints[0]"},
		"edited":        {string(check[[]byte](t)(json.Marshal(api.NewVerification{Checkpoints: []string{strings.Replace(held.Note, "time 2027", "time 2026", 1)}}))), "checkpoints[0]"},
		"unknown":       {`{"checkpoint": []}`, "checkpoint"},
	} {
		got := s.send(raw{method: "POST", path: "/v1/audit/verification", body: row.body})
		if got.status < 400 || got.problem.Field != row.field {
			t.Errorf("%s: %d, field %q: %s", name, got.status, got.problem.Field, got.body)
		}
	}
	got := s.send(raw{method: "POST", path: "/v1/audit/verification", headers: []string{"Sec-Fetch-Site: cross-site"}})
	if got.status != http.StatusForbidden {
		t.Errorf("from another site: %d", got.status)
	}
}

func TestARolledBackLogIsNamedInTheAnswer(t *testing.T) {
	older, newer := open(t), open(t)
	check[*api.Remediation](t)(newer.as("ben").CreateRemediation(ctx, remediationOn(t, newer)))
	newer.Advance(time.Hour)
	// Two stores in memory have one secret and so one key: the second is what the first was before it was taken back.
	held := check[*api.Checkpoint](t)(newer.as("ben").Checkpoint(ctx))
	got := check[*api.Verification](t)(older.as("ben").Verify(ctx, api.NewVerification{Checkpoints: []string{held.Note}}))
	if got.Verified || got.FirstBad == nil || *got.FirstBad != older.Store().EventCount() || *got.LastBad != held.Size-1 ||
		!strings.HasPrefix(got.Summary, "THE LOG DOES NOT VERIFY: ") || got.Problem == "" {
		t.Errorf("%+v", got)
	}
}

func TestADossierIsTakenAndVerifiesWithoutTheServer(t *testing.T) {
	s := history(t)
	got := s.send(raw{method: "GET", path: "/v1/accounts/beta/dossier"})
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/zip" ||
		got.header.Get("Content-Disposition") != `attachment; filename="beta-dossier.zip"` || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %s", got.status, got.header, got.body)
	}
	vkey := check[*api.AuditKey](t)(s.as("ben").AuditKey(ctx)).Vkey
	report := check[audit.DossierReport](t)(audit.VerifyDossier(strings.NewReader(got.body), int64(len(got.body)), vkey))
	if report.Events == 0 || report.Compared == 0 {
		t.Errorf("%+v", report)
	}
	var b bytes.Buffer
	wantKind(t, s.as("ben").Dossier(ctx, "nobody", &b), gate.NotFound)
	if err := s.as("ben").Dossier(ctx, "beta", &b); err != nil || b.String() != got.body {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
}
