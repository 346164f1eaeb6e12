package caddymodule_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// oldToken is what a customer has sent for years: more characters than RFC 6750 allows, and longer than what is hashed in one go.
var oldToken = `eyJhbGciOiJub25lIn0.{"sub":"acme"}.with-"quotes",and;more.` + strings.Repeat("x", 300)

// takeOver imports a certified customer with a token and a certificate, and confirms it if told to.
func (w *world) takeOver(slug, token, certificate string, confirm bool) gate.ImportID {
	w.t.Helper()
	profile := gate.Profile{Grant: everything, Hosting: "own", KeyStorage: "vault", DailyVolume: 10}
	id, err := w.authority().Import(w.cho, authority.Takeover{Source: "the old gateway", Customers: []authority.Customer{{
		Account: gate.Account{Slug: slug, Name: slug, Zone: "UTC", Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Ann", Email: "ann@example.com"}}},
		Devices: []authority.CustomerDevice{{Device: gate.Device{Slug: "prod-1", Name: "Engine", Environment: gate.Production, Addresses: gate.Addresses{Any: true}},
			Old: authority.OldCredentials{Tokens: []string{token}, Certificates: []string{certificate}}}},
		Contract: &gate.Contract{First: today().AddDays(-1), Last: today().AddDays(300), Grant: everything, Agreements: []gate.Agreement{
			{Kind: gate.BusinessAssociate, Reference: "baa", SignedOn: "2026-01-01"}, {Kind: gate.Participation, Reference: "terms", SignedOn: "2026-01-01"}}},
		Certified: &authority.PastCase{ApprovedOn: "2026-01-01", ApprovedBy: "Dana Ng", CustomerCase: authority.CustomerCase{Devices: []string{"prod-1"}, Profile: profile}},
	}}})
	must(w.t, err)
	if confirm {
		must(w.t, w.authority().ConfirmImport(w.eve, id))
	}
	return id
}

// pinned is a certificate with its CA, as it is imported.
func pinned(ca *gatetest.ForeignCA, crt tls.Certificate) string {
	return gatetest.PEM(crt.Certificate[0]) + ca.PEM()
}

func (w *world) underMode(mode string) string {
	clientAuth := map[string]string{"request": requestMode, "require": requireMode,
		"require_and_verify": "client_auth {\n\t\t\tmode require_and_verify\n\t\t\ttrust_pool certgate\n\t\t\tverifier certgate\n\t\t}"}[mode]
	return w.global() + w.site("api.test", clientAuth, "certgate production", w.proxy()) + w.site("admin.test", staffMode, "certgate_admin")
}

func TestCredentialsFromBeforePassUnderEveryMode(t *testing.T) {
	for _, mode := range []string{"request", "require", "require_and_verify"} {
		t.Run(mode, func(t *testing.T) {
			w := foundWorld(t)
			w.mustLoad(w.underMode(mode))
			ca := gatetest.NewForeignCA(t, "Acme Private CA", time.Now())
			crt, sibling := ca.Issue(nil), ca.Issue(nil)
			id := w.takeOver("acme", oldToken, pinned(ca, crt), false)
			if resp, _, err := w.try(w.client("h2", &crt), "api.test", "/fhir/Patient/1", oldToken); err == nil && resp.StatusCode != http.StatusForbidden {
				t.Errorf("before it was confirmed: %d", resp.StatusCode)
			}
			must(t, w.authority().ConfirmImport(w.eve, id))
			if mode == "require_and_verify" {
				if _, _, err := w.try(w.client("h2", &crt), "api.test", "/fhir/Patient/1", oldToken); err == nil {
					t.Error("Caddy's own pool changed without a reload")
				}
				must(t, w.load(w.underMode(mode)))
			}
			for _, proto := range []string{"h1", "h2"} {
				if resp, body := w.get(w.client(proto, &crt), "api.test", "/fhir/Patient/1", oldToken); resp.StatusCode != http.StatusOK {
					t.Errorf("%s: %d %s", proto, resp.StatusCode, body)
				}
				if resp, body := w.get(w.client(proto, &sibling), "api.test", "/fhir/Patient/1", oldToken); resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "certificate-unknown") {
					t.Errorf("%s: another leaf of the CA: %d %s", proto, resp.StatusCode, body)
				}
			}
			if got := w.upstream.last(t).Header; got.Get("Authorization") != "" || strings.Contains(fmt.Sprint(got), oldToken) {
				t.Errorf("the token went on to the upstream: %v", got)
			}
			if _, _, err := w.try(w.client("h2", &crt), "admin.test", "/v1/whoami", ""); err == nil {
				t.Error("a customer's CA opens the admin site")
			}
			must(t, caddy.Stop())
			must(t, w.load(w.underMode(mode)))
			if resp, body := w.get(w.client("h2", &crt), "api.test", "/fhir/Patient/1", oldToken); resp.StatusCode != http.StatusOK {
				t.Errorf("after a restart: %d %s", resp.StatusCode, body)
			}
		})
	}
}

