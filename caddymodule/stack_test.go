package caddymodule_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// files are a credential as another program reads it: PEM files in a directory, and the key for the Authorization field.
type files struct {
	cert, key string // names
	token     string // production key
}

// stack is a caller that is not Go's: it calls the API with what files hold and prints the answer with its header.
type stack struct {
	name string
	call func(w *world, v tlsVersion, f files) (string, error)
}

// tlsVersion is one version as both programs name it.
type tlsVersion struct{ openssl, least, most string }

var (
	tls11 = tlsVersion{"-tls1_1", "--tlsv1.1", "1.1"}
	tls12 = tlsVersion{"-tls1_2", "--tlsv1.2", "1.2"}
	tls13 = tlsVersion{"-tls1_3", "--tlsv1.3", "1.3"}
)

// weakest lets OpenSSL offer what it would not by itself; what is refused then was refused by the server.
const weakest = "DEFAULT:@SECLEVEL=0"

var stacks = []stack{{"curl", (*world).curl}, {"openssl s_client", (*world).sClient}}

func (w *world) curl(v tlsVersion, f files) (string, error) {
	args := []string{"--silent", "--show-error", "--include", "--max-time", "20", "--resolve", "api.test:" + strconv.Itoa(w.port) + ":127.0.0.1",
		"--cacert", w.certFile, v.least, "--tls-max", v.most, "--ciphers", weakest, "--header", "@" + w.header(f.token), w.url("api.test") + "/fhir/Patient/1"}
	if f.cert != "" {
		args = append(args, "--cert", w.path(f.cert), "--key", w.path(f.key))
	}
	return w.run("", "curl", args...)
}

func (w *world) sClient(v tlsVersion, f files) (string, error) {
	args := []string{"s_client", "-quiet", "-ign_eof", "-verify_return_error", "-CAfile", w.certFile, "-servername", "api.test",
		"-connect", net.JoinHostPort("127.0.0.1", strconv.Itoa(w.port)), v.openssl, "-cipher", weakest}
	if f.cert != "" {
		// What follows the leaf in the file is sent too, and nothing is looked for elsewhere.
		args = append(args, "-cert", w.path(f.cert), "-key", w.path(f.key), "-cert_chain", w.path(f.cert))
	}
	return w.run("GET /fhir/Patient/1 HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\nAuthorization: Bearer "+f.token+"\r\n\r\n", "openssl", args...)
}

// header writes the Authorization field into a file of its own, as keys do not belong on a command line.
func (w *world) header(token string) string {
	f, err := os.CreateTemp(w.dir, "header")
	must(w.t, err)
	_, err = f.WriteString("Authorization: Bearer " + token + "\n")
	must(w.t, errors.Join(err, f.Close()))
	return f.Name()
}

// run runs a program in the world's directory and returns what it printed.
func (w *world) run(stdin, program string, args ...string) (string, error) {
	c := exec.CommandContext(w.t.Context(), program, args...)
	c.Dir, c.Stdin = w.dir, strings.NewReader(stdin)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.String(), err
}

