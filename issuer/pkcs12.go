package issuer

import (
	"crypto"
	"crypto/x509"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"
)

// PKCS12 packs a key, its certificate and the issuing CA for import into a browser or a key store (RFC 7292). The encoding is
// go-pkcs12's Modern2023 (PBES2 with AES-256, SHA-256): it stretches the password little, so that one must be drawn and long.
func PKCS12(key crypto.Signer, leaf, ca *x509.Certificate, password string) ([]byte, error) {
	out, err := pkcs12.Modern2023.Encode(key, leaf, []*x509.Certificate{ca}, password)
	if err != nil {
		return nil, fmt.Errorf("encode PKCS #12: %w", err)
	}
	return out, nil
}
