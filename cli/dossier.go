package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/audit"
)

func (t *tool) accountDossier() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "dossier ACCOUNT", Short: "Writes everything about an account to a file for lawyers and auditors", Args: arguments("ACCOUNT"),
		Long: "Writes a zip file with a page to read (index.html), all records of the account, each event that names one with the proof that it is in the\n" +
			"audit log, and a signature. It can be verified without the server. Keys, links and what they could be found by are left out.",
		Example: "  certgate account dossier acme --out acme-dossier.zip",
	}
	c.Flags().StringVar(&out, "out", "", "file to make (default: ACCOUNT-dossier.zip)")
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		if out == "" {
			out = strings.ReplaceAll(args[0], "/", "-") + "-dossier.zip"
		}
		client, err := t.unhurried()
		if err != nil {
			return err
		}
		if err := streamFile(out, func(w io.Writer) error { return client.Dossier(cmd.Context(), args[0], w) }); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), "wrote "+out+"; unpack it and open index.html")
		t.suggest(cmd, "certgate audit verify --dossier "+out+" --key FILE  (the key as you keep it elsewhere)")
		return nil
	})
}

func (t *tool) verifyDossier(cmd *cobra.Command, path string) error {
	vkey, err := t.logKey()
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("--dossier: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("--dossier: %w", err)
	}
	report, err := audit.VerifyDossier(f, info.Size(), vkey)
	if t.flags.json {
		if err := printJSON(cmd.OutOrStdout(), report); err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("the dossier does not verify: %w", err)
	}
	if !t.flags.json {
		fmt.Fprintln(cmd.OutOrStdout(), "verified: "+report.String())
	}
	return nil
}

// logKey is the log's verifier key as --key gives it, itself or in a file; empty if it is not given.
func (t *tool) logKey() (string, error) {
	given := t.flags.given.Key
	if given == "" {
		return "", nil
	}
	_, wrong := audit.ParseKey(given)
	if wrong == nil {
		return given, nil
	}
	text, err := os.ReadFile(given)
	if err != nil {
		return "", usagef("--key: %w", wrong)
	}
	vkey := strings.TrimSpace(string(text))
	if _, err := audit.ParseKey(vkey); err != nil { // which repeats what it was given: here perhaps a private key
		return "", usagef("--key: verifier key %q: the file holds none; it is one line of the form <origin>+<hash>+<public key>", given)
	}
	return vkey, nil
}
