package issuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"sync"
)

// rehearse encodes the template as the CA would and signs it with a key that is
// no secret. Its to-be-signed part is byte for byte what the CA will sign; its
// signature is worthless, because no certificate vouches for that key.
func rehearse(template *x509.Certificate, pub crypto.PublicKey, issuer *x509.Certificate) (*x509.Certificate, error) {
	signer, err := rehearsalSigner(issuer.PublicKey)
	if err != nil {
		return nil, err
	}
	standIn := *issuer
	standIn.PublicKey = signer.Public()
	der, err := x509.CreateCertificate(nil, template, &standIn, pub, signer)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read back what was encoded: %w", err)
	}
	return leaf, nil
}

// rehearsalSigner returns a well-known key of the kind the CA has, because the
// kind decides the signature algorithm, which is among the bytes to be signed.
// Fixed keys need no randomness and cost nothing to make.
func rehearsalSigner(ca crypto.PublicKey) (crypto.Signer, error) {
	switch key := ca.(type) {
	case *ecdsa.PublicKey:
		scalar := make([]byte, (key.Curve.Params().BitSize+7)/8)
		scalar[len(scalar)-1] = 1
		signer, err := ecdsa.ParseRawPrivateKey(key.Curve, scalar)
		if err != nil {
			return nil, fmt.Errorf("the CA's curve: %w", err)
		}
		return signer, nil
	case *rsa.PublicKey:
		return rehearsalRSA()
	}
	return nil, fmt.Errorf("the CA's key is %s; it must be ECDSA or RSA", keyAlgorithm(ca))
}

// The primes of the well-known RSA key. They are public on purpose and protect
// nothing.
const (
	rehearsalP = "cd287ecff47171b3f708b17c43fb30e5981b2ae3b0306c49f2ea5c2530a603e2" +
		"47d78eee9c31b0f25f74d837fc1dee5e49301b295c36e4fe87f9a945fc926eef" +
		"880dd5b80d65a6962697384b07d254dc5e136903d4e1ba4d3da5c8fa69aa691f" +
		"40eb47ef3bf08f50b823d8e7c0fd2d2ccefc454a51c9da934a9d5e9637817d4f"
	rehearsalQ = "e605d8f93c907d4f816978f50f31e413aa3375342e4455cb4bdc3c2a8d6b5622" +
		"ea2b2065218235c81bf128b13568e234af360d88525bc7cef0fdf9cbfe7ee4f9" +
		"5e774a05e7195f7668ea12a04baf0f2e74e699db2d2ef1a84f4c750c85bb8af4" +
		"c2abfd63264f6413bda527a85bc3a1c896b36292eaba25fc22ab1441e29dd669"
)

var rehearsalRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) {
	p, okP := new(big.Int).SetString(rehearsalP, 16)
	q, okQ := new(big.Int).SetString(rehearsalQ, 16)
	if !okP || !okQ {
		return nil, errors.New("the rehearsal primes are no hexadecimal numbers")
	}
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: rsaExponent},
		D:         new(big.Int).ModInverse(big.NewInt(rsaExponent), phi),
		Primes:    []*big.Int{p, q},
	}
	key.Precompute()
	if err := key.Validate(); err != nil {
		return nil, fmt.Errorf("the rehearsal key: %w", err)
	}
	return key, nil
})
