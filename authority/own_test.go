package authority_test

import (
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

func TestACustomersOwnCAIsAllowedByTwoAdmins(t *testing.T) {
	o := newOffice(t)
	acme, beta := o.account("acme"), o.account("beta")
	ca := gatetest.NewForeignCA(t, "Acme CA", o.clock.now())
	in := authority.Allowing{Certificate: []byte(ca.PEM()), Allowance: gate.Allowance{Accounts: []gate.AccountID{acme.ID}}, Why: "runs its own"}
	_, err := o.AllowCA(o.ben, in)
	refused(t, "by an operator", err, gate.Forbidden)
	proposed, err := o.AllowCA(o.cho, in)
	must(t, err)
	if proposed.Anchors(o.clock.now()) || proposed.Allows(acme.ID, o.clock.now()) {
		t.Error("it counts before it was confirmed")
	}
	_, err = o.ConfirmCA(o.cho, proposed.Fingerprint)
	refused(t, "confirmed by who proposed", err, gate.Forbidden)
	confirmed, err := o.ConfirmCA(o.eve, proposed.Fingerprint)
	must(t, err)
	if now := o.clock.now(); !confirmed.Allows(acme.ID, now) || confirmed.Allows(beta.ID, now) || confirmed.Issues(now) || confirmed.Standby(now) {
		t.Errorf("%+v", confirmed)
	}

	in.Certificate, in.CA, in.Allowance.Accounts = nil, proposed.Fingerprint, []gate.AccountID{acme.ID, beta.ID}
	_, err = o.AllowCA(o.eve, in)
	must(t, err)
	if o.Directory().CA(proposed.Fingerprint).Allows(beta.ID, o.clock.now()) {
		t.Error("a proposal widened what is allowed")
	}
	_, err = o.DisallowCA(o.ben, proposed.Fingerprint, "")
	refused(t, "without a reason", err, gate.Invalid)
	narrowed, err := o.DisallowCA(o.ben, proposed.Fingerprint, "takes ours now")
	must(t, err)
	if narrowed.Allows(acme.ID, o.clock.now()) || narrowed.Proposal.Waits() || !narrowed.Anchors(o.clock.now()) {
		t.Errorf("%+v", narrowed)
	}
}

func TestWhatCannotBeAllowedIsRefused(t *testing.T) {
	o := newOffice(t)
	acme := o.account("acme")
	ca := gatetest.NewForeignCA(t, "Acme CA", o.clock.now())
	leaf := ca.Issue(nil)
	ours := o.Directory().CAs()[0]
	for name, edit := range map[string]func(*authority.Allowing){
		"a leaf":             func(in *authority.Allowing) { in.Certificate = []byte(gatetest.PEM(leaf.Leaf.Raw)) },
		"one of ours":        func(in *authority.Allowing) { in.Certificate = []byte(gatetest.PEM(ours.DER)) },
		"our root":           func(in *authority.Allowing) { in.Certificate = []byte(gatetest.PEM(ours.RootDER)) },
		"two":                func(in *authority.Allowing) { in.Certificate = []byte(ca.PEM() + ca.PEM()) },
		"neither":            func(in *authority.Allowing) { in.Certificate = nil },
		"both":               func(in *authority.Allowing) { in.CA = ours.Fingerprint },
		"no certificate":     func(in *authority.Allowing) { in.Certificate = []byte("-----BEGIN") },
		"an unknown account": func(in *authority.Allowing) { in.Allowance.Accounts = []gate.AccountID{"acc_none"} },
		"an account twice":   func(in *authority.Allowing) { in.Allowance.Accounts = []gate.AccountID{acme.ID, acme.ID} },
		"nothing":            func(in *authority.Allowing) { in.Allowance = gate.Allowance{} },
		"a file":             func(in *authority.Allowing) { in.Allowance.CRL = "file:///etc/passwd" },
		"a password":         func(in *authority.Allowing) { in.Allowance.CRL = "http://a:b@pki.example/a.crl" },
		"no host":            func(in *authority.Allowing) { in.Allowance.CRL = "http:///a.crl" },
		"a grace of years": func(in *authority.Allowing) {
			in.Allowance.CRL, in.Allowance.GraceHours = "http://pki.example/a", 10_000
		},
		"a grace of nothing": func(in *authority.Allowing) { in.Allowance.GraceHours = 1 },
		"a point of nothing": func(in *authority.Allowing) { in.Allowance.DistributionPoint = true },
	} {
		in := authority.Allowing{Certificate: []byte(ca.PEM()), Allowance: gate.Allowance{Accounts: []gate.AccountID{acme.ID}}, Why: "runs its own"}
		edit(&in)
		before := o.Store().EventCount()
		if _, err := o.AllowCA(o.cho, in); !errors.Is(err, gate.Invalid) && !errors.Is(err, gate.Conflict) || o.Store().EventCount() != before {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := o.AllowCA(o.cho, authority.Allowing{CA: ours.Fingerprint, Allowance: gate.Allowance{Accounts: []gate.AccountID{acme.ID}}, Why: "x"})
	refused(t, "one of ours by its fingerprint", err, gate.Conflict)
}

// own is a customer without a revocation list, with a CA that is allowed for it.
func (o *office) own(slug string) *bringer {
	o.t.Helper()
	b := &bringer{office: o, ca: gatetest.NewForeignCA(o.t, slug+" CA", o.clock.now()), account: o.account(slug)}
	b.allow(gate.Allowance{Accounts: []gate.AccountID{b.account.ID}})
	return b
}

func TestACertificateOfTheCustomersOwnIsPinnedAndCounts(t *testing.T) {
	b := newOffice(t).own("acme")
	crt, sibling := b.ca.Issue(nil), b.ca.Issue(nil)
	device := b.device(b.account, "pre", gate.Preprod)
	e, token := b.release(device.ID, "")
	csr, text := b.ca.Request(crt.PrivateKey), []byte(gatetest.PEM(crt.Leaf.Raw)+b.ca.PEM())
	got, err := b.Bring(token, csr, text)
	must(t, err)
	if r := b.reason(got); r != gate.Allowed {
		t.Error(r)
	}
	record := b.Directory().Certificate(got.Certificate.ID)
	if !record.Brought || record.Fingerprint != gate.FingerprintOf(crt.Leaf.Raw) || record.Issuer != b.record.Fingerprint || record.Device != device.ID {
		t.Errorf("%+v", record)
	}
	strange := b.request(got)
	strange.Leaf.Fingerprint = gate.FingerprintOf(sibling.Leaf.Raw)
	if d := gateOf(b.office, strange); d.Reason != gate.CertificateUnknown {
		t.Errorf("another leaf of the CA: %s", d.Reason)
	}
	all := b.events(0)
	said := slices.IndexFunc(all, func(e gate.Event) bool { return e.Verb == gate.EnrollmentWasRedeemed })
	if said < 0 || !strings.Contains(all[said].Detail, "own of acme CA, SHA-256 "+record.Fingerprint.String()) {
		t.Errorf("%+v", verbs(all))
	}

	_, err = b.Redeem(token, csr)
	refused(t, "the same link for one of ours", err, gate.Conflict)
	must(t, b.Acknowledge(token))
	_, err = b.Bring(token, csr, text)
	refused(t, "the same link again", err, gate.Conflict)
	if done := b.Directory().Enrollment(e.ID); done.Certificate != record.ID || done.Acknowledged == nil {
		t.Errorf("%+v", done)
	}

	_, second := b.release(device.ID, "") // a new key for the same certificate
	again, err := b.Bring(second, csr, text)
	must(t, err)
	if again.Certificate.ID != record.ID || again.KeyID == got.KeyID {
		t.Errorf("%+v", again)
	}
	if r := b.reason(again); r != gate.Allowed {
		t.Error(r)
	}
}

func gateOf(o *office, r *gate.Request) gate.Decision {
	call, err := o.config.Check(r)
	must(o.t, err)
	defer call.Done(authority.Outcome{})
	return call.Decision
}

func TestALostAnswerIsRepeatedWithTheSameCertificateAlone(t *testing.T) {
	b := newOffice(t).own("acme")
	crt := b.ca.Issue(nil)
	other := b.ca.Reissue(crt, nil)
	_, token := b.release(b.device(b.account, "pre", gate.Preprod).ID, "")
	csr := b.ca.Request(crt.PrivateKey)
	first, err := b.Bring(token, csr, []byte(gatetest.PEM(crt.Leaf.Raw)))
	must(t, err)
	_, err = b.Bring(token, csr, []byte(gatetest.PEM(other.Raw)))
	refused(t, "with another certificate for the same key", err, gate.Conflict)
	second, err := b.Bring(token, csr, []byte(gatetest.PEM(crt.Leaf.Raw)))
	must(t, err)
	if second.Certificate.ID != first.Certificate.ID || second.KeyID == first.KeyID || b.reason(first) != gate.InvalidToken || b.reason(second) != gate.Allowed {
		t.Errorf("%+v after %+v", second, first)
	}
}

func TestEveryReasonAgainstACertificateIsSaidAtOnce(t *testing.T) {
	o := newOffice(t)
	b, beta := o.own("acme"), o.own("beta")
	taken, lost, used := b.ca.Issue(nil), b.ca.Issue(nil), beta.ca.Issue(nil)
	b.mustBring("taken", taken)
	gone := b.mustBring("lost", lost)
	_, err := b.RevokeCertificate(b.ben, gone.Certificate.ID, gate.KeyCompromise, "in a log")
	must(t, err)
	beta.mustBring("used", used)
	stranger := gatetest.NewForeignCA(t, "Stranger CA", o.clock.now())
	ours := o.customer("ours")
	now := o.clock.now()

	for name, row := range map[string]struct {
		crt  tls.Certificate
		want []string
	}{
		"of another customer":       {used, []string{"which is not allowed; allowed for this account: \"CN=acme CA\"", "used by another device"}},
		"of nobody's CA":            {stranger.Issue(nil), []string{"is issued by \"CN=Stranger CA\", which is not allowed"}},
		"of another device":         {taken, []string{"it is used by another device"}},
		"revoked here":              {lost, []string{"it is used by another device", "its key never counts again"}},
		"the key of a compromised":  {withKey(lost, b.ca.Reissue(lost, nil)), []string{"its key never counts again", "its key is used by another device"}},
		"the key of another device": {withKey(taken, b.ca.Reissue(taken, nil)), []string{"its key is used by another device"}},
		"for servers, and short":    {b.ca.Issue(func(c *x509.Certificate) { c.ExtKeyUsage, c.NotAfter = nil, now.Add(73*time.Hour) }), []string{"does not name clientAuth", "good for 3 days more; at least 7 days"}},
		"a CA that has expired": {b.ca.Issue(func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid, c.NotAfter = true, true, now.Add(-time.Hour)
		}), []string{"that of a CA", "expired at"}},
		"not valid yet":               {b.ca.Issue(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }), []string{"not valid before"}},
		"for signatures of documents": {b.ca.Issue(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageContentCommitment }), []string{"lacks digitalSignature"}},
	} {
		before := len(o.Directory().Certificates(""))
		_, err := b.bring("row-"+strings.NewReplacer(" ", "-", ",", "", "'", "").Replace(strings.ToLower(name)), row.crt)
		if !errors.Is(err, gate.Invalid) || len(o.Directory().Certificates("")) != before {
			t.Errorf("%s: %v", name, err)
			continue
		}
		faults, _ := errors.AsType[gate.Faults](err)
		if n := max(len(faults), 1); n != len(row.want) {
			t.Errorf("%s: %d reasons: %v", name, n, err)
		}
		for _, want := range row.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", name, err, want)
			}
		}
	}
	if r := o.reason(ours.got); r != gate.Allowed {
		t.Error(r)
	}
}

