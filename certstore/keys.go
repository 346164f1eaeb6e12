package certstore

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"strings"
	"sync"

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
	badger   []byte
	seal     []byte
	patients []byte
	usage    []byte
	log      logName
	macs     sync.Pool // of hash.Hash, an HMAC under the MAC key; a fresh one costs two allocations and two blocks of SHA-256
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
	if k.seal, err = derive(sealLabel); err != nil {
		return nil, err
	}
	if k.patients, err = derive(hashLabel); err != nil {
		return nil, err
	}
	if k.usage, err = derive(usageLabel); err != nil {
		return nil, err
	}
	seed, err := derive(logLabel)
	if err != nil {
		return nil, err
	}
	if k.log, err = nameLog([32]byte(seed)); err != nil {
		return nil, err
	}
	key, err := derive(macLabel)
	if err != nil {
		return nil, err
	}
	k.macs.New = func() any { return hmac.New(sha256.New, key) }
	return &k, nil
}

// PatientKey is the key under which identifiers of patients are hashed. It comes from the secret, so that what was counted before a restart
// still counts.
func (s *Store) PatientKey() []byte { return s.keys.patients }

// UsageKey is the key under which usage is encrypted, which is a database of its own.
func (s *Store) UsageKey() []byte { return s.keys.usage }

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
