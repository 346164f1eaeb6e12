package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
)

// importTemplate is what the file of an import looks like. A test sends it.
const importTemplate = `# Customers from before certgate, for: certgate import customers.yaml --source WORDS --dry-run
# All of them come in or none does. Each has the form of certgate onboard --template; a file may also be a bare list of customers.

# Customers' own CAs that issued the certificates of several devices, once for all. Every client that connects is told their names.
# cas:
#   - |
#     -----BEGIN CERTIFICATE-----
#     ...
#     -----END CERTIFICATE-----

customers:
  - account:
      slug: beta
      name: Beta Health
      zone: America/Chicago
      contacts:
        - {role: technical, name: Bo Diaz, email: bo@beta.example}
    devices:
      - slug: prod-1
        name: Interface engine
        environment: production
        default_purpose: TREAT
        addresses: {these: [203.0.113.0/24]}
        # What it has used until now and is to go on using: at most two of each, and in production both. An admin imports them, and they
        # count once a second admin has confirmed them: certgate import confirm.
        # tokens:                   # as they follow "Bearer ", always in quotes: 20 to 8192 visible ASCII characters without blanks.
        #   - "..."                 # kept as an HMAC alone; destroy this file afterwards
        # certificates:             # each with its issuing CA after it, unless that stands under cas
        #   - |
        #     -----BEGIN CERTIFICATE-----
        #     ...
        #     -----END CERTIFICATE-----
    contract:
      first: 2027-01-01
      last: 2027-12-31              # inclusive
      grant: {behaviors: [fhir-query], purposes: [TREAT]}
      agreements:
        - {kind: baa, reference: DMS-4711, signed_on: 2026-12-01}
        - {kind: participation, reference: DMS-4712, signed_on: 2026-12-01}
    certified:                      # given before certgate; whoever imports counts as its approver
      approved_on: 2026-02-01
      approved_by: Dana Ng, by mail
      devices: [prod-1]
      profile:
        grant: {behaviors: [fhir-query], purposes: [TREAT]}
        hosting: own data center
        key_storage: hardware module
        daily_volume: 20000
`

func (t *tool) importCommand() *cobra.Command {
	var in importing
	c := &cobra.Command{
		Use: "import FILE", Short: "Takes over customers from before certgate, all of a file or none", Args: cobra.MaximumNArgs(1),
		Long: "Takes over a list of customers, each in the form of certgate onboard --template. What was certified before is named under certified:\n" +
			"approved_on, approved_by (in words), devices and profile. Whoever imports counts as the approver, so it takes an approver, and somebody\n" +
			"else must release each device; nobody may call before that. --dry-run lets the server find every mistake and changes nothing.\n\n" +
			"Devices may bring along the tokens and certificates that they have used until now. Only an admin imports them, and they count once a\n" +
			"second admin has confirmed the import, which is the release of the devices that brought both. Tokens are kept as HMACs alone:\n" +
			"destroy the file afterwards.",
		Example: "  certgate import --template > customers.yaml\n" +
			"  certgate import customers.yaml --source \"spreadsheet of 2027-02\" --dry-run\n" +
			"  certgate import customers.yaml --source \"spreadsheet of 2027-02\" --apply\n" +
			"  certgate import confirm imp_...\n" +
			"  certgate check --all --days 30",
	}
	f := c.Flags()
	f.StringVar(&in.source, "source", "", "where the list was read from, in words; it is kept for good")
	f.BoolVar(&in.rehearse, "dry-run", false, "find out what is wrong and change nothing")
	f.BoolVar(&in.apply, "apply", false, "import it")
	f.BoolVar(&in.template, "template", false, "print a filled, commented file and do nothing")
	f.StringVar(&t.flags.key, "idempotency-key", "", "carry this change out once, however often it is sent with this key (default: a random one)")
	t.leaf(c, func(cmd *cobra.Command, args []string) error { return in.run(t, cmd, args) })
	c.AddCommand(
		t.lister(lists{use: "list", short: "Lists imports, and what of them waits for a second admin", path: "/v1/imports", columns: []column{
			{"ID", "id"}, {"AT", "at"}, {"BY", "by"}, {"ACCOUNTS", "accounts"}, {"TOKENS", "tokens"}, {"CERTIFICATES", "certificates"},
			{"WAITING", "waiting"}, {"SOURCE", "source"}}}),
		t.shower("show ID", "Shows an import with every credential and CA that came in with it; never a token", "/v1/imports/%s"),
		t.verb(verb{
			use: "confirm ID", short: "Makes the tokens, certificates and CAs of an import count, from the next request on; by another admin",
			do: func(args []string, _ string) (change, error) {
				return change{path: pathTo("/v1/imports/%s/confirmation", args[0]), done: importState, next: func(object) []string {
					return []string{"certgate check --all --days 30", "reload Caddy if a site verifies clients by require_and_verify and CAs came in"}
				}}, nil
			}}),
		t.verb(verb{
			use: "reject ID", short: "Ends the tokens and certificates of an import that were not confirmed; the customers stay", reason: true,
			do: func(args []string, why string) (change, error) {
				return change{path: pathTo("/v1/imports/%s/rejection", args[0]), body: api.Why{Why: why}, done: importState}, nil
			}}),
	)
	return t.connected(c)
}

