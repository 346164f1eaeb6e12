package issuer

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func csrFor(t testing.TB, template *x509.CertificateRequest, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func csrPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func TestSigningRequestsInEveryFormGiveTheirKey(t *testing.T) {
	key := newKey(t)
	der := csrFor(t, &x509.CertificateRequest{}, key)
	text := csrPEM(der)
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		in   []byte
	}{
		{"DER", der},
		{"PEM", text},
		{"PEM with CRLF", bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))},
		{"PEM after a byte order mark", append([]byte("\xef\xbb\xbf"), text...)},
		{"PEM between blank lines", append([]byte("\n\n"), append(text, "\n \n"...)...)},
		{"the older label", bytes.ReplaceAll(text, []byte("CERTIFICATE REQUEST"), []byte("NEW CERTIFICATE REQUEST"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseCSR(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if !samePublicKey(got.Public, key.Public()) || got.SPKI != sha256.Sum256(spki) || got.Algorithm != "P-256" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestSigningRequestsOfEveryAllowedKeyAreAccepted(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for want, csr := range map[string][]byte{
		"P-256":    csrFor(t, &x509.CertificateRequest{}, newKey(t)),
		"P-384":    csrFor(t, &x509.CertificateRequest{}, keyOn(t, elliptic.P384())),
		"RSA-2048": csrFor(t, &x509.CertificateRequest{SignatureAlgorithm: x509.SHA256WithRSAPSS}, rsaKey),
	} {
		got, err := ParseCSR(csr)
		if err != nil || got.Algorithm != want {
			t.Errorf("%s: got %q, %v", want, got.Algorithm, err)
		}
	}
}

func TestSigningRequestRefusals(t *testing.T) {
	key := newKey(t)
	der := csrFor(t, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "acme"}}, key)
	text := csrPEM(der)
	tampered := bytes.Clone(der)
	tampered[bytes.Index(tampered, []byte("acme"))] = 'b'
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rehearsalRSA()
	if err != nil {
		t.Fatal(err)
	}
	headers := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Headers: map[string]string{"A": "b"}, Bytes: der})
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"nothing", nil, "empty"},
		{"blanks", []byte(" \r\n"), "empty"},
		{"words", []byte("please"), "no certificate signing request"},
		{"too large", append(bytes.Clone(text), make([]byte, maxCSRBytes)...), "at most 16384"},
		{"two requests", append(bytes.Clone(text), text...), "2 PEM blocks"},
		{"text before", append([]byte("Certificate Request:\n"), text...), "outside the PEM blocks"},
		{"text after", append(bytes.Clone(text), "x"...), "outside the PEM blocks"},
		{"cut off", text[:len(text)-20], "damaged or cut off"},
		{"header lines", headers, "header lines"},
		{"bytes after the DER", append(bytes.Clone(der), 0), "no certificate signing request"},
		{"bytes after the DER, in PEM", csrPEM(append(bytes.Clone(der), 0)), "no certificate signing request"},
		{"another label", pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: der}), `"PKCS7"`},
		{"a very long label", pem.EncodeToMemory(&pem.Block{Type: strings.Repeat("X", 99), Bytes: der}), `XXX"...`},
		{"changed after signing", tampered, "not signed with its own key"},
		{"Ed25519", csrFor(t, &x509.CertificateRequest{}, ed), "Ed25519"},
		{"P-224", csrFor(t, &x509.CertificateRequest{}, keyOn(t, elliptic.P224())), "P-224"},
		{"P-521", csrFor(t, &x509.CertificateRequest{}, keyOn(t, elliptic.P521())), "P-521"},
		{"SHA-1 with ECDSA", csrFor(t, &x509.CertificateRequest{SignatureAlgorithm: x509.ECDSAWithSHA1}, key), "ECDSA-SHA1"},
		{"SHA-1 with RSA", csrFor(t, &x509.CertificateRequest{SignatureAlgorithm: x509.SHA1WithRSA}, rsaKey), "SHA1-RSA"},
		{"MD5", relabelMD5(t, csrFor(t, &x509.CertificateRequest{}, rsaKey)), "MD5-RSA"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseCSR(tt.in)
			wantError(t, err, tt.want)
		})
	}
}

// relabelMD5 turns sha256WithRSAEncryption into md5WithRSAEncryption. The
// signature is wrong then, but must not even be looked at.
func relabelMD5(t testing.TB, der []byte) []byte {
	t.Helper()
	sha256RSA := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b}
	md5RSA := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04}
	if !bytes.Contains(der, sha256RSA) {
		t.Fatal("the request is not signed with SHA-256 and RSA")
	}
	return bytes.ReplaceAll(der, sha256RSA, md5RSA)
}

func TestMistakesForASigningRequestAreNamedAndNeverQuoted(t *testing.T) {
	key, ok := newKey(t).(*ecdsa.PrivateKey)
	if !ok {
		t.Fatal("NewKey makes no ECDSA key in memory")
	}
	rsaKey, err := rehearsalRSA()
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := MarshalKey(key)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	root, _ := newHierarchy(t)
	cert := root.Certificate.Raw
	csr := csrPEM(csrFor(t, &x509.CertificateRequest{}, key))
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	for _, tt := range []struct {
		name string
		in   []byte
		want error
	}{
		{"PKCS#8 in PEM", block("PRIVATE KEY", pkcs8), errPrivateKeySent},
		{"SEC 1 in PEM", block("EC PRIVATE KEY", sec1), errPrivateKeySent},
		{"encrypted key", block("ENCRYPTED PRIVATE KEY", pkcs8), errPrivateKeySent},
		{"OpenSSH key", block("OPENSSH PRIVATE KEY", pkcs8), errPrivateKeySent},
		{"key cut off", block("PRIVATE KEY", pkcs8)[:80], errPrivateKeySent},
		{"key beside the request", append(bytes.Clone(csr), block("PRIVATE KEY", pkcs8)...), errPrivateKeySent},
		{"PKCS#8 in DER", pkcs8, errPrivateKeySent},
		{"SEC 1 in DER", sec1, errPrivateKeySent},
		{"PKCS#1 in DER", x509.MarshalPKCS1PrivateKey(rsaKey), errPrivateKeySent},
		{"key labeled as request", block("CERTIFICATE REQUEST", pkcs8), errPrivateKeySent},
		{"certificate in PEM", CertificatePEM(cert), errCertificateSent},
		{"certificate in DER", cert, errCertificateSent},
		{"certificate labeled as request", block("CERTIFICATE REQUEST", cert), errCertificateSent},
		{"public key in PEM", block("PUBLIC KEY", public), errPublicKeySent},
		{"public key in DER", public, errPublicKeySent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseCSR(tt.in)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v\nwant %v", err, tt.want)
			}
		})
	}
}

