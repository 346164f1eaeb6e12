package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func init() {
	caddy.RegisterModule(new(Handler))
}

// Handler is the gate on a site: it lets a request through only if everything that its environment asks for holds at that moment,
// and then takes away what the client could have forged and tells the upstream who calls, in these header fields:
//
//	Certgate-Account, Certgate-Organization, Certgate-Device   identifiers
//	Certgate-Behavior, Certgate-Purpose                        what is called, and why
//	Certgate-Request-Id, X-Request-Id                          the decision's identifier
//
// It must come before whatever answers the request; the directive's own place in the order is right. A site without it is open.
type Handler struct {
	// Environment is sandbox (key only), preprod (key and certificate) or production (everything). Required. A site that serves a
	// host in a lower environment than the host once had answers 503 until two people have allowed it.
	Environment gate.Environment `json:"environment"`

	// KeyHeader is a further header field in which the key may come, as its whole value, for clients that cannot set Authorization.
	// Never one that other software acts on. Caddy's access log does not redact it by itself. Default: none.
	KeyHeader string `json:"key_header,omitempty"`

	// ClientCert passes the client certificate on in the Client-Cert header field (RFC 9440), except in sandbox, where it is not
	// judged. Default: false.
	ClientCert bool `json:"client_cert,omitempty"`

	app      *App
	log      *zap.Logger
	server   *caddyhttp.Server // nil outside a server
	stripped map[string]bool   // header names, lower case with hyphens, that never pass
}

// CaddyModule implements caddy.Module.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.certgate", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds the app and plants certgate's memory into the server's connections.
func (h *Handler) Provision(ctx caddy.Context) (err error) {
	h.log = ctx.Logger()
	if h.app, err = configured(ctx); err != nil {
		return err
	}
	if h.server, _ = ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); h.server != nil {
		h.server.RegisterConnContext(plant)
	}
	h.KeyHeader = http.CanonicalHeaderKey(h.KeyHeader)
	h.stripped = strippedHeaders(h.KeyHeader)
	return nil
}

// Validate refuses what would leave the site open or broken.
func (h *Handler) Validate() error {
	if h.Environment == gate.NoEnvironment {
		return errors.New("certgate needs an environment: sandbox, preprod or production")
	}
	return checkKeyHeader(h.KeyHeader)
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	config, err := h.app.wait(r.Context())
	if err != nil {
		return h.unavailable(w, r, nil)
	}
	req := h.request(r, config)
	if api.IsOwn(r.URL.Path) {
		return h.serveOwn(w, r, config, &req)
	}
	call, err := config.Check(&req)
	if err != nil {
		return h.unavailable(w, r, config)
	}
	if !call.Allowed() {
		defer call.Done(authority.Outcome{})
		return h.refuse(w, r, config, call)
	}
	return h.pass(w, r, next, call)
}

// pass lets an allowed call through, and counts it when it ends.
func (h *Handler) pass(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, call *authority.Call) (err error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	pass := r.WithContext(ctx)
	m := watch(w, pass)
	returned := false
	defer func() { call.Done(m.outcome(ctx, err, returned)) }() // before cancel, which is no sign of the client's
	c := connectionOf(r)
	if c != nil {
		call.Guard(cancel, c.Conn)
	} else {
		call.Guard(cancel, nil)
	}
	id := call.ID()
	h.prepare(pass, call, id)
	if policy := h.limitPolicy(call); policy != nil {
		api.SetRateLimit(w.Header(), policy, call.LimitsLeft())
	}
	describe(r, call, id)
	err = next.ServeHTTP(m.answer, pass)
	returned = true
	return err
}

// request translates; it decides nothing.
func (h *Handler) request(r *http.Request, config *authority.Config) gate.Request {
	req := gate.Request{
		Site: config.Site(h.Environment), TLS: secure(r), Host: hostOf(r),
		Leaf:          h.app.leafOf(r, gate.Customers, config.Authority()),
		Authorization: r.Header["Authorization"], Purpose: r.Header["Purpose-Of-Use"],
		Method: r.Method, Path: pathOf(r.URL), Query: r.URL.RawQuery, Peer: peerOf(r),
	}
	if h.KeyHeader != "" {
		req.KeyHeader = r.Header[h.KeyHeader]
	}
	switch upgrade := r.Header["Upgrade"]; len(upgrade) {
	case 0:
	case 1:
		req.Upgrade = upgrade[0]
	default:
		req.Upgrade = strings.Join(upgrade, ", ")
	}
	return req
}

