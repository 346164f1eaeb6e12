package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// inquiry is what explain and watch are asked.
type inquiry struct {
	since, reason, fingerprint, address string // of what was decided
	purpose, at, contract               string // of a call that nobody made
}

// explainCommand answers "why": of what was decided, and of a call that nobody made.
func (t *tool) explainCommand() *cobra.Command {
	var in inquiry
	c := &cobra.Command{
		Use: "explain [ACCOUNT | DEVICE | DECISION | DEVICE METHOD PATH]", Short: "Says why calls were refused, or what would be decided about one",
		Long: "With an account or device: what was decided lately, in groups. With neither: of everybody, strangers too. With a decision (the\n" +
			"X-Request-Id that the customer quotes): that one. With a method and path: what each check would say of such a call of the device\n" +
			"with its newest credential; nothing is called and nothing is counted.\n\n" +
			"--at asks what the clock would say at another time, with the records of now: what begins or ends by a date counts as of then (terms,\n" +
			"certificates, suspensions with an end, a planned closing), while what somebody has changed since then counts as it is now. For what was\n" +
			"really decided in the past give the decision; for who changed what, see certgate audit events.",
		Example: "  certgate explain acme --since 1h\n  certgate explain req_06f2k8...\n  certgate explain --address 203.0.113.7\n" +
			"  certgate explain acme/main/prod-1 GET /fhir/Patient/1 --at 2027-03-31T16:00:00Z",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 2 || len(args) > 3 {
				return fmt.Errorf("there are %d arguments; give an account, a device or a decision, or DEVICE METHOD PATH", len(args))
			}
			return nil
		},
	}
	c.ValidArgsFunction = t.accountOrDevice
	f := c.Flags()
	in.flags(c)
	f.Lookup("address").Usage += "; of a call: from where it comes (default: from where the device may call)"
	f.StringVar(&in.since, "since", "", "only what was decided so long ago at most, such as 1h, or since a time such as 2027-03-31T16:00:00Z")
	f.StringVar(&in.purpose, "purpose", "", "of a call: what it says in Purpose-Of-Use")
	f.StringVar(&in.at, "at", "", "of a call: when it is made, such as 2027-03-31T16:00:00Z (default: now); the records are those of now")
	f.StringVar(&in.contract, "contract", "", "of a call: as if this contract (id) were the only one")
	return t.connected(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		if err := in.check(len(args) == 3); err != nil {
			return err
		}
		switch {
		case len(args) == 3:
			return t.evaluate(cmd, args, in)
		case len(args) == 1 && strings.HasPrefix(args[0], gate.DecisionPrefix):
			return t.explainOne(cmd, args[0])
		}
		return t.explainPast(cmd, args, in)
	}))
}

func (in *inquiry) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&in.reason, "reason", "", "only with this reason: allowed, or a code such as key-required")
	f.StringVar(&in.fingerprint, "fingerprint", "", "only with this client certificate (SHA-256 in hexadecimal)")
	f.StringVar(&in.address, "address", "", "only from this address")
}

// check refuses flags that would be ignored.
func (in *inquiry) check(call bool) error {
	if call && in.since+in.reason+in.fingerprint != "" {
		return usagef("--since, --reason and --fingerprint are about what was decided, not about a call that nobody made")
	}
	if !call && in.purpose+in.at+in.contract != "" {
		return usagef("--purpose, --at and --contract are about a call: give DEVICE METHOD PATH")
	}
	return nil
}

// evaluate says what would be decided about a call.
func (t *tool) evaluate(cmd *cobra.Command, args []string, in inquiry) error {
	call := api.Call{Device: args[0], Method: args[1], Path: args[2], Purpose: in.purpose, Address: in.address, Contract: gate.ContractID(in.contract)}
	if in.at != "" {
		at, err := time.Parse(time.RFC3339, in.at)
		if err != nil {
			return usagef("--at %q must be a time such as 2027-03-31T16:00:00Z", gate.Clip(in.at, 60))
		}
		call.At = &at
	}
	client, err := t.client()
	if err != nil {
		return err
	}
	found, err := client.Evaluate(cmd.Context(), call)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if t.flags.json {
		return printJSON(out, found)
	}
	if err := printRecords(out, []column{{"CHECK", "check"}, {"RESULT", "reason"}, {"", "title"}}, found.Checks); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s\n", found.Reason)
	return nil
}

// query reads what explain and watch are asked about.
func (in *inquiry) query(args []string, now time.Time) (q api.DecisionQuery, err error) {
	q = api.DecisionQuery{Reason: in.reason, Fingerprint: in.fingerprint, Address: in.address}
	if len(args) > 0 {
		switch strings.Count(args[0], "/") {
		case 0:
			q.Account = args[0]
			if strings.HasPrefix(args[0], gate.DevicePrefix) {
				q.Account, q.Device = "", args[0]
			}
		case 2:
			q.Device = args[0]
		default:
			return q, usagef("%q must be an account such as acme or a device such as acme/main/prod-1", gate.Clip(args[0], 80))
		}
	}
	q.Since, err = parseSince(in.since, now)
	return q, err
}

