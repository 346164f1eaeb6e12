package issuer

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/onerecord/certgate/gate"
)

// The list is taken apart here and not by crypto/x509 alone, which makes some 300 bytes of every entry: a list of 16 MiB would take half a
// gigabyte. crypto/x509 reads it without its entries.

// Tags of DER (X.690 section 8.1.2) as single bytes.
const (
	tagInteger         = 0x02
	tagEnumerated      = 0x0a
	tagUTCTime         = 0x17
	tagGeneralizedTime = 0x18
	tagSequence        = 0x30
)

var errDER = errors.New("it is cut off or not encoded as DER demands")

// element splits the first element off b: its tag, its content, the whole of it, and what follows.
func element(b []byte) (tag byte, content, whole, rest []byte, err error) {
	if len(b) < 2 || b[0]&0x1f == 0x1f {
		return 0, nil, nil, nil, errDER
	}
	length, header := int(b[1]), 2
	if length >= 0x80 {
		n := length & 0x7f
		if n == 0 || n > 4 || len(b) < 2+n || b[2] == 0 {
			return 0, nil, nil, nil, errDER
		}
		var wide [4]byte
		copy(wide[4-n:], b[2:2+n])
		if length, header = int(binary.BigEndian.Uint32(wide[:])), 2+n; length < 0x80 {
			return 0, nil, nil, nil, errDER
		}
	}
	if length > len(b)-header {
		return 0, nil, nil, nil, errDER
	}
	end := header + length
	return b[0], b[header:end], b[:end], b[end:], nil
}

// expect is element where only one tag may stand.
func expect(b []byte, want byte) (content, whole, rest []byte, err error) {
	tag, content, whole, rest, err := element(b)
	if err == nil && tag != want {
		err = errDER
	}
	return content, whole, rest, err
}

// listParts are the pieces of a list. They share its memory.
type listParts struct {
	tbs       []byte // what is signed, whole
	before    []byte // of the content of tbs, in front of the entries
	entries   []byte // the content of revokedCertificates; empty if there is none
	after     []byte // of the content of tbs, behind the entries
	trailer   []byte // what follows tbs: algorithm and signature
	signature []byte
}

// splitList finds the pieces. Everything but the entries is for crypto/x509 to read.
func splitList(der []byte) (*listParts, error) {
	if len(der) > MaxRevocationList {
		return nil, fmt.Errorf("the list has %d bytes; at most %d are read", len(der), MaxRevocationList)
	}
	list, _, rest, err := expect(der, tagSequence)
	if err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("this is no revocation list in DER: %w", errDER)
	}
	p := &listParts{}
	content, whole, trailer, err := expect(list, tagSequence)
	if err != nil {
		return nil, fmt.Errorf("the list: %w", err)
	}
	p.tbs, p.trailer = whole, trailer
	if p.before, rest, err = skipListHead(content); err != nil {
		return nil, fmt.Errorf("the list: %w", err)
	}
	p.after = rest
	if len(rest) > 0 && rest[0] == tagSequence {
		if p.entries, _, p.after, err = expect(rest, tagSequence); err != nil {
			return nil, fmt.Errorf("the list: %w", err)
		}
	}
	if len(p.before)+len(p.after)+len(p.trailer) > maxListHeader {
		return nil, fmt.Errorf("the list has more than %d bytes besides its entries", maxListHeader)
	}
	return p, nil
}

// skipListHead passes over version, algorithm, issuer and the one or two times.
func skipListHead(content []byte) (before, rest []byte, err error) {
	rest = content
	for _, tag := range []byte{tagInteger, tagSequence, tagSequence} {
		if _, _, rest, err = expect(rest, tag); err != nil {
			return nil, nil, err
		}
	}
	for range 2 {
		if len(rest) > 0 && (rest[0] == tagUTCTime || rest[0] == tagGeneralizedTime) {
			if _, _, _, rest, err = element(rest); err != nil {
				return nil, nil, err
			}
		}
	}
	return content[:len(content)-len(rest)], rest, nil
}

