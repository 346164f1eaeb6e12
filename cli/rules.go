package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) rulesCommand() *cobra.Command {
	return t.connected(t.group(&cobra.Command{Use: "rules", Short: "Rules against abuse: list, show, set, confirm, refuse, history, test",
		Long: "Rules find accounts that are used in ways they should not be. A rule is off, observed (what it finds is evidence in an incident, and nothing\n" +
			"follows) or enforced (the customer is told, and may be throttled for a time). A fresh store observes everything.\n\n" +
			"Rules are set in versions: for all accounts, for those on a plan, or for one. An account goes before its plan, and a plan before all; what\n" +
			"a version does not name is as the wider one has it. Whatever newly enforces a rule, or changes its thresholds where it is enforced, waits\n" +
			"for a second operator or admin. To ease takes one.\n\n" +
			"Before you enforce: certgate rules test says who would have been hit by what was recorded."},
		t.rulesList(), t.rulesShow(), t.rulesSet(), t.rulesConfirm(), t.rulesRefuse(),
		t.rulesHistory(),
		t.rulesTest()))
}

// whose are the flags by which somebody's rules are named.
type whose struct{ account, plan string }

func (w *whose) add(c *cobra.Command, verb string) {
	c.Flags().StringVar(&w.account, "account", "", verb+" for this account alone (slug or id)")
	c.Flags().StringVar(&w.plan, "plan", "", verb+" for accounts on this plan (certgate contract create --plan names it)")
	c.MarkFlagsMutuallyExclusive("account", "plan")
}

func (w *whose) query() string {
	q := url.Values{}
	if w.account != "" {
		q.Set("account", w.account)
	}
	if w.plan != "" {
		q.Set("plan", w.plan)
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

func (t *tool) rulesList() *cobra.Command {
	var w whose
	c := &cobra.Command{Use: "list", Short: "Lists the rules: what they may ask for at most, what a finding weighs, and their mode now",
		Long: "Lists the rules. A finding adds its weight to the score of its account, which fades by half in a day: from 60 on the customer is told, from 100 on,\n" +
			"a day later, a throttle may follow, if the rule may ask for one. EXCEPTIONS are plans and accounts with a setting of their own."}
	w.add(c, "as they are set")
	return t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		client, err := t.client()
		if err != nil {
			return err
		}
		body, err := client.Get(cmd.Context(), "/v1/rules"+w.query())
		if err != nil {
			return err
		}
		var page api.Page[object]
		if err := json.Unmarshal(body, &page); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if t.flags.json {
			items, err := json.Marshal(page.Items)
			if err != nil {
				return fmt.Errorf("read the answer: %w", err)
			}
			return printJSON(cmd.OutOrStdout(), json.RawMessage(items))
		}
		for _, o := range page.Items {
			if n, _ := o["exceptions"].([]any); len(n) > 0 {
				o["exceptions"] = float64(len(n))
			} else {
				o["exceptions"] = nil
			}
		}
		return printTable(cmd.OutOrStdout(), []column{{"RULE", "rule"}, {"KIND", "kind"}, {"AT MOST", "most"}, {"WEIGHT", "weight"}, {"MODE", "mode"},
			{"SINCE", "since"}, {"VERSION", "version"}, {"EXCEPTIONS", "exceptions"}}, page.Items)
	})
}

func (t *tool) rulesShow() *cobra.Command {
	var w whose
	c := &cobra.Command{Use: "show RULE", Short: "Shows a rule: its thresholds, what each means, and where plans and accounts differ", Args: arguments("RULE"),
		Example: "  certgate rules show volume-spike\n  certgate rules show patient-scraping --account acme"}
	w.add(c, "as it is set")
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		client, err := t.client()
		if err != nil {
			return err
		}
		body, err := client.Get(cmd.Context(), pathTo("/v1/rules/%s", args[0])+w.query())
		if err != nil {
			return err
		}
		if t.flags.json {
			return printJSON(cmd.OutOrStdout(), body)
		}
		var r api.Rule
		if err := json.Unmarshal(body, &r); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if err := printRule(cmd.OutOrStdout(), &r); err != nil {
			return err
		}
		t.suggest(cmd, "certgate rules test --from DAY --to DAY --rule "+r.Rule.String()+"  (who would have been hit)",
			"certgate rules set --rule "+r.Rule.String()+" --mode observe|off|enforce --why REASON")
		return nil
	})
}

func printRule(out io.Writer, r *api.Rule) error {
	fmt.Fprintf(out, "%s is %s: %s; a finding weighs %v and may ask for %s at most\n", r.Rule, mode(r.Mode), r.Kind, r.Weight, r.Most)
	if r.Version > 0 {
		fmt.Fprintf(out, "the mode is of version %d, for %s, since %s\n", r.Version, r.Scope, r.Since.UTC().Format("2006-01-02 15:04Z"))
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "THRESHOLD\tVALUE\tMAY BE\tUNIT\tMEANING")
	for _, h := range r.Thresholds {
		fmt.Fprintf(table, "%s\t%s\t%s to %s\t%s\t%s\n", h.Name, plain(h.Value), plain(h.Least), plain(h.Most), h.Unit, h.Meaning)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, e := range r.Exceptions {
		who := "account " + string(e.Account)
		if e.Plan != "" {
			who = "plan " + e.Plan
		}
		fmt.Fprintf(out, "%s (version %d): %s\n", who, e.Version, exception(&e))
	}
	return nil
}

func exception(e *api.RuleException) string {
	var parts []string
	if e.Mode != "" {
		parts = append(parts, e.Mode)
	}
	for _, name := range sortedNames(e.Thresholds) {
		parts = append(parts, name+" "+plain(e.Thresholds[name]))
	}
	return strings.Join(parts, ", ")
}

// mode says what is done about a rule's findings.
func mode(m abuse.Mode) string {
	return map[abuse.Mode]string{abuse.Observe: "observed", abuse.Enforce: "enforced", abuse.Off: "off"}[m]
}

// readThresholds reads a file of thresholds; - is the standard input.
func readThresholds(cmd *cobra.Command, name string) (map[string]any, error) {
	in := map[string]any(nil)
	if name == "" {
		return in, nil
	}
	var text []byte
	var err error
	if name == "-" {
		text, err = io.ReadAll(io.LimitReader(cmd.InOrStdin(), 1<<20))
	} else {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, fmt.Errorf("read the thresholds: %w", err)
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, usagef("--thresholds %s: %s; it must hold a JSON object such as %s", gate.Clip(name, 80), err, thresholdsExample)
	}
	return in, nil
}

const (
	thresholdsExample = `{"volume_spike": {"ratio": 4}}`
	thresholdsHelp    = "JSON file such as " + thresholdsExample + ", - for standard input; certgate rules show RULE has the names and what they may be"
)
