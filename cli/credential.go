package cli

import (
	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) credentialCommand() *cobra.Command {
	return t.connected(t.group(&cobra.Command{Use: "credential", Short: "Keys and certificates of devices: list, revoke, report as leaked; enrollments and their links"},
		t.lister(lists{use: "list", short: "Lists keys and certificates", path: "/v1/credentials", byAccount: true, byDevice: true, byPepper: true, columns: []column{
			{"ID", "id"}, {"KIND", "kind"}, {"ENVIRONMENT", "environment"}, {"STATE", "state"}, {"ISSUED", "issued_at"}, {"HANDED OVER", "handed_over"}, {"ACKNOWLEDGED", "acknowledged"}, {"FIRST USED", "first_used_at"},
			{"LAST USED", "last_used_at"}, {"FROM", "last_used_from"}, {"ENDS", "ends_at"}, {"REPLACED BY", "replaced_by"}, {"DEVICE", "device"}, {"IMPORTED BY", "imported.import.by"}, {"IMPORTED", "imported.import.at"}}}),
		t.shower("show ID", "Shows a key or certificate; never the key itself", "/v1/credentials/%s"),
		t.lister(lists{use: "enrollments", short: "Lists enrollment links by state; never the links", path: "/v1/enrollments", byDevice: true, columns: []column{
			{"ID", "id"}, {"STATE", "state"}, {"DEVICE", "device"}, {"RELEASED", "released_at"}, {"EXPIRES", "expires_at"}, {"REDEEMED", "redemptions"},
			{"ACKNOWLEDGED", "acknowledged"}, {"NOTICE", "notice"}}}),
		t.verb(verb{
			use: "cancel-link ENROLLMENT", short: "Ends an enrollment link before it is taken, as when it went to the wrong address", reason: true, compares: true,
			do: func(args []string, why string) (change, error) {
				return change{path: pathTo("/v1/enrollments/%s/cancellation", args[0]), body: api.Why{Why: why},
					done: func(o object) string { return "enrollment " + o.text("id") + " is " + o.text("state") }}, nil
			}}),
		t.credentialRevoke(),
		t.leakCommand(),
		t.lookBackCommand(),
		t.blockCommand(),
		t.blockedCommand(),
		t.scanCommand(),
	))
}

func (t *tool) credentialRevoke() *cobra.Command {
	var reason string
	var last bool
	return t.verb(verb{
		use: "revoke ID", short: "Ends a key or certificate for good, from the next request on", reason: true, compares: true,
		example: `  certgate credential revoke key_... --reason keyCompromise --why "seen in a public repository"`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&reason, "reason", "", "keyCompromise, superseded, cessationOfOperation, affiliationChanged, privilegeWithdrawn or unspecified")
			c.Flags().BoolVar(&last, "last", false, "also the last live key or certificate of its device, which can then not call any more (keyCompromise needs no --last)")
		},
		needs: []string{"reason"},
		do: func(args []string, why string) (change, error) {
			r, err := gate.ParseRevocationReason(reason)
			if err != nil {
				return change{}, &usageError{flagError(err)}
			}
			return change{path: pathTo("/v1/credentials/%s/revocation", args[0]), body: api.Revocation{Reason: r, Why: why, Last: last},
				done: func(o object) string { return o.text("kind") + " " + o.text("id") + " is " + o.text("state") },
				next: func(o object) []string {
					line := "certgate credential list --device " + o.text("device")
					if r == gate.KeyCompromise {
						return []string{line + "  (the other half of the credential may be known too)"}
					}
					return []string{line + "  (what the device has left; without a live pair it needs a release)"}
				}}, nil
		},
	})
}
