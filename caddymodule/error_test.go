package caddymodule_test

import (
	"crypto/tls"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestErrorPagesOfTheSiteGetThePublicWordsAndKeepOurHeaders(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.global() +
		w.site("api.test", requestMode, "certgate production", w.proxy(), "handle_errors {\n\t\theader X-Page yes\n\t\trespond `{http.certgate.code}|{http.certgate.detail}|{http.certgate.instance}|{http.error.status_code}`\n\t}") +
		w.site("preprod.test", requestMode, "certgate preprod", w.proxy()) +
		w.site("sandbox.test", requestMode, "certgate sandbox", w.proxy(), "handle_errors 502 {\n\t\trespond `no gateway`\n\t}"))
	_, _, acme := w.certified("acme")
	for _, row := range []struct {
		name, key, code, detail string
		crt                     *tls.Certificate
		status                  int
		headers                 http.Header
	}{
		{"no key", "", "key-required", "no key", &acme.tls, 401, http.Header{"Www-Authenticate": {"Bearer"}}},
		{"a wrong key", acme.Key[:len(acme.Key)-1] + flip(acme.Key[len(acme.Key)-1]), "invalid-token", "checksum", &acme.tls, 401, http.Header{"Www-Authenticate": {`Bearer error="invalid_token"`}}},
		{"no certificate", acme.Key, "certificate-required", "brought no client certificate", nil, 403, http.Header{}},
	} {
		for _, proto := range []string{"h1", "h2"} {
			t.Run(row.name+"/"+proto, func(t *testing.T) {
				resp, body := w.get(w.client(proto, row.crt), "api.test", "/fhir/Patient/1?name=secret", row.key)
				parts := strings.Split(body, "|")
				if resp.StatusCode != row.status || len(parts) != 4 || parts[0] != row.code || parts[3] != strconv.Itoa(row.status) {
					t.Fatalf("%d %s", resp.StatusCode, body)
				}
				if !strings.Contains(parts[1], row.detail) || parts[2] != resp.Header.Get("X-Request-Id") || parts[2] == "" {
					t.Errorf("the placeholders say %q", parts)
				}
				if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("X-Page") != "yes" {
					t.Errorf("headers: %v", resp.Header)
				}
				if diff := cmp.Diff(row.headers["Www-Authenticate"], resp.Header["Www-Authenticate"]); diff != "" {
					t.Errorf("WWW-Authenticate (-want +got):\n%s", diff)
				}
				if proto == "h1" && resp.Close != (row.crt == nil) {
					t.Errorf("connection closed: %v", resp.Close)
				}
			})
		}
	}
	// Those sites have no page for this, though the listener has some.
	for host, code := range map[string]string{"preprod.test": "certificate-required", "sandbox.test": "key-required"} {
		resp, body := w.get(w.client("h2", nil), host, "/fhir/Patient/1", "")
		if !strings.Contains(body, code) || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %v %s", host, resp.StatusCode, resp.Header, body)
		}
	}
	if w.upstream.hits.Load() != 0 {
		t.Error("a refused request reached the upstream")
	}
}

func TestAnErrorPageThatFailsDoesNotHideTheRefusal(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.global() + w.site("api.test", requestMode, "certgate production", w.proxy(), "handle_errors {\n\t\terror `page broke` 500\n\t}"))
	resp, body := w.get(w.client("h1", nil), "api.test", "/fhir/Patient/1", "")
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "certificate-required") || strings.Contains(body, "broke") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestAnErrorOfTheUpstreamIsNotOurs(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.global() + w.site("api.test", requestMode, "certgate production", "reverse_proxy 127.0.0.1:1", "handle_errors {\n\t\trespond `{http.certgate.code}.{http.error.status_code}`\n\t}"))
	_, _, acme := w.certified("acme")
	if resp, body := w.get(w.client("h2", &acme.tls), "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode != http.StatusBadGateway || body != "{http.certgate.code}.502" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
