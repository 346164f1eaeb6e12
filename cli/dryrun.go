package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
)

// try asks the server what a change would do and shows it. What would be refused ends as the change itself would. An idempotency key is not
// sent: nothing is carried out that could be repeated.
func (t *tool) try(cmd *cobra.Command, ch change) error {
	c, err := t.client()
	if err != nil {
		return err
	}
	var options []api.Option
	if t.flags.match != "" {
		options = append(options, api.IfMatch(t.flags.match))
	}
	d, err := c.Try(cmd.Context(), ch.path, ch.body, options...)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if t.flags.json {
		err = printJSON(out, d)
	} else {
		err = printDryRun(out, d)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "nothing was changed and nobody was told (--dry-run)")
	return err
}

// printDryRun shows to people what a change would do: whom it is about, what they do now, and what they would read.
func printDryRun(w io.Writer, d *api.DryRun) error {
	fmt.Fprintln(w, visible(strings.TrimSuffix("would be carried out: "+string(d.Verb)+", "+d.Detail, ", ")))
	if len(d.Devices) > 0 {
		fmt.Fprintln(w, "\ndevices that it is about, as they are now:")
		if err := printTable(w, []column{{"DEVICE", "path"}, {"ENVIRONMENT", "environment"}, {"NOW", "now"}, {"CALLS IN FLIGHT", "calls"}}, devicesOf(d)); err != nil {
			return err
		}
	}
	if len(d.Notices) == 0 {
		fmt.Fprintln(w, "\nno notice would be sent")
	}
	for i := range d.Notices {
		printPlanned(w, &d.Notices[i])
	}
	return nil
}

func devicesOf(d *api.DryRun) []object {
	list := make([]object, len(d.Devices))
	for i, hit := range d.Devices {
		now := "may call"
		if !hit.MayCall {
			now = "refused: " + hit.Reason
		}
		list[i] = object{"path": hit.Path, "environment": hit.Environment.String(), "now": now, "calls": strconv.Itoa(hit.InFlight)}
	}
	return list
}

// printPlanned shows a notice as it would be sent.
func printPlanned(w io.Writer, n *api.PlannedNotice) {
	if len(n.To) == 0 {
		fmt.Fprintf(w, "\na notice (%s) would be owed, and the account has no contact for it: somebody must tell them by hand\n", n.Kind)
	} else {
		fmt.Fprintf(w, "\na notice (%s) would be sent to:\n", n.Kind)
	}
	for _, c := range n.To {
		fmt.Fprintln(w, visible(fmt.Sprintf("  %s: %s <%s>", c.Role, c.Name, c.Email)))
	}
	fmt.Fprintln(w)
	for line := range strings.Lines("Subject: " + n.Subject + "\n\n" + strings.TrimSuffix(n.Text, "\n") + "\n") {
		fmt.Fprint(w, visible(strings.TrimRight("  | "+strings.TrimSuffix(line, "\n"), " "))+"\n")
	}
}
