package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
)

func (t *tool) rulesTest() *cobra.Command {
	var rules []string
	var file string
	var in api.NewTrial
	c := &cobra.Command{
		Use: "test", Short: "Says who would have been hit by what was recorded, when, for how long, and what was enforced",
		Long: "Replays what was recorded through the code that judges live, with a clock that moves with it, as if the rules had been enforced: who would have\n" +
			"been hit, when, and what would have followed, beside what was enforced then. It changes nothing. The same question has the same answer,\n" +
			"byte for byte. What is usual is learned from up to 97 days before --from, as far as they are kept: hours for 400 days, quarters of an\n" +
			"hour for 35. It takes up to minutes; one runs at a time, on one core, and it ends when you break off.\n\n" +
			"Without --thresholds those in force are tried, each account's own; a file is laid over them. Contracts and zones are those of today. Rules\n" +
			"that count what is refused (key-guessing and the like) cannot be tried: nothing of that is recorded.",
		Example: `  certgate rules test --from 2027-03-01 --to 2027-04-01
  certgate rules test --from 2027-03-01 --to 2027-04-01 --rule volume-spike --thresholds stricter.json --account acme`,
	}
	f := c.Flags()
	f.StringVar(&in.From, "from", "", "first day, which begins in UTC, or a whole hour such as 2027-03-01T16:00:00Z")
	f.StringVar(&in.To, "to", "", "the day or hour at which it ends; it is not in it")
	f.StringVar(&in.Account, "account", "", "only what is found of this account (slug or id); all are judged")
	f.StringArrayVar(&rules, "rule", nil, "only this rule; repeat for more. Without: all that are not off")
	f.StringVar(&file, "thresholds", "", thresholdsHelp)
	return require(t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		for _, name := range rules {
			r, err := abuse.ParseRule(name)
			if err != nil {
				return usagef("--%s", err)
			}
			in.Rules = append(in.Rules, r)
		}
		var err error
		if in.Thresholds, err = readThresholds(cmd, file); err != nil {
			return err
		}
		client, err := t.unhurried()
		if err != nil {
			return err
		}
		body, err := client.Post(cmd.Context(), "/v1/rules/test", in)
		if err != nil {
			return err
		}
		if t.flags.json {
			return printJSON(cmd.OutOrStdout(), body)
		}
		var out authority.Trial
		if err := json.Unmarshal(body, &out); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		return printTrial(cmd.OutOrStdout(), &out)
	}), "from", "to")
}

func minuteOf(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format("2006-01-02 15:04Z")
}

func printTrial(w io.Writer, o *authority.Trial) error {
	fmt.Fprintf(w, "tested: %s to %s, %d windows; what is usual was learned from %s on\n", minuteOf(o.From), minuteOf(o.To), o.Windows, minuteOf(o.Since))
	switch {
	case o.QuartersSince.IsZero():
		fmt.Fprintln(w, "no quarters of an hour are kept of that time: only hours were judged, and what goes fast was found later")
	case o.QuartersSince.After(o.From):
		fmt.Fprintf(w, "quarters of an hour are kept from %s on; before, only hours were judged\n", minuteOf(o.QuartersSince))
	}
	if o.Since.After(o.From.AddDate(0, 0, -28)) {
		fmt.Fprintln(w, "less than four weeks before are kept: until then accounts were judged by the volume that they declared")
	}
	if o.Skipped > 0 {
		fmt.Fprintf(w, "%d windows could not be judged\n", o.Skipped)
	}
	if o.Unreadable != "" {
		fmt.Fprintln(w, "left out, and perhaps more: "+visible(o.Unreadable))
	}
	fmt.Fprintf(w, "would have been told: %d accounts; would have been throttled: %d\n\n", o.Told, o.Throttled)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RULE\tMODE NOW\tACCOUNTS\tFINDINGS\tHELD")
	for _, r := range o.Rules {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\n", r.Rule, r.Mode, r.Accounts, r.Findings, r.Held)
	}
	if len(o.Rules) == 0 {
		fmt.Fprintln(table, "nothing was found")
	}
	if err := table.Flush(); err != nil || len(o.Accounts) == 0 {
		return err
	}
	fmt.Fprintln(w)
	fmt.Fprintln(table, "ACCOUNT\tRULE\tFIRST\tLAST\tFINDINGS\tHELD\tTOLD\tTHROTTLED\tENFORCED THEN")
	for i := range o.Accounts {
		printTried(table, &o.Accounts[i])
	}
	if o.More > 0 {
		fmt.Fprintf(table, "and %d more accounts\n", o.More)
	}
	return table.Flush()
}

// printTried prints a line for each rule that hit an account; what would have followed, and what did, stands in the first.
func printTried(w io.Writer, a *authority.TrialAccount) {
	name := a.Slug
	if name == "" {
		name = string(a.Account)
	}
	told, throttled, enforced := "-", "-", "-"
	if a.Told > 0 {
		told = minuteOf(a.ToldAt)
	}
	if a.Told > 1 {
		told += " and " + strconv.Itoa(a.Told-1) + " times more"
	}
	if a.Count > 0 {
		throttled = fmt.Sprintf("%s to %s", minuteOf(a.Spans[0].From), minuteOf(a.Spans[0].Until))
	}
	if a.Count > 1 {
		throttled += fmt.Sprintf(" and %d times more, %s in all", a.Count-1, time.Duration(a.Seconds)*time.Second)
	}
	for i, r := range a.Imposed {
		if i == 0 {
			enforced = ""
		} else {
			enforced += ", "
		}
		enforced += string(r.Measure) + " from " + minuteOf(r.From)
		if !r.Until.IsZero() {
			enforced += " to " + minuteOf(r.Until)
		}
	}
	for _, h := range a.Hits {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\n", name, h.Rule, minuteOf(h.First), minuteOf(h.Last), h.Findings, h.Held, told, throttled, enforced)
		told, throttled, enforced = "", "", ""
	}
	if len(a.Hits) == 0 {
		fmt.Fprintf(w, "%s\t%s\t-\t-\t0\t0\t-\t-\t%s\n", name, "none", enforced)
	}
}
