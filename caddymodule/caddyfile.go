package caddymodule

import (
	"fmt"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/onerecord/certgate/gate"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("certgate", parseApp)
	httpcaddyfile.RegisterHandlerDirective("certgate", parseHandler)
	// Before anything that answers or rewrites a request, after what shapes the log.
	httpcaddyfile.RegisterDirectiveOrder("certgate", httpcaddyfile.Before, "redir")
	// In a fixed order: of two on one site the first answers everything, and a file must mean the same each time.
	for _, d := range []struct {
		name   string
		module func() caddyhttp.MiddlewareHandler
	}{
		{"certgate_admin", func() caddyhttp.MiddlewareHandler { return new(AdminHandler) }},
		{"certgate_public", func() caddyhttp.MiddlewareHandler { return new(PublicHandler) }},
		{"certgate_pki", func() caddyhttp.MiddlewareHandler { return new(PKIHandler) }},
		{"certgate_health", func() caddyhttp.MiddlewareHandler { return new(HealthHandler) }},
	} {
		httpcaddyfile.RegisterHandlerDirective(d.name, bare(d.module))
		httpcaddyfile.RegisterDirectiveOrder(d.name, httpcaddyfile.Before, "respond")
	}
}

// parseApp sets up the app. Syntax, in the global options:
//
//	certgate {
//		data_dir    <path>
//		secret_file <path>
//		checkpoint_file <path>
//		checkpoint_webhook <url> { ... }
//		public_url  <url>
//		api_url     [preprod|production] <url>
//		pki_url     <url>
//		contact     <email> [<phone>]
//		zone        <iana zone>
//		closed      <day>...
//		required_agreements <kind>...
//		smtp        <host:port> { ... }
//		webhook     <url> { ... }
//		templates   <dir>
//		patient     path <template>... | query <name>...
//		source_limit rate <amount>/<seconds>s [burst <units>] | off
//		plan        sandbox|preprod <limit>
//		ratelimit_headers draft-10|off
//		behavior    <name> <method> <path> [cost <units>] [upgrade websocket]
//	}
func parseApp(d *caddyfile.Dispenser, existing any) (any, error) {
	if existing != nil {
		return nil, d.Err("certgate is configured twice; a second block would silently replace the first")
	}
	var app App
	d.Next()
	if d.NextArg() {
		return nil, d.Errf("certgate takes a block of options and no argument such as %q", d.Val())
	}
	for d.NextBlock(0) {
		if err := app.option(d); err != nil {
			return nil, err
		}
	}
	return httpcaddyfile.App{Name: "certgate", Value: caddyconfig.JSON(&app, nil)}, nil
}

// option reads one line of the app's block.
func (a *App) option(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "data_dir":
		return oneArg(d, &a.DataDir)
	case "secret_file":
		return oneArg(d, &a.SecretFile)
	case "checkpoint_file":
		return oneArg(d, &a.CheckpointFile)
	case "checkpoint_webhook":
		return a.checkpointWebhook(d)
	case "public_url":
		return oneArg(d, &a.PublicURL)
	case "api_url":
		return a.apiURL(d)
	case "pki_url":
		return oneArg(d, &a.PKIURL)
	case "contact":
		return a.contact(d)
	case "zone":
		return oneArg(d, &a.Zone)
	case "closed":
		return a.closed(d)
	case "required_agreements":
		return a.agreements(d)
	case "smtp":
		return a.smtp(d)
	case "webhook":
		return a.webhook(d)
	case "templates":
		return oneArg(d, &a.Templates)
	case "patient":
		return a.patient(d)
	case "source_limit":
		return a.sourceLimit(d)
	case "plan":
		return a.plan(d)
	case "ratelimit_headers":
		if err := oneArg(d, &a.RateLimitHeaders); err != nil {
			return err
		}
		if err := checkRateLimitHeaders(a.RateLimitHeaders); err != nil {
			return d.WrapErr(err)
		}
		return nil
	case "behavior":
		return a.behavior(d)
	case "{":
		return d.Err("this option takes no block")
	}
	return d.Errf("unknown option %q; allowed are data_dir, secret_file, checkpoint_file, checkpoint_webhook, public_url, api_url, pki_url, contact, zone, closed, required_agreements, smtp, webhook, templates, patient, source_limit, plan, ratelimit_headers and behavior", d.Val())
}

// oneArg reads an option that may be given once, with one argument.
func oneArg(d *caddyfile.Dispenser, into *string) error {
	name := d.Val()
	if *into != "" {
		return d.Errf("%s is given twice", name)
	}
	if !d.AllArgs(into) || *into == "" {
		return d.Errf("%s takes exactly one argument", name)
	}
	return nil
}

