package caddymodule_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

const verifyMode = "client_auth {\n\t\t\tmode require_and_verify\n\t\t\ttrust_pool certgate\n\t\t\tverifier certgate\n\t\t}"

func (w *world) loadMode(mode string) {
	w.t.Helper()
	w.mustLoad(w.global() + w.site("api.test", mode, "certgate production", w.proxy()))
}

// alert asks over a connection whose handshake must fail, and returns what the client is told.
func (w *world) alert(t *testing.T, crt *tls.Certificate, key string) string {
	t.Helper()
	conn, err := w.dial(t, "api.test", "http/1.1", crt)
	if err == nil { // in TLS 1.3 the client is done before the server has judged
		c := &wire{t, conn, bufio.NewReader(conn)}
		_, _, err = c.try(get("/fhir/Patient/1", "api.test", key, ""))
	}
	if err == nil {
		t.Fatal("the handshake was not refused")
	}
	return err.Error()
}

func TestEveryRefusedCertificateIsCounted(t *testing.T) {
	w := newWorld(t)
	scenes := w.scenes()
	for _, reason := range gate.Reasons() {
		if !reason.AboutCertificate() {
			continue
		}
		s := scenes[reason]
		s = s.orDefaults()
		before := w.authority().Stats().Requests[reason]
		resp, body := w.get(w.client("h1", s.crt), s.host, s.path, s.key)
		if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, reason.String()) {
			t.Errorf("%s: %d %s", reason, resp.StatusCode, body)
		}
		if got := w.authority().Stats().Requests[reason]; got != before+1 {
			t.Errorf("%s was counted %d times", reason, got-before)
		}
	}
}

func TestTheVerifierRefusesStrangersInTheHandshakeAndCountsThem(t *testing.T) {
	w := foundWorld(t)
	w.loadMode(requireMode)
	_, device, acme := w.certified("acme")
	unsuitable := w.sign(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	w.register(device, unsuitable)
	expired := w.sign(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Minute), time.Now().Add(-time.Minute)
	})
	w.register(device, expired)

	if resp, body := w.get(w.client("h2", &acme.tls), "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode != http.StatusOK {
		t.Fatalf("a certified customer got %d %s", resp.StatusCode, body)
	}
	hits := w.upstream.hits.Load()
	for reason, crt := range map[gate.Reason]*tls.Certificate{gate.CertificateUntrusted: foreign(t), gate.CertificateUnsuitable: &unsuitable} {
		before := w.authority().Stats().HandshakesRefused[reason]
		if text := w.alert(t, crt, acme.Key); !strings.Contains(text, "bad certificate") {
			t.Errorf("%s: the client was told %q", reason, text)
		}
		if got := w.authority().Stats().HandshakesRefused[reason]; got != before+1 {
			t.Errorf("%s was counted %d times", reason, got-before)
		}
	}
	if text := w.alert(t, nil, acme.Key); !strings.Contains(text, "certificate required") {
		t.Errorf("without a certificate: the client was told %q", text)
	}
	resp, body := w.get(w.client("h1", &expired), "api.test", "/fhir/Patient/1", acme.Key)
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "certificate-expired") {
		t.Errorf("an expired certificate of ours got %d %s", resp.StatusCode, body)
	}
	if w.upstream.hits.Load() != hits {
		t.Error("a refused certificate reached the upstream")
	}
}

func TestCaddysOwnVerificationWorksToo(t *testing.T) {
	w := foundWorld(t)
	w.loadMode(verifyMode)
	_, device, acme := w.certified("acme")
	revoked := w.sign(nil)
	record := w.register(device, revoked)
	_, err := w.authority().RevokeCertificate(w.ben, record.ID, gate.Superseded, "replaced")
	must(t, err)
	for _, proto := range []string{"h1", "h2"} {
		if resp, body := w.get(w.client(proto, &acme.tls), "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: a certified customer got %d %s", proto, resp.StatusCode, body)
		}
	}
	if resp, body := w.get(w.client("h2", &revoked), "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "certificate-revoked") {
		t.Errorf("a revoked certificate got %d %s", resp.StatusCode, body)
	}
	expired := w.sign(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Minute), time.Now().Add(-time.Minute)
	})
	for name, crt := range map[string]*tls.Certificate{"foreign": foreign(t), "expired": &expired, "none": nil} {
		if text := w.alert(t, crt, acme.Key); !strings.Contains(text, "tls: ") {
			t.Errorf("%s: the client was told %q", name, text)
		}
	}
	if hits := w.upstream.hits.Load(); hits != 2 {
		t.Errorf("%d requests reached the upstream instead of 2", hits)
	}
}

func TestAHostThatWasProductionIsNotServedAsASandbox(t *testing.T) {
	w := newWorld(t)
	_, _, acme := w.certified("acme")
	_, device := w.customer("tester", gate.Sandbox)
	key, _, err := w.authority().SandboxKey(w.eve, device.ID)
	must(t, err)
	if resp, body := w.get(w.client("h2", &acme.tls), "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode != http.StatusOK {
		t.Fatalf("a certified customer got %d %s", resp.StatusCode, body)
	}
	eventually(t, "the host is remembered", func() bool {
		for _, h := range w.authority().Directory().Hosts() {
			if h.Name == "api.test" && h.Strictest == gate.Production {
				return true
			}
		}
		return false
	})
	w.mustLoad(w.global() + w.site("api.test", requestMode, "certgate sandbox", w.proxy()))
	for _, proto := range []string{"h1", "h2"} {
		resp, body := w.get(w.client(proto, nil), "api.test", "/fhir/Patient/1", key)
		if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "state-unconfirmed") || resp.Header.Get("Retry-After") != "60" {
			t.Errorf("%s: %d %s", proto, resp.StatusCode, body)
		}
	}
	if hits := w.upstream.hits.Load(); hits != 1 {
		t.Errorf("%d requests reached the upstream instead of 1", hits)
	}
}
