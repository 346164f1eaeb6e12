package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/issuer"
)

func (t *tool) caCommand() *cobra.Command {
	online := t.connected(t.group(&cobra.Command{Use: "ca", Short: "Certificate authorities: list, status, show, rotate, csr, request, import, retire, allow, disallow, confirm, withdraw; and sign, with the root"},
		t.lister(lists{use: "list", short: "Lists issuing CAs", path: "/v1/ca", columns: []column{
			{"NAME", "name"}, {"AUDIENCE", "audience"}, {"ROLE", "role"}, {"FROM", "not_before"}, {"UNTIL", "not_after"}, {"FINGERPRINT", "fingerprint"}}}),
		t.caStatus(), t.caShow(), t.caRotate(), t.caConfirm(), t.caWithdraw(), t.caCSR(), t.caRequest(), t.caImport(), t.caRetire(), t.caAllow(), t.caDisallow()))
	online.AddCommand(t.caSign())
	return online
}

func (t *tool) caStatus() *cobra.Command {
	return t.lister(lists{use: "status", short: "Shows each CA's role, end, live certificates, whether the trust pool has it, and how a customer's own CA's revocation list stands", path: "/v1/ca",
		columns: []column{{"NAME", "name"}, {"AUDIENCE", "audience"}, {"ROLE", "role"}, {"UNTIL", "not_after"}, {"LIVE", "live"}, {"LAST ENDS", "last_ends"},
			{"IN POOL", "pooled"}, {"PROPOSED", "proposal.change"}, {"CRL", "list.state"}, {"FETCHED", "list.fetched_at"}, {"NEXT UPDATE", "list.next_update"},
			{"FAILURES", "list.failures"}, {"FINGERPRINT", "fingerprint"}}})
}

func (t *tool) caRotate() *cobra.Command {
	return t.verb(verb{
		use: "rotate AUDIENCE", short: "Proposes that the standby for customers or staff begins to issue; a second admin must confirm", reason: true,
		long: "Proposes that the standby for customers or staff begins to issue; a second admin must confirm. Nothing else changes: what the former CA\n" +
			"issued stays good until its own end, on open connections too, and no reload is needed. It is refused if the running configuration's\n" +
			"trust pool lacks the standby. With the rotation comes the signing request of the next standby: certgate ca csr.",
		example: `  certgate ca rotate customers --why "a year before its end"`,
		do: func(args []string, why string) (change, error) {
			return change{path: "/v1/ca/rotation", body: api.NewRotation{Audience: gate.Audience(args[0]), Why: why},
				done: func(o object) string {
					return "proposed that " + o.text("name") + " issues for " + o.text("audience") + "; a second admin must confirm it"
				}, next: caToConfirm}, nil
		}})
}

// caToConfirm says what follows a proposal. One that took another's place is confirmed by who has read it.
func caToConfirm(o object) []string {
	id := o.text("fingerprint")[:16]
	confirm := "certgate ca confirm " + id + "  (another admin)"
	if o.text("proposal.replaced") == "true" {
		confirm = "certgate ca show " + id + "  (another admin: read what took the place of an earlier proposal, and confirm that)"
	}
	return []string{confirm, "certgate ca withdraw " + id + "  (if it is wrong)"}
}

func (t *tool) caShow() *cobra.Command {
	c := t.hinter("show CA", "Shows a CA, and what is proposed for it", "/v1/ca/%s", func(o object) []string {
		if o.text("proposal.change") == "" {
			return nil
		}
		id := o.text("fingerprint")[:16]
		return []string{"certgate ca confirm " + id + " --if-match '" + o.text("etag") + "'  (an admin who did not propose it)", "certgate ca withdraw " + id + "  (if it is wrong)"}
	})
	c.Example = "  certgate ca show 'certgate customers 2'"
	return c
}

func (t *tool) caConfirm() *cobra.Command {
	return t.verb(verb{
		use: "confirm CA", short: "Lets a CA issue, retires it, or allows a customer's own, as another admin proposed", compares: true,
		example: "  certgate ca confirm 'certgate customers 2'",
		do: func(args []string, _ string) (change, error) {
			return change{path: pathTo("/v1/ca/%s/confirmation", args[0]),
				done: func(o object) string {
					if o.text("role") == "retired" {
						return o.text("name") + " is retired: what it issued is refused from the next request on, and is being revoked"
					}
					if o.text("role") == "imported" {
						return o.text("name") + " is allowed as it was proposed"
					}
					return o.text("name") + " issues for " + o.text("audience") + ". This is the signing request of the next standby:\n" + strings.TrimSuffix(o.text("request"), "\n")
				},
				next: func(o object) []string {
					if o.text("role") == "retired" {
						return []string{"caddy reload --force  (its name is still shown to clients until then)"}
					}
					if o.text("role") == "imported" {
						return []string{"certgate ca status", "caddy reload --force  (if a site verifies clients by require_and_verify, or clients choose their certificate by the CA's name)"}
					}
					return caToSign(o)
				}}, nil
		}})
}

