package authority_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
	"github.com/onerecord/certgate/issuer"
)

// pair is a key pair of its own, with a signing request for it.
type pair struct {
	key  crypto.Signer
	csr  []byte
	spki gate.Fingerprint
	pem  []byte // the public key
}

func newPair(t testing.TB) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	must(t, err)
	return pair{key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}), gate.FingerprintOf(der),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
}

// blockedBy is the cause for which a public key is on the list; empty: it is not.
func blockedBy(a *authority.Authority, spki gate.Fingerprint) gate.BlockCause {
	b, _ := a.Directory().BlockedPublicKey(spki)
	return b.Cause
}

func TestWhateverSaysCompromisedBlocksThePublicKey(t *testing.T) {
	for name, revoke := range map[string]func(w *gatetest.World, c *gatetest.Credential) error{
		"revoked as compromised": func(w *gatetest.World, c *gatetest.Credential) error {
			return w.RevokeCredential(w.Ben, string(c.Certificate.ID), authority.Revoking{Reason: gate.KeyCompromise, Why: "stolen"})
		},
		"reported as leaked": func(w *gatetest.World, c *gatetest.Credential) error {
			_, err := w.Leaked(w.Ben, authority.Leak{Fingerprint: c.Certificate.Fingerprint, Why: "stolen"})
			return err
		},
		"reported as leaked after it was superseded": func(w *gatetest.World, c *gatetest.Credential) error {
			_, err := w.RevokeCertificate(w.Ben, c.Certificate.ID, gate.Superseded, "replaced")
			if err == nil && blockedBy(w.Authority, c.Certificate.PublicKey) != "" {
				err = errors.New("superseded blocks the key")
			}
			if err == nil {
				_, err = w.Leaked(w.Ben, authority.Leak{Fingerprint: c.Certificate.Fingerprint, Why: "stolen"})
			}
			return err
		},
	} {
		w := gatetest.New(t)
		c := w.MustProduction("acme")
		before := w.Store().EventCount()
		must(t, revoke(w, c))
		if got := blockedBy(w.Authority, c.Certificate.PublicKey); got != gate.BlockedAsCompromised {
			t.Errorf("%s: %q", name, got)
		}
		b, _ := w.Directory().BlockedPublicKey(c.Certificate.PublicKey)
		if b.Why != "" || b.By == "" || b.At.IsZero() {
			t.Errorf("%s: %+v: the reason of a revocation may name a customer", name, b)
		}
		// The same commit: no event stands between.
		last, err := w.Store().Events(before, 5)
		must(t, err)
		if e := last[len(last)-1]; !writes(e, gate.BlockedKeyRecord) {
			t.Errorf("%s: the last event is %s and writes %v", name, e.Verb, e.Changes)
		}
	}
}

func writes(e gate.Event, kind gate.RecordKind) bool {
	for _, c := range e.Changes {
		if c.Kind == kind {
			return true
		}
	}
	return false
}

func TestABlockedPublicKeyGetsNoCertificateByAnyWay(t *testing.T) {
	o := newOffice(t)
	p := newPair(t)
	_, err := o.BlockPublicKey(o.ben, authority.Blocking{Text: p.csr, Why: "found in a firmware image"})
	must(t, err)
	want := func(way string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "may be in other hands") {
			t.Errorf("%s: %v", way, err)
		}
	}
	c := o.customer("acme")
	next := o.device(c.account, "pre", gate.Preprod)
	_, token := o.release(next.ID, "")
	_, err = o.Redeem(token, p.csr)
	want("a link", err)
	_, err = o.ProposeStaff(o.by("cho"), gate.Staff{Name: "gus", Email: "gus@example.com", Roles: []gate.Role{gate.Auditor}}, p.csr)
	want("a person", err)
	if _, err := o.Redeem(token, newCSR(t)); err != nil {
		t.Errorf("the link is of use for another key: %v", err)
	}
}

func TestABlockedPublicKeyIsNotRenewedTo(t *testing.T) {
	w := gatetest.New(t)
	c := w.MustProduction("acme")
	p := newPair(t)
	_, err := w.BlockPublicKey(w.Ben, authority.Blocking{PublicKey: p.spki, Why: "found in a firmware image"})
	must(t, err)
	call, err := w.Config.Entitle(c.Request("POST", "/.well-known/certgate/certificate"))
	must(t, err)
	defer call.Done(authority.Outcome{})
	if _, err := w.RenewCertificate(call, p.csr, ""); !errors.Is(err, gate.Invalid) || !strings.Contains(err.Error(), "never gets a certificate again") {
		t.Errorf("%v", err)
	}
	if _, err := w.RenewCertificate(call, newPair(t).csr, ""); err != nil {
		t.Errorf("another key: %v", err)
	}
}

