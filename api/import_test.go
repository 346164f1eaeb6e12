package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// bringing is a customer from before whose device brings a token and a certificate along.
func bringing(slug, token string, certificates ...string) api.OldCustomer {
	in := old(slug)
	in.Devices[0].Tokens, in.Devices[0].Certificates = []string{token}, certificates
	return in
}

func TestOfFiveHundredCustomersWithCredentialsOneIsWrongThenAllComeInAndCount(t *testing.T) {
	s := open(t)
	ca := gatetest.NewForeignCA(t, "Shared CA", s.Now())
	in := api.NewImport{Source: "the old gateway", CAs: []string{ca.PEM()}}
	for i := range 500 {
		if i%2 == 1 { // these enroll
			in.Customers = append(in.Customers, old(fmt.Sprintf("clinic-%d", i+1)))
			continue
		}
		crt := ca.Issue(nil)
		in.Customers = append(in.Customers, bringing(fmt.Sprintf("clinic-%d", i+1), fmt.Sprintf("a-secret-token-of-clinic-%d", i+1), gatetest.PEM(crt.Leaf.Raw)))
	}
	right := in.Customers[316].Devices[0].Tokens[0]
	in.Customers[316].Devices[0].Tokens[0] = "a-secret-token-of-clinic-315"
	events := s.Store().EventCount()
	_, err := s.as("cho").Import(ctx, in)
	if e, ok := errors.AsType[*gate.Error](err); !ok || e.Field != "customers[316].devices[0].tokens[0]" || strings.Contains(err.Error(), "a-secret") {
		t.Errorf("error %v", err)
	}
	if now := s.Store().EventCount(); now != events || len(s.Directory().Keys("")) != 0 || len(s.Directory().CAs()) != 4 {
		t.Errorf("%d events came about", now-events)
	}
	in.Customers[316].Devices[0].Tokens[0] = right
	made := check[*api.Imported](t)(s.as("cho").Import(ctx, in, api.Idempotent("once")))
	again := check[*api.Imported](t)(s.as("cho").Import(ctx, in, api.Idempotent("once")))
	if made.Credentials != 500 || again.ID != made.ID || s.Store().EventCount() != events+1 {
		t.Errorf("%+v", again)
	}
	obstacles, err := s.CheckAll(0)
	if err != nil || len(obstacles) != 500 {
		t.Errorf("%d would fail: %v", len(obstacles), err)
	}
	confirmed := check[*api.Import](t)(s.as("eve").ConfirmImport(ctx, string(made.ID)))
	if confirmed.Waiting != 0 || confirmed.Tokens != 250 || len(confirmed.CAs) != 1 {
		t.Errorf("%d wait", confirmed.Waiting)
	}
	if obstacles, err = s.CheckAll(30); err != nil || len(obstacles) != 250 || obstacles[0].Reason != gate.CertificateRequired {
		t.Errorf("%d would fail: %v", len(obstacles), err)
	}
}

func TestAnImportIsShownWithoutItsTokens(t *testing.T) {
	s := open(t)
	ca := gatetest.NewForeignCA(t, "Acme Private CA", s.Now())
	crt := ca.Issue(nil)
	const token = "a-secret-token-of-many-years.~+/=="
	made := check[*api.Imported](t)(s.as("cho").Import(ctx, api.NewImport{Source: "the old gateway", Customers: []api.OldCustomer{bringing("acme", token, gatetest.PEM(crt.Leaf.Raw)+ca.PEM())}}))
	list := check[*api.Page[api.Import]](t)(s.as("ben").Imports(ctx, api.Query{}))
	if len(list.Items) != 1 || list.Items[0].ID != made.ID || list.Items[0].Waiting != 2 || list.Items[0].Credentials != nil {
		t.Errorf("%+v", list.Items)
	}
	shown := check[*api.Import](t)(s.as("ben").ShowImport(ctx, string(made.ID)))
	if len(shown.Credentials) != 2 || shown.Credentials[0].State != "waiting" || shown.Credentials[0].Handle[0] != '~' || shown.CAs[0].Role != "waiting" || shown.CAs[0].CRLPath != "" {
		t.Errorf("%+v", shown)
	}
	_, err := s.as("cho").ConfirmImport(ctx, string(made.ID))
	wantKind(t, err, gate.Forbidden)
	_, err = s.as("eve").ConfirmImport(ctx, "imp_00000000000000000000000000")
	wantKind(t, err, gate.NotFound)
	check[*api.Import](t)(s.as("eve").ConfirmImport(ctx, string(made.ID)))
	credentials := check[*api.Page[api.Credential]](t)(s.as("ben").Credentials(ctx, api.Query{Account: "acme"}))
	for _, c := range credentials.Items {
		if c.Imported == nil || c.Imported.Import.By != s.Cho.Staff || c.Imported.Confirmed == nil || c.Imported.Confirmed.By != s.Eve.Staff {
			t.Errorf("%+v", c)
		}
	}
	events := check[[]*gate.Event](t)(eventsFrom(s, 0))
	for _, v := range []any{shown, credentials, events, s.Directory().Keys("")} {
		if said, err := json.Marshal(v); err != nil || strings.Contains(string(said), token[:20]) {
			t.Errorf("the token is in %T: %v", v, err)
		}
	}
	_, err = s.as("ben").RejectImport(ctx, string(made.ID), "late")
	wantKind(t, err, gate.Conflict)
	_, err = s.as("ben").Onboard(ctx, newcomer("beta"))
	if err != nil {
		t.Error(err)
	}
}

func TestAnImportThatIsNotUnderstoodNeverRepeatsASecret(t *testing.T) {
	s := open(t)
	for _, body := range []string{
		`{"source":"x","customers":[{"account":{"slug":"acme"},"devices":[{"slug":"p","tokens":"a-secret-token"}]}]}`,
		`{"source":"x","customers":[{"account":{"slug":"acme"},"devices":[{"slug":"p","tokens":[{"token":"a-secret-token"}]}]}]}`,
		`{"source":"x","customers":[{"account":{"slug":"acme"},"devices":[{"slug":"p","tokens":["a-secret-token"]}]}]}`,
		`{"source":"x","customers":[{"account":{"slug":"acme"},"devices":[{"slug":"p","environment":"a-secret-token"}]}],"tokens":"a-secret-token"}`,
		`{"source":"x","customers":[{"account":{"slug":"acme"},"tokens":["a-secret-token"]}]`,
	} {
		got := s.send(raw{as: "cho", method: "POST", path: "/v1/import", body: body})
		if got.status != 400 && got.status != 422 || strings.Contains(got.body, "a-secret-token") && !strings.Contains(got.body, "environment") {
			t.Errorf("%s\n%d %s", body, got.status, got.body)
		}
	}
}
