package caddymodule_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

// openStaffMode asks for a certificate and takes any, so that what is wrong with it is told over HTTP.
const openStaffMode = "client_auth {\n\t\t\tmode request\n\t\t\ttrust_pool certgate staff\n\t\t}"

// badgeOf signs a certificate of the staff's CA for a member of staff, who is known by it.
func (w *world) badgeOf(name string, known bool, edit func(*x509.Certificate)) *tls.Certificate {
	w.t.Helper()
	crt := w.signBy(w.issuingFor(gate.Operators), edit)
	leaf, err := x509.ParseCertificate(crt.Certificate[0])
	must(w.t, err)
	person, err := w.authority().Directory().Staff(name)
	must(w.t, err)
	if next := *person; known {
		next.Certificates = append(slices.Clip(next.Certificates), gate.StaffCertificate{
			Fingerprint: gate.FingerprintOf(leaf.Raw), Issuer: gate.FingerprintOf(w.issuingFor(gate.Operators).Certificate.Raw),
			DER: leaf.Raw, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter})
		w.put(&next)
	}
	return &crt
}

// TestTheAdminSiteIsForStaffAlone offers it every wrong certificate, on a site whose handshake refuses strangers and on one that takes anybody.
// Nothing that they ask for happens.
func TestTheAdminSiteIsForStaffAlone(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.caddyfile() + w.site("open.test", openStaffMode, "certgate_admin"))
	_, _, acme := w.certified("acme")
	expired := w.badgeOf("cho", true, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Minute), time.Now().Add(-time.Minute) // the CA is 5 minutes old
	})
	revoked := w.badgeOf("cho", true, nil)
	cho, err := w.authority().Directory().Staff("cho")
	must(t, err)
	_, err = w.authority().RevokeStaffCertificate(w.eve, cho.ID, gate.FingerprintOf(revoked.Certificate[0]), "lost")
	must(t, err)
	rows := []struct {
		name  string
		crt   *tls.Certificate
		known bool   // of the staff's CA, so that the handshake lets it through and HTTP says what is wrong
		text  string // over HTTP
	}{
		{"none", nil, false, "a client certificate of the staff CA is required"},
		{"a stranger's", foreign(t), false, "a client certificate of the staff CA is required"},
		{"a customer's", &acme.tls, false, "a client certificate of the staff CA is required"},
		{"an expired one", expired, true, "the certificate is valid from "},
		{"a revoked one", revoked, true, "nobody who may act is known by this certificate"},
		{"one that nobody confirmed", w.badgeOf("cho", false, nil), true, "nobody who may act is known by this certificate"},
	}
	before := w.authority().Store().EventCount()
	for _, row := range rows {
		for _, host := range []string{"admin.test", "open.test"} {
			status, body, err := w.createsAccount(host, row.crt, "")
			if host == "admin.test" && !row.known {
				if err == nil {
					t.Errorf("%s on %s came through the handshake: %d %s", row.name, host, status, body)
				}
				continue
			}
			if err != nil || status != 403 || !strings.Contains(body, `"code":"unauthorized"`) || !strings.Contains(body, row.text) {
				t.Errorf("%s on %s: %d %s, error %v; want 403 with %q", row.name, host, status, body, err, row.text)
			}
		}
	}
	if status, body, err := w.createsAccount("admin.test", w.badge(), "https://evil.example"); err != nil || status != 403 || !strings.Contains(body, "pages of other sites") {
		t.Errorf("from a page of another site: %d %s, error %v", status, body, err)
	}
	if after := w.authority().Store().EventCount(); after != before {
		t.Errorf("%d events came about", after-before)
	}
	if status, body, err := w.createsAccount("admin.test", w.badge(), ""); err != nil || status != 201 {
		t.Errorf("an admin's own: %d %s, error %v", status, body, err)
	}
}

// createsAccount asks for a new account with a certificate, from a page of origin unless that is empty.
func (w *world) createsAccount(host string, crt *tls.Certificate, origin string) (status int, body string, err error) {
	w.t.Helper()
	text := `{"slug": "new", "name": "New", "zone": "UTC", "contacts": [{"role": "technical", "name": "T", "email": "t@example.com"}]}`
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url(host)+"/v1/accounts", strings.NewReader(text))
	must(w.t, err)
	r.Header.Set("Content-Type", "application/json")
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	response, err := w.client("h1", crt).Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	return response.StatusCode, string(all), err
}
