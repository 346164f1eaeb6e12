package cli

import (
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
)

func (t *tool) reviewCommand() *cobra.Command {
	return t.connected(t.group(&cobra.Command{Use: "review", Short: "Every account is looked at every 90 days: list, show, sign, history",
		Long: "Somebody looks at what each account in production did, every 90 days, and signs it with a sentence. What is overdue also stands in the daily\n" +
			"mail to staff. To look into one case see certgate certification show."},
		t.reviewList(), t.reviewShow(), t.reviewSign(), t.reviewHistory(),
	))
}

func (t *tool) reviewList() *cobra.Command {
	var state string
	c := &cobra.Command{Use: "list", Short: "Lists when accounts are to be reviewed, what is overdue at the head",
		Long: "Lists every account that has something in production, with when its review is due: 90 days after the last one, or after it came into\n" +
			"production. Soon is within 14 days.",
		Example: "  certgate review list --state overdue"}
	c.Flags().StringVar(&state, "state", "", "only those in this state: overdue, soon or later")
	return t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		path := "/v1/reviews"
		if state != "" {
			path += "?" + url.Values{"state": {state}}.Encode()
		}
		found, err := t.whole(cmd, path, []column{{"ACCOUNT", "account"}, {"STATE", "state"}, {"DUE", "due"}, {"LAST", "last"}, {"BY", "by"}})
		if err == nil && len(found) > 0 {
			t.suggest(cmd, "certgate review show "+found[0].text("account"))
		}
		return err
	})
}

func (t *tool) reviewHistory() *cobra.Command {
	c := &cobra.Command{Use: "history ACCOUNT", Short: "Lists the reviews of an account that were signed", Args: arguments("ACCOUNT")}
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		return t.list(cmd, listing{path: pathTo("/v1/accounts/%s/reviews", args[0]), columns: []column{
			{"ID", "id"}, {"FROM", "from"}, {"UNTIL", "until"}, {"SIGNED", "signed.at"}, {"BY", "signed.by"}, {"SENTENCE", "signed.why"}}})
	})
}

func (t *tool) reviewShow() *cobra.Command {
	c := &cobra.Command{Use: "show ACCOUNT", Short: "Shows what is to be read before a review is signed: all since the last one", Args: arguments("ACCOUNT"),
		Long: "Shows what an account did and what was done about it since its last review: certifications, calls and refusals in production beside the\n" +
			"declared volume, patients, remediations, incidents, changes, credentials and notices that have not arrived. Usage is told to the end of\n" +
			"yesterday, so that it does not change while you read."}
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		client, err := t.client()
		if err != nil {
			return err
		}
		var etag string
		if t.flags.json {
			body, err := client.Get(cmd.Context(), pathTo("/v1/accounts/%s/review", args[0]), api.KeepETag(&etag))
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), body)
		}
		page, err := client.AccountReview(cmd.Context(), args[0], api.KeepETag(&etag))
		if err != nil {
			return err
		}
		if err := printAccountReview(cmd.OutOrStdout(), page); err != nil || page.Due == nil {
			return err
		}
		t.suggest(cmd, "certgate review sign "+page.Slug+" --if-match '"+etag+"' --why SENTENCE  (what you looked at, and what you make of it)")
		return nil
	})
}

func (t *tool) reviewSign() *cobra.Command {
	var why string
	return t.verb(verb{
		use: "sign ACCOUNT", short: "Signs that you have looked at an account, with a sentence", compares: true,
		long: "Signs that you have looked at an account. --if-match names what you have read: certgate review show says it. If that has changed since,\n" +
			"nothing is signed. It takes the role operator, auditor or admin.",
		example: `  certgate review sign acme --if-match '"6f1c..."' --why "refusals are from their deploy on 3 March; volume as declared"`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&why, "why", "", "the sentence: what you looked at, and what you make of it; it is kept for good, so no key and nothing of a patient belongs in it")
		},
		needs: []string{"why", "if-match"},
		do: func(args []string, _ string) (change, error) {
			return change{path: pathTo("/v1/accounts/%s/review", args[0]), body: api.Why{Why: why},
				done: func(o object) string {
					return "signed review " + o.text("id") + " of " + cell(o.text("from")) + " to " + cell(o.text("until"))
				},
				next: func(object) []string { return []string{"certgate review list --state overdue"} }}, nil
		},
	})
}

