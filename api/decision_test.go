package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// reasons lists what a query finds, the newest first.
func (s *sites) reasons(t *testing.T, q api.DecisionQuery) string {
	t.Helper()
	var list []string
	for _, d := range check[*api.Page[api.Decision]](t)(s.as("ben").Decisions(ctx, q)).Items {
		list = append(list, d.Reason)
	}
	return strings.Join(list, " ")
}

func TestWhatWasDecidedCanBeAskedInEveryWay(t *testing.T) {
	s := open(t)
	acme, other := s.MustProduction("acme"), s.MustProduction("other")
	start := s.Now()
	s.Check(acme.Request("GET", "/fhir/Patient/1"))
	s.Advance(time.Minute)
	s.Check(acme.Request("GET", "/admin"))
	far := other.Request("GET", "/fhir/Patient/1")
	far.Authorization = nil
	s.Check(far)
	s.Advance(time.Minute)
	s.HandshakeRefused(gate.CertificateUntrusted, gate.FingerprintOf([]byte("x")), io.EOF)

	all := check[*api.Page[api.Decision]](t)(s.as("ben").Decisions(ctx, api.DecisionQuery{}))
	golden(t, "decisions", all)
	rows := map[string]struct {
		query api.DecisionQuery
		want  string
	}{
		"account":          {api.DecisionQuery{Account: "acme"}, "behavior-unknown allowed"},
		"device":           {api.DecisionQuery{Device: "other/main/prod-1"}, "key-required"},
		"reason":           {api.DecisionQuery{Reason: "allowed"}, "allowed"},
		"fingerprint":      {api.DecisionQuery{Fingerprint: other.Certificate.Fingerprint.String()}, "key-required"},
		"address":          {api.DecisionQuery{Address: gatetest.Peer.String(), Reason: "key-required"}, "key-required"},
		"another address":  {api.DecisionQuery{Address: "10.0.0.1"}, ""},
		"since":            {api.DecisionQuery{Since: start.Add(2 * time.Minute)}, "certificate-untrusted"},
		"until":            {api.DecisionQuery{Until: start.Add(time.Minute)}, "allowed"},
		"id":               {api.DecisionQuery{ID: all.Items[3].ID}, "allowed"},
		"a page":           {api.DecisionQuery{Limit: 2}, "certificate-untrusted key-required"},
		"the one after it": {api.DecisionQuery{Limit: 2, After: all.Items[1].ID}, "behavior-unknown allowed"},
	}
	for name, row := range rows {
		if diff := cmp.Diff(row.want, s.reasons(t, row.query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	one := check[*api.Decision](t)(s.as("ben").Decision(ctx, all.Items[2].ID))
	if one.Reason != "behavior-unknown" || one.Device != acme.Device.ID || one.Key != acme.KeyID || one.Certificate != acme.Certificate.ID {
		t.Errorf("%+v", one)
	}
	for _, id := range []string{"req_x", gate.FormatID(gate.DecisionPrefix, [16]byte{1})} {
		_, err := s.as("ben").Decision(ctx, id)
		wantKind(t, err, gate.NotFound)
	}
}

func TestAFilterThatCannotBeReadIsRefused(t *testing.T) {
	s := open(t)
	for query, want := range map[string]string{
		"account=nobody": "account", "device=none": "device", "reason=bad": "reason", "fingerprint=12": "fingerprint", "address=here": "address",
		"since=yesterday": "since", "until=12": "until", "id=req_1": "id", "after=x": "after", "limit=0": "limit", "hue=red": "hue",
	} {
		got := s.send(raw{method: "GET", path: "/v1/decisions?" + query})
		if got.status < 400 || got.status > 499 || got.problem.Field != want {
			t.Errorf("%s: %d, field %q", query, got.status, got.problem.Field)
		}
		if got := s.send(raw{method: "GET", path: "/v1/decisions/stream?" + query}); got.status < 400 || got.status > 499 {
			t.Errorf("stream of %s: %d", query, got.status)
		}
	}
}

// Nothing that decides may be hidden from those who ask why: every check of the core is shown, in its order.
func TestEvaluateShowsEveryCheckOfTheCore(t *testing.T) {
	s := open(t)
	credential := s.MustProduction("acme")
	var caller gate.Caller
	var want, got []string
	for _, result := range gate.Explain(credential.Request("GET", "/fhir/Patient/1"), &caller, s.Now()) {
		want = append(want, result.Check.String())
	}
	shown := check[*api.Explanation](t)(s.as("ben").Evaluate(ctx, api.Call{Device: "acme/main/prod-1", Path: "/fhir/Patient/1"}))
	for _, c := range shown.Checks {
		got = append(got, c.Check)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-core +shown):\n%s", diff)
	}
}

// The answer to "what if" is that of the gate itself.
func TestEvaluateAgreesWithTheGate(t *testing.T) {
	s := open(t)
	credential := s.MustProduction("acme")
	narrow, err := s.CreateContract(s.Ben, gate.Contract{Account: credential.Device.Account, First: "2029-01-01", Last: "2029-12-31", Zone: "UTC",
		Grant: gate.Grant{Behaviors: []string{"fhir-query"}, Purposes: []gate.Purpose{gate.Treatment}}})
	if err != nil {
		t.Fatal(err)
	}
	foreign := s.MustContract(s.MustAccount("other"))
	term, late := gatetest.Epoch.AddDate(0, 0, 370), gatetest.Epoch.AddDate(2, 0, 0) // a certificate lasts 397 days
	for _, row := range []struct {
		name string
		call api.Call
		want gate.Reason
	}{
		{"now", api.Call{Path: "/fhir/Patient/1"}, gate.Allowed},
		{"under the next contract", api.Call{Path: "/fhir/Patient/1", Contract: narrow.ID}, gate.ContractNotYetStarted},
		{"between two terms", api.Call{Path: "/fhir/Patient/1", At: &term}, gate.ContractNotYetStarted},
		{"after the certificate", api.Call{Path: "/fhir/Patient/1", At: &late}, gate.CertificateExpired},
	} {
		row.call.Device = "acme/main/prod-1"
		got := check[*api.Explanation](t)(s.as("ben").Evaluate(ctx, row.call))
		if got.Reason != row.want.String() || got.Allowed != (row.want == gate.Allowed) {
			t.Errorf("%s: %s, want %s", row.name, got.Reason, row.want)
		}
		if row.call.Contract != "" {
			continue // what the gate cannot be asked
		}
		if row.call.At != nil {
			s.Advance(row.call.At.Sub(s.Now()))
		}
		if d := s.Check(credential.Request("GET", row.call.Path)); d.Reason != row.want {
			t.Errorf("%s: the gate says %s", row.name, d.Reason)
		}
	}
	_, err = s.as("ben").Evaluate(ctx, api.Call{Device: "acme/main/prod-1", Path: "/", Contract: foreign.ID})
	if err == nil || !strings.HasPrefix(err.Error(), "contract: ") {
		t.Errorf("another account's contract: %v", err)
	}
}

// watching is a client that watches, with what it is told.
type watching struct {
	told chan api.Told
	done chan error
}

func watch(ctx context.Context, c *api.Client, q api.DecisionQuery) *watching {
	w := &watching{told: make(chan api.Told, 16), done: make(chan error, 1)}
	go func() {
		w.done <- c.Watch(ctx, q, func(told api.Told) error {
			w.told <- told
			return nil
		})
	}()
	return w
}

// await does something again and again until the watcher is told of it: it does not say when it has begun.
func (w *watching) await(t *testing.T, do func()) api.Told {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	late := time.After(10 * time.Second)
	for {
		do()
		select {
		case told := <-w.told:
			return told
		case err := <-w.done:
			t.Fatalf("the stream ended: %v", err)
		case <-late:
			t.Fatal("nothing was told")
		case <-again.C:
		}
	}
}

func (w *watching) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-w.done:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("the stream does not end")
		return nil
	}
}

