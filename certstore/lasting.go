package certstore

import (
	"errors"
	"fmt"
	"slices"

	"github.com/onerecord/certgate/gate"
)

// lastingKeys are what was derived from the first secret and is not to change with it: the seed of the key that signs the log, so that one log goes
// on, and the keys of the hashes of patients and networks, so that none is counted twice.
type lastingKeys [3][32]byte

// The places in lastingKeys.
const (
	logSeed = iota
	patientKey
	sketchKey
)

// lasting is what outlives the secret. From the first rotation on it lies sealed in the record of the secret.
type lasting struct {
	keys lastingKeys
	log  logName
}

// LastingLabel is the label under which it is sealed.
const LastingLabel = "secret/lasting"

func newLasting(keys lastingKeys) (l lasting, err error) {
	l.keys = keys
	l.log, err = nameLog(keys[logSeed])
	return l, err
}

// inherit makes what outlives the secret from what was derived from it.
func (k *keyring) inherit() (lasting, error) { return newLasting(k.lasting) }

// SealLasting seals what outlives the secret, for its record.
func (tx *Tx) SealLasting() ([]byte, error) {
	keys := tx.store.lasting.keys
	return tx.Seal(LastingLabel, slices.Concat(keys[logSeed][:], keys[patientKey][:], keys[sketchKey][:]))
}

// adopt takes what outlives the secret from its record, once. The store is shared later, and it does not change.
func (s *Store) adopt(r *gate.Secret) error {
	if r == nil || r.Lasting == nil {
		return nil
	}
	plain, _, err := s.keys().unseal(LastingLabel, r.Lasting)
	var keys lastingKeys
	if err == nil && len(plain) != len(keys)*len(keys[0]) {
		err = errors.New("it has another length")
	}
	if err != nil {
		return fmt.Errorf("what outlives the secret: %w", err)
	}
	for i := range keys {
		copy(keys[i][:], plain[i*len(keys[i]):])
	}
	if keys == s.lasting.keys {
		return nil
	}
	if s.directory.Secret() != nil { // it was adopted when the store was opened, and may be in use
		return errors.New("what outlives the secret is not what it was")
	}
	s.lasting, err = newLasting(keys)
	return err
}
