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

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

func (o *office) list(ca *gate.CA) (*authority.CRL, *x509.RevocationList) {
	o.t.Helper()
	crl, err := o.CRL(ca)
	must(o.t, err)
	parsed, err := x509.ParseRevocationList(crl.DER)
	must(o.t, err)
	return crl, parsed
}

func TestARevokedCertificateIsOnTheNextList(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	ca := o.Directory().CA(acme.got.Certificate.Issuer)
	first, empty := o.list(ca)
	if len(empty.RevokedCertificateEntries) != 0 {
		t.Fatalf("a list before any revocation has %d entries", len(empty.RevokedCertificateEntries))
	}
	if again, _ := o.list(ca); again != first {
		t.Error("the same list was signed twice")
	}
	o.clock.advance(time.Minute)
	_, err := o.RevokeCertificate(o.ben, acme.got.Certificate.ID, gate.KeyCompromise, "test")
	must(t, err)
	second, got := o.list(ca)
	serial, _ := new(big.Int).SetString(acme.got.Certificate.Serial, 16)
	if n := len(got.RevokedCertificateEntries); n != 1 {
		t.Fatalf("%d entries", n)
	}
	entry := got.RevokedCertificateEntries[0]
	if entry.SerialNumber.Cmp(serial) != 0 || entry.ReasonCode != int(gate.KeyCompromise) || !entry.RevocationTime.Equal(o.clock.now()) {
		t.Errorf("the entry is %+v", entry)
	}
	if second.Number.Cmp(first.Number) <= 0 {
		t.Errorf("the number went from %s to %s", first.Number, second.Number)
	}
	o.clock.advance(7 * time.Hour)
	third, _ := o.list(ca)
	if third.Number.Cmp(second.Number) <= 0 || !third.ThisUpdate.After(second.ThisUpdate) {
		t.Error("an old list was not renewed")
	}
	// One entry leaves the list and another comes: as many as before, but not the same.
	o.clock.advance(48 * time.Hour)
	other := o.customer("other")
	o.clock.advance(acme.got.Certificate.NotAfter.Sub(o.clock.now()))
	o.list(ca)
	o.clock.advance(24*time.Hour + time.Second)
	_, err = o.RevokeCertificate(o.ben, other.got.Certificate.ID, gate.Superseded, "test")
	must(t, err)
	_, last := o.list(ca)
	if n := len(last.RevokedCertificateEntries); n != 1 || last.RevokedCertificateEntries[0].ReasonCode != int(gate.Superseded) {
		t.Errorf("%d entries, the first %+v", n, last.RevokedCertificateEntries[0])
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
	verify := func() (string, error) {
		crl, _ := o.list(ca)
		list := write("list.der", crl.DER)
		at := o.clock.now().Add(time.Second).Unix()
		out, err := exec.CommandContext(t.Context(), "openssl", "verify", "-attime", big.NewInt(at).String(), "-purpose", "sslclient",
			"-crl_check", "-CRLfile", list, "-CAfile", chain, leaf).CombinedOutput()
		return string(out), err
	}
	if out, err := verify(); err != nil {
		t.Fatalf("a good certificate: %v\n%s", err, out)
	}
	_, err := o.RevokeCertificate(o.ben, crt.ID, gate.KeyCompromise, "test")
	must(t, err)
	if out, err := verify(); err == nil || !strings.Contains(out, "revoked") {
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
