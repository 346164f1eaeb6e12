package api_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// released is a pre-production device with an open link, and a signing request for it.
func (s *sites) released(t *testing.T) (token, csr string) {
	t.Helper()
	_, token = s.MustRelease(s.MustDevice(s.MustAccount("acme"), "test-1", gate.Preprod))
	_, pem := s.NewCSR("test-1")
	return token, string(pem)
}

func TestOpeningThePageChangesNothing(t *testing.T) {
	s := open(t)
	s.released(t)
	events := s.Store().EventCount()
	for range 3 {
		for _, method := range []string{"GET", "HEAD"} {
			got := send(t, s.public.URL, raw{method: method, path: "/enroll"})
			if got.status != 200 {
				t.Errorf("%s: %d", method, got.status)
			}
		}
	}
	if s.Store().EventCount() != events {
		t.Error("opening the page made an event")
	}
}

// Nothing on the pages comes from elsewhere, runs inline, or is kept or framed.
func TestPagesAreSealed(t *testing.T) {
	s := open(t)
	for _, path := range []string{"/", "/enroll", "/enroll/staff", "/problems", "/problems/key-required"} {
		got := send(t, s.public.URL, raw{method: "GET", path: path, headers: []string{"Accept: text/html"}})
		want := map[string]string{
			"Content-Type":            "text/html; charset=utf-8",
			"Cache-Control":           "no-store",
			"Referrer-Policy":         "no-referrer",
			"X-Content-Type-Options":  "nosniff",
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
		}
		for name, value := range want {
			if got.header.Get(name) != value {
				t.Errorf("%s: %s is %q", path, name, got.header.Get(name))
			}
		}
		for _, bad := range []string{"<script>", " style=", " onclick=", "http://", "https://", "javascript:"} {
			if strings.Contains(got.body, bad) {
				t.Errorf("%s contains %s", path, bad)
			}
		}
	}
	for path, mediaType := range map[string]string{"/assets/style.css": "text/css; charset=utf-8", "/assets/enroll.js": "text/javascript; charset=utf-8"} {
		if got := send(t, s.public.URL, raw{method: "GET", path: path}); got.status != 200 || got.header.Get("Content-Type") != mediaType {
			t.Errorf("%s: %d %s", path, got.status, got.header.Get("Content-Type"))
		}
	}
}

func TestALinkGivesChainAndKey(t *testing.T) {
	s := open(t)
	token, csr := s.released(t)
	got, err := (&api.Client{Base: s.public.URL}).Redeem(ctx, token, csr)
	if err != nil {
		t.Fatal(err)
	}
	chain := check[[]*x509.Certificate](t)(issuer.ParseCertificatesPEM([]byte(got.CertificateChain)))
	if len(chain) != 2 || chain[0].CheckSignatureFrom(chain[1]) != nil {
		t.Errorf("%d certificates", len(chain))
	}
	if !strings.HasPrefix(got.Key, "orpp_") || got.Device != "acme/main/test-1" || got.Environment != gate.Preprod || !got.NotAfter.Equal(chain[0].NotAfter) {
		t.Errorf("%+v", got)
	}
}

