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
	Patients    *Patients  // where calls name patients; nil: nowhere
	Plan        *UsagePlan // of the environment, where no contract says how much may be used; nil: no limit
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

// presented is what a request says, before anything is judged. The zero value says that it was not read.
type presented struct {
	read     bool
	keyFault bool // more than one key, or one in the query
	key      PresentedKey

	clear    bool // method, path and purpose can be read in one way only
	blocked  bool // the behavior waits for staff to allow its change
	known    bool // the stated purpose is one
	path     string
	behavior *Behavior // nil: none matches
	purpose  Purpose   // as stated
}

// Present reads what the request says and keeps it: a shell looks the key up before it asks for a decision, and a call in flight is
// judged again and again. Reading costs more than all the checks together. The request must not change afterwards.
func (r *Request) Present() (key PresentedKey, fault bool) {
	p := &r.presented
	*p = presented{read: true}
	p.key, p.keyFault = r.readKey()
	r.readCall(p)
	return p.key, p.keyFault
}

// Key finds the one key that a request presents. Two keys, even equal ones, and a key in the query are faults.
func (r *Request) Key() (key PresentedKey, fault bool) {
	if r.presented.read {
		return r.presented.key, r.presented.keyFault
	}
	return r.readKey()
}

// readCall reads what is called and why.
func (r *Request) readCall(p *presented) {
	one := r.readPurpose(p)
	path, err := CanonicalPath(r.Path)
	if err != nil || r.Site == nil {
		return
	}
	var exact bool
	p.path = path
	p.behavior, p.blocked, exact = r.Site.Behaviors.match(r.Method, path)
	p.clear = exact && one && methodShaped(r.Method)
}

// readPurpose reads the header field and reports whether it states at most one purpose.
func (r *Request) readPurpose(p *presented) bool {
	switch len(r.Purpose) {
	case 0:
		return true
	case 1:
		p.purpose, p.known = ParsePurpose(r.Purpose[0])
		return p.known || !strings.Contains(r.Purpose[0], ",")
	}
	return false
}

// methodShaped reports whether a method is one that we can name: upper case, because an upstream may ignore the case of others.
func methodShaped(method string) bool {
	for i := range len(method) {
		if c := method[i]; (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	return method != ""
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
