package issuer

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
)

// rsaPublic makes an RSA public key of the given size that nobody can use.
func rsaPublic(bits uint, exponent int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: exponent}
}

func TestKeyPolicy(t *testing.T) {
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		key  crypto.PublicKey
		want string // "" is accepted
	}{
		{"P-256", keyOn(t, elliptic.P256()).Public(), ""},
		{"P-384", keyOn(t, elliptic.P384()).Public(), ""},
		{"RSA-2048", soundRSA(t, 2048), ""},
		{"RSA-3072", soundRSA(t, 3072), ""},
		{"RSA-4096", soundRSA(t, 4096), ""},
		{"P-224", keyOn(t, elliptic.P224()).Public(), "P-224"},
		{"P-521", keyOn(t, elliptic.P521()).Public(), "P-521"},
		{"RSA-1024", rsaPublic(1024, 65537), "RSA-1024"},
		{"RSA-2047", rsaPublic(2047, 65537), "RSA-2047"},
		{"RSA-2050, no multiple of 8", rsaPublic(2050, 65537), "RSA-2050"},
		{"RSA-4104", rsaPublic(4104, 65537), "RSA-4104"},
		{"exponent 3", rsaPublic(2048, 3), "exponent 3"},
		{"Ed25519", ed, "Ed25519"},
		{"none", nil, "unknown kind"},
		{"a string", "key", "string"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckPublicKey(tt.key)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantError(t, err, tt.want, "P-256, P-384 and RSA of 2048 to 4096 bits")
			if _, err := NewApplicantKey(tt.key); err == nil {
				t.Error("NewApplicantKey accepts it")
			}
		})
	}
}

func TestKeysSurviveMarshaling(t *testing.T) {
	rsaKey, err := rehearsalRSA()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{newKey(t), keyOn(t, elliptic.P384()), rsaKey} {
		der, err := MarshalKey(key)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseKey(der)
		if err != nil {
			t.Fatal(err)
		}
		if !samePublicKey(back.Public(), key.Public()) {
			t.Errorf("%s came back as another key", keyAlgorithm(key.Public()))
		}
	}
}

func TestForeignKeysAreNotMarshaled(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, err = MarshalKey(ed)
	wantError(t, err, "ed25519.PrivateKey")
	_, err = MarshalKey(countingSigner{Signer: newKey(t), calls: new(int)})
	wantError(t, err, "held in memory")
	der, err := x509.MarshalPKCS8PrivateKey(ed)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParseKey(der)
	wantError(t, err, "only ECDSA and RSA")
	_, err = ParseKey([]byte("secret words"))
	wantError(t, err, "no readable PKCS#8")
}

func TestPrivateKeyFilesOfEveryKindAreRead(t *testing.T) {
	key, ok := newKey(t).(*ecdsa.PrivateKey)
	if !ok {
		t.Fatal("NewKey makes no ECDSA key in memory")
	}
	ec, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rehearsalRSA()
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: ec})
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"PKCS#8", keyPEM(t, key), ""},
		{"SEC 1", block("EC PRIVATE KEY", ec), ""},
		{"SEC 1 after its curve", append(block("EC PARAMETERS", []byte{6, 0}), block("EC PRIVATE KEY", ec)...), ""},
		{"PKCS#1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), ""},
		{"PKCS#8 with passphrase", block("ENCRYPTED PRIVATE KEY", ec), "openssl pkey"},
		{"SEC 1 with passphrase", encrypted, "openssl pkey"},
		{"a certificate", block("CERTIFICATE", ec), `"CERTIFICATE"; a private key is expected`},
		{"two keys", append(keyPEM(t, key), keyPEM(t, key)...), "2 PEM blocks"},
		{"nothing", nil, "empty"},
		{"SEC 1 with another label", block("PRIVATE KEY", ec), "no readable PKCS#8"},
		{"garbage labeled EC", block("EC PRIVATE KEY", []byte("x")), "EC private key is not readable"},
		{"garbage labeled RSA", block("RSA PRIVATE KEY", []byte("x")), "RSA private key is not readable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseKeyPEM(tt.in)
			if tt.want != "" {
				wantError(t, err, tt.want)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestCertificateFilesAreReadWholeOrNotAtAll(t *testing.T) {
	root, issuing := newHierarchy(t)
	one, two := CertificatePEM(root.Certificate.Raw), CertificatePEM(issuing.Certificate.Raw)
	both := append(bytes.Clone(one), two...)
	certs, err := ParseCertificatesPEM(both)
	if err != nil || len(certs) != 2 || !certs[0].Equal(root.Certificate) || !certs[1].Equal(issuing.Certificate) {
		t.Fatalf("got %d certificates, %v", len(certs), err)
	}
	if _, err := ParseCertificatesPEM(bytes.ReplaceAll(both, []byte("\n"), []byte("\r\n"))); err != nil {
		t.Errorf("CRLF: %v", err)
	}
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", []byte(" \n"), "empty"},
		{"text before", append([]byte("Subject: x\n"), one...), "outside"},
		{"text between", append(append(bytes.Clone(one), "Subject: x\n"...), two...), "outside"},
		{"text after", append(bytes.Clone(both), "x"...), "outside"},
		{"first block damaged", append([]byte("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"), two...), "block 1 is damaged"},
		{"first block cut off", append(bytes.Clone(one[:100]), append([]byte("\n"), two...)...), "block 1 is damaged"},
		{"last block cut off", both[:len(both)-40], "block 2 is damaged"},
		{"a key among them", append(bytes.Clone(one), keyPEM(t, newKey(t))...), `block 2 is "PRIVATE KEY"`},
		{"no certificate inside", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), "no readable certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseCertificatesPEM(tt.in)
			wantError(t, err, tt.want)
		})
	}
}
