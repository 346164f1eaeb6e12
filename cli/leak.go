package cli

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// leakCommand reports a leak. A key is read from standard input alone: arguments are seen by everybody on the machine.
func (t *tool) leakCommand() *cobra.Command {
	var certificate, fingerprint, since, why string
	c := &cobra.Command{
		Use: "leaked", Short: "Ends a key, or the certificate of a private key, that is known to others, and lists what was done with it",
		Long: `Reads the whole key (or a token from before) from standard input, finds whose it is, revokes it as compromised from the next request on,
opens an incident, and tells the customer's technical and security contacts. The key is kept nowhere. For a private key give its certificate instead,
with --certificate or --fingerprint; never the private key.

A key that nobody has is said so and nothing is changed. To repeat it is safe, and lists anew what was done.`,
		Example: "  certgate credential leaked --why \"in the public repository acme/tools\" < key.txt\n  certgate credential leaked --certificate client.crt --why \"laptop stolen\" --since 72h",
	}
	f := c.Flags()
	f.StringVar(&certificate, "certificate", "", "PEM file with the certificate whose private key is known; - is standard input")
	f.StringVar(&fingerprint, "fingerprint", "", "SHA-256 of that certificate in hexadecimal")
	f.StringVar(&since, "since", "", "list calls from then on, such as 72h or 2027-03-31T16:00:00Z (default: all that are remembered)")
	f.StringVar(&why, "why", "", "where it was found; the customer reads it")
	f.BoolVar(&t.flags.dryRun, "dry-run", false, "ask the server what this would do: devices, calls in flight, the notice; change nothing")
	return require(t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		in := api.NewLeak{Why: why}
		from, err := parseSince(since, t.hooks.Now())
		if err == nil && !from.IsZero() {
			in.Since = &from
		}
		if err == nil {
			err = readLeak(cmd, &in, certificate, fingerprint)
		}
		if err != nil {
			return err
		}
		return t.reportLeak(cmd, in)
	}), "why")
}

// readLeak reads what has leaked from where it was said to be.
func readLeak(cmd *cobra.Command, in *api.NewLeak, certificate, fingerprint string) error {
	if certificate != "" && fingerprint != "" {
		return usagef("--certificate and --fingerprint are two names of one thing; give one")
	}
	if fingerprint != "" {
		in.Fingerprint = new(gate.Fingerprint)
		return in.Fingerprint.UnmarshalText([]byte(strings.ToLower(strings.ReplaceAll(fingerprint, ":", ""))))
	}
	if certificate == "" {
		text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxInput))
		if err != nil {
			return fmt.Errorf("read the key: %w", err)
		}
		if in.Key = strings.TrimSpace(string(text)); in.Key == "" {
			return usagef("standard input is empty: give the key there, or --certificate or --fingerprint")
		}
		return nil
	}
	text, err := readInput(cmd, certificate)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return usagef("%s holds no certificate in PEM", certificate)
		}
		if block.Type == "CERTIFICATE" { // alone: a private key in the same file stays here
			in.Certificate = string(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
			return nil
		}
	}
}

func (t *tool) reportLeak(cmd *cobra.Command, in api.NewLeak) error {
	if t.flags.dryRun {
		return t.try(cmd, change{path: "/v1/credentials/leaked", body: in})
	}
	c, err := t.client()
	if err != nil {
		return err
	}
	done, err := c.ReportLeak(cmd.Context(), in)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if t.flags.json {
		return printJSON(out, done)
	}
	fmt.Fprintf(out, "%s %s of %s is %s\n", done.Credential.Kind, done.Credential.ID, done.Path, done.Credential.State)
	printLeakCalls(out, done.Calls)
	fmt.Fprintf(out, "incident %s is about it\n", done.Incident)
	t.suggest(cmd, leakHints(done)...)
	return nil
}

// leakCalls are calls of one kind with a leaked credential.
type leakCalls struct {
	address, reason, behavior string
	first, last               time.Time
	count                     int
}

// printLeakCalls says what was done with it: by address, answer and what was called.
func printLeakCalls(out io.Writer, calls []*api.Decision) {
	if len(calls) == 0 {
		fmt.Fprintln(out, "no calls with it are remembered; decisions are kept in memory, since certgate was started")
		return
	}
	var groups []*leakCalls
	for _, d := range calls {
		i := slices.IndexFunc(groups, func(g *leakCalls) bool {
			return g.address == d.Address && g.reason == d.Reason && g.behavior == d.Behavior
		})
		if i < 0 {
			i, groups = len(groups), append(groups, &leakCalls{address: d.Address, reason: d.Reason, behavior: d.Behavior, last: d.At})
		}
		groups[i].first = d.At
		groups[i].count++
	}
	const layout = "2006-01-02 15:04:05Z"
	fmt.Fprintln(out, "calls with it that are remembered (of allowed ones, one a second and the last few of each device):")
	for _, g := range groups {
		fmt.Fprintf(out, "  %d from %s, %s %s; first %s, last %s\n", g.count, g.address, visible(g.behavior), g.reason, g.first.UTC().Format(layout), g.last.UTC().Format(layout))
	}
}

// leakHints say what to do now.
func leakHints(done *api.Leak) (hints []string) {
	for _, other := range done.Others {
		if other.Kind != done.Credential.Kind {
			hints = append(hints, fmt.Sprintf("certgate credential revoke %s --reason keyCompromise --why ...  (the other half, if it lay beside it)", other.ID))
		}
	}
	account, _, _ := strings.Cut(done.Path, "/")
	return append(hints,
		"certgate explain "+done.Path+"  (who calls now)",
		"certgate notice list --account "+account+"  (were they told?)",
		"certgate credential list --device "+done.Path+"  (what the device has left; without a live pair it needs a release)",
		"certgate incident show "+done.Incident+"  (for notes of what you find, and its end)")
}

// scanCommand finds keys in files, offline.
func (t *tool) scanCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "scan FILE...", Short: "Finds keys in files by their form and checksum, without a server; - is standard input",
		Long:    "Reads files of any kind and says where they hold what is a key by form and checksum. It prints the first characters of each, never the\nwhole. It ends with 1 if one was found, so that a hook can stop a commit.",
		Example: "  git diff --cached | certgate credential scan -",
		Args:    cobra.MinimumNArgs(1),
	}
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		found := 0
		for _, name := range args {
			text, err := readInput(cmd, name)
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			if len(text) == maxInput {
				return fmt.Errorf("%s is larger than 8 MiB; split it", name)
			}
			for i, line := range bytes.Split(text, []byte("\n")) {
				for _, key := range gate.FindKeys(string(line)) {
					fmt.Fprintf(cmd.OutOrStdout(), "%s:%d: a key for %s, %s\n", visible(name), i+1, key.Environment, key)
					found++
				}
			}
		}
		if found == 0 {
			return nil
		}
		t.suggest(cmd, "certgate credential leaked --why ... < FILE-WITH-THE-KEY-ALONE  (staff: what others could read must be revoked)")
		return fmt.Errorf("%d keys were found", found)
	})
}
