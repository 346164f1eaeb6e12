package caddymodule

import (
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/onerecord/certgate/gate"
)

// apiURL says where customers call an environment, production if it names none; it may be given once for each. Syntax, in the app's block:
//
//	api_url [preprod|production] <url>
func (a *App) apiURL(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 1 {
		args = []string{gate.Production.String(), args[0]}
	}
	if len(args) != 2 {
		return d.Err("api_url takes an environment, if it is not production, and a URL, such as: api_url https://api.example.com")
	}
	if _, twice := a.APIURLs[args[0]]; twice {
		return d.Errf("api_url %s is given twice", args[0])
	}
	if a.APIURLs == nil {
		a.APIURLs = make(map[string]string)
	}
	a.APIURLs[args[0]] = args[1]
	if err := a.checkAPIURLs(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// checkAPIURLs refuses those of what is no environment, and of the sandbox, where nobody enrolls. The URLs themselves are checked with the
// other settings.
func (a *App) checkAPIURLs() error {
	for name := range a.APIURLs {
		e, err := gate.ParseEnvironment(name)
		if err != nil {
			return fmt.Errorf("api_url: %w", err)
		}
		if e == gate.Sandbox {
			return fmt.Errorf("api_url %s: nobody enrolls there, so nothing would say it; allowed are preprod and production", name)
		}
	}
	return nil
}
