package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) remediationCommand() *cobra.Command {
	return t.connected(t.group(&cobra.Command{Use: "remediation", Short: "Suspensions and terminations: list, impose, lift"},
		t.lister(lists{use: "list", short: "Lists suspensions and terminations", path: "/v1/remediations", byAccount: true, columns: []column{
			{"ID", "id"}, {"MEASURE", "measure"}, {"OF", "subject.kind"}, {"SUBJECT", "subject.id"}, {"STATE", "state"}, {"FROM", "from"},
			{"UNTIL", "until"}, {"WHY", "why"}}}),
		t.shower("show ID", "Shows a suspension or termination", "/v1/remediations/%s"),
		t.remediationImpose(),
		t.verb(verb{
			use: "lift ID", short: "Ends a suspension", reason: true, compares: true,
			long: "Ends a suspension. Whoever imposed it may undo it alone within 15 minutes, as a mistake; later somebody else must.",
			do: func(args []string, why string) (change, error) {
				return change{path: pathTo("/v1/remediations/%s/lifting", args[0]), body: api.Why{Why: why},
					done: func(o object) string { return o.text("id") + " is " + o.text("state") }}, nil
			}}),
	))
}

func (t *tool) remediationImpose() *cobra.Command {
	var on, measure, until string
	return t.verb(verb{
		use: "impose", short: "Suspends or terminates an account, organization, device, key or certificate", reason: true,
		example: `  certgate remediation impose --on organization:acme/lab --why "audit finding 12"` + "\n" +
			`  certgate remediation impose --on key:key_... --until 2027-03-31T16:00:00Z --why "being rotated"`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&on, "on", "", "KIND:REF, where KIND is account, organization, device, key or certificate")
			c.Flags().StringVar(&measure, "measure", string(gate.Suspend), "suspend, or terminate, which is for good")
			untilFlag(c, &until)
		},
		needs: []string{"on"},
		do: func(_ []string, why string) (change, error) {
			kind, ref, found := strings.Cut(on, ":")
			if !found || ref == "" {
				return change{}, usagef("--on %q must be of the form device:acme/main/prod-1", gate.Clip(on, 80))
			}
			end, err := parseUntil(until)
			return impose(gate.SubjectKind(kind), ref, api.NewRemediation{Measure: gate.Measure(measure), Until: end, Why: why}), err
		},
	})
}

// impose suspends or terminates.
func impose(kind gate.SubjectKind, ref string, in api.NewRemediation) change {
	in.Subject = gate.Subject{Kind: kind, ID: ref}
	return change{path: "/v1/remediations", body: in, done: suspended, next: func(o object) []string {
		if in.Measure == gate.Terminate {
			return nil
		}
		return []string{"certgate remediation lift " + o.text("id") + " --why REASON  (you within 15 minutes, later somebody else)"}
	}}
}
