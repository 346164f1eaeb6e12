package caddymodule_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// look asks /check as a program.
func (w *world) look(t *testing.T, crt *tls.Certificate, key string, edit ...func(*http.Request)) api.Look {
	t.Helper()
	resp, body := w.get(w.client("h2", crt), "public.test", "/check", key, append(edit, func(r *http.Request) { r.Header.Set("Accept", "application/json") })...)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("status %d, %v: %s", resp.StatusCode, resp.Header, body)
	}
	var seen api.Look
	must(t, json.Unmarshal([]byte(body), &seen))
	return seen
}

// results is what was found, without the words: about, result and code.
func results(l api.Look) map[string]string {
	out := make(map[string]string)
	for _, f := range l.Findings {
		out[f.About] = strings.TrimSpace(string(f.Result) + " " + f.Code)
	}
	return out
}

func TestCheckSaysWhatTheGateSees(t *testing.T) {
	w := newWorld(t)
	_, production, acme := w.certified("acme")
	_, preprod := w.customer("beta", gate.Preprod)
	test := w.enroll(preprod, "")
	_, other := w.customer("gamma", gate.Preprod)
	elsewhere := w.enroll(other, "")
	register := func(edit func(*x509.Certificate)) *tls.Certificate {
		crt := w.sign(edit)
		w.register(production, crt)
		return &crt
	}
	expired := register(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Minute), time.Now().Add(-time.Minute)
	})
	unsuitable := register(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	unknown, gone := w.sign(nil), w.sign(nil)
	record := w.register(production, gone)
	_, err := w.authority().RevokeCertificate(w.ben, record.ID, gate.KeyCompromise, "lost")
	must(t, err)
	for name, c := range map[string]struct {
		crt  *tls.Certificate
		key  string
		want map[string]string
	}{
		"nothing at all":  {nil, "", map[string]string{"certificate": "wrong certificate-required", "key": "wrong key-required"}},
		"all is well":     {&acme.tls, acme.Key, map[string]string{"certificate": "fine", "key": "fine", "pair": "note", "device": "fine", "contract": "fine", "certification": "fine", "limits": "fine"}},
		"preprod":         {&test.tls, test.Key, map[string]string{"certificate": "fine", "key": "fine", "pair": "fine", "device": "fine", "limits": "fine"}},
		"another's":       {&test.tls, elsewhere.Key, map[string]string{"certificate": "fine", "key": "fine", "pair": "wrong invalid-token", "device": "fine", "limits": "fine"}},
		"mixed":           {&test.tls, acme.Key, map[string]string{"certificate": "fine", "key": "fine", "pair": "wrong invalid-token", "device": "fine", "limits": "fine"}},
		"a stranger's":    {foreign(t), acme.Key, map[string]string{"certificate": "wrong certificate-untrusted", "key": "fine"}},
		"expired":         {expired, acme.Key, map[string]string{"certificate": "wrong certificate-expired", "key": "fine"}},
		"unsuitable":      {unsuitable, acme.Key, map[string]string{"certificate": "wrong certificate-unsuitable", "key": "fine"}},
		"not registered":  {&unknown, acme.Key, map[string]string{"certificate": "wrong certificate-unknown", "key": "fine"}},
		"revoked":         {&gone, acme.Key, map[string]string{"certificate": "wrong certificate-revoked", "key": "fine"}},
		"a lost letter":   {&acme.tls, acme.Key[:20] + "x" + acme.Key[21:], map[string]string{"certificate": "fine", "key": "wrong invalid-token", "device": "fine", "contract": "fine", "certification": "fine", "limits": "fine"}},
		"a shorter one":   {&acme.tls, acme.Key[:30], map[string]string{"certificate": "fine", "key": "wrong invalid-token", "device": "fine", "contract": "fine", "certification": "fine", "limits": "fine"}},
		"another's token": {nil, strings.Repeat("t", 40), map[string]string{"certificate": "wrong certificate-required", "key": "note"}},
	} {
		seen := w.look(t, c.crt, c.key)
		c.want["tls"] = "fine"
		if diff := cmp.Diff(c.want, results(seen)); diff != "" {
			t.Errorf("%s: %s\n%s", name, diff, seen.Text())
		}
		if mayCall := c.want["certificate"] == "fine" && !strings.Contains(seen.Text(), "wrong"); seen.OK != mayCall {
			t.Errorf("%s: ok is %v:\n%s", name, seen.OK, seen.Text())
		}
	}
}

// TestCheckNeverSaysWhetherAKeyExists compares the answers about a good key, a key that never was, and a revoked one.
func TestCheckNeverSaysWhetherAKeyExists(t *testing.T) {
	w := newWorld(t)
	_, _, acme := w.certified("acme")
	_, preprod := w.customer("beta", gate.Preprod)
	test := w.enroll(preprod, "")
	never, _, err := gate.NewKey(gate.Production, rand.Reader)
	must(t, err)
	neverTest, _, err := gate.NewKey(gate.Preprod, rand.Reader)
	must(t, err)
	for _, c := range []struct {
		name       string
		crt        *tls.Certificate
		good, none string
	}{
		{"with its certificate", &acme.tls, acme.Key, never},
		{"with none", nil, acme.Key, never},
		{"with a stranger's", foreign(t), acme.Key, never},
		{"preprod with none", nil, test.Key, neverTest},
		{"preprod with a production certificate", &acme.tls, test.Key, neverTest},
	} {
		good, none := w.look(t, c.crt, c.good), w.look(t, c.crt, c.none)
		none.At = good.At
		if diff := cmp.Diff(good, none); diff != "" {
			t.Errorf("%s: a good key is told from one that never was: %s", c.name, diff)
		}
	}
}

func TestCheckSpeaksToPeopleAndComparesClocks(t *testing.T) {
	w := newWorld(t)
	account, _, acme := w.certified("acme")
	w.impose(w.ben, gate.Suspend, gate.AccountSubject, string(account.ID))
	c := w.client("h1", &acme.tls)
	resp, body := w.get(c, "public.test", "/check", acme.Key)
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") || !strings.Contains(body, "The account is suspended.") || !strings.Contains(body, "/problems/account-suspended") {
		t.Errorf("%v\n%s", resp.Header, body)
	}
	if strings.Contains(body, acme.Key[5:15]) {
		t.Errorf("the answer holds part of the key:\n%s", body)
	}
	resp, body = w.get(c, "public.test", "/check", acme.Key, func(r *http.Request) { r.Header.Set("Accept", "text/html") })
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || !strings.Contains(body, "The account is suspended.") {
		t.Errorf("%v\n%s", resp.Header, body)
	}
	late := w.look(t, &acme.tls, acme.Key, func(r *http.Request) { r.Header.Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)) })
	if got := results(late)["clock"]; got != "note" || *late.ClockDifference > -3590 {
		t.Errorf("a clock an hour behind: %s", late.Text())
	}
	bad := w.look(t, &acme.tls, "", func(r *http.Request) { r.URL.RawQuery = "access_token=x" })
	if got := results(bad)["key"]; got != "wrong invalid-request" {
		t.Errorf("a key in the query: %s", bad.Text())
	}
	resp, _ = w.get(c, "public.test", "/check", acme.Key, func(r *http.Request) { r.Method = http.MethodPost })
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", resp.StatusCode)
	}
}
