package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"mime"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"
	"software.sslmate.com/src/go-pkcs12"
)

var headers mime.WordDecoder

// recipient draws whom a recovery kit is encrypted to.
func recipient(t *testing.T) string {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return identity.Recipient().String()
}

// foundedIn is when a data directory was made, by its trust file.
func foundedIn(t *testing.T, data string) time.Time {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "trust", "staff.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c.NotBefore
}

// founded does what the story called founding tells.
func (s *story) founded(ts *testscript.TestScript, _ bool, _ []string) {
	s.certgate(ts, "init", "--data", filepath.Join(s.dir, "data"), "--secret-file", filepath.Join(s.dir, "secret"), "--kit", filepath.Join(s.dir, "elsewhere", "kit.age"),
		"--recovery", ts.Getenv("RECIPIENT"), "--admin", "cho=cho@onerecord.example", "--admin", "eve=eve@onerecord.example", "--out", s.dir)
	for _, badge := range password.FindAllStringSubmatch(ts.ReadFile("stdout"), -1) {
		s.unpack(ts, badge[1], badge[2])
	}
	s.profiles(ts)
	s.start(ts, nil)

	s.certgate(ts, "staff", "propose", "cho", "--role", "approver", "--role", "admin", "--profile", "cho")
	s.certgate(ts, "staff", "confirm", "cho", "--profile", "eve")
	s.certgate(ts, "staff", "propose", "eve", "--role", "issuer", "--role", "admin", "--profile", "eve")
	s.certgate(ts, "staff", "confirm", "eve", "--profile", "cho")

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "ben"}}, key)
	ts.Check(err)
	s.write(ts, "ben.csr", "CERTIFICATE REQUEST", csr)
	s.writeKey(ts, "ben.key", key)
	s.certgate(ts, "staff", "add", "ben", "--email", "ben@onerecord.example", "--role", "interviewer", "--role", "operator", "--csr", s.file("ben.csr"), "--profile", "cho")
	s.certgate(ts, "staff", "confirm", "ben", "--profile", "eve")
	s.certgate(ts, "staff", "certificate", "ben", "--profile", "eve")
	ts.Check(os.WriteFile(s.file("ben.crt"), []byte(ts.ReadFile("stdout")), 0o600))
}

var password = regexp.MustCompile(`(?m)(\w+)\.p12  password: (\S+)$`)

func (s *story) certgate(ts *testscript.TestScript, args ...string) {
	ts.Check(ts.Exec("certgate", args...))
}

// unpack takes certificate and key out of what init gave a first admin.
func (s *story) unpack(ts *testscript.TestScript, name, password string) {
	p12, err := os.ReadFile(filepath.Join(s.dir, name+".p12"))
	ts.Check(err)
	key, leaf, _, err := pkcs12.DecodeChain(p12, password)
	ts.Check(err)
	s.write(ts, name+".crt", "CERTIFICATE", leaf.Raw)
	s.writeKey(ts, name+".key", key)
}

func (s *story) writeKey(ts *testscript.TestScript, name string, key any) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	s.write(ts, name, "PRIVATE KEY", der)
}

func (s *story) write(ts *testscript.TestScript, name, kind string, der []byte) {
	ts.Check(os.WriteFile(s.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// profiles writes how the commands reach the server as each of the three.
func (s *story) profiles(ts *testscript.TestScript) {
	text := "profiles:\n"
	for _, row := range [][2]string{{"default", "ben"}, {"ben", "ben"}, {"cho", "cho"}, {"eve", "eve"}} {
		text += fmt.Sprintf("  %s: {admin_url: '%s', certificate: %s.crt, key: %s.key, ca: ca.crt}\n", row[0], s.url("https", adminSite), row[1], row[1])
	}
	ts.Check(os.WriteFile(s.file("config.yaml"), []byte(text), 0o600))
}
