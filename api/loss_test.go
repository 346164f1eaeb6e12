package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// quarantined is a world whose store was found older than a checkpoint outside.
func quarantined(t *testing.T) *sites {
	t.Helper()
	s := open(t)
	loss := &gate.Loss{
		ID: "los_0000000000000000000000000g", Since: s.Now(), FoundAt: s.Now(),
		Lost: gate.LostPart{Kept: s.Store().EventCount(), Size: s.Store().EventCount() + 20, Root: gate.FingerprintOf([]byte("root")), Until: s.Now().Add(time.Hour)},
	}
	check[gate.Event](t)(s.Store().Update(func(tx *certstore.Tx) (gate.Event, error) {
		certstore.Put(tx, loss)
		return gate.Event{Verb: gate.StoreQuarantined, At: s.Now(), By: gate.Actor{Name: "certgate"}, Object: string(loss.ID), Lost: &loss.Lost}, nil
	}))
	a := check[*authority.Authority](t)(authority.Open(authority.Options{Store: s.Store(), Now: s.Now, NoJobs: true}))
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	s.Authority, s.Config = a, check[*authority.Config](t)(a.Start(gatetest.Settings()))
	return s
}

func TestALossIsShownProposedAndAccepted(t *testing.T) {
	s := quarantined(t)
	ben, cho, eve := s.as("ben"), s.as("cho"), s.as("eve")
	probe := &api.Health{Authority: func() *authority.Authority { return s.Authority }}
	ready := httptest.NewRecorder()
	probe.ServeHTTP(ready, httptest.NewRequest(http.MethodGet, "/ready", nil))
	if ready.Code != http.StatusServiceUnavailable || !strings.Contains(ready.Body.String(), "20 events since") {
		t.Errorf("ready: %d %s", ready.Code, ready.Body)
	}
	golden(t, "loss", check[*api.Loss](t)(ben.Loss(ctx)))
	_, err := ben.CreateAccount(ctx, api.NewAccount{Slug: "acme", Name: "Acme", Zone: "UTC", Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Ann", Email: "ann@acme.example"}}})
	wantKind(t, err, gate.Conflict)
	_, err = ben.ProposeLoss(ctx, "The disk burned.")
	wantKind(t, err, gate.Forbidden)
	check[*api.Loss](t)(cho.ProposeLoss(ctx, "The disk burned."))
	_, err = cho.AcceptLoss(ctx)
	wantKind(t, err, gate.Forbidden)
	check[*api.Loss](t)(cho.ProposeLoss(ctx, "The disk burned, and so did the copies."))
	_, err = eve.AcceptLoss(ctx)
	wantKind(t, err, gate.Stale)
	var etag string
	check[*api.Loss](t)(eve.Loss(ctx, api.KeepETag(&etag)))
	golden(t, "loss-accepted", check[*api.Loss](t)(eve.AcceptLoss(ctx, api.IfMatch(etag))))
	if s.Ready() != nil {
		t.Errorf("afterwards: %v", s.Ready())
	}
	_, err = eve.AcceptLoss(ctx, api.IfMatch(etag))
	wantKind(t, err, gate.Conflict)
	check[*api.Account](t)(ben.CreateAccount(ctx, api.NewAccount{Slug: "acme", Name: "Acme", Zone: "UTC", Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Ann", Email: "ann@acme.example"}}}))
}

func TestWithoutALossThereIsNothingToAccept(t *testing.T) {
	s := open(t)
	_, err := s.as("ben").Loss(ctx)
	wantKind(t, err, gate.NotFound)
	_, err = s.as("cho").ProposeLoss(ctx, "x")
	wantKind(t, err, gate.Conflict)
}
