package caddymodule_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// bookkeeper is an upstream that keeps its own count of what reached it, by path.
type bookkeeper struct {
	*httptest.Server
	mu     sync.Mutex
	counts map[string]int64 // guarded by mu
	slow   chan struct{}    // told of each call that waits to be canceled
}

func newBookkeeper(t *testing.T) *bookkeeper {
	t.Helper()
	b := &bookkeeper{counts: map[string]int64{}, slow: make(chan struct{}, 1000)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		b.mu.Lock()
		b.counts[r.URL.Path]++
		b.mu.Unlock()
		switch r.URL.Path {
		case "/fhir/missing":
			http.Error(w, "missing", http.StatusNotFound)
		case "/fhir/failing":
			http.Error(w, "failing", http.StatusServiceUnavailable)
		case "/fhir/breaking":
			panic(http.ErrAbortHandler)
		case "/fhir/slow":
			b.slow <- struct{}{}
			<-r.Context().Done()
		default:
			_, _ = io.WriteString(w, "hello")
		}
	}))
	t.Cleanup(b.Close)
	return b
}

// total is what reached it under a path.
func (b *bookkeeper) total(path string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts[path]
}

// used is what certgate counted, by behavior and outcome.
func (w *world) used() map[string]usage.Tally {
	w.t.Helper()
	must(w.t, w.authority().FlushUsage())
	all := map[string]usage.Tally{}
	now := time.Now()
	must(w.t, w.authority().Usage(&authority.UsageQuery{From: now.AddDate(0, 0, -1), To: now.AddDate(0, 0, 1)}, func(r *authority.UsageRow) error {
		sum := all[r.Behavior+" "+string(r.Outcome)]
		sum.Add(&r.Tally)
		all[r.Behavior+" "+string(r.Outcome)] = sum
		return nil
	}))
	return all
}

// Thousands of calls over both protocols, some of which fail, break or are given up, with reloads among them: what certgate counted is what
// the upstream did.
func TestCountsEqualTheUpstreamsOwn(t *testing.T) {
	w, b := foundWorld(t), newBookkeeper(t)
	proxy := "reverse_proxy " + b.Listener.Addr().String()
	logged := w.global() + w.site("api.test", requestMode, "log {\n\t\toutput discard\n\t}", "certgate production", proxy)
	w.mustLoad(logged)
	_, _, c := w.certified("acme")

	const callers, rounds = 8, 50
	var wg sync.WaitGroup
	for i := range callers {
		client := w.client([]string{"h1", "h2"}[i%2], &c.tls)
		wg.Go(func() {
			for range rounds {
				for _, path := range []string{"/fhir/ok", "/fhir/missing", "/fhir/failing"} {
					w.get(client, "api.test", path, c.Key)
				}
				for _, path := range []string{"/fhir/ok", "/fhir/breaking"} { // a proxy repeats a GET that breaks, but no POST
					w.get(client, "api.test", path, c.Key, func(r *http.Request) {
						r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(strings.NewReader("12345")), 5
					})
				}
				w.get(client, "api.test", "/nothing", c.Key)
				w.get(client, "api.test", "/fhir/ok", "")
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() { <-b.slow; cancel() }()
			if _, _, err := w.try(client, "api.test", "/fhir/slow", c.Key, func(r *http.Request) { *r = *r.WithContext(ctx) }); err == nil {
				t.Error("a call that was given up was answered")
			}
		})
	}
	for _, config := range []string{w.global() + w.site("api.test", requestMode, "certgate production", proxy), logged} {
		eventually(t, "calls between reloads", func() bool { return b.total("/fhir/ok") > 20 })
		w.mustLoad(config)
	}
	wg.Wait()
	eventually(t, "all calls to end", func() bool { return w.authority().Stats().InFlight == 0 })

	got := w.used()
	calls := map[string]int64{}
	for name, tally := range got {
		calls[name] = tally.Calls
	}
	ok := got["fhir-query 2xx"].Calls + got["fhir-write 2xx"].Calls
	if ok != b.total("/fhir/ok") {
		t.Errorf("%d calls succeeded, the upstream answered %d", ok, b.total("/fhir/ok"))
	}
	want := map[string]int64{
		"fhir-query 2xx": calls["fhir-query 2xx"], "fhir-write 2xx": calls["fhir-write 2xx"], "fhir-query 4xx": b.total("/fhir/missing"),
		"fhir-query 5xx": b.total("/fhir/failing"), "fhir-write error": b.total("/fhir/breaking"), "fhir-query canceled": b.total("/fhir/slow"),
		" " + gate.BehaviorUnknown.String(): calls[" "+gate.BehaviorUnknown.String()],
	}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("(-upstream +certgate):\n%s", diff)
	}
	if n := calls["fhir-query 2xx"]; n < callers*rounds || got["fhir-query 2xx"].Out != 5*n || got["fhir-write 2xx"].In != 5*calls["fhir-write 2xx"] {
		t.Errorf("bytes: %+v, %+v", got["fhir-query 2xx"], got["fhir-write 2xx"])
	}
}

func TestATunnelCountsWhenItEnds(t *testing.T) {
	w := foundWorld(t)
	s := newSource(t)
	w.mustLoad(w.streaming(s))
	_, _, c := w.certified("acme")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h := &holder{w: w, name: "acme", key: c.Key, crt: &c.tls, ctx: ctx, wg: new(sync.WaitGroup)}
	tunnel := &stream{name: "tunnel", ended: make(chan struct{})}
	go h.tunnel(tunnel)
	eventually(t, "an echo", func() bool { return tunnel.progress.Load() > 0 })
	if got := w.used()["live 1xx"]; got.Calls != 0 {
		t.Errorf("it counts while it is open: %+v", got)
	}
	cancel()
	eventually(t, "the tunnel to end", func() bool { return w.authority().Stats().InFlight == 0 })
	if got := w.used()["live 1xx"]; got.Calls != 1 || got.Out == 0 {
		t.Errorf("after it: %+v", got)
	}
}
