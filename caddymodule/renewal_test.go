package caddymodule_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// renewing is a request of a customer's for a new part of its credential.
type renewing struct {
	path   string
	csr    []byte
	key    string
	client *http.Client
	host   string // empty: api.test
}

func (w *world) renew(r renewing) (*http.Response, string) {
	w.t.Helper()
	if r.host == "" {
		r.host = "api.test"
	}
	return w.get(r.client, r.host, r.path, r.key, func(req *http.Request) {
		req.Method, req.Body, req.ContentLength = http.MethodPost, io.NopCloser(bytes.NewReader(r.csr)), int64(len(r.csr))
		req.Header.Set("Content-Type", "application/pkcs10")
	})
}

// pairOf is the new certificate with its private key.
func pairOf(t testing.TB, chain string, key *ecdsa.PrivateKey) tls.Certificate {
	t.Helper()
	list, err := issuer.ParseCertificatesPEM([]byte(chain))
	must(t, err)
	out := tls.Certificate{PrivateKey: key}
	for _, c := range list {
		out.Certificate = append(out.Certificate, c.Raw)
	}
	return out
}

func TestACustomerRenewsCertificateAndKeyWhileOpenConnectionsGoOn(t *testing.T) {
	w := newWorld(t)
	for _, proto := range []string{"h1", "h2"} {
		t.Run(proto, func(t *testing.T) {
			_, _, old := w.certified("acme-" + proto)
			open := w.lines(t, old)
			private, csr := newCSR(t)
			resp, chain := w.renew(renewing{path: api.RenewCertificatePath, csr: csr, key: old.Key, client: w.client(proto, &old.tls)})
			if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/pem-certificate-chain" || resp.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("certificate: %d %v %s", resp.StatusCode, resp.Header, chain)
			}
			if _, again := w.renew(renewing{path: api.RenewCertificatePath, csr: csr, key: old.Key, client: w.client(proto, &old.tls)}); again != chain {
				t.Errorf("the same request again got %s", again)
			}
			resp, body := w.renew(renewing{path: api.RenewKeyPath, key: old.Key, client: w.client(proto, &old.tls)})
			var made api.RenewedKey
			if resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "no-store" || json.Unmarshal([]byte(body), &made) != nil {
				t.Fatalf("key: %d %v %s", resp.StatusCode, resp.Header, body)
			}
			if left := time.Until(made.RetireAt); made.Replaces != old.KeyID || left < gate.KeyOverlap-time.Minute || left > gate.KeyOverlap {
				t.Errorf("key: %+v", made)
			}
			fresh := pairOf(t, chain, private)
			for name, pair := range map[string]struct {
				crt *tls.Certificate
				key string
			}{"old, old": {&old.tls, old.Key}, "old, new": {&old.tls, made.Key}, "new, old": {&fresh, old.Key}, "new, new": {&fresh, made.Key}} {
				if resp, body := w.get(w.client(proto, pair.crt), "api.test", "/fhir/Patient/1", pair.key); resp.StatusCode != http.StatusOK {
					t.Errorf("%s: %d %s", name, resp.StatusCode, body)
				}
			}
			for _, l := range open {
				if status, body, opened := l.ask(t); status != http.StatusOK || opened {
					t.Errorf("the open connection: %d %s, a fresh one: %v", status, body, opened)
				}
			}
		})
	}
}

