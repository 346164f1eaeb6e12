package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
)

// usageFlags are what usage is asked for.
type usageFlags struct{ from, to, zone, step, by, organization, behavior, purpose, outcome string }

func (t *tool) usageCommand() *cobra.Command {
	var f usageFlags
	c := &cobra.Command{
		Args: cobra.MaximumNArgs(1),
		Use:  "usage [ACCOUNT|DEVICE]", Short: "Shows what was used, and what of it is billed",
		Long: "Shows what was used from one day until another: the month so far, unless said otherwise. Days are those of --zone; left out, of the\n" +
			"contract, or UTC where a row is of several accounts. Only calls of production that were answered are billed: no refused ones (REFUSED),\n" +
			"and none that the upstream failed (FAILED). P50, P95 and P99 are within how many milliseconds so many of 100 calls ended.",
		Example: "  certgate usage acme --from 2027-03-01 --to 2027-03-31 --by behavior\n  certgate usage acme/main/prod-1 --step week\n  certgate usage --by account,outcome --purpose TREAT",
	}
	f.add(c)
	c.Flags().StringVar(&f.step, "step", "", "one row for each `hour`, day, week or month")
	c.Flags().StringVar(&f.by, "by", "behavior", "what rows are told by: some of account, organization, device, environment, behavior, purpose, outcome, with commas between")
	t.connected(t.leaf(c, func(cmd *cobra.Command, args []string) error { return t.showUsage(cmd, args, &f) }))
	c.AddCommand(t.usageExportCommand(), t.usageSeenCommand(), t.usageLimits(), t.usageGrant(), t.usageReset())
	return c
}

func (f *usageFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.from, "from", "", "the first day; left out, the first of this month")
	c.Flags().StringVar(&f.to, "to", "", "the last day, which is in it; left out, today")
	c.Flags().StringVar(&f.zone, "zone", "", "IANA time zone of the days; left out, the contract's")
	c.Flags().StringVar(&f.organization, "organization", "", "calls of this organization alone, as in acme/main")
	c.Flags().StringVar(&f.behavior, "behavior", "", "calls of this behavior alone")
	c.Flags().StringVar(&f.purpose, "purpose", "", "calls for this purpose alone")
	c.Flags().StringVar(&f.outcome, "outcome", "", "calls of this outcome alone: 2xx, 5xx, error, canceled, or the code of a refusal")
}

// query is the flags as the API has them.
func (f *usageFlags) query(args []string) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"from": f.from, "to": f.to, "zone": f.zone, "step": f.step, "by": f.by,
		"organization": f.organization, "behavior": f.behavior, "purpose": f.purpose, "outcome": f.outcome} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(args) > 0 {
		kind := "account"
		if strings.Contains(args[0], "/") || strings.HasPrefix(args[0], "dev_") {
			kind = "device"
		}
		q.Set(kind, args[0])
	}
	return q
}

func (t *tool) showUsage(cmd *cobra.Command, args []string, f *usageFlags) error {
	return t.chart(cmd, "/v1/usage?"+f.query(args).Encode(), f.columns(), "calls")
}

// chart shows a list as a table with a bar for one of its numbers.
func (t *tool) chart(cmd *cobra.Command, address string, columns []column, measure string) error {
	c, err := t.client()
	if err != nil {
		return err
	}
	body, err := c.Get(cmd.Context(), address)
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
	drawBars(rows, measure)
	return printTable(cmd.OutOrStdout(), append(columns, column{"", "bar"}), rows)
}

// columns are those that rows are told by, and then what was counted.
func (f *usageFlags) columns() (list []column) {
	if f.step != "" {
		from := "day"
		if f.step == "hour" {
			from = "start"
		}
		list = append(list, column{"FROM", from})
	}
	named := false
	for part := range strings.SplitSeq(f.by, ",") {
		switch part {
		case "account", "organization", "device":
			if !named {
				list = append(list, column{strings.ToUpper(part), "path"})
			}
			named = true
		default:
			list = append(list, column{strings.ToUpper(part), part})
		}
	}
	return append(list, column{"CALLS", "calls"}, column{"REFUSED", "refused"}, column{"FAILED", "failed"},
		column{"BILLED", "billable_calls"}, column{"UNITS", "billable_cost"},
		column{"P50", "latency_ms.p50"}, column{"P95", "latency_ms.p95"}, column{"P99", "latency_ms.p99"})
}

// barWidth is how many characters the longest bar has.
const barWidth = 30

// drawBars gives each row a bar for one of its numbers; what is not nothing shows.
func drawBars(rows []object, measure string) {
	most := 0.0
	for _, r := range rows {
		most = max(most, number(r[measure]))
	}
	for _, r := range rows {
		if n := number(r[measure]); n > 0 {
			r["bar"] = strings.Repeat("█", max(1, int(n/most*barWidth)))
		}
	}
}

// number is a number of the API, in whatever way it was read.
func number(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case json.Number:
		n, err := v.Float64()
		if err == nil {
			return n
		}
	}
	return 0
}
