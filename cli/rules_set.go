package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/api"
)

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (t *tool) rulesSet() *cobra.Command {
	var w whose
	var rules []string
	var mode, file, why string
	c := &cobra.Command{
		Use: "set", Short: "Sets modes and thresholds, for all accounts, a plan or an account; to enforce waits for a second person",
		Long: "Makes the next version of the rules. What it does not name stays as it is. It counts at once, unless it newly enforces a rule for anybody or\n" +
			"changes a threshold where one is enforced: then it waits for a second operator or admin (certgate rules confirm). One that waits lapses when a\n" +
			"later version for the same accounts is made.\n\n" +
			"Without --rule the mode is that of all rules. The mode inherit, and null for a group of thresholds, let the wider scope decide again. A\n" +
			"group of thresholds is kept as a whole for its scope: its numbers belong together.",
		Example: `  certgate rules set --mode enforce --rule volume-spike --why "a month without a false alarm"
  certgate rules set --mode off --rule after-hours --account acme --why "a night shift"
  certgate rules set --thresholds gold.json --plan gold --why "they burst by contract"`,
	}
	t.changes(c)
	w.add(c, "set them")
	f := c.Flags()
	f.StringArrayVar(&rules, "rule", nil, "rule whose mode is set; repeat for more (certgate rules list)")
	f.StringVar(&mode, "mode", "", "off, observe, enforce, or inherit: as the wider scope has it")
	f.StringVar(&file, "thresholds", "", thresholdsHelp)
	f.StringVar(&why, "why", "", "the reason: it is kept for good, and customers do not see it")
	return require(t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		in := api.NewRuling{Account: w.account, Plan: w.plan, Why: why}
		switch {
		case mode == "" && file == "":
			return usagef("give --mode, --thresholds or both: what is to be set?")
		case mode == "" && len(rules) > 0:
			return usagef("--rule says whose mode is set, and --mode is missing; thresholds name their rules themselves")
		case mode != "":
			in.Modes = make(map[string]string)
			for _, rule := range rules {
				in.Modes[rule] = mode
			}
			if len(rules) == 0 {
				for _, rule := range abuse.Rules() {
					in.Modes[rule.String()] = mode
				}
			}
		}
		var err error
		if in.Thresholds, err = readThresholds(cmd, file); err != nil {
			return err
		}
		return t.send(cmd, change{path: "/v1/rulings", body: in, done: rulingState, next: rulingNext})
	}), "why")
}

func (t *tool) rulesConfirm() *cobra.Command {
	return t.verb(verb{
		use: "confirm VERSION", short: "Lets a version count that another person set", compares: true,
		long: "Lets a version count that another operator or admin set. certgate rules history --state waiting lists what waits, and certgate rules history VERSION\n" +
			"says what it changes: read that first.",
		example: "  certgate rules confirm 7",
		do: func(args []string, _ string) (change, error) {
			return change{path: pathTo("/v1/rulings/%s/confirmation", args[0]), done: rulingState, next: rulingNext}, nil
		}})
}

func (t *tool) rulesRefuse() *cobra.Command {
	var why string
	return t.verb(verb{
		use: "refuse VERSION", short: "Ends a version that waits for a second person; whoever set it may, too", compares: true,
		example: `  certgate rules refuse 7 --why "acme migrates this week"`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&why, "why", "", "the reason: it is kept for good, and customers do not see it")
		},
		needs: []string{"why"},
		do: func(args []string, _ string) (change, error) {
			return change{path: pathTo("/v1/rulings/%s/refusal", args[0]), body: api.Why{Why: why}, done: rulingState}, nil
		}})
}

func (t *tool) rulesHistory() *cobra.Command {
	var state string
	c := &cobra.Command{
		Use: "history [VERSION]", Short: "Lists all versions, or shows what one changes, set by whom and why", Args: cobra.MaximumNArgs(1),
		Long: "Lists all versions of the rules. One is waiting (for a second person), in-force, replaced (by a later one), lapsed (it waited when a later one was\n" +
			"made) or refused. With its number it is shown: what it changes, or has changed when it came.",
		Example: "  certgate rules history --state waiting\n  certgate rules history 7",
	}
	c.Flags().StringVar(&state, "state", "", "only those in this state; a wrong one is answered with the list of states")
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return t.list(cmd, listing{path: "/v1/rulings", query: url.Values{"state": {state}}, columns: []column{
				{"VERSION", "version"}, {"STATE", "state"}, {"FOR", "scope"}, {"PLAN", "plan"}, {"ACCOUNT", "account"}, {"SET", "set.at"}, {"BY", "set.by"}, {"WHY", "set.why"}}})
		}
		client, err := t.client()
		if err != nil {
			return err
		}
		body, err := client.Get(cmd.Context(), pathTo("/v1/rulings/%s", args[0]))
		if err != nil {
			return err
		}
		if t.flags.json {
			return printJSON(cmd.OutOrStdout(), body)
		}
		var o object
		if err := json.Unmarshal(body, &o); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		fmt.Fprintln(cmd.OutOrStdout(), rulingState(o))
		for _, act := range []string{"set", "confirmed", "refused"} {
			if o.text(act+".at") != "" {
				fmt.Fprintf(cmd.OutOrStdout(), "%s by %s, %s  %s\n", act, o.text(act+".by"), cell(o.text(act+".at")), o.text(act+".why"))
			}
		}
		t.suggest(cmd, rulingNext(o)...)
		return nil
	})
}

// rulingState says in lines what a version is, and what it changes.
func rulingState(o object) string {
	var b strings.Builder
	line := "version " + o.text("version") + " of the rules, for " + o.text("scope")
	if who := o.text("plan") + o.text("account"); who != "" {
		line += " " + who
	}
	switch state := o.text("state"); state {
	case "waiting":
		line += ", waits for a second person"
	case "in-force":
		line += ", counts"
	default:
		line += ", is " + state
	}
	b.WriteString(line)
	list, _ := o["changes"].([]any)
	for _, c := range list {
		if c, ok := c.(map[string]any); ok {
			b.WriteString("\n  " + changeLine(c))
		}
	}
	return b.String()
}

func changeLine(c object) string {
	line := c.text("rule")
	if who := c.text("plan") + c.text("account"); who != "" {
		line += " of " + who
	}
	line += ":"
	if from, to := c.text("from"), c.text("to"); from != to {
		line += " " + from + " -> " + to
	} else {
		line += " " + to
	}
	parts := []string{line}
	list, _ := c["thresholds"].([]any)
	for _, h := range list {
		if h, ok := h.(map[string]any); ok {
			parts = append(parts, object(h).text("name")+" "+object(h).text("from")+" -> "+object(h).text("to"))
		}
	}
	return strings.Join(parts, ", ")
}

// rulingNext says what a version waits for.
func rulingNext(o object) []string {
	if o.text("state") == "waiting" {
		return []string{
			"certgate rules confirm " + o.text("version") + "  (another operator or admin)",
			"certgate rules history " + o.text("version") + "  (what it changes, by whom and why)",
			"certgate rules test --from DAY --to DAY  (who would have been hit by the rules as they are; --thresholds for others)",
		}
	}
	return []string{"certgate rules list"}
}
