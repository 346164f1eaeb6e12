package caddymodule_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// TestAnErrorPageFromAProxyGetsNeitherTheKeyNorForgedNames: error pages are often proxied, and sometimes from the very upstream.
func TestAnErrorPageFromAProxyGetsNeitherTheKeyNorForgedNames(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.global() + w.site("api.test", requestMode, "certgate production {\n\t\tkey_header X-API-Key\n\t}", w.proxy(), "handle_errors {\n\t\t"+w.proxy()+"\n\t}"))
	_, _, acme := w.certified("acme")
	for _, row := range []struct{ proto, header, value string }{{"h1", "X-API-Key", acme.Key}, {"h2", "X-API-Key", acme.Key}, {"h2", "Authorization", "Bearer " + acme.Key}} {
		w.get(w.client(row.proto, nil), "api.test", "/fhir/Patient/1", "", func(r *http.Request) {
			r.Header.Set(row.header, row.value)
			r.Header.Set("Certgate-Account", "acc_forged")
			r.Header.Set("Client-Cert", ":AAAA:")
			if row.proto == "h1" {
				r.Header.Set("Connection", "X-Forwarded-For")
			}
		})
		seen := w.upstream.last(t).Header
		for _, name := range []string{"Authorization", "X-Api-Key", "Certgate-Account", "Client-Cert"} {
			if _, there := seen[name]; there {
				t.Errorf("%s: the error page was sent %s", row.proto, name)
			}
		}
		if seen.Get("X-Forwarded-For") == "" {
			t.Errorf("%s: a client took a proxy's own header away", row.proto)
		}
	}
}

// TestASandboxDoesNotVouchForACertificateThatItDidNotJudge: any certificate may be presented there.
func TestASandboxDoesNotVouchForACertificateThatItDidNotJudge(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.global() + w.site("sandbox.test", requestMode, "certgate sandbox {\n\t\tclient_cert\n\t}", w.proxy()))
	_, device := w.customer("tester", gate.Sandbox)
	key, _, err := w.authority().SandboxKey(w.eve, device.ID)
	must(t, err)
	if resp, body := w.get(w.client("h2", foreign(t)), "sandbox.test", "/fhir/Patient/1", key, func(r *http.Request) {
		r.Header.Set("Purpose-Of-Use", "TREAT")
	}); resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	if got := w.upstream.last(t).Header["Client-Cert"]; got != nil {
		t.Errorf("the upstream was told of %s", got)
	}
}

// TestWhoWritesTheTrustFileLocksNobodyOut: a CA of the same name and key, which is not the store's, must not take the place of ours in what
// is remembered of a customer's certificate.
func TestWhoWritesTheTrustFileLocksNobodyOut(t *testing.T) {
	w := foundWorld(t)
	w.loadMode(requireMode)
	_, _, acme := w.certified("acme")
	ours := w.issuing().Certificate
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	parent := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "attacker"}}
	twin, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), RawSubject: ours.RawSubject, SubjectKeyId: ours.SubjectKeyId, NotBefore: ours.NotBefore, NotAfter: ours.NotAfter,
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}, parent, ours.PublicKey, key)
	must(t, err)
	file, err := certstore.TrustFile(w.path("data"), gate.Customers)
	must(t, err)
	must(t, os.WriteFile(file, issuer.CertificatePEM(twin), 0o600))
	must(t, os.Chtimes(file, time.Now(), time.Now().Add(time.Hour)))
	if resp, body := w.get(w.client("h2", &acme.tls), "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode != http.StatusOK {
		t.Errorf("a customer was refused: %d %s", resp.StatusCode, body)
	}
}