// header is the list as crypto/x509 reads it, without its entries.
func (p *listParts) header() (*x509.RevocationList, error) {
	tbs := wrap(tagSequence, p.before, p.after)
	list, err := x509.ParseRevocationList(wrap(tagSequence, tbs, p.trailer))
	if err != nil {
		return nil, fmt.Errorf("this is no revocation list that can be read: %w", err)
	}
	p.signature = list.Signature
	return list, nil
}

// wrap encodes an element.
func wrap(tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	out := make([]byte, 0, n+6)
	switch {
	case n < 0x80:
		out = append(out, tag, byte(n))
	case n < 1<<8:
		out = append(out, tag, 0x81, byte(n))
	case n < 1<<16:
		out = append(out, tag, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, tag, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// listEntry is one certificate of a list.
type listEntry struct {
	serial []byte // the content of its INTEGER
	reason gate.RevocationReason
}

// nextEntry reads the first of the entries. It does not allocate.
func nextEntry(b []byte) (e listEntry, rest []byte, err error) {
	entry, _, rest, err := expect(b, tagSequence)
	if err != nil {
		return e, nil, err
	}
	var after []byte
	if e.serial, _, after, err = expect(entry, tagInteger); err != nil || len(e.serial) == 0 {
		return e, nil, errDER
	}
	if n := len(e.serial); n > 1 && e.serial[0] == 0 && e.serial[1] < 0x80 || e.serial[0] >= 0x80 {
		return e, nil, errors.New("its serial number is negative or padded")
	}
	tag, _, _, after, err := element(after)
	if err != nil || tag != tagUTCTime && tag != tagGeneralizedTime {
		return e, nil, errDER
	}
	if len(after) == 0 {
		return e, rest, nil
	}
	extensions, _, none, err := expect(after, tagSequence)
	if err != nil || len(none) > 0 {
		return e, nil, errDER
	}
	return e, rest, e.readExtensions(extensions)
}

// readExtensions takes the reason. An entry that says it is about another CA's certificate, or anything critical that is not understood,
// makes the whole list unusable (RFC 5280 section 5.3).
func (e *listEntry) readExtensions(b []byte) error {
	for len(b) > 0 {
		content, _, rest, err := expect(b, tagSequence)
		if err != nil {
			return err
		}
		b = rest
		tag, id, _, value, err := element(content)
		if err != nil || tag != 0x06 {
			return errDER
		}
		critical := false
		if len(value) == 0 {
			return errDER
		}
		if value[0] == 0x01 {
			if len(value) < 3 || value[1] != 1 || value[2] != 0xff {
				return errDER
			}
			critical, value = true, value[3:]
		}
		inner, _, none, err := expect(value, 0x04)
		if err != nil || len(none) > 0 {
			return errDER
		}
		switch {
		case sameOID(id, oidReason):
			if e.reason, err = reasonOf(inner); err != nil {
				return err
			}
		case sameOID(id, oidCertificateOwner):
			return errors.New("it is about a certificate of another CA, as in an indirect list; give the URL of the CA's own list")
		case critical:
			return errors.New("it has a critical extension that is not understood here")
		}
	}
	return nil
}

// sameOID compares the content of an OBJECT IDENTIFIER with one of id-ce (2.5.29), whose three arcs are three bytes.
func sameOID(content []byte, id asn1.ObjectIdentifier) bool {
	return len(content) == 3 && content[0] == 0x55 && content[1] == 29 && int(content[2]) == id[3]
}

// reasonOf reads a CRLReason. removeFromCRL stands in delta lists alone.
func reasonOf(b []byte) (gate.RevocationReason, error) {
	content, _, rest, err := expect(b, tagEnumerated)
	if err != nil || len(rest) > 0 || len(content) != 1 {
		return 0, errDER
	}
	switch reason := gate.RevocationReason(content[0]); reason {
	case 8:
		return 0, errors.New("it takes a certificate off the list, as delta lists alone can; give the URL of the full list")
	case gate.KeyCompromise, gate.AffiliationChanged, gate.Superseded, gate.CessationOfOperation, gate.PrivilegeWithdrawn:
		return reason, nil
	default:
		return gate.Unspecified, nil
	}
}
