package certstore

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A sealed value is version | nonce | AES-256-GCM ciphertext, with the label as additional data.
const sealVersion = 1

// nonces draws them for sealing; the source need not be safe for concurrent use.
type nonces struct {
	mu     sync.Mutex
	source io.Reader
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make the sealing cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make the sealing cipher: %w", err)
	}
	return aead, nil
}

func (s *Store) seal(label string, plaintext []byte) ([]byte, error) {
	aead := s.keys().seal
	out := make([]byte, 1+aead.NonceSize(), 1+aead.NonceSize()+len(plaintext)+aead.Overhead())
	out[0] = sealVersion
	nonce := out[1:]
	s.nonces.mu.Lock()
	_, err := io.ReadFull(s.nonces.source, nonce)
	s.nonces.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("seal %s: draw a nonce: %w", label, err)
	}
	return aead.Seal(out, nonce, plaintext, []byte(label)), nil //nolint:gosec // G407: the nonce was drawn above
}

// unseal opens a sealed value; stale says that it was sealed under the secret before.
func (k *keyring) unseal(label string, sealed []byte) (plaintext []byte, stale bool, err error) {
	n := k.seal.NonceSize()
	if len(sealed) < 1+n || sealed[0] != sealVersion {
		return nil, false, fmt.Errorf("unseal %s: %d bytes that were not sealed by this program", label, len(sealed))
	}
	plaintext, err = k.seal.Open(nil, sealed[1:1+n], sealed[1+n:], []byte(label))
	if err == nil {
		return plaintext, false, nil
	}
	if former := k.former.Load(); former != nil {
		if plaintext, _, err := former.unseal(label, sealed); err == nil {
			return plaintext, true, nil
		}
	}
	return nil, false, fmt.Errorf("unseal %s: it was sealed under another secret or label, or changed: %w", label, err)
}

// Reseal seals what was sealed under the secret before anew, while a rotation goes on; changed says whether it was.
func (tx *Tx) Reseal(label string, sealed []byte) (again []byte, changed bool, err error) {
	plaintext, stale, err := tx.store.keys().unseal(label, sealed)
	if err != nil || !stale {
		return sealed, false, err
	}
	again, err = tx.store.seal(label, plaintext)
	return again, err == nil, err
}

// errNoRandom refuses a store that could seal nothing.
var errNoRandom = errors.New("a store needs a source of random numbers")
