package gate

import (
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Site is what a configuration says about where a request arrived.
type Site struct {
	Environment Environment
	Behaviors   *Behaviors
}

// Leaf is what a connection's client certificate shows. It is computed once per connection and judged on every request.
type Leaf struct {
	Fingerprint Fingerprint // SHA-256 of DER
	// Anchor is the issuing CA, by fingerprint, up to which certgate itself found a chain of valid signatures; zero if there is none.
	Anchor     Fingerprint
	NotBefore  time.Time
	NotAfter   time.Time
	ClientAuth bool // it has the extended key usage clientAuth (RFC 5280 section 4.2.1.12)
	CA         bool // it is a CA certificate
}

// Request is everything about a request that a rule may see. A door fills it in and decides nothing.
type Request struct {
	Site *Site
	// TLS says that the request came over TLS with the handshake complete. Nothing else is ever served.
	TLS  bool
	Leaf *Leaf // nil: the client presented no certificate
	Host string

	Authorization []string // values of the header fields that can carry the key: Authorization as sent
	KeyHeader     []string // and the configured one, whose whole value is the key
	Purpose       []string // values of Purpose-Of-Use

	Method  string
	Path    string // escaped, as it was sent
	Query   string // raw
	Upgrade string // value of the Upgrade header field, empty if there is none
	Peer    netip.Addr

	presented presented
}

// presented is what Present found; the zero value says that it was not asked.
type presented struct {
	read  bool
	fault bool
	key   PresentedKey
}

// Present reads the key as Key does and keeps what it found, for a shell that looks the key up before it asks for a decision: reading
// costs more than all the checks together. What was read must not change afterwards.
func (r *Request) Present() (key PresentedKey, fault bool) {
	key, fault = r.readKey()
	r.presented = presented{read: true, key: key, fault: fault}
	return key, fault
}

// Key finds the one key that a request presents. Two keys, even equal ones, and a key in the query are faults.
func (r *Request) Key() (key PresentedKey, fault bool) {
	if r.presented.read {
		return r.presented.key, r.presented.fault
	}
	return r.readKey()
}

func (r *Request) readKey() (key PresentedKey, fault bool) {
	if queryHasKey(r.Query) || len(r.Authorization)+len(r.KeyHeader) > 1 {
		return PresentedKey{}, true
	}
	if len(r.KeyHeader) == 1 {
		return ParseKey(r.KeyHeader[0]), false
	}
	if len(r.Authorization) == 0 {
		return PresentedKey{}, false
	}
	scheme, token, found := strings.Cut(r.Authorization[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return PresentedKey{}, false // another scheme is no key (RFC 6750 section 3.1: no error code then)
	}
	return ParseKey(strings.TrimLeft(token, " ")), false
}

// queryHasKey finds the parameter of RFC 6750 section 2.3, which we never accept, and anything that looks like a key of ours.
func queryHasKey(query string) bool {
	if query == "" {
		return false
	}
	for start, i := 0, 0; i <= len(query); i++ {
		if i < len(query) && query[i] != '&' && query[i] != ';' { // some servers still split at semicolons
			continue
		}
		if name, _, _ := strings.Cut(query[start:i], "="); strings.EqualFold(unescaped(name), "access_token") {
			return true
		}
		start = i + 1
	}
	return ContainsKey(unescaped(query))
}

// unescaped is text as the upstream will read it; text with bad escapes it will not read at all.
func unescaped(query string) string {
	if strings.IndexByte(query, '%') < 0 {
		return query
	}
	text, err := url.QueryUnescape(query)
	if err != nil {
		return query
	}
	return text
}
