package caddymodule_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/onerecord/certgate/usage"
)

// atOnce is how many callers there are, half of them over HTTP/1.1 with connections of their own, half over HTTP/2.
const atOnce = 64

// answers are how many calls were answered with which status; without any answer, under 0.
type answers struct {
	mu sync.Mutex
	of map[int]int64 // guarded by mu
}

func (a *answers) add(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of[status]++
}

func (a *answers) count(status int) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.of[status]
}

func newAnswers() *answers { return &answers{of: map[int]int64{}} }

// crowd are the callers of one customer.
type crowd struct {
	w       *world
	c       *credential
	clients []*http.Client
}

func newCrowd(w *world, c *credential) *crowd {
	all := &crowd{w: w, c: c}
	for i := range atOnce {
		all.clients = append(all.clients, w.client([]string{"h1", "h2"}[i%2], &c.tls))
	}
	return all
}

// call lets each caller make its calls, all at once, and notes the answers.
func (all *crowd) call(got *answers, each int, path func(caller, n int) string) {
	var callers sync.WaitGroup
	ready := make(chan struct{})
	for i, client := range all.clients {
		callers.Go(func() {
			<-ready
			for n := range each {
				status := 0
				if resp, _, err := all.w.try(client, "api.test", path(i, n), all.c.Key); err == nil {
					status = resp.StatusCode
				}
				got.add(status)
			}
		})
	}
	close(ready)
	callers.Wait()
}

func TestExactlyTheLimitPassesOverManyConnections(t *testing.T) {
	w := newWorld(t)
	samePatient := func(int, int) string { return "/fhir/Patient/1" }
	newPatient := func(caller, n int) string { return fmt.Sprintf("/fhir/Patient/%d-%d", caller, n) }
	account, _, c := w.certified("acme")
	callers := newCrowd(w, c)
	for _, row := range []struct {
		limit string
		path  func(caller, n int) string
	}{
		{"day 100", samePatient}, {"month 100 per device", samePatient}, {"rate 1/86400s burst 100", samePatient}, {"day 100 for fhir-query", newPatient},
		{"patients-hour 100", newPatient}, {"patients-day 100", newPatient},
	} {
		w.limit(account, row.limit, "month 1000000", "concurrency 1000")
		before := w.upstream.hits.Load()
		got := newAnswers()
		callers.call(got, 4, row.path)
		if reached := w.upstream.hits.Load() - before; got.of[200] != 100 || got.of[429] != 4*atOnce-100 || reached != 100 {
			t.Errorf("%s: %v, and %d reached the upstream", row.limit, got.of, reached)
		}
	}
}

// Calls that hold their places until all others were refused: exactly as many as there are places.
func TestExactlyAsManyCallsRunAtOnceAsThereArePlaces(t *testing.T) {
	w := foundWorld(t)
	const places = 20
	var hits atomic.Int64
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		hits.Add(1)
		<-release
	}))
	t.Cleanup(slow.Close)
	w.mustLoad(w.global() + w.site("api.test", requestMode, "certgate production", "reverse_proxy "+slow.Listener.Addr().String()))
	account, _, c := w.certified("acme")
	w.limit(account, fmt.Sprintf("concurrency %d", places))
	callers := newCrowd(w, c)
	for round := range int64(3) { // each time all places have come back
		got := newAnswers()
		done := make(chan struct{})
		go func() {
			defer close(done)
			callers.call(got, 1, func(int, int) string { return "/fhir/Patient/1" })
		}()
		eventually(t, "all but as many as there are places to be refused", func() bool {
			return got.count(429) == atOnce-places && hits.Load() == (round+1)*places
		})
		for range places {
			release <- struct{}{}
		}
		<-done
		if got.of[200] != places {
			t.Errorf("round %d: %v", round, got.of)
		}
	}
}

func TestReloadsUnderLoadKeepQuotasAndCountsExact(t *testing.T) {
	w := newWorld(t)
	account, _, c := w.certified("acme")
	w.limit(account, "day 800", "concurrency 1000")
	got := newAnswers()
	done := make(chan struct{})
	go func() {
		defer close(done)
		newCrowd(w, c).call(got, 20, func(int, int) string { return "/fhir/Patient/1" })
	}()
	for n := range int64(5) {
		eventually(t, "calls between reloads", func() bool { return got.count(200)+got.count(429) >= 200*(n+1) })
		must(t, w.load(w.caddyfile()))
	}
	<-done
	eventually(t, "all calls to end", func() bool { return w.authority().Stats().InFlight == 0 })
	passed, refused := int64(0), int64(0)
	for name, tally := range w.used() {
		if _, outcome, _ := strings.Cut(name, " "); usage.Outcome(outcome).Allowed() {
			passed += tally.Calls
		} else {
			refused += tally.Calls
		}
	}
	lost := got.of[0] // connections that the old configuration closed as it stopped, as any Caddy does
	t.Logf("%v; counted: %d passed and %d were refused", got.of, passed, refused)
	if passed != 800 || w.upstream.hits.Load() > 800 || got.of[200] > 800 || got.of[200] < 800-lost || got.of[429] > refused || got.of[429] < refused-lost {
		t.Errorf("%v; %d reached the upstream; counted: %d passed and %d were refused, want 800", got.of, w.upstream.hits.Load(), passed, refused)
	}
}

// A tunnel is a call for as long as its connection is open, whatever configuration runs.
func TestATunnelHoldsItsPlaceUntilItsConnectionCloses(t *testing.T) {
	w := foundWorld(t)
	s := newSource(t)
	config := w.global() + w.site("api.test", requestMode, "certgate production",
		"reverse_proxy "+s.Listener.Addr().String()+" {\n\t\tstream_close_delay 1h\n\t}")
	w.mustLoad(config)
	account, _, c := w.certified("acme")
	w.limit(account, "concurrency 1")
	client := w.client("h2", &c.tls)
	call := func() int {
		resp, _ := w.get(client, "api.test", "/fhir/nothing", c.Key)
		return resp.StatusCode
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h := &holder{w: w, name: "acme", key: c.Key, crt: &c.tls, ctx: ctx, wg: new(sync.WaitGroup)}
	tunnel := &stream{name: "tunnel", ended: make(chan struct{})}
	go h.tunnel(tunnel)
	eventually(t, "an echo", func() bool { return tunnel.progress.Load() > 0 })
	for range 3 {
		if status := call(); status != http.StatusTooManyRequests {
			t.Errorf("beside an open tunnel: %d", status)
		}
		w.mustLoad(config)
	}
	before := tunnel.progress.Load()
	eventually(t, "the tunnel to go on", func() bool { return tunnel.progress.Load() > before })
	if status := call(); status != http.StatusTooManyRequests {
		t.Errorf("beside a tunnel that is older than the configuration: %d", status)
	}
	cancel()
	eventually(t, "the place to be given back", func() bool { return call() == http.StatusNotFound })
}