// hostOf is the request's host without its port, in lower case.
func hostOf(r *http.Request) string {
	host := r.Host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// peerOf is the address of the TCP peer, or what the PROXY protocol said it is; never a forwarded header. The zero address is in no
// network.
func peerOf(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr()
}

// refuse answers a refused request: with a problem, or through the site's handle_errors.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, config *authority.Config, call *authority.Call) error {
	key, _ := call.Request.Key()
	refusal := api.Refusal{
		Reason: call.Reason, Detail: api.DetailOf(&call.Decision, key, h.Environment), Instance: call.ID(),
		TypeBase: config.PublicURL(), Contact: config.Contact(), Exceeded: call.Exceeded,
	}
	if policy := h.limitPolicy(call); policy != nil {
		refusal.Policy, refusal.Left = policy, call.LimitsLeft()
	}
	config.Authority().LogRefusal(call)
	return h.answer(w, r, refusal)
}

// unavailable answers while no decision is possible.
func (h *Handler) unavailable(w http.ResponseWriter, r *http.Request, config *authority.Config) error {
	refusal := api.Refusal{Reason: gate.Unavailable, Detail: api.DetailOf(&gate.Decision{}, gate.PresentedKey{}, h.Environment)}
	if opened := h.app.authority(); opened != nil {
		opened.Unavailable()
		refusal.Instance = opened.DecisionID()
	}
	if config != nil {
		refusal.TypeBase, refusal.Contact = config.PublicURL(), config.Contact()
	}
	return h.answer(w, r, refusal)
}

func (h *Handler) answer(w http.ResponseWriter, r *http.Request, refusal api.Refusal) error {
	if r.ProtoMajor == 1 && r.Header["Expect"] != nil {
		// Nobody will read the body that the client holds back. Caddy wraps bodies, so net/http does not see that, and would wait for
		// the body before it sends the answer.
		w.Header().Set("Connection", "close")
	}
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if repl != nil && h.server != nil && h.server.Errors != nil && len(h.server.Errors.Routes) > 0 {
		repl.Set("http.certgate.code", refusal.Reason.String())
		repl.Set("http.certgate.detail", refusal.Detail)
		repl.Set("http.certgate.instance", refusal.Instance)
		if h.answerPage(w, r, refusal) {
			return nil
		}
	}
	api.WriteRefusal(w, r.Header["Accept"], refusal)
	return nil
}

// answerPage lets the error routes answer (handle_errors), with our headers and placeholders that hold no more than the public body.
// It reports whether they did: the sites of a listener share one list of routes, and a route may be for some statuses only, so there may
// be none for this request, and Caddy would then send no body at all.
func (h *Handler) answerPage(w http.ResponseWriter, r *http.Request, refusal api.Refusal) bool {
	// A page may come from a proxy. What stands behind it must see neither the key nor what looks like a caller that we let through.
	h.strip(r.Header)
	keepConnection(r.Header, false)
	api.SetRefusalHeaders(w.Header(), refusal)
	failure := caddyhttp.HandlerError{StatusCode: api.StatusOf(refusal.Reason), Err: errors.New(refusal.Reason.String())}
	var page bytes.Buffer
	recorder := caddyhttp.NewResponseRecorder(w, &page, func(int, http.Header) bool { return true })
	nobody := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	err := h.server.Errors.Routes.Compile(nobody).ServeHTTP(recorder, h.server.Errors.WithError(r, failure))
	if err != nil {
		h.log.Error("the error page failed", zap.String("id", refusal.Instance), zap.Error(err))
	}
	if err != nil || page.Len() == 0 {
		return false
	}
	_ = recorder.WriteResponse() // whoever was reading is gone
	return true
}

// describe adds who called to Caddy's access log.
func describe(r *http.Request, call *authority.Call, id string) {
	if extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		extra.Add(zap.Inline(&caller{id: id, device: string(call.Caller.Device.ID), behavior: call.Behavior.Name, purpose: string(call.Purpose)}))
	}
}

// caller is who called, as one field that becomes four: each further field costs every request several allocations.
type caller struct{ id, device, behavior, purpose string }

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (c *caller) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddString("certgate_id", c.id)
	enc.AddString("certgate_device", c.device)
	enc.AddString("certgate_behavior", c.behavior)
	enc.AddString("certgate_purpose", c.purpose)
	return nil
}

// checkKeyHeader refuses header names that would break something else.
func checkKeyHeader(name string) error {
	switch name {
	case "":
		return nil
	case "Connection", "Cookie", "Host", "Upgrade", "Te", "Transfer-Encoding", "Content-Length", "Content-Type", "Accept", "Expect", "Purpose-Of-Use":
		return fmt.Errorf("key_header %s has a meaning of its own; use one such as X-API-Key", name)
	}
	if strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("key_header %q: only letters, digits and hyphens are allowed (Caddy drops names with _ or .)", name)
	}
	if others := (&Handler{stripped: strippedHeaders("")}); others.strips(name) {
		return fmt.Errorf("key_header %s is read or set by other software; use one such as X-API-Key", name)
	}
	return nil
}

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
