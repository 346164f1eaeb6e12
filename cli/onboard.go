package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// customerTemplate is what the file of a customer looks like. A test sends it.
const customerTemplate = `# A customer, for: certgate onboard acme.yaml
# All of it is made in one step or nothing is. Only the account is required; the rest can be made later.
account:
  slug: acme                      # first part of every name below; cannot be changed
  name: Acme Health
  zone: America/New_York
  contacts:                       # role is technical (required: links go there), security or business
    - {role: technical, name: Ann Lee, email: ann@acme.example, phone: +1 555 0100}
    - {role: security, name: Desk, email: security@acme.example}
  # owner: ben                    # staff member who looks after it
  notes: Came by referral.        # for staff; never about patients

# Every account has the organization main; name others here.
organizations:
  - {slug: lab, name: Acme Laboratory}

devices:
  - slug: prod-1                  # in organization main
    name: Interface engine
    environment: production       # sandbox, preprod or production
    default_purpose: TREAT        # assumed when a request names none
    addresses: {these: [203.0.113.0/24]}
  - slug: pre-1
    organization: lab
    name: Test engine
    environment: preprod
    addresses: {any: true}

contract:
  first: 2027-01-01
  last: 2027-12-31                # inclusive
  # zone: America/New_York        # in which the days are counted; default the account's
  grant: {behaviors: [fhir-query], purposes: [TREAT]}
  agreements:                     # kinds: baa, participation (both usually required before approval), dua, qsoa, terms
    - {kind: baa, reference: DMS-4711, signed_on: 2026-12-01}
    - {kind: participation, reference: DMS-4712, signed_on: 2026-12-01}

# What the customer asks to be certified for; production devices, as DEVICE or ORGANIZATION/DEVICE.
certification:
  devices: [prod-1]
  profile:
    grant: {behaviors: [fhir-query], purposes: [TREAT]}
    hosting: own data center
    key_storage: hardware module
    daily_volume: 20000
`

func (t *tool) onboardCommand() *cobra.Command {
	var template bool
	c := t.changes(&cobra.Command{
		Use: "onboard FILE", Short: "Makes a whole customer from a YAML or JSON file, or nothing of it", Args: cobra.MaximumNArgs(1),
		Example: "  certgate onboard --template > acme.yaml\n  certgate onboard acme.yaml",
	})
	c.Flags().BoolVar(&template, "template", false, "print a filled, commented file and do nothing")
	return t.connected(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		switch {
		case template:
			fmt.Fprint(cmd.OutOrStdout(), customerTemplate)
			return nil
		case len(args) == 0:
			return usagef("FILE is missing; --template prints one")
		}
		d, err := readDocument(cmd, args[0])
		if err != nil {
			return err
		}
		err = t.send(cmd, change{path: "/v1/onboarding", body: d.body, next: afterOnboarding, done: func(o object) string {
			return "made account " + o.text("account.slug") + " (" + o.text("account.id") + ") with all its parts"
		}})
		return d.explain(cmd.ErrOrStderr(), err, "")
	}))
}

// afterOnboarding is what a new customer needs next.
func afterOnboarding(o object) []string {
	var parts api.Onboarded
	if text, err := json.Marshal(o); err != nil || json.Unmarshal(text, &parts) != nil {
		return nil
	}
	var next []string
	for _, c := range parts.Certifications {
		next = append(next, "certgate certification schedule "+string(c.ID)+" --at TIME")
	}
	for _, d := range parts.Devices {
		if d.Environment != gate.Production {
			next = append(next, afterDevice(d.Environment, d.Path))
		}
	}
	if len(parts.Contracts) == 0 {
		next = append(next, "certgate contract create "+parts.Account.Slug+" --first DAY --last DAY --behavior NAME --purpose TREAT")
	}
	return next
}
