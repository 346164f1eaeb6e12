package authority_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
	"github.com/onerecord/certgate/issuer"
)

func TestALeakedKeyIsFoundRevokedAndTold(t *testing.T) {
	w := gatetest.New(t)
	c := w.MustProduction("acme")
	if reason := decided(t, w, c); reason != gate.Allowed {
		t.Fatal(reason)
	}
	id, err := w.Leaked(w.Ben, authority.Leak{Key: c.Key, Why: "in a public repository"})
	if err != nil || id != string(c.KeyID) {
		t.Fatalf("%q, %v", id, err)
	}
	if reason := decided(t, w, c); reason != gate.InvalidToken {
		t.Errorf("the next request is %s", reason)
	}
	if r := w.Directory().Key(c.KeyID).Revoked; r == nil || r.Reason != gate.KeyCompromise || r.By != w.Ben.Staff {
		t.Errorf("revoked: %+v", r)
	}
	uses := w.UsesOf(id, w.Now().Add(-1))
	if len(uses) != 2 || uses[0].Reason != gate.InvalidToken || uses[1].Reason != gate.Allowed {
		t.Errorf("what was done with it: %+v", uses)
	}
	events := w.Store().EventCount()
	if again, err := w.Leaked(w.Ben, authority.Leak{Key: c.Key, Why: "again"}); err != nil || again != id || w.Store().EventCount() != events {
		t.Errorf("a second report: %q, %v, %d more events", again, err, w.Store().EventCount()-events)
	}
	holdsNot(t, w, c.Key)
}

// holdsNot fails if the log holds a secret, or a part of it that is worth having.
func holdsNot(t *testing.T, w *gatetest.World, secret string) {
	t.Helper()
	leaves, err := w.Store().Leaves(0, int(w.Store().EventCount()))
	if err != nil {
		t.Fatal(err)
	}
	list, err := w.Notices("", 100)
	if err != nil {
		t.Fatal(err)
	}
	notices, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append(leaves, notices) {
		if bytes.Contains(text, []byte(secret[len(secret)/2:])) {
			t.Errorf("the secret is in %s", text)
		}
	}
}

func decided(t *testing.T, w *gatetest.World, c *gatetest.Credential) gate.Reason {
	t.Helper()
	call, err := w.Config.Check(c.Request("GET", "/fhir/Patient/1"))
	if err != nil {
		t.Fatal(err)
	}
	defer call.Done(authority.Outcome{})
	return call.Reason
}

func TestALeakedPrivateKeyEndsItsCertificate(t *testing.T) {
	w := gatetest.New(t)
	a, b := w.MustProduction("acme"), w.MustProduction("beta")
	for _, c := range []struct {
		leak authority.Leak
		of   *gatetest.Credential
	}{
		{authority.Leak{Fingerprint: a.Certificate.Fingerprint, Why: "stolen"}, a},
		{authority.Leak{Certificate: issuer.CertificatePEM(b.TLS.Certificate[0]), Why: "stolen"}, b},
	} {
		id, err := w.Leaked(w.Ben, c.leak)
		if err != nil || id != string(c.of.Certificate.ID) {
			t.Fatalf("%q, %v", id, err)
		}
		if reason := decided(t, w, c.of); reason != gate.CertificateRevoked {
			t.Errorf("the next request is %s", reason)
		}
	}
}

func TestWhatNobodyHasIsSaidAndNotKept(t *testing.T) {
	w := gatetest.New(t)
	c := w.MustProduction("acme")
	events := w.Store().EventCount()
	never, _, err := gate.NewKey(gate.Production, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]struct {
		leak authority.Leak
		kind gate.Kind
	}{
		"a key that never was":       {authority.Leak{Key: never, Why: "x"}, gate.NotFound},
		"the handle of one, forged":  {authority.Leak{Key: forged(c.Key), Why: "x"}, gate.NotFound},
		"a token that never was":     {authority.Leak{Key: strings.Repeat("t", 40), Why: "x"}, gate.NotFound},
		"a key with a letter lost":   {authority.Leak{Key: c.Key[:30] + c.Key[31:], Why: "x"}, gate.Invalid},
		"an unknown certificate":     {authority.Leak{Fingerprint: gate.FingerprintOf([]byte("x")), Why: "x"}, gate.NotFound},
		"no certificate":             {authority.Leak{Certificate: []byte("x"), Why: "x"}, gate.Invalid},
		"nothing":                    {authority.Leak{Why: "x"}, gate.Invalid},
		"two at once":                {authority.Leak{Key: c.Key, Fingerprint: c.Certificate.Fingerprint, Why: "x"}, gate.Invalid},
		"the key in the explanation": {authority.Leak{Key: c.Key, Why: "found " + c.Key}, gate.Invalid},
		"no explanation":             {authority.Leak{Key: c.Key}, gate.Invalid},
	} {
		id, err := w.Leaked(w.Ben, bad.leak)
		if gate.KindOf(err) != bad.kind || id != "" {
			t.Errorf("%s: %q, %v", name, id, err)
		}
		if err != nil && bad.leak.Key != "" && strings.Contains(err.Error(), bad.leak.Key[15:25]) {
			t.Errorf("%s: the error holds part of the key: %v", name, err)
		}
	}
	if n := w.Store().EventCount() - events; n != 0 {
		t.Errorf("%d events", n)
	}
}

// forged is a key with the handle of another and a secret of its own.
func forged(key string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	body := key[:15] + strings.Repeat("z", 32)
	sum, tail := crc32.ChecksumIEEE([]byte(body)), [6]byte{}
	for i := len(tail) - 1; i >= 0; i-- {
		tail[i], sum = digits[sum%62], sum/62
	}
	return body + string(tail[:])
}
