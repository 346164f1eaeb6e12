package gate

import (
	"net/netip"
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
}

// Key finds the one key that a request presents. Two keys, even equal ones, and a key in the query are faults.
func (r *Request) Key() (key PresentedKey, fault bool) {
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
	for rest := query; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		if name, _, _ := strings.Cut(pair, "="); strings.EqualFold(name, "access_token") {
			return true
		}
	}
	return ContainsKey(query)
}
