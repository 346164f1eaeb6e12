package cli

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
)

// lookBack is what is known of the use of a credential. Its calls are its own; what was used is counted by device alone.
type lookBack struct {
	Credential *api.Credential  `json:"credential"`
	Since      time.Time        `json:"since"`
	Calls      []api.Decision   `json:"remembered_calls"`
	Usage      *api.UsageReport `json:"device_usage"`
}

func (t *tool) lookBackCommand() *cobra.Command {
	var since string
	c := &cobra.Command{
		Use: "look-back ID", Short: "Lists what was done with a key or certificate since a time, as far as it is known",
		Long: `Lists the calls with a key or certificate that are remembered (in memory, since certgate was started; of allowed ones, one a second and the last
few of each device), by address, and what its device used by day. Usage is counted by device and not by credential: in it are
also the calls of the device's other keys and certificates. Calls with a key and another customer's certificate are filed under that
customer: certgate explain ACCOUNT has them, and the answer of certgate credential leaked.`,
		Args:    arguments("ID"),
		Example: "  certgate credential look-back key_... --since 72h\n  certgate credential look-back crt_... --since 2027-03-01T00:00:00Z --json",
	}
	c.Flags().StringVar(&since, "since", "", "from then on, such as 72h or 2027-03-31T16:00:00Z (default: since it was issued)")
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		from, err := parseSince(since, t.hooks.Now())
		if err != nil {
			return err
		}
		found, err := t.lookBack(cmd, args[0], from)
		if err != nil {
			return err
		}
		if t.flags.json {
			return printJSON(cmd.OutOrStdout(), found)
		}
		return found.print(cmd.OutOrStdout())
	})
}

func (t *tool) lookBack(cmd *cobra.Command, id string, since time.Time) (*lookBack, error) {
	c, err := t.client()
	if err != nil {
		return nil, err
	}
	out := &lookBack{Since: since, Calls: []api.Decision{}}
	if out.Credential, err = c.Credential(cmd.Context(), id); err != nil {
		return nil, err
	}
	out.Credential.Certificate = ""
	if since.IsZero() {
		out.Since = out.Credential.IssuedAt
	}
	q := api.DecisionQuery{Account: string(out.Credential.Account), Since: out.Since, Limit: 1000}
	if f := out.Credential.Fingerprint; f != nil { // also of who has the certificate alone
		q.Account, q.Fingerprint = "", f.String()
	}
	for {
		page, err := c.Decisions(cmd.Context(), q)
		if err != nil {
			return nil, err
		}
		for _, d := range page.Items {
			if string(d.Key) == id || out.Credential.Fingerprint != nil {
				out.Calls = append(out.Calls, d)
			}
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	out.Usage, err = c.Usage(cmd.Context(), url.Values{"device": {string(out.Credential.Device)}, "from": {out.Since.UTC().Format(time.DateOnly)},
		"zone": {"UTC"}, "step": {"day"}, "by": {"behavior,outcome"}})
	return out, err
}

func (l *lookBack) print(out io.Writer) error {
	c := l.Credential
	line := fmt.Sprintf("%s %s is %s", c.Kind, c.ID, c.State)
	if c.FirstUsedAt != nil {
		line += ", first used " + c.FirstUsedAt.UTC().Format(time.RFC3339)
	}
	if c.LastUsedAt != nil {
		line += fmt.Sprintf(", last %s from %s", c.LastUsedAt.UTC().Format(time.RFC3339), cmp.Or(c.LastUsedFrom, "an address that is not known"))
	}
	fmt.Fprintln(out, line)
	calls := make([]*api.Decision, len(l.Calls))
	for i := range l.Calls {
		calls[i] = &l.Calls[i]
	}
	printLeakCalls(out, calls)
	fmt.Fprintf(out, "what its device used since %s, with whatever credential:\n", l.Since.UTC().Format(time.DateOnly))
	rows := make([]object, len(l.Usage.Items))
	for i, r := range l.Usage.Items {
		rows[i] = object{"day": string(r.Day), "behavior": "", "outcome": string(r.Outcome), "calls": float64(r.Calls), "bytes": float64(r.BytesOut)}
		if r.Behavior != nil {
			rows[i]["behavior"] = *r.Behavior
		}
	}
	return printTable(out, []column{{"DAY", "day"}, {"BEHAVIOR", "behavior"}, {"OUTCOME", "outcome"}, {"CALLS", "calls"}, {"BYTES OUT", "bytes"}}, rows)
}
