package caddymodule_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/onerecord/certgate/caddymodule"
	"github.com/onerecord/certgate/issuer"
)

// What judging a chain in the handshake may cost at most, beside what TLS has spent on reading it. TLS takes no more than presentedBytes.
const (
	presentedBytes = 256 << 10
	chainMemory    = 16 << 20
	chainTime      = 5 * time.Second // on a busy machine; the worst found takes a hundredth of it
)

// presenters is a CA whose certificates are trusted in a directory, and a leaf of it.
func presenters(t testing.TB) (dir string, ca *issuer.CA, leaf []byte) {
	t.Helper()
	now := time.Now()
	root, err := issuer.NewRoot("root", rand.Reader, now)
	must(t, err)
	ca, err = issuer.NewIssuing(root, "customers 1", rand.Reader, now)
	must(t, err)
	dir = t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "trust"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "trust", "customers.pem"), issuer.CertificatePEM(ca.Certificate.Raw), 0o600))
	_, csr := newCSR(t)
	applicant, err := issuer.ParseCSR(csr)
	must(t, err)
	serial, err := issuer.NewSerial(rand.Reader)
	must(t, err)
	draft, err := ca.Prepare(issuer.DeviceProfile, issuer.LeafRequest{Key: applicant, CommonName: "x", URI: &url.URL{Scheme: "urn", Opaque: "x:1"}, Serial: serial,
		NotAfter: now.Add(time.Hour), CRLURL: "http://pki.test/crl", IssuerURL: "http://pki.test/ca"}, now)
	must(t, err)
	leaf, err = ca.Issue(draft, rand.Reader)
	must(t, err)
	return dir, ca, leaf
}

// FuzzPresentedChain gives the verifier of the handshake what clients could present: certificates that cannot be read, are cut off, contradict
// themselves, and many of them. Only what our CA issued is let through.
func FuzzPresentedChain(f *testing.F) {
	dir, ca, leaf := presenters(f)
	verifier := caddymodule.TrustingVerifier(dir)
	stranger := foreign(f).Certificate[0]
	f.Add(leaf, []byte(nil), uint8(0))
	f.Add(leaf, ca.Certificate.Raw, uint8(1))
	f.Add(leaf, stranger, uint8(8))
	f.Add(stranger, ca.Certificate.Raw, uint8(3))
	f.Add(ca.Certificate.Raw, leaf, uint8(1))
	f.Add(leaf[:len(leaf)-1], []byte{}, uint8(2))
	f.Add(leaf, stranger[:40], uint8(255))
	f.Add([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff}, []byte{0x30, 0x80}, uint8(200))
	issued, err := x509.ParseCertificate(leaf)
	must(f, err)
	f.Fuzz(func(t *testing.T, first, other []byte, others uint8) {
		raw, total := [][]byte{first}, len(first)
		for i := range int(others) {
			if total += len(other); total > presentedBytes {
				break
			}
			next := bytes.Clone(other)
			if len(next) > 40 {
				next[40] += byte(i) // or they would all be one
			}
			raw = append(raw, next)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		verdict := verifier.VerifyClientCertificate(raw, nil)
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		if spent := after.TotalAlloc - before.TotalAlloc; spent > chainMemory || took > chainTime {
			t.Errorf("%d certificates of %d bytes cost %d bytes and %s", len(raw), total, spent, took)
		}
		if got, err := x509.ParseCertificate(first); verdict == nil && (err != nil || !bytes.Equal(got.RawTBSCertificate, issued.RawTBSCertificate)) {
			t.Errorf("let through: %x", first)
		}
	})
}
