package cli

import (
	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// lastFlag adds --last, the last day of something, inclusive.
func lastFlag(c *cobra.Command, into *string, what string) {
	c.Flags().StringVar(into, "last", "", what+", inclusive, such as 2028-12-31")
}

// eitherFlag adds a question of yes or no that must be answered: two flags of which exactly one is given.
type eitherFlag struct {
	yes, no       string
	isYes, isNo   bool
	whenYes, when string // what each means
}

func (e *eitherFlag) add(c *cobra.Command) {
	c.Flags().BoolVar(&e.isYes, e.yes, false, e.whenYes)
	c.Flags().BoolVar(&e.isNo, e.no, false, e.when)
}

func (e *eitherFlag) answer() (*bool, error) {
	if e.isYes == e.isNo {
		return nil, usagef("exactly one of --%s and --%s must be given", e.yes, e.no)
	}
	return &e.isYes, nil
}

func (t *tool) contractRenew() *cobra.Command {
	var last string
	changed := eitherFlag{yes: "changed", no: "unchanged",
		whenYes: "the integration has changed materially: it must be certified anew 30 days into the new term",
		when:    "the integration has not changed materially: its certification is carried over as it is"}
	return t.verb(verb{
		use: "renew CONTRACT", short: "Adds the term that follows without gap; key and certificate stay as they are", reason: true, compares: true,
		long: "Adds the term that begins on the day after the last one, with the same grant and agreements, and carries certifications over.\n" +
			"It asks one question, which you answer by name and with a reason: has the integration changed materially?",
		example: `  certgate contract renew con_... --last 2028-12-31 --unchanged --why "confirmed by Ann Lee on the phone"`,
		flags: func(c *cobra.Command) {
			lastFlag(c, &last, "last day of the new term")
			changed.add(c)
		},
		needs: []string{"last"},
		do: func(args []string, why string) (change, error) {
			answer, err := changed.answer()
			return change{path: pathTo("/v1/contracts/%s/renewal", args[0]), body: api.NewRenewal{Last: gate.Date(last), Changed: answer, Why: why},
				done: func(o object) string {
					return "made contract " + o.text("id") + ", " + o.text("first") + " to " + o.text("last") + ", " + o.text("state")
				},
				next: func(o object) []string {
					if answer == nil || !*answer {
						return nil
					}
					return []string{"certgate certification list --account " + o.text("account") + "  (what must be certified anew, and by when)"}
				}}, err
		},
	})
}

func (t *tool) contractAmend() *cobra.Command {
	var in api.NewAmendment
	var purposes, agreements, limits []string
	var unlimited bool
	return t.verb(verb{
		use: "amend CONTRACT", short: "Changes what a contract grants or limits, or adds an agreement, from the next request on", reason: true, compares: true,
		long: "Changes what a contract grants and how much may be used; what is not named stays. A changed limit counts at once, also for what is\n" +
			"used already. More than the certified profile is of no use until it has been certified.\n" +
			"Days are not amended: see renew, extend and end.",
		example: `  certgate contract amend con_... --behavior fhir-query --behavior ihe-document-query --why "documents, amendment 3"`,
		flags: func(c *cobra.Command) {
			f := c.Flags()
			f.StringArrayVar(&in.Behaviors, "behavior", nil, "behavior that is granted from now on; name all of them")
			f.StringArrayVar(&purposes, "purpose", nil, "purpose that is granted from now on; name all of them")
			f.StringArrayVar(&agreements, "agreement", nil, "KIND=REFERENCE@DAY of a further signed agreement")
			f.StringArrayVar(&limits, "limit", nil, limitHelp+"; name all of them")
			f.StringVar(&in.PlanName, "plan", "", "what the plan is called from now on; rules against abuse may be set by it")
			f.BoolVar(&unlimited, "no-limits", false, "from now on nothing is limited")
			c.MarkFlagsMutuallyExclusive("limit", "no-limits")
		},
		do: func(args []string, why string) (change, error) {
			in.Why = why
			if purposes != nil {
				in.Purposes = purposesOf(purposes)
			}
			if limits != nil || unlimited {
				var err error
				if in.Plan, err = parseLimits(limits); err != nil {
					return change{}, err
				}
			}
			for _, text := range agreements {
				a, err := parseAgreement(text)
				if err != nil {
					return change{}, err
				}
				in.Agreements = append(in.Agreements, a)
			}
			return change{path: pathTo("/v1/contracts/%s/amendment", args[0]), body: in, done: func(o object) string {
				return "contract " + o.text("id") + " grants " + o.text("grant.behaviors") + " for " + o.text("grant.purposes")
			}, next: func(object) []string {
				return []string{"certgate check --all  (whether every certified call is still granted)"}
			}}, nil
		},
	})
}

func (t *tool) contractExtend() *cobra.Command {
	var in api.NewExtension
	var last string
	return t.verb(verb{
		use: "extend CONTRACT", short: "Proposes a later last day, at most a week; a second person must confirm it", reason: true, compares: true,
		long:  "For emergencies, such as a signature that is late: proposes a last day at most 7 days after the one that was agreed. It works for a few\ndays after the contract has ended as well.",
		flags: func(c *cobra.Command) { lastFlag(c, &last, "new last day") },
		needs: []string{"last"},
		do: func(args []string, why string) (change, error) {
			in.Last, in.Why = gate.Date(last), why
			return change{path: pathTo("/v1/contracts/%s/extension", args[0]), body: in,
				done: func(o object) string {
					return "proposed to extend contract " + o.text("id") + " to " + o.text("proposed_extension.last") + "; a second person must confirm it"
				},
				next: func(o object) []string {
					return []string{"certgate contract confirm-extension " + o.text("id") + "  (somebody else)"}
				}}, nil
		},
	})
}

func (t *tool) contractConfirmExtension() *cobra.Command {
	return t.verb(verb{
		use: "confirm-extension CONTRACT", short: "Moves the last day to what another person proposed", compares: true,
		do: func(args []string, _ string) (change, error) {
			return change{path: pathTo("/v1/contracts/%s/extension/confirmation", args[0]),
				done: func(o object) string { return "contract " + o.text("id") + " runs to " + o.text("last") },
				next: func(o object) []string {
					return []string{"certgate contract renew " + o.text("id") + " --last DAY --unchanged --why REASON"}
				}}, nil
		},
	})
}

func (t *tool) accountClose() *cobra.Command {
	var last string
	return t.verb(verb{
		use: "close ACCOUNT", short: "Plans the end of an account: after its last day everything is refused for good", reason: true,
		long:    "Plans the end of an account. After the last day, in the account's time zone, everything is refused for good; records are kept.\nUntil then somebody else can call it off.",
		example: `  certgate account close acme --last 2027-12-31 --why "merged with another clinic"`,
		flags:   func(c *cobra.Command) { lastFlag(c, &last, "last day") },
		needs:   []string{"last"},
		do: func(args []string, why string) (change, error) {
			return change{path: pathTo("/v1/accounts/%s/closing", args[0]), body: api.Closing{Last: gate.Date(last), Why: why},
				done: func(o object) string {
					return "account " + args[0] + " ends at " + o.text("from") + " (" + o.text("id") + ")"
				},
				next: func(o object) []string {
					return []string{"certgate remediation lift " + o.text("id") + " --why REASON  (until then, somebody else)"}
				}}, nil
		},
	})
}
