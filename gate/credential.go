package gate

import "time"

// Revocation ends a key or certificate for good.
type Revocation struct {
	At     time.Time        `json:"at"`
	By     StaffID          `json:"by,omitempty"` // empty: by the customer or by a rule
	Reason RevocationReason `json:"reason"`
	Why    string           `json:"why"`
}

// RevocationReason is a CRLReason of RFC 5280 section 5.3.1, of which a client certificate can carry these.
type RevocationReason int

// The reasons for revocation that staff and rules may give.
const (
	Unspecified          RevocationReason = 0
	KeyCompromise        RevocationReason = 1
	AffiliationChanged   RevocationReason = 3
	Superseded           RevocationReason = 4
	CessationOfOperation RevocationReason = 5
	PrivilegeWithdrawn   RevocationReason = 9
)

var revocationNames = map[RevocationReason]string{
	Unspecified: "unspecified", KeyCompromise: "keyCompromise", AffiliationChanged: "affiliationChanged",
	Superseded: "superseded", CessationOfOperation: "cessationOfOperation", PrivilegeWithdrawn: "privilegeWithdrawn",
}

// RevocationReasons lists them all, by code.
func RevocationReasons() []RevocationReason {
	return []RevocationReason{Unspecified, KeyCompromise, AffiliationChanged, Superseded, CessationOfOperation, PrivilegeWithdrawn}
}

// String returns the name of RFC 5280.
func (r RevocationReason) String() string { return revocationNames[r] }

// ParseRevocationReason is the inverse of String.
func ParseRevocationReason(s string) (RevocationReason, error) {
	for r, name := range revocationNames {
		if name == s {
			return r, nil
		}
	}
	return 0, FieldErrorf("reason", "%q: must be keyCompromise, superseded, cessationOfOperation, affiliationChanged, privilegeWithdrawn or unspecified", Clip(s, 40))
}

// MarshalText implements encoding.TextMarshaler.
func (r RevocationReason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *RevocationReason) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRevocationReason(string(b))
	return err
}

// CredentialState is derived from a key or certificate and now.
type CredentialState int

// The states of a key or certificate.
const (
	Active CredentialState = iota
	Retiring
	Expired
	Revoked
	NotYetValid
	Waiting // imported, and the import is not confirmed
)

// String returns the state's name.
func (s CredentialState) String() string {
	return [...]string{"active", "retiring", "expired", "revoked", "not-yet-valid", "waiting"}[s]
}

// Live reports whether the part can still be used.
func (s CredentialState) Live() bool { return s == Active || s == Retiring }
