package authority

import (
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// Lifetimes of a certificate revocation list: third parties may use one for a day, and a new one is signed every six hours.
const (
	crlLifetime = 24 * time.Hour
	crlRefresh  = 6 * time.Hour
)

// CRLPath and CAPath are where certgate_pki serves a CA's revocation list, by shard, and its certificate. They stand in every
// certificate and never change.
func CRLPath(ca gate.Fingerprint, shard int) string {
	return fmt.Sprintf("/crl/%s/%d.crl", caName(ca), shard)
}

// CAPath is where a CA's certificate is served, in DER.
func CAPath(ca gate.Fingerprint) string { return "/ca/" + caName(ca) + ".crt" }

// caName shortens a fingerprint for a path: 64 bits tell a handful of CAs apart.
func caName(ca gate.Fingerprint) string { return ca.String()[:16] }

// crlCache holds the latest list of each CA.
type crlCache struct {
	mu     sync.Mutex
	latest map[gate.Fingerprint]*CRL // guarded by mu
}

// CRL is a signed revocation list.
type CRL struct {
	DER        []byte
	Number     *big.Int
	ThisUpdate time.Time
	NextUpdate time.Time
	// NextSigning is when a new list is due even if nothing is revoked; caches must not keep this one longer.
	NextSigning time.Time
	entries     []issuer.Revoked
	events      int64 // how many there were when it was last found to be complete
}

// CAByName finds a CA of ours by the name in its paths. What imported CAs are, and what they revoke, is for their owners to say.
func (a *Authority) CAByName(name string) *gate.CA {
	for _, ca := range a.dir.CAs() {
		if ca.Imported == nil && caName(ca.Fingerprint) == name {
			return ca
		}
	}
	return nil
}

// CRL is the revocation list of a CA: the latest, or a new one if something was revoked since or it has grown old. Only customers'
// certificates are on lists; staff are known by record alone.
func (a *Authority) CRL(ca *gate.CA) (*CRL, error) {
	if a.quarantine.Load() != nil {
		return nil, ErrUnavailable // it would lack what was revoked since
	}
	a.crls.mu.Lock()
	defer a.crls.mu.Unlock()
	now := a.moment()
	latest := a.crls.latest[ca.Fingerprint]
	events := a.store.EventCount() // before the directory is read: what comes in between is seen the next time
	if latest != nil && latest.events == events && now.Sub(latest.ThisUpdate) < crlRefresh {
		return latest, nil // anybody may ask, so asking must not walk through all certificates
	}
	entries := a.revokedUnder(ca, now)
	if latest != nil && slices.EqualFunc(latest.entries, entries, sameEntry) && now.Sub(latest.ThisUpdate) < crlRefresh {
		latest.events = events
		return latest, nil
	}
	signer, err := a.open(ca)
	if err != nil {
		return nil, err
	}
	next := &CRL{ThisUpdate: now, NextUpdate: now.Add(crlLifetime), NextSigning: now.Add(crlRefresh), entries: entries, events: events}
	var previous *big.Int
	if latest != nil {
		previous = latest.Number
	}
	next.Number = issuer.CRLNumber(previous, a.now())
	next.DER, err = signer.CRL(issuer.CRLRequest{Number: next.Number, Revoked: entries, ThisUpdate: next.ThisUpdate, NextUpdate: next.NextUpdate}, a.random)
	if err != nil {
		return nil, err
	}
	if a.crls.latest == nil {
		a.crls.latest = make(map[gate.Fingerprint]*CRL)
	}
	a.crls.latest[ca.Fingerprint] = next
	return next, nil
}

func sameEntry(a, b issuer.Revoked) bool { return a.Serial.Cmp(b.Serial) == 0 }

// revokedUnder lists what was revoked under a CA. An entry stays until a list has been published after the certificate's end
// (RFC 5280 section 3.3).
func (a *Authority) revokedUnder(ca *gate.CA, now time.Time) []issuer.Revoked {
	var entries []issuer.Revoked
	for _, c := range a.dir.Certificates("") {
		if c.Issuer != ca.Fingerprint || c.Revoked == nil || now.Sub(c.NotAfter) > crlLifetime {
			continue
		}
		serial, ok := new(big.Int).SetString(c.Serial, 16)
		if !ok {
			continue // the record's MAC was right, so this cannot happen; a list without it still refuses nobody wrongly
		}
		entries = append(entries, issuer.Revoked{Serial: serial, At: c.Revoked.At, Reason: c.Revoked.Reason})
	}
	return entries
}
