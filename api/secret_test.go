package api_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func TestThePepperIsRotatedByTwo(t *testing.T) {
	s := open(t)
	ben, cho, eve := s.as("ben"), s.as("cho"), s.as("eve")
	acme := s.MustProduction("acme")
	before := check[*api.Secret](t)(ben.Secret(ctx))
	if before.Version != 1 || len(before.Peppers) != 1 || before.Peppers[0].Keys != 1 || before.OldKeys != 0 {
		t.Errorf("%+v", before)
	}
	_, err := cho.RotateSecret(ctx, api.NewSecretRotation{Change: "all", Why: "because"})
	wantKind(t, err, gate.Invalid)
	_, err = ben.RotateSecret(ctx, api.NewSecretRotation{Change: gate.RotatePepper, Why: "because"})
	wantKind(t, err, gate.Forbidden)
	_, err = eve.ConfirmSecret(ctx)
	wantKind(t, err, gate.Conflict)

	s.Advance(time.Minute)
	proposed := check[*api.Secret](t)(cho.RotateSecret(ctx, api.NewSecretRotation{Change: gate.RotatePepper, Why: "once a year"}))
	if proposed.Proposal == nil || proposed.Proposal.Act.Why != "once a year" || len(proposed.Peppers) != 1 {
		t.Errorf("%+v", proposed)
	}
	_, err = cho.ConfirmSecret(ctx)
	wantKind(t, err, gate.Forbidden)
	rotated := check[*api.Secret](t)(eve.ConfirmSecret(ctx))
	if rotated.Proposal != nil || len(rotated.Peppers) != 2 || rotated.OldKeys != 1 || rotated.Peppers[1].Version != 2 {
		t.Errorf("%+v", rotated)
	}

	old := check[*api.Page[api.Credential]](t)(ben.OldPepperKeys(ctx, api.Query{}))
	if len(old.Items) != 1 || old.Items[0].ID != string(acme.KeyID) {
		t.Errorf("%+v", old)
	}
	if got := s.send(raw{method: "GET", path: "/v1/credentials?pepper=new"}); got.status != 400 && got.status != 422 {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	check[*api.Credential](t)(ben.RevokeCredential(ctx, string(acme.KeyID), api.Revocation{Reason: gate.Superseded, Why: "its pepper is old", Last: true}))
	if old = check[*api.Page[api.Credential]](t)(ben.OldPepperKeys(ctx, api.Query{})); len(old.Items) != 0 {
		t.Errorf("%+v", old)
	}
}
