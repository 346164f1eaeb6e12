package gate

import (
	"encoding/base32"
	"fmt"
	"strings"
)

// Identifiers are typed, prefixed and sort by creation time: a prefix that names the noun, then 26 characters
// that encode a UUIDv7 (RFC 9562) in Crockford's base 32, lower case. They are never reused and never carry a meaning besides.

type (
	// AccountID names an account, with prefix acc_.
	AccountID string
	// OrganizationID names an organization, with prefix org_.
	OrganizationID string
	// DeviceID names a device, with prefix dev_.
	DeviceID string
	// ContractID names a contract, with prefix con_.
	ContractID string
	// CertificationID names a certification case, with prefix cas_.
	CertificationID string
	// InterviewID names an interview, with prefix int_.
	InterviewID string
	// KeyID names a production key, with prefix key_.
	KeyID string
	// CertificateID names a certificate, with prefix crt_.
	CertificateID string
	// EnrollmentID names an enrollment, with prefix enr_.
	EnrollmentID string
	// RemediationID names a remediation, with prefix rem_.
	RemediationID string
	// IncidentID names an incident, with prefix inc_.
	IncidentID string
	// RulingID names a version of the rules against abuse, with prefix rul_.
	RulingID string
	// ReviewID names a review of an account, with prefix rev_.
	ReviewID string
	// NoticeID names a notice, with prefix not_.
	NoticeID string
	// StaffID names a staff member, with prefix stf_.
	StaffID string
	// LossID names a loss of events, with prefix los_.
	LossID string
	// ImportID names an import, with prefix imp_.
	ImportID string
)

// Prefixes of the identifiers, one per noun.
const (
	AccountPrefix       = "acc_"
	OrganizationPrefix  = "org_"
	DevicePrefix        = "dev_"
	ContractPrefix      = "con_"
	CertificationPrefix = "cas_"
	InterviewPrefix     = "int_"
	KeyPrefix           = "key_"
	CertificatePrefix   = "crt_"
	EnrollmentPrefix    = "enr_"
	RemediationPrefix   = "rem_"
	IncidentPrefix      = "inc_"
	RulingPrefix        = "rul_"
	ReviewPrefix        = "rev_"
	NoticePrefix        = "not_"
	StaffPrefix         = "stf_"
	ImportPrefix        = "imp_"
	LossPrefix          = "los_"
	DecisionPrefix      = "req_" // one decision on one request; appears in X-Request-Id and in the problem's instance
)

// crockford leaves out i, l, o and u, so that an identifier survives being read out over the phone.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

const idLength = 26 // 128 bits in base 32

// FormatID prints 16 bytes as an identifier with the given prefix.
func FormatID(prefix string, raw [16]byte) string {
	var buf [4 + idLength]byte
	n := copy(buf[:], prefix)
	crockford.Encode(buf[n:], raw[:])
	return string(buf[:n+idLength])
}

// CheckID reports whether s is an identifier with the given prefix; the error says what was expected.
func CheckID(prefix, s string) error {
	_, err := ParseID(prefix, s)
	return err
}

// ParseID is the inverse of FormatID; the error says what was expected.
func ParseID(prefix, s string) (raw [16]byte, err error) {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || len(rest) != idLength {
		return raw, Errorf(Invalid, "%q is not an identifier of the form %s followed by %d characters", Clip(s, 60), prefix, idLength)
	}
	// The decoder skips line ends and stray last bits; of one identifier there is one spelling.
	decoded, err := crockford.DecodeString(rest)
	if err != nil || crockford.EncodeToString(decoded) != rest {
		return raw, Errorf(Invalid, "%q is not an identifier: its characters are not 16 bytes written in 0-9 and a-z without i, l, o, u", Clip(s, 60))
	}
	return [16]byte(decoded), nil
}

// Slug limits: long enough for a company's name, short enough for a table column.
const maxSlug = 40

// CheckSlug reports whether s can name something in a slug path such as acme/main/prod-1.
func CheckSlug(s string) error {
	if s == "" || len(s) > maxSlug {
		return Errorf(Invalid, "slug %q: must have 1 to %d characters", Clip(s, 60), maxSlug)
	}
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (c != '-' || i == 0 || i == len(s)-1) {
			return Errorf(Invalid, "slug %q: only a-z, 0-9 and inner hyphens are allowed", s)
		}
	}
	return nil
}

// Clip shortens text that somebody else wrote before it goes into a message.
func Clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return fmt.Sprintf("%s... (%d bytes)", strings.ToValidUTF8(s[:limit], ""), len(s))
}
