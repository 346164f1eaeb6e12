package authority_test

import (
	"crypto/x509"
	"errors"
	"testing"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

func TestACanceledLinkIsDeadAndItsNoticeSaysSo(t *testing.T) {
	w := gatetest.New(t)
	account := w.MustAccount("acme")
	device := w.MustDevice(account, "pre-1", gate.Preprod)
	released, token := w.MustRelease(device)
	if _, err := w.CancelEnrollment(w.Ben, released.ID, ""); !errors.Is(err, gate.Invalid) {
		t.Errorf("canceled without a reason: %v", err)
	}
	if _, err := w.CancelEnrollment(w.Ben, released.ID, "it went to the wrong address"); err != nil {
		t.Fatal(err)
	}
	_, csr := w.NewCSR("acme")
	if _, err := w.Redeem(token, csr); !errors.Is(err, gate.Conflict) {
		t.Errorf("a canceled link was redeemed: %v", err)
	}
	notices, err := w.Notices(account.ID, 1)
	if err != nil || len(notices) != 1 || notices[0].Kind != gate.CredentialNotice {
		t.Errorf("the customer was not told: %v %v", notices, err)
	}
	if _, err := w.CancelEnrollment(w.Ben, released.ID, "again"); !errors.Is(err, gate.Conflict) {
		t.Errorf("canceled twice: %v", err)
	}
}

func TestARevokedStaffCertificateOpensNothingAndThePersonStays(t *testing.T) {
	w := gatetest.New(t)
	ben, err := w.Directory().Staff("ben")
	if err != nil {
		t.Fatal(err)
	}
	crt := ben.Certificates[0]
	parsed, err := x509.ParseCertificate(crt.DER)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &gate.Leaf{Fingerprint: crt.Fingerprint, Anchor: crt.Issuer, NotBefore: parsed.NotBefore, NotAfter: parsed.NotAfter, ClientAuth: true}
	if _, err := w.Operator(leaf); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RevokeStaffCertificate(w.Ben, ben.ID, crt.Fingerprint, "mine"); !errors.Is(err, gate.Forbidden) {
		t.Errorf("somebody who is no admin revoked a certificate: %v", err)
	}
	if _, err := w.RevokeStaffCertificate(w.Cho, ben.ID, gate.FingerprintOf(nil), "unknown"); !errors.Is(err, gate.NotFound) {
		t.Errorf("an unknown certificate: %v", err)
	}
	if _, err := w.RevokeStaffCertificate(w.Cho, ben.ID, crt.Fingerprint, "the laptop was lost"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Operator(leaf); !errors.Is(err, gate.Unauthorized) {
		t.Errorf("a revoked certificate still opens the staff site: %v", err)
	}
	after, err := w.Directory().Staff("ben")
	if err != nil || !after.Active(w.Now()) {
		t.Errorf("the person went with the certificate: %v", err)
	}
}
