package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// incidentSteps are what people do about an incident beside looking into it.
func (t *tool) incidentSteps() []*cobra.Command {
	return []*cobra.Command{
		t.incidentVerb("hold", "hold", "Takes an incident into your hands: nothing more happens by itself",
			"Takes an incident into people's hands, as any operator, approver, issuer or admin may: certgate takes no further step by itself, and does not close it.\n"+
				"What is in force for the customer stays, and the customer is not told."),
		t.incidentVerb("release", "release", "Ends the hold; steps by themselves may go on",
			"Ends the hold, as any operator, approver, issuer or admin may. From then on certgate may tell or throttle the customer again by itself."),
		t.incidentAppeal(), t.incidentAnswer(), t.incidentPlan(),
		t.incidentVerb("plan-done", "plan/done", "Notes that the customer did what was agreed",
			"Notes that the customer did what was agreed, as any operator, approver, issuer or admin may; an incident with an open plan is not closed. It lifts nothing\n"+
				"by itself: certgate remediation lift does."),
		t.incidentBar(),
	}
}

func (t *tool) incidentAppeal() *cobra.Command {
	var in api.NewAppeal
	return t.verb(verb{
		use: "appeal INCIDENT", short: "Writes down the customer's appeal against an incident", compares: true,
		long: "Writes down what the customer says against an incident, told by telephone or mail; customers may also send it themselves. Any operator, approver,\n" +
			"issuer or admin may. The customer's contacts are told that it has arrived, in its words, and while it waits nothing more happens by itself.\n" +
			"Whoever wrote it down does not answer it.",
		example: `  certgate incident appeal inc_... --text "We moved to another data center on Monday"`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&in.Text, "text", "", "what the customer says; no key and nothing of a patient belongs in it")
		},
		needs: []string{"text"},
		do: func(args []string, _ string) (change, error) {
			return change{path: pathTo("/v1/incidents/%s/appeals", args[0]), body: in, done: incidentState, next: incidentNext}, nil
		},
	})
}

func (t *tool) incidentAnswer() *cobra.Command {
	var grant, refuse bool
	c := t.verb(verb{
		use: "answer INCIDENT", short: "Grants or refuses the appeal that waits; the customer is told", reason: true, compares: true,
		long: "Answers the appeal that waits, as an operator, approver or admin who neither wrote it down nor imposed or barred what it is against. The customer is\n" +
			"told, with the reason. Granted, everything that was imposed for the incident is lifted (a termination stays), its bar ends, and for 14 days its\n" +
			"rules change nothing for the account.",
		example: `  certgate incident answer inc_... --grant --why "the move was announced"` + "\n" +
			`  certgate incident answer inc_... --refuse --why "the calls come from a network that is not yours"`,
		flags: func(c *cobra.Command) {
			c.Flags().BoolVar(&grant, "grant", false, "the customer is right: lift what was imposed")
			c.Flags().BoolVar(&refuse, "refuse", false, "what was imposed stays")
		},
		do: func(args []string, why string) (change, error) {
			if grant == refuse {
				return change{}, usagef("give --grant or --refuse: one of them")
			}
			in := api.NewAppealAnswer{Granted: grant, Why: why}
			return change{path: pathTo("/v1/incidents/%s/appeals/answer", args[0]), body: in, done: incidentState, next: incidentNext}, nil
		},
	})
	return c
}

func (t *tool) incidentPlan() *cobra.Command {
	var in api.NewPlan
	var due string
	return t.verb(verb{
		use: "plan INCIDENT", short: "Notes a corrective-action plan: what the customer will do, and by when", compares: true,
		long: "Notes what was agreed with the customer, as any operator, approver, issuer or admin may. Its contacts are told the text and the day; nothing is lifted,\n" +
			"and the incident stays open until the plan is done.",
		example: `  certgate incident plan inc_... --text "Ask only for the patients of the day" --due 2027-03-31 --why "call of March 3"`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&in.Text, "text", "", "what the customer will do; it is told this")
			c.Flags().StringVar(&due, "due", "", "the last day, in the account's time zone, such as 2027-03-31")
			incidentWhy(c, &in.Why, "how it came about; the customer does not see it")
		},
		needs: []string{"text", "due", "why"},
		do: func(args []string, _ string) (change, error) {
			in.Due = gate.Date(due)
			return change{path: pathTo("/v1/incidents/%s/plan", args[0]), body: in, done: incidentState, next: incidentNext}, nil
		},
	})
}

func (t *tool) incidentBar() *cobra.Command {
	var until string
	return t.verb(verb{
		use: "bar INCIDENT", short: "Keeps what was imposed from being lifted before a time; the customer is told", reason: true, compares: true,
		long: "Keeps what was imposed for an incident from being lifted before a time, as an operator, approver or admin may. The customer is told, with the reason. A\n" +
			"bar is only made longer; before its end only an appeal that somebody else grants lifts anything.",
		example: `  certgate incident bar inc_... --until 2027-06-30T16:00:00Z --why "the second time this year"`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&until, "until", "", "until when, such as 2027-06-30T16:00:00Z; 366 days at most")
		},
		needs: []string{"until"},
		do: func(args []string, why string) (change, error) {
			end, err := parseTime("until", until)
			return change{path: pathTo("/v1/incidents/%s/bar", args[0]), body: api.NewBar{Until: end, Why: why}, done: incidentState, next: incidentNext}, err
		},
	})
}

// rulesFirst gives each incident the rules that found something, each once, for the list's column, and says which appeals wait.
func rulesFirst(items []object) (lines []string) {
	for _, o := range items {
		all, _ := at(map[string]any(o), "evidence.rule").([]any)
		var names []any
		for _, name := range all {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		o["rules"] = names
		if o.text("state") == string(gate.IncidentIsAppealed) {
			lines = append(lines, "certgate incident show "+o.text("id")+"  (an appeal waits)")
		}
	}
	return lines
}
