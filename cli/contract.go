package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) contractCommand() *cobra.Command {
	return t.connected(t.group(&cobra.Command{Use: "contract", Short: "Terms under which customers may call: create, list, renew, amend, extend, end"},
		t.contractCreate(), t.contractRenew(), t.contractAmend(), t.contractExtend(), t.contractConfirmExtension(),
		t.lister(lists{use: "list", short: "Lists contracts", path: "/v1/contracts", byAccount: true, columns: []column{
			{"ID", "id"}, {"ACCOUNT", "account"}, {"FIRST", "first"}, {"LAST", "last"}, {"ZONE", "zone"}, {"STATE", "state"},
			{"BEHAVIORS", "grant.behaviors"}, {"PURPOSES", "grant.purposes"}}}),
		t.shower("show CONTRACT", "Shows a contract", "/v1/contracts/%s"),
		t.verb(verb{
			use: "end CONTRACT", short: "Ends a contract before its last day, now", reason: true, compares: true,
			do: func(args []string, why string) (change, error) {
				return change{path: pathTo("/v1/contracts/%s/ending", args[0]), body: api.Why{Why: why},
					done: func(o object) string { return "contract " + o.text("id") + " is " + o.text("state") },
					next: func(object) []string {
						return []string{"certgate check --all  (which devices are refused now, and why)"}
					}}, nil
			}}),
	))
}

func (t *tool) contractCreate() *cobra.Command {
	var in api.NewContract
	var first, last string
	var purposes, agreements, limits []string
	return t.verb(verb{
		use: "create ACCOUNT", short: "Adds a term to an account",
		example: `  certgate contract create acme --first 2027-01-01 --last 2027-12-31 --zone America/New_York --behavior fhir-query --purpose TREAT \
    --agreement baa=DMS-4711@2026-12-01 --agreement participation=DMS-4712@2026-12-01 \
    --limit "rate 50 burst 100 per device" --limit "day 200000" --limit "patients-hour 500"`,
		flags: func(c *cobra.Command) {
			f := c.Flags()
			f.StringVar(&first, "first", "", "first day, such as 2027-01-01")
			f.StringVar(&last, "last", "", "last day, inclusive")
			f.StringVar(&in.Zone, "zone", "UTC", "IANA time zone in which the days are counted")
			f.StringArrayVar(&in.Grant.Behaviors, "behavior", nil, "behavior that is granted; repeat for more")
			f.StringArrayVar(&purposes, "purpose", nil, "purpose that is granted: TREAT, HPAYMT, HOPERAT or PATRQT; repeat for more")
			f.StringArrayVar(&agreements, "agreement", nil, "KIND=REFERENCE@DAY of a signed agreement; KIND is baa, participation, dua, qsoa or terms; repeat for more")
			f.StringArrayVar(&limits, "limit", nil, limitHelp+"; without any nothing is limited")
			f.StringVar(&in.PlanName, "plan", "", "what the plan is called, such as gold; rules against abuse may be set by it")
		},
		needs: []string{"first", "last", "behavior", "purpose"},
		do: func(args []string, _ string) (change, error) {
			in.Account, in.First, in.Last, in.Grant.Purposes = args[0], gate.Date(first), gate.Date(last), purposesOf(purposes)
			var err error
			if in.Plan, err = parseLimits(limits); err != nil {
				return change{}, err
			}
			in.Agreements = []gate.Agreement{}
			for _, text := range agreements {
				a, err := parseAgreement(text)
				if err != nil {
					return change{}, err
				}
				in.Agreements = append(in.Agreements, a)
			}
			return change{path: "/v1/contracts", body: in,
				done: func(o object) string {
					return "made contract " + o.text("id") + ", " + o.text("first") + " to " + o.text("last") + ", " + o.text("state")
				},
				next: func(o object) []string {
					return []string{"certgate certification request " + args[0] + " --device " + args[0] + "/main/prod-1 --behavior NAME --purpose TREAT --hosting TEXT --key-storage TEXT"}
				}}, nil
		},
	})
}

// limitHelp says how a limit is written.
const limitHelp = `limit of the plan, such as "rate 50 burst 100 per device", "rate 600/60s", "day 200000", "month 5000000", "concurrency 8 for fhir-query" ` +
	`or "patients-hour 500 per organization"; repeat for more`

// parseLimits reads a plan; it is never nil, so that a plan without limits can be told from none.
func parseLimits(texts []string) (gate.Limits, error) {
	plan := make(gate.Limits, 0, len(texts))
	for _, text := range texts {
		l, err := gate.ParseLimit(text)
		if err != nil {
			return nil, usagef("--%s", err)
		}
		plan = append(plan, l)
	}
	return plan, nil
}

// parseAgreement reads KIND=REFERENCE@DAY; a reference may hold an @.
func parseAgreement(text string) (gate.Agreement, error) {
	kind, rest, found := strings.Cut(text, "=")
	at := strings.LastIndexByte(rest, '@')
	if !found || at < 1 {
		return gate.Agreement{}, usagef("--agreement %q must be of the form baa=REFERENCE@2027-01-01", gate.Clip(text, 80))
	}
	return gate.Agreement{Kind: gate.AgreementKind(kind), Reference: rest[:at], SignedOn: gate.Date(rest[at+1:])}, nil
}
