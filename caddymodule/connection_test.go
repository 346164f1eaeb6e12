package caddymodule_test

import (
	"crypto/x509"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

// line is a client that keeps one connection open and says whether it still goes over it.
type line struct {
	w      *world
	client *http.Client
	key    string
}

// ask sends a request over the connection that is open, and says whether it was opened for this request.
func (l *line) ask(t *testing.T) (status int, body string, fresh bool) {
	t.Helper()
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { fresh = !info.Reused }}
	resp, body := l.w.get(l.client, "api.test", "/fhir/Patient/1", l.key, func(r *http.Request) {
		*r = *r.WithContext(httptrace.WithClientTrace(r.Context(), trace))
	})
	return resp.StatusCode, body, fresh
}

// lines opens one connection in each protocol, over which a request has gone through.
func (w *world) lines(t *testing.T, c *credential) map[string]*line {
	t.Helper()
	list := map[string]*line{}
	for _, proto := range []string{"h1", "h2"} {
		list[proto] = &line{w, w.client(proto, &c.tls), c.Key}
		if status, body, _ := list[proto].ask(t); status != 200 {
			t.Fatalf("%s: %d %s", proto, status, body)
		}
	}
	return list
}

func TestEveryWayToStopTakesEffectOnTheNextRequestOfAnOpenConnection(t *testing.T) {
	w := newWorld(t)
	for name, row := range map[string]struct {
		stop func(c *credential)
		code string
	}{
		"suspend the account": {func(c *credential) { w.impose(w.ben, gate.Suspend, gate.AccountSubject, string(c.Device.Account)) }, "account-suspended"},
		"suspend the organization": {func(c *credential) {
			w.impose(w.ben, gate.Suspend, gate.OrganizationSubject, string(c.Device.Organization))
		}, "account-suspended"},
		"suspend the device":      {func(c *credential) { w.impose(w.ben, gate.Suspend, gate.DeviceSubject, string(c.Device.ID)) }, "account-suspended"},
		"suspend the key":         {func(c *credential) { w.impose(w.ben, gate.Suspend, gate.KeySubject, string(c.KeyID)) }, "account-suspended"},
		"suspend the certificate": {func(c *credential) { w.impose(w.ben, gate.Suspend, gate.CertificateSubject, string(c.Certificate.ID)) }, "account-suspended"},
		"terminate the account":   {func(c *credential) { w.impose(w.cho, gate.Terminate, gate.AccountSubject, string(c.Device.Account)) }, "account-terminated"},
		"revoke the key": {func(c *credential) {
			_, err := w.authority().RevokeKey(w.ben, c.KeyID, gate.KeyCompromise, "lost")
			must(t, err)
		}, "invalid-token"},
		"revoke the certificate": {func(c *credential) {
			_, err := w.authority().RevokeCertificate(w.ben, c.Certificate.ID, gate.KeyCompromise, "lost")
			must(t, err)
		}, "certificate-revoked"},
		"revoke the certification": {func(c *credential) {
			_, err := w.authority().RevokeCertification(w.cho, w.authority().Directory().Certifications(c.Device.Account)[0].ID, "for cause")
			must(t, err)
		}, "certification-revoked"},
		"end the contract": {func(c *credential) {
			_, err := w.authority().EndContract(w.cho, w.authority().Directory().Contracts(c.Device.Account)[0].ID, "not paid")
			must(t, err)
		}, "contract-ended"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, c := w.certified(strings.ReplaceAll(name, " ", "-"))
			lines := w.lines(t, c)
			hits := w.upstream.hits.Load()
			row.stop(c)
			for proto, l := range lines {
				status, body, fresh := l.ask(t)
				if status < 400 || !strings.Contains(body, row.code) {
					t.Errorf("%s: %d %s, want %s", proto, status, body, row.code)
				}
				if fresh {
					t.Errorf("%s: the connection was not the open one", proto)
				}
			}
			if w.upstream.hits.Load() != hits {
				t.Error("a request reached the upstream after it was stopped")
			}
		})
	}
}

func TestReinstatingTakesEffectOnTheNextRequestToo(t *testing.T) {
	w := newWorld(t)
	account, _, c := w.certified("acme")
	lines := w.lines(t, c)
	w.impose(w.ben, gate.Suspend, gate.AccountSubject, string(account.ID))
	_, err := w.authority().Lift(w.ben, w.authority().Directory().Remediations(account.ID)[0].ID, "a mistake")
	must(t, err)
	for proto, l := range lines {
		if status, body, fresh := l.ask(t); status != 200 || fresh {
			t.Errorf("%s: %d %s, a fresh connection: %v", proto, status, body, fresh)
		}
	}
}

func TestACertificateThatExpiresOnAnOpenConnectionIsRefused(t *testing.T) {
	w := newWorld(t)
	_, device, acme := w.certified("acme")
	short := w.sign(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(2 * time.Second) })
	w.register(device, short)
	lines := w.lines(t, &credential{Credential: acme.Credential, tls: short})
	for proto, l := range lines {
		eventually(t, proto+": the certificate has expired", func() bool {
			status, body, fresh := l.ask(t)
			if fresh {
				t.Fatalf("%s: the connection was not the open one: %d %s", proto, status, body)
			}
			if status != 200 && !strings.Contains(body, "certificate-expired") {
				t.Fatalf("%s: %d %s", proto, status, body)
			}
			return status == 403
		})
	}
}
