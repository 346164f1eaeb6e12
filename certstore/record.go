package certstore

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/onerecord/certgate/gate"
)

// formVersion is the version byte of everything that is stored under a MAC. A program refuses a version that it does not know.
const formVersion = 1

// maxRecord bounds one stored record. Badger keeps what is larger in files of its own, which nothing here wants to depend on.
const maxRecord = 1<<20 - 4096

const overhead = 1 + len(mac{}) // version and MAC in front of the JSON

// errMAC says that a value is not what was written under its key.
var errMAC = errors.New("its MAC does not fit: it was changed, or moved here from another place")

// errZone says that a contract's zone is not in this machine's time zone database. Without it nobody knows when the contract ends.
var errZone = errors.New("its time zone cannot be loaded")

// wrap is the stored form of a body: version | MAC | body.
func (k *keyring) wrap(key, body []byte) []byte {
	m := k.mac(key, formVersion, body)
	out := make([]byte, 0, overhead+len(body))
	out = append(out, formVersion)
	out = append(out, m[:]...)
	return append(out, body...)
}

// unwrap checks a stored value and returns its body, which shares its memory, and its MAC.
func (k *keyring) unwrap(key, value []byte) (body []byte, m mac, err error) {
	if len(value) < overhead {
		return nil, m, fmt.Errorf("it has %d bytes; at least %d were written", len(value), overhead)
	}
	body = value[overhead:]
	copy(m[:], value[1:overhead])
	// The MAC before the version: an unknown version is only worth believing if we wrote it.
	if want := k.mac(key, value[0], body); !hmac.Equal(want[:], m[:]) {
		if former := k.former.Load(); former != nil {
			return former.unwrap(key, value)
		}
		return nil, m, errMAC
	}
	if value[0] != formVersion {
		return nil, m, fmt.Errorf("it has form %d and this program knows %d: it was written by a newer certgate", value[0], formVersion)
	}
	return body, m, nil
}

// encode prints a record or event in the form that is hashed, stored and compared: compact JSON with fields in the order of the type.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decodeInto fills r from its stored JSON. A contract comes with its term resolved.
func decodeInto(r gate.Record, body []byte, zones gate.Zones) error {
	if err := json.Unmarshal(body, r); err != nil {
		return err
	}
	if c, ok := r.(*gate.Contract); ok {
		if err := c.Resolve(zones); err != nil {
			return fmt.Errorf("%w: %w", errZone, err)
		}
	}
	return nil
}

// blank makes an empty record of a kind; nil for a kind that this program does not know.
func blank(kind gate.RecordKind) gate.Record {
	if f := blanks[kind]; f != nil {
		return f()
	}
	return nil
}

var blanks = map[gate.RecordKind]func() gate.Record{
	gate.AccountRecord:       func() gate.Record { return new(gate.Account) },
	gate.OrganizationRecord:  func() gate.Record { return new(gate.Organization) },
	gate.DeviceRecord:        func() gate.Record { return new(gate.Device) },
	gate.ContractRecord:      func() gate.Record { return new(gate.Contract) },
	gate.CertificationRecord: func() gate.Record { return new(gate.Certification) },
	gate.KeyRecord:           func() gate.Record { return new(gate.Key) },
	gate.CertificateRecord:   func() gate.Record { return new(gate.Certificate) },
	gate.EnrollmentRecord:    func() gate.Record { return new(gate.Enrollment) },
	gate.RemediationRecord:   func() gate.Record { return new(gate.Remediation) },
	gate.NoticeRecord:        func() gate.Record { return new(gate.Notice) },
	gate.StaffRecord:         func() gate.Record { return new(gate.Staff) },
	gate.CARecord:            func() gate.Record { return new(gate.CA) },
	gate.PepperRecord:        func() gate.Record { return new(gate.Pepper) },
	gate.BehaviorsRecord:     func() gate.Record { return new(gate.BehaviorTable) },
	gate.HostRecord:          func() gate.Record { return new(gate.Host) },
	gate.MarkRecord:          func() gate.Record { return new(gate.Mark) },
	gate.ReminderRecord:      func() gate.Record { return new(gate.Reminder) },
	gate.LossRecord:          func() gate.Record { return new(gate.Loss) },
	gate.UseRecord:           func() gate.Record { return new(gate.Use) },
	gate.SecretRecord:        func() gate.Record { return new(gate.Secret) },
	gate.ObservedRecord:      func() gate.Record { return new(gate.Observed) },
	gate.CRLRecord:           func() gate.Record { return new(gate.PublishedCRL) },
	gate.SpentRecord:         func() gate.Record { return new(gate.Spent) },
	gate.IncidentRecord:      func() gate.Record { return new(gate.Incident) },
	gate.RulingRecord:        func() gate.Record { return new(gate.Ruling) },
	gate.ReviewRecord:        func() gate.Record { return new(gate.Review) },
	gate.BlockedKeyRecord:    func() gate.Record { return new(gate.BlockedKey) },

	gate.RevocationListRecord: func() gate.Record { return new(gate.RevocationList) },
}

// ETag names the state of a record for If-Match: the first 16 hexadecimal digits of the SHA-256 of its stored form. The DER of a
// certificate is left out, because the directory's copy has none and it never changes.
func ETag(r gate.Record) string {
	if c, ok := r.(*gate.Certificate); ok && c.DER != nil {
		without := *c
		without.DER = nil
		r = &without
	}
	body, err := encode(r)
	if err != nil {
		return "" // such a record cannot have been stored, and no If-Match matches an empty tag
	}
	return gate.FingerprintOf(body).String()[:16]
}

// bookkept reports whether Bookkeep may write records of the kind. Their history is not in the events, so a start that finds one
// changed cannot say which.
func bookkept(kind gate.RecordKind) bool {
	switch kind {
	case gate.MarkRecord, gate.NoticeRecord, gate.ObservedRecord, gate.UseRecord, gate.CRLRecord, gate.RevocationListRecord, gate.SpentRecord:
		return true
	default:
		return false
	}
}
