package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) incidentCommand() *cobra.Command {
	return t.connected(t.group(&cobra.Command{Use: "incident", Short: "Abuse and unauthorized activity: list, show, open, hold, appeal, answer, close",
		Long: "Incidents are what you look into: who calls with a stolen key, who reads one patient after the other. Rules open them, people do, and so does the\n" +
			"report of a leaked credential. What is imposed for one (certgate remediation impose --incident) is told to the customer, who may appeal."},
		append([]*cobra.Command{t.incidentList(), t.incidentShow()}, append(t.incidentSteps(), t.incidentOpen(),
			t.incidentVerb("note", "notes", "Adds what was found or done; the text stays for good", ""),
			t.incidentVerb("mark", "security-mark", "Marks an incident as a security incident, for good",
				"Marks an incident as a security incident (45 CFR 164.304), for good. Nothing follows by itself: whom to notify of it is for people to decide."),
			t.incidentClose())...)...,
	))
}

func (t *tool) incidentList() *cobra.Command {
	return t.lister(lists{use: "list", short: "Lists incidents by state: open, held, appealed or closed", path: "/v1/incidents", byAccount: true, byState: true, hint: rulesFirst,
		columns: []column{{"ID", "id"}, {"STATE", "state"}, {"ORIGIN", "origin"}, {"RULES", "rules"}, {"OF", "subject.kind"}, {"SUBJECT", "subject.id"},
			{"OPENED", "opened.at"}, {"SECURITY", "security.at"}, {"OUTCOME", "closed.outcome"}, {"WHY", "opened.why"}}})
}

// incidentWhy is --why of incidents, which is told to nobody.
func incidentWhy(c *cobra.Command, into *string, usage string) {
	c.Flags().StringVar(into, "why", "", usage+"; it is kept for good, so no key and nothing of a patient belongs in it")
}

func (t *tool) incidentOpen() *cobra.Command {
	var on, origin, why string
	return t.verb(verb{
		use: "open", short: "Opens an incident about an account, organization, device, key or certificate",
		long: "Opens an incident. Name the narrowest that you know of. A key or private key that others have is reported with certgate credential leaked,\nwhich opens one.",
		example: `  certgate incident open --on device:acme/main/prod-1 --why "reads one patient after the other"` + "\n" +
			`  certgate incident open --on certificate:crt_... --origin detected --why "calls from a network that they do not have"`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&on, "on", "", "KIND:REF, where KIND is account, organization, device, key or certificate")
			c.Flags().StringVar(&origin, "origin", string(gate.IncidentReported), "reported by somebody, or detected here")
			incidentWhy(c, &why, "what was seen or told")
		},
		needs: []string{"on", "why"},
		do: func([]string, string) (change, error) {
			kind, ref, found := strings.Cut(on, ":")
			if !found || ref == "" {
				return change{}, usagef("--on %q must be of the form device:acme/main/prod-1", gate.Clip(on, 80))
			}
			in := api.NewIncident{Subject: gate.Subject{Kind: gate.SubjectKind(kind), ID: ref}, Origin: gate.IncidentOrigin(origin), Why: why}
			return change{path: "/v1/incidents", body: in, done: incidentState, next: incidentNext}, nil
		},
	})
}

// incidentVerb is a change that takes no more than a text.
func (t *tool) incidentVerb(name, path, short, long string) *cobra.Command {
	var why string
	return t.verb(verb{
		use: name + " INCIDENT", short: short, long: long, compares: true,
		example: "  certgate incident " + name + ` inc_... --why "the calls come from a test server of theirs"`,
		flags:   func(c *cobra.Command) { incidentWhy(c, &why, "what was found or done") },
		needs:   []string{"why"},
		do: func(args []string, _ string) (change, error) {
			return change{path: pathTo("/v1/incidents/%s/"+path, args[0]), body: api.Why{Why: why}, done: incidentState, next: incidentNext}, nil
		},
	})
}

func (t *tool) incidentClose() *cobra.Command {
	var in api.NewIncidentClosing
	var outcome string
	return t.verb(verb{
		use: "close INCIDENT", short: "Ends an incident; what was imposed for it stays in force until it is lifted", compares: true,
		example: `  certgate incident close inc_... --outcome benign --why "a load test that they had announced"`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&outcome, "outcome", "", "confirmed, false-alarm (it did not happen) or benign (it happened, and was allowed or harmless)")
			c.Flags().BoolVar(&in.Stays, "stays", false, "of a benign one that rules detected: what they saw has come to stay, and is usual from now on")
			incidentWhy(c, &in.Why, "what it came to")
		},
		needs: []string{"outcome", "why"},
		do: func(args []string, _ string) (change, error) {
			in.Outcome = gate.IncidentOutcome(outcome)
			return change{path: pathTo("/v1/incidents/%s/closing", args[0]), body: in, done: incidentState, next: incidentNext}, nil
		},
	})
}

// incidentState says in a line what an incident is now.
func incidentState(o object) string {
	line := "incident " + o.text("id") + " is " + o.text("state")
	if outcome := o.text("closed.outcome"); outcome != "" {
		line += " as " + outcome
	}
	if o.text("security.at") != "" {
		line += ", marked as a security incident"
	}
	return line
}

// incidentNext says what an open incident waits for, and what a closed one has left in force.
func incidentNext(o object) []string {
	id := o.text("id")
	if o.text("state") == string(gate.IncidentIsClosed) {
		if o.text("remediations") == "" {
			return nil
		}
		return []string{"certgate remediation list --account " + o.text("account") + "  (is anything in force that need not be?)"}
	}
	switch o.text("state") {
	case string(gate.IncidentIsAppealed):
		return []string{"certgate incident answer " + id + " --grant|--refuse --why REASON  (not by who wrote it down or imposed; the customer is told)"}
	case string(gate.IncidentIsHeld):
		return []string{"certgate incident release " + id + " --why TEXT  (steps by themselves may go on)", closing(id)}
	}
	if o.text("plan.due") != "" && o.text("plan.done.at") == "" {
		return []string{"certgate incident plan-done " + id + " --why TEXT  (due on " + o.text("plan.due") + ")"}
	}
	lines := []string{
		"certgate remediation impose --on " + o.text("subject.kind") + ":" + o.text("subject.id") + " --incident " + id + " --why REASON  (suspends, and tells the customer)",
		"certgate incident note " + id + " --why TEXT",
	}
	if o.text("remediations") != "" {
		lines = append(lines, "certgate incident appeal "+id+" --text TEXT  (what the customer says against it)")
	}
	return append(lines, closing(id))
}

func closing(id string) string {
	return "certgate incident close " + id + " --outcome confirmed|false-alarm|benign --why TEXT"
}
