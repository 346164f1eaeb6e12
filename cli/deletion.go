package cli

import (
	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
)

func (t *tool) accountDeletable() *cobra.Command {
	c := &cobra.Command{Use: "deletable", Short: "Lists accounts that ended so long ago that their records may be deleted"}
	return t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		_, err := t.whole(cmd, "/v1/deletable", []column{
			{"ACCOUNT", "slug"}, {"NAME", "name"}, {"ENDED", "ended"}, {"KEPT UNTIL", "kept_until"}, {"PROPOSED BY", "proposal.act.by"}, {"ID", "account"}})
		return err
	})
}

func (t *tool) accountDelete() *cobra.Command {
	return t.verb(verb{
		use: "delete ACCOUNT", short: "Proposes to delete the records of an account that ended more than six years ago", reason: true, compares: true,
		long: "Proposes to delete the records of an account that ended more than six years ago: contacts, devices, contracts, cases, keys, certificates and\n" +
			"notices. An admin other than you must confirm within 30 days. The events stay: they name people at the customer only where somebody wrote\n" +
			"that into a reason. Take a dossier first if anybody may still ask.",
		example: `  certgate account delete acme --why "six years are over, nothing is pending"`,
		do: func(args []string, why string) (change, error) {
			return change{path: pathTo("/v1/accounts/%s/deletion", args[0]), body: api.Why{Why: why},
				done: func(o object) string {
					return "proposed to delete the records of account " + o.text("slug") + "; an admin must confirm it"
				},
				next: func(o object) []string {
					return []string{"certgate account dossier " + o.text("slug"), "certgate account confirm-deletion " + o.text("slug") + "  (an admin, not you)"}
				}}, nil
		},
	})
}

func (t *tool) accountConfirmDeletion() *cobra.Command {
	return t.verb(verb{
		use: "confirm-deletion ACCOUNT", short: "Deletes the records of an account for good, as another person proposed", compares: true,
		do: func(args []string, _ string) (change, error) {
			return change{path: pathTo("/v1/accounts/%s/deletion/confirmation", args[0]),
				done: func(o object) string {
					return "the records of account " + o.text("account") + " are deleted; its events stay"
				}}, nil
		},
	})
}
