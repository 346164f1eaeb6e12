package caddymodule

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/onerecord/certgate/authority"
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

// patient adds places where calls name patients; it may be given several times. Syntax, in the app's block:
//
//	patient path <template>...
//	patient query <name>...
//
// A template has {patient} as the segment that is the identifier, such as /fhir/Patient/{patient}/*.
func (a *App) patient(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 2 || args[0] != "path" && args[0] != "query" {
		return d.Err("patient takes path or query and where the identifier is, such as: patient path /fhir/Patient/{patient}, or: patient query patient subject")
	}
	if args[0] == "path" {
		a.Patients.Paths = append(a.Patients.Paths, args[1:]...)
	} else {
		a.Patients.Queries = append(a.Patients.Queries, args[1:]...)
	}
	if _, err := a.Patients.Compile(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// sourceLimit reads how many refused requests may come from one place. Syntax, in the app's block:
//
//	source_limit rate <amount>/<seconds>s [burst <units>]
//	source_limit off
func (a *App) sourceLimit(d *caddyfile.Dispenser) error {
	if a.SourceLimit != nil {
		return d.Err("source_limit is given twice")
	}
	args := d.RemainingArgs()
	if len(args) == 1 && args[0] == "off" {
		a.SourceLimit = &gate.Limit{Kind: authority.NoSourceLimit}
		return nil
	}
	limit, err := gate.ParseLimit(strings.Join(args, " "))
	if err != nil || limit.Kind != gate.RateLimit {
		return d.Err("source_limit takes a rate, such as: source_limit rate 60/60s burst 300, or: source_limit off")
	}
	a.SourceLimit = &limit
	return nil
}
