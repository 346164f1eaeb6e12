package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Limits of renewal by the customer, for each device and separately for keys and certificates.
const (
	// MaxLive is how many live keys, and how many live certificates, a device may have: enough for a change-over.
	MaxLive = 2
	// KeyOverlap is how long a key that was replaced stays good. A certificate that was replaced stays good to its own end.
	KeyOverlap = 30 * 24 * time.Hour
	// RenewalPause lies between two renewals, and RenewalsPerDay are allowed in any 24 hours: whoever has stolen a credential must not
	// make the CA sign for ever.
	RenewalPause   = time.Minute
	RenewalsPerDay = 5
)

// WaitError says that what was asked for may be asked for again later.
type WaitError struct {
	Text string
	Wait time.Duration
}

// Error implements error.
func (e *WaitError) Error() string { return e.Text }

// Unwrap makes it a Conflict.
func (e *WaitError) Unwrap() error { return Conflict }

// ReplacedBy is the newest live certificate of the device that was issued after this one; nil if there is none. All are the device's.
func (c *Certificate) ReplacedBy(all []*Certificate, now time.Time) *Certificate {
	var best *Certificate
	for _, other := range all {
		if other.State(now).Live() && later(other.IssuedAt, c.IssuedAt, string(other.ID), string(c.ID)) &&
			(best == nil || later(other.IssuedAt, best.IssuedAt, string(other.ID), string(best.ID))) {
			best = other
		}
	}
	return best
}

// StateAmong is State for whoever knows all certificates of the device: one that is good and was replaced is retiring.
func (c *Certificate) StateAmong(all []*Certificate, now time.Time) CredentialState {
	if s := c.State(now); s != Active || c.ReplacedBy(all, now) == nil {
		return s
	}
	return Retiring
}

// ReplacedBy is the newest live key of the device that was issued after this one, if this one was told to retire; nil if there is none.
func (k *Key) ReplacedBy(all []*Key, now time.Time) *Key {
	var best *Key
	for _, other := range all {
		if k.RetireAt != nil && other.State(now).Live() && later(other.IssuedAt, k.IssuedAt, string(other.ID), string(k.ID)) &&
			(best == nil || later(other.IssuedAt, best.IssuedAt, string(other.ID), string(best.ID))) {
			best = other
		}
	}
	return best
}

// later compares by time and then by identifier, which sorts by time too, finer than records tell it.
func later(a, b time.Time, idA, idB string) bool {
	return a.After(b) || a.Equal(b) && idA > idB
}

// CertificateRenewal is a customer's wish for a new certificate.
type CertificateRenewal struct {
	Presented *Certificate   // of the connection
	All       []*Certificate // of the device
	PublicKey Fingerprint    // of the signing request
	Replace   CertificateID  // one that was never used and is to end for it; empty: none
}

// Judge says what becomes of the wish: repeat is the certificate that was given for this public key before, as its answer may have been
// lost; unused is the one that ends. The error is a WaitError where waiting helps.
func (r *CertificateRenewal) Judge(now time.Time) (repeat, unused *Certificate, err error) {
	if r.PublicKey == r.Presented.PublicKey {
		return nil, nil, FieldErrorf("csr", "this public key is that of the certificate you present; make a new key pair for every certificate")
	}
	var live []*Certificate
	var made []time.Time
	for _, c := range r.All {
		switch {
		case c.PublicKey == r.PublicKey && c.Renews != "" && c.State(now).Live():
			return c, nil, nil
		case c.PublicKey == r.PublicKey:
			return nil, nil, FieldErrorf("csr", "this public key has been used before; make a new key pair for every certificate")
		}
		if c.Renews != "" {
			made = append(made, c.IssuedAt)
		}
		if s := c.State(now); !s.Live() && s != Waiting { // what waits must find room when its import is confirmed
			continue
		}
		if c.ID == r.Replace {
			unused = c
			continue
		}
		live = append(live, c)
	}
	if err := r.mayEnd(unused, now); err != nil {
		return nil, nil, err
	}
	if len(live) >= MaxLive {
		return nil, nil, r.full(live)
	}
	return nil, unused, renewalWait("certificate", made, now)
}

