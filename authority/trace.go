package authority

import (
	"encoding/binary"
	"net/http"
	"strings"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// leave notes what those who watch for abuse look at. Nearly every call has nothing of it.
func (c *Call) leave(shown *usage.Shown, o *Outcome) {
	if !c.Allowed() {
		if c.Reason >= gate.BehaviorUnknown && c.Reason <= gate.UpgradeNotAllowed {
			shown.Refused = true
			c.deny(shown, c.Reason <= gate.BehaviorNotGranted)
		}
		return
	}
	if len(c.names.numbers) > 0 {
		shown.More, shown.Numbers = true, c.names.numbers
	}
	switch status := o.Status; {
	case status == http.StatusForbidden:
		c.deny(shown, true)
	case status == http.StatusNotFound, status == http.StatusGone:
		c.deny(shown, false)
	case status/100 == 2 && exports(c.Path):
		hash := c.target(string(c.Caller.Device.ID) + c.Path)
		shown.More, shown.Export = true, binary.BigEndian.Uint64(hash[:])
	}
}

// deny says what a call asked for that was not there or not allowed: the path, and the patients where it names them elsewhere. Of what was not
// allowed the kind counts, too.
func (c *Call) deny(shown *usage.Shown, kind bool) {
	d := &shown.Denied
	shown.More, d.Target = true, c.target(c.Path)
	for _, patient := range c.patients() {
		for i := range d.Target {
			d.Target[i] ^= patient[i]
		}
	}
	if kind {
		d.Kind = kindNumber(kindOf(c.Path, c.Behavior))
	}
}

// target is a hash of what a call asks for that tells nothing without the secret.
func (c *Call) target(text string) [16]byte { return c.authority.patients.hash(text) }

// exports reports whether a path begins a bulk export: $export anywhere, and $everything of a group (FHIR Bulk Data Access 2.0 section 2.1).
func exports(path string) bool {
	switch {
	case strings.HasSuffix(path, "/$export"):
		return true
	case strings.HasSuffix(path, "/$everything"):
		return strings.Contains(path, "/Group/")
	}
	return false
}

// kindNumber is the number of a kind of resource, 1 to 64, by FNV-1a: always the same, also of another process, so that days can be compared.
func kindNumber(kind string) uint8 {
	h := uint64(14695981039346656037)
	for i := range len(kind) {
		h = (h ^ uint64(kind[i])) * 1099511628211
	}
	return uint8((h^h>>32)%64) + 1
}

// kindOf is the kind of resource that a call asks for, of which there are few, and never an identifier: the FHIR resource type; else the first word
// below what the behavior's template begins with, where something stands below that in turn; else the behavior. Where there is none, the words
// with which the path begins.
func kindOf(path string, b *gate.Behavior) string {
	for segment := range strings.SplitSeq(path, "/") {
		if resourceType(segment) {
			return segment
		}
	}
	if b == nil {
		end := 0
		for range 3 {
			segment, _, _ := strings.Cut(path[min(end+1, len(path)):], "/")
			if !word(segment) {
				break
			}
			end += 1 + len(segment)
		}
		return path[:end]
	}
	before, _, open := strings.Cut(b.Path, "*")
	if segment, below, _ := strings.Cut(strings.TrimPrefix(path, before), "/"); open && below != "" && word(segment) {
		return segment
	}
	return b.Name
}

// resourceType reports whether a segment looks like the name of a FHIR resource type.
func resourceType(s string) bool {
	return len(s) >= 3 && s[0] >= 'A' && s[0] <= 'Z' && word(s) && strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyz")
}

// word reports whether a segment consists of letters, -, _ and $, and is not long.
func word(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '_' && c != '$' {
			return false
		}
	}
	return s != "" && len(s) <= 40
}

// numberOf is the number that an identifier is: digits alone, at most 18, or at least four of them at the end behind what has none. Hexadecimal and
// random identifiers are none.
func numberOf(id string) (n uint64, ok bool) {
	digits := len(id)
	for digits > 0 && id[digits-1] >= '0' && id[digits-1] <= '9' {
		digits--
	}
	before, rest := id[:digits], id[digits:]
	if len(rest) == 0 || len(rest) > 18 || before != "" && (len(rest) < 4 || strings.ContainsAny(before, "0123456789")) {
		return 0, false
	}
	for i := range len(rest) {
		n = n*10 + uint64(rest[i]-'0')
	}
	return n, true
}