func withKey(crt tls.Certificate, leaf *x509.Certificate) tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, Leaf: leaf, PrivateKey: crt.PrivateKey}
}

func TestACertificateWithoutItsPrivateKeyIsNotTaken(t *testing.T) {
	b := newOffice(t).own("acme")
	crt, mine := b.ca.Issue(nil), b.ca.Issue(nil)
	_, token := b.release(b.device(b.account, "pre", gate.Preprod).ID, "")
	text := []byte(gatetest.PEM(crt.Leaf.Raw))
	for name, csr := range map[string][]byte{"another key": b.ca.Request(mine.PrivateKey), "none": nil, "the certificate itself": text} {
		_, err := b.Bring(token, csr, text)
		refused(t, name, err, gate.Invalid)
		if !strings.Contains(err.Error(), "csr: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bad := range map[string]string{"a private key": "-----BEGIN PRIVATE KEY-----\nMII=\n-----END PRIVATE KEY-----\n", "nothing": " ", "noise": "x",
		"too much": strings.Repeat(string(text), 100), "ten": strings.Repeat(string(text), 10)} {
		_, err := b.Bring(token, b.ca.Request(crt.PrivateKey), []byte(bad))
		refused(t, name, err, gate.Invalid)
	}
	if got, err := b.Bring(token, b.ca.Request(crt.PrivateKey), text); err != nil || b.reason(got) != gate.Allowed {
		t.Errorf("in the end: %v", err)
	}
}

func TestADisallowedOrRetiredCALetsNothingNewIn(t *testing.T) {
	b := newOffice(t).own("acme")
	got := b.mustBring("one", b.ca.Issue(nil))
	_, err := b.DisallowCA(b.ben, b.record.Fingerprint, "takes ours now")
	must(t, err)
	if _, err := b.bring("two", b.ca.Issue(nil)); !errors.Is(err, gate.Invalid) || !strings.Contains(err.Error(), "none is allowed for this account") {
		t.Error(err)
	}
	if r := b.reason(got); r != gate.Allowed {
		t.Errorf("what was brought: %s", r)
	}
	_, err = b.RetireCA(b.cho, b.record.Fingerprint, authority.Retirement{Compromised: true, Why: "its key leaked"})
	must(t, err)
	_, err = b.ConfirmCA(b.eve, b.record.Fingerprint)
	must(t, err)
	if r := b.reason(got); r != gate.CertificateUntrusted {
		t.Errorf("under a CA that leaked: %s", r)
	}
	_, err = b.AllowCA(b.cho, authority.Allowing{CA: b.record.Fingerprint, Allowance: gate.Allowance{Accounts: []gate.AccountID{b.account.ID}}, Why: "again"})
	refused(t, "a retired CA", err, gate.Conflict)
}

func TestAnImportedCAsListIsReadOnceItIsAllowed(t *testing.T) {
	w := gatetest.New(t)
	ca, list := gatetest.NewForeignCA(t, "Acme Private CA", w.Now()), gatetest.NewListServer(t)
	crt := ca.Issue(nil)
	id, err := w.Import(w.Cho, takeover(incumbent("acme", authority.OldCredentials{Tokens: []string{oldToken}, Certificates: []string{gatetest.PEM(crt.Leaf.Raw) + ca.PEM()}})))
	must(t, err)
	must(t, w.ConfirmImport(w.Eve, id))
	all, err := w.Notices("", 100)
	must(t, err)
	told := 0
	for _, n := range all {
		if n.Kind == gate.ImportedNotice {
			told++
			if !strings.Contains(n.Body, "acme/main/prod-1: tokens: 1, certificates: 1") || strings.Contains(n.Body, oldToken) {
				t.Error(n.Body)
			}
		}
	}
	if told != 1 {
		t.Errorf("the customer was told %d times that its credentials were imported", told)
	}
	fp := gate.FingerprintOf(ca.Certificate.Raw)
	_, err = w.AllowCA(w.Cho, authority.Allowing{CA: fp, Allowance: gate.Allowance{CRL: list.URL, GraceHours: 24}, Why: "read its list"})
	must(t, err)
	_, err = w.ConfirmCA(w.Eve, fp)
	must(t, err)
	w.ReadLists(t) // nothing is served yet
	if got := w.Check(oldCall(w, oldToken, &crt)); got.Reason != gate.Allowed {
		t.Errorf("before a list was read: %s", got.Reason)
	}
	list.Serve(ca.List(1, w.Now(), nil, crt.Leaf.SerialNumber))
	w.Advance(gate.ListInterval)
	w.ReadLists(t)
	if got := w.Check(oldCall(w, oldToken, &crt)); got.Reason != gate.CertificateRevoked {
		t.Errorf("listed: %s", got.Reason)
	}
}

// resigned is a certificate with the other signature that anybody can make of an ECDSA signature: (r, n-s) verifies like (r, s).
func resigned(t *testing.T, cert *x509.Certificate) *x509.Certificate {
	t.Helper()
	var outer struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}
	var sig struct{ R, S *big.Int }
	_, err := asn1.Unmarshal(cert.Raw, &outer)
	must(t, err)
	_, err = asn1.Unmarshal(outer.Signature.Bytes, &sig)
	must(t, err)
	sig.S.Sub(elliptic.P256().Params().N, sig.S)
	outer.Signature.Bytes, err = asn1.Marshal(sig)
	must(t, err)
	outer.Signature.BitLength = 8 * len(outer.Signature.Bytes)
	der, err := asn1.Marshal(outer)
	must(t, err)
	again, err := x509.ParseCertificate(der)
	must(t, err)
	return again
}