// mayEnd refuses to end what somebody may be using: whoever has stolen a credential must not lock its owner out.
func (r *CertificateRenewal) mayEnd(c *Certificate, now time.Time) error {
	switch {
	case r.Replace == "":
		return nil
	case c == nil || c.State(now) == Waiting:
		return FieldErrorf("replace", "%s is no live certificate of this device", Clip(string(r.Replace), 60))
	case c.ID == r.Presented.ID || c.FirstUsedAt != nil:
		return Errorf(Conflict, "%s has been used; only a certificate that never was can be replaced, others end on their own day or are revoked by OneRecord", c.ID)
	}
	return nil
}

func (r *CertificateRenewal) full(live []*Certificate) error {
	var names []string
	hint := ""
	for _, c := range live {
		names = append(names, fmt.Sprintf("%s until %s", c.ID, c.NotAfter.UTC().Format("2 January 2006 at 15:04 UTC")))
		if c.FirstUsedAt == nil && c.ID != r.Presented.ID {
			hint = fmt.Sprintf("; if the private key of %s is lost, repeat this with ?replace=%s: it was never used", c.ID, c.ID)
		}
	}
	return Errorf(Conflict, "this device has %d live certificates, which is as many as it may have: %s; a further one is issued when one of them has ended%s",
		len(live), strings.Join(names, ", "), hint)
}

// KeyRenewal is a customer's wish for a new key.
type KeyRenewal struct {
	Presented *Key
	All       []*Key // of the device
}

// Judge says what becomes of the wish: unused is the key that was given for the same wish before and never used, as its answer may have been
// lost; it ends. The error is a WaitError where waiting helps.
func (r *KeyRenewal) Judge(now time.Time) (unused *Key, err error) {
	var made []time.Time
	for _, k := range r.All {
		if k.Replaces != "" {
			made = append(made, k.IssuedAt)
		}
		switch {
		case k.ID == r.Presented.ID || !k.State(now).Live() && k.State(now) != Waiting:
		case k.Replaces == r.Presented.ID && k.FirstUsedAt == nil && unused == nil:
			unused = k
		case k.RetireAt != nil:
			return nil, Errorf(Conflict, "this device has %d live keys, which is as many as it may have: the one you present, and %s, which ends on %s; a further one is issued after that",
				MaxLive, k.ID, k.RetireAt.UTC().Format("2 January 2006 at 15:04 UTC"))
		default:
			return nil, Errorf(Conflict, "this device has %d live keys, which is as many as it may have: the one you present, and %s; use that one, or ask OneRecord to revoke it",
				MaxLive, k.ID)
		}
	}
	return unused, renewalWait("key", made, now)
}

// Replaced is the key as it is once another has taken its place.
func (k Key) Replaced(now time.Time) Key {
	end := now.Add(KeyOverlap)
	k.RetireAt = &end
	return k
}

// renewalWait refuses what comes too soon after the renewals that were made.
func renewalWait(noun string, made []time.Time, now time.Time) error {
	slices.SortFunc(made, func(a, b time.Time) int { return b.Compare(a) })
	next := now
	if len(made) > 0 {
		next = made[0].Add(RenewalPause)
	}
	if len(made) >= RenewalsPerDay {
		if after := made[RenewalsPerDay-1].Add(24 * time.Hour); after.After(next) {
			next = after
		}
	}
	if !next.After(now) {
		return nil
	}
	return &WaitError{Wait: next.Sub(now), Text: fmt.Sprintf("this device renewed its %s on %s; there may be one renewal a minute and %d in 24 hours, so the next is possible from %s",
		noun, made[0].UTC().Format("2 January 2006 at 15:04:05 UTC"), RenewalsPerDay, next.UTC().Format("2 January 2006 at 15:04:05 UTC"))}
}