func (t *tool) caWithdraw() *cobra.Command {
	return t.verb(verb{
		use: "withdraw CA", short: "Takes back what is proposed for a CA, before another admin confirms it", compares: true,
		long: "Takes back what is proposed for a CA, before another admin confirms it. Who proposed it may, and so may any admin. An import that waits is\n" +
			"taken back with certgate import reject.",
		example: "  certgate ca withdraw 'certgate customers 2'",
		do: func(args []string, _ string) (change, error) {
			return change{path: pathTo("/v1/ca/%s/withdrawal", args[0]),
				done: func(o object) string {
					return "nothing is proposed for " + o.text("name") + " any more; it is " + o.text("role") + " as before"
				}}, nil
		}})
}

func caToSign(o object) []string {
	return []string{"certgate ca csr " + o.text("audience") + " > standby.csr", "certgate ca sign --kit KIT --identity IDENTITY standby.csr > standby.crt  (where the recovery kit is)",
		"certgate ca import standby.crt"}
}

func (t *tool) caCSR() *cobra.Command {
	c := &cobra.Command{Use: "csr AUDIENCE", Short: "Prints the signing request of the next standby for customers or staff", Args: arguments("AUDIENCE"),
		Example: "  certgate ca csr customers > standby.csr"}
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		client, err := t.client()
		if err != nil {
			return err
		}
		var q api.Query
		for {
			page, err := client.CAs(cmd.Context(), q)
			if err != nil {
				return err
			}
			for _, ca := range page.Items {
				if ca.Request == "" || string(ca.Audience) != args[0] {
					continue
				}
				if t.flags.json {
					return printJSON(cmd.OutOrStdout(), map[string]string{"request": ca.Request})
				}
				_, err := fmt.Fprint(cmd.OutOrStdout(), ca.Request)
				return err
			}
			if q.After = page.Next; q.After == "" {
				return gate.Errorf(gate.NotFound, "no signing request for %s waits; make one: certgate ca request %s", gate.Clip(args[0], 40), gate.Clip(args[0], 40))
			}
		}
	})
}

func (t *tool) caRequest() *cobra.Command {
	return t.verb(verb{
		use: "request AUDIENCE", short: "Makes the key and the signing request of the next standby for customers or staff",
		long: "Makes the key and the signing request of the next standby. The key is made on the gateway, lies sealed in its store and never leaves. A\n" +
			"request that waits is replaced, and a certificate for that one is not taken any more. A rotation makes a request by itself.",
		example: "  certgate ca request customers > standby.csr",
		do: func(args []string, _ string) (change, error) {
			return change{path: "/v1/ca/request", body: api.NewCARequest{Audience: gate.Audience(args[0])}, bare: "request", next: caToSign,
				done: func(o object) string {
					return "this is the signing request of the next standby for " + o.text("audience") + ":"
				}}, nil
		}})
}

func (t *tool) caImport() *cobra.Command {
	return t.verb(verb{
		use: "import FILE", short: "Takes in the certificate that the root signed for the request that waits; it becomes a standby",
		example: "  certgate ca import standby.crt",
		do: func(args []string, _ string) (change, error) {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return change{}, usagef("cannot be read: %w", err)
			}
			return change{path: "/v1/ca", body: api.NewCA{Certificate: string(text)},
				done: func(o object) string { return o.text("name") + " is a standby for " + o.text("audience") },
				next: func(o object) []string {
					return []string{"caddy reload --force  (so that the trust pool has it)", "certgate ca rotate " + o.text("audience") + " --why REASON  (when it is to issue)"}
				}}, nil
		}})
}

