package api_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// actorHeader says in tests who asks; in life the client certificate does.
const actorHeader = "Test-Actor"

// sites is a world with all four sites on a loopback port each.
type sites struct {
	*gatetest.World
	t      testing.TB
	admin  *httptest.Server
	public *httptest.Server

	mu     sync.Mutex
	errors []error // guarded by mu; what the sites reported as ours
}

func open(t testing.TB) *sites {
	t.Helper()
	return openWorld(t, gatetest.New(t))
}

// openWorld puts sites around a world.
func openWorld(t testing.TB, w *gatetest.World) *sites {
	t.Helper()
	s := &sites{World: w, t: t}
	authority := func() *authority.Authority { return s.Authority }
	onError := func(_ *http.Request, err error, _ string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.errors = append(s.errors, err)
	}
	s.admin = httptest.NewServer(s.shown(&api.Staff{Authority: authority, Config: s.config, Actor: s.actor, OnError: onError}))
	s.public = httptest.NewServer(&api.Public{Authority: authority, OnError: onError})
	t.Cleanup(func() {
		s.admin.Close()
		s.public.Close()
		for _, err := range s.errors {
			t.Errorf("reported as an internal error: %v", err)
		}
	})
	return s
}

func (s *sites) config() *authority.Config { return s.Config }

func (s *sites) actor(r *http.Request) (gate.Actor, error) {
	name := r.Header.Get(actorHeader)
	person, err := s.Directory().Staff(name)
	if err != nil {
		return gate.Actor{}, gate.Errorf(gate.Unauthorized, "nobody who may act is known by this certificate")
	}
	return person.Actor(s.Now()), nil
}

// shown puts the newest certificate of whoever asks where TLS would put it.
func (s *sites) shown(admin http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if person, err := s.Directory().Staff(r.Header.Get(actorHeader)); err == nil && len(person.Certificates) > 0 {
			crt, err := x509.ParseCertificate(person.Certificates[len(person.Certificates)-1].DER)
			if err != nil {
				s.t.Errorf("parse a certificate of %s: %v", person.Name, err)
			}
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{crt}}
		}
		admin.ServeHTTP(w, r)
	})
}

// as is the client of a staff member.
func (s *sites) as(name string) *api.Client {
	return &api.Client{Base: s.admin.URL, HTTP: &http.Client{Transport: known{s, name}}}
}

// known adds to each request who asks, and checks that each answer is as openapi.json says.
type known struct {
	s    *sites
	name string
}

func (k known) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(actorHeader, k.name)
	compare := func(*http.Response, []byte) {}
	if r.Method == http.MethodPost && strings.HasPrefix(k.s.t.Name(), trying) && r.URL.RawQuery == "" && r.URL.Path != ownDryRun {
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		compare = k.s.try(r, sent)
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if kind := response.Header.Get("Content-Type"); kind == "text/event-stream" || kind == "application/zip" {
		return response, nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	conform(k.s.t, r.Method, r.URL.EscapedPath(), response.StatusCode, body)
	compare(response, body)
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// raw is a request to the admin site as it is, with "Name: value" headers.
type raw struct {
	as, method, path, body string
	headers                []string
}

// reply is what came back.
type reply struct {
	status  int
	header  http.Header
	body    string
	problem api.Problem
}

func (s *sites) send(r raw) reply {
	s.t.Helper()
	if r.as == "" {
		r.as = "ben"
	}
	return send(s.t, s.admin.URL, raw{method: r.method, path: r.path, body: r.body, headers: append([]string{actorHeader + ": " + r.as}, r.headers...)})
}

func send(t testing.TB, base string, r raw) reply {
	t.Helper()
	request, err := http.NewRequest(r.method, base+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	if r.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, h := range r.headers {
		name, value, found := strings.Cut(h, ": ")
		if !found { // a name alone takes the header away
			request.Header.Del(name)
		} else {
			request.Header[http.CanonicalHeaderKey(name)] = append(request.Header[http.CanonicalHeaderKey(name)], value)
		}
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := reply{status: response.StatusCode, header: response.Header, body: string(body)}
	if response.Header.Get("Content-Type") == "application/problem+json" {
		if err := json.Unmarshal(body, &out.problem); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// volatile are the values that keys, randomness and certificates make different each time.
var volatile = []struct {
	name string
	re   *regexp.Regexp
}{
	{"PEM", regexp.MustCompile(`"-----BEGIN [^"]*"`)},
	{"END AND PEM", regexp.MustCompile(`"not_after": "[^"]*",\s*"certificate": "PEM"`)}, // of staff, whose certificates end on days of their own
	{"KEY", regexp.MustCompile(`"(ort|orpp|orpk)_[0-9A-Za-z]{48}"`)},
	{"HASH", regexp.MustCompile(`"[0-9a-f]{64}"`)},
	{"SERIAL", regexp.MustCompile(`(?:"serial": )"[0-9a-f]{20,40}"`)},
	{"HANDLE", regexp.MustCompile(`"handle": "[0-9A-Za-z]{10}"`)},
	{"DECISION", regexp.MustCompile(`"req_[0-9a-z]{26}"`)},
	{"PATH", regexp.MustCompile(`"/(ca|crl)/[0-9a-f]{16}[^"]*"`)},
}

// golden compares an object with its file in testdata.
func golden(t *testing.T, name string, v any) {
	t.Helper()
	if strings.HasPrefix(t.Name(), trying) {
		return // identifiers are drawn twice there
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, v := range volatile {
		got = v.re.ReplaceAllStringFunc(got, func(found string) string {
			if name, _, labeled := strings.Cut(found, `": `); labeled {
				return name + `": "` + v.name + `"`
			}
			return `"` + v.name + `"`
		})
	}
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; go test ./api -update writes it anew):\n%s", file, diff)
	}
}

// check fails the test if err is not nil.
func check[T any](t *testing.T) func(v T, err error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantKind(t *testing.T, err error, kind gate.Kind) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("error %v; want one of kind %s", err, kind)
	}
}

var (
	ctx       = context.Background()
	gateEpoch = gatetest.Epoch
)
