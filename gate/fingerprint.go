package gate

import (
	"crypto/sha256"
	"encoding/hex"
)

// Fingerprint is a SHA-256 sum: of a certificate's DER encoding, or of another thing where the field says so.
type Fingerprint [sha256.Size]byte

// FingerprintOf hashes b.
func FingerprintOf(b []byte) Fingerprint { return sha256.Sum256(b) }

// IsZero reports whether the fingerprint was never set.
func (f Fingerprint) IsZero() bool { return f == Fingerprint{} }

// String prints it in hexadecimal, lower case.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// MarshalText implements encoding.TextMarshaler.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Fingerprint) UnmarshalText(b []byte) error {
	if len(b) == 2*len(f) {
		var sum Fingerprint
		if _, err := hex.Decode(sum[:], b); err == nil {
			*f = sum
			return nil
		}
	}
	return Errorf(Invalid, "%q: a fingerprint is 64 hexadecimal digits", Clip(string(b), 80))
}