func (t *tool) caRetire() *cobra.Command {
	var in api.NewRetirement
	return t.verb(verb{
		use: "retire CA", short: "Ends a CA whose last certificate has ended; or proposes to end any, with all that it issued", reason: true, compares: true,
		long: "Ends a CA for good. If no certificate under it is left, that happens at once. With --compromised, or for an imported CA with --revoke-all,\n" +
			"a second admin must confirm; from then on what it issued is refused from the next request on, on open connections too, and revoked with\n" +
			"a notice to each customer. If it issues, the standby takes its place. Staff must have renewed under another CA before theirs can be ended.",
		example: "  certgate ca retire 3f21a0b2c4d5e6f7 --why \"its last certificate has ended\"\n" +
			"  certgate ca retire 'certgate customers 1' --compromised --why \"the gateway's disk was copied\"",
		flags: func(c *cobra.Command) {
			c.Flags().BoolVar(&in.Compromised, "compromised", false, "its key may be in other hands; a second admin must confirm")
			c.Flags().BoolVar(&in.RevokeAll, "revoke-all", false, "of an imported CA: end what is left under it; a second admin must confirm")
		},
		do: func(args []string, why string) (change, error) {
			in.Why = why
			return change{path: pathTo("/v1/ca/%s/retirement", args[0]), body: in,
				done: func(o object) string {
					if o.text("role") == "retired" {
						return o.text("name") + " is retired"
					}
					return "proposed to retire " + o.text("name") + ", under which " + o.text("live") + " certificates have not ended; a second admin must confirm it"
				},
				next: func(o object) []string {
					if o.text("role") == "retired" {
						return nil
					}
					return caToConfirm(o)
				}}, nil
		}})
}

// caSign needs no server: it runs where the recovery kit is opened, which is best not the gateway.
func (t *tool) caSign() *cobra.Command {
	var kit, identity string
	c := &cobra.Command{
		Use: "sign --kit KIT --identity FILE CSR", Short: "Signs the next standby with the root in the recovery kit; needs no server", Args: arguments("CSR"),
		Long: "Signs the signing request of the next standby with the root that lies in the recovery kit, on any machine, and prints the certificate.\n" +
			"It is one as init makes them: an issuing CA for five years, without CAs below it, for clients alone. CSR may be - for standard input.",
		Example: "  certgate ca sign --kit kit.age --identity age-identity.txt standby.csr > standby.crt",
	}
	c.Flags().StringVar(&kit, "kit", "", "file with the recovery kit")
	c.Flags().StringVar(&identity, "identity", "", "file with the age identity that opens it, as age-keygen wrote it")
	return require(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		csr, err := readInput(cmd, args[0])
		if err != nil {
			return err
		}
		request, err := issuer.ParseStandbyRequest(csr)
		if err != nil {
			return usagef("%s: %w", args[0], err)
		}
		root, err := rootInKit(kit, identity, request.Name)
		if err != nil {
			return err
		}
		cert, err := issuer.SignStandby(root, request, authority.Randomness(), t.hooks.Now())
		if err != nil {
			return err
		}
		if _, err := cmd.OutOrStdout().Write(issuer.CertificatePEM(cert.Raw)); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s, signed by %s, ends %s\n", cert.Subject.CommonName, root.Certificate.Subject.CommonName, cert.NotAfter.UTC().Format("2 January 2006"))
		t.suggest(cmd, "certgate ca import FILE  (an admin, where the gateway is reached)")
		return nil
	}), "kit", "identity")
}

// rootInKit opens the kit and takes the root under which a CA of that name belongs: "certgate customers 3" under "customers root".
func rootInKit(kit, identity, name string) (*issuer.CA, error) {
	identities, err := os.ReadFile(identity)
	if err != nil {
		return nil, usagef("--identity: %w", err)
	}
	f, err := os.Open(kit)
	if err != nil {
		return nil, usagef("--kit: %w", err)
	}
	opened, err := certstore.ReadKit(f, string(identities))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, usagef("%w", err)
	}
	for _, audience := range []gate.Audience{gate.Customers, gate.Operators} {
		if !strings.HasPrefix(name, "certgate "+string(audience)+" ") {
			continue
		}
		for _, key := range opened.Keys {
			if key.Name == string(audience)+" root" {
				return issuer.ReadRoot([]byte(key.Certificate), []byte(key.Key))
			}
		}
		return nil, gate.Errorf(gate.NotFound, "the kit has no root for %s: theirs came from outside, so have it signed where that root's key is", audience)
	}
	return nil, usagef("%q is no CA for customers or staff that certgate asked for", gate.Clip(name, 80))
}
