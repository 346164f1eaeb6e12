package caddymodule_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/onerecord/certgate/gate"
)

func TestACustomerIsToldAboutItselfAlsoWhenSuspended(t *testing.T) {
	w := newWorld(t)
	account, device, c := w.certified("acme")
	type state struct{ State string }
	status := func(proto string) (got struct {
		Account, Device, Contract, Certification, Certificate, Key state
		Environment                                                string
	}) {
		t.Helper()
		resp, body := w.get(w.client(proto, &c.tls), "api.test", "/.well-known/certgate/status", c.Key)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%d %v %s", resp.StatusCode, resp.Header, body)
		}
		must(t, json.Unmarshal([]byte(body), &got))
		return got
	}
	for _, proto := range []string{"h1", "h2"} {
		got := status(proto)
		if got.Environment != "production" || got.Account.State != "normal" || got.Contract.State != "in-force" || got.Certification.State != "in-force" ||
			got.Certificate.State != "active" || got.Key.State != "active" {
			t.Errorf("%s: %+v", proto, got)
		}
	}
	w.impose(w.ben, gate.Suspend, gate.AccountSubject, string(account.ID))
	if got := status("h1"); got.Account.State != "suspended" {
		t.Errorf("a suspended account is told %+v", got)
	}
	w.impose(w.cho, gate.Terminate, gate.DeviceSubject, string(device.ID))
	if got := status("h2"); got.Device.State != "terminated" {
		t.Errorf("a terminated device is told %+v", got)
	}
	for name, resp := range map[string]func() (*http.Response, string){
		"no key": func() (*http.Response, string) {
			return w.get(w.client("h1", &c.tls), "api.test", "/.well-known/certgate/status", "")
		},
		"no certificate": func() (*http.Response, string) {
			return w.get(w.client("h1", nil), "api.test", "/.well-known/certgate/status", c.Key)
		},
		"key in the query": func() (*http.Response, string) {
			return w.get(w.client("h1", &c.tls), "api.test", "/.well-known/certgate/status?access_token="+c.Key, c.Key)
		},
	} {
		if resp, body := resp(); resp.StatusCode < 400 || strings.Contains(body, string(account.ID)) {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
	if w.upstream.hits.Load() != 0 {
		t.Error("certgate's own answer came from the upstream")
	}
}

func TestNothingUnderCertgatesOwnPathIsProxied(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.global("behavior anything GET /* cost 1", "behavior anything-sent POST /* cost 1") + w.site("api.test", requestMode, "certgate production", w.proxy()))
	account, _, c := w.certified("acme")
	w.widen(account, gate.Grant{Behaviors: slices.Concat(everything.Behaviors, []string{"anything", "anything-sent"}), Purposes: everything.Purposes})
	if resp, body := w.get(w.client("h1", &c.tls), "api.test", "/.well-known/security.txt", c.Key); resp.StatusCode != http.StatusOK {
		t.Fatalf("the rest of /.well-known is proxied, but got %d %s", resp.StatusCode, body)
	}
	hits := w.upstream.hits.Load()
	for path, want := range map[string][]int{
		"/.well-known/certgate":                     {404},
		"/.well-known/certgate/":                    {404},
		"/.well-known/certgate/other":               {404},
		"/.well-known/certgate/status/":             {404},
		"/.well-known/certgate/status/more":         {404},
		"/.WELL-KNOWN/CertGate/status":              {404},
		"/.well-known/%63ertgate/status":            {200, 404},
		"/%2ewell-known/certgate/status":            {200, 404},
		"/.well-known/certgate%2fstatus":            {404, 400},
		"/.well-known%2fcertgate/status":            {404, 400},
		"/.well-known//certgate/status":             {400},
		"//.well-known/certgate/status":             {400},
		"/./.well-known/certgate/status":            {400},
		"/.well-known/./certgate/status":            {400},
		"/x/../.well-known/certgate/status":         {400},
		"/x/%2e%2e/.well-known/certgate/status":     {400},
		"/.well-known/certgate;x/status":            {400},
		"/.well-known/certgate/..;/status":          {404, 400},
		"/.well-known/certgate/../certgate/status":  {404, 400},
		"/.well-known/certgate/%2e%2e/x":            {404, 400},
		"/.well-known/certgate\\status":             {400},
		"/.well-known/certgate/status?x=1":          {200},
		"https://api.test/.well-known/certgate/new": {404},
	} {
		for _, method := range []string{"GET", "POST", "HEAD", "DELETE"} {
			request := method + strings.TrimPrefix(get(path, "api.test", c.Key, "Connection: close\nContent-Length: 0\n"), "GET")
			resp, body, err := w.wire(t, "api.test", &c.tls).try(request)
			must(t, err)
			if method == "GET" && !slices.Contains(want, resp.StatusCode) {
				t.Errorf("GET %s: %d %s, want %d", path, resp.StatusCode, body, want)
			}
			if method == "POST" && resp.StatusCode < 400 {
				t.Errorf("POST %s: %d %s", path, resp.StatusCode, body)
			}
			if w.upstream.hits.Load() != hits {
				t.Fatalf("%s %s was proxied as %s", method, path, w.upstream.last(t).RequestURI)
			}
		}
	}
}