func TestARevokedCertificateDoesNotComeBackWithItsSignatureEncodedAnew(t *testing.T) {
	b := newOffice(t).own("acme")
	crt := b.ca.Issue(nil)
	device := b.device(b.account, "pre", gate.Preprod)
	_, token := b.release(device.ID, "")
	csr := b.ca.Request(crt.PrivateKey)
	got, err := b.Bring(token, csr, []byte(gatetest.PEM(crt.Leaf.Raw)))
	must(t, err)
	_, err = b.RevokeCertificate(b.ben, got.Certificate.ID, gate.Superseded, "replaced")
	must(t, err)
	twin := resigned(t, crt.Leaf)
	must(t, b.ca.Certificate.CheckSignature(twin.SignatureAlgorithm, twin.RawTBSCertificate, twin.Signature))
	_, second := b.release(device.ID, "")
	_, err = b.Bring(second, csr, []byte(gatetest.PEM(twin.Raw)))
	refused(t, "the same certificate under another fingerprint", err, gate.Invalid)
}

func TestNoTwoCAsWithOneKeyWaitToBeAllowed(t *testing.T) {
	o := newOffice(t)
	acme := o.account("acme")
	ca := gatetest.NewForeignCA(t, "Acme CA", o.clock.now())
	in := authority.Allowing{Certificate: []byte(ca.PEM()), Allowance: gate.Allowance{Accounts: []gate.AccountID{acme.ID}}, Why: "runs its own"}
	_, err := o.AllowCA(o.cho, in)
	must(t, err)
	in.Certificate = []byte(gatetest.PEM(resigned(t, ca.Certificate).Raw))
	_, err = o.AllowCA(o.cho, in) // once both counted, nobody could say under which of the two a certificate stands
	refused(t, "the same CA under another fingerprint", err, gate.Invalid)
}
