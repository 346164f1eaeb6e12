package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// postMemory is what an answer to anybody may allocate at most, whatever was sent.
const postMemory = 4 << 20

// spent answers a request and reports how many bytes that allocated.
func spent(serve func(http.ResponseWriter)) (*httptest.ResponseRecorder, uint64) {
	w := httptest.NewRecorder()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	serve(w)
	runtime.ReadMemStats(&after)
	return w, after.TotalAlloc - before.TotalAlloc
}

// What a fuzzed post says in the place of a token that is good and of a signing request that is.
const (
	liveToken   = "live"
	goodRequest = "good"
)

// settled is a fuzz target's own test as one from which a world may be made: the target itself may use the world, which says so otherwise.
type settled struct{ testing.TB }

// Helper does nothing: a fuzz target may not call that of the test around it.
func (settled) Helper() {}

// linkHolder is somebody who always has an enrollment link that is good for something.
type linkHolder struct {
	*sites
	account    *gate.Account
	links      int
	token, csr string
}

func (l *linkHolder) next() {
	l.links++
	_, l.token = l.MustRelease(l.MustDevice(l.account, fmt.Sprintf("test-%d", l.links), gate.Preprod))
	_, csr := l.NewCSR("x")
	l.csr = string(csr)
}

// FuzzPosts sends whoever can reach the public site could: to each place of it, as a form, as JSON or as neither.
func FuzzPosts(f *testing.F) {
	l := &linkHolder{sites: open(settled{f})}
	l.account = l.MustAccount("acme")
	l.next()
	places := []string{"/enroll", "/enroll/acknowledgement", "/enroll/kit", "/enroll/staff"}
	for place := range places {
		for _, kind := range []string{"application/json", "application/x-www-form-urlencoded", "text/plain", ""} {
			f.Add(uint8(place), kind, liveToken, []byte(goodRequest), []byte(nil))
		}
		f.Add(uint8(place), "application/json", "x", []byte("-----BEGIN CERTIFICATE REQUEST-----\nAAAA"), []byte(nil))
		f.Add(uint8(place), "application/json", "", []byte(nil), []byte(`{"token": "a", "token": "b", "csr": 7}`))
		f.Add(uint8(place), "application/json; charset=utf-16", "", []byte(nil), bytes.Repeat([]byte("["), 1<<16))
		f.Add(uint8(place), "application/x-www-form-urlencoded", "", []byte(nil), []byte("token=%zz&csr=a;b&token=live"))
	}
	f.Fuzz(func(t *testing.T, place uint8, kind, token string, csr, whole []byte) {
		path := places[int(place)%len(places)]
		if token == liveToken {
			token = l.token
		}
		if string(csr) == goodRequest {
			csr = []byte(l.csr)
		}
		body := whole
		if len(whole) == 0 && strings.Contains(kind, "form") {
			body = []byte(url.Values{"token": {token}, "csr": {string(csr)}}.Encode())
		} else if len(whole) == 0 {
			body = check[[]byte](t)(json.Marshal(map[string]string{"token": token, "csr": string(csr)}))
		}
		r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
		r.Header["Content-Type"] = []string{kind}
		w, n := spent(func(w http.ResponseWriter) { l.public.Config.Handler.ServeHTTP(w, r) })
		if n > postMemory || w.Code >= http.StatusInternalServerError || w.Body.Len() > 256<<10 {
			t.Errorf("%s with %d bytes: %d, %d bytes, and %d were allocated", path, len(body), w.Code, w.Body.Len(), n)
		}
		if w.Code == http.StatusOK && !bytes.Contains(body, []byte(l.token)) && !strings.Contains(string(body), url.QueryEscape(l.token)) {
			t.Errorf("%s took %q", path, body)
		}
		if w.Code == http.StatusOK {
			l.next()
		}
	})
}

// FuzzRenewal sends a customer's renewal of a certificate what is no signing request, or not quite.
func FuzzRenewal(f *testing.F) {
	s := open(settled{f})
	device := s.MustDevice(s.MustAccount("acme"), "test-1", gate.Preprod)
	held := s.MustEnroll(device)
	_, csr := s.NewCSR("x")
	crt := issuer.CertificatePEM(held.TLS.Certificate[0])
	for _, seed := range [][]byte{nil, csr, csr[:len(csr)/2], append(bytes.Clone(csr), csr...), crt, bytes.ReplaceAll(csr, []byte("\n"), nil), append([]byte("\xef\xbb\xbf"), csr...),
		bytes.Repeat([]byte("-----BEGIN CERTIFICATE REQUEST-----\n"), 400), bytes.Repeat([]byte("A"), 20<<10), []byte("-----BEGIN EC PRIVATE KEY-----\n")} {
		f.Add(seed, "")
		f.Add(seed, "replace="+string(held.Certificate.ID))
	}
	tries := 0
	f.Fuzz(func(t *testing.T, body []byte, query string) {
		if tries++; tries%9 == 0 {
			s.Advance(time.Minute) // a device may try ten times a minute
		}
		call, err := s.Config.Entitle(held.Request(http.MethodPost, api.RenewCertificatePath))
		if err == nil && !call.Allowed() { // its certificate has ended: so many were tried
			held = s.MustEnroll(device)
			call, err = s.Config.Entitle(held.Request(http.MethodPost, api.RenewCertificatePath))
		}
		if err != nil || !call.Allowed() {
			t.Fatalf("a device that was enrolled just now may not renew: %v", err)
		}
		defer call.Done(authority.Outcome{})
		r := httptest.NewRequest(http.MethodPost, api.RenewCertificatePath, bytes.NewReader(body))
		r.URL.RawQuery = query
		w, n := spent(func(w http.ResponseWriter) { err = api.ServeRenewal(w, r, call, s.Authority) })
		if n > postMemory || err != nil || w.Code >= http.StatusInternalServerError {
			t.Errorf("%d bytes: %d, %v, and %d were allocated", len(body), w.Code, err, n)
		}
		if _, err := issuer.ParseCSR(body); err != nil && w.Code == http.StatusOK {
			t.Errorf("it is no signing request: %v", err)
		}
	})
}
