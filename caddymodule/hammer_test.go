package caddymodule_test

import (
	"crypto/rand"
	"crypto/tls"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

// stranger is somebody who has one half of a customer's credential, or only its address.
type stranger struct {
	name     string
	crt      *tls.Certificate
	key      string
	answered atomic.Int64
	wrong    atomic.Int64 // let through, or told that the customer's own limits are exceeded
}

// hammer calls as fast as it can.
func (s *stranger) hammer(w *world, proto string, stop <-chan struct{}) {
	client := w.client(proto, s.crt)
	for {
		select {
		case <-stop:
			return
		default:
		}
		resp, _, err := w.try(client, "api.test", "/fhir/Patient/2", s.key)
		if err != nil {
			continue // a server that refuses a certificate hangs up
		}
		s.answered.Add(1)
		if code := resp.StatusCode; code != http.StatusUnauthorized && code != http.StatusForbidden && code != http.StatusTooManyRequests || resp.Header.Get("RateLimit") != "" {
			s.wrong.Add(1)
		}
	}
}

// While strangers call as fast as they can with its certificate or its key (not both), or from its address, a customer that calls a little
// more slowly than it may is never refused, pays for its own calls alone, and has the rest of its quotas.
func TestStrangersTakeNothingFromACustomer(t *testing.T) {
	w := newWorld(t)
	account, _, acme := w.certified("acme")
	_, _, other := w.certified("other")
	unknown, _, err := gate.NewKey(gate.Production, rand.Reader)
	must(t, err)
	const calls = 100
	w.limit(account, "rate 50 burst 5", "day 100", "month 101", "concurrency 3", "patients-day 1")

	strangers := []*stranger{
		{name: "its certificate, no key", crt: &acme.tls}, {name: "its certificate, a key that nobody has", crt: &acme.tls, key: unknown},
		{name: "its certificate, another's key", crt: &acme.tls, key: other.Key}, {name: "its key, another's certificate", crt: &other.tls, key: acme.Key},
		{name: "its key, no certificate", key: acme.Key}, {name: "its key, a certificate of nobody here", crt: foreign(t), key: acme.Key},
		{name: "its address"},
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, s := range strangers {
		for _, proto := range []string{"h1", "h2"} {
			wg.Go(func() { s.hammer(w, proto, stop) })
		}
	}
	eventually(t, "strangers to be told to wait", func() bool { return strangers[0].answered.Load() > 300 })
	client := w.client("h2", &acme.tls)
	tick := time.NewTicker(time.Second / 48)
	defer tick.Stop()
	for n := range calls {
		<-tick.C
		if resp, body := w.get(client, "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode != http.StatusOK {
			t.Errorf("call %d: %d %s", n, resp.StatusCode, body)
		}
	}
	close(stop)
	wg.Wait()
	for _, s := range strangers {
		t.Logf("%s: %d answers", s.name, s.answered.Load())
		if s.wrong.Load() > 0 || s.answered.Load() < calls {
			t.Errorf("%s: %d answers, %d of them wrong", s.name, s.answered.Load(), s.wrong.Load())
		}
	}
	if resp, body := w.get(client, "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("after its last call: %d %s", resp.StatusCode, body)
	}
	counted := map[string]int64{}
	for name, tally := range w.used() {
		counted[name] = tally.Calls
	}
	if diff := cmp.Diff(map[string]int64{"fhir-query 2xx": calls, "fhir-query quota-exceeded": 1}, counted); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}
