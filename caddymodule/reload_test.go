package caddymodule_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/caddymodule"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// descriptors is how many files and sockets this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(list)
}

// caller asks the same thing over and over, and counts what it is answered.
type caller struct {
	name, host, key string
	client          *http.Client
	want            int
	answers         atomic.Int64
	failed          atomic.Int64
	wrong           atomic.Pointer[string]
}

func (c *caller) run(w *world, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		resp, body, err := w.try(c.client, c.host, "/fhir/Patient/1", c.key)
		switch {
		case err != nil:
			c.failed.Add(1)
			continue
		case resp.StatusCode != c.want || c.want == http.StatusOK && body != "hello from /fhir/Patient/1":
			text := fmt.Sprintf("%d %s", resp.StatusCode, body)
			c.wrong.Store(&text)
		}
		c.answers.Add(1)
	}
}

const reloads = 100

func TestAHundredReloadsUnderLoad(t *testing.T) {
	w := foundWorld(t)
	config := strings.Replace(w.caddyfile(), w.global(), w.global("source_limit off"), 1) + w.site("open.test", requestMode, w.proxy())
	w.mustLoad(config)
	_, _, acme := w.certified("acme")
	opened := w.authority()

	var callers []*caller
	for _, proto := range []string{"h1", "h2"} {
		callers = append(callers,
			&caller{name: "allowed " + proto, host: "api.test", key: acme.Key, client: w.client(proto, &acme.tls), want: http.StatusOK},
			&caller{name: "refused " + proto, host: "api.test", client: w.client(proto, &acme.tls), want: http.StatusUnauthorized},
			&caller{name: "plain " + proto, host: "open.test", client: w.client(proto, nil), want: http.StatusOK})
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, c := range callers {
		wg.Go(func() { c.run(w, stop) })
	}
	eventually(t, "the first answers", func() bool { return callers[0].answers.Load() > 0 && callers[4].answers.Load() > 0 })
	goroutines, files := 0, 0
	for n := range reloads {
		must(t, w.load(config))
		if w.authority() != opened {
			t.Fatalf("reload %d opened the store again", n)
		}
		if refs := caddymodule.References(w.path("data")); refs != 1 {
			t.Fatalf("after reload %d the store has %d users", n, refs)
		}
		if n == 4 {
			goroutines, files = runtime.NumGoroutine(), descriptors(t)
		}
	}
	close(stop)
	wg.Wait()
	failed := map[bool]int64{}
	for _, c := range callers {
		if wrong := c.wrong.Load(); wrong != nil {
			t.Errorf("%s was answered %s", c.name, *wrong)
		}
		if c.answers.Load() == 0 {
			t.Errorf("%s was never answered", c.name)
		}
		t.Logf("%s: %d answers, %d failed", c.name, c.answers.Load(), c.failed.Load())
		failed[c.host == "open.test"] += c.failed.Load()
	}
	// There are twice as many callers behind the gate; the rest is chance.
	if gated, plain := failed[false]/2, failed[true]; gated > plain+plain/2+10 {
		t.Errorf("%d requests failed behind the gate, %d at a plain site with as many callers", gated, plain)
	}
	for _, c := range callers {
		c.client.CloseIdleConnections()
	}
	w.upstream.CloseClientConnections() // each configuration has a proxy of its own, with idle connections
	eventually(t, "goroutines to be as few as after the first reloads", func() bool { return runtime.NumGoroutine() <= goroutines+slack })
	eventually(t, "files to be as few as after the first reloads", func() bool { return descriptors(t) <= files })
	_, err := authority.Open(authority.Options{DataDir: w.path("data"), SecretFile: w.path("secret"), NoJobs: true})
	if !errors.Is(err, certstore.ErrLocked) {
		t.Errorf("a second opener: %v", err)
	}
}

func TestAReloadThatFailsLeavesTheRunningConfiguration(t *testing.T) {
	w := foundWorld(t)
	health := fmt.Sprintf("http://127.0.0.1:%d {\n\tmetrics /metrics\n\tcertgate_health\n}\n", freePort(t))
	config := w.caddyfile() + health
	w.mustLoad(config)
	_, _, acme := w.certified("acme")
	opened := w.authority()
	client := w.client("h2", &acme.tls)
	eventually(t, "the table to be of record", func() bool { return opened.Directory().Behaviors() != nil })
	wider := strings.Replace(config, "GET /secret/*", "GET /open/*", 1)
	for n, where := range []string{"provision", "start", "provision", "start", "provision", "start"} {
		err := w.loadWith(wider, faulty{Fail: where})
		if err == nil || !strings.Contains(err.Error(), "told to fail") {
			t.Fatalf("failing in %s: %v", where, err)
		}
		if w.authority() != opened || caddymodule.References(w.path("data")) != 1 {
			t.Errorf("after failing in %s: %d users of the store", where, caddymodule.References(w.path("data")))
		}
		if resp, body := w.get(client, "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode != http.StatusOK {
			t.Errorf("after failing in %s a customer got %d %s", where, resp.StatusCode, body)
		}
		if resp, _ := w.get(client, "api.test", "/open/1", acme.Key); resp.StatusCode != http.StatusForbidden {
			t.Errorf("after failing in %s, a behavior of the failed configuration: %d", where, resp.StatusCode)
		}
		if text := metricsAt(t, health); !strings.Contains(text, "certgate_ready 1") || !strings.Contains(text, `certgate_requests_total{reason="allowed"}`) {
			t.Errorf("after failing in %s the metrics are\n%s", where, text)
		}
		w.customer(fmt.Sprintf("later%d", n), gate.Sandbox)
	}
	for _, b := range opened.Directory().Behaviors().Behaviors {
		if b.Path == "/open/*" {
			t.Error("a behavior of a failed configuration is of record")
		}
	}
	if err := w.loadWith(wider, faulty{}); err != nil {
		t.Errorf("a good reload afterward: %v", err)
	}
	eventually(t, "the new table to be of record", func() bool {
		for _, b := range opened.Directory().Behaviors().Behaviors {
			if b.Path == "/open/*" {
				return true
			}
		}
		return false
	})
	if text := metricsAt(t, health); !strings.Contains(text, "certgate_ready 1") {
		t.Errorf("after a reload the metrics are\n%s", text)
	}
}

// metricsAt reads the metrics of the site whose configuration is given.
func metricsAt(t *testing.T, site string) string {
	t.Helper()
	address, _, _ := strings.Cut(site, " ")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/metrics", nil)
	must(t, err)
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	return string(text)
}

func TestARemovedGateClosesTheStoreAndCanComeBack(t *testing.T) {
	w := foundWorld(t)
	release := make(chan struct{})
	var arrived atomic.Int64
	slow := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		<-release
		fmt.Fprint(rw, "at last")
	}))
	t.Cleanup(slow.Close)
	gated := w.global() + w.site("api.test", requestMode, "certgate production", "reverse_proxy "+slow.Listener.Addr().String())
	ungated := "{\n\tadmin off\n\tpersist_config off\n\tauto_https off\n\tskip_install_trust\n\tgrace_period 2s\n}\n" +
		w.site("open.test", "", "respond hello")
	w.mustLoad(gated)
	_, _, acme := w.certified("acme")
	opened := w.authority()
	type result struct {
		status int
		body   string
		err    error
	}
	results := make(chan result, 2)
	for _, proto := range []string{"h1", "h2"} {
		client := w.client(proto, &acme.tls)
		go func() {
			resp, body, err := w.try(client, "api.test", "/fhir/Patient/1", acme.Key)
			if err != nil {
				results <- result{err: err}
				return
			}
			results <- result{resp.StatusCode, body, nil}
		}()
	}
	eventually(t, "both requests to be upstream", func() bool { return arrived.Load() == 2 })
	must(t, w.load(ungated))
	if n := caddymodule.References(w.path("data")); n != 0 || caddymodule.Running() != nil {
		t.Errorf("the store has %d users", n)
	}
	if opened.Ready() == nil {
		t.Error("the authority was not closed")
	}
	close(release)
	for range 2 {
		if r := <-results; r.err != nil || r.status != http.StatusOK || r.body != "at last" {
			t.Errorf("a request in flight ended with %d %q %v", r.status, r.body, r.err)
		}
	}
	eventually(t, "nothing to be in flight", func() bool { return opened.Stats().InFlight == 0 })

	w.mustLoad(gated)
	if w.authority() == opened {
		t.Error("a closed authority came back")
	}
	if resp, body := w.get(w.client("h1", &acme.tls), "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode != http.StatusOK {
		t.Errorf("after the gate came back: %d %s", resp.StatusCode, body)
	}
}

