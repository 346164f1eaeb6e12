package api_test

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
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

func TestTheSecretIsRotatedAndAKitTaken(t *testing.T) {
	w, identity := gatetest.NewOnDisk(t)
	s := openWorld(t, w)
	cho, eve := s.as("cho"), s.as("eve")
	s.Advance(time.Minute)
	proposed := check[*api.Secret](t)(cho.RotateSecret(ctx, api.NewSecretRotation{Change: gate.RotateSecret, Why: "who knew it has left"}))
	if proposed.Version != 1 || proposed.Proposal.Change != gate.RotateSecret || len(proposed.Recipients) != 1 || proposed.KitDue {
		t.Errorf("%+v", proposed)
	}
	begun := check[*api.Secret](t)(eve.ConfirmSecret(ctx))
	if begun.Version != 2 || begun.Rotation == nil || begun.Proposal != nil || !begun.KitDue {
		t.Errorf("%+v", begun)
	}
	_, err := cho.RotateSecret(ctx, api.NewSecretRotation{Change: gate.RotateSecret, Why: "once more"})
	wantKind(t, err, gate.Conflict)
	for n := 0; check[*api.Secret](t)(cho.Secret(ctx)).Rotation != nil; n++ {
		if n == 1000 {
			t.Fatal("the rotation does not come to its end")
		}
		s.Advance(time.Second)
		runtime.Gosched()
	}
	made := check[*api.Secret](t)(cho.MakeRecoveryKit(ctx, api.Idempotent("once")))
	kit := check[certstore.Kit](t)(certstore.ReadKit(strings.NewReader(made.RecoveryKit), identity))
	if made.KitDue || made.Kit == nil || len(kit.Secret) != 64 || len(kit.Keys) != 4 {
		t.Errorf("%+v, with %d keys", made, len(kit.Keys))
	}
	var replayed bool
	again := check[*api.Secret](t)(cho.MakeRecoveryKit(ctx, api.Idempotent("once"), api.KeepReplayed(&replayed)))
	if !replayed || again.RecoveryKit != "" || strings.Contains(check[string](t)(plain(again)), kit.Secret) {
		t.Errorf("repeated: %+v", again)
	}
}

func plain(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}
