package certstore

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/bits"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

// head is what everything else in the store must come to. Each commit writes it anew.
type head struct {
	Commits int64                     `json:"commits"` // of both sorts, from 1; see newest.go
	Kinds   map[gate.RecordKind]tally `json:"kinds"`
	Events  int64                     `json:"events"`
	Root    gate.Fingerprint          `json:"root"` // of the audit tree

	Checkpoints tally `json:"checkpoints,omitzero"`
}

// tally counts the records of one kind.
type tally struct {
	Count int64 `json:"count"`
	Sum   sum   `json:"sum"` // of their MACs, modulo 2^256
}

// next is a copy to be changed.
func (h *head) next() head {
	n := *h
	n.Commits++
	n.Kinds = maps.Clone(h.Kinds)
	return n
}

// count takes one written record into account; before is nil for a new one.
func (h *head) count(kind gate.RecordKind, before *mac, after mac) {
	t := h.Kinds[kind]
	if before == nil {
		t.Count++
	} else {
		t.Sum = t.Sum.sub(*before)
	}
	t.Sum = t.Sum.add(after)
	h.Kinds[kind] = t
}

// discount takes one deleted record into account.
func (h *head) discount(kind gate.RecordKind, before mac) {
	t := h.Kinds[kind]
	t.Count--
	t.Sum = t.Sum.sub(before)
	h.Kinds[kind] = t
}

// with is the tally with one more.
func (t tally) with(m mac) tally { return tally{Count: t.Count + 1, Sum: t.Sum.add(m)} }

// grow takes one event into account.
func (h *head) grow(t audit.Tree) {
	h.Events, h.Root = t.Size(), gate.Fingerprint(t.Root())
}

// wrap is the head's stored form.
func (h *head) wrap(k *keyring) ([]byte, error) {
	body, err := encode(h)
	if err != nil {
		return nil, fmt.Errorf("encode the head: %w", err)
	}
	return k.wrap([]byte(headKey), body), nil
}

func unwrapHead(k *keyring, value []byte) (head, error) {
	body, _, err := k.unwrap([]byte(headKey), value)
	if err != nil {
		return head{}, fmt.Errorf("the head: %w", err)
	}
	var h head
	if err := json.Unmarshal(body, &h); err != nil {
		return head{}, fmt.Errorf("the head: %w", err)
	}
	return h, nil
}

// sum is a number of 256 bits, least significant word first. Adding the MACs of a set is a hash of the set: order does not matter, one
// member can be taken out again, and without the MAC key nobody can find another set that comes to the same.
type sum [4]uint64

func (s sum) add(m mac) sum {
	var carry uint64
	for i := range s {
		s[i], carry = bits.Add64(s[i], m.word(i), carry)
	}
	return s
}

func (s sum) sub(m mac) sum {
	var borrow uint64
	for i := range s {
		s[i], borrow = bits.Sub64(s[i], m.word(i), borrow)
	}
	return s
}

// plus adds two sums.
func (s sum) plus(other sum) sum {
	var carry uint64
	for i := range s {
		s[i], carry = bits.Add64(s[i], other[i], carry)
	}
	return s
}

func (m *mac) word(i int) uint64 { return binary.LittleEndian.Uint64(m[8*i:]) }

// MarshalText implements encoding.TextMarshaler: 64 hexadecimal digits, most significant first.
func (s sum) MarshalText() ([]byte, error) {
	var b [32]byte
	for i, word := range s {
		binary.BigEndian.PutUint64(b[8*(3-i):], word)
	}
	return hex.AppendEncode(nil, b[:]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *sum) UnmarshalText(text []byte) error {
	var b [32]byte
	if len(text) != hex.EncodedLen(len(b)) {
		return fmt.Errorf("a sum has %d hexadecimal digits, not %d", hex.EncodedLen(len(b)), len(text))
	}
	if _, err := hex.Decode(b[:], text); err != nil {
		return fmt.Errorf("a sum: %w", err)
	}
	for i := range s {
		s[i] = binary.BigEndian.Uint64(b[8*(3-i):])
	}
	return nil
}
