package issuer

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// CertificatePEM encodes the DER of one certificate as a PEM block.
func CertificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// ParseCertificatesPEM reads one or more certificates. Anything else in the
// input is an error: encoding/pem skips what it cannot read, and a trust file
// with one damaged block would otherwise silently lose one CA.
func ParseCertificatesPEM(in []byte) ([]*x509.Certificate, error) {
	blocks, err := pemBlocks(in)
	if err != nil {
		return nil, err
	}
	certs := make([]*x509.Certificate, 0, len(blocks))
	for i, block := range blocks {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("PEM block %d is %s; only CERTIFICATE is allowed here", i+1, blockType(block))
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("PEM block %d is no readable certificate: %w", i+1, err)
		}
		certs = append(certs, cert)
	}
	return certs, nil
}

// utf8BOM is what some Windows editors put before the first character of a file.
var utf8BOM = []byte("\xef\xbb\xbf")

// pemBlocks splits the input into its PEM blocks and refuses everything that
// encoding/pem would skip: text around blocks and blocks it cannot decode. The
// input may hold a secret, so no error quotes it.
func pemBlocks(in []byte) ([]*pem.Block, error) {
	rest := bytes.TrimSpace(bytes.TrimPrefix(in, utf8BOM))
	if len(rest) == 0 {
		return nil, errors.New("the input is empty; a PEM block is expected")
	}
	var blocks []*pem.Block
	for len(rest) > 0 {
		if !bytes.HasPrefix(rest, []byte("-----BEGIN ")) {
			return nil, errors.New("there is text outside the PEM blocks; " +
				"send only the lines from -----BEGIN to -----END (openssl adds others with -text)")
		}
		block, after := pem.Decode(rest)
		consumed := rest[:len(rest)-len(after)]
		if block == nil || bytes.Count(consumed, []byte("-----BEGIN ")) != 1 {
			return nil, fmt.Errorf("PEM block %d is damaged or cut off; copy the whole file again", len(blocks)+1)
		}
		blocks = append(blocks, block)
		rest = bytes.TrimSpace(after)
	}
	return blocks, nil
}

// blockType quotes a block's type for an error, at a bounded length.
func blockType(block *pem.Block) string {
	const longest = 40
	if len(block.Type) > longest {
		return fmt.Sprintf("%q...", block.Type[:longest])
	}
	return fmt.Sprintf("%q", block.Type)
}

// KeyPEM encodes a PKCS #8 private key as PEM.
func KeyPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// RequestPEM encodes a signing request.
func RequestPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// ParseKeyPEM reads one private key in PEM: PKCS #8, or the older forms of openssl. Errors never quote the input.
func ParseKeyPEM(in []byte) (crypto.Signer, error) { return parseKeyPEM(in) }
