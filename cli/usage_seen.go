package cli

import "github.com/spf13/cobra"

func (t *tool) usageSeenCommand() *cobra.Command {
	var f usageFlags
	c := &cobra.Command{
		Args: cobra.MaximumNArgs(1),
		Use:  "patients [ACCOUNT|DEVICE]", Short: "Shows how many different patients were named, and from how many networks",
		Long: "Shows of each account (production alone) or device how many different patients its calls named that were let through, by day or hour.\n" +
			"Up to 256 are exact, more are off by 2 % as a rule. NEW are those that the account had not named for 30 days; NETWORKS are /24, and /48\n" +
			"of IPv6; 403 and 404 (with 410) count answers of the upstream. What names a patient is configured: patient path and patient query. No\n" +
			"identifier is kept, and nothing but these numbers once a day is three days old.",
		Example: "  certgate usage patients --by device --step hour --from 2027-03-01 --to 2027-03-01\n  certgate usage patients acme/main/prod-1",
	}
	c.Flags().StringVar(&f.from, "from", "", "the first day; left out, the first of this month")
	c.Flags().StringVar(&f.to, "to", "", "the last day, which is in it; left out, today")
	c.Flags().StringVar(&f.zone, "zone", "", "IANA time zone of --from and --to; left out, the contract's")
	c.Flags().StringVar(&f.step, "step", "day", "one row for each `hour` or day")
	c.Flags().StringVar(&f.by, "by", "account", "what rows are told by: account or device")
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		return t.chart(cmd, "/v1/usage/patients?"+f.query(args).Encode(), []column{{"DAY", "day"}, {"FROM", "start"}, {"OF", "path"}, {"PATIENTS", "patients"},
			{"NEW", "first_seen"}, {"NETWORKS", "networks"}, {"403", "forbidden"}, {"404", "not_found"}}, "patients")
	})
}
