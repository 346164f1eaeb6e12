package caddymodule_test

import (
	"net/http"
	"testing"
)

func TestACertifiedCustomerGetsThroughAndNobodyElseDoes(t *testing.T) {
	w := newWorld(t)
	_, _, acme := w.certified("acme")
	_, _, other := w.certified("other")
	for _, proto := range []string{"h1", "h2"} {
		t.Run(proto, func(t *testing.T) {
			with := w.client(proto, &acme.tls)
			resp, body := w.get(with, "api.test", "/fhir/Patient/1", acme.Key)
			if resp.StatusCode != http.StatusOK || body != "hello from /fhir/Patient/1" {
				t.Fatalf("a certified customer got %d %s", resp.StatusCode, body)
			}
			before := w.upstream.hits.Load()
			for name, answer := range map[string]func() (*http.Response, string){
				"no key":             func() (*http.Response, string) { return w.get(with, "api.test", "/fhir/Patient/1", "") },
				"someone else's key": func() (*http.Response, string) { return w.get(with, "api.test", "/fhir/Patient/1", other.Key) },
				"no certificate": func() (*http.Response, string) {
					return w.get(w.client(proto, nil), "api.test", "/fhir/Patient/1", acme.Key)
				},
				"nothing that is his": func() (*http.Response, string) {
					return w.get(w.client(proto, &other.tls), "api.test", "/fhir/Patient/1", acme.Key)
				},
			} {
				if resp, body := answer(); resp.StatusCode < 400 {
					t.Errorf("%s: %d %s", name, resp.StatusCode, body)
				}
			}
			if w.upstream.hits.Load() != before {
				t.Error("a refused request reached the upstream")
			}
		})
	}
}
