package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) remediationCommand() *cobra.Command {
	return t.connected(t.group(&cobra.Command{Use: "remediation", Short: "Throttles, suspensions and terminations: list, impose, lift"},
		t.lister(lists{use: "list", short: "Lists throttles, suspensions and terminations", path: "/v1/remediations", byAccount: true, columns: []column{
			{"ID", "id"}, {"MEASURE", "measure"}, {"OF", "subject.kind"}, {"SUBJECT", "subject.id"}, {"STATE", "state"}, {"FROM", "from"},
			{"UNTIL", "until"}, {"WHY", "why"}}}),
		t.shower("show ID", "Shows a throttle, suspension or termination", "/v1/remediations/%s"),
		t.remediationImpose(),
		t.verb(verb{
			use: "lift ID", short: "Ends a throttle or suspension", reason: true, compares: true,
			long: "Ends a throttle or suspension. Whoever imposed it may undo it alone within 15 minutes, as a mistake; later somebody else must.",
			do: func(args []string, why string) (change, error) {
				return change{path: pathTo("/v1/remediations/%s/lifting", args[0]), body: api.Why{Why: why},
					done: func(o object) string { return o.text("id") + " is " + o.text("state") }}, nil
			}}),
	))
}

func (t *tool) remediationImpose() *cobra.Command {
	var on, measure, until, limit string
	var in api.NewRemediation
	var incident string
	return t.verb(verb{
		use: "impose", short: "Throttles, suspends or terminates an account, organization, device, key or certificate", reason: true,
		example: `  certgate remediation impose --on organization:acme/lab --why "audit finding 12"` + "\n" +
			`  certgate remediation impose --on organization:acme/lab --measure throttle --limit "rate 10/60s" --why "scraping" --incident inc_...` + "\n" +
			`  certgate remediation impose --on key:key_... --until 2027-03-31T16:00:00Z --why "being rotated"`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&on, "on", "", "KIND:REF, where KIND is account, organization, device, key or certificate")
			c.Flags().StringVar(&measure, "measure", string(gate.Suspend), "throttle, suspend, or terminate, which is for good")
			throttleFlag(c, &limit)
			untilFlag(c, &until)
			c.Flags().StringVar(&incident, "incident", "", "the open incident that it is for, which then names it; the customer is told which, to appeal")
			c.Flags().StringVar(&in.Policy, "policy", "", "which version of your policy it follows (45 CFR 171.203)")
			c.Flags().StringVar(&in.Risk, "risk", "", "to what it answers a risk, and what shows it")
			c.Flags().StringVar(&in.Alternatives, "alternatives", "", "what was considered instead, and why it was not enough")
		},
		needs: []string{"on"},
		do: func(_ []string, why string) (change, error) {
			kind, ref, found := strings.Cut(on, ":")
			if !found || ref == "" {
				return change{}, usagef("--on %q must be of the form device:acme/main/prod-1", gate.Clip(on, 80))
			}
			in.Measure, in.Why, in.Incident = gate.Measure(measure), why, gate.IncidentID(incident)
			var err, unread error
			in.Until, err = parseUntil(until)
			in.Limit, unread = parseThrottle(limit)
			return impose(gate.SubjectKind(kind), ref, in), errors.Join(err, unread)
		},
	})
}

// throttleFlag adds --limit, of a throttle.
func throttleFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "limit", "", `how much a throttle still lets through, such as "rate 10/60s", "day 5000" or "concurrency 1"`)
}

// parseThrottle reads the limit of a throttle; nil where none is given.
func parseThrottle(text string) (*gate.Limit, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // only a throttle has one
	}
	l, err := gate.ParseLimit(text)
	if err != nil {
		return nil, usagef("--%s", err)
	}
	return &l, nil
}

// throttle limits a subject beside its plan.
func (t *tool) throttle(use string, kind gate.SubjectKind, example string) *cobra.Command {
	var limit, until string
	return t.verb(verb{
		use: use, short: "Lets through fewer calls than the plan, from the next request on", reason: true, example: example,
		flags: func(c *cobra.Command) {
			throttleFlag(c, &limit)
			untilFlag(c, &until)
		},
		needs: []string{"limit"},
		do: func(args []string, why string) (change, error) {
			in := api.NewRemediation{Measure: gate.Throttle, Why: why}
			var err, unread error
			in.Until, err = parseUntil(until)
			in.Limit, unread = parseThrottle(limit)
			return impose(kind, args[0], in), errors.Join(err, unread)
		},
	})
}

func (t *tool) accountThrottle() *cobra.Command {
	return t.throttle("throttle ACCOUNT", gate.AccountSubject, `  certgate account throttle acme --limit "rate 10/60s" --until 2027-03-31T16:00:00Z --why "scraping, incident 12"`)
}

func (t *tool) deviceThrottle() *cobra.Command {
	return t.throttle("throttle DEVICE", gate.DeviceSubject, `  certgate device throttle acme/main/prod-1 --limit "concurrency 1" --why "it floods the upstream"`)
}

// impose throttles, suspends or terminates.
func impose(kind gate.SubjectKind, ref string, in api.NewRemediation) change {
	in.Subject = gate.Subject{Kind: kind, ID: ref}
	return change{path: "/v1/remediations", body: in, done: suspended, next: func(o object) []string {
		if in.Measure == gate.Terminate {
			return nil
		}
		return []string{"certgate remediation lift " + o.text("id") + " --why REASON  (you within 15 minutes, later somebody else)"}
	}}
}
