package cli

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) blockedCommand() *cobra.Command {
	return t.lister(lists{use: "blocked", short: "Lists the public keys that never get a certificate again, by hash", path: "/v1/blocked-keys", columns: []column{
		{"PUBLIC KEY", "public_key"}, {"SINCE", "at"}, {"CAUSE", "cause"}, {"BY", "by"}, {"WHY", "why"}}})
}

// blockCommand lists a public key. What it reads is public, so a file may be named; a private key stays here.
func (t *tool) blockCommand() *cobra.Command {
	var hash, why string
	var revoke bool
	c := &cobra.Command{
		Use: "block-public-key [FILE]", Short: "Lets a public key never get a certificate again, for a customer or for staff",
		Long: `Reads a public key, a certificate or a signing request in PEM from FILE or standard input, and puts the key on the list of those that never
get a certificate again: by enrollment, renewal, import or as a staff member's. Keys of certificates that are revoked as keyCompromise are on
the list already; this is for a key that was found elsewhere. There is no way back, because nobody can know that a private key was
forgotten: who has it makes a new key pair.

A key that a live certificate has is refused and named; with --revoke that certificate is revoked as compromised and its customer told.`,
		Example: "  certgate credential block-public-key found.pem --why \"private key in a firmware image\"\n" +
			"  certgate credential block-public-key --hash HASH --why \"on the list of a partner\" --revoke",
		Args: cobra.MaximumNArgs(1),
	}
	t.changes(c)
	c.Flags().StringVar(&hash, "hash", "", "in place of FILE: SHA-256 of the key's SubjectPublicKeyInfo in hexadecimal")
	c.Flags().StringVar(&why, "why", "", "where it was found; kept for good, so leave the names of customers out")
	c.Flags().BoolVar(&revoke, "revoke", false, "revoke certificates for it that have not ended, as compromised")
	return require(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		in := api.NewBlockedKey{Why: why, Revoke: revoke}
		if err := readPublicKey(cmd, &in, args, hash); err != nil {
			return err
		}
		return t.send(cmd, change{path: "/v1/blocked-keys", body: in,
			done: func(o object) string { return "public key " + o.text("public_key") + " never gets a certificate again" },
			next: func(object) []string { return []string{"certgate credential blocked  (the whole list)"} }})
	}), "why")
}

// readPublicKey reads the key from where it was said to be.
func readPublicKey(cmd *cobra.Command, in *api.NewBlockedKey, args []string, hash string) error {
	if hash != "" {
		if len(args) > 0 {
			return usagef("FILE and --hash are two names of one thing; give one")
		}
		in.Fingerprint = new(gate.Fingerprint)
		return in.Fingerprint.UnmarshalText([]byte(strings.ToLower(strings.ReplaceAll(hash, ":", ""))))
	}
	name := "-"
	if len(args) > 0 {
		name = args[0]
	}
	text, err := readInput(cmd, name)
	if err != nil {
		return fmt.Errorf("read the public key: %w", err)
	}
	if name == "-" {
		name = "standard input"
	}
	if bytes.Contains(text, []byte("PRIVATE KEY-----")) {
		return usagef("%s holds a private key, which stays here; give its public half: openssl pkey -in FILE -pubout", name)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return usagef("%s holds no public key, certificate or signing request in PEM", name)
	}
	in.PublicKey = string(pem.EncodeToMemory(block))
	return nil
}