// parseSince reads a duration back from now, or a time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, usagef("--since %q must be a duration such as 1h or a time such as 2027-03-31T16:00:00Z", gate.Clip(text, 60))
	}
	return at, nil
}

// explainPast groups what was decided by its reason.
func (t *tool) explainPast(cmd *cobra.Command, args []string, in inquiry) error {
	q, err := in.query(args, t.hooks.Now())
	if err != nil {
		return err
	}
	if t.flags.json {
		since := ""
		if !q.Since.IsZero() {
			since = q.Since.UTC().Format(time.RFC3339)
		}
		return t.list(cmd, listing{path: "/v1/decisions", query: url.Values{"account": {q.Account}, "device": {q.Device}, "reason": {q.Reason},
			"fingerprint": {q.Fingerprint}, "address": {q.Address}, "since": {since}}})
	}
	c, err := t.client()
	if err != nil {
		return err
	}
	var groups []*group
	for q.Limit = pageSize; ; {
		page, err := c.Decisions(cmd.Context(), q)
		if err != nil {
			return err
		}
		for i := range page.Items {
			groups = file(groups, &page.Items[i])
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	out := cmd.OutOrStdout()
	if len(groups) == 0 {
		fmt.Fprintln(out, "nothing is remembered of such calls; decisions are kept in memory, since certgate was started")
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return b.count - a.count })
	for i, g := range groups {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := t.printGroup(cmd, c, g); err != nil {
			return err
		}
	}
	return nil
}

// group is what was decided alike.
type group struct {
	last    *api.Decision
	first   time.Time
	count   int
	devices []gate.DeviceID
}

// file puts a decision, each older than the one before, into its group.
func file(groups []*group, d *api.Decision) []*group {
	i := slices.IndexFunc(groups, func(g *group) bool { return g.last.Reason == d.Reason })
	if i < 0 {
		i, groups = len(groups), append(groups, &group{last: d})
	}
	g := groups[i]
	g.first = d.At
	g.count++
	if d.Device != "" && !slices.Contains(g.devices, d.Device) {
		g.devices = append(g.devices, d.Device)
	}
	return groups
}

// devicesNamed bounds how many devices of a group are named.
const devicesNamed = 5

func (t *tool) printGroup(cmd *cobra.Command, c *api.Client, g *group) error {
	out := cmd.OutOrStdout()
	var names []string
	for _, id := range g.devices[:min(devicesNamed, len(g.devices))] {
		device, err := c.Device(cmd.Context(), string(id))
		if err != nil {
			return err
		}
		names = append(names, device.Path)
	}
	by := "strangers"
	if len(names) > 0 {
		by = strings.Join(names, ", ")
	}
	if more := len(g.devices) - len(names); more > 0 {
		by += fmt.Sprintf(" and %d more", more)
	}
	const layout = "2006-01-02 15:04:05Z"
	if g.last.Reason == gate.Allowed.String() {
		fmt.Fprintf(out, "allowed\n  of the calls that were, %d are remembered, of %s; first %s, last %s\n", g.count, by,
			g.first.UTC().Format(layout), g.last.At.UTC().Format(layout))
		return nil
	}
	fmt.Fprintf(out, "%s: %s\n  %s, by %s; first %s, last %s (%s)\n", g.last.Reason, g.last.Title, times(g.count), by,
		g.first.UTC().Format(layout), g.last.At.UTC().Format(layout), g.last.ID)
	t.printRemedy(out, g.last.Reason, names)
	return nil
}

// printRemedy says who can fix what a reason is about, and where to look; devices are those that met it, as far as they are known.
func (t *tool) printRemedy(out io.Writer, code string, devices []string) {
	reason, _ := gate.ParseReason(code)
	r := reason.Remedy()
	fmt.Fprintf(out, "  who can fix it: %s\n", r.Who)
	if command := r.CommandFor(devices); command != "" {
		fmt.Fprintf(out, "  look at: %s\n", t.typed(command))
	}
}

// explainOne shows one decision and, of a refusal, who can fix it.
func (t *tool) explainOne(cmd *cobra.Command, id string) error {
	c, err := t.client()
	if err != nil {
		return err
	}
	body, err := c.Get(cmd.Context(), pathTo("/v1/decisions/%s", id))
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if t.flags.json {
		return printJSON(out, body)
	}
	var d api.Decision
	if err := json.Unmarshal(body, &d); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if err := printDetail(out, body); err != nil || d.Reason == gate.Allowed.String() {
		return err
	}
	var names []string
	if d.Device != "" {
		device, err := c.Device(cmd.Context(), string(d.Device))
		if err != nil {
			return err
		}
		names = []string{device.Path}
	}
	t.printRemedy(out, d.Reason, names)
	return nil
}

// times says how often, as people do.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}
