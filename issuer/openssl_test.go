package issuer

import (
	"crypto/rand"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/onerecord/certgate/gate"
)

// openssl runs the program in dir and returns all it says.
func openssl(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "openssl", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustOpenSSL(t *testing.T, dir string, args ...string) {
	t.Helper()
	if out, err := openssl(t, dir, args...); err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func writeFile(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestOpenSSLAgrees lets another implementation judge chain, purpose and
// revocation, as a partner's gateway would.
func TestOpenSSLAgrees(t *testing.T) {
	dir := t.TempDir()
	root, ca := newHierarchy(t)
	good, bad := issueLeaf(t, ca, goodRequest(t)), issueLeaf(t, ca, goodRequest(t))
	request := goodCRL()
	request.Revoked = append(request.Revoked, Revoked{Serial: bad.SerialNumber, At: now.Add(-1), Reason: gate.KeyCompromise})
	crl, err := ca.CRL(request, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir, "root.pem", CertificatePEM(root.Certificate.Raw))
	writeFile(t, dir, "issuing.pem", CertificatePEM(ca.Certificate.Raw))
	writeFile(t, dir, "good.pem", CertificatePEM(good.Raw))
	writeFile(t, dir, "bad.pem", CertificatePEM(bad.Raw))
	writeFile(t, dir, "crl.pem", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: crl}))
	verify := func(args ...string) (string, error) {
		base := []string{"verify", "-attime", strconv.FormatInt(now.Unix(), 10), "-purpose", "sslclient", "-x509_strict"}
		return openssl(t, dir, append(base, args...)...)
	}
	for _, args := range [][]string{
		{"-partial_chain", "-trusted", "issuing.pem", "good.pem"},
		{"-CAfile", "root.pem", "-untrusted", "issuing.pem", "good.pem"},
		{"-CAfile", "root.pem", "-untrusted", "issuing.pem", "bad.pem"},
		{"-partial_chain", "-trusted", "issuing.pem", "-crl_check", "-CRLfile", "crl.pem", "good.pem"},
	} {
		if out, err := verify(args...); err != nil {
			t.Errorf("openssl verify %v: %v\n%s", args, err, out)
		}
	}
	out, err := verify("-partial_chain", "-trusted", "issuing.pem", "-crl_check", "-CRLfile", "crl.pem", "bad.pem")
	if err == nil || !strings.Contains(out, "certificate revoked") {
		t.Errorf("the revoked certificate: %v\n%s", err, out)
	}
	out, err = openssl(t, dir, "verify", "-attime", strconv.FormatInt(now.Unix(), 10), "-purpose", "sslserver",
		"-partial_chain", "-trusted", "issuing.pem", "good.pem")
	if err == nil {
		t.Errorf("accepted as a server's certificate\n%s", out)
	}
}

func TestWhatOpenSSLWritesIsUnderstood(t *testing.T) {
	dir := t.TempDir()
	mustOpenSSL(t, dir, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec.key")
	mustOpenSSL(t, dir, "req", "-new", "-key", "ec.key", "-subj", "/O=Example/CN=x", "-addext", "basicConstraints=critical,CA:TRUE", "-out", "ec.csr")
	mustOpenSSL(t, dir, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "rsa.key", "-subj", "/CN=x", "-outform", "DER", "-out", "rsa.csr")
	mustOpenSSL(t, dir, "req", "-x509", "-key", "ec.key", "-subj", "/CN=x", "-out", "self.pem")
	mustOpenSSL(t, dir, "pkcs12", "-export", "-inkey", "ec.key", "-in", "self.pem", "-passout", "pass:x", "-out", "both.p12")
	mustOpenSSL(t, dir, "req", "-in", "ec.csr", "-text", "-out", "text.csr")
	mustOpenSSL(t, dir, "ecparam", "-name", "prime256v1", "-genkey", "-out", "params.key")
	mustOpenSSL(t, dir, "pkey", "-in", "ec.key", "-aes256", "-passout", "pass:x", "-out", "locked.key")
	read := func(name string) []byte {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	for name, want := range map[string]string{"ec.csr": "P-256", "rsa.csr": "RSA-2048"} {
		if got, err := ParseCSR(read(name)); err != nil || got.Algorithm != want {
			t.Errorf("%s: %q, %v", name, got.Algorithm, err)
		}
	}
	for name, want := range map[string]error{
		"ec.key": errPrivateKeySent, "rsa.key": errPrivateKeySent, "locked.key": errPrivateKeySent, "params.key": errPrivateKeySent,
		"both.p12": errPKCS12Sent, "self.pem": errCertificateSent,
	} {
		if _, err := ParseCSR(read(name)); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := ParseCSR(read("text.csr"))
	wantError(t, err, "outside the PEM blocks")
	for _, name := range []string{"ec.key", "rsa.key", "params.key"} {
		key, err := parseKeyPEM(read(name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(keyAlgorithm(key.Public()), "unknown") {
			t.Errorf("%s is of an unknown kind", name)
		}
	}
	_, err = parseKeyPEM(read("locked.key"))
	wantError(t, err, "decrypt it first")
}
