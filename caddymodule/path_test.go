package caddymodule_test

import (
	"strings"
	"testing"
)

// paths are request targets, as they are written, and the canonical path that reaches the upstream, or none.
var paths = []struct{ target, canonical string }{
	{"/fhir/Patient/1", "/fhir/Patient/1"},
	{"/fhir/Patient/1?_count=2&a=%2e%2e", "/fhir/Patient/1?_count=2&a=%2e%2e"},
	{"/fhir/%50atient/1", "/fhir/Patient/1"},
	{"/%66%68%69%72/Patient/1", "/fhir/Patient/1"},
	{"/fhir/Patient/a%20b", "/fhir/Patient/a%20b"},
	{"/fhir/Patient/%c3%a4", "/fhir/Patient/%C3%A4"},
	{"/fhir/Patient/%C3%a4", "/fhir/Patient/%C3%A4"},
	{"/fhir/Patient/1/", "/fhir/Patient/1/"},
	{"/fhir/Patient/1/$everything", "/fhir/Patient/1/$everything"},
	{"/fhir/Patient/%2A", "/fhir/Patient/*"},
	{"/fhir/a:b@c!d'e(f)*+,=&g", "/fhir/a:b@c!d'e(f)*+,=&g"},
	{"/fhir/...", "/fhir/..."},
	{"/fhir/Patient/1.", "/fhir/Patient/1."},
	{"/fhir/Patient/1#fragment", ""},
	{"/fhir/Patient/1%23fragment", "/fhir/Patient/1%23fragment"},
	{"/fhir/Patient/1%3f_id=2", "/fhir/Patient/1%3F_id=2"},

	{"/fhir/../secret/1", ""},
	{"/fhir/%2e%2e/secret/1", ""},
	{"/fhir/%2E%2e/secret/1", ""},
	{"/fhir/.%2e/secret/1", ""},
	{"/fhir/..%2fsecret/1", ""},
	{"/fhir/..%2Fsecret/1", ""},
	{"/fhir/%2e%2e%2fsecret%2f1", ""},
	{"/fhir/..\\secret\\1", ""},
	{"/fhir/..%5csecret/1", ""},
	{"/fhir/..%5Csecret/1", ""},
	{"/fhir/..;/secret/1", ""},
	{"/fhir/..;x=y/secret/1", ""},
	{"/fhir;/../secret/1", ""},
	{"/fhir/%252e%252e/secret/1", ""},
	{"/fhir/%252e%252e%252fsecret/1", ""},
	{"/fhir/%c0%ae%c0%ae/secret/1", ""},
	{"/fhir/./Patient/1", ""},
	{"/./fhir/Patient/1", ""},
	{"/fhir/Patient/1/.", ""},
	{"/fhir/Patient/1/..", ""},
	{"/fhir//Patient/1", ""},
	{"//fhir/Patient/1", ""},
	{"//secret/1", ""},
	{"/fhir/Patient//", ""},
	{"//evil.test/fhir/Patient/1", ""},
	{"/fhir/Patient/1;jsessionid=1", ""},
	{"/fhir/Patient/1%3bx", ""},
	{"/fhir/Patient/1%3Bx", ""},
	{"/fhir/Patient/1%00", ""},
	{"/fhir/Patient/1%00.json", ""},
	{"/fhir/Patient/1%0d%0aX-Evil:1", ""},
	{"/fhir/Patient/1%7f", ""},
	{"/fhir/Patient/\xe4", ""},
	{"/fhir/Patient/%e4", ""},
	{"/fhir/Patient/%zz", ""},
	{"/fhir/Patient/%", ""},
	{"/fhir/Patient/%4", ""},
	{"/fhir/Patient/{a}", ""},
	{"/fhir/Patient/<a>", ""},
	{"/fhir/Patient/a|b", ""},
	{"/fhir/Patient/\"a\"", ""},
	{"/FHIR/Patient/1", ""},
	{"/Fhir/Patient/1", ""},
	{"/%46HIR/Patient/1", ""},
	{"/fhir", ""},
	{"/fhir/", ""},
	{"/fhir./Patient/1", ""},
	{"/fhir%20/Patient/1", ""},
	{"/secret/1", ""},
	{"/SECRET/1", ""},
	{"/%73ecret/1", ""},
	{"/secret%2f1", ""},
	{"/secret/1/../../fhir/Patient/1", ""},
	{"/", ""},
	{"*", ""},
	{"fhir/Patient/1", ""},
	{"", ""},
	{"?x", ""},
	{"/fhir/" + strings.Repeat("a", 7900), "/fhir/" + strings.Repeat("a", 7900)},
	{"/fhir/" + strings.Repeat("a", 8100), ""},
	{"/fhir/" + strings.Repeat("%61", 2600), "/fhir/" + strings.Repeat("a", 2600)},
	{"/fhir/" + strings.Repeat("a/", 3000) + "a", "/fhir/" + strings.Repeat("a/", 3000) + "a"},

	{"https://api.test/fhir/Patient/1", "/fhir/Patient/1"},
	{"HTTPS://API.test/fhir/Patient/1", "/fhir/Patient/1"},
	{"http://api.test/fhir/Patient/1", "/fhir/Patient/1"},
	{"https://api.test/fhir/../secret/1", ""},
	{"https://api.test", ""},
	{"https://api.test?x", ""},
	{"https://user:pass@api.test/fhir/Patient/1", "/fhir/Patient/1"},
	{"https://open.test/fhir/Patient/1", ""},
	{"https:///fhir/Patient/1", "/fhir/Patient/1"},
	{"https:fhir/Patient/1", ""},
	{"file:///fhir/Patient/1", "/fhir/Patient/1"},
	{"api.test:443", ""},
}

