package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) staffCommand() *cobra.Command {
	return t.connected(t.group(&cobra.Command{Use: "staff", Short: "People who operate: add, confirm, change, disable; your own certificate"},
		t.lister(lists{use: "list", short: "Lists staff", path: "/v1/staff", columns: []column{
			{"NAME", "name"}, {"EMAIL", "email"}, {"ROLES", "roles"}, {"STATE", "state"}, {"PROPOSED", "proposal.roles"}, {"ID", "id"}}}),
		t.shower("show NAME", "Shows a staff member, with certificates", "/v1/staff/%s"),
		t.staffCertificate(), t.staffAdd(), t.staffPropose(), t.staffEnroll(), t.staffRenew(), t.staffRecover(),
		t.verb(verb{
			use: "confirm NAME", short: "Puts what another admin proposed for a staff member into effect", compares: true,
			do: func(args []string, _ string) (change, error) {
				return change{path: pathTo("/v1/staff/%s/confirmation", args[0]), done: personState,
					next: func(o object) []string {
						if o.text("link.state") == gate.EnrollmentOpen.String() {
							return []string{"certgate notice show " + o.text("link.notice") + "  (has the link arrived?)"}
						}
						return []string{"certgate staff certificate " + o.text("name") + " > " + o.text("name") + ".crt  (to hand over)"}
					}}, nil
			}}),
		t.verb(verb{
			use: "disable NAME", short: "Takes all access from a staff member at once", reason: true, compares: true,
			do: func(args []string, why string) (change, error) {
				return change{path: pathTo("/v1/staff/%s/disablement", args[0]), body: api.Why{Why: why}, done: personState}, nil
			}}),
		t.verb(verb{
			use: "revoke-certificate NAME FINGERPRINT", short: "Ends one certificate of a staff member at once, as when a laptop was lost", reason: true, compares: true,
			do: func(args []string, why string) (change, error) {
				return change{path: pathTo("/v1/staff/%s/certificates/%s/revocation", args...), body: api.Why{Why: why}, done: personState,
					next: func(o object) []string {
						return []string{"certgate staff propose " + o.text("name") + " --link  (for a new one)"}
					}}, nil
			}}),
	))
}

// staffCertificate prints the newest certificate alone, as a file to hand over.
func (t *tool) staffCertificate() *cobra.Command {
	c := &cobra.Command{Use: "certificate NAME", Short: "Prints a staff member's newest certificate in effect, with its chain, in PEM", Args: arguments("NAME")}
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		client, err := t.client()
		if err != nil {
			return err
		}
		person, err := client.Person(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		n := len(person.Certificates)
		if n == 0 {
			return gate.Errorf(gate.Conflict, "%s has no certificate in effect; a second admin must confirm it first", person.Name)
		}
		fmt.Fprint(cmd.OutOrStdout(), person.Certificates[n-1].Certificate)
		return nil
	})
}

func personState(o object) string { return o.text("name") + " is " + o.text("state") }

// proposed says what waits for a second admin.
func proposed(o object) string {
	what := o.text("proposal.roles")
	if o.text("proposal.link") != "" {
		what += ", with a one-time link to " + cmp.Or(o.text("proposal.email"), o.text("email"))
	} else if email := o.text("proposal.email"); email != "" {
		what += ", at " + email
	}
	return "proposed for " + o.text("name") + ": " + what + "; a second admin must confirm it"
}

func toConfirm(o object) []string {
	return []string{"certgate staff confirm " + o.text("name") + "  (another admin)"}
}

func (t *tool) staffAdd() *cobra.Command {
	var in api.NewPerson
	var roles []string
	var csr string
	c := t.changes(&cobra.Command{
		Use: "add NAME", Short: "Proposes a staff member; a second admin must confirm", Args: arguments("NAME"),
		Long: "Proposes a staff member. With --link, a one-time link to take a certificate is mailed to the person once a second admin has confirmed it;\n" +
			"nobody else sees it. Or the person makes the key pair and hands over only a signing request:\n\n" +
			"  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ben.key -subj /CN=ben -out ben.csr",
		Example: "  certgate staff add ben --email ben@example.com --role interviewer --role operator --link\n" +
			"  certgate staff add ben --email ben@example.com --role interviewer --role operator --csr ben.csr",
	})
	f := c.Flags()
	f.StringVar(&in.Email, "email", "", "mail address")
	f.StringArrayVar(&roles, "role", nil, "interviewer, approver, issuer, operator, auditor or admin; repeat for more")
	f.StringVar(&csr, "csr", "", "PEM file with the certificate signing request; - is standard input")
	f.BoolVar(&in.Link, "link", false, "mail the person a one-time link instead, once this is confirmed")
	return require(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		if in.Link == (csr != "") {
			return usagef("give either --link or --csr: the person needs one of them to get a certificate")
		}
		if csr != "" {
			text, err := readInput(cmd, csr)
			if err != nil {
				return fmt.Errorf("--csr: %w", err)
			}
			in.CSR = string(text)
		}
		in.Name, in.Roles = args[0], rolesOf(roles)
		return t.send(cmd, change{path: "/v1/staff", body: in, done: proposed, next: toConfirm})
	}), "email", "role")
}

func (t *tool) staffPropose() *cobra.Command {
	var roles []string
	var csr, email string
	var link bool
	c := t.compares(&cobra.Command{
		Use: "propose NAME", Short: "Proposes other roles, another certificate or another address for a staff member", Args: arguments("NAME"),
		Long: "Proposes other roles, a certificate for another key (from a signing request, or by a one-time link that is mailed), or another address.\n" +
			"What is left out stays. A second admin must confirm.",
		Example: "  certgate staff propose ben --role interviewer\n  certgate staff propose ben --link\n  certgate staff propose ben --email ben@new.example --link",
	})
	f := c.Flags()
	f.StringArrayVar(&roles, "role", nil, "all roles that the person is to have; repeat for more")
	f.StringVar(&csr, "csr", "", "PEM file with a certificate signing request; - is standard input")
	f.BoolVar(&link, "link", false, "mail the person a one-time link once this is confirmed")
	f.StringVar(&email, "email", "", "another mail address")
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		if len(roles) == 0 && csr == "" && !link && email == "" {
			return usagef("--role, --csr, --link or --email is missing: at least one must change")
		}
		in := api.Change{Roles: rolesOf(roles), Link: link, Email: email}
		if csr != "" {
			text, err := readInput(cmd, csr)
			if err != nil {
				return fmt.Errorf("--csr: %w", err)
			}
			in.CSR = string(text)
		}
		return t.send(cmd, change{path: pathTo("/v1/staff/%s/proposals", args[0]), body: in, done: proposed, next: toConfirm})
	})
}

func rolesOf(list []string) []gate.Role {
	out := make([]gate.Role, len(list))
	for i, r := range list {
		out[i] = gate.Role(r)
	}
	return out
}

func (t *tool) whoamiCommand() *cobra.Command {
	c := &cobra.Command{Use: "whoami", Short: "Says who the server takes you for, and with which roles"}
	return t.connected(t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		if t.flags.json {
			return t.show(cmd, "/v1/whoami")
		}
		api, err := t.client()
		if err != nil {
			return err
		}
		me, err := api.WhoAmI(cmd.Context())
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s (%s) at %s, with roles %s\n", me.Name, me.Staff, api.Base, joined(me.Roles))
		return nil
	}))
}

// joined lists roles for people.
func joined(roles []gate.Role) string {
	words := make([]string, len(roles))
	for i, r := range roles {
		words[i] = string(r)
	}
	return strings.Join(words, ", ")
}
