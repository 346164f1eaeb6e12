package caddymodule

import (
	"crypto/x509"
	"fmt"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

func init() {
	caddy.RegisterModule(new(TrustPool))
}

// TrustPool gives Caddy certgate's issuing CAs, for the handshake: clients are told which certificates are wanted, and in mode
// require_and_verify Caddy checks them itself. It reads the public trust file in the data directory and never the system's roots; a
// missing or empty file is an error.
type TrustPool struct {
	// Audience is whose CAs are trusted: customers (the default) or staff.
	Audience gate.Audience `json:"audience,omitempty"`

	certificates []*x509.Certificate
	pool         *x509.CertPool
}

// CaddyModule implements caddy.Module.
func (*TrustPool) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "tls.ca_pool.source.certgate", New: func() caddy.Module { return new(TrustPool) }}
}

// Provision reads the trust file, once: Caddy keeps the pool as it is until the next reload.
func (p *TrustPool) Provision(ctx caddy.Context) error {
	app, err := configured(ctx)
	if err != nil {
		return err
	}
	if p.Audience, err = parseAudience(string(p.Audience)); err != nil {
		return err
	}
	if p.certificates, err = certstore.ReadTrust(app.DataDir, p.Audience); err != nil {
		return err
	}
	p.pool = x509.NewCertPool()
	for _, c := range p.certificates {
		p.pool.AddCert(c)
	}
	app.pools.note(p.Audience, p.certificates)
	return nil
}

// pools are what the trust pools of a configuration hold: by audience, for each pool. Caddy never changes one after it was provisioned.
type pools struct {
	mu   sync.Mutex
	held map[gate.Audience][]map[gate.Fingerprint]bool // guarded by mu
}

func (p *pools) note(audience gate.Audience, certificates []*x509.Certificate) {
	holds := make(map[gate.Fingerprint]bool, len(certificates))
	for _, c := range certificates {
		holds[gate.FingerprintOf(c.Raw)] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(map[gate.Audience][]map[gate.Fingerprint]bool)
	}
	p.held[audience] = append(p.held[audience], holds)
}

// have reports whether every pool for the audience has the CA; so it is where there is none.
func (p *pools) have(audience gate.Audience, ca gate.Fingerprint) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !slices.ContainsFunc(p.held[audience], func(holds map[gate.Fingerprint]bool) bool { return !holds[ca] })
}

// CertPool implements caddytls.CA.
func (p *TrustPool) CertPool() *x509.CertPool { return p.pool }

// Certificates implements caddytls.CertificateProvider.
func (p *TrustPool) Certificates() []*x509.Certificate { return p.certificates }

// UnmarshalCaddyfile sets up the pool. Syntax:
//
//	trust_pool certgate [customers|staff]
func (p *TrustPool) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalAudience(d, &p.Audience)
}

// unmarshalAudience reads a module's only argument.
func unmarshalAudience(d *caddyfile.Dispenser, audience *gate.Audience) error {
	d.Next() // the module's name
	word := ""
	if d.NextArg() {
		word = d.Val()
	}
	if d.NextArg() {
		return d.Errf("%q is too much: certgate takes one argument, customers or staff", d.Val())
	}
	if d.NextBlock(d.Nesting()) {
		return d.Err("takes no block")
	}
	var err error
	if *audience, err = parseAudience(word); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func parseAudience(word string) (gate.Audience, error) {
	switch gate.Audience(word) {
	case "", gate.Customers:
		return gate.Customers, nil
	case gate.Operators:
		return gate.Operators, nil
	}
	return "", fmt.Errorf("%q: must be customers or staff", word)
}

var (
	_ caddy.Provisioner            = (*TrustPool)(nil)
	_ caddyfile.Unmarshaler        = (*TrustPool)(nil)
	_ caddytls.CA                  = (*TrustPool)(nil)
	_ caddytls.CertificateProvider = (*TrustPool)(nil)
)
