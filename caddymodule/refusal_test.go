package caddymodule_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

// withoutScene are the reasons for which no request is refused yet, or ever.
var withoutScene = map[gate.Reason]string{
	gate.Allowed:       "is no refusal",
	gate.ClockUnusable: "needs a clock that ran backward",

	gate.SourceExceeded:      "needs many that were refused: TestAPlaceThatSendsWhatIsRefusedMustWait",
	gate.ConcurrencyExceeded: "needs a call that runs: TestACallHoldsItsPlaceUntilItHasEnded",
}

func TestEveryRefusalAnswersAsItsCodeSays(t *testing.T) {
	w := newWorld(t)
	scenes := w.scenes()
	reasons := append(slices.Clone(gate.Reasons()[1:]), gate.Unavailable) // the last, because it closes the authority
	for _, reason := range reasons {
		s, ok := scenes[reason]
		if _, without := withoutScene[reason]; without == ok {
			t.Errorf("%s must have a scene or a reason why not", reason)
		}
		if !ok {
			continue
		}
		s = s.orDefaults()
		if s.before != nil {
			s.before()
		}
		for _, proto := range []string{"h1", "h2"} {
			t.Run(reason.String()+"/"+proto, func(t *testing.T) { refusedAs(t, w, proto, reason, &s) })
		}
	}
}

func refusedAs(t *testing.T, w *world, proto string, reason gate.Reason, s *scene) {
	t.Helper()
	before := w.upstream.hits.Load()
	client := w.client(proto, s.crt)
	resp, body := w.get(client, s.host, s.path, s.key, s.edit)
	p := checkHeaders(t, resp, reason, s.status)
	checkProblem(t, w, body, p, s)
	if reason.AboutCertificate() {
		closes(t, w, client, s)
	} else {
		keeps(t, w, client, s)
	}

	resp, body = w.get(w.client(proto, s.crt), s.host, s.path, s.key, s.edit, func(r *http.Request) { r.Header.Set("Accept", "application/fhir+json") })
	p = checkHeaders(t, resp, reason, s.status)
	checkOutcome(t, body, p)
	if w.upstream.hits.Load() != before {
		t.Error("the request reached the upstream")
	}
}

// answered is what the headers of an answer said, for comparing with its body.
type answered struct {
	reason gate.Reason
	status int
	id     string
}

func checkHeaders(t *testing.T, resp *http.Response, reason gate.Reason, status int) answered {
	t.Helper()
	want := http.Header{"Cache-Control": {"no-store"}, "Server": {"Caddy"}, "Vary": {"Accept"}, "X-Content-Type-Options": {"nosniff"}}
	switch reason { //nolint:exhaustive // the others have no header of their own
	case gate.KeyRequired:
		want.Set("WWW-Authenticate", "Bearer")
	case gate.InvalidToken:
		want.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	case gate.Unavailable:
		want.Set("Retry-After", "5")
	case gate.StateUnconfirmed:
		want.Set("Retry-After", "60")
	}
	got := resp.Header.Clone()
	for _, varies := range []string{"Date", "X-Request-Id", "Content-Type", "Content-Length"} {
		if len(got[varies]) != 1 {
			t.Errorf("%s is there %d times", varies, len(got[varies]))
		}
		delete(got, varies)
	}
	delete(got, "Connection")
	if reason.OverLimit() {
		names := []string{"Retry-After", "Ratelimit", "Ratelimit-Policy"}
		if reason == gate.SourceExceeded { // whose limit it is depends on what is not known
			names = names[:1]
		}
		for _, name := range names { // TestTheAnswerSaysWhatIsLimitedAndWhatIsLeft
			if len(got[name]) != 1 {
				t.Errorf("%s is there %d times", name, len(got[name]))
			}
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if resp.StatusCode != status {
		t.Errorf("status %d, want %d", resp.StatusCode, status)
	}
	id := resp.Header.Get("X-Request-Id")
	if err := gate.CheckID(gate.DecisionPrefix, id); err != nil {
		t.Errorf("X-Request-Id: %v", err)
	}
	wantType := "application/problem+json"
	if strings.Contains(resp.Request.Header.Get("Accept"), "fhir") {
		wantType = "application/fhir+json"
	}
	if got := resp.Header.Get("Content-Type"); got != wantType {
		t.Errorf("Content-Type %q, want %q", got, wantType)
	}
	return answered{reason, status, id}
}

func checkProblem(t *testing.T, w *world, body string, a answered, s *scene) {
	t.Helper()
	var p map[string]any
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, name := range []string{"title", "detail"} {
		if text, _ := p[name].(string); text == "" {
			t.Errorf("%s is missing: %s", name, body)
		}
		delete(p, name)
	}
	if _, names := p["violated-policies"]; names != a.reason.OverLimit() {
		t.Errorf("it names limits: %t", names)
	}
	delete(p, "violated-policies")
	want := map[string]any{"type": "https://public.test/problems/" + a.reason.String(), "status": float64(a.status),
		"code": a.reason.String(), "instance": a.id}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("problem (-want +got):\n%s", diff)
	}
	if !strings.Contains(body, "Ask help@example.com or +1 555 0100.") {
		t.Errorf("it does not say whom to ask: %s", body)
	}
	internal := []string{w.dir, "badger", "HMAC", "pepper", ".go:", "certgate:", "acc_", "dev_", "key_", "crt_", "127.0.0.1"}
	if s.key != "" {
		internal = append(internal, s.key, s.key[5:15])
	}
	for _, word := range internal {
		if strings.Contains(strings.ToLower(body), strings.ToLower(word)) {
			t.Errorf("%q is nobody's business: %s", word, body)
		}
	}
}

func checkOutcome(t *testing.T, body string, a answered) {
	t.Helper()
	var outcome struct {
		ResourceType string
		Issue        []struct {
			Severity, Code, Diagnostics string
			Details                     struct {
				Coding []struct{ System, Code string }
				Text   string
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &outcome); err != nil || outcome.ResourceType != "OperationOutcome" || len(outcome.Issue) != 1 {
		t.Fatalf("no OperationOutcome with one issue: %v %s", err, body)
	}
	issue := outcome.Issue[0]
	if issue.Severity != "error" || issue.Code == "" || issue.Details.Text == "" || !strings.Contains(issue.Diagnostics, a.id) {
		t.Errorf("the issue lacks something: %s", body)
	}
	if c := issue.Details.Coding; len(c) != 1 || c[0].Code != a.reason.String() || c[0].System != "https://public.test/problems" {
		t.Errorf("the coding is %v", c)
	}
}

// closes checks that the connection is not used again: another certificate takes another one.
func closes(t *testing.T, w *world, client *http.Client, s *scene) {
	t.Helper()
	eventually(t, "a refused certificate's connection is closed", func() bool { return !reused(w, client, s) })
}

func keeps(t *testing.T, w *world, client *http.Client, s *scene) {
	t.Helper()
	if !reused(w, client, s) {
		t.Error("the connection was closed, though its certificate is good")
	}
}

// reused sends the scene's request again and tells whether it went over a connection that was open already.
func reused(w *world, client *http.Client, s *scene) (was bool) {
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { was = info.Reused }}
	w.get(client, s.host, s.path, s.key, s.edit, func(r *http.Request) { *r = *r.WithContext(httptrace.WithClientTrace(r.Context(), trace)) })
	return was
}