func TestAnotherDataDirectoryTakesOver(t *testing.T) {
	one, two := newWorld(t), foundWorld(t)
	_, _, acme := one.certified("acme")
	two.port = one.port
	must(t, two.load(two.caddyfile()))
	if a, b := caddymodule.References(one.path("data")), caddymodule.References(two.path("data")); a != 0 || b != 1 {
		t.Errorf("the old directory has %d users, the new one %d", a, b)
	}
	if resp, _ := two.get(two.client("h1", &acme.tls), "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode < 400 {
		t.Errorf("a customer of the old directory got %d", resp.StatusCode)
	}
}

func TestAReloadThatDropsAGrantedBehaviorSaysWhatToAllow(t *testing.T) {
	w := newWorld(t)
	_, _, acme := w.certified("acme")
	eventually(t, "the table to be of record", func() bool { return w.authority().Directory().Behaviors() != nil })
	smaller := strings.Replace(w.caddyfile(), "behavior live GET /live/* cost 1 upgrade websocket\n", "\n", 1)
	err := w.load(smaller)
	if err == nil || !strings.Contains(err.Error(), "live") || !strings.Contains(err.Error(), "certgate behavior allow") {
		t.Fatalf("the refusal must name the behavior and what to run: %v", err)
	}
	answered := func(status int) func() bool {
		return func() bool { // a reload may reset a connection that was just made, with certgate or without
			resp, _, err := w.try(w.client("h1", &acme.tls), "api.test", "/live/x", acme.Key)
			return err == nil && resp.StatusCode == status
		}
	}
	eventually(t, "the running configuration to answer", answered(http.StatusOK))
	must(t, w.authority().AllowBehavior(w.cho, gate.Behavior{Name: "live"}, "nobody uses it"))
	must(t, w.load(smaller))
	eventually(t, "a behavior that was dropped to be refused", answered(http.StatusForbidden))
}

