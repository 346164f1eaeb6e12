package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
)

func (t *tool) caAllow() *cobra.Command {
	var in api.NewCAAllowance
	var none bool
	var grace int
	return t.verb(verb{
		use: "allow FILE|CA", short: "Proposes that a customer brings certificates of its own CA, and from where its revocation list is read", reason: true, compares: true,
		long: "Proposes that devices of the accounts may bring certificates of a customer's own CA to their enrollment, in place of one of ours. FILE is the\n" +
			"certificate of the CA that issues them, in PEM; CA is the fingerprint of one that is known, as from an import. A second admin must confirm.\n" +
			"Each certificate is pinned by its fingerprint, and nothing else of the CA is let in.\n\n" +
			"--crl is the http or https URL of the CA's full revocation list. It is asked every 15 minutes, and no other address is: no redirect is\n" +
			"followed. What is on the list is revoked at once. When the list has run out, certificates of the CA go on for --grace hours and are then\n" +
			"refused (certificate-unchecked) until a current one has been read. Staff are told after an hour of failures, customers a day before.\n" +
			"--no-crl says that no list is read: what the CA revokes is then not known here.\n\n" +
			"What is proposed takes the place of all that was allowed of the CA before.",
		example: "  certgate ca allow acme-ca.pem --account acme --crl http://pki.acme.example/issuing.crl --why \"runs its own CA; DMS-4713\"\n" +
			"  certgate ca allow 3f21a0b2c4d5e6f7 --crl http://pki.acme.example/issuing.crl --why \"read the list of an imported CA\"",
		flags: func(c *cobra.Command) {
			f := c.Flags()
			f.StringSliceVar(&in.Accounts, "account", nil, "account whose devices may bring certificates; several times or separated by commas; none: only the list is read")
			f.StringVar(&in.CRL, "crl", "", "URL of the CA's full revocation list")
			f.BoolVar(&none, "no-crl", false, "read no revocation list: what the CA revokes is not known here")
			f.IntVar(&grace, "grace", 24, "hours for which certificates go on after the list has run out: 0 to 168")
			f.BoolVar(&in.DistributionPoint, "distribution-point", false, "demand that certificates name --crl as their distribution point")
		},
		do: func(args []string, why string) (change, error) {
			if (in.CRL == "") != none {
				return change{}, usagef("say --crl URL, or --no-crl")
			}
			in.Why, in.Certificate, in.CA = why, "", ""
			if in.CRL != "" {
				in.GraceHours = &grace
			}
			if exists(args[0]) {
				text, err := os.ReadFile(args[0])
				if err != nil {
					return change{}, usagef("cannot be read: %w", err)
				}
				in.Certificate = string(text)
			} else {
				in.CA = args[0]
			}
			return change{path: "/v1/ca/allowance", body: in, next: caToConfirm, done: func(o object) string {
				return "proposed what " + o.text("name") + " is allowed for; a second admin must confirm it"
			}}, nil
		}})
}

func (t *tool) caDisallow() *cobra.Command {
	return t.verb(verb{
		use: "disallow CA", short: "Lets nobody bring certificates of a customer's own CA any more, at once; what was brought goes on", reason: true, compares: true,
		example: "  certgate ca disallow 3f21a0b2c4d5e6f7 --why \"the customer takes ours now\"",
		do: func(args []string, why string) (change, error) {
			return change{path: pathTo("/v1/ca/%s/disallowance", args[0]), body: api.Why{Why: why}, done: func(o object) string {
				return "nobody brings certificates of " + o.text("name") + " any more; " + o.text("live") + " go on"
			}}, nil
		}})
}
