package api_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func TestALeakIsReportedOverTheAPI(t *testing.T) {
	s := open(t)
	c := s.MustProduction("acme")
	s.Check(c.Request("GET", "/fhir/Patient/1"))
	ben := s.as("ben")
	leak := check[*api.Leak](t)(ben.ReportLeak(ctx, api.NewLeak{Key: c.Key + "\n", Why: "In a paste."}))
	if leak.Credential.ID != string(c.KeyID) || leak.Credential.State != "revoked" || leak.Credential.Key != "" || len(leak.Others) != 1 || len(leak.Calls) != 1 {
		t.Errorf("%+v", leak)
	}
	again := check[*api.Leak](t)(ben.ReportLeak(ctx, api.NewLeak{Key: c.Key, Why: "In a paste."}))
	if again.Credential.ID != leak.Credential.ID {
		t.Errorf("again: %+v", again)
	}
	crt := check[*api.Leak](t)(ben.ReportLeak(ctx, api.NewLeak{Fingerprint: &c.Certificate.Fingerprint, Why: "The laptop too."}))
	if crt.Credential.ID != string(c.Certificate.ID) || len(crt.Others) != 0 {
		t.Errorf("%+v", crt)
	}
	_, err := ben.ReportLeak(ctx, api.NewLeak{Key: c.Key, Why: "In a paste."}, api.Idempotent("once"))
	var refused *gate.Error
	if !errors.As(err, &refused) || refused.Field != "Idempotency-Key" {
		t.Errorf("with an Idempotency-Key: %v", err)
	}
	if got := s.send(raw{method: "POST", path: "/v1/credentials/leaked", headers: []string{"Content-Type: application/json"}, body: `{"key": "x", "why": "y"}`}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a malformed key: %d %s", got.status, got.body)
	}
}
