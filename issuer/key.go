package issuer

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
)

// Bounds of RSA keys, in bits. NIST SP 800-57 part 1 puts 2048 at 112 bits of
// security, the least still allowed; a CA lives longer and needs 3072. The upper
// bounds keep one handshake from costing what a hundred others do.
const (
	minLeafRSABits = 2048
	maxLeafRSABits = 4096
	minCARSABits   = 3072
	maxCARSABits   = 8192
	// rsaExponent is the only public exponent accepted (FIPS 186-5, A.1.1, allows
	// others above it; no tool in use makes them).
	rsaExponent = 65537
)

// allowedKeys is the second half of every refusal of a key.
const allowedKeys = "allowed are P-256, P-384 and RSA of 2048 to 4096 bits with exponent 65537; make a new one: " + newKeyCommand

// NewKey makes a P-256 private key. P-384 would cost nine times as much at each
// verification for no gain that matters within a certificate's life.
func NewKey(rand io.Reader) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return nil, fmt.Errorf("make a P-256 key: %w", err)
	}
	return key, nil
}

// MarshalKey encodes a private key held in memory as PKCS#8 DER (RFC 5208). The
// result is a secret. A signer that does not reveal its key is an error.
func MarshalKey(key crypto.Signer) ([]byte, error) {
	switch key.(type) {
	case *ecdsa.PrivateKey, *rsa.PrivateKey:
		return x509.MarshalPKCS8PrivateKey(key)
	}
	return nil, fmt.Errorf("a %T cannot be written as PKCS#8; only ECDSA and RSA keys held in memory can", key)
}

// ParseKey decodes what [MarshalKey] wrote.
func ParseKey(der []byte) (crypto.Signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("the private key is no readable PKCS#8: %w", err)
	}
	switch key := parsed.(type) {
	case *ecdsa.PrivateKey:
		return key, nil
	case *rsa.PrivateKey:
		return key, nil
	}
	return nil, fmt.Errorf("the private key is a %T; only ECDSA and RSA keys are used here", parsed)
}

// parseKeyPEM reads the one private key of a file, in any of the three forms
// openssl writes. Its errors quote nothing of the file.
func parseKeyPEM(in []byte) (crypto.Signer, error) {
	blocks, err := pemBlocks(in)
	if err != nil {
		return nil, err
	}
	// openssl ecparam -genkey writes the curve before the key.
	if len(blocks) == 2 && blocks[0].Type == "EC PARAMETERS" {
		blocks = blocks[1:]
	}
	if len(blocks) != 1 {
		return nil, fmt.Errorf("the file holds %d PEM blocks; exactly one private key is expected", len(blocks))
	}
	return keyOfBlock(blocks[0])
}

func keyOfBlock(block *pem.Block) (crypto.Signer, error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" || len(block.Headers) > 0 {
		return nil, errors.New("the private key is encrypted with a passphrase; decrypt it first: openssl pkey -in FILE -out PLAIN")
	}
	switch block.Type {
	case "PRIVATE KEY":
		return ParseKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err := x509.ParseECPrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the EC private key is not readable: %w", err)
		}
		return key, nil
	case "RSA PRIVATE KEY":
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the RSA private key is not readable: %w", err)
		}
		return key, nil
	}
	return nil, fmt.Errorf("the PEM block is %s; a private key is expected", blockType(block))
}

// CheckPublicKey applies the key policy for leaves: P-256, P-384, or RSA of 2048
// to 4096 bits (a multiple of 8) with exponent 65537 whose private half cannot be
// computed by what is known. The error names what was found, what is allowed and
// what to do. Ed25519 is refused because browsers, Windows and
// many HTTP clients cannot present such a certificate.
func CheckPublicKey(pub crypto.PublicKey) error {
	if err := checkLeafKey(pub); err != nil {
		return err
	}
	return checkWeakRSA(pub)
}

// checkLeafKey is the part of the policy that costs nothing, for a key that was
// taken in before.
func checkLeafKey(pub crypto.PublicKey) error {
	return checkKey(pub, minLeafRSABits, maxLeafRSABits, allowedKeys)
}

// checkCAKey is the policy for the keys of imported CAs.
func checkCAKey(pub crypto.PublicKey) error {
	return checkKey(pub, minCARSABits, maxCARSABits,
		"a CA needs P-256, P-384 or RSA of 3072 to 8192 bits with exponent 65537")
}

func checkKey(pub crypto.PublicKey, minBits, maxBits int, allowed string) error {
	switch key := pub.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() || key.Curve == elliptic.P384() {
			return nil
		}
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		if key.E != rsaExponent {
			return fmt.Errorf("the key is %s with exponent %d; %s", keyAlgorithm(pub), key.E, allowed)
		}
		if bits >= minBits && bits <= maxBits && bits%8 == 0 {
			return nil
		}
	}
	return fmt.Errorf("the key is %s; %s", keyAlgorithm(pub), allowed)
}

// keyAlgorithm names a public key for people: "P-256", "RSA-3072".
func keyAlgorithm(pub crypto.PublicKey) string {
	switch key := pub.(type) {
	case nil:
		return "of an unknown kind"
	case *ecdsa.PublicKey:
		return key.Curve.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", key.N.BitLen())
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return fmt.Sprintf("a %T", pub)
}

// samePublicKey reports whether both are the same key.
func samePublicKey(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

// keyID is the subject key identifier of a public key: the leftmost 160 bits of
// the SHA-256 of its bit string (RFC 7093 section 2, method 1). It is what Go
// itself computes for CA certificates and leaves out for leaves.
func keyID(pub crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("encode the public key: %w", err)
	}
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &spki); err != nil {
		return nil, fmt.Errorf("decode the public key: %w", err)
	}
	sum := sha256.Sum256(spki.Key.RightAlign())
	return bytes.Clone(sum[:20]), nil
}