func TestWhoMayNotRenewIsToldWhy(t *testing.T) {
	w := newWorld(t)
	_, _, acme := w.certified("acme")
	_, _, other := w.certified("other")
	suspended, _, dark := w.certified("dark")
	w.impose(w.ben, gate.Suspend, gate.AccountSubject, string(suspended.ID))
	_, _, ended := w.certified("ended")
	_, err := w.authority().EndContract(w.cho, w.authority().Directory().Contracts(ended.Device.Account)[0].ID, "not paid")
	must(t, err)
	_, _, lost := w.certified("lost")
	_, err = w.authority().RevokeCertificate(w.ben, lost.Certificate.ID, gate.KeyCompromise, "lost")
	must(t, err)
	_, oldDevice, late := w.certified("late")
	expired := w.sign(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Minute), time.Now().Add(-time.Minute)
	})
	w.register(oldDevice, expired)
	for name, row := range map[string]struct {
		crt    *tls.Certificate
		key    string
		status int
		code   string
		says   string
	}{
		"another customer's certificate": {&other.tls, acme.Key, 401, "invalid-token", ""},
		"no key":                         {&acme.tls, "", 401, "key-required", ""},
		"no certificate":                 {nil, acme.Key, 403, "certificate-required", ""},
		"a foreign certificate":          {foreign(t), acme.Key, 403, "certificate-untrusted", ""},
		"suspended":                      {&dark.tls, dark.Key, 403, "account-suspended", ""},
		"the contract has ended":         {&ended.tls, ended.Key, 403, "contract-ended", ""},
		"the certificate is revoked":     {&lost.tls, lost.Key, 403, "certificate-revoked", ""},
		"the certificate has expired":    {&expired, late.Key, 403, "certificate-expired", "enrollment link"},
	} {
		for _, path := range []string{api.RenewCertificatePath, api.RenewKeyPath} {
			_, csr := newCSR(t)
			resp, body := w.renew(renewing{path: path, csr: csr, key: row.key, client: w.client("h1", row.crt)})
			if resp.StatusCode != row.status || !strings.Contains(body, `"`+row.code+`"`) || !strings.Contains(body, row.says) {
				t.Errorf("%s: %s: %d %s, want %d %s", name, path, resp.StatusCode, body, row.status, row.code)
			}
		}
	}
	resp, body := w.renew(renewing{path: api.RenewCertificatePath, csr: []byte("nothing"), key: acme.Key, client: w.client("h2", &acme.tls)})
	if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "csr") {
		t.Errorf("no signing request: %d %s", resp.StatusCode, body)
	}
	resp, body = w.renew(renewing{path: api.RenewCertificatePath, csr: bytes.Repeat([]byte("x"), 1<<20), key: acme.Key, client: w.client("h1", &acme.tls)})
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: %d %s", resp.StatusCode, body)
	}
	if resp, body = w.get(w.client("h1", &acme.tls), "api.test", api.RenewKeyPath, acme.Key); resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %d %s", resp.StatusCode, body)
	}
	if w.upstream.hits.Load() != 0 {
		t.Error("a renewal was proxied")
	}
}

func TestTwoRenewalsAtOnceAreOneCertificateAndOneKey(t *testing.T) {
	w := newWorld(t)
	_, device, acme := w.certified("acme")
	var wg sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		_, csr := newCSR(t)
		path := api.RenewCertificatePath
		if i%2 == 1 {
			path = api.RenewKeyPath
		}
		wg.Go(func() {
			resp, body := w.renew(renewing{path: path, csr: csr, key: acme.Key, client: w.client([]string{"h1", "h2"}[i/2%2], &acme.tls)})
			statuses[i] = resp.StatusCode
			if resp.StatusCode == http.StatusTooManyRequests && (resp.Header.Get("Retry-After") == "" || !strings.Contains(body, "rate-exceeded")) {
				t.Errorf("%v %s", resp.Header, body)
			}
		})
	}
	wg.Wait()
	live := func() (n int) {
		for _, c := range w.authority().Directory().Certificates(device.ID) {
			if c.State(time.Now()).Live() {
				n++
			}
		}
		for _, k := range w.authority().Directory().Keys(device.ID) {
			if k.State(time.Now()).Live() {
				n++
			}
		}
		return n
	}()
	if live != 4 {
		t.Errorf("%d live keys and certificates, want 2 and 2; answers %v", live, statuses)
	}
	if resp, body := w.get(w.client("h1", &acme.tls), "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode != http.StatusOK {
		t.Errorf("the old pair: %d %s", resp.StatusCode, body)
	}
}

func TestASandboxDeviceRenewsItsKeyAlone(t *testing.T) {
	w := newWorld(t)
	_, device := w.customer("tester", gate.Sandbox)
	key, _, err := w.authority().SandboxKey(w.eve, device.ID)
	must(t, err)
	resp, body := w.renew(renewing{path: api.RenewKeyPath, key: key, client: w.client("h1", nil), host: "sandbox.test"})
	var made api.RenewedKey
	if resp.StatusCode != http.StatusOK || json.Unmarshal([]byte(body), &made) != nil || !strings.HasPrefix(made.Key, "ort_") {
		t.Fatalf("key: %d %s", resp.StatusCode, body)
	}
	_, csr := newCSR(t)
	resp, body = w.renew(renewing{path: api.RenewCertificatePath, csr: csr, key: made.Key, client: w.client("h1", nil), host: "sandbox.test"})
	if resp.StatusCode != http.StatusConflict || !strings.Contains(body, "no certificate") {
		t.Errorf("certificate: %d %s", resp.StatusCode, body)
	}
}
