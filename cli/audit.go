package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/gate"
)

// unhurried is a client for what takes as long as the log is: verifying it, or copying it.
func (t *tool) unhurried() (*api.Client, error) {
	c, err := t.client()
	if err == nil {
		c.HTTP.Timeout = 0
	}
	return c, err
}

func (t *tool) auditVerify() *cobra.Command {
	var export, dossier string
	var checkpoints []string
	c := &cobra.Command{
		Use: "verify", Short: "Verifies the log: the server's, with its records, or an export or dossier without a server",
		Long: "Computes the tree of all events again and compares it with the log's checkpoints and with those that were kept elsewhere.\n" +
			"Without one from elsewhere it cannot tell a log that was rewritten or taken back from the true one, and says so.\n" +
			"Ends with 1 if something is wrong, and names the first event that is.",
		Example: "  certgate audit verify --checkpoint /mnt/backup/certgate/checkpoints\n" +
			"  certgate audit verify --export audit.jsonl --key 'certgate/0123456789abcdef+...' --checkpoint kept.txt\n" +
			"  certgate audit verify --dossier acme-dossier.zip --key key.txt",
	}
	f := c.Flags()
	f.StringVar(&export, "export", "", "verify this export, without a server")
	f.StringVar(&dossier, "dossier", "", "verify this dossier of an account, without a server")
	f.StringArrayVar(&checkpoints, "checkpoint", nil, "file with checkpoints that were kept elsewhere; repeat for more (a server adds the newest in its checkpoint_file)")
	f.StringVar(&t.flags.given.Key, "key", "", "with --export or --dossier: the log's verifier key, or a file with it, from elsewhere than the log (certgate audit key); otherwise your private key, a PEM file")
	return t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		if dossier != "" {
			if export != "" || len(checkpoints) > 0 {
				return usagef("--dossier goes with --key alone: its proofs lead to the checkpoint in it")
			}
			return t.verifyDossier(cmd, dossier)
		}
		texts := make([]string, 0, len(checkpoints))
		for _, path := range checkpoints {
			text, err := os.ReadFile(path)
			if err != nil {
				return fmt.Errorf("--checkpoint: %w", err)
			}
			texts = append(texts, string(text))
		}
		if export == "" {
			return t.verifyOnline(cmd, texts)
		}
		if t.flags.given.Key == "" {
			return usagef("--key is missing: the log's verifier key, which certgate audit key prints; keep it elsewhere than the log")
		}
		return t.verifyExport(cmd, export, texts)
	})
}

// maxPosted bounds the checkpoints that are sent (bytes); the newest in a file stand for those before.
const maxPosted = 256 << 10

func (t *tool) verifyOnline(cmd *cobra.Command, checkpoints []string) error {
	c, err := t.unhurried()
	if err != nil {
		return err
	}
	for i, text := range checkpoints {
		checkpoints[i] = newestOf(text, maxPosted/len(checkpoints))
	}
	v, err := c.Verify(cmd.Context(), api.NewVerification{Checkpoints: checkpoints})
	if err != nil {
		return err
	}
	if t.flags.json {
		if err := printJSON(cmd.OutOrStdout(), v); err != nil {
			return err
		}
	}
	if !v.Verified {
		return errors.New("the log does not verify: " + v.Problem)
	}
	if !t.flags.json {
		fmt.Fprintln(cmd.OutOrStdout(), "verified: "+v.Summary)
	}
	return nil
}

// newestOf cuts the older checkpoints off a text that is longer than most bytes.
func newestOf(text string, most int) string {
	if len(text) <= most {
		return text
	}
	origin, _, _ := bytes.Cut([]byte(text), []byte("\n"))
	begin := []byte("\n\n" + string(origin) + "\n")
	if i := bytes.Index([]byte(text[len(text)-most:]), begin); i >= 0 {
		return text[len(text)-most+i+2:]
	}
	return text
}

