package api

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// PKI serves what certificates point to: revocation lists (/crl/CA/0.crl, RFC 5280) and the certificates of issuing CAs (/ca/CA.crt,
// DER). Both are public, signed, and usually fetched over plain HTTP. The paths stand in certificates and never change.
type PKI struct {
	Authority func() *authority.Authority // nil while starting
	// OnError is told what went wrong on our side; the answer does not say. Nil: nobody is.
	OnError func(r *http.Request, err error, id string)
}

// Media types of RFC 2585 section 4.
const (
	crlType         = "application/pkix-crl"
	certificateType = "application/pkix-cert"
)

// How long caches may keep what they were given. A CA's certificate never changes, but may be withdrawn. A revocation list may be followed by
// another within a minute, and who asks again for the same one is answered without it.
const (
	caMaxAge  = 24 * time.Hour
	crlMaxAge = time.Minute
)

// ServeHTTP implements http.Handler.
func (p *PKI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, isCRL := cutAround(r.URL.Path, "/crl/", "/0.crl")
	if !isCRL {
		var isCA bool
		if name, isCA = cutAround(r.URL.Path, "/ca/", ".crt"); !isCA {
			writeProblem(w, notFound(""))
			return
		}
	}
	if !reads(r) {
		writeProblem(w, methodNotAllowed(w, "", "GET, HEAD"))
		return
	}
	a := p.Authority()
	if a == nil {
		writeProblem(w, starting())
		return
	}
	ca := a.CAByName(name)
	switch {
	case ca == nil, isCRL && ca.Audience != gate.Customers: // staff are known by record alone
		writeProblem(w, notFound(a.DecisionID()))
	case isCRL:
		p.crl(w, r, ca)
	default:
		serveFile(w, r, file{contentType: certificateType, body: ca.DER, digest: ca.Fingerprint, modified: ca.NotBefore, maxAge: caMaxAge})
	}
}

func (p *PKI) crl(w http.ResponseWriter, r *http.Request, ca *gate.CA) {
	a := p.Authority()
	list, err := a.CRL(ca)
	if err != nil {
		id := a.DecisionID()
		report(p.OnError, r, err, id)
		writeProblem(w, problemOf(err, id, ""))
		return
	}
	serveFile(w, r, file{contentType: crlType, body: list.DER, digest: list.Digest, modified: list.ThisUpdate, maxAge: min(crlMaxAge, list.NextUpdate.Sub(a.Now()))})
}

// cutAround cuts a prefix and a suffix off and reports whether one path segment is left.
func cutAround(path, prefix, suffix string) (name string, ok bool) {
	name, ok = strings.CutPrefix(path, prefix)
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, suffix)
	return name, ok && name != "" && !strings.Contains(name, "/")
}

// file is a public file that may be kept for maxAge.
type file struct {
	contentType string
	body        []byte
	digest      gate.Fingerprint // of body
	modified    time.Time
	maxAge      time.Duration
}

func serveFile(w http.ResponseWriter, r *http.Request, f file) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("ETag", `"`+f.digest.String()[:16]+`"`)
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", max(0, int(f.maxAge.Seconds()))))
	http.ServeContent(w, r, "", f.modified, bytes.NewReader(f.body))
}
