package authority

import (
	"slices"

	"github.com/onerecord/certgate/gate"
)

// token finds the imported token that was presented; nil if there is none. It looks under every version of the pepper that tokens have,
// and under the newest also where there are none, and stops at no hit: the time that it takes depends on the text and on the versions,
// never on whether the token is known. It does not allocate.
func (a *Authority) token(text string) (found *gate.Key) {
	versions, n := a.dir.TokenPeppers()
	if newest := int(a.macs.newest.Load()); n < len(versions) && !slices.Contains(versions[:n], newest) {
		versions[n] = newest
		n++
	}
	for _, version := range versions[:n] {
		mac, ok := a.macs.under(version, text)
		if k := a.dir.TokenByMAC(mac); ok && k != nil && k.Pepper == version {
			found = k
		}
	}
	return found
}