// importing is what the flags of an import say.
type importing struct {
	source                    string
	apply, rehearse, template bool
}

func (in *importing) run(t *tool, cmd *cobra.Command, args []string) error {
	switch {
	case in.template:
		fmt.Fprint(cmd.OutOrStdout(), importTemplate)
		return nil
	case len(args) == 0:
		return usagef("FILE is missing; --template prints one")
	case in.source == "":
		return usagef("--source is missing: where the list was read from, in words")
	case in.apply == in.rehearse:
		return usagef("say either --dry-run or --apply")
	}
	d, err := readDocument(cmd, args[0])
	if err != nil {
		return err
	}
	body, prefix, err := in.body(d)
	if err != nil {
		return err
	}
	err = t.send(cmd, change{path: "/v1/import", body: body, done: imported, next: func(o object) []string {
		switch {
		case in.rehearse:
			return []string{"certgate import " + args[0] + " --source SOURCE --apply"}
		case o.text("credentials") != "0":
			return []string{"certgate import show " + o.text("id") + "  (another admin, who compares it with what the customers say)",
				"certgate import confirm " + o.text("id")}
		}
		return []string{"certgate certification release CASE --device DEVICE  (an issuer who did not import; certgate certification list)"}
	}})
	return d.explain(cmd.ErrOrStderr(), err, prefix)
}

// body is what is sent: the file is a list of customers, or an object with further fields. prefix is what the body has in front of the
// fields of the file.
func (in *importing) body(d *document) (body json.RawMessage, prefix string, err error) {
	own, err := json.Marshal(map[string]any{"source": in.source, "dry_run": in.rehearse})
	if err != nil {
		return nil, "", err
	}
	file := bytes.TrimSpace(d.body)
	own = own[:len(own)-1] // open at the end
	switch rest := bytes.TrimSpace(bytes.TrimPrefix(file, []byte("{"))); {
	case file[0] == '[':
		return bytes.Join([][]byte{own, []byte(`,"customers":`), file, []byte("}")}, nil), "customers", nil
	case file[0] == '{' && rest[0] != '}':
		return bytes.Join([][]byte{own, []byte(","), rest}, nil), "", nil
	}
	return nil, "", usagef("%s must hold customers, or be a list of them; --template prints one", d.name)
}

// imported says what an import did.
func imported(o object) string {
	list, _ := o["accounts"].([]any)
	said := strconv.Itoa(len(list)) + " customers"
	if n := o.text("credentials"); n != "0" {
		said += " with " + n + " tokens and certificates"
	}
	if o.text("id") == "" {
		return said + " can be imported; nothing was changed (--dry-run)"
	}
	if o.text("credentials") != "0" {
		return "imported " + said + ", which wait for a second admin (" + o.text("id") + "); destroy the file if it holds tokens"
	}
	return "imported " + said + " (" + o.text("id") + ")"
}

// importState says how an import stands.
func importState(o object) string {
	return "import " + o.text("id") + ": " + o.text("tokens") + " tokens, " + o.text("certificates") + " certificates, " + o.text("waiting") + " waiting"
}
