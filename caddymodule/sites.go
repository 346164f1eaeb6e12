package caddymodule

import (
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func init() {
	caddy.RegisterModule(new(AdminHandler))
	caddy.RegisterModule(new(PublicHandler))
	caddy.RegisterModule(new(PKIHandler))
	caddy.RegisterModule(new(HealthHandler))
}

// site is what certgate's own sites share: each answers every request itself, over package api.
type site struct {
	app *App
	log *zap.Logger
}

func (s *site) provision(ctx caddy.Context) (err error) {
	s.log = ctx.Logger()
	if s.app, err = configured(ctx); err != nil {
		return err
	}
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		server.RegisterConnContext(plant)
	}
	return nil
}

// failed records an error whose text no client may see.
func (s *site) failed(_ *http.Request, err error, id string) {
	s.log.Error("request failed", zap.String("id", id), zap.Error(err))
}

// config is the configuration in force, nil before the cold start is done.
func (s *site) config() *authority.Config { return s.app.config.Load() }

// AdminHandler serves the staff API. It belongs on a site of its own whose TLS asks for certificates of the staff CA; who may act is
// decided by the staff records, on every request.
type AdminHandler struct {
	site
	api *api.Staff
}

// CaddyModule implements caddy.Module.
func (*AdminHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.certgate_admin", New: func() caddy.Module { return new(AdminHandler) }}
}

// Provision implements caddy.Provisioner.
func (h *AdminHandler) Provision(ctx caddy.Context) error {
	if err := h.provision(ctx); err != nil {
		return err
	}
	ended := make(chan struct{})
	h.api = &api.Staff{Authority: h.app.authority, Config: h.config, Actor: h.actor, OnError: h.failed, Ended: ended}
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		server.RegisterOnShutdown(sync.OnceFunc(func() { close(ended) })) // once for each protocol
	}
	return nil
}

func (h *AdminHandler) actor(r *http.Request) (gate.Actor, error) {
	opened := h.app.authority()
	if opened == nil {
		return gate.Actor{}, gate.Errorf(gate.ShuttingDown, "certgate is starting; try again")
	}
	return opened.Operator(h.app.leafOf(r, gate.Operators, opened))
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *AdminHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	h.api.ServeHTTP(w, r)
	return nil
}

// PublicHandler serves what customers need without a certificate: enrollment, the pages that explain refusals, and /check, which says
// what the gate sees of them.
type PublicHandler struct {
	site
	api *api.Public
}

// CaddyModule implements caddy.Module.
func (*PublicHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.certgate_public", New: func() caddy.Module { return new(PublicHandler) }}
}

// Provision implements caddy.Provisioner.
func (h *PublicHandler) Provision(ctx caddy.Context) error {
	if err := h.provision(ctx); err != nil {
		return err
	}
	h.api = &api.Public{Authority: h.app.authority, OnError: h.failed, Leaf: h.leaf}
	return nil
}

// leaf is what the client certificate shows of whoever asks /check.
func (h *PublicHandler) leaf(r *http.Request) *gate.Leaf {
	opened := h.app.authority()
	if opened == nil {
		return nil
	}
	return h.app.leafOf(r, gate.Customers, opened)
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *PublicHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	h.api.ServeHTTP(w, r)
	return nil
}

// PKIHandler serves revocation lists and CA certificates. Plain http is right for it: everything is signed, and fetching it must not
// need a certificate check of its own (RFC 5280 section 8).
type PKIHandler struct {
	site
	api *api.PKI
}

// CaddyModule implements caddy.Module.
func (*PKIHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.certgate_pki", New: func() caddy.Module { return new(PKIHandler) }}
}

// Provision implements caddy.Provisioner.
func (h *PKIHandler) Provision(ctx caddy.Context) error {
	if err := h.provision(ctx); err != nil {
		return err
	}
	h.api = &api.PKI{Authority: h.app.authority, OnError: h.failed}
	return nil
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *PKIHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	h.api.ServeHTTP(w, r)
	return nil
}

// HealthHandler answers /live and /ready for whatever watches the process, and passes everything else on.
type HealthHandler struct {
	site
	api *api.Health
}

// CaddyModule implements caddy.Module.
func (*HealthHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.certgate_health", New: func() caddy.Module { return new(HealthHandler) }}
}

// Provision implements caddy.Provisioner.
func (h *HealthHandler) Provision(ctx caddy.Context) error {
	h.api = &api.Health{Authority: h.started}
	return h.provision(ctx)
}

// started is the authority once this configuration is in force.
func (h *HealthHandler) started() *authority.Authority {
	if h.config() == nil {
		return nil
	}
	return h.app.authority()
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *HealthHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.URL.Path != "/live" && r.URL.Path != "/ready" {
		return next.ServeHTTP(w, r)
	}
	h.api.ServeHTTP(w, r)
	return nil
}

var (
	_ caddyhttp.MiddlewareHandler = (*AdminHandler)(nil)
	_ caddyhttp.MiddlewareHandler = (*PublicHandler)(nil)
	_ caddyhttp.MiddlewareHandler = (*PKIHandler)(nil)
	_ caddyhttp.MiddlewareHandler = (*HealthHandler)(nil)
)
