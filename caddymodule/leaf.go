package caddymodule

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

// connection is planted into every connection's context when it is accepted. It remembers what its client certificate shows, so
// that a chain is verified once and judged on every request.
type connection struct {
	net.Conn
	customers atomic.Pointer[gate.Leaf]
	operators atomic.Pointer[gate.Leaf]
}

type connectionKey struct{}

// plant is a ConnContext hook. Several handlers of one server may register it; the first one counts.
func plant(ctx context.Context, c net.Conn) context.Context {
	if _, ok := ctx.Value(connectionKey{}).(*connection); ok {
		return ctx
	}
	return context.WithValue(ctx, connectionKey{}, &connection{Conn: c})
}

// connectionOf is the connection of a request; nil where the server has no such hook (HTTP/3).
func connectionOf(r *http.Request) *connection {
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}

func (c *connection) slot(audience gate.Audience) *atomic.Pointer[gate.Leaf] {
	if audience == gate.Operators {
		return &c.operators
	}
	return &c.customers
}

// secure reports whether the request came over TLS with the handshake complete.
func secure(r *http.Request) bool { return r.TLS != nil && r.TLS.HandshakeComplete }

// leafOf is what the request's client certificate shows, nil if there is none. It is computed once per connection.
func (a *App) leafOf(r *http.Request, audience gate.Audience, opened *authority.Authority) *gate.Leaf {
	if !secure(r) || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	c := connectionOf(r)
	if c == nil {
		return a.computeLeaf(r.TLS.PeerCertificates, audience, opened)
	}
	slot := c.slot(audience)
	if leaf := slot.Load(); leaf != nil {
		return leaf
	}
	leaf := a.computeLeaf(r.TLS.PeerCertificates, audience, opened)
	slot.Store(leaf)
	return leaf
}

func (a *App) computeLeaf(chain []*x509.Certificate, audience gate.Audience, opened *authority.Authority) *gate.Leaf {
	crt := chain[0]
	leaf := &gate.Leaf{Fingerprint: gate.FingerprintOf(crt.Raw), NotBefore: crt.NotBefore, NotAfter: crt.NotAfter, CA: crt.IsCA}
	fact, known := a.facts.get(leaf.Fingerprint)
	// The verifier found it by the trust file, where somebody may have put a CA that is not the store's; then it is found anew.
	if !known || opened.Directory().CA(fact.anchor) == nil {
		fact = verify(opened.Anchors(audience), chain, opened.Now())
		a.facts.put(leaf.Fingerprint, fact)
	}
	leaf.Anchor, leaf.ClientAuth = fact.anchor, fact.suitable
	return leaf
}

// fact is what a chain's signatures show. It holds for good, because it says nothing about now: dates, trust in the anchor and the
// record are judged on every request.
type fact struct {
	anchor   gate.Fingerprint // zero: no chain to any anchor was found
	suitable bool
}

func verify(anchors *issuer.Anchors, chain []*x509.Certificate, now time.Time) fact {
	found, err := anchors.Verify(chain[0], chain[1:], now)
	if err != nil && !errors.Is(err, issuer.ErrUnsuitable) || found.Anchor == nil {
		return fact{}
	}
	return fact{anchor: gate.FingerprintOf(found.Anchor.Raw), suitable: err == nil}
}

// maxFacts bounds the memory that strangers can take: about 100 bytes each. Beyond it facts are found anew.
const maxFacts = 8192

// facts hands what the verifier found in the handshake to the handler, or each chain would be verified twice. Only positive ones are
// kept: a CA that is added later must count on the next connection.
type facts struct {
	mu   sync.Mutex
	list map[gate.Fingerprint]fact // guarded by mu
}

func (f *facts) get(fp gate.Fingerprint) (fact, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found, ok := f.list[fp]
	return found, ok
}

func (f *facts) put(fp gate.Fingerprint, found fact) {
	if found.anchor.IsZero() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.list == nil || len(f.list) >= maxFacts {
		f.list = make(map[gate.Fingerprint]fact)
	}
	f.list[fp] = found
}
