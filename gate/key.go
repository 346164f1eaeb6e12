package gate

import (
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"
	"unsafe"
)

// Key is a production key as it is stored: never the key itself, only a MAC of it under a pepper that lies sealed elsewhere.
//
// A key is printed as the environment's tag, a handle, a secret and a checksum:
//
//	orpk_ hhhhhhhhhh ssssssssssssssssssssssssssssssss cccccc
//	tag   10 handle  32 secret, 190 bits              6, CRC-32 (IEEE) of everything before, base 62
//
// The handle finds the record without touching the secret; the checksum lets a scanner, or us, tell a key from noise offline.
type Key struct {
	ID          KeyID       `json:"id"`
	Account     AccountID   `json:"account"`
	Device      DeviceID    `json:"device"`
	Environment Environment `json:"environment"`
	Handle      string      `json:"handle"`
	Pepper      int         `json:"pepper"` // version of the pepper under which MAC was made
	MAC         Fingerprint `json:"mac"`    // HMAC-SHA-256 of the whole key
	IssuedAt    time.Time   `json:"issued_at"`
	FirstUsedAt *time.Time  `json:"first_used_at,omitempty"`
	// RetireAt ends a key that has been replaced; until then it is retiring and still good.
	RetireAt *time.Time  `json:"retire_at,omitempty"`
	Revoked  *Revocation `json:"revoked,omitempty"`
	// Imported marks a token from before certgate: any text, found by its MAC alone. Its Handle is no part of it, see NewTokenHandle.
	Imported *TakenOver `json:"imported,omitempty"`
	// Replaces is the key with which the customer asked for this one; empty for one that was taken with a link.
	Replaces KeyID `json:"replaces,omitempty"`
}

// State is the key's state at now.
func (k *Key) State(now time.Time) CredentialState {
	switch {
	case k.Revoked != nil: // whatever the clock says: one that was set back must not revive it
		return Revoked
	case k.Imported.Waits():
		return Waiting
	case k.RetireAt == nil:
		return Active
	case now.Before(*k.RetireAt):
		return Retiring
	}
	return Expired
}

// Revoke ends the key now.
func (k Key) Revoke(r Revocation) (Key, error) {
	if k.Revoked != nil {
		return k, Errorf(Conflict, "key %s is revoked already", k.ID)
	}
	k.Revoked = &r
	return k, nil
}

// Lengths of the parts of a printed key.
const (
	handleLength   = 10
	secretLength   = 32 // 62^32 is 190 bits
	checksumLength = 6  // 62^6 > 2^32
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// NewKey draws a key of the environment from random and returns it whole and its handle. It fails if random does, or without an
// environment.
func NewKey(e Environment, random io.Reader) (key, handle string, err error) {
	if e < Sandbox || e > Production {
		return "", "", Errorf(Invalid, "a key belongs to sandbox, preprod or production")
	}
	drawn, err := drawBase62(random, handleLength+secretLength)
	if err != nil {
		return "", "", fmt.Errorf("draw a key: %w", err)
	}
	body := e.KeyTag() + drawn
	return body + checksum(body), drawn[:handleLength], nil
}

// drawBase62 rejects the bytes from 248 up, so that each of the 62 characters is equally likely.
func drawBase62(random io.Reader, n int) (string, error) {
	out := make([]byte, 0, n)
	var buf [64]byte
	for len(out) < n {
		if _, err := io.ReadFull(random, buf[:]); err != nil {
			return "", err
		}
		for _, b := range buf {
			if b < 248 && len(out) < n {
				out = append(out, base62[b%62])
			}
		}
	}
	return string(out), nil
}

func checksum(body string) string {
	var out [checksumLength]byte
	crc := crc32String(body)
	for i := checksumLength - 1; i >= 0; i-- {
		out[i] = base62[crc%62]
		crc /= 62
	}
	return string(out[:])
}

// crc32String is crc32.ChecksumIEEE of a string. A conversion to bytes would be copied to the heap on every request, because that
// function's argument escapes; it only reads.
func crc32String(s string) uint32 {
	return crc32.ChecksumIEEE(unsafe.Slice(unsafe.StringData(s), len(s))) //nolint:gosec // see above
}

// KeyShape says what a presented key shows by itself, before any look into the store.
type KeyShape int

// The shapes.
const (
	NoKey       KeyShape = iota
	WellFormed           // tag, length, characters and checksum are right
	Malformed            // not a key of ours at all
	BadChecksum          // looks like a key, but a character was lost or changed
	Foreign              // not of our making, and perhaps a token from before: see CheckToken
)

// PresentedKey is a key as a request brought it.
type PresentedKey struct {
	Shape       KeyShape
	Environment Environment // by its tag; NoEnvironment unless WellFormed
	Handle      string      // empty unless WellFormed
	Text        string      // the secret itself, of one that is WellFormed or Foreign: never logged, never stored
}

// String names the key without its secret.
func (k PresentedKey) String() string { return k.Environment.KeyTag() + k.Handle + "..." }

// Format implements fmt.Formatter: it keeps the secret out of logs and errors, whatever verb prints it.
func (k PresentedKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// MarshalText does the same for JSON.
func (k PresentedKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// ParseKey looks at the shape of a presented key. It does not allocate.
func ParseKey(s string) PresentedKey {
	if s == "" {
		return PresentedKey{}
	}
	for e := Production; e > NoEnvironment; e-- {
		tag := e.KeyTag()
		if !strings.HasPrefix(s, tag) {
			continue
		}
		if len(s) != len(tag)+handleLength+secretLength+checksumLength || !allBase62(s[len(tag):]) {
			return PresentedKey{Shape: Malformed}
		}
		if !checksumMatches(s) {
			return PresentedKey{Shape: BadChecksum}
		}
		return PresentedKey{Shape: WellFormed, Environment: e, Handle: s[len(tag) : len(tag)+handleLength], Text: s}
	}
	if !tokenShaped(s) {
		return PresentedKey{Shape: Malformed}
	}
	return PresentedKey{Shape: Foreign, Text: s}
}

func checksumMatches(s string) bool {
	body := len(s) - checksumLength
	crc := crc32String(s[:body])
	for i := len(s) - 1; i >= body; i-- {
		if s[i] != base62[crc%62] {
			return false
		}
		crc /= 62
	}
	return true
}

func allBase62(s string) bool {
	for i := range len(s) {
		if !isBase62[s[i]] {
			return false
		}
	}
	return true
}

// isBase62 holds the characters of base62.
var isBase62 = func() (set [256]bool) {
	for _, c := range []byte(base62) {
		set[c] = true
	}
	return set
}()

// ContainsKey reports whether text holds something that begins like a key of any environment: it must not be logged, and a query
// string that holds one is refused.
func ContainsKey(text string) bool {
	for e := Sandbox; e <= Production; e++ {
		tag := e.KeyTag()
		for rest := text; ; {
			i := strings.Index(rest, tag)
			if i < 0 {
				break
			}
			rest = rest[i+len(tag):]
			if len(rest) >= handleLength+secretLength && allBase62(rest[:handleLength+secretLength]) {
				return true
			}
		}
	}
	return false
}
