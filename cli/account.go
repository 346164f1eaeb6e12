package cli

import (
	"net/mail"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) accountCommand() *cobra.Command {
	group := t.connected(t.group(&cobra.Command{Use: "account", Short: "Customers: create, list, correct contacts, throttle, suspend, reinstate, close, terminate; dossiers; deletion after six years"},
		t.accountCreate(),
		t.lister(lists{use: "list", short: "Lists accounts", path: "/v1/accounts", columns: []column{
			{"ACCOUNT", "slug"}, {"NAME", "name"}, {"STATE", "state"}, {"ZONE", "zone"}, {"ID", "id"}}}),
		t.hinter("show ACCOUNT", "Shows an account", "/v1/accounts/%s", contactsToConfirm),
		t.accountThrottle(), t.accountSuspend(), t.accountClose(), t.accountDossier(), t.accountDeletable(), t.accountDelete(), t.accountConfirmDeletion(),
		t.verb(verb{use: "reinstate ACCOUNT", short: "Lifts every throttle and suspension of an account itself", reason: true,
			example: `  certgate account reinstate acme --why "key rotated, agreed with Ann Lee"`,
			do: func(args []string, why string) (change, error) {
				return change{path: pathTo("/v1/accounts/%s/reinstatement", args[0]), body: api.Why{Why: why},
					done: func(o object) string { return "account " + o.text("slug") + " is " + o.text("state") + " again" }}, nil
			}}),
		t.verb(verb{use: "terminate ACCOUNT", short: "Refuses an account for good; this cannot be undone", reason: true,
			do: func(args []string, why string) (change, error) {
				return impose(gate.AccountSubject, args[0], api.NewRemediation{Measure: gate.Terminate, Why: why}), nil
			}}),
	))
	group.AddCommand(t.contactCommands()...)
	return group
}

func (t *tool) accountCreate() *cobra.Command {
	var in api.NewAccount
	var contacts []string
	return t.verb(verb{
		use: "create ACCOUNT", short: "Makes an account, with a first organization called main",
		example: `  certgate account create acme --name "Acme Health" --zone America/New_York \
    --contact technical="Ann Lee <ann@acme.example>" --contact security="Desk <security@acme.example> +1 555 0100"`,
		flags: func(c *cobra.Command) {
			f := c.Flags()
			f.StringVar(&in.Name, "name", "", "name of the customer")
			f.StringVar(&in.Zone, "zone", "", "IANA time zone, such as America/New_York or UTC")
			f.StringArrayVar(&contacts, "contact", nil, `ROLE="NAME <MAIL> PHONE"; ROLE is technical, security or business; repeat for more`)
			f.StringVar(&in.Owner, "owner", "", "staff member who looks after it")
			f.StringVar(&in.Notes, "notes", "", "notes for staff; never about patients")
		},
		needs: []string{"name", "zone", "contact"},
		do: func(args []string, _ string) (change, error) {
			in.Slug = args[0]
			for _, text := range contacts {
				c, err := parseContact(text)
				if err != nil {
					return change{}, err
				}
				in.Contacts = append(in.Contacts, c)
			}
			return change{path: "/v1/accounts", body: in,
				done: func(o object) string { return "made account " + o.text("slug") + " (" + o.text("id") + ")" },
				next: func(o object) []string {
					return []string{"certgate device create " + o.text("slug") + "/main/prod-1 --name NAME --environment production --address any",
						"certgate contract create " + o.text("slug") + " --first DAY --last DAY --behavior NAME --purpose TREAT --agreement baa=REF@DAY --agreement participation=REF@DAY"}
				}}, nil
		},
	})
}

// parseContact reads ROLE=NAME <MAIL> PHONE; the telephone number may be left out.
func parseContact(text string) (gate.Contact, error) {
	role, who, found := strings.Cut(text, "=")
	end := strings.LastIndexByte(who, '>') + 1
	address, err := mail.ParseAddress(who[:end])
	if !found || err != nil {
		return gate.Contact{}, usagef(`--contact %q must be of the form technical="Ann Lee <ann@acme.example>"`, gate.Clip(text, 80))
	}
	return gate.Contact{Role: gate.ContactRole(role), Name: address.Name, Email: address.Address, Phone: strings.TrimSpace(who[end:])}, nil
}

func (t *tool) accountSuspend() *cobra.Command {
	var until string
	return t.verb(verb{
		use: "suspend ACCOUNT", short: "Refuses all calls of an account from the next request on", reason: true,
		example: `  certgate account suspend acme --why "production key seen in a public repository"`,
		flags:   func(c *cobra.Command) { untilFlag(c, &until) },
		do: func(args []string, why string) (change, error) {
			end, err := parseUntil(until)
			return change{path: pathTo("/v1/accounts/%s/suspension", args[0]), body: api.Suspension{Why: why, Until: end},
				done: suspended,
				next: func(object) []string {
					return []string{"certgate account reinstate " + args[0] + " --why REASON  (you within 15 minutes, later somebody else)"}
				}}, err
		},
	})
}

// suspended says what a remediation does, from the API's answer.
func suspended(o object) string {
	s := o.text("measure") + " of " + o.text("subject.kind") + " " + o.text("subject.id") + " is in force"
	if until := o.text("until"); until != "" {
		s += " until " + until
	}
	return s + " (" + o.text("id") + "); the customer is told in " + o.text("notice")
}

func untilFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "until", "", "when it ends, such as 2027-03-31T16:00:00Z (default: when somebody lifts it)")
}

// parseUntil reads an optional time.
func parseUntil(text string) (end *time.Time, err error) {
	if text == "" {
		return end, err
	}
	t, err := parseTime("until", text)
	return &t, err
}

func parseTime(flag, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, usagef("--%s %q must be a time such as 2027-03-31T16:00:00Z (RFC 3339)", flag, gate.Clip(text, 60))
	}
	return t, nil
}
