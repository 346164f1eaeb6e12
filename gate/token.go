package gate

import (
	"fmt"
	"io"
	"strings"
)

// Lengths of a token from before certgate, in characters.
const (
	MinToken = 20
	MaxToken = 8192
)

// tokenHandle begins the handle of every imported token. No handle that a request can present has it.
const tokenHandle = "~"

// NewTokenHandle draws the name by which an imported token is spoken of. It says nothing about the token.
func NewTokenHandle(random io.Reader) (string, error) {
	drawn, err := drawBase62(random, handleLength-len(tokenHandle))
	if err != nil {
		return "", fmt.Errorf("draw a handle: %w", err)
	}
	return tokenHandle + drawn, nil
}

// CheckToken reports why a text cannot be imported as the token of a device. What can is any text that a client can send after
// "Bearer " or as the whole value of the configured header field and that reaches us unchanged: visible ASCII (RFC 9110 section 5.5
// without blanks and without the bytes above 127, which software reads in several ways). RFC 6750 section 2.1 would allow fewer
// characters, but what is in use must go on. What begins like a key of ours is refused, because it is looked up as one. The error never
// holds the text.
func CheckToken(token string) error {
	switch {
	case len(token) < MinToken:
		return Errorf(Invalid, "a token must have at least %d characters; this one has %d", MinToken, len(token))
	case len(token) > MaxToken:
		return Errorf(Invalid, "a token may have at most %d characters; this one has %d", MaxToken, len(token))
	case !tokenShaped(token):
		return Errorf(Invalid, "a token may hold visible ASCII characters only, without blanks; give it as it follows \"Bearer \", without that word")
	case hasKeyTag(token) || ContainsKey(token):
		return Errorf(Invalid, "this begins like a key of ours, or holds one; keys of ours come out of an enrollment")
	}
	return nil
}

// tokenShaped reports whether a text can be a token from before.
func tokenShaped(s string) bool {
	if len(s) < MinToken || len(s) > MaxToken {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func hasKeyTag(s string) bool {
	for e := Sandbox; e <= Production; e++ {
		if strings.HasPrefix(s, e.KeyTag()) {
			return true
		}
	}
	return false
}