func TestAFormIsTakenToo(t *testing.T) {
	s := open(t)
	token, csr := s.released(t)
	form := url.Values{"token": {token}, "csr": {csr}}.Encode()
	headers := []string{"Content-Type", "Content-Type: application/x-www-form-urlencoded"}
	got := send(t, s.public.URL, raw{method: "POST", path: "/enroll", body: form, headers: headers})
	var answer api.Redeemed
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil || got.status != 200 || answer.Key == "" {
		t.Errorf("%d %v", got.status, err)
	}
	got = send(t, s.public.URL, raw{method: "POST", path: "/enroll", body: form, headers: append(headers, "Accept: text/html")})
	if got.status != 200 || !strings.Contains(got.body, "<pre>orpp_") || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d", got.status)
	}
	got = send(t, s.public.URL, raw{method: "POST", path: "/enroll/acknowledgement", body: url.Values{"token": {token}}.Encode(), headers: headers})
	if got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestWrongEnrollmentsAreRefusedWithoutRepeatingThem(t *testing.T) {
	s := open(t)
	token, csr := s.released(t)
	body := func(token, csr string) string {
		b, err := json.Marshal(map[string]string{"token": token, "csr": csr})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	rows := []struct {
		what, body string
		headers    []string
		status     int
		field      string
	}{
		{what: "a wrong token", body: body(token+"x", csr), status: 404},
		{what: "another token", body: body("AAAAAAAAAAAAAAAAAAAAAA", csr), status: 404},
		{what: "no token", body: body("", csr), status: 404},
		{what: "a huge token", body: body(strings.Repeat("A", 1000), csr), status: 404},
		{what: "no request", body: body(token, ""), status: 422, field: "csr"},
		{what: "no PEM", body: body(token, "hello"), status: 422, field: "csr"},
		{what: "a damaged request", body: body(token, csr[:len(csr)/2]), status: 422, field: "csr"},
		{what: "an unknown field", body: `{"tokn": "x"}`, status: 400, field: "tokn"},
		{what: "no JSON", body: `{`, status: 400},
		{what: "too much", body: body(token, strings.Repeat("x", 64<<10)), status: 413},
		{what: "another media type", body: "x", headers: []string{"Content-Type", "Content-Type: text/plain"}, status: 415, field: "Content-Type"},
		{what: "another site's page", body: body(token, csr), headers: []string{"Origin: https://evil.example"}, status: 403},
	}
	var unknown string
	for _, row := range rows {
		got := send(t, s.public.URL, raw{method: "POST", path: "/enroll", body: row.body, headers: row.headers})
		if got.status != row.status || got.problem.Field != row.field || got.problem.Detail == "" {
			t.Errorf("%s: %d %+v", row.what, got.status, got.problem)
		}
		if strings.Contains(got.body, token) {
			t.Errorf("%s: the answer holds the token", row.what)
		}
		if row.status != 404 {
			continue
		}
		got.problem.Instance = ""
		if text, _ := json.Marshal(got.problem); unknown == "" {
			unknown = string(text)
		} else if string(text) != unknown {
			t.Errorf("%s: %s differs from %s", row.what, text, unknown)
		}
	}
	if _, err := (&api.Client{Base: s.public.URL}).Redeem(ctx, token, csr); err != nil {
		t.Errorf("the link is dead: %v", err)
	}
}

func TestABrowserSeesARefusalAsAPage(t *testing.T) {
	s := open(t)
	got := send(t, s.public.URL, raw{method: "POST", path: "/enroll", body: `{"token": "x", "csr": "<b>"}`, headers: []string{"Accept: text/html,*/*;q=0.8"}})
	if got.status != 404 || !strings.Contains(got.body, "/problems/not-found") || got.header.Get("Content-Security-Policy") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestEveryCodeHasItsAddress(t *testing.T) {
	s := open(t)
	for _, code := range api.Codes() {
		page := send(t, s.public.URL, raw{method: "GET", path: "/problems/" + code})
		if page.status != 200 || !strings.Contains(page.body, "<code>"+code+"</code>") {
			t.Errorf("%s: %d", code, page.status)
		}
		data := send(t, s.public.URL, raw{method: "GET", path: "/problems/" + code, headers: []string{"Accept: application/json"}})
		var v struct {
			Code   string
			Status int
			What   string `json:"what_happened"`
		}
		if err := json.Unmarshal([]byte(data.body), &v); err != nil || v.Code != code || v.Status < 400 || v.What == "" {
			t.Errorf("%s: %v %s", code, err, data.body)
		}
	}
	for _, path := range []string{"/problems/allowed", "/problems/none", "/problems/", "/assets/", "/assets/../public.go", "/v1/accounts", "/enroll/"} {
		if got := send(t, s.public.URL, raw{method: "GET", path: path}); got.status != 404 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	for path, allow := range map[string]string{"/": "GET, HEAD", "/enroll": "GET, HEAD, POST", "/enroll/acknowledgement": "POST"} {
		if got := send(t, s.public.URL, raw{method: "PUT", path: path}); got.status != 405 || got.header.Get("Allow") != allow {
			t.Errorf("%s: %d %q", path, got.status, got.header.Get("Allow"))
		}
	}
}

func TestRevocationListsAndCertificatesArePublic(t *testing.T) {
	s := open(t)
	credential := s.MustEnroll(s.MustDevice(s.MustAccount("acme"), "test-1", gate.Preprod))
	site := httptest.NewServer(&api.PKI{Authority: func() *authority.Authority { return s.Authority }})
	defer site.Close()
	crlURL, certURL := credential.TLS.Leaf.CRLDistributionPoints[0], credential.TLS.Leaf.IssuingCertificateURL[0]
	crl, ca := strings.TrimPrefix(crlURL, "http://pki.example.com"), strings.TrimPrefix(certURL, "http://pki.example.com")

	got := send(t, site.URL, raw{method: "GET", path: ca})
	issuing := check[*x509.Certificate](t)(x509.ParseCertificate([]byte(got.body)))
	if got.header.Get("Content-Type") != "application/pkix-cert" || credential.TLS.Leaf.CheckSignatureFrom(issuing) != nil {
		t.Errorf("%d %v", got.status, got.header)
	}
	fetch := func(method string, headers ...string) reply {
		return send(t, site.URL, raw{method: method, path: crl, headers: headers})
	}
	before := fetch("GET")
	if _, err := s.RevokeCertificate(s.Cho, credential.Certificate.ID, gate.KeyCompromise, "Lost."); err != nil {
		t.Fatal(err)
	}
	// A list is known by its tag, not by its age: what was given a minute ago is asked for anew, and costs nothing if it is still the same.
	tag := "If-None-Match: " + before.header.Get("ETag")
	for name, same := range map[string]reply{"by its tag": fetch("GET", tag), "by its time": fetch("GET", "If-Modified-Since: "+before.header.Get("Last-Modified"))} {
		if same.status != 304 || same.body != "" || same.header.Get("Cache-Control") != "public, max-age=60" {
			t.Errorf("an unchanged list, asked for %s: %d %v", name, same.status, same.header)
		}
	}
	s.Advance(time.Minute)
	after := fetch("GET", tag)
	for after.status == 304 { // the job runs beside the others
		after = fetch("GET", tag)
	}
	for revoked, r := range []reply{before, after} {
		list := check[*x509.RevocationList](t)(x509.ParseRevocationList([]byte(r.body)))
		if len(list.RevokedCertificateEntries) != revoked || list.CheckSignatureFrom(issuing) != nil || r.header.Get("Content-Type") != "application/pkix-crl" {
			t.Errorf("%d entries, %v", len(list.RevokedCertificateEntries), r.header)
		}
		if r.header.Get("Last-Modified") != list.ThisUpdate.Format(http.TimeFormat) {
			t.Errorf("of %s, %v", list.ThisUpdate, r.header)
		}
	}
	if since := fetch("GET", "If-Modified-Since: "+before.header.Get("Last-Modified")); since.status != 200 {
		t.Errorf("a list that has changed, asked for by its time: %d", since.status)
	}
	if got := fetch("HEAD"); got.status != 200 || got.header.Get("ETag") != after.header.Get("ETag") || got.header.Get("ETag") == before.header.Get("ETag") {
		t.Errorf("HEAD: %d %v", got.status, got.header)
	}
	for _, path := range []string{"/", "/crl/", strings.Replace(crl, "/0.crl", "/1.crl", 1), "/crl/0123456789abcdef/0.crl", "/ca/x.crt", "/ca/a/b.crt", "/ca/.crt", crl + "/"} {
		if got := send(t, site.URL, raw{method: "GET", path: path}); got.status != 404 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	for _, authority := range s.Directory().CAs() {
		want := 200
		if authority.Audience != gate.Customers {
			want = 404
		}
		if got := send(t, site.URL, raw{method: "GET", path: "/crl/" + authority.Fingerprint.String()[:16] + "/0.crl"}); got.status != want {
			t.Errorf("list of %s: %d", authority.Audience, got.status)
		}
	}
	if got := send(t, site.URL, raw{method: "POST", path: crl}); got.status != 405 {
		t.Errorf("POST: %d", got.status)
	}
}

func TestHealthSaysWhetherAndWhyNot(t *testing.T) {
	s := open(t)
	current := (*authority.Authority)(nil)
	h := &api.Health{Authority: func() *authority.Authority { return current }}
	probe := func(method, path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		body, _ := io.ReadAll(w.Result().Body)
		return w.Code, string(bytes.TrimSpace(body))
	}
	rows := []struct {
		set          func()
		method, path string
		status       int
		body         string
	}{
		{nil, "GET", "/live", 200, `{"live":true}`},
		{nil, "GET", "/ready", 503, `{"ready":false,"reason":"certgate is starting"}`},
		{func() { current = s.Authority }, "GET", "/ready", 200, `{"ready":true}`},
		{nil, "POST", "/ready", 405, ""},
		{nil, "GET", "/metrics", 404, ""},
		{func() { _ = s.Close() }, "GET", "/ready", 503, `{"ready":false,"reason":"certgate cannot decide now"}`},
		{nil, "GET", "/live", 200, `{"live":true}`},
	}
	for _, row := range rows {
		if row.set != nil {
			row.set()
		}
		status, body := probe(row.method, row.path)
		if status != row.status || row.body != "" && body != row.body {
			t.Errorf("%s %s: %d %s", row.method, row.path, status, body)
		}
	}
}

func TestADeviceSeesItsOwnState(t *testing.T) {
	s := open(t)
	credential := s.MustProduction("acme")
	own := func() api.OwnStatus {
		call := check[*authority.Call](t)(s.Config.Identify(credential.Request("GET", "/.well-known/certgate/status")))
		defer call.Done(authority.Outcome{})
		if !call.Allowed() {
			t.Fatal(call.Reason)
		}
		w := httptest.NewRecorder()
		api.ServeOwn(w, httptest.NewRequest(http.MethodGet, "/.well-known/certgate/status", nil), call, s.Now())
		var v api.OwnStatus
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	golden(t, "status", own())
	until := s.Now().Add(time.Hour)
	for _, in := range []authority.Imposition{
		{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(credential.Device.Account)}, Measure: gate.Suspend, Until: &until, Why: "A short one."},
		{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(credential.Device.Account)}, Measure: gate.Suspend, Why: "The one that lasts."},
		{Subject: gate.Subject{Kind: gate.KeySubject, ID: string(credential.KeyID)}, Measure: gate.Suspend, Why: "The key."},
	} {
		check[*gate.Remediation](t)(s.Impose(s.Ben, in))
	}
	due := s.Now().Add(72*time.Hour + time.Minute)
	check[*gate.Certification](t)(s.Recertify(s.Cho, s.Directory().Certifications("")[0].ID, due, "New hosting."))
	golden(t, "status-suspended", own())
}
