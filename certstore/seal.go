package certstore

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"sync"
)

// sealer encrypts single values: version | nonce | AES-256-GCM ciphertext, with the label as additional data.
type sealer struct {
	aead cipher.AEAD

	mu     sync.Mutex // guards random, which need not be safe for concurrent use
	random io.Reader
}

const sealVersion = 1

func newSealer(key []byte, random io.Reader) (*sealer, error) {
	if random == nil {
		return nil, errors.New("a store needs a source of random numbers")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make the sealing cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make the sealing cipher: %w", err)
	}
	return &sealer{aead: aead, random: random}, nil
}

func (s *sealer) seal(label string, plaintext []byte) ([]byte, error) {
	out := make([]byte, 1+s.aead.NonceSize(), 1+s.aead.NonceSize()+len(plaintext)+s.aead.Overhead())
	out[0] = sealVersion
	nonce := out[1:]
	s.mu.Lock()
	_, err := io.ReadFull(s.random, nonce)
	s.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("seal %s: draw a nonce: %w", label, err)
	}
	return s.aead.Seal(out, nonce, plaintext, []byte(label)), nil //nolint:gosec // G407: the nonce was drawn above
}

func (s *sealer) unseal(label string, sealed []byte) ([]byte, error) {
	if len(sealed) < 1+s.aead.NonceSize() || sealed[0] != sealVersion {
		return nil, fmt.Errorf("unseal %s: %d bytes that were not sealed by this program", label, len(sealed))
	}
	nonce, ciphertext := sealed[1:1+s.aead.NonceSize()], sealed[1+s.aead.NonceSize():]
	plaintext, err := s.aead.Open(nil, nonce, ciphertext, []byte(label))
	if err != nil {
		return nil, fmt.Errorf("unseal %s: it was sealed under another secret or label, or changed: %w", label, err)
	}
	return plaintext, nil
}