func (w *world) mustRun(program string, args ...string) string {
	w.t.Helper()
	out, err := w.run("", program, args...)
	if err != nil {
		w.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return out
}

// post sends a signing request to the enrollment page, by curl.
func (w *world) postCSR(token, csr string) string {
	w.t.Helper()
	body, err := json.Marshal(map[string]string{"token": token, "csr": csr})
	must(w.t, err)
	must(w.t, os.WriteFile(w.path("body.json"), body, 0o600))
	return w.mustRun("curl", "--silent", "--show-error", "--resolve", "public.test:"+strconv.Itoa(w.port)+":127.0.0.1", "--cacert", w.certFile,
		"--header", "Content-Type: application/json", "--data-binary", "@body.json", w.url("public.test")+"/enroll")
}

// link releases a device and returns the token of its link.
func (w *world) link(device *gate.Device, certification gate.CertificationID) string {
	w.t.Helper()
	released, err := w.authority().Release(w.eve, device.ID, certification)
	must(w.t, err)
	link, err := w.authority().TakeLink(released.Notice)
	must(w.t, err)
	_, token, _ := strings.Cut(link, "#")
	return token
}

// enrollBy takes a credential with a key pair of the given kind, without a line of Go: openssl makes it, curl sends the request.
func (w *world) enrollBy(device *gate.Device, certification gate.CertificationID, kind string) (leaf, chain files) {
	w.t.Helper()
	key := device.Slug + ".key"
	w.mustRun("openssl", append(append([]string{"genpkey"}, strings.Fields(kind)...), "-out", key)...)
	w.mustRun("openssl", "req", "-new", "-key", key, "-subj", "/CN=x", "-out", "request.csr")
	csr, err := os.ReadFile(w.path("request.csr"))
	must(w.t, err)
	var got api.Redeemed
	if answer := w.postCSR(w.link(device, certification), string(csr)); json.Unmarshal([]byte(answer), &got) != nil || got.Key == "" {
		w.t.Fatalf("%s: %s", kind, answer)
	}
	block, _ := pem.Decode([]byte(got.CertificateChain))
	must(w.t, os.WriteFile(w.path(device.Slug+".crt"), pem.EncodeToMemory(block), 0o600))
	must(w.t, os.WriteFile(w.path(device.Slug+"-chain.crt"), []byte(got.CertificateChain), 0o600))
	return files{device.Slug + ".crt", key, got.Key}, files{device.Slug + "-chain.crt", key, got.Key}
}

// save writes a certificate that a test made.
func (w *world) save(name string, crt *tls.Certificate, token string) files {
	w.t.Helper()
	var text []byte
	for _, der := range crt.Certificate {
		text = append(text, issuer.CertificatePEM(der)...)
	}
	key, err := x509.MarshalPKCS8PrivateKey(crt.PrivateKey)
	must(w.t, err)
	must(w.t, os.WriteFile(w.path(name+".crt"), text, 0o600))
	must(w.t, os.WriteFile(w.path(name+".key"), issuer.KeyPEM(key), 0o600))
	return files{name + ".crt", name + ".key", token}
}

// presented is what somebody calls with, and what is to come of it: a status, or 0 for a handshake that ends.
type presented struct {
	name string
	files
	version tlsVersion
	status  int
	code    string
}

// TestAnotherStackIsAcceptedWithWhatItShouldBeAndNothingElse calls by curl and by openssl, over each version of TLS, with each kind of key, the
// leaf alone and with its issuer; and with what must not get through, which never reaches the upstream.
func TestAnotherStackIsAcceptedWithWhatItShouldBeAndNothingElse(t *testing.T) {
	w := foundWorld(t)
	w.mustLoad(w.global() + w.site("api.test", requireMode, "certgate production", w.proxy()) + w.site("public.test", requestMode, "certgate_public"))
	var rows []presented
	for _, row := range append(w.goodFiles(), w.badFiles()...) {
		for _, v := range []tlsVersion{tls12, tls13} {
			row.version = v
			rows = append(rows, row)
		}
	}
	old := rows[0]
	old.name, old.version, old.status = "a good one over TLS 1.1", tls11, 0
	rows = append(rows, old)
	passed := 0
	t.Run("calls", func(t *testing.T) {
		for _, row := range rows {
			for _, s := range stacks {
				if row.status == 200 {
					passed++
				}
				t.Run(strings.Join([]string{row.name, row.version.most, s.name}, "/"), func(t *testing.T) {
					t.Parallel()
					out, err := s.call(w, row.version, row.files)
					row.judge(t, out, err)
				})
			}
		}
	})
	if hits := int(w.upstream.hits.Load()); hits != passed || passed == 0 {
		t.Errorf("%d calls reached the upstream, want %d", hits, passed)
	}
}

// ended is what a client says when the server ends a handshake. In TLS 1.3 the client is done before the server has judged, so that it may be
// about to send its request when the alert and the end of the connection come.
var ended = regexp.MustCompile(`alert|reset by peer|not connected|roken pipe`)

func (p *presented) judge(t *testing.T, out string, err error) {
	t.Helper()
	_, answer, answered := strings.Cut(out, "HTTP/")
	switch {
	case p.status == 0 && (answered || !ended.MatchString(out)):
		t.Errorf("the server did not end the handshake: %v\n%s", err, out)
	case p.status != 0 && (!answered || !strings.Contains(answer[:min(8, len(answer))], fmt.Sprintf(" %d", p.status)) || !strings.Contains(answer, p.code)):
		t.Errorf("want %d %s: %v\n%s", p.status, p.code, err, out)
	}
}

// goodFiles are credentials of every kind that may be enrolled.
func (w *world) goodFiles() (rows []presented) {
	w.t.Helper()
	account, first := w.customer("acme", gate.Production)
	devices := []*gate.Device{first, w.device(account, "second", gate.Production), w.device(account, "third", gate.Production)}
	c := w.certify(w.contract(account, today(), today().AddDays(300)), devices[0].ID, devices[1].ID, devices[2].ID)
	for i, kind := range []string{"-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"} {
		leaf, chain := w.enrollBy(devices[i], c.ID, kind)
		name := kind[strings.LastIndexByte(kind, ':')+1:]
		rows = append(rows, presented{name: name + ", leaf alone", files: leaf, status: 200}, presented{name: name + ", full chain", files: chain, status: 200})
	}
	return rows
}

// badFiles are credentials with which nobody may call.
func (w *world) badFiles() []presented {
	w.t.Helper()
	_, device, acme := w.certified("beta")
	_, _, other := w.certified("other")
	token := acme.Key
	revoked, unknown := w.sign(nil), w.sign(nil)
	_, err := w.authority().RevokeCertificate(w.ben, w.register(device, revoked).ID, gate.KeyCompromise, "lost")
	must(w.t, err)
	expired := w.sign(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Minute), time.Now().Add(-time.Minute)
	})
	early := w.sign(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) })
	w.register(device, expired)
	w.register(device, early)
	server := w.sign(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	issuing := w.issuing()
	staff := w.signBy(w.issuingFor(gate.Operators), nil)
	// One bit of the signature is another.
	forged := w.sign(nil)
	forged.Certificate = [][]byte{bytes.Clone(forged.Certificate[0])}
	forged.Certificate[0][len(forged.Certificate[0])-1] ^= 1
	return []presented{
		{name: "none", files: files{token: token}},
		{name: "self-signed", files: w.save("self", foreign(w.t), token)},
		{name: "of another CA, which it sends", files: w.otherCA(token)},
		{name: "of the CA for staff", files: w.save("staff", &staff, token)},
		{name: "the issuing CA itself", files: w.save("issuing", &tls.Certificate{Certificate: [][]byte{issuing.Certificate.Raw}, PrivateKey: issuing.Signer}, token)},
		{name: "for servers", files: w.save("server", &server, token)},
		{name: "with another signature", files: w.save("forged", &forged, token)},
		{name: "revoked", files: w.save("revoked", &revoked, token), status: 403, code: "certificate-revoked"},
		{name: "expired", files: w.save("expired", &expired, token), status: 403, code: "certificate-expired"},
		{name: "not yet valid", files: w.save("early", &early, token), status: 403, code: "certificate-not-yet-valid"},
		{name: "never registered", files: w.save("unknown", &unknown, token), status: 403, code: "certificate-unknown"},
		{name: "another customer's key", files: w.save("beta", &acme.tls, other.Key), status: 401, code: "invalid-token"},
		{name: "no key", files: w.save("alone", &acme.tls, ""), status: 401, code: "key-required"},
	}
}