// stamp shows a time as tables do.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02 15:04Z") }

func timeOrNone(at *time.Time) string {
	if at == nil {
		return "-"
	}
	return stamp(*at)
}

// printAccountReview prints the page by chapters, those without anything in them in a word.
func printAccountReview(w io.Writer, p *authority.ReviewPage) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "account\t%s (%s), %s\n", p.Slug, cell(visible(p.Name)), p.Status)
	fmt.Fprintf(out, "review\t%s, due %s\n", p.State, timeOrNone(p.Due))
	if l := p.Last; l != nil {
		fmt.Fprintf(out, "last\t%s: %s\n", stamp(l.Signed.At), cell(visible(l.Signed.Why)))
	} else {
		fmt.Fprintf(out, "last\tnever\n")
	}
	fmt.Fprintf(out, "from\t%s\nuntil\t%s, the beginning of today in %s\n", stamp(p.From), stamp(p.Until), p.Zone)
	fmt.Fprintf(out, "calls a day\t%d on average, of %d declared\n", p.Daily, p.DeclaredDaily)
	fmt.Fprintf(out, "patients\tat most %d a day, %d new ones in all\nnetworks\tat most %d a day\n", p.MostPatients, p.NewPatients, p.MostNetworks)

	rows := make([][]string, 0, len(p.Certifications))
	for i := range p.Certifications {
		c := &p.Certifications[i]
		purposes := make([]string, len(c.Purposes))
		for i, purpose := range c.Purposes {
			purposes[i] = string(purpose)
		}
		rows = append(rows, []string{string(c.ID), c.State, stamp(c.Since), timeOrNone(c.Ends), timeOrNone(c.RecertifyBy), strconv.FormatInt(c.DailyVolume, 10),
			strings.Join(c.Behaviors, ","), strings.Join(purposes, ","), strings.Join(c.Devices, ",")})
	}
	section(out, "certifications", []string{"CASE", "STATE", "SINCE", "TERM ENDS", "RECERTIFY BY", "CALLS A DAY", "BEHAVIORS", "PURPOSES", "DEVICES"}, rows)
	section(out, "calls let through", []string{"BEHAVIOR", "OUTCOME", "CALLS"}, countRows(p.Calls))
	section(out, "calls refused", []string{"BEHAVIOR", "REASON", "CALLS"}, countRows(p.Refusals))
	matters := []string{"ID", "WHAT", "OF", "STATE", "FROM", "UNTIL", "WHY"}
	section(out, "remediations", matters, matterRows(p.Remediations))
	section(out, "incidents", matters, matterRows(p.Incidents))
	section(out, "changes", matters, matterRows(p.Changes))
	section(out, "notices that have not arrived", matters, matterRows(p.Undelivered))
	rows = make([][]string, 0, len(p.Credentials))
	for i := range p.Credentials {
		c := &p.Credentials[i]
		rows = append(rows, []string{c.ID, c.Device, c.State, stamp(c.Issued), timeOrNone(c.Ends), string(c.Used)})
	}
	section(out, "credentials", []string{"ID", "DEVICE", "STATE", "ISSUED", "ENDS", "LAST USED"}, rows)
	return out.Flush()
}

func countRows(list []authority.ReviewedCalls) [][]string {
	rows := make([][]string, len(list))
	for i := range list {
		rows[i] = []string{list[i].Behavior, string(list[i].Outcome), strconv.FormatInt(list[i].Calls, 10)}
	}
	return rows
}

func matterRows(list []authority.ReviewedMatter) [][]string {
	rows := make([][]string, len(list))
	for i := range list {
		m := &list[i]
		rows[i] = []string{m.ID, m.What, m.Of, m.State, stamp(m.At), timeOrNone(m.Ended), m.Why}
	}
	return rows
}

// section prints one sort of things.
func section(out io.Writer, title string, columns []string, rows [][]string) {
	if len(rows) == 0 {
		fmt.Fprintf(out, "\n%s: none\n", title)
		return
	}
	fmt.Fprintf(out, "\n%s:\n%s\n", title, strings.Join(columns, "\t"))
	for _, row := range rows {
		for i := range row {
			row[i] = cell(visible(row[i]))
		}
		fmt.Fprintln(out, strings.Join(row, "\t"))
	}
}
