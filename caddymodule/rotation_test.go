package caddymodule_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// anew is a client that makes a handshake for each request.
func (w *world) anew(crt *tls.Certificate) *http.Client {
	c := w.client("h1", crt)
	transport, ok := c.Transport.(*http.Transport)
	if !ok {
		w.t.Fatalf("the transport is a %T", c.Transport)
	}
	transport.DisableKeepAlives = true
	return c
}

// whole is the credential's certificate with its issuing CA, as a client may send it.
func whole(got *credential) *tls.Certificate {
	crt := got.tls
	crt.Certificate = nil
	certs, err := issuer.ParseCertificatesPEM(got.Chain)
	if err != nil {
		panic(err)
	}
	for _, c := range certs {
		crt.Certificate = append(crt.Certificate, c.Raw)
	}
	return &crt
}

func TestCAsFollowOneAnotherWhileTrafficFlows(t *testing.T) {
	w := foundWorld(t)
	config := w.global() + w.site("api.test", requireMode, "certgate production", w.proxy()) + w.site("open.test", verifyMode, "certgate production", w.proxy()) +
		w.site("preprod.test", requestMode, "certgate preprod", w.proxy())
	w.mustLoad(config)
	_, _, acme := w.certified("acme")
	opened := w.authority()

	callers := []*caller{
		{name: "an open h2 connection", host: "api.test", key: acme.Key, client: w.client("h2", &acme.tls), want: http.StatusOK},
		{name: "an open h1 connection", host: "api.test", key: acme.Key, client: w.client("h1", &acme.tls), want: http.StatusOK},
		{name: "handshakes with the leaf alone", host: "api.test", key: acme.Key, client: w.anew(&acme.tls), want: http.StatusOK},
		{name: "handshakes with the chain", host: "api.test", key: acme.Key, client: w.anew(whole(acme)), want: http.StatusOK},
		{name: "strict handshakes", host: "open.test", key: acme.Key, client: w.anew(&acme.tls), want: http.StatusOK},
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, c := range callers {
		wg.Go(func() { c.run(w, stop) })
	}
	asked := func() {
		t.Helper()
		for _, c := range callers {
			n := c.answers.Load()
			eventually(t, "more answers to "+c.name, func() bool { return c.answers.Load() > n+3 })
		}
	}
	asked()
	first := w.issuing()
	w.rotate(gate.Customers)
	asked()
	// The standby was in the pool from the beginning: it needs no reload, in any mode.
	_, _, bell := w.certified("bell")
	if bell.Certificate.Issuer == gate.FingerprintOf(first.Certificate.Raw) {
		t.Fatal("the former CA issued")
	}
	for _, host := range []string{"api.test", "open.test"} {
		if resp, body := w.get(w.anew(&bell.tls), host, "/fhir/Patient/1", bell.Key); resp.StatusCode != http.StatusOK {
			t.Errorf("%s answered whom the standby certified %d %s", host, resp.StatusCode, body)
		}
	}
	third := w.signStandby()
	asked()
	close(stop)
	wg.Wait()
	for _, c := range callers {
		if wrong := c.wrong.Load(); wrong != nil || c.failed.Load() > 0 {
			t.Errorf("%s: %d failed, %v", c.name, c.failed.Load(), wrong)
		}
	}

	// The pool lacks what came in after it was made.
	if opened.Pooled(third) || opened.Stats().CAsOutsidePool != 1 {
		t.Errorf("%d CAs are outside the pool", opened.Stats().CAsOutsidePool)
	}
	_, err := opened.RotateCA(w.cho, gate.Customers, "once more")
	if gate.KindOf(err) != gate.Conflict || !strings.Contains(err.Error(), "caddy reload --force") {
		t.Errorf("rotating to it: %v", err)
	}
	must(t, w.load(config))
	if !opened.Pooled(third) {
		t.Error("the pool lacks it after a reload")
	}
	w.rotate(gate.Customers)
	eventually(t, "the third issues, a second after the second", func() bool { return opened.Directory().CA(third.Fingerprint).Issues(opened.Now()) })
	_, _, cora := w.certified("cora")
	if resp, body := w.get(w.anew(&cora.tls), "open.test", "/fhir/Patient/1", cora.Key); cora.Certificate.Issuer != third.Fingerprint || resp.StatusCode != http.StatusOK {
		t.Errorf("the third answered %d %s", resp.StatusCode, body)
	}
}

func TestACompromisedCAIsRefusedOnOpenConnections(t *testing.T) {
	w := newWorld(t)
	_, _, acme := w.certified("acme")
	client := w.client("h2", &acme.tls)
	if resp, _ := w.get(client, "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode != http.StatusOK {
		t.Fatal(resp.StatusCode)
	}
	a := w.authority()
	fp := acme.Certificate.Issuer
	_, err := a.RetireCA(w.cho, fp, authority.Retirement{Why: "the disk was copied", Compromised: true})
	must(t, err)
	_, err = a.ConfirmCA(w.eve, fp)
	must(t, err)
	for _, c := range []*http.Client{client, w.anew(&acme.tls)} {
		if resp, body := w.get(c, "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode == http.StatusOK {
			t.Errorf("answered %d %s", resp.StatusCode, body)
		}
	}
	text, err := os.ReadFile(w.path("data/trust/customers.pem"))
	must(t, err)
	if bytes.Contains(text, issuer.CertificatePEM(a.Directory().CA(fp).DER)) {
		t.Error("the trust file has it still")
	}
	eventually(t, "its certificates are revoked", func() bool { return a.Directory().Certificate(acme.Certificate.ID).Revoked != nil })
	_, _, bell := w.certified("bell")
	if resp, body := w.get(w.client("h2", &bell.tls), "api.test", "/fhir/Patient/1", bell.Key); resp.StatusCode != http.StatusOK {
		t.Errorf("whom the standby certified is answered %d %s", resp.StatusCode, body)
	}
}

// rotate lets the standby issue, by two.
func (w *world) rotate(audience gate.Audience) {
	w.t.Helper()
	proposed, err := w.authority().RotateCA(w.cho, audience, "a year before its end")
	must(w.t, err)
	_, err = w.authority().ConfirmCA(w.eve, proposed.Fingerprint)
	must(w.t, err)
}

// signStandby signs the customers' request that waits with the root in the kit, and takes the certificate in.
func (w *world) signStandby() *gate.CA {
	w.t.Helper()
	f, err := os.Open(w.path("kit.age"))
	must(w.t, err)
	kit, err := certstore.ReadKit(f, w.identity)
	must(w.t, err)
	must(w.t, f.Close())
	a := w.authority()
	for _, ca := range a.Directory().CAs() {
		if ca.Request == nil {
			continue
		}
		request, err := issuer.ParseStandbyRequest(ca.Request.CSR)
		must(w.t, err)
		root, err := issuer.ReadRoot([]byte(kit.Keys[0].Certificate), []byte(kit.Keys[0].Key))
		must(w.t, err)
		var cert *x509.Certificate
		cert, err = issuer.SignStandby(root, request, rand.Reader, a.Now())
		must(w.t, err)
		out, err := a.ImportCA(w.cho, issuer.CertificatePEM(cert.Raw))
		must(w.t, err)
		return out
	}
	w.t.Fatal("no request waits")
	return nil
}
