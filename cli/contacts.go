package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) contactCommands() []*cobra.Command {
	return []*cobra.Command{
		t.accountContact(),
		t.verb(verb{
			use: "confirm-contact ACCOUNT", short: "Puts the contacts that another person proposed into effect", compares: true,
			long: "Puts the contacts that another person proposed into effect; certgate account show says which. Links that are out to an address that\n" +
				"is a technical contact's no longer end, and both the new and the former contacts are told. Call the customer before you confirm,\n" +
				"by a number that you had before.",
			do: func(args []string, _ string) (change, error) {
				return change{path: pathTo("/v1/accounts/%s/contacts/confirmation", args[0]), done: func(o object) string {
					return "account " + o.text("slug") + " has the contacts " + contactsOf(o, "contacts")
				}, next: linksToRelease}, nil
			}}),
		t.verb(verb{
			use: "withdraw-contact ACCOUNT", short: "Takes proposed contacts back before they are confirmed", compares: true,
			do: func(args []string, _ string) (change, error) {
				return change{path: pathTo("/v1/accounts/%s/contacts/withdrawal", args[0]), done: func(o object) string {
					return "account " + o.text("slug") + " keeps the contacts " + contactsOf(o, "contacts")
				}}, nil
			}}),
	}
}

func (t *tool) accountContact() *cobra.Command {
	c := t.compares(&cobra.Command{
		Use: "contact ACCOUNT ROLE=CONTACT...", Short: "Proposes other contacts of an account; a second person must confirm them",
		Long: "Proposes other contacts of an account; a second person must confirm them, because enrollment links go to the technical one. Name all\n" +
			"contacts that a role is to have; those of other roles stay. ROLE= with nothing behind it takes away all of a role.",
		Example: `  certgate account contact acme technical="Ann Lee <ann@acme.example> +1 555 0100" --why "Tom Ray has left; Ann called us"` + "\n" +
			`  certgate account contact acme business= --why "the clinic has nobody for it any more"`,
		Args: cobra.MinimumNArgs(2),
	})
	var why string
	c.Flags().StringVar(&why, "why", "", "the reason: it is kept for good, and told to the customer")
	return require(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		in := api.NewContacts{Why: why}
		for _, text := range args[1:] {
			if role, ok := strings.CutSuffix(text, "="); ok {
				in.Drop = append(in.Drop, gate.ContactRole(role))
				continue
			}
			contact, err := parseContact(text)
			if err != nil {
				return err
			}
			in.Contacts = append(in.Contacts, contact)
		}
		return t.send(cmd, change{path: pathTo("/v1/accounts/%s/contacts", args[0]), body: in, done: func(o object) string {
			return "proposed for account " + o.text("slug") + ": " + contactsOf(o, "proposed_contacts.contacts") + "; a second person must confirm it"
		}, next: contactsToConfirm})
	}), "why")
}

// contactsOf shows the contacts at a path in one line.
func contactsOf(o object, path string) string {
	list, _ := at(map[string]any(o), path).([]any)
	var parts []string
	for _, v := range list {
		if c, ok := v.(map[string]any); ok {
			parts = append(parts, object(c).text("role")+" "+object(c).text("name")+" <"+object(c).text("email")+">")
		}
	}
	return strings.Join(parts, ", ")
}

// contactsToConfirm says who has to do what about proposed contacts, if there are any.
func contactsToConfirm(o object) []string {
	if o.text("proposed_contacts.act.by") == "" || o.text("proposed_contacts.withdrawn.by") != "" {
		return nil
	}
	confirm := "certgate account confirm-contact " + o.text("slug")
	if etag := o.text("etag"); etag != "" { // what is confirmed is what was read
		confirm += " --if-match '" + etag + "'"
	}
	return []string{confirm + "  (somebody else, after calling the customer)", "certgate account withdraw-contact " + o.text("slug") + "  (if it is wrong)"}
}

// linksToRelease says what follows from links that a change of contacts has ended.
func linksToRelease(o object) []string {
	list, _ := at(map[string]any(o), "contact_changes").([]any)
	if len(list) == 0 {
		return nil
	}
	last, _ := list[len(list)-1].(map[string]any)
	if object(last).text("ended") == "" {
		return nil
	}
	return []string{"certgate credential enrollments  (" + object(last).text("ended") + " ended: if one had been redeemed, revoke what it handed out)",
		"certgate certification release CASE --device DEVICE, or certgate device release DEVICE  (an issuer: a new link for each)"}
}