func TestOnlyCanonicalPathsReachTheUpstream(t *testing.T) {
	w := newWorld(t)
	_, _, acme := w.certified("acme")
	for _, row := range paths {
		t.Run("h1/"+clip(row.target), func(t *testing.T) {
			before := w.upstream.hits.Load()
			resp, body, err := w.wire(t, "api.test", &acme.tls).try(get(row.target, "api.test", acme.Key, "Connection: close\n"))
			if err != nil {
				t.Fatal(err)
			}
			checkPath(t, w, resp.StatusCode, body, row.canonical, w.upstream.hits.Load()-before)
		})
		if strings.Contains(row.target, ":") && !strings.HasPrefix(row.target, "/") || row.target == "" {
			continue // not a path in HTTP/2
		}
		t.Run("h2/"+clip(row.target), func(t *testing.T) {
			before := w.upstream.hits.Load()
			a := w.frames(t, "api.test", &acme.tls).ask(":method", "GET", ":scheme", "https", ":authority", "api.test", ":path", row.target,
				"authorization", "Bearer "+acme.Key)
			checkPath(t, w, a.status, a.body, row.canonical, w.upstream.hits.Load()-before)
		})
	}
}

func checkPath(t *testing.T, w *world, status int, body, canonical string, reached int64) {
	t.Helper()
	switch {
	case canonical != "" && (status != 200 || reached != 1):
		t.Errorf("%d %s, and %d requests reached the upstream", status, body, reached)
	case canonical != "":
		if got := w.upstream.last(t).RequestURI; got != canonical {
			t.Errorf("the upstream got %s, want %s", clip(got), clip(canonical))
		}
	case reached != 0:
		t.Errorf("the upstream got %s", clip(w.upstream.last(t).RequestURI))
	case status == 403 && (strings.Contains(body, "behavior-unknown") || strings.Contains(body, "behavior-not-granted")):
	case status != 0 && status != 400 && status != 421:
		t.Errorf("%d %s, want 400", status, body)
	}
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "..."
	}
	return s
}
