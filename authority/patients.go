package authority

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/onerecord/certgate/usage"
)

// patientHashes turn identifiers of patients into hashes that tell nothing without the secret: HMAC-SHA-256, cut to 128 bits. Limits count by the
// first 64 of them: among a million patients two are taken for one with a probability of 1 in 37 million, and then one call more passes.
type patientHashes struct{ pool *sync.Pool }

func newPatientHashes(key []byte) patientHashes {
	return patientHashes{&sync.Pool{New: func() any { return &mac{h: hmac.New(sha256.New, key)} }}}
}

func (p patientHashes) hash(id string) (hash usage.Patient) {
	c := p.pool.Get().(*mac) //nolint:errcheck,forcetypeassert // the pool makes nothing else
	defer p.pool.Put(c)
	c.compute(id)
	copy(hash[:], c.sum[:])
	return hash
}

// namedPatients are those that a call names, with room for those of nearly every call.
type namedPatients struct {
	read   bool // whether the call was read for them
	hashes []usage.Patient
	room   [2]usage.Patient
	forms  [2]uint64 // as limits know them

	numbers []uint64 // those of the identifiers that are numbers
	digits  [2]uint64
}

// patients are the different ones that the call names, each as a keyed hash: an identifier is never kept.
func (c *Call) patients() []usage.Patient {
	if c.names.read {
		return c.names.hashes
	}
	c.names.read, c.names.hashes, c.names.numbers = true, c.names.room[:0], c.names.digits[:0]
	c.Request.Site.Patients.Each(c.Path, c.Request.Query, func(id string) {
		if hash := c.authority.patients.hash(id); !slices.Contains(c.names.hashes, hash) {
			c.names.hashes = append(c.names.hashes, hash)
			if n, ok := numberOf(id); ok {
				c.names.numbers = append(c.names.numbers, n)
			}
		}
	})
	return c.names.hashes
}

// limitedPatients are the same as limits know them.
func (c *Call) limitedPatients() []uint64 {
	list := c.names.forms[:0]
	for _, hash := range c.patients() {
		list = append(list, binary.BigEndian.Uint64(hash[:]))
	}
	return list
}
