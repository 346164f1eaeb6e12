package gate

import "time"

// BlockedKey is a public key that never gets a certificate again, because its private half may be in other hands. It says nothing of whose it
// was, so it stays when the records of a former customer are deleted. There is no way back: nobody can know that a private key was forgotten.
type BlockedKey struct {
	PublicKey Fingerprint `json:"public_key"` // SHA-256 of the SubjectPublicKeyInfo; its identifier
	At        time.Time   `json:"at"`
	By        StaffID     `json:"by,omitempty"` // empty: by certgate itself
	Cause     BlockCause  `json:"cause"`
	// Why is given only where the key itself was listed: the reason of a revocation may name a customer.
	Why string `json:"why,omitempty"`
}

// BlockCause says what put a public key on the list.
type BlockCause string

// The causes, a closed list.
const (
	BlockedAsCompromised BlockCause = "compromised" // a certificate for it was revoked as keyCompromise
	BlockedWithBadge     BlockCause = "badge"       // a certificate of staff for it was revoked
	BlockedWithCA        BlockCause = "ca"          // a CA with this key was retired as compromised
	BlockedByStaff       BlockCause = "listed"      // staff listed the key itself
)

// RecordKind implements Record.
func (*BlockedKey) RecordKind() RecordKind { return BlockedKeyRecord }

// RecordID implements Record.
func (b *BlockedKey) RecordID() string { return b.PublicKey.String() }
