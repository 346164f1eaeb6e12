package caddymodule

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

func init() {
	caddy.RegisterModule(new(Verifier))
}

// Verifier refuses strangers in the TLS handshake: certificates that no CA of ours or imported one issued, and ones that are not for clients. What
// it lets pass is judged on every request all the same. It reads the trust file alone and never the store, so that no handshake
// waits for anything; a certificate that we issued and that has expired or was revoked is answered over HTTP, with words.
type Verifier struct {
	// Audience is whose CAs are trusted: customers (the default) or staff.
	Audience gate.Audience `json:"audience,omitempty"`

	app   *App
	log   *zap.Logger
	trust trustFile
}

// CaddyModule implements caddy.Module.
func (*Verifier) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "tls.client_auth.verifier.certgate", New: func() caddy.Module { return new(Verifier) }}
}

// Provision reads the trust file, so that a missing one is an error now.
func (v *Verifier) Provision(ctx caddy.Context) (err error) {
	v.log = ctx.Logger()
	if v.app, err = configured(ctx); err != nil {
		return err
	}
	if v.Audience, err = parseAudience(string(v.Audience)); err != nil {
		return err
	}
	v.trust = trustFile{dir: v.app.DataDir, audience: v.Audience}
	_, err = v.trust.anchors()
	return err
}

// VerifyClientCertificate implements caddytls.ClientCertificateVerifier. The error ends the handshake; the client sees an alert.
func (v *Verifier) VerifyClientCertificate(raw [][]byte, _ [][]*x509.Certificate) error {
	chain := make([]*x509.Certificate, len(raw))
	for i, der := range raw {
		var err error
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return v.refuse(raw, gate.CertificateUntrusted, err)
		}
	}
	if len(chain) == 0 {
		return v.refuse(raw, gate.CertificateRequired, errors.New("no certificate"))
	}
	anchors, err := v.trust.anchors()
	if err != nil {
		return v.refuse(raw, gate.Unavailable, err)
	}
	// The moment only decides which of several chains is found first; dates are judged on every request.
	found := verify(anchors, chain, chain[0].NotBefore)
	switch {
	case found.anchor.IsZero():
		return v.refuse(raw, gate.CertificateUntrusted, errors.New("no CA of ours issued it"))
	case !found.suitable:
		return v.refuse(raw, gate.CertificateUnsuitable, errors.New("it is not for clients"))
	}
	if v.Audience == gate.Customers {
		v.app.facts.put(gate.FingerprintOf(raw[0]), found)
	}
	return nil
}

// refuse counts and records a refused handshake. The text reaches the log alone: TLS carries an alert and no words.
func (v *Verifier) refuse(raw [][]byte, reason gate.Reason, why error) error {
	if opened := v.app.authority(); opened != nil {
		var leaf gate.Fingerprint // none without a certificate
		if len(raw) > 0 {
			leaf = gate.FingerprintOf(raw[0])
		}
		opened.HandshakeRefused(reason, leaf, why)
	}
	return fmt.Errorf("client certificate refused: %s: %w", reason, why)
}

// trustFile reads a trust file again when it has changed, so that a CA that was added counts without a reload.
type trustFile struct {
	dir      string
	audience gate.Audience

	mu       sync.Mutex
	list     *issuer.Anchors // guarded by mu
	modified time.Time       // guarded by mu
	size     int64           // guarded by mu
}

// anchors costs one stat. If the file has become unreadable, the CAs read last stay: they were ours then, and each request still
// asks the store.
func (t *trustFile) anchors() (*issuer.Anchors, error) {
	info, err := t.stat()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.list != nil && (err != nil || info.ModTime().Equal(t.modified) && info.Size() == t.size) {
		return t.list, nil
	}
	certs, readErr := certstore.ReadTrust(t.dir, t.audience)
	if readErr != nil {
		if t.list != nil {
			return t.list, nil
		}
		return nil, readErr
	}
	list, err2 := issuer.ReadAnchors(certs...)
	if err2 != nil {
		return nil, err2
	}
	t.list = list
	if err == nil {
		t.modified, t.size = info.ModTime(), info.Size()
	}
	return list, nil
}

func (t *trustFile) stat() (os.FileInfo, error) {
	name, err := certstore.TrustFile(t.dir, t.audience)
	if err != nil {
		return nil, err
	}
	return os.Stat(name)
}

// UnmarshalCaddyfile sets up the verifier. Syntax:
//
//	verifier certgate [customers|staff]
func (v *Verifier) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalAudience(d, &v.Audience)
}

var (
	_ caddy.Provisioner                  = (*Verifier)(nil)
	_ caddyfile.Unmarshaler              = (*Verifier)(nil)
	_ caddytls.ClientCertificateVerifier = (*Verifier)(nil)
)
