package authority

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// patientHashes turn identifiers of patients into numbers that tell nothing without the secret (HMAC-SHA-256, cut to 64 bits: among a million
// patients two are taken for one with a probability of 1 in 37 million, and then one call more passes).
type patientHashes struct{ pool *sync.Pool }

func newPatientHashes(key []byte) patientHashes {
	return patientHashes{&sync.Pool{New: func() any { return &mac{h: hmac.New(sha256.New, key)} }}}
}

func (p patientHashes) hash(id string) uint64 {
	c := p.pool.Get().(*mac) //nolint:errcheck,forcetypeassert // the pool makes nothing else
	defer p.pool.Put(c)
	c.compute(id)
	return binary.BigEndian.Uint64(c.sum[:])
}
