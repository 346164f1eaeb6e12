package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// serve starts the upstream, and Caddy with all sites in front of it. What it returns stops both.
func (d *demo) serve(ctx context.Context) (stop func() error, err error) {
	upstream, address, err := startUpstream(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.startCaddy(ctx, address); err != nil {
		return nil, errors.Join(err, upstream.Close())
	}
	stop = func() error { return errors.Join(caddy.Stop(), upstream.Close()) }
	if d.open = d.hooks.Authority(); d.open == nil {
		return nil, errors.Join(errors.New("certgate is not running in the Caddy that was started"), stop())
	}
	d.say.didf("Caddy serves %s (the API, behind certgate), %s (staff) and %s (customers)", site(d.ports.api), site(d.ports.admin), site(d.ports.public))
	return stop, nil
}

func (d *demo) startCaddy(ctx context.Context, upstream string) error {
	adapter := caddyconfig.GetAdapter("caddyfile")
	if adapter == nil {
		return errors.New("this program was built without Caddy's standard modules, which the demo needs")
	}
	config, warnings, err := adapter.Adapt([]byte(d.caddyfile(ctx, upstream)), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return fmt.Errorf("read the demo's Caddyfile: %w", err)
	}
	if len(warnings) > 0 {
		return fmt.Errorf("read the demo's Caddyfile: %s", warnings[0])
	}
	if err := caddy.Load(config, true); err != nil {
		return fmt.Errorf("start Caddy: %w", err)
	}
	return nil
}

// caddyfile is the demo's configuration: that of the example, on loopback ports and with a server certificate of its own.
func (d *demo) caddyfile(ctx context.Context, upstream string) string {
	return strings.NewReplacer(
		"{LISTEN}", strings.Join(loopback(ctx), " "), "{UPSTREAM}", upstream,
		"{DATA}", quote(filepath.Join(d.dir, demoStore)), "{SECRET}", quote(filepath.Join(d.dir, demoSecret)),
		"{STORAGE}", quote(filepath.Join(d.dir, demoCaddy)), "{LOG}", quote(d.file("caddy.log")),
		"{CRT}", quote(d.file("server.crt")), "{KEY}", quote(d.file("server.key")),
		"{API}", strconv.Itoa(d.ports.api), "{ADMIN}", strconv.Itoa(d.ports.admin), "{PUBLIC}", strconv.Itoa(d.ports.public),
		"{PKI}", strconv.Itoa(d.ports.pki), "{METRICS}", strconv.Itoa(d.ports.metrics),
	).Replace(demoCaddyfile)
}

// quote makes one token of a Caddyfile.
func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

const demoCaddyfile = `{
	admin off
	persist_config off
	auto_https off
	skip_install_trust
	grace_period 1s
	default_bind {LISTEN}
	storage file_system {STORAGE}
	log default {
		output stderr
		level ERROR
	}
	log everything {
		output file {LOG}
		format json
		level INFO
	}
	servers {
		protocols h1 h2
	}
	certgate {
		data_dir {DATA}
		secret_file {SECRET}
		public_url https://localhost:{PUBLIC}
		api_url https://localhost:{API}
		pki_url http://localhost:{PKI}
		contact certification@onerecord.example "+1 555 0100"
		behavior fhir-query GET /fhir/* cost 1
		behavior ihe-document-query POST /ihe/documents/* cost 5
	}
}
https://localhost:{API} {
	tls {CRT} {KEY} {
		client_auth {
			mode request
			trust_pool certgate
		}
	}
	certgate production
	reverse_proxy {UPSTREAM}
}
https://localhost:{ADMIN} {
	tls {CRT} {KEY} {
		client_auth {
			mode require
			trust_pool certgate staff
			verifier certgate staff
		}
	}
	certgate_admin
}
https://localhost:{PUBLIC} {
	tls {CRT} {KEY} {
		client_auth {
			mode request
			trust_pool certgate
		}
	}
	certgate_public
}
http://localhost:{PKI} {
	certgate_pki
}
http://localhost:{METRICS}, http://127.0.0.1:{METRICS} {
	metrics /metrics
	certgate_health
}
`

// headerTimeout bounds how long the upstream waits for a request's header.
const headerTimeout = 10 * time.Second

// startUpstream serves a small part of what the OneRecord API serves, on a loopback port of the system's choice.
func startUpstream(ctx context.Context) (server *http.Server, address string, err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("start the demo's API: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /fhir/Patient/1", fhir(http.StatusOK, demoPatient))
	mux.HandleFunc("GET /fhir/Patient", fhir(http.StatusOK, map[string]any{
		"resourceType": "Bundle", "type": "searchset", "total": 1, "entry": []any{map[string]any{"resource": demoPatient}}}))
	mux.HandleFunc("POST /ihe/documents/query", fhir(http.StatusOK, map[string]any{"resourceType": "Bundle", "type": "searchset", "total": 0}))
	mux.HandleFunc("/", fhir(http.StatusNotFound, map[string]any{"resourceType": "OperationOutcome",
		"issue": []any{map[string]any{"severity": "error", "code": "not-found"}}}))
	server = &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout}
	go func() { _ = server.Serve(l) }() // ends with Close, and its error is always that it was closed
	return server, l.Addr().String(), nil
}

// demoPatient is nobody.
var demoPatient = map[string]any{"resourceType": "Patient", "id": "1", "active": true, "birthDate": "1970-01-01",
	"name": []any{map[string]any{"family": "Example", "given": []any{"Pat"}}}}

func fhir(status int, resource any) http.HandlerFunc {
	body, err := json.Marshal(resource)
	if err != nil {
		status = http.StatusInternalServerError // cannot happen: maps of strings and numbers
	}
	body = append(body, '\n')
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}
