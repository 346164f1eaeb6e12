package certstore

import "github.com/onerecord/certgate/gate"

// MaxTokenPeppers is how many versions of the pepper imported tokens may have: each costs every request with such a token an HMAC.
const MaxTokenPeppers = 4

// TokenByMAC finds an imported token by its MAC; nil if there is none.
func (d *Directory) TokenByMAC(mac gate.Fingerprint) *gate.Key {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if n := d.foreign[mac]; n != nil {
		return n.record
	}
	return nil
}

// TokenPeppers are the versions of the pepper that imported tokens have, in no order; n says how many. It does not allocate.
func (d *Directory) TokenPeppers() (versions [MaxTokenPeppers]int, n int) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for version := range d.peppered {
		if n < len(versions) {
			versions[n] = version
			n++
		}
	}
	return versions, n
}

func (s *state) holdToken(r *gate.Key, n *keyNode) {
	if r.Imported == nil {
		return
	}
	s.foreign[r.MAC] = n
	s.peppered[r.Pepper]++
}

func (s *state) releaseToken(r *gate.Key, n *keyNode) {
	if r.Imported == nil {
		return
	}
	release(s.foreign, r.MAC, n)
	if s.peppered[r.Pepper]--; s.peppered[r.Pepper] == 0 {
		delete(s.peppered, r.Pepper)
	}
}
