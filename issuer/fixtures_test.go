package issuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"
)

// now is the time at which all tests happen.
var now = time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)

const (
	crlURL    = "http://pki.example.com/crl/customers.crl"
	issuerURL = "http://pki.example.com/ca/customers.cer"
)

// newHierarchy makes a root and an issuing CA under it.
func newHierarchy(t testing.TB) (root, issuing *CA) {
	t.Helper()
	root, err := NewRoot("Example Root", rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	issuing, err = NewIssuing(root, "Example Issuing 1", rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	return root, issuing
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keyOn(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newSerial(t testing.TB) *big.Int {
	t.Helper()
	serial, err := NewSerial(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return serial
}

func applicant(t testing.TB, key crypto.Signer) ApplicantKey {
	t.Helper()
	a, err := NewApplicantKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func mustURL(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// goodRequest is a request for a device that every check accepts.
func goodRequest(t testing.TB) LeafRequest {
	t.Helper()
	return LeafRequest{
		Key:        applicant(t, newKey(t)),
		CommonName: "acme/main/prod-1",
		URI:        mustURL(t, "https://connect.example.com/devices/dev_01jd"),
		Serial:     newSerial(t),
		NotAfter:   now.Add(LeafLifetime),
		CRLURL:     crlURL,
		IssuerURL:  issuerURL,
	}
}

// issueLeaf takes a request all the way.
func issueLeaf(t testing.TB, ca *CA, r LeafRequest) *x509.Certificate {
	t.Helper()
	draft, err := ca.Prepare(DeviceProfile, r, now)
	if err != nil {
		t.Fatal(err)
	}
	der, err := ca.Issue(draft, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return parseCert(t, der)
}

func parseCert(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// signAny signs whatever the template says, as somebody else's CA might.
func signAny(t testing.TB, template *x509.Certificate, key crypto.Signer, parent *CA) *CA {
	t.Helper()
	if template.SerialNumber == nil {
		template.SerialNumber = newSerial(t)
	}
	if parent == nil {
		parent = &CA{Certificate: template, Signer: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.Certificate, key.Public(), parent.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return &CA{Certificate: parseCert(t, der), Signer: key}
}

func keyPEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := MarshalKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// wantError checks that the error is there and says every one of the words.
func wantError(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}
