package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) incidentShow() *cobra.Command {
	c := &cobra.Command{Use: "show INCIDENT", Short: "Shows an incident: the evidence, what was done, and what waits", Args: arguments("INCIDENT"),
		Long:    "Shows what people need to judge an incident: each number that rules saw beside its threshold, the steps with their reasons, appeals and answers.",
		Example: "  certgate incident show inc_..."}
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		client, err := t.client()
		if err != nil {
			return err
		}
		body, err := client.Get(cmd.Context(), pathTo("/v1/incidents/%s", args[0]))
		if err != nil {
			return err
		}
		var o object
		if err := json.Unmarshal(body, &o); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if t.flags.json {
			err = printJSON(cmd.OutOrStdout(), body)
		} else {
			var i api.Incident
			if err := json.Unmarshal(body, &i); err != nil {
				return fmt.Errorf("read the answer: %w", err)
			}
			printIncident(cmd.OutOrStdout(), &i)
		}
		t.suggest(cmd, incidentNext(o)...)
		return err
	})
}

// printIncident tells an incident from its opening to its end. What others wrote is made visible before it is printed.
func printIncident(out io.Writer, i *api.Incident) {
	say := func(format string, args ...any) { fmt.Fprintln(out, visible(fmt.Sprintf(format, args...))) }
	say("%s is %s: %s, about %s %s of %s", i.ID, i.State, i.Origin, i.Subject.Kind, i.Subject.ID, i.Account)
	say("opened %s", told(&i.Opened))
	printEvidence(say, i)
	for n := range i.Steps {
		printStep(say, &i.Steps[n])
	}
	for _, id := range i.Remediations {
		say("imposed: %s", id)
	}
	for n := range i.Holds {
		say("held %s", told(&i.Holds[n].Began))
		if end := i.Holds[n].Ended; end != nil {
			say("  released %s", told(end))
		}
	}
	for n := range i.Appeals {
		printAppeal(say, &i.Appeals[n])
	}
	if p := i.Plan; p != nil {
		say("plan, due on %s: %s", p.Due, oneLine(p.Text))
		say("  agreed %s", told(&p.Agreed))
		if p.Done != nil {
			say("  done %s", told(p.Done))
		}
	}
	if b := i.Barred; b != nil {
		say("barred until %s, %s", minuteOf(b.Until), told(&b.Act))
	}
	for n := range i.Notes {
		say("note %s", told(&i.Notes[n]))
	}
	if i.Security != nil {
		say("marked as a security incident %s", told(i.Security))
	}
	if c := i.Closed; c != nil {
		stays := ""
		if c.Stays {
			stays = ", and what was seen is usual from then on"
		}
		say("closed as %s%s %s", c.Outcome, stays, told(&c.Act))
	}
}

func printEvidence(say func(string, ...any), i *api.Incident) {
	for n := range i.Evidence {
		e := &i.Evidence[n]
		what := fmt.Sprintf("weighs %d, asks for %s", e.Weight, e.Asks)
		if e.Observed != "" {
			what = "nothing follows: " + e.Observed
		}
		say("evidence %s: %s of %s %s, %s to %s; %s", minuteOf(e.At), e.Rule, e.Subject.Kind, e.Subject.ID, minuteOf(e.From), minuteOf(e.To), what)
		for _, f := range e.Figures {
			say("  %s: %s, threshold %s", f.Name, plain(f.Seen), plain(f.Limit))
		}
	}
	if i.MoreEvidence > 0 {
		say("and %d findings more than are kept", i.MoreEvidence)
	}
}

func printStep(say func(string, ...any), s *gate.Step) {
	line := fmt.Sprintf("step %s by %s: %s", minuteOf(s.At), who(s.By), s.Rung)
	if s.Remediation != "" {
		line += " " + string(s.Remediation)
	}
	if s.Notice != "" {
		line += ", told in " + string(s.Notice)
	}
	say("%s", line)
	for _, f := range []struct{ name, text string }{{"policy", s.Policy.Version}, {"risk", s.Policy.Risk}, {"scope", s.Policy.Scope},
		{"alternatives", s.Policy.Alternatives}, {"duration", s.Policy.Duration}} {
		if f.text != "" {
			say("  %s: %s", f.name, oneLine(f.text))
		}
	}
}

func printAppeal(say func(string, ...any), a *gate.Appeal) {
	from := "sent by the customer"
	if a.By != "" {
		from = "written down by " + who(a.By)
	}
	say("appeal %s, %s: %s", minuteOf(a.At), from, oneLine(a.Text))
	switch answer := a.Answer; {
	case answer == nil:
		say("  WAITS for an answer")
	case answer.Granted:
		say("  granted %s", told(&answer.Act))
	default:
		say("  refused %s", told(&answer.Act))
	}
}

// told is an act in a line: when, by whom, and why.
func told(a *gate.Act) string {
	line := minuteOf(a.At) + " by " + who(a.By)
	if a.Why != "" {
		line += ": " + oneLine(a.Why)
	}
	return line
}

func who(by gate.StaffID) string {
	if by == gate.System {
		return "certgate"
	}
	return string(by)
}

// oneLine keeps what somebody wrote from looking like lines of the tool.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