// validateText is what `caddy validate` does.
func validateText(caddyfile string) error {
	text, err := adapt(caddyfile)
	if err != nil {
		return err
	}
	config := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(text, config); err != nil {
		return err
	}
	return caddy.Validate(config)
}

func TestValidatingOpensNothing(t *testing.T) {
	w := foundWorld(t)
	must(t, validateText(w.caddyfile())) // with nothing running
	if n := caddymodule.References(w.path("data")); n != 0 {
		t.Errorf("the store has %d users", n)
	}
	other, err := authority.Open(authority.Options{DataDir: w.path("data"), SecretFile: w.path("secret"), NoJobs: true})
	must(t, err)
	must(t, validateText(w.caddyfile())) // beside another process, which holds the lock
	must(t, other.Close())
	w.mustLoad(w.caddyfile())
	must(t, validateText(w.caddyfile())) // within the process that runs
	if n := caddymodule.References(w.path("data")); n != 1 {
		t.Errorf("the store has %d users", n)
	}
	_, _, acme := w.certified("acme")
	if resp, _ := w.get(w.client("h1", &acme.tls), "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode != http.StatusOK {
		t.Errorf("afterward a customer got %d", resp.StatusCode)
	}
}

func TestBeforeInitTheErrorNamesIt(t *testing.T) {
	w := foundWorld(t)
	config := strings.ReplaceAll(w.caddyfile(), w.path("data"), w.path("nothing"))
	for name, err := range map[string]error{"validate": validateText(config), "start": w.load(config)} {
		if err == nil || !strings.Contains(err.Error(), "certgate init") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(w.path("nothing")); err == nil {
		t.Error("a data directory was made")
	}
}

func TestAStartBesideAnotherProcessIsRefused(t *testing.T) {
	w := foundWorld(t)
	other, err := authority.Open(authority.Options{DataDir: w.path("data"), SecretFile: w.path("secret"), NoJobs: true})
	must(t, err)
	if err := w.load(w.caddyfile()); err == nil || !strings.Contains(err.Error(), certstore.ErrLocked.Error()) || !strings.Contains(err.Error(), "caddy reload") {
		t.Errorf("the refusal must say what to do: %v", err)
	}
	if n := caddymodule.References(w.path("data")); n != 0 {
		t.Errorf("the store has %d users", n)
	}
	must(t, other.Close())
	w.mustLoad(w.caddyfile())
}