// greedyCSR asks for everything a certificate authority must not give.
func greedyCSR(rt *rapid.T) *x509.CertificateRequest {
	oids := []asn1.ObjectIdentifier{
		{2, 5, 29, 19}, {2, 5, 29, 15}, {2, 5, 29, 37}, {2, 5, 29, 30}, {2, 5, 29, 14}, {2, 5, 29, 35}, {1, 3, 6, 1, 5, 5, 7, 1, 1}, {1, 2, 3, 4},
	}
	values := [][]byte{
		{0x30, 0x03, 0x01, 0x01, 0xff},                   // basicConstraints CA:TRUE
		{0x03, 0x02, 0x02, 0x06},                         // keyUsage keyCertSign, cRLSign
		{0x30, 0x06, 0x06, 0x04, 0x55, 0x1d, 0x25, 0x00}, // anyExtendedKeyUsage
		{0x05, 0x00},
	}
	name := rapid.StringMatching(`[a-z]{1,8}(\.example\.com)?`)
	csr := &x509.CertificateRequest{
		Subject: pkix.Name{
			CommonName:   name.Draw(rt, "common name"),
			Organization: rapid.SliceOfN(name, 0, 2).Draw(rt, "organizations"),
		},
		DNSNames:       rapid.SliceOfN(name, 0, 3).Draw(rt, "DNS names"),
		EmailAddresses: rapid.SliceOfN(rapid.Just("root@example.com"), 0, 2).Draw(rt, "mail"),
		IPAddresses:    rapid.SliceOfN(rapid.Just(net.IPv4(10, 0, 0, 1)), 0, 2).Draw(rt, "addresses"),
		URIs:           []*url.URL{{Scheme: "https", Host: "connect.example.com", Path: "/devices/dev_other"}},
	}
	for _, oid := range rapid.SliceOfNDistinct(rapid.SampledFrom(oids), 0, len(oids), asn1.ObjectIdentifier.String).Draw(rt, "extensions") {
		csr.ExtraExtensions = append(csr.ExtraExtensions, pkix.Extension{
			Id: oid, Critical: rapid.Bool().Draw(rt, "critical"), Value: rapid.SampledFrom(values).Draw(rt, "value"),
		})
	}
	return csr
}

func TestNothingButTheKeyOfASigningRequestReachesTheCertificate(t *testing.T) {
	_, ca := newHierarchy(t)
	key := newKey(t)
	request := goodRequest(t)
	request.Key = applicant(t, key)
	plain := issueLeaf(t, ca, request)
	rapid.Check(t, func(rt *rapid.T) {
		der, err := x509.CreateCertificateRequest(rand.Reader, greedyCSR(rt), key)
		if err != nil {
			rt.Fatal(err)
		}
		parsed, err := ParseCSR(der)
		if err != nil {
			rt.Fatal(err)
		}
		request.Key = parsed
		draft, err := ca.Prepare(DeviceProfile, request, now)
		if err != nil {
			rt.Fatal(err)
		}
		greedy, err := ca.Issue(draft, rand.Reader)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := x509.ParseCertificate(greedy)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(plain.RawTBSCertificate, got.RawTBSCertificate); diff != "" {
			rt.Errorf("the certificate differs from the one of a bare key:\n%s", diff)
		}
	})
}

func FuzzParseCSR(f *testing.F) {
	key := newKey(f)
	der := csrFor(f, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "acme"}, DNSNames: []string{"a.example.com"}}, key)
	pkcs8, err := MarshalKey(key)
	if err != nil {
		f.Fatal(err)
	}
	root, _ := newHierarchy(f)
	for _, seed := range [][]byte{nil, der, csrPEM(der), pkcs8, keyPEM(f, key), root.Certificate.Raw, CertificatePEM(root.Certificate.Raw),
		[]byte("-----BEGIN CERTIFICATE REQUEST-----\n"), append(csrPEM(der), csrPEM(der)...)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := ParseCSR(in)
		if err != nil {
			if len(err.Error()) > 1000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		if err := CheckPublicKey(got.Public); err != nil {
			t.Errorf("accepted a key that the policy refuses: %v", err)
		}
		spki, err := x509.MarshalPKIXPublicKey(got.Public)
		if err != nil || got.SPKI != sha256.Sum256(spki) {
			t.Errorf("the key's hash is wrong: %v", err)
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	key := newKey(f)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	f.Add(csrPEM(csrFor(f, &x509.CertificateRequest{}, key)))
	f.Add([]byte("-----BEGIN RSA PUBLIC KEY-----\n-----END RSA PUBLIC KEY-----\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		spki, err := ParsePublicKey(in)
		if (err == nil) == (spki == [sha256.Size]byte{}) {
			t.Errorf("%x, %v", spki, err)
		}
	})
}