func TestALinkIsNotRedeemedAgainForARevokedCertificate(t *testing.T) {
	for _, reason := range []gate.RevocationReason{gate.KeyCompromise, gate.Superseded} {
		w := gatetest.New(t)
		device := w.MustDevice(w.MustAccount("acme"), "pre", gate.Preprod)
		_, token := w.MustRelease(device)
		p := newPair(t)
		got, err := w.Redeem(token, p.csr)
		must(t, err)
		_, err = w.RevokeCertificate(w.Ben, got.Certificate.ID, reason, "stolen on its way")
		must(t, err)
		keys := len(w.Directory().Keys(device.ID))
		if _, err := w.Redeem(token, p.csr); err == nil {
			t.Errorf("%s: redeemed again", reason)
		}
		if n := len(w.Directory().Keys(device.ID)); n != keys {
			t.Errorf("%s: %d keys, %d before", reason, n, keys)
		}
	}
}

func TestALiveCertificateIsNamedBeforeItsKeyIsBlocked(t *testing.T) {
	w := gatetest.New(t)
	c := w.MustProduction("acme")
	in := authority.Blocking{Text: issuer.CertificatePEM(c.TLS.Certificate[0]), Why: "on a lost laptop"}
	events := w.Store().EventCount()
	_, err := w.BlockPublicKey(w.Ben, in)
	if !errors.Is(err, gate.Conflict) || !strings.Contains(err.Error(), string(c.Certificate.ID)+" of acme/main/prod-1") || !strings.Contains(err.Error(), "--revoke") {
		t.Errorf("%v", err)
	}
	if w.Store().EventCount() != events {
		t.Error("a refused one left an event")
	}
	in.Revoke = true
	_, err = w.BlockPublicKey(w.Ben, in)
	must(t, err)
	if reason := decided(t, w, c); reason != gate.CertificateRevoked {
		t.Errorf("the next request is %s", reason)
	}
	if got := w.Directory().Certificate(c.Certificate.ID).Revoked; got == nil || got.Reason != gate.KeyCompromise {
		t.Errorf("%+v", got)
	}
	last, err := w.Store().Events(w.Store().EventCount()-1, 1)
	must(t, err)
	if e := last[0]; e.Verb != gate.PublicKeyBlocked || e.Account != c.Device.Account || !writes(e, gate.NoticeRecord) {
		t.Errorf("%+v", e)
	}
	if _, err := w.BlockPublicKey(w.Ben, in); !errors.Is(err, gate.Exists) {
		t.Errorf("once more: %v", err)
	}
}

func TestTheKeyOfACAInForceIsNotBlockedByOnePerson(t *testing.T) {
	w := gatetest.New(t)
	_, err := w.BlockPublicKey(w.Ben, authority.Blocking{Text: issuer.CertificatePEM(w.Directory().CAs()[0].DER), Why: "x"})
	if !errors.Is(err, gate.Conflict) || !strings.Contains(err.Error(), "ca retire") {
		t.Errorf("%v", err)
	}
}

