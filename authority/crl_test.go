package authority_test

import (
	"crypto/x509"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// list is the revocation list that anybody is given now.
func (o *office) list(ca *gate.CA) (*authority.CRL, *x509.RevocationList) {
	o.t.Helper()
	crl, err := o.CRL(ca)
	must(o.t, err)
	parsed, err := x509.ParseRevocationList(crl.DER)
	must(o.t, err)
	if crl.Digest != gate.FingerprintOf(crl.DER) || parsed.Number.Cmp(crl.Number) != 0 || !parsed.ThisUpdate.Equal(crl.ThisUpdate) {
		o.t.Errorf("the list says %s at %s", parsed.Number, parsed.ThisUpdate)
	}
	return crl, parsed
}

// next lets time pass, and waits for the list that the job signs then.
func (o *office) next(ca *gate.CA, pass time.Duration) (*authority.CRL, *x509.RevocationList) {
	o.t.Helper()
	before, _ := o.list(ca)
	o.clock.advance(pass)
	o.eventually("a new list", func() bool {
		o.tick() // the job may still be running from the last time
		now, err := o.CRL(ca)
		must(o.t, err)
		return now != before
	})
	now, parsed := o.list(ca)
	if now.Number.Cmp(before.Number) <= 0 {
		o.t.Errorf("the number went from %s to %s", before.Number, now.Number)
	}
	return now, parsed
}

// issuerOf is the CA of a customer's certificate.
func (o *office) issuerOf(c *customer) *gate.CA { return o.Directory().CA(c.got.Certificate.Issuer) }

func (o *office) revoke(c *customer, reason gate.RevocationReason) {
	o.t.Helper()
	_, err := o.RevokeCertificate(o.ben, c.got.Certificate.ID, reason, "test")
	must(o.t, err)
}

// Half a minute after the revocations, of whatever reason, one list has them all.
func TestWhatIsRevokedIsOnAListWithinAMinute(t *testing.T) {
	o := newOffice(t)
	want := make(map[string]int)
	var customers []*customer
	for _, reason := range gate.RevocationReasons() {
		customers = append(customers, o.customer("acme-"+strings.ToLower(reason.String())))
	}
	ca := o.issuerOf(customers[0])
	before, empty := o.list(ca)
	if len(empty.RevokedCertificateEntries) != 0 {
		t.Fatalf("a list before any revocation has %d entries", len(empty.RevokedCertificateEntries))
	}
	o.clock.advance(time.Second)
	for i, reason := range gate.RevocationReasons() {
		o.revoke(customers[i], reason)
		want[customers[i].got.Certificate.Serial] = int(reason)
	}
	at := o.clock.now()
	if now, _ := o.list(ca); now != before {
		t.Error("a stranger who asked made a list be signed")
	}
	_, parsed := o.next(ca, 30*time.Second)
	got := make(map[string]int)
	for _, e := range parsed.RevokedCertificateEntries {
		got[e.SerialNumber.Text(16)] = e.ReasonCode
		if !e.RevocationTime.Equal(at) {
			t.Errorf("revoked at %s, want %s", e.RevocationTime, at)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-revoked +listed):\n%s", diff)
	}
}

func TestAListIsSignedEverySixHoursThoughNothingWasRevoked(t *testing.T) {
	o := newOffice(t)
	ca := o.issuerOf(o.customer("acme"))
	first, parsed := o.list(ca)
	if left := parsed.NextUpdate.Sub(parsed.ThisUpdate); left != 24*time.Hour {
		t.Errorf("a list is good for %s", left)
	}
	o.pass(6*time.Hour - time.Second)
	o.customer("beta") // what is no revocation is not on it
	if now, _ := o.list(ca); now != first {
		t.Error("a list was signed too early")
	}
	if second, _ := o.next(ca, time.Second); second.ThisUpdate.Sub(first.ThisUpdate) != 6*time.Hour {
		t.Errorf("the second list came %s after the first", second.ThisUpdate.Sub(first.ThisUpdate))
	}
}

// An entry goes once a list was published after the end of its certificate, and not before: nobody may read in the last list of its life that
// it was never revoked, even if the gateway was down just then.
func TestAnEntryStaysUntilAListCameAfterTheEndOfItsCertificate(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	acme := o.customer("acme")
	ca := o.issuerOf(acme)
	o.clock.advance(time.Minute)
	o.revoke(acme, gate.KeyCompromise)
	entries := func(list *x509.RevocationList) int { return len(list.RevokedCertificateEntries) }
	_, during := o.next(ca, time.Minute)
	must(t, o.Close())
	o.clock.ns.Store(acme.got.Certificate.NotAfter.Add(72 * time.Hour).UnixNano())
	o.reopen(p)
	_, late := o.list(ca)
	_, after := o.next(ca, 6*time.Hour)
	if entries(during) != 1 || entries(late) != 1 || entries(after) != 0 {
		t.Errorf("%d entries while it lived, %d in the first list after its end, %d in the second; want 1, 1, 0", entries(during), entries(late), entries(after))
	}
}

func TestNumbersOfListsRiseAfterARestartAndAfterARestore(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	ca := o.issuerOf(o.customer("acme"))
	o.list(ca)
	must(t, o.Close())
	older := filepath.Join(p.dir, "older")
	must(t, os.CopyFS(older, os.DirFS(p.data)))

	o.clock.advance(time.Hour)
	o.reopen(p)
	o.next(ca, 6*time.Hour)
	latest, _ := o.next(ca, 6*time.Hour)
	must(t, o.Close())
	o.clock.advance(-2 * time.Minute) // a clock that was set right meanwhile
	o.reopen(p)
	again, _ := o.list(ca)
	if again.Number.Cmp(latest.Number) <= 0 {
		t.Errorf("after a restart number %s follows %s", again.Number, latest.Number)
	}
	must(t, o.Close())
	must(t, os.RemoveAll(p.data))
	must(t, os.Rename(older, p.data))
	o.clock.advance(10 * time.Minute) // it takes somebody that long
	o.reopen(p)
	if restored, _ := o.list(ca); restored.Number.Cmp(again.Number) <= 0 {
		t.Errorf("after a restore number %s follows %s", restored.Number, again.Number)
	}
}

func TestOpensslFindsARevokedCertificate(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	now := time.Now().UTC() // openssl has its own clock
	o.clock.ns.Store(max(now.UnixNano(), dawn.UnixNano()))
	acme := o.customer("acme")
	crt := acme.got.Certificate
	ca := o.Directory().CA(crt.Issuer)
	write := func(name string, text []byte) string {
		path := filepath.Join(p.dir, name)
		must(t, os.WriteFile(path, text, 0o600))
		return path
	}
	chain := write("chain.pem", append(issuer.CertificatePEM(ca.DER), issuer.CertificatePEM(ca.RootDER)...))
	leaf := write("leaf.pem", issuer.CertificatePEM(crt.DER))
	verify := func(crl *authority.CRL) (string, error) {
		list := write("list.der", crl.DER)
		at := o.clock.now().Add(time.Second).Unix()
		out, err := exec.CommandContext(t.Context(), "openssl", "verify", "-attime", big.NewInt(at).String(), "-purpose", "sslclient",
			"-crl_check", "-CRLfile", list, "-CAfile", chain, leaf).CombinedOutput()
		return string(out), err
	}
	before, _ := o.list(ca)
	if out, err := verify(before); err != nil {
		t.Fatalf("a good certificate: %v\n%s", err, out)
	}
	o.revoke(acme, gate.KeyCompromise)
	after, _ := o.next(ca, time.Minute)
	if out, err := verify(after); err == nil || !strings.Contains(out, "revoked") {
		t.Errorf("a revoked certificate: %v\n%s", err, out)
	}
}

func TestCAsAreFoundByTheNameInTheirPaths(t *testing.T) {
	o := newOffice(t)
	for _, ca := range o.Directory().CAs() {
		name := strings.TrimSuffix(strings.TrimPrefix(authority.CAPath(ca.Fingerprint), "/ca/"), ".crt")
		if o.CAByName(name) != ca || !strings.Contains(authority.CRLPath(ca.Fingerprint, 0), name) {
			t.Errorf("%s is not found by %q", ca.Fingerprint, name)
		}
	}
	if o.CAByName("unknown") != nil || o.CAByName("") != nil {
		t.Error("something is found by no name")
	}
}
