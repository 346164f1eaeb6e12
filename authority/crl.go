package authority

import (
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// Lifetimes of a certificate revocation list: third parties may use one for a day, and a new one is signed every six hours. What was revoked
// is looked for so often that it is on a list within a minute, with all else that was revoked meanwhile.
const (
	crlLifetime = 24 * time.Hour
	crlRefresh  = 6 * time.Hour
	crlInterval = 30 * time.Second
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

	signing sync.Mutex // held while a list is made, so that each has a number of its own
}

func (c *crlCache) get(ca gate.Fingerprint) *CRL {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latest[ca]
}

func (c *crlCache) put(ca gate.Fingerprint, list *CRL) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.latest == nil {
		c.latest = make(map[gate.Fingerprint]*CRL)
	}
	c.latest[ca] = list
}

// CRL is a signed revocation list.
type CRL struct {
	DER        []byte
	Digest     gate.Fingerprint // SHA-256 of DER, so that not everybody who asks makes it be computed
	Number     *big.Int
	ThisUpdate time.Time
	NextUpdate time.Time
	// NextSigning is when a new list is due even if nothing is revoked.
	NextSigning time.Time

	// What had been revoked when it was made: how many, and the last one.
	revoked int
	last    *gate.Certificate
}

// covers reports whether nothing was revoked since the list was made.
func (l *CRL) covers(revoked []*gate.Certificate) bool {
	return l.revoked == len(revoked) && (len(revoked) == 0 || l.last == revoked[len(revoked)-1])
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

// CRL is the latest revocation list of a CA; the job signs a new one. Only where there is none yet, or the job has not come for six hours, it
// is signed now: anybody may ask. Only customers' certificates are on lists; staff are known by record alone.
func (a *Authority) CRL(ca *gate.CA) (*CRL, error) {
	if a.quarantine.Load() != nil {
		return nil, ErrUnavailable // it would lack what was revoked since
	}
	if latest := a.crls.get(ca.Fingerprint); latest != nil && a.now().Before(latest.NextSigning) {
		return latest, nil
	}
	return a.signCRL(ca)
}

// signCRLs is a job: it signs the list of each CA that has issued, if something was revoked since the last one or that has grown old.
func (a *Authority) signCRLs(now time.Time) error {
	if a.quarantine.Load() != nil {
		return nil
	}
	var errs []error
	for _, ca := range a.dir.CAs() {
		if ca.Audience != gate.Customers || ca.Imported != nil || ca.IssuesFrom == nil || now.After(ca.NotAfter) {
			continue
		}
		if _, err := a.signCRL(ca); err != nil {
			errs = append(errs, fmt.Errorf("revocation list of %s: %w", nameOf(ca), err))
		}
	}
	return errors.Join(errs...)
}

// signCRL is the latest list if it says all that there is to say, or a new one. A second list of one second would have the same time as the
// first, by which caches tell them apart.
func (a *Authority) signCRL(ca *gate.CA) (*CRL, error) {
	a.crls.signing.Lock()
	defer a.crls.signing.Unlock()
	now, latest, revoked := a.moment(), a.crls.get(ca.Fingerprint), a.dir.Revoked(ca.Fingerprint)
	if latest != nil && (now.Equal(latest.ThisUpdate) || latest.covers(revoked) && now.Before(latest.NextSigning)) {
		return latest, nil
	}
	previous, err := a.publishedCRL(ca)
	if err != nil {
		return nil, err
	}
	signer, err := a.open(ca)
	if err != nil {
		return nil, err
	}
	next := &CRL{ThisUpdate: now, NextUpdate: now.Add(crlLifetime), NextSigning: now.Add(crlRefresh), revoked: len(revoked)}
	if len(revoked) > 0 {
		next.last = revoked[len(revoked)-1]
	}
	next.Number = issuer.CRLNumber(big.NewInt(previous.Number), a.now())
	next.DER, err = signer.CRL(issuer.CRLRequest{Number: next.Number, Revoked: listed(revoked, previous.At, now), ThisUpdate: now, NextUpdate: next.NextUpdate}, a.random)
	if err != nil {
		return nil, err
	}
	next.Digest = gate.FingerprintOf(next.DER)
	a.publishCRL(ca, next)
	return next, nil
}

// publishedCRL is what is remembered of the latest list, which may be one of a process before this one; zero if there was none.
func (a *Authority) publishedCRL(ca *gate.CA) (gate.PublishedCRL, error) {
	var published gate.PublishedCRL
	err := a.store.View(func(tx *certstore.Tx) error {
		p, err := certstore.Get[gate.PublishedCRL](tx, ca.Fingerprint.String())
		if errors.Is(err, gate.NotFound) {
			return nil
		}
		if err == nil {
			published = *p
		}
		return err
	})
	if latest := a.crls.get(ca.Fingerprint); latest != nil && latest.Number.Int64() > published.Number {
		published.Number = latest.Number.Int64() // it could not be written down
	}
	return published, err
}

// publishCRL hands a list out, and remembers it. That it cannot be remembered must not keep a revocation from being known: its number comes
// from the clock as well, and at worst an entry stays for longer than it must.
func (a *Authority) publishCRL(ca *gate.CA, list *CRL) {
	published := &gate.PublishedCRL{CA: ca.Fingerprint, Number: list.Number.Int64(), At: list.ThisUpdate}
	err := a.store.Bookkeep(func(tx *certstore.Tx) error {
		certstore.Put(tx, published)
		return nil
	})
	if err != nil {
		a.log.Error("a revocation list was signed and its number could not be written down", zap.String("ca", nameOf(ca)), zap.Error(err))
	}
	a.crls.put(ca.Fingerprint, list)
}

// listed are the entries of a list. One stays until it has been on a list that was published after its certificate's end (RFC 5280 section
// 3.3), and for a day, as clocks differ; previous is the time of the list before.
func listed(revoked []*gate.Certificate, previous, now time.Time) []issuer.Revoked {
	entries := make([]issuer.Revoked, 0, len(revoked))
	for _, c := range revoked {
		if now.Sub(c.NotAfter) > crlLifetime && previous.After(c.NotAfter) {
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
