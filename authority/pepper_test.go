package authority_test

import (
	"slices"
	"testing"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// pepper draws a new version, by two.
func pepper(t *testing.T, w *gatetest.World) {
	t.Helper()
	_, err := w.RotateSecret(w.Cho, authority.SecretRotation{Change: gate.RotatePepper, Why: "once a year"})
	must(t, err)
	_, err = w.ConfirmSecret(w.Eve)
	must(t, err)
}

// uses are the numbers of keys and of tokens among them, by the version of the pepper, the oldest first.
func uses(w *gatetest.World) (list [][2]int) {
	for _, p := range w.Peppers() {
		list = append(list, [2]int{p.Keys, p.Tokens})
	}
	return list
}

func wantUses(t *testing.T, w *gatetest.World, want ...[2]int) {
	t.Helper()
	if got := uses(w); !slices.Equal(got, want) {
		t.Errorf("keys and tokens by pepper %v, want %v", got, want)
	}
}

func TestTheNewPepperIsForNewKeysAndTheOthersKeepTheirs(t *testing.T) {
	w := gatetest.New(t)
	acme := w.MustProduction("acme")
	wantUses(t, w, [2]int{1, 0})
	pepper(t, w)
	bell := w.MustProduction("bell")
	wantUses(t, w, [2]int{1, 0}, [2]int{1, 0})
	for name, p := range map[string]*gatetest.Credential{"from before": acme, "from after": bell} {
		if got := w.Check(p.Request("GET", "/fhir/Patient/1")); got.Reason != gate.Allowed {
			t.Errorf("a key %s: %s", name, got.Reason)
		}
	}
	if w.NewestPepper() != 2 {
		t.Errorf("the newest is %d", w.NewestPepper())
	}

	// An old one is done with when the keys under it have ended.
	key := w.Directory().Keys(acme.Device.ID)[0]
	if !key.Outlived(w.NewestPepper(), w.Now()) {
		t.Error("the key from before is not listed as one under an old pepper")
	}
	must(t, w.RevokeCredential(w.Ben, string(key.ID), authority.Revoking{Reason: gate.Superseded, Why: "its pepper is old", Last: true}))
	wantUses(t, w, [2]int{}, [2]int{1, 0})
}

func TestTokensFromBeforePassUnderEachPepper(t *testing.T) {
	w := gatetest.New(t)
	ca := gatetest.NewForeignCA(t, "Acme Private CA", w.Now())
	for _, slug := range []string{"acme", "bell", "core"} {
		crt := ca.Issue(nil)
		id, err := w.Import(w.Cho, takeover(incumbent(slug, authority.OldCredentials{Tokens: []string{oldToken + slug},
			Certificates: []string{gatetest.PEM(crt.Leaf.Raw) + ca.PEM()}})))
		must(t, err)
		must(t, w.ConfirmImport(w.Eve, id))
		pepper(t, w)
		if got := w.Check(oldCall(w, oldToken+slug, &crt)); got.Reason != gate.Allowed {
			t.Errorf("%s: %s", slug, got.Reason)
		}
	}
	if !w.KnownToken(oldToken+"acme") || w.KnownToken(oldToken) {
		t.Error("the first token is not known any more, or one that never was is")
	}
	wantUses(t, w, [2]int{1, 1}, [2]int{1, 1}, [2]int{1, 1}, [2]int{})
}

func TestARotationTakesTwo(t *testing.T) {
	o := newOffice(t)
	_, err := o.RotateSecret(o.ben, authority.SecretRotation{Change: gate.RotatePepper, Why: "why not"})
	refused(t, "an operator", err, gate.Forbidden)
	_, err = o.RotateSecret(o.cho, authority.SecretRotation{Change: gate.RotatePepper})
	refused(t, "no reason", err, gate.Invalid)
	_, err = o.RotateSecret(o.cho, authority.SecretRotation{Change: "everything", Why: "because"})
	refused(t, "nothing that can be rotated", err, gate.Invalid)
	_, err = o.ConfirmSecret(o.eve)
	refused(t, "nothing proposed", err, gate.Conflict)

	_, err = o.RotateSecret(o.cho, authority.SecretRotation{Change: gate.RotatePepper, Why: "once a year"})
	must(t, err)
	_, err = o.ConfirmSecret(o.cho)
	refused(t, "the same admin", err, gate.Forbidden)
	if got := o.NewestPepper(); got != 1 {
		t.Fatalf("pepper %d before it was confirmed", got)
	}
	done, err := o.ConfirmSecret(o.eve)
	must(t, err)
	if got := verbs(o.events(0)); done.Proposal != nil || !slices.Contains(got, gate.PepperRotationProposed) || got[len(got)-1] != gate.PepperRotated {
		t.Errorf("%+v, events %v", done, got)
	}
}
