package caddymodule_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// sign makes a certificate under the running issuing CA that differs from a real one as edit says; it is not registered anywhere.
func (w *world) sign(edit func(*x509.Certificate)) tls.Certificate {
	w.t.Helper()
	return w.signBy(w.issuing(), edit)
}

func (w *world) signBy(ca *issuer.CA, edit func(*x509.Certificate)) tls.Certificate {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(w.t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "made by hand"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true}
	if edit != nil {
		edit(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Certificate, key.Public(), ca.Signer)
	must(w.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// issuing opens the customers' issuing CA with its key.
func (w *world) issuing() *issuer.CA {
	w.t.Helper()
	return w.issuingFor(gate.Customers)
}

func (w *world) issuingFor(audience gate.Audience) *issuer.CA {
	w.t.Helper()
	a := w.authority()
	for _, ca := range a.Directory().CAs() {
		if ca.Audience != audience || !ca.Issues(time.Now()) {
			continue
		}
		der, err := a.Store().Unseal("ca/"+ca.Fingerprint.String(), ca.SealedKey)
		must(w.t, err)
		key, err := issuer.ParseKey(der)
		must(w.t, err)
		crt, err := x509.ParseCertificate(ca.DER)
		must(w.t, err)
		return &issuer.CA{Certificate: crt, Signer: key}
	}
	w.t.Fatal("no CA issues")
	return nil
}