func (t *tool) verifyExport(cmd *cobra.Command, path string, checkpoints []string) error {
	vkey, err := t.logKey()
	if err != nil {
		return err
	}
	key, err := audit.ParseKey(vkey)
	if err != nil {
		return usagef("--key: %w", err)
	}
	o := audit.Options{Vkey: vkey}
	for _, text := range checkpoints {
		list, err := audit.ParseCheckpoints([]byte(text), key)
		if err != nil {
			return fmt.Errorf("--checkpoint: %w", err)
		}
		o.Outside = append(o.Outside, list...)
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("--export: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	report, err := audit.Verify(f, o)
	if t.flags.json {
		if err := printJSON(cmd.OutOrStdout(), report); err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("the log does not verify: %w", err)
	}
	if !t.flags.json {
		fmt.Fprintln(cmd.OutOrStdout(), "verified: "+report.String())
	}
	return nil
}

func (t *tool) auditExport() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "export", Short: "Writes the whole log as a file that can be verified without the server",
		Example: "  certgate audit export --out audit.jsonl",
	}
	c.Flags().StringVar(&out, "out", "", "file to make (default: standard output)")
	return t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		client, err := t.unhurried()
		if err != nil {
			return err
		}
		if out == "" {
			return client.Export(cmd.Context(), cmd.OutOrStdout())
		}
		if err := streamFile(out, func(w io.Writer) error { return client.Export(cmd.Context(), w) }); err != nil {
			return err
		}
		t.suggest(cmd, "certgate audit verify --export "+out+" --key \"$(certgate audit key)\" --checkpoint FILE  (key and checkpoint as you keep them elsewhere)")
		return nil
	})
}

func (t *tool) auditCheckpoint() *cobra.Command {
	c := &cobra.Command{
		Use: "checkpoint", Short: "Prints the latest checkpoint, to keep on another machine",
		Example: "  certgate audit checkpoint > checkpoint-$(date +%F).txt",
	}
	return t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		client, err := t.client()
		if err != nil {
			return err
		}
		checkpoint, err := client.Checkpoint(cmd.Context())
		if err != nil {
			return err
		}
		if t.flags.json {
			return printJSON(cmd.OutOrStdout(), checkpoint)
		}
		fmt.Fprint(cmd.OutOrStdout(), checkpoint.Note)
		return nil
	})
}

func (t *tool) auditKey() *cobra.Command {
	c := &cobra.Command{Use: "key", Short: "Prints the key that verifies checkpoints; an auditor keeps it from the first day on"}
	return t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		client, err := t.client()
		if err != nil {
			return err
		}
		key, err := client.AuditKey(cmd.Context())
		if err != nil {
			return err
		}
		if t.flags.json {
			return printJSON(cmd.OutOrStdout(), key)
		}
		fmt.Fprintln(cmd.OutOrStdout(), key.Vkey)
		return nil
	})
}

func (t *tool) auditProve() *cobra.Command {
	c := &cobra.Command{
		Use: "prove SEQ", Short: "Shows an event and proves that it is in the log", Args: arguments("SEQ"),
		Long: "Shows an event and checks the proof that it is in the log. --json prints the proof, for others to check: hash the leaf, follow the hashes (RFC 6962), compare with the checkpoint.",
	}
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		seq, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil || seq < 0 {
			return usagef("SEQ %q must be the number of an event", gate.Clip(args[0], 40))
		}
		client, err := t.client()
		if err != nil {
			return err
		}
		proof, err := client.Event(cmd.Context(), seq)
		if err != nil {
			return err
		}
		key, err := client.AuditKey(cmd.Context())
		if err != nil {
			return err
		}
		verifiers, err := audit.ParseKey(key.Vkey)
		if err != nil {
			return err
		}
		checkpoint, err := audit.ParseCheckpoint([]byte(proof.Checkpoint), verifiers)
		if err == nil {
			err = audit.CheckInclusion([]byte(proof.Leaf), seq, checkpoint, proof.Inclusion)
		}
		if err != nil {
			return fmt.Errorf("the proof of event %d does not hold: %w", seq, err)
		}
		if t.flags.json {
			return printJSON(cmd.OutOrStdout(), proof)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s\n\nThis is event %d of the %d in the checkpoint:\n\n%s", visible(proof.Leaf), seq, checkpoint.Size, proof.Checkpoint)
		return nil
	})
}
