package authority_test

import (
	"strings"
	"testing"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func TestTheLastUsableCredentialIsNotRevokedByAccident(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	key, crt := string(acme.got.KeyID), string(acme.got.Certificate.ID)
	superseded := authority.Revoking{Reason: gate.Superseded, Why: "replaced"}
	for _, id := range []string{key, crt} {
		err := o.RevokeCredential(o.ben, id, superseded)
		refused(t, "the last "+id, err, gate.Conflict)
		if err == nil || !strings.Contains(err.Error(), "acme/main/prod") {
			t.Errorf("it does not say whose: %v", err)
		}
	}
	if r := o.reason(acme.got); r != gate.Allowed {
		t.Fatalf("the refused revocation: %s", r)
	}
	next, err := o.renewKey(acme.got)
	must(t, err)
	must(t, o.RevokeCredential(o.ben, key, superseded)) // there is another
	refused(t, "now the last", o.RevokeCredential(o.ben, string(next.KeyID), superseded), gate.Conflict)
	must(t, o.RevokeCredential(o.ben, string(next.KeyID), authority.Revoking{Reason: gate.KeyCompromise, Why: "stolen"}))
	superseded.Last = true
	must(t, o.RevokeCredential(o.ben, crt, superseded))
	refused(t, "twice", o.RevokeCredential(o.ben, crt, superseded), gate.Conflict)
	refused(t, "none of ours", o.RevokeCredential(o.ben, "acc_1", superseded), gate.NotFound)
}

// A renewal never ends what anybody may be using, and what is retiring or waiting does not make the last one that works expendable.
func TestARenewalEndsNothingThatWasUsed(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	if r := o.reason(acme.got); r != gate.Allowed {
		t.Fatal(r)
	}
	o.tick()
	next, _, err := o.renewCertificate(acme.got, newCSR(t), "")
	must(t, err)
	keyed, err := o.renewKey(acme.got)
	must(t, err)
	for name, got := range map[string]*authority.Credential{"the old pair": acme.got, "the new certificate": next, "the new key": keyed} {
		if r := o.reason(got); r != gate.Allowed {
			t.Errorf("%s: %s", name, r)
		}
	}
	o.tick()
	_, _, err = o.renewCertificate(next, newCSR(t), acme.got.Certificate.ID)
	if err == nil || o.Directory().Certificate(acme.got.Certificate.ID).Revoked != nil {
		t.Errorf("one that was used was replaced: %v", err)
	}
	if r := o.reason(acme.got); r != gate.Allowed {
		t.Errorf("the old pair after a renewal that was refused: %s", r)
	}
}
