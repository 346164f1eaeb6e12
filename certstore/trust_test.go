package certstore

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onerecord/certgate/gate"
)

// selfSigned makes a certificate, a CA's or not.
func selfSigned(t *testing.T, name string, ca bool) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: dawn, NotAfter: dawn.AddDate(1, 0, 0),
		BasicConstraintsValid: true, IsCA: ca,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestTrustIsReadAsItWasWritten(t *testing.T) {
	dir := t.TempDir()
	ders := [][]byte{selfSigned(t, "issuing", true), selfSigned(t, "standby", true)}
	for _, want := range []bool{true, false} { // the second time there is nothing to write
		if changed, err := WriteTrust(dir, gate.Customers, ders); err != nil || changed != want {
			t.Fatalf("changed %t, error %v, want %t", changed, err, want)
		}
	}
	list, err := ReadTrust(dir, gate.Customers)
	if err != nil || len(list) != 2 || !bytes.Equal(list[0].Raw, ders[0]) || !bytes.Equal(list[1].Raw, ders[1]) {
		t.Fatalf("%d certificates, error %v", len(list), err)
	}
	if changed, err := WriteTrust(dir, gate.Customers, ders[1:]); err != nil || !changed {
		t.Fatalf("changed %t, error %v", changed, err)
	}
	if list, err = ReadTrust(dir, gate.Customers); err != nil || len(list) != 1 {
		t.Errorf("%d certificates, error %v", len(list), err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, trustName))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, error %v", entries, err)
	}
	if info, err := os.Stat(filepath.Join(dir, trustName, "customers.pem")); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, error %v", info.Mode(), err)
	}
	// The two audiences have nothing to do with each other.
	if _, err := ReadTrust(dir, gate.Operators); err == nil || !strings.Contains(err.Error(), "staff.pem") || !strings.Contains(err.Error(), "certgate init") {
		t.Errorf("error %v", err)
	}
}

func TestATrustFileHoldsCACertificatesOnly(t *testing.T) {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: selfSigned(t, "issuing", true)})
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: selfSigned(t, "leaf", false)})
	rows := []struct{ name, content, want string }{
		{"empty", "", "it is empty"},
		{"blank", "\n \n", "it is empty"},
		{"text", "hello", "no PEM block"},
		{"text before", "hello\n" + string(ca), "no PEM block"},
		{"text after", string(ca) + "hello", "after 1 certificates"},
		{"cut off", string(ca[:len(ca)-20]), "no PEM block"},
		{"a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no PEM block CERTIFICATE"},
		{"no certificate in it", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1:"},
		{"a leaf", string(ca) + string(leaf), `certificate 2: "CN=leaf" is not a CA certificate`},
	}
	for _, row := range rows {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, trustName), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, trustName, "staff.pem"), []byte(row.content))
		list, err := ReadTrust(dir, gate.Operators)
		if err == nil || list != nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "certgate init") {
			t.Errorf("%s: error %v, want %q in it", row.name, err, row.want)
		}
	}
}

func TestOnlyCACertificatesAreWrittenAsTrusted(t *testing.T) {
	dir := t.TempDir()
	rows := []struct {
		name     string
		audience gate.Audience
		ders     [][]byte
	}{
		{"none", gate.Customers, nil},
		{"a leaf", gate.Customers, [][]byte{selfSigned(t, "leaf", false)}},
		{"no certificate", gate.Customers, [][]byte{{1, 2, 3}}},
		{"no such audience", "../customers", [][]byte{selfSigned(t, "issuing", true)}},
	}
	for _, row := range rows {
		if changed, err := WriteTrust(dir, row.audience, row.ders); err == nil || changed {
			t.Errorf("%s: changed %t, error %v", row.name, changed, err)
		}
	}
	if _, err := ReadTrust(dir, "../customers"); err == nil {
		t.Error("no such audience was read")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}
