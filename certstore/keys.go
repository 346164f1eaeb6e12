package certstore

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/onerecord/certgate/gate"
)

// The keyspace. Numbers are 8 bytes, big endian, so that text order is number order.
//
//	r/<kind>/<id>   a record   version | MAC | JSON
//	l/<seq>         an event   version | MAC | JSON, the leaf of the audit tree
//	t/<index>       a hash of the audit tree, 32 bytes, numbered as package audit numbers them
//	c/<size>        a signed checkpoint of that many events   version | MAC | note
//	h               the head   version | MAC | JSON
//
// Kinds contain no slash. Identifiers may, but no zero byte, which ends the key in what a MAC covers.
const (
	recordPrefix     = "r/"
	eventPrefix      = "l/"
	hashPrefix       = "t/"
	checkpointPrefix = "c/"
	headKey          = "h"
)

// maxID bounds an identifier; the longest of ours are host names (253 bytes) and idempotency keys.
const maxID = 1000

func recordKey(kind gate.RecordKind, id string) []byte {
	return []byte(recordPrefix + string(kind) + "/" + id)
}

func kindPrefix(kind gate.RecordKind) []byte { return []byte(recordPrefix + string(kind) + "/") }

func eventKey(seq int64) []byte { return numberKey(eventPrefix, seq) }

func hashKey(index int64) []byte { return numberKey(hashPrefix, index) }

func checkpointKey(size int64) []byte { return numberKey(checkpointPrefix, size) }

func numberKey(prefix string, n int64) []byte {
	return binary.BigEndian.AppendUint64([]byte(prefix), uint64(n))
}

// number reads a numberKey; false if the key is not of that form.
func number(prefix string, key []byte) (int64, bool) {
	if len(key) != len(prefix)+8 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(key[len(prefix):])), true
}

// checkID refuses identifiers that the keyspace cannot hold.
func checkID(kind gate.RecordKind, id string) error {
	if id == "" || len(id) > maxID || strings.IndexByte(id, 0) >= 0 {
		return gate.Errorf(gate.Invalid, "%s %q: an identifier has 1 to %d bytes and no zero byte", kind, gate.Clip(id, 80), maxID)
	}
	return nil
}

// Labels under which keys are derived from the one secret (HKDF, RFC 5869), so that none of them tells anything about another.
const (
	badgerLabel = "certgate store: badger"
	sealLabel   = "certgate store: seal"
	macLabel    = "certgate store: record mac"
	logLabel    = "certgate store: checkpoint key"
	originLabel = "certgate store: log origin"
	hashLabel   = "certgate store: patient hashes"
	usageLabel  = "certgate usage: badger"
)

// keyring holds what is derived from the secret.
type keyring struct {
	badger  []byte
	usage   []byte
	seal    cipher.AEAD
	lasting lastingKeys // what outlives the secret, if it is the first
	macs    sync.Pool   // of hash.Hash, an HMAC under the MAC key; a fresh one costs two allocations and two blocks of SHA-256

	// former is that of the secret before, while a rotation goes on: what was written under it is still read. Nothing is written under it.
	former atomic.Pointer[keyring]
}

func newKeyring(secret [32]byte) (*keyring, error) {
	derive := func(label string) ([]byte, error) {
		key, err := hkdf.Key(sha256.New, secret[:], nil, label, 32)
		if err != nil {
			return nil, fmt.Errorf("derive the key for %q: %w", label, err)
		}
		return key, nil
	}
	var k keyring
	var err error
	if k.badger, err = derive(badgerLabel); err != nil {
		return nil, err
	}
	if k.usage, err = derive(usageLabel); err != nil {
		return nil, err
	}
	seal, err := derive(sealLabel)
	if err != nil {
		return nil, err
	}
	if k.seal, err = newAEAD(seal); err != nil {
		return nil, err
	}
	for i, label := range []string{logLabel, hashLabel, usageLabel} {
		key, err := derive(label)
		if err != nil {
			return nil, err
		}
		k.lasting[i] = [32]byte(key)
	}
	key, err := derive(macLabel)
	if err != nil {
		return nil, err
	}
	k.macs.New = func() any { return hmac.New(sha256.New, key) }
	return &k, nil
}

// keys are those of the secret as it is now. Whoever is in a transaction keeps the same to its end.
func (s *Store) keys() *keyring { return s.ring.Load() }

// PatientKey is the key under which identifiers of patients are hashed. It comes from the first secret, so that what was counted before a restart
// or a rotation still counts.
func (s *Store) PatientKey() []byte { return s.lasting.keys[patientKey][:] }

// SketchKey is the key under which usage hashes patients and networks to count different ones: that under which it was encrypted first.
func (s *Store) SketchKey() []byte { return s.lasting.keys[sketchKey][:] }

// UsageKeys are the key under which usage is encrypted, which is a database of its own, and while the secret is being rotated the one before.
func (s *Store) UsageKeys() (key, former []byte) {
	k := s.keys()
	if f := k.former.Load(); f != nil {
		former = f.usage
	}
	return k.usage, former
}

// Dir is the data directory; empty for a store in memory.
func (s *Store) Dir() string { return s.options.Dir }

type mac [sha256.Size]byte

// mac is HMAC-SHA-256 over key || 0 || version || body. Keys of one shape have no zero byte or one length, so no two of them with
// their bodies run together into the same bytes.
func (k *keyring) mac(key []byte, version byte, body []byte) mac {
	h, _ := k.macs.Get().(hash.Hash) // the pool holds nothing else
	defer k.macs.Put(h)
	h.Reset()
	h.Write(key)
	h.Write([]byte{0, version})
	h.Write(body)
	var out mac
	h.Sum(out[:0])
	return out
}
