package caddymodule

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/onerecord/certgate/gate"
)

// plan adds a limit to the plan of an environment; it may be given several times. Syntax, in the app's block:
//
//	plan sandbox|preprod <kind> <amount>[/<seconds>s] [burst <units>] [per account|organization|device] [for <behavior>]
//
// Kinds are rate, day, month (in units: a call takes its behavior's cost), concurrency (calls at once), patients-hour and patients-day.
func (a *App) plan(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 3 {
		return d.Err("plan takes an environment and a limit, such as: plan sandbox rate 5 burst 10 per device")
	}
	limit, err := gate.ParseLimit(strings.Join(args[1:], " "))
	if err != nil {
		return d.WrapErr(err)
	}
	if a.Plans == nil {
		a.Plans = make(map[string]gate.Limits)
	}
	a.Plans[args[0]] = append(a.Plans[args[0]], limit)
	if err := a.checkPlans(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// checkPlans refuses plans of what is no environment, and of production. What limits say is checked with the other settings, because they
// may name behaviors that are still to come.
func (a *App) checkPlans() error {
	for name := range a.Plans {
		e, err := gate.ParseEnvironment(name)
		if err != nil {
			return fmt.Errorf("plan: %w", err)
		}
		if e.NeedsCertification() {
			return fmt.Errorf("plan %s: there contracts say how much may be used (certgate contract amend --limit)", name)
		}
	}
	return nil
}
