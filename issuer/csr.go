package issuer

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// maxCSRBytes bounds a signing request. One with a 4096-bit RSA key is 1.7 KB in
// PEM; tools that add attributes stay below 4 KB.
const maxCSRBytes = 16 << 10

// ApplicantKey is a public key whose holder has proved to have the private half.
// It is all that a signing request contributes to a certificate.
type ApplicantKey struct {
	// Public is an *ecdsa.PublicKey or *rsa.PublicKey that CheckPublicKey accepts.
	Public crypto.PublicKey
	// SPKI is the SHA-256 of the key's SubjectPublicKeyInfo in DER, encoded anew,
	// so that one key has one value. It finds a key used twice or reported stolen.
	SPKI [sha256.Size]byte
	// Algorithm names the key for people: "P-256", "P-384", "RSA-2048".
	Algorithm string
}

// NewApplicantKey wraps a public key that the caller made itself, for which
// there is nothing to prove. It applies [CheckPublicKey].
func NewApplicantKey(pub crypto.PublicKey) (ApplicantKey, error) {
	if err := CheckPublicKey(pub); err != nil {
		return ApplicantKey{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return ApplicantKey{}, fmt.Errorf("encode the public key: %w", err)
	}
	return ApplicantKey{Public: pub, SPKI: sha256.Sum256(der), Algorithm: keyAlgorithm(pub)}, nil
}

// The mistakes people make when asked for a CSR, each with its own answer.
var (
	errPrivateKeySent = errors.New("this is a private key; never send it to anybody. " +
		"It must now be considered stolen: make a new key and send only a certificate signing request (CSR) for it")
	errPKCS12Sent = errors.New("this is a PKCS#12 file, which may hold a private key; never send it to anybody. " +
		"Make a new key and send only a certificate signing request (CSR) for it")
	errCertificateSent = errors.New("this is a certificate, not a certificate signing request (CSR); " +
		"make a CSR with the key: openssl req -new -key KEYFILE -subj /CN=x -out request.csr")
	errPublicKeySent = errors.New("this is a public key, not a certificate signing request (CSR); " +
		"only a CSR proves that you hold the private key: openssl req -new -key KEYFILE -subj /CN=x -out request.csr")
	errNoCSR = errors.New("this is no certificate signing request (CSR); " +
		"send the file that openssl req -new -key KEYFILE -subj /CN=x -out request.csr writes, in PEM or DER")
)

// ParseCSR reads one PKCS#10 signing request (RFC 2986), in PEM or DER, of at
// most 16 KiB and nothing beside it, checks its signature (the proof of
// possession) and the key policy, and returns the key. Everything else the
// request asks for is ignored. Errors are meant for the customer, never quote
// the input and name the usual mistakes: a certificate, a private key.
func ParseCSR(pemOrDER []byte) (ApplicantKey, error) {
	if len(pemOrDER) > maxCSRBytes {
		return ApplicantKey{}, fmt.Errorf("the signing request has %d bytes; at most %d are allowed", len(pemOrDER), maxCSRBytes)
	}
	der, err := csrDER(pemOrDER)
	if err != nil {
		return ApplicantKey{}, err
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		if mistake := mistakenDER(der); mistake != nil {
			return ApplicantKey{}, mistake
		}
		// The parser's own text may quote what it read, and who knows what that is.
		return ApplicantKey{}, errNoCSR
	}
	key, err := NewApplicantKey(csr.PublicKey)
	if err != nil {
		return ApplicantKey{}, err
	}
	if !strongSignature(csr.SignatureAlgorithm) {
		return ApplicantKey{}, fmt.Errorf("the signing request is signed with %v; SHA-256, SHA-384 or SHA-512 is required (openssl req -sha256)",
			csr.SignatureAlgorithm)
	}
	if err := csr.CheckSignature(); err != nil {
		return ApplicantKey{}, fmt.Errorf("the signing request is not signed with its own key, or was changed afterward; make it again: %w", err)
	}
	return key, nil
}

// ParsePublicKey reads the public key of a certificate, a signing request or by
// itself, in PEM, and returns the SHA-256 of its SubjectPublicKeyInfo. It proves
// nothing and applies no policy: what is weak can be blocked, too.
func ParsePublicKey(text []byte) ([sha256.Size]byte, error) {
	var none [sha256.Size]byte
	if bytes.Contains(text, []byte("PRIVATE KEY-----")) {
		return none, errors.New("this is a private key; never send it to anybody. " +
			"Its public half will do: openssl pkey -in KEYFILE -pubout")
	}
	blocks, err := pemBlocks(text)
	if err != nil {
		return none, err
	}
	if len(blocks) != 1 {
		return none, fmt.Errorf("the input holds %d PEM blocks; give one certificate, signing request or public key", len(blocks))
	}
	pub, err := publicKeyOfBlock(blocks[0])
	if err != nil {
		return none, err
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return none, fmt.Errorf("encode the public key: %w", err)
	}
	return sha256.Sum256(der), nil
}

func publicKeyOfBlock(block *pem.Block) (pub crypto.PublicKey, err error) {
	var cert *x509.Certificate
	var csr *x509.CertificateRequest
	switch block.Type {
	case "CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE":
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			pub = cert.PublicKey
		}
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		if csr, err = x509.ParseCertificateRequest(block.Bytes); err == nil {
			pub = csr.PublicKey
		}
	case "PUBLIC KEY":
		pub, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		pub, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return nil, fmt.Errorf("the PEM block is %s; a CERTIFICATE, CERTIFICATE REQUEST or PUBLIC KEY is expected", blockType(block))
	}
	if err != nil || pub == nil {
		return nil, fmt.Errorf("the %s is damaged or has a key of an unknown kind; give the SHA-256 of its SubjectPublicKeyInfo instead", block.Type)
	}
	return pub, nil
}

