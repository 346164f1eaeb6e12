package caddymodule_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

var soak = flag.Int("soak", 4000, "how many requests certgate's counts are compared with the upstream's own after")

// soakers are how many callers there are at once.
const soakers = 16

// bookkeeper is an upstream that keeps its own count of what it served, by behavior and by what it made of it.
type bookkeeper struct {
	*httptest.Server
	tunnels atomic.Int64 // open now
	mu      sync.Mutex
	counts  map[string]int64       // guarded by mu
	slow    [soakers]chan struct{} // told of a caller's call that waits to be canceled
}

func newBookkeeper(t *testing.T) *bookkeeper {
	t.Helper()
	b := &bookkeeper{counts: map[string]int64{}}
	for i := range b.slow {
		b.slow[i] = make(chan struct{}, 1)
	}
	mux := http.NewServeMux()
	for _, row := range []struct {
		pattern, counts string
		serve           http.HandlerFunc
	}{
		{"GET /fhir/ok", "fhir-query 2xx", hello},
		{"GET /fhir/moved", "fhir-query 3xx", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/fhir/ok", http.StatusFound) }},
		{"GET /fhir/missing", "fhir-query 4xx", http.NotFound},
		{"GET /fhir/failing", "fhir-query 5xx", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "failing", http.StatusServiceUnavailable) }},
		{"GET /fhir/slow", "fhir-query canceled", b.serveSlow},
		{"GET /fhir/stream", "fhir-query 2xx", serveStream},
		{"GET /fhir/endless", "fhir-query 2xx", serveEndless},
		{"POST /fhir/ok", "fhir-write 2xx", hello},
		{"POST /fhir/breaking", "fhir-write error", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}, // a proxy repeats a GET that breaks, but no POST
		{"POST /ihe/documents/query", "ihe-document-query 2xx", hello},
		{"GET /live/tunnel", "live 1xx", b.serveTunnel},
	} {
		mux.HandleFunc(row.pattern, func(w http.ResponseWriter, r *http.Request) {
			b.count(row.counts)
			_, _ = io.Copy(io.Discard, r.Body)
			row.serve(w, r)
		})
	}
	b.Server = httptest.NewServer(mux)
	t.Cleanup(b.Close)
	return b
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

// serveSlow answers nothing before the call is given up.
func (b *bookkeeper) serveSlow(_ http.ResponseWriter, r *http.Request) {
	caller, err := strconv.Atoi(r.Header.Get("X-Caller"))
	if err != nil {
		return
	}
	b.slow[caller] <- struct{}{}
	<-r.Context().Done()
}

func serveStream(w http.ResponseWriter, _ *http.Request) {
	for range 3 {
		_, _ = io.WriteString(w, "part")
		_ = http.NewResponseController(w).Flush()
	}
}

// serveEndless begins an answer, which is cut off in the middle.
func serveEndless(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "part")
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// serveTunnel switches to WebSocket and sends back what it gets.
func (b *bookkeeper) serveTunnel(w http.ResponseWriter, _ *http.Request) {
	b.tunnels.Add(1)
	defer b.tunnels.Add(-1)
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
	_, _ = io.Copy(conn, rw)
}

func (b *bookkeeper) count(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts[name]++
}

// apart keeps tunnels and reloads apart where data races are looked for: Caddy 2.11.9 has some of its own when a reload meets an open tunnel.
type apart struct {
	sync.RWMutex

	racing bool
}

func newApart() *apart {
	info, _ := debug.ReadBuildInfo()
	return &apart{racing: info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})}
}

func (a *apart) tunnel() (end func()) {
	if !a.racing {
		return func() {}
	}
	a.RLock()
	return a.RUnlock
}

func (a *apart) reload() (end func()) {
	if !a.racing {
		return func() {}
	}
	a.Lock()
	return a.Unlock
}

// soaker is one caller of many.
type soaker struct {
	w        *world
	b        *bookkeeper
	number   int
	c        *credential
	client   *http.Client
	apart    *apart
	done     *atomic.Int64    // requests of all callers
	answered map[string]int64 // what never reaches the upstream
}

