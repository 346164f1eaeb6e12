package issuer

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"time"

	"github.com/onerecord/certgate/gate"
)

// Revoked is one entry of a CRL.
type Revoked struct {
	Serial *big.Int
	At     time.Time
	Reason gate.RevocationReason // certificateHold is not among them: what may come back is suspended in the store
}

// maxCRLNumberBits keeps the DER of a CRL number within 20 octets, the sign bit
// included (RFC 5280 section 5.2.3).
const maxCRLNumberBits = 20*8 - 1

// CRLNumber returns the number of the next CRL: one more than the previous (nil
// if there was none), but at least now in Unix nanoseconds. Numbers must never
// fall (RFC 5280 section 5.2.3); following the clock, they rise even after a
// store was restored from an older copy.
func CRLNumber(previous *big.Int, now time.Time) *big.Int {
	next := big.NewInt(1)
	if previous != nil {
		next.Add(previous, next)
	}
	if clock := big.NewInt(now.UnixNano()); clock.Cmp(next) > 0 {
		return clock
	}
	return next
}

// CRLRequest is what one CRL shall say.
type CRLRequest struct {
	// Number comes from CRLNumber and is larger than every one before it.
	Number *big.Int
	// Revoked are all entries, in any order.
	Revoked []Revoked
	// ThisUpdate is the time the list speaks of, NextUpdate the time by which
	// another will have been published; readers refuse the list after that.
	ThisUpdate, NextUpdate time.Time
}

func (r CRLRequest) check() error {
	if r.Number == nil || r.Number.Sign() <= 0 || r.Number.BitLen() > maxCRLNumberBits {
		return fmt.Errorf("number %v is not positive or longer than 20 octets; CRLNumber makes one", r.Number)
	}
	if r.ThisUpdate.IsZero() || !r.NextUpdate.After(r.ThisUpdate) {
		return fmt.Errorf("next update %s is not after this update %s, or one is missing",
			r.NextUpdate.UTC().Format(time.RFC3339), r.ThisUpdate.UTC().Format(time.RFC3339))
	}
	return nil
}

// CRL signs a full revocation list (RFC 5280 section 5) and returns its DER. The
// order of entries depends on the serials alone. An entry without serial or time,
// one that is there twice, and a reason off the list are errors.
func (ca *CA) CRL(r CRLRequest, rand io.Reader) ([]byte, error) {
	if err := errors.Join(ca.ready(), r.check()); err != nil {
		return nil, fmt.Errorf("sign a CRL: %w", err)
	}
	entries, err := crlEntries(r.Revoked)
	if err != nil {
		return nil, fmt.Errorf("sign a CRL: %w", err)
	}
	der, err := x509.CreateRevocationList(rand, &x509.RevocationList{
		Number:                    r.Number,
		ThisUpdate:                r.ThisUpdate.UTC().Truncate(time.Second),
		NextUpdate:                r.NextUpdate.UTC().Truncate(time.Second),
		RevokedCertificateEntries: entries,
	}, ca.Certificate, ca.Signer)
	if err != nil {
		return nil, fmt.Errorf("sign a CRL: %w", err)
	}
	if err := checkSignedCRL(der, len(entries), ca.Certificate); err != nil {
		return nil, err
	}
	return der, nil
}

// crlEntries checks the entries and puts them in the order of their serials.
func crlEntries(revoked []Revoked) ([]x509.RevocationListEntry, error) {
	entries := make([]x509.RevocationListEntry, 0, len(revoked))
	for _, r := range revoked {
		if r.Serial == nil || r.Serial.Sign() <= 0 {
			return nil, fmt.Errorf("an entry has serial number %v; it must be positive", r.Serial)
		}
		if r.At.IsZero() {
			return nil, fmt.Errorf("the entry of serial number %x has no time of revocation", r.Serial)
		}
		if !slices.Contains(gate.RevocationReasons(), r.Reason) {
			return nil, fmt.Errorf("the entry of serial number %x has reason %d, which is not allowed", r.Serial, int(r.Reason))
		}
		entries = append(entries, x509.RevocationListEntry{
			SerialNumber:   r.Serial,
			RevocationTime: r.At.UTC().Truncate(time.Second),
			ReasonCode:     int(r.Reason), // 0 is written by leaving the extension out
		})
	}
	slices.SortFunc(entries, func(a, b x509.RevocationListEntry) int { return a.SerialNumber.Cmp(b.SerialNumber) })
	for i := 1; i < len(entries); i++ {
		if entries[i].SerialNumber.Cmp(entries[i-1].SerialNumber) == 0 {
			return nil, fmt.Errorf("serial number %x is listed twice", entries[i].SerialNumber)
		}
	}
	return entries, nil
}

// checkSignedCRL reads the list back, because a wrong one would be believed.
func checkSignedCRL(der []byte, entries int, issuer *x509.Certificate) error {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return fmt.Errorf("read back the signed CRL: %w", err)
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return fmt.Errorf("read back the signed CRL: %w", err)
	}
	if len(list.RevokedCertificateEntries) != entries {
		return errors.New("the signed CRL does not hold the entries it was made from")
	}
	return nil
}