func (a *App) contact(d *caddyfile.Dispenser) error {
	if a.Contact != nil {
		return d.Err("contact is given twice")
	}
	args := d.RemainingArgs()
	if len(args) < 1 || len(args) > 2 {
		return d.Err("contact takes an e-mail address and, if you like, a telephone number in quotes")
	}
	if err := gate.CheckEmail(args[0]); err != nil {
		return d.WrapErr(err)
	}
	a.Contact = &Contact{Email: args[0]}
	if len(args) == 2 {
		a.Contact.Phone = args[1]
	}
	return nil
}

// closed adds days on which nobody works; it may be given several times.
func (a *App) closed(d *caddyfile.Dispenser) error {
	days := d.RemainingArgs()
	if len(days) == 0 {
		return d.Err("closed takes one or more days, such as: closed 2026-12-24 2026-12-31")
	}
	for _, day := range days {
		if err := gate.Date(day).Check(); err != nil {
			return d.WrapErr(fmt.Errorf("closed: %w", err))
		}
		a.Closed = append(a.Closed, gate.Date(day))
	}
	return nil
}

func (a *App) agreements(d *caddyfile.Dispenser) error {
	if len(a.RequiredAgreements) > 0 {
		return d.Err("required_agreements is given twice")
	}
	for _, kind := range d.RemainingArgs() {
		a.RequiredAgreements = append(a.RequiredAgreements, gate.AgreementKind(kind))
	}
	if _, err := gate.Require(a.RequiredAgreements...); err != nil {
		return d.WrapErr(fmt.Errorf("required_agreements: %w", err))
	}
	return nil
}

func (a *App) behavior(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 3 {
		return d.Err("behavior takes a name, a method and a path, such as: behavior fhir-query GET /fhir/* cost 1")
	}
	b := gate.Behavior{Name: args[0], Method: args[1], Path: args[2]}
	for rest := args[3:]; len(rest) > 0; rest = rest[2:] {
		switch {
		case len(rest) < 2:
			return d.Errf("behavior %s: %q needs a value", b.Name, rest[0])
		case rest[0] == "cost" && b.Cost != 0, rest[0] == "upgrade" && b.WebSocket:
			return d.Errf("behavior %s: %s is given twice", b.Name, rest[0])
		case rest[0] == "cost":
			cost, err := strconv.Atoi(rest[1])
			if err != nil {
				return d.Errf("behavior %s: cost %q must be a whole number from 1", b.Name, rest[1])
			}
			b.Cost = cost
			if cost == 0 {
				return d.Errf("behavior %s: cost 0 would make calls free; it must be at least 1", b.Name)
			}
		case rest[0] == "upgrade" && rest[1] == "websocket":
			b.WebSocket = true
		default:
			return d.Errf("behavior %s: unknown option %q %q; allowed are cost UNITS and upgrade websocket", b.Name, rest[0], rest[1])
		}
	}
	if b.Cost == 0 {
		b.Cost = 1
	}
	a.Behaviors = append(a.Behaviors, b)
	if _, err := gate.Compile(a.Behaviors); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// parseHandler sets up the gate on a site. Syntax:
//
//	certgate [<matcher>] sandbox|preprod|production {
//		key_header  <name>
//		client_cert
//	}
func parseHandler(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	var handler Handler
	h.Next()
	args := h.RemainingArgs()
	if len(args) != 1 {
		return nil, h.Err("certgate takes one argument: sandbox, preprod or production")
	}
	var err error
	if handler.Environment, err = gate.ParseEnvironment(args[0]); err != nil {
		return nil, h.WrapErr(err)
	}
	for h.NextBlock(0) {
		switch h.Val() {
		case "key_header":
			if err := oneArg(h.Dispenser, &handler.KeyHeader); err != nil {
				return nil, err
			}
		case "client_cert":
			if h.NextArg() {
				return nil, h.Err("client_cert takes no argument")
			}
			if handler.ClientCert {
				return nil, h.Err("client_cert is given twice")
			}
			handler.ClientCert = true
		default:
			return nil, h.Errf("unknown option %q; allowed are key_header and client_cert", h.Val())
		}
	}
	return &handler, nil
}

// bare parses a directive that takes nothing but a matcher. Syntax:
//
//	certgate_admin|certgate_public|certgate_pki|certgate_health [<matcher>]
func bare(module func() caddyhttp.MiddlewareHandler) httpcaddyfile.UnmarshalHandlerFunc {
	return func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		h.Next()
		name := h.Val()
		if h.NextArg() {
			return nil, h.Errf("%s takes no arguments", name)
		}
		if h.NextBlock(0) {
			return nil, h.Errf("%s takes no block", name)
		}
		return module(), nil
	}
}