// otherCA is a leaf of a CA of the same name as ours, made by openssl, with its chain.
func (w *world) otherCA(token string) files {
	w.t.Helper()
	subject := "/CN=" + w.issuing().Certificate.Subject.CommonName
	w.mustRun("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "fake.key", "-out", "fake.crt", "-subj", subject)
	w.mustRun("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "fake-leaf.key", "-out", "fake.csr", "-subj", "/CN=x")
	must(w.t, os.WriteFile(w.path("fake.ext"), []byte("extendedKeyUsage=clientAuth\n"), 0o600))
	w.mustRun("openssl", "x509", "-req", "-in", "fake.csr", "-CA", "fake.crt", "-CAkey", "fake.key", "-CAcreateserial", "-extfile", "fake.ext", "-out", "fake-leaf.crt")
	var chain []byte
	for _, name := range []string{"fake-leaf.crt", "fake.crt"} {
		text, err := os.ReadFile(w.path(name))
		must(w.t, err)
		chain = append(chain, text...)
	}
	must(w.t, os.WriteFile(w.path("fake-chain.crt"), chain, 0o600))
	return files{"fake-chain.crt", "fake-leaf.key", token}
}

// What another program makes of a weak or strange key is refused with the reason, and the link is as good as before.
func TestWeakSigningRequestsOfAnotherStackAreRefusedWithTheReason(t *testing.T) {
	w := newWorld(t)
	_, device := w.customer("acme", gate.Preprod)
	token := w.link(device, "")
	request := func(args string) string {
		t.Helper()
		w.mustRun("openssl", append([]string{"req", "-new", "-nodes", "-keyout", filepath.Join(w.dir, "x.key"), "-subj", "/CN=x", "-out", "x.csr"}, strings.Fields(args)...)...)
		csr, err := os.ReadFile(w.path("x.csr"))
		must(t, err)
		return string(csr)
	}
	for args, says := range map[string]string{
		"-newkey rsa:1024": "2048",
		"-newkey ec -pkeyopt ec_paramgen_curve:P-521": "P-256",
		"-newkey ec -pkeyopt ec_paramgen_curve:P-224": "P-256",
		"-newkey ed25519":                                 "P-256",
		"-newkey rsa:2048 -sha1":                          "SHA-256",
		"-newkey rsa:2048 -pkeyopt rsa_keygen_pubexp:3":   "65537",
		"-newkey ec -pkeyopt ec_paramgen_curve:secp256k1": "CSR",
	} {
		var problem api.Problem
		answer := w.postCSR(token, request(args))
		if err := json.Unmarshal([]byte(answer), &problem); err != nil || problem.Status != 422 || !strings.Contains(answer, says) || !strings.Contains(answer, "csr") {
			t.Errorf("%s: %s", args, answer)
		}
	}
	if answer := w.postCSR(token, request("-newkey rsa:2048")); !strings.Contains(answer, "certificate_chain") {
		t.Errorf("the link is dead: %s", answer)
	}
}