// round makes one request of each kind, and some of several.
func (s *soaker) round() {
	for _, path := range []string{"/fhir/ok", "/fhir/moved", "/fhir/missing", "/fhir/failing", "/fhir/ok", "/fhir/stream"} {
		s.call(s.client, path, s.c.Key)
	}
	post := func(length int64) func(*http.Request) {
		return func(r *http.Request) {
			r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(strings.NewReader("12345")), length
		}
	}
	s.call(s.client, "/fhir/ok", s.c.Key, post(5))
	s.call(s.client, "/fhir/ok", s.c.Key, post(-1)) // streamed
	s.call(s.client, "/fhir/breaking", s.c.Key, post(5))
	s.call(s.client, "/ihe/documents/query", s.c.Key, post(5))
	s.refused("behavior-unknown", "/nothing", s.c.Key)
	s.refused("behavior-not-granted", "/secret/1", s.c.Key)
	s.refused("", "/fhir/ok", "") // a stranger is not counted
	s.refused("error", "/fhir/unreachable", s.c.Key)
	s.giveUp()
	s.cutOff()
	s.tunnel()
}

func (s *soaker) call(client *http.Client, path, key string, edit ...func(*http.Request)) (status int) {
	s.done.Add(1)
	resp, _, err := s.w.try(client, "api.test", path, key, edit...)
	if err != nil {
		return 0
	}
	return resp.StatusCode
}

// refused makes a call of which the upstream never hears.
func (s *soaker) refused(how, path, key string) {
	if status := s.call(s.client, path, key); status != 0 {
		s.answered[how]++
	} else {
		s.answered["failed"]++
	}
}

// giveUp cancels a call that the upstream works on.
func (s *soaker) giveUp() {
	ctx, cancel := context.WithCancel(s.w.t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer cancel()
		select {
		case <-s.b.slow[s.number]:
		case <-ended:
		}
	}()
	s.call(s.client, "/fhir/slow", s.c.Key, func(r *http.Request) {
		*r = *r.WithContext(ctx)
		r.Header.Set("X-Caller", strconv.Itoa(s.number))
	})
	close(ended)
}

// cutOff reads the beginning of an answer and then no more.
func (s *soaker) cutOff() {
	s.done.Add(1)
	ctx, cancel := context.WithCancel(s.w.t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.w.url("api.test")+"/fhir/endless", nil)
	must(s.w.t, err)
	r.Header.Set("Authorization", "Bearer "+s.c.Key)
	resp, err := s.client.Do(r)
	if err != nil {
		return
	}
	_, _ = io.ReadFull(resp.Body, make([]byte, 4))
	cancel()
	_ = resp.Body.Close()
}

// tunnel opens one, sends something around, and closes it.
func (s *soaker) tunnel() {
	s.done.Add(1)
	defer s.apart.tunnel()()
	plain, err := (&loopback{s.w.port}).dial(s.w.t.Context(), "tcp", "")
	if err != nil {
		return
	}
	conn := tls.Client(plain, &tls.Config{RootCAs: s.w.roots, ServerName: "api.test", Certificates: []tls.Certificate{s.c.tls}, NextProtos: []string{"http/1.1"}})
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(wireTimeout))
	fmt.Fprintf(conn, "GET /live/tunnel HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\necho", s.c.Key)
	in := bufio.NewReader(conn)
	for line := ""; line != "\r\n"; {
		if line, err = in.ReadString('\n'); err != nil {
			return
		}
	}
	_, _ = io.ReadFull(in, make([]byte, 4))
}