func TestWhatIsNoPublicKeyIsNotBlocked(t *testing.T) {
	w := gatetest.New(t)
	p := newPair(t)
	der, err := issuer.MarshalKey(p.key)
	must(t, err)
	for name, c := range map[string]struct {
		in   authority.Blocking
		want string
	}{
		"nothing":        {authority.Blocking{Why: "x"}, "give exactly one"},
		"two at once":    {authority.Blocking{PublicKey: p.spki, Text: p.pem, Why: "x"}, "give exactly one"},
		"no reason":      {authority.Blocking{Text: p.pem}, "why: must not be empty"},
		"a private key":  {authority.Blocking{Text: issuer.KeyPEM(der), Why: "x"}, "this is a private key"},
		"two keys":       {authority.Blocking{Text: append(p.pem, newPair(t).pem...), Why: "x"}, "2 PEM blocks"},
		"a damaged key":  {authority.Blocking{Text: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}), Why: "x"}, "damaged"},
		"something else": {authority.Blocking{Text: pem.EncodeToMemory(&pem.Block{Type: "DH PARAMETERS", Bytes: []byte("x")}), Why: "x"}, "is expected"},
		"no PEM":         {authority.Blocking{Text: []byte("hello"), Why: "x"}, "PEM"},
	} {
		if _, err := w.BlockPublicKey(w.Ben, c.in); !errors.Is(err, gate.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(w.Directory().BlockedPublicKeys()); n != 0 {
		t.Errorf("%d are blocked", n)
	}
}

func TestABadgeThatIsRevokedBlocksItsKeyForCustomersToo(t *testing.T) {
	o := newOffice(t)
	ben, err := o.Directory().Staff(string(o.ben.Staff))
	must(t, err)
	badge := ben.Certificates[0]
	cert, err := x509.ParseCertificate(badge.DER)
	must(t, err)
	_, err = o.RevokeStaffCertificate(o.by("cho"), ben.ID, badge.Fingerprint, "laptop lost")
	must(t, err)
	if got := blockedBy(o.Authority, gate.FingerprintOf(cert.RawSubjectPublicKeyInfo)); got != gate.BlockedWithBadge {
		t.Errorf("%q", got)
	}
}

func TestTheListOutlivesTheCustomerAndTheProcess(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	c, _ := former(o)
	spki := c.got.Certificate.PublicKey
	_, err := o.RevokeCertificate(o.ben, c.got.Certificate.ID, gate.KeyCompromise, "stolen from acme")
	must(t, err)
	o.at(string(o.Directory().Contracts(c.account.ID)[0].Last.AddDays(6*365 + 10)))
	_, err = o.ProposeDeletion(o.by("cho"), c.account.ID, "six years are over")
	must(t, err)
	must(t, o.DeleteAccount(o.by("eve"), c.account.ID))
	if blockedBy(o.Authority, spki) == "" {
		t.Fatal("the key went with its customer")
	}
	dir, err := o.Store().Reread()
	must(t, err)
	if _, blocked := dir.BlockedPublicKey(spki); !blocked {
		t.Error("the key is not blocked after a restart")
	}
	must(t, o.Store().View(func(tx *certstore.Tx) error {
		b, err := certstore.Get[gate.BlockedKey](tx, spki.String())
		if err == nil && b.Why != "" {
			t.Errorf("what stays names a customer: %+v", b)
		}
		return err
	}))
}

func TestKeysThatWereCompromisedBeforeTheListAreTakenIn(t *testing.T) {
	o := newOffice(t)
	a, b, stays := o.customer("acme"), o.customer("beta"), o.customer("gamma")
	_, err := o.Store().Update(func(tx *certstore.Tx) (gate.Event, error) { // as a certgate without the list did
		for _, c := range []*customer{a, b} {
			crt, err := certstore.Get[gate.Certificate](tx, string(c.got.Certificate.ID))
			if err != nil {
				return gate.Event{}, err
			}
			revoked, err := crt.Revoke(gate.Revocation{At: o.clock.now(), By: o.ben.Staff, Reason: gate.KeyCompromise, Why: "stolen"})
			if err != nil {
				return gate.Event{}, err
			}
			certstore.Put(tx, &revoked)
		}
		return gate.Event{Verb: gate.CredentialRevoked, At: o.clock.now(), By: o.ben.Actor}, nil
	})
	must(t, err)
	events := o.Store().EventCount()
	o.pass(2 * time.Hour)
	if blockedBy(o.Authority, a.got.Certificate.PublicKey) == "" || blockedBy(o.Authority, b.got.Certificate.PublicKey) == "" {
		t.Error("a key that was revoked as compromised is not blocked")
	}
	if blockedBy(o.Authority, stays.got.Certificate.PublicKey) != "" {
		t.Error("a key that nobody reported is blocked")
	}
	found, err := o.Store().Events(events, 100)
	must(t, err)
	n := 0
	for _, e := range found {
		if e.Verb == gate.PublicKeyBlocked {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d events tell of it", n)
	}
}

func TestAnImportBringsInNoBlockedPublicKey(t *testing.T) {
	w := gatetest.New(t)
	ca := gatetest.NewForeignCA(t, "Acme CA", w.Now())
	crt := ca.Issue(nil)
	in := takeover(incumbent("acme", authority.OldCredentials{Certificates: []string{gatetest.PEM(crt.Leaf.Raw) + ca.PEM()}}))
	blocking := authority.Blocking{Text: []byte(gatetest.PEM(crt.Leaf.Raw)), Why: "found in a firmware image"}
	if _, err := w.Import(w.Cho, in); err != nil {
		t.Fatal(err)
	}
	waits := w.Directory().Certificates("")[0]
	if _, err := w.BlockPublicKey(w.Ben, blocking); !errors.Is(err, gate.Conflict) || !strings.Contains(err.Error(), string(waits.ID)) {
		t.Errorf("one that waits to be confirmed is not named: %v", err)
	}
	blocking.Revoke = true
	_, err := w.BlockPublicKey(w.Ben, blocking)
	must(t, err)
	if err := w.ConfirmImport(w.Eve, waits.Imported.Import.ID); err == nil && w.Directory().Certificate(waits.ID).State(w.Now()).Live() {
		t.Error("it was confirmed")
	}
	again := takeover(incumbent("beta", authority.OldCredentials{Certificates: []string{gatetest.PEM(crt.Leaf.Raw) + ca.PEM()}}))
	if _, err := w.Import(w.Cho, again); err == nil || !strings.Contains(err.Error(), "may be in other hands") {
		t.Errorf("imported: %v", err)
	}
}
