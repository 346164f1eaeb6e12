package caddymodule_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/onerecord/certgate/caddymodule"
	"github.com/onerecord/certgate/gate"
)

// BenchmarkHandler measures what the gate adds to an allowed request: everything between Caddy's routing and the proxy.
func BenchmarkHandler(b *testing.B) {
	w := newWorld(b)
	_, _, acme := w.certified("acme")
	handler := runningHandler(b)
	leaf, err := x509.ParseCertificate(acme.tls.Certificate[0])
	must(b, err)
	state := &tls.ConnectionState{HandshakeComplete: true, ServerName: "api.test", PeerCertificates: []*x509.Certificate{leaf}}
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	base := httptest.NewRequest(http.MethodGet, "https://api.test/fhir/Patient/1", nil)
	base.RemoteAddr, base.TLS = "127.0.0.1:1234", state
	ctx := caddymodule.Planted(context.WithValue(base.Context(), caddy.ReplacerCtxKey, caddy.NewReplacer()))
	recorder := httptest.NewRecorder()
	authorization := []string{"Bearer " + acme.Key}
	b.ReportAllocs()
	for b.Loop() {
		r := base.WithContext(context.WithValue(ctx, caddyhttp.ExtraLogFieldsCtxKey, new(caddyhttp.ExtraLogFields)))
		r.Header = http.Header{"Authorization": authorization, "Accept": {"application/fhir+json"}, "User-Agent": {"bench"}}
		if err := handler.ServeHTTP(recorder, r, next); err != nil || recorder.Code != http.StatusOK {
			b.Fatal(err, recorder.Code)
		}
	}
}

// handlerIn finds the production gate among handlers and their sub-routes.
func handlerIn(list []caddyhttp.MiddlewareHandler) *caddymodule.Handler {
	for _, h := range list {
		switch h := h.(type) {
		case *caddymodule.Handler:
			if h.Environment == gate.Production {
				return h
			}
		case *caddyhttp.Subroute:
			for _, route := range h.Routes {
				if found := handlerIn(route.Handlers); found != nil {
					return found
				}
			}
		}
	}
	return nil
}

// runningHandler is the production gate of the running Caddy.
func runningHandler(b *testing.B) *caddymodule.Handler {
	b.Helper()
	app, err := caddy.ActiveContext().App("http")
	must(b, err)
	for _, server := range app.(*caddyhttp.App).Servers {
		for _, route := range server.Routes {
			if found := handlerIn(route.Handlers); found != nil {
				return found
			}
		}
	}
	b.Fatal("no gate")
	return nil
}