// apiUsage is what the API tells, by behavior and outcome.
func (w *world) apiUsage() map[string]int64 {
	w.t.Helper()
	must(w.t, w.authority().FlushUsage())
	now := time.Now().UTC()
	resp, body := w.get(w.client("h2", w.badgeOf("ben", true, nil)), "admin.test", fmt.Sprintf("/v1/usage?by=behavior,outcome&from=%s&to=%s",
		now.AddDate(0, 0, -1).Format(time.DateOnly), now.AddDate(0, 0, 1).Format(time.DateOnly)), "")
	var report struct {
		Items []struct {
			Behavior string `json:"behavior"`
			Outcome  string `json:"outcome"`
			Calls    int64  `json:"calls"`
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(body), &report); err != nil || resp.StatusCode != http.StatusOK {
		w.t.Fatalf("usage: %d %v %s", resp.StatusCode, err, body)
	}
	all := map[string]int64{}
	for _, row := range report.Items {
		all[row.Behavior+" "+row.Outcome] += row.Calls
	}
	return all
}

// totals sums by behavior what was let through.
func totals(counts map[string]int64) map[string]int64 {
	all := map[string]int64{}
	for name, n := range counts {
		if behavior, outcome, _ := strings.Cut(name, " "); usage.Outcome(outcome).Allowed() {
			all[behavior] += n
		}
	}
	return all
}

// Thousands of calls over both protocols, some of which fail, break, are refused, are given up, cut off, streamed or upgraded, with reloads
// among them: what the API tells of each behavior is what the upstream served.
func TestCountsEqualTheUpstreamsOwn(t *testing.T) {
	w, b := foundWorld(t), newBookkeeper(t)
	// On a busy machine a call may take longer than the usual grace, and would then be cut off by a reload.
	global := strings.Replace(w.global("source_limit off"), "grace_period 2s", "grace_period 30s", 1)
	site := func(more ...string) string {
		return global + w.site("admin.test", staffMode, "certgate_admin") + w.site("api.test", requestMode, append(more,
			"certgate production", fmt.Sprintf("reverse_proxy /fhir/unreachable 127.0.0.1:%d", freePort(t)), "reverse_proxy "+b.Listener.Addr().String())...)
	}
	configs := []string{site("log {\n\t\toutput discard\n\t}"), site()}
	w.mustLoad(configs[0])
	_, _, c := w.certified("acme")

	var done atomic.Int64
	var wg sync.WaitGroup
	var callers []*soaker
	apart := newApart()
	for i := range soakers {
		s := &soaker{w: w, b: b, number: i, c: c, client: w.client([]string{"h1", "h2"}[i%2], &c.tls), apart: apart, done: &done, answered: map[string]int64{}}
		callers = append(callers, s)
		wg.Go(func() {
			for done.Load() < int64(*soak) {
				s.round()
			}
		})
	}
	reloads := max(6, *soak/3000)
	for n := range reloads {
		within(t, time.Minute, "calls between reloads", func() bool { return done.Load() > int64(*soak*(n+1)/(reloads+1)) })
		end := apart.reload()
		eventually(t, "tunnels to end", func() bool { return !apart.racing || b.tunnels.Load() == 0 })
		err := w.load(configs[(n+1)%2])
		end()
		must(t, err)
	}
	wg.Wait()
	within(t, time.Minute, "all calls to end", func() bool { return w.authority().Stats().InFlight == 0 })

	got, unheard := w.apiUsage(), map[string]int64{}
	for _, s := range callers {
		for name, n := range s.answered {
			unheard[name] += n
		}
	}
	t.Logf("%d requests, %d without an answer that says what became of them: %v", done.Load(), unheard["failed"], got)
	// The upstream knows nothing of these; whoever called does, but for calls whose connection was closed with an old configuration.
	for name, counted := range map[string]int64{
		"error": got["fhir-query error"], gate.BehaviorUnknown.String(): got[" behavior-unknown"], gate.BehaviorNotGranted.String(): got["secret-things behavior-not-granted"],
	} {
		if counted < unheard[name] || counted > unheard[name]+unheard["failed"] {
			t.Errorf("%s: %d are counted, %d were answered", name, counted, unheard[name])
		}
	}
	delete(got, "fhir-query error")
	delete(got, " behavior-unknown")
	delete(got, "secret-things behavior-not-granted")
	if diff := cmp.Diff(totals(b.counts), totals(got)); diff != "" {
		t.Errorf("(-upstream +certgate):\n%s", diff)
	}
	if diff := cmp.Diff(b.counts, got); diff != "" {
		t.Errorf("by outcome (-upstream +certgate):\n%s", diff)
	}
	tally := w.used()["ihe-document-query 2xx"]
	if tally.In != 5*tally.Calls || tally.Out != 5*tally.Calls {
		t.Errorf("bytes: %+v", tally)
	}
}