func TestAStreamTellsOfOneCustomerUntilItEnds(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := open(t)
	acme, other := s.MustProduction("acme"), s.MustProduction("other")
	ended := make(chan struct{})
	site := httptest.NewServer(&api.Staff{Authority: func() *authority.Authority { return s.Authority }, Config: s.config, Actor: s.actor, Ended: ended})
	defer site.Close()
	client := func(name string) *api.Client {
		return &api.Client{Base: site.URL, HTTP: &http.Client{Transport: known{s, name}, Timeout: time.Nanosecond}} // a stream has no timeout
	}
	refuse := func() {
		s.Check(other.Request("GET", "/none"))
		s.Check(acme.Request("GET", "/none"))
	}

	ben := watch(ctx, client("ben"), api.DecisionQuery{Account: "acme"})
	if told := ben.await(t, refuse); told.Decision == nil || told.Decision.Device != acme.Device.ID || told.Decision.Reason != "behavior-unknown" {
		t.Errorf("%+v", told)
	}
	gone, leave := context.WithCancel(ctx)
	eve := watch(gone, client("eve"), api.DecisionQuery{})
	eve.await(t, refuse)
	leave()
	if err := eve.end(t); !errors.Is(err, context.Canceled) {
		t.Errorf("a watcher who left: %v", err)
	}

	// Who may no longer read is cut off, and nobody else.
	cho := watch(ctx, client("cho"), api.DecisionQuery{Device: "acme/main/prod-1", Reason: "behavior-unknown"})
	cho.await(t, refuse)
	check[*api.Person](t)(s.as("cho").DisablePerson(ctx, "ben", "Left."))
	s.Advance(10 * time.Second)
	for ended := false; !ended; {
		select {
		case <-ben.told:
		case err := <-ben.done:
			if ended = true; !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("ben is cut off: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("ben watches on")
		}
	}
	cho.await(t, refuse)
	close(ended)
	if err := cho.end(t); err != nil {
		t.Errorf("the site ended: %v", err)
	}
	site.Close()
	s.admin.Close()
	s.public.Close()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
