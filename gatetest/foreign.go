package gatetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
)

// ForeignCA is a customer's own CA, as openssl req -x509 makes it: self-signed, without key usage.
type ForeignCA struct {
	Certificate *x509.Certificate

	t      testing.TB
	key    *ecdsa.PrivateKey
	serial int64
}

// NewForeignCA makes a CA that is valid from a year before now for ten years.
func NewForeignCA(t testing.TB, name string, now time.Time) *ForeignCA {
	t.Helper()
	ca := &ForeignCA{t: t, key: newKey(t)}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(-1, 0, 0),
		NotAfter: now.AddDate(9, 0, 0), IsCA: true, BasicConstraintsValid: true}
	ca.Certificate = ca.sign(template, template, ca.key)
	return ca
}

// Issue makes a client certificate, valid from a day before to a year after the CA's second year begins, unless edit says otherwise.
func (ca *ForeignCA) Issue(edit func(*x509.Certificate)) tls.Certificate {
	ca.t.Helper()
	ca.serial++
	begins := ca.Certificate.NotBefore.AddDate(1, 0, -1)
	template := &x509.Certificate{SerialNumber: big.NewInt(100 + ca.serial), Subject: pkix.Name{CommonName: "engine"}, NotBefore: begins,
		NotAfter: begins.AddDate(1, 0, 0), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if edit != nil {
		edit(template)
	}
	key := newKey(ca.t)
	leaf := ca.sign(template, ca.Certificate, key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// PEM is the CA's certificate.
func (ca *ForeignCA) PEM() string { return PEM(ca.Certificate.Raw) }

// PEM encodes a certificate.
func PEM(der []byte) string {
	return string(pemOf("CERTIFICATE", der))
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func (ca *ForeignCA) sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	ca.t.Helper()
	der, err := x509.CreateCertificate(authority.Randomness(), template, parent, key.Public(), ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		ca.t.Fatal(err)
	}
	return cert
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), authority.Randomness())
	if err != nil {
		t.Fatal(err)
	}
	return key
}
