package caddymodule_test

import (
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// badge is the first staff member's certificate.
func (w *world) badge() *tls.Certificate {
	w.t.Helper()
	pair, err := tls.X509KeyPair(w.badges[0].Leaf, w.badges[0].Key)
	must(w.t, err)
	return &pair
}

// A stream has no end of its own, so a reload would wait for it, and for the grace period at least.
func TestAReloadEndsWhatIsWatchedAndDoesNotWait(t *testing.T) {
	w := newWorld(t)
	_, device, acme := w.certified("acme")
	customer := w.client("h1", &acme.tls)
	watch := func(proto string) (told chan api.Told, done chan error) {
		told, done = make(chan api.Told, 1000), make(chan error, 1)
		c := &api.Client{Base: w.url("admin.test"), HTTP: w.client(proto, w.badge())}
		go func() {
			done <- c.Watch(t.Context(), api.DecisionQuery{Device: string(device.ID)}, func(t api.Told) error {
				told <- t
				return nil
			})
		}()
		eventually(t, "the watcher is told of a refusal", func() bool {
			w.get(customer, "api.test", "/none", acme.Key)
			return len(told) > 0
		})
		return told, done
	}
	for _, proto := range []string{"h1", "h2"} {
		_, done := watch(proto)
		loaded := make(chan error, 1)
		go func() { loaded <- w.load(w.caddyfile()) }()
		for range 2 {
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("%s: the stream ended with %v", proto, err)
				}
			case err := <-loaded:
				must(t, err)
			case <-time.After(10 * time.Second):
				t.Fatalf("%s: the reload waits for the watcher", proto)
			}
		}
	}
	told, _ := watch("h2") // the new site tells, too
	if got := <-told; got.Decision == nil || got.Decision.Reason != gate.BehaviorUnknown.String() || got.Decision.Device != device.ID {
		t.Errorf("%+v", got)
	}
}

func TestARefusedHandshakeIsRememberedAsAStrangers(t *testing.T) {
	w := foundWorld(t)
	w.loadMode(requireMode)
	_, _, acme := w.certified("acme")
	crt := foreign(t)
	w.alert(t, crt, acme.Key)
	found := w.authority().Decisions().List(authority.DecisionFilter{Fingerprint: gate.FingerprintOf(crt.Certificate[0])}, 10)
	if len(found) == 0 || found[0].Reason != gate.CertificateUntrusted || found[0].Device != "" {
		t.Errorf("%+v", found)
	}
	if resp, _ := w.get(w.client("h1", &acme.tls), "api.test", "/fhir/Patient/1", acme.Key); resp.StatusCode != http.StatusOK {
		t.Errorf("the customer got %d", resp.StatusCode)
	}
}
