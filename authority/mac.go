package authority

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/onerecord/certgate/gate"
)

// macs proves keys. One pool of keyed hashes for each version of the pepper keeps the request path free of allocations.
type macs struct {
	byVersion atomic.Pointer[map[int]*sync.Pool]
	newest    atomic.Int64
	loading   sync.Mutex // held while both are taken from the directory
}

// mac is one keyed hash with room for its output, which must not escape on every call.
type mac struct {
	h   hash.Hash
	sum [sha256.Size]byte
}

// pepperLabel binds a sealed pepper to its version.
func pepperLabel(version int) string { return fmt.Sprintf("pepper/%d", version) }

func (a *Authority) loadPeppers() error {
	a.macs.loading.Lock()
	defer a.macs.loading.Unlock()
	pools := make(map[int]*sync.Pool)
	newest := 0
	for _, p := range a.dir.Peppers() {
		pepper, err := a.store.Unseal(pepperLabel(p.Version), p.Sealed)
		if err != nil {
			return fmt.Errorf("open pepper %d: %w", p.Version, err)
		}
		pools[p.Version] = &sync.Pool{New: func() any { return &mac{h: hmac.New(sha256.New, pepper)} }}
		newest = max(newest, p.Version)
	}
	if newest == 0 {
		return fmt.Errorf("the store has no pepper; restore it from a backup")
	}
	a.macs.byVersion.Store(&pools) // first: whoever reads the newest version finds it there
	a.macs.newest.Store(int64(newest))
	return nil
}

// proves reports whether text is the key whose MAC the record holds. For no record it does the same work and says no, so that
// the time it takes does not tell which handles exist.
func (m *macs) proves(record *gate.Key, text string) bool {
	version := int(m.newest.Load())
	var want gate.Fingerprint
	if record != nil {
		version, want = record.Pepper, record.MAC
	}
	pool := (*m.byVersion.Load())[version]
	if pool == nil {
		return false
	}
	c := pool.Get().(*mac) //nolint:errcheck,forcetypeassert // the pool makes nothing else
	defer pool.Put(c)
	c.compute(text)
	return subtle.ConstantTimeCompare(c.sum[:], want[:]) == 1 && record != nil
}

// under is the MAC under one version of the pepper; false if there is no such version.
func (m *macs) under(version int, text string) (out gate.Fingerprint, ok bool) {
	pool := (*m.byVersion.Load())[version]
	if pool == nil {
		return out, false
	}
	c := pool.Get().(*mac) //nolint:errcheck,forcetypeassert // the pool makes nothing else
	defer pool.Put(c)
	c.compute(text)
	return c.sum, true
}

// sum is the MAC under the newest pepper, for a key that is being made.
func (m *macs) sum(text string) (version int, out gate.Fingerprint) {
	version = int(m.newest.Load())
	pool := (*m.byVersion.Load())[version]
	c := pool.Get().(*mac) //nolint:errcheck,forcetypeassert // the pool makes nothing else
	defer pool.Put(c)
	c.compute(text)
	return version, c.sum
}

// compute hashes text where it lies: a conversion to bytes would be copied to the heap on every request, because what is called through an
// interface escapes; it only reads.
func (c *mac) compute(text string) {
	c.h.Reset()
	c.h.Write(unsafe.Slice(unsafe.StringData(text), len(text))) //nolint:gosec // see above
	c.h.Sum(c.sum[:0])
}

// MAC is what a record holds instead of the key.
func (a *Authority) MAC(key string) (pepper int, mac gate.Fingerprint) { return a.macs.sum(key) }