func TestWhatOpensslMakesCanBeImported(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(at("client.cnf"), []byte("extendedKeyUsage = clientAuth\n"), 0o600))
	for _, args := range [][]string{
		{"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", at("ca.key"), "-out", at("ca.pem"), "-subj", "/O=Acme/CN=Acme CA", "-days", "30"},
		{"req", "-newkey", "rsa:2048", "-nodes", "-keyout", at("client.key"), "-out", at("client.csr"), "-subj", "/CN=engine"},
		{"x509", "-req", "-in", at("client.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-out", at("client.pem"), "-days", "20", "-extfile", at("client.cnf")},
	} {
		if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", args[0], err, out)
		}
	}
	crt, err := tls.LoadX509KeyPair(at("client.pem"), at("client.key"))
	must(t, err)
	leaf, err := os.ReadFile(at("client.pem"))
	must(t, err)
	ca, err := os.ReadFile(at("ca.pem"))
	must(t, err)
	w.takeOver("acme", oldToken, string(leaf)+string(ca), true)
	if resp, body := w.get(w.client("h2", &crt), "api.test", "/fhir/Patient/1", oldToken); resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestRevokingAnImportedCredentialEndsItOnOpenConnections(t *testing.T) {
	w := newWorld(t)
	ca := gatetest.NewForeignCA(t, "Acme Private CA", time.Now())
	for i, half := range []string{"token", "certificate"} {
		for _, proto := range []string{"h1", "h2"} {
			slug := fmt.Sprintf("acme-%d-%s", i, proto)
			crt, token := ca.Issue(nil), oldToken+slug
			id := w.takeOver(slug, token, pinned(ca, crt), true)
			client := w.client(proto, &crt)
			if resp, body := w.get(client, "api.test", "/fhir/Patient/1", token); resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d %s", slug, resp.StatusCode, body)
			}
			found, err := w.authority().ImportByID(id)
			must(t, err)
			want, code := http.StatusUnauthorized, "invalid-token"
			if half == "token" {
				_, err = w.authority().RevokeKey(w.ben, found.Keys[0].ID, gate.KeyCompromise, "in a log")
			} else {
				want, code = http.StatusForbidden, "certificate-revoked"
				_, err = w.authority().RevokeCertificate(w.ben, found.Certificates[0].ID, gate.KeyCompromise, "in a log")
			}
			must(t, err)
			if resp, body := w.get(client, "api.test", "/fhir/Patient/1", token); resp.StatusCode != want || !strings.Contains(body, code) {
				t.Errorf("%s revoked, %s: %d %s", half, proto, resp.StatusCode, body)
			}
		}
	}
}

// A stranger who holds half of a credential learns nothing about the other half, and nothing about which tokens there are.
func TestTokensThatAreNotAcceptedCannotBeToldApart(t *testing.T) {
	w := newWorld(t)
	_, _, other := w.certified("other")
	ca := gatetest.NewForeignCA(t, "Acme Private CA", time.Now())
	crt, second, third := ca.Issue(nil), ca.Issue(nil), ca.Issue(nil)
	w.takeOver("acme", oldToken, pinned(ca, crt), true)
	w.takeOver("waiting", oldToken+"-waiting", pinned(ca, second), false)
	revoked := w.takeOver("revoked", oldToken+"-revoked", pinned(ca, third), true)
	found, err := w.authority().ImportByID(revoked)
	must(t, err)
	_, err = w.authority().RevokeKey(w.ben, found.Keys[0].ID, gate.KeyCompromise, "in a log")
	must(t, err)
	var first, firstFramed string
	for name, h := range map[string]half{
		"a token that never was":                        {oldToken + "-never-was", &other.tls},
		"a token of another customer":                   {oldToken, &other.tls},
		"a revoked token with its own certificate":      {oldToken + "-revoked", &third},
		"a revoked token with another's":                {oldToken + "-revoked", &other.tls},
		"a token that waits":                            {oldToken + "-waiting", &other.tls},
		"a token that never was, with an imported leaf": {oldToken + "-never-was", &crt},
	} {
		one := wholeAnswer(t, w.wire(t, "api.test", h.crt), get("/fhir/Patient/1", "api.test", h.key, ""))
		if first == "" {
			first = one
		}
		if diff := cmp.Diff(first, one); diff != "" {
			t.Errorf("%s: the answers differ:\n%s", name, diff)
		}
		a := w.frames(t, "api.test", h.crt).ask(":method", "GET", ":scheme", "https", ":authority", "api.test", ":path", "/fhir/Patient/1", "authorization", "Bearer "+h.key)
		two := regexp.MustCompile(`Date:\[[^]]*\]`).ReplaceAllString(identifier.ReplaceAllString(fmt.Sprint(a.status, a.fields, a.body, a.goAway), "req"), "Date")
		if firstFramed == "" {
			firstFramed = two
		}
		if diff := cmp.Diff(firstFramed, two); diff != "" || a.status != http.StatusUnauthorized {
			t.Errorf("%s: the answers over HTTP/2 differ:\n%s", name, diff)
		}
	}
	if strings.Contains(first, oldToken[:20]) {
		t.Error("the token comes back in the answer")
	}
	if w.upstream.hits.Load() != 0 {
		t.Error("something reached the upstream")
	}
}

func TestAHandshakeNamesTheImportedCA(t *testing.T) {
	w := newWorld(t)
	ca := gatetest.NewForeignCA(t, "Acme Private CA", time.Now())
	crt := ca.Issue(nil)
	w.takeOver("acme", oldToken, pinned(ca, crt), true)
	must(t, w.load(w.caddyfile()))
	named := false
	config := &tls.Config{RootCAs: w.roots, ServerName: "api.test", GetClientCertificate: func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		for _, subject := range info.AcceptableCAs {
			named = named || string(subject) == string(ca.Certificate.RawSubject)
		}
		return &crt, nil
	}}
	// A connection that the old configuration accepts as it stops is named its list, or closed.
	eventually(t, "a client that chooses by the names would send nothing", func() bool {
		if conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", w.port), config); err == nil {
			must(t, conn.Close())
		}
		return named
	})
}
