package issuer

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/onerecord/certgate/gate"
)

// MaxRevocationList bounds a list that is read, in bytes: some 400,000 entries.
const MaxRevocationList = 16 << 20

// maxListHeader bounds what a list holds besides its entries. Real ones have less than 2 KB.
const maxListHeader = 64 << 10

// RevocationList is a full CRL (RFC 5280 section 5) of a CA that is not ours. It keeps the DER that it was read from and nothing else that
// grows with it: what is looked for is looked for in there. It does not change and is safe for concurrent use.
type RevocationList struct {
	// Number is the CRL number; nil if there is none, which old CAs leave out.
	Number *big.Int
	// ThisUpdate is the time that the list speaks of, NextUpdate the time by which its CA promises another.
	ThisUpdate, NextUpdate time.Time
	// Entries is how many certificates it lists.
	Entries int

	entries []byte // the content of revokedCertificates
}

// Extensions of lists and their entries, RFC 5280 sections 5.2 and 5.3.
var (
	oidCRLNumber        = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidReason           = asn1.ObjectIdentifier{2, 5, 29, 21}
	oidDelta            = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIssuingPoint     = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidAuthorityKey     = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidCertificateOwner = asn1.ObjectIdentifier{2, 5, 29, 29}
)

// ReadRevocationList reads a list in DER and holds it against the CA: signed by its key with a strong algorithm, in its name, about all that it
// issued. A delta list, an indirect one, one that covers a part only, and one with critical extensions that are not understood say too
// little and are refused. Whether the list is current is the caller's to judge. Memory: the input, and at most 64 KiB more at a time.
func ReadRevocationList(der []byte, ca *x509.Certificate) (*RevocationList, error) {
	parts, err := splitList(der)
	if err != nil {
		return nil, err
	}
	header, err := parts.header()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(header.RawIssuer, ca.RawSubject) {
		return nil, fmt.Errorf("the list is in the name of %q; must be the CA's, %q", gate.Clip(header.Issuer.String(), 120), gate.Clip(ca.Subject.String(), 120))
	}
	if ca.KeyUsage != 0 && ca.KeyUsage&x509.KeyUsageCRLSign == 0 {
		return nil, errors.New("the CA's key usage lacks cRLSign, so that it may sign no list")
	}
	if !strongSignature(header.SignatureAlgorithm) {
		return nil, fmt.Errorf("the list is signed with %v; must be SHA-256, SHA-384 or SHA-512 with RSA or ECDSA", header.SignatureAlgorithm)
	}
	if err := ca.CheckSignature(header.SignatureAlgorithm, parts.tbs, parts.signature); err != nil {
		return nil, fmt.Errorf("the list is not signed by the CA: %w", err)
	}
	if len(header.RevokedCertificateEntries) > 0 {
		return nil, errors.New("the list has two lists of entries")
	}
	if err := checkListExtensions(header); err != nil {
		return nil, err
	}
	if header.NextUpdate.IsZero() || !header.NextUpdate.After(header.ThisUpdate) {
		return nil, errors.New("the list does not say when the next one comes (nextUpdate), so nobody could tell that it has run out")
	}
	l := &RevocationList{Number: header.Number, ThisUpdate: header.ThisUpdate.UTC(), NextUpdate: header.NextUpdate.UTC(), entries: parts.entries}
	for rest := l.entries; len(rest) > 0; l.Entries++ {
		if _, rest, err = nextEntry(rest); err != nil {
			return nil, fmt.Errorf("entry %d of the list: %w", l.Entries, err)
		}
	}
	return l, nil
}

// Listing is what a list says of a certificate.
type Listing struct {
	Serial *big.Int
	// Reason is the one of the entry; certificateHold and what else we do not give ourselves come out as unspecified.
	Reason gate.RevocationReason
}

// Find looks up serial numbers, in one pass however many there are, and yields each that is listed.
func (l *RevocationList) Find(serials ...*big.Int) (found []Listing) {
	wanted := make(map[string]*big.Int, len(serials))
	for _, s := range serials {
		wanted[string(s.Bytes())] = s
	}
	for rest := l.entries; len(rest) > 0; {
		e, after, err := nextEntry(rest)
		if err != nil {
			return found // cannot happen: all were read before
		}
		rest = after
		if s := wanted[string(bytes.TrimLeft(e.serial, "\x00"))]; s != nil {
			found = append(found, Listing{Serial: s, Reason: e.reason})
		}
	}
	return found
}

// checkListExtensions refuses a list that says less than all, or something that we do not understand.
func checkListExtensions(list *x509.RevocationList) error {
	seen := make(map[string]bool)
	for _, e := range list.Extensions {
		if seen[e.Id.String()] {
			return fmt.Errorf("the list has extension %v twice", e.Id)
		}
		seen[e.Id.String()] = true
		switch {
		case e.Id.Equal(oidDelta):
			return errors.New("this is a delta list, which holds changes alone; give the URL of the full list")
		case e.Id.Equal(oidIssuingPoint):
			if err := checkIssuingPoint(e.Value); err != nil {
				return err
			}
		case e.Id.Equal(oidCRLNumber), e.Id.Equal(oidAuthorityKey):
		case e.Critical:
			return fmt.Errorf("the list has critical extension %v, which is not understood here", e.Id)
		}
	}
	return nil
}

// issuingPoint is the extension of RFC 5280 section 5.2.5.
type issuingPoint struct {
	Point          asn1.RawValue `asn1:"optional,tag:0"`
	UserCerts      bool          `asn1:"optional,tag:1"`
	CACerts        bool          `asn1:"optional,tag:2"`
	SomeReasons    asn1.RawValue `asn1:"optional,tag:3"`
	Indirect       bool          `asn1:"optional,tag:4"`
	AttributeCerts bool          `asn1:"optional,tag:5"`
}

func checkIssuingPoint(der []byte) error {
	var p issuingPoint
	rest, err := asn1.Unmarshal(der, &p)
	switch {
	case err != nil || len(rest) > 0:
		return errors.New("the list's issuing distribution point cannot be read")
	case p.Indirect:
		return errors.New("this is an indirect list, which speaks of other CAs too; give the URL of the CA's own")
	case p.CACerts || p.AttributeCerts:
		return errors.New("the list is not about client certificates (issuing distribution point); give the URL of the full list")
	case len(p.Point.FullBytes) > 0 || len(p.SomeReasons.FullBytes) > 0:
		return errors.New("the list covers a part of what the CA issued, or some reasons only (issuing distribution point); give the URL of the full list")
	}
	return nil
}
