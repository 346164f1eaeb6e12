package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
)

func (t *tool) usageLimits() *cobra.Command {
	c := &cobra.Command{
		Use: "limits ACCOUNT", Short: "Shows what is left of each limit of the account's contract",
		Long: "Shows what is used and left of each limit of the contract in force, for the account, its organizations and its production devices. EXTRA is\n" +
			"what was granted beyond a quota for this day or month (certgate usage grant). The customer reads the same in its own status.",
		Example: "  certgate usage limits acme",
		Args:    arguments("ACCOUNT"),
	}
	return t.connected(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		client, err := t.client()
		if err != nil {
			return err
		}
		body, err := client.Get(cmd.Context(), pathTo("/v1/accounts/%s/limits", args[0]))
		if err != nil {
			return err
		}
		if t.flags.json {
			return printJSON(cmd.OutOrStdout(), body)
		}
		var page api.Page[json.RawMessage]
		if err := json.Unmarshal(body, &page); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		rows, err := objects(page.Items)
		if err != nil {
			return err
		}
		return printTable(cmd.OutOrStdout(), []column{{"WHO", "path"}, {"LIMIT", "limit"}, {"EXTRA", "extra"}, {"USED", "used"}, {"LEFT", "left"}, {"MORE AT", "more_at"}}, rows)
	}))
}

// quotaFlags name a quota.
func quotaFlags(c *cobra.Command, in *api.NewExtra) {
	c.Flags().StringVar(&in.Limit, "limit", "", `the quota of a day or month: its name such as day/device, or as it is written, such as "day 10000 per device"`)
	c.Flags().StringVar(&in.For, "for", "", "the organization or device that has it, of a limit that each has for itself; left out, each of them")
}

func (t *tool) usageGrant() *cobra.Command {
	var in api.NewExtra
	return t.connected(t.verb(verb{
		use: "grant ACCOUNT", short: "Lets an account use more of a quota, until its day or month ends", reason: true,
		long: "Lets an account use more than a quota of its contract says, from the next request on until the day or month ends. What was used stays\n" +
			"counted, and the contract stays as it is; for more for good see certgate contract amend. The customer is told.",
		example: `  certgate usage grant acme --limit day --extra 5000 --why "records are brought over today"`,
		flags: func(c *cobra.Command) {
			quotaFlags(c, &in)
			c.Flags().Int64Var(&in.Amount, "extra", 0, "how many units more")
		},
		needs: []string{"limit", "extra"},
		do: func(args []string, why string) (change, error) {
			in.Why = why
			return extraChange(args[0], in), nil
		},
	}))
}

func (t *tool) usageReset() *cobra.Command {
	var in api.NewExtra
	return t.connected(t.verb(verb{
		use: "reset ACCOUNT", short: "Gives an account the whole of a quota once more, until its day or month ends", reason: true,
		long: "Adds as much to a quota as is used of it, so that all of it is there again. What was used stays counted, for billing too. The customer is\n" +
			"told.",
		example: `  certgate usage reset acme --limit day/device --for acme/main/prod-1 --why "a loop of ours called it"`,
		flags:   func(c *cobra.Command) { quotaFlags(c, &in) },
		needs:   []string{"limit"},
		do: func(args []string, why string) (change, error) {
			in.Why, in.Reset = why, true
			return extraChange(args[0], in), nil
		},
	}))
}

func extraChange(account string, in api.NewExtra) change {
	return change{path: pathTo("/v1/accounts/%s/extra", account), body: in,
		done: func(o object) string {
			last := lastOf(o["extras"])
			return last.text("amount") + " units more of " + last.text("limit") + " until " + last.text("ends")
		},
		next: func(object) []string { return []string{"certgate usage limits " + account} }}
}

// lastOf is the last object of a list; empty if there is none.
func lastOf(list any) object {
	if l, ok := list.([]any); ok && len(l) > 0 {
		if o, ok := l[len(l)-1].(map[string]any); ok {
			return o
		}
	}
	return object{}
}
