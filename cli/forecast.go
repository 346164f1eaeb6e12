package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
)

func (t *tool) forecastCommand() *cobra.Command {
	var within string
	c := &cobra.Command{
		Use: "forecast", Short: "Lists the production devices that will be refused if nothing is done, the most urgent first",
		Long: "Lists every production device that can call now and will be refused within the days, with the clock that runs out and the reason\n" +
			"that will be given: contract, certification, certificate or key. It is computed by the gate itself, at a later time. Then what ends of the\n" +
			"certificate authorities, which end for everybody under them.",
		Example: "  certgate forecast\n  certgate forecast --within 30d",
	}
	c.Flags().StringVar(&within, "within", "90d", "so many days ahead")
	return t.connected(t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		c, err := t.client()
		if err != nil {
			return err
		}
		body, err := c.Get(cmd.Context(), "/v1/forecast?"+url.Values{"within": {within}}.Encode())
		if err != nil {
			return err
		}
		if t.flags.json {
			return printJSON(cmd.OutOrStdout(), body)
		}
		return printForecast(cmd.OutOrStdout(), body)
	}))
}

// printForecast shows devices and, if any of theirs ends, CAs.
func printForecast(out io.Writer, body []byte) error {
	var found struct {
		Items []json.RawMessage `json:"items"`
		CAs   []json.RawMessage `json:"cas"`
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	devices, err := objects(found.Items)
	if err != nil {
		return err
	}
	cas, err := objects(found.CAs)
	if err != nil {
		return err
	}
	if err := printTable(out, []column{{"DEVICE", "path"}, {"REFUSED FROM", "at"}, {"CLOCK", "clock"}, {"REASON", "reason"}}, devices); err != nil || len(cas) == 0 {
		return err
	}
	fmt.Fprintln(out)
	return printTable(out, []column{{"CERTIFICATE AUTHORITY", "name"}, {"UNTIL", "at"}, {"OF", "audience"}, {"WHAT IT DOES UNTIL THEN", "what"}}, cas)
}

func (t *tool) checkCommand() *cobra.Command {
	var all bool
	var days int
	c := &cobra.Command{
		Use: "check --all", Short: "Rehearses every production device and lists those that would be refused",
		Long: "Asks the gate, now and for each of the next days, about every behavior and purpose for which a production device is certified, from an\n" +
			"address from which it may call. Lists each device that would be refused and why; the exit code is 1 if there is one.\n" +
			"Devices that were terminated are left out. For a single call see certgate explain.",
		Example: "  certgate check --all --days 30",
	}
	c.Flags().BoolVar(&all, "all", false, "every production device")
	c.Flags().IntVar(&days, "days", 0, "so many days ahead, beside now")
	return t.connected(require(t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		found, err := t.whole(cmd, "/v1/check?"+url.Values{"days": {strconv.Itoa(days)}}.Encode(), []column{
			{"DEVICE", "path"}, {"REFUSED ON", "at"}, {"REASON", "reason"}, {"BEHAVIOR", "behavior"}, {"PURPOSE", "purpose"}})
		if err != nil {
			return err
		}
		var refused []string
		for _, o := range found {
			if device := o.text("device"); !slices.Contains(refused, device) {
				refused = append(refused, device)
			}
		}
		if len(refused) > 0 {
			return fmt.Errorf("of the production devices %d would be refused", len(refused))
		}
		return nil
	}), "all"))
}

// whole shows a list that comes in one piece.
func (t *tool) whole(cmd *cobra.Command, path string, columns []column) ([]object, error) {
	c, err := t.client()
	if err != nil {
		return nil, err
	}
	body, err := c.Get(cmd.Context(), path)
	if err != nil {
		return nil, err
	}
	var page api.Page[json.RawMessage]
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	found, err := objects(page.Items)
	if err != nil {
		return nil, err
	}
	if t.flags.json {
		return found, printJSON(cmd.OutOrStdout(), body)
	}
	if err := named(cmd.Context(), c, columns, found); err != nil {
		return nil, err
	}
	return found, printTable(cmd.OutOrStdout(), columns, found)
}