// csrDER unwraps the PEM, if it is PEM.
func csrDER(in []byte) ([]byte, error) {
	if !bytes.Contains(in, []byte("-----BEGIN ")) {
		if len(bytes.TrimSpace(in)) == 0 {
			return nil, errors.New("the signing request is empty")
		}
		return in, nil
	}
	// First of all, and even where the rest is damaged: a key that has left its
	// owner is the one mistake the owner must learn of.
	if bytes.Contains(in, []byte("PRIVATE KEY-----")) {
		return nil, errPrivateKeySent
	}
	blocks, err := pemBlocks(in)
	if err != nil {
		return nil, fmt.Errorf("the signing request: %w", err)
	}
	if len(blocks) != 1 {
		return nil, fmt.Errorf("the input holds %d PEM blocks; exactly one CERTIFICATE REQUEST is expected", len(blocks))
	}
	switch blocks[0].Type {
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		if len(blocks[0].Headers) > 0 {
			return nil, errors.New("the signing request's PEM block has header lines; none are allowed")
		}
		return blocks[0].Bytes, nil
	case "CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE":
		return nil, errCertificateSent
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		return nil, errPublicKeySent
	}
	return nil, fmt.Errorf("the PEM block is %s; a CERTIFICATE REQUEST is expected", blockType(blocks[0]))
}

// pkcs12Start is INTEGER 3, the version that opens every PFX (RFC 7292 section
// 4), after the outer header whose length varies.
var pkcs12Start = []byte{0x02, 0x01, 0x03, 0x30}

// mistakenDER names what was sent in place of a signing request, nil if unknown.
func mistakenDER(der []byte) error {
	if _, err := x509.ParseCertificate(der); err == nil {
		return errCertificateSent
	}
	if isPrivateKeyDER(der) {
		return errPrivateKeySent
	}
	if _, err := x509.ParsePKIXPublicKey(der); err == nil {
		return errPublicKeySent
	}
	if len(der) > 16 && der[0] == 0x30 && bytes.Contains(der[:16], pkcs12Start) {
		return errPKCS12Sent
	}
	return nil
}

func isPrivateKeyDER(der []byte) bool {
	if _, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return true
	}
	if _, err := x509.ParseECPrivateKey(der); err == nil {
		return true
	}
	_, err := x509.ParsePKCS1PrivateKey(der)
	return err == nil
}

// strongSignature lists what may sign a request. Go's own check still accepts
// SHA-1 here.
func strongSignature(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512:
		return true
	default:
		return false
	}
}
