package caddymodule

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/onerecord/certgate/authority"
)

// strippedHeaders are the fields that a client could forge or that software behind us might act on, in lower case with hyphens.
// Names that begin with one of strippedPrefixes go too. Caddy itself drops names with _ and . before any handler; both are folded
// into hyphens here all the same, because an upstream may do that.
func strippedHeaders(keyHeader string) map[string]bool {
	names := map[string]bool{
		"authorization": true,
		// who the client is
		"client-cert": true, "client-cert-chain": true, "forwarded": true, "x-real-ip": true, "true-client-ip": true,
		"x-client-ip": true, "cf-connecting-ip": true, "x-cluster-client-ip": true, "x-client-cert": true, "ssl-client-cert": true,
		// what it asks for
		"x-http-method": true, "x-http-method-override": true, "x-method-override": true,
		"x-original-url": true, "x-original-uri": true, "x-rewrite-url": true, "x-request-id": true,
		"proxy": true, "proxy-authorization": true, "proxy-connection": true, "keep-alive": true, "trailer": true,
	}
	if keyHeader != "" {
		names[strings.ToLower(keyHeader)] = true
	}
	return names
}

var strippedPrefixes = [...]string{"certgate-", "client-cert", "x-forwarded", "x-ssl-", "ssl-client-", "x-client-cert"}

// prepare makes the request what the upstream may see: the path that was judged, nothing forged, and who calls.
func (h *Handler) prepare(r *http.Request, call *authority.Call, id string) {
	header := r.Header
	h.strip(header)
	keepConnection(header, call.Request.Upgrade != "")
	r.Trailer = nil
	if call.Path != call.Request.Path {
		setPath(r, call.Path)
	}
	// One array carries all values, so that this costs one allocation.
	values := []string{string(call.Caller.Account.ID), string(call.Caller.Organization.ID), string(call.Caller.Device.ID),
		call.Behavior.Name, string(call.Purpose), id}
	for i, name := range identityHeaders {
		header[name] = values[i : i+1 : i+1]
	}
	header["X-Request-Id"] = values[5:6:6]
	if h.ClientCert && call.Request.Leaf != nil && h.Environment.NeedsCertificate() { // elsewhere nobody has judged it
		// RFC 9440 section 2.1: the DER encoding as a Byte Sequence of RFC 8941.
		header["Client-Cert"] = []string{":" + base64.StdEncoding.EncodeToString(r.TLS.PeerCertificates[0].Raw) + ":"}
	}
}

var identityHeaders = [...]string{"Certgate-Account", "Certgate-Organization", "Certgate-Device", "Certgate-Behavior", "Certgate-Purpose",
	"Certgate-Request-Id"}

// strip takes away every field that never passes.
func (h *Handler) strip(header http.Header) {
	for name := range header {
		if h.strips(name) {
			delete(header, name)
		}
	}
}

// strips reports whether a field never passes.
func (h *Handler) strips(name string) bool {
	var folded [64]byte
	if len(name) > len(folded) {
		return hasStrippedPrefix(fold(make([]byte, len(name)), name))
	}
	b := fold(folded[:len(name)], name)
	return h.stripped[string(b)] || hasStrippedPrefix(b)
}

func hasStrippedPrefix(b []byte) bool {
	for _, prefix := range strippedPrefixes {
		if len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix {
			return true
		}
	}
	return false
}

// fold writes the name in lower case with hyphens for _ and . into b.
func fold(b []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c == '_' || c == '.':
			c = '-'
		}
		b[i] = c
	}
	return b
}

// keepConnection leaves only what may be said about the connection. A proxy deletes every field that Connection names, ours too, so
// a client must not name any (RFC 9110 section 7.6.1).
func keepConnection(header http.Header, upgrade bool) {
	values, ok := header["Connection"]
	if !ok {
		return
	}
	var kept []string
	for _, value := range values {
		for token := range strings.SplitSeq(value, ",") {
			token = strings.ToLower(strings.TrimSpace(token))
			if token == "close" || token == "keep-alive" || token == "upgrade" && upgrade {
				kept = append(kept, token)
			}
		}
	}
	if len(kept) == 0 {
		delete(header, "Connection")
		return
	}
	header["Connection"] = []string{strings.Join(kept, ", ")}
}

// setPath makes the canonical path the one that is sent on. The URL is copied first: the log still wants what was asked for.
func setPath(r *http.Request, path string) {
	u := *r.URL
	u.Path, u.RawPath = unescape(path), ""
	if u.EscapedPath() != path { // net/url would encode more than is necessary
		u.RawPath = path
	}
	r.URL = &u
}

// pathOf is the path as it was sent. net/url repairs characters that must be encoded, so that the path would come out as one that
// nobody sent; which of the two an upstream would have seen is not for us to guess.
func pathOf(u *url.URL) string {
	escaped := u.EscapedPath()
	if u.RawPath == "" || escaped == u.RawPath {
		return escaped
	}
	if sent, err := url.PathUnescape(u.RawPath); err == nil && sent == u.Path {
		return u.RawPath
	}
	return escaped // RawPath is left over from before a rewrite
}

// unescape decodes a canonical path, in which every percent sign is followed by two digits.
func unescape(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	var out strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			out.WriteByte(path[i])
			continue
		}
		const digits = "0123456789ABCDEF"
		out.WriteByte(byte(strings.IndexByte(digits, path[i+1])<<4 | strings.IndexByte(digits, path[i+2])))
		i += 2
	}
	return out.String()
}
