package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) behaviorCommand() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "Lists the behaviors of record, and what the next configuration may change"}
	return t.connected(t.group(&cobra.Command{Use: "behavior", Short: "Kinds of call: list; allow a change of one that is granted"},
		t.leaf(list, t.behaviorList), t.behaviorAllow()))
}

func (t *tool) behaviorList(cmd *cobra.Command, _ []string) error {
	if t.flags.json {
		return t.show(cmd, "/v1/behaviors")
	}
	c, err := t.client()
	if err != nil {
		return err
	}
	table, err := c.Behaviors(cmd.Context())
	if err != nil {
		return err
	}
	columns := []column{{"BEHAVIOR", "name"}, {"METHOD", "method"}, {"PATH", "path"}, {"COST", "cost"}, {"WEBSOCKET", "websocket"}}
	if err := printRecords(cmd.OutOrStdout(), columns, table.Behaviors); err != nil || len(table.Allowances) == 0 {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), "\nallowed for the next configuration (without a method: it may be dropped)")
	return printRecords(cmd.OutOrStdout(), columns[:3], table.Allowances)
}

// printRecords prints records as a table: it knows them by their JSON.
func printRecords[T any](w io.Writer, columns []column, list []T) error {
	out := make([]object, len(list))
	for i := range list {
		text, err := json.Marshal(list[i])
		if err == nil {
			err = json.Unmarshal(text, &out[i])
		}
		if err != nil {
			return fmt.Errorf("show the answer: %w", err)
		}
	}
	return printTable(w, columns, out)
}

func (t *tool) behaviorAllow() *cobra.Command {
	var in api.Allowance
	var drop bool
	return t.verb(verb{
		use: "allow NAME", short: "Lets the next configuration change or drop a behavior that is granted", reason: true,
		example: "  certgate behavior allow fhir-query --method GET --path '/fhir/R4/*' --why \"new base path, customers were told\"\n" +
			"  certgate behavior allow old-query --drop --why \"nobody calls it\"",
		flags: func(c *cobra.Command) {
			f := c.Flags()
			f.StringVar(&in.Method, "method", "", "HTTP method in its new form")
			f.StringVar(&in.Path, "path", "", "path in its new form")
			f.BoolVar(&in.WebSocket, "websocket", false, "in its new form it may upgrade to a WebSocket")
			f.BoolVar(&drop, "drop", false, "it may be dropped")
		},
		do: func(args []string, why string) (change, error) {
			if form := in.Method != "" && in.Path != ""; form == drop || drop && in.Method+in.Path != "" {
				return change{}, usagef("give either --method and --path, as it will be configured, or --drop")
			}
			in.Why = why
			return change{path: pathTo("/v1/behaviors/%s/allowance", args[0]), body: in,
				done: func(object) string { return "allowed; it takes effect with the next start or reload" },
				next: func(object) []string { return []string{"change the Caddyfile, then: certgate reload"} }}, nil
		},
	})
}

func (t *tool) hostCommand() *cobra.Command {
	return t.connected(t.group(&cobra.Command{Use: "host", Short: "Host names and the environments they were served in: list, lower, raise"},
		t.lister(lists{use: "list", short: "Lists host names with the strictest environment that each was served in", path: "/v1/hosts", columns: []column{
			{"HOST", "name"}, {"STRICTEST", "strictest"}, {"LOWERING TO", "lowering.to"}, {"PROPOSED BY", "lowering.proposed_by"},
			{"CONFIRMED BY", "lowering.confirmed_by"},
			{"UNTIL", "lowering.until"}, {"RAISED", "lowering.raised.at"}, {"WHY", "lowering.why"}}}),
		t.hostLower(),
		t.verb(verb{
			use: "confirm HOST", short: "Puts a lowering that another admin proposed into effect", compares: true,
			do: func(args []string, _ string) (change, error) {
				return change{path: pathTo("/v1/hosts/%s/lowering/confirmation", args[0]), done: func(o object) string {
					return o.text("name") + " may be served in " + o.text("lowering.to") + " until " + o.text("lowering.until")
				}, next: func(o object) []string {
					return []string{"certgate host raise " + o.text("name") + " --why REASON  (as soon as it is not needed any more)"}
				}}, nil
			}}),
		t.verb(verb{
			use: "raise HOST", short: "Ends a lowering, or the proposal of one, now; it takes one person", reason: true, compares: true,
			long:    "Ends a lowering, or the proposal of one, now. A site that still serves the host in a lower environment answers 503 from the next request on.",
			example: `  certgate host raise api.example.com --why "the rehearsal is over"`,
			do: func(args []string, why string) (change, error) {
				return change{path: pathTo("/v1/hosts/%s/raising", args[0]), body: api.Why{Why: why}, done: func(o object) string {
					return o.text("name") + " may be served in " + o.text("strictest") + " alone"
				}}, nil
			}}),
	))
}

func (t *tool) hostLower() *cobra.Command {
	var to, until string
	return t.verb(verb{
		use: "lower HOST", short: "Proposes that a host may be served in a lower environment than before", reason: true, compares: true,
		long: "A site that serves a host in a lower environment than the host once had answers 503 until two people have allowed it, so that a\n" +
			"slip in a configuration file cannot open production as a sandbox. It ends by itself, and one person can end it before: certgate host\n" +
			"raise. A new proposal takes the place of a lowering in force, which ends it until the new one is confirmed.",
		example: `  certgate host lower api.example.com --to sandbox --until 2027-04-01T00:00:00Z --why "rehearsal of the move"`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&to, "to", "", "sandbox or preprod")
			c.Flags().StringVar(&until, "until", "", "when it ends, at most 366 days away, such as 2027-03-31T16:00:00Z (default: in 30 days)")
		},
		needs: []string{"to"},
		do: func(args []string, why string) (change, error) {
			e, err := gate.ParseEnvironment(to)
			if err != nil {
				return change{}, &usageError{err}
			}
			end, err := parseUntil(until)
			return change{path: pathTo("/v1/hosts/%s/lowering", args[0]), body: api.NewLowering{To: e, Until: end, Why: why},
				done: func(o object) string {
					return "proposed until " + o.text("lowering.until") + "; a second admin must confirm it"
				},
				next: func(o object) []string {
					return []string{"certgate host confirm " + o.text("name") + "  (another admin)"}
				}}, err
		},
	})
}
