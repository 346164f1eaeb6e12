package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// findingNumber checks an argument that is the number of a finding.
func findingNumber(text string) error {
	if _, err := strconv.ParseUint(text, 10, 31); err != nil {
		return usagef("NUMBER %q must be that of a finding, counted from 0", gate.Clip(text, 40))
	}
	return nil
}

// certificationRaise raises a finding outside an interview.
func (t *tool) certificationRaise() *cobra.Command {
	var in gate.NewFinding
	var severity string
	return t.verb(verb{
		use: "add-finding CASE", short: "Raises a finding outside an interview; the customer is told", compares: true,
		example: `  certgate certification add-finding cas_... --text "The penetration test is three years old" --severity high --due 2027-03-31`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&in.Text, "text", "", "what is wanting, one line")
			c.Flags().StringVar(&severity, "severity", "", "low, medium, high or critical")
			c.Flags().StringVar(&in.Due, "due", "", fmt.Sprintf("until when the customer answers: a day in its zone, or a time (default: %d days)", gate.AnswerDays))
		},
		needs: []string{"text", "severity"},
		do: func(args []string, _ string) (change, error) {
			in.Severity = gate.Severity(severity)
			return step(pathTo("/v1/certifications/%s/findings", args[0]), in), nil
		},
	})
}

// certificationAnswerFinding takes the customer's answer to a finding.
func (t *tool) certificationAnswerFinding() *cobra.Command {
	var in api.FindingAnswer
	var file, came string
	return t.verb(verb{
		use: "answer-finding CASE NUMBER", short: "Takes the customer's written answer to a finding; findings are numbered from 0", compares: true,
		long: "Takes the customer's written answer to a finding. With --file the file is hashed here; it is not sent, keep it where --reference says.",
		example: `  certgate certification answer-finding cas_... 0 --text "Two engineers, twice a year"
  certgate certification answer-finding cas_... 0 --reference DMS-4731 --file answer.pdf --came-in 2027-03-12T09:30:00Z`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&in.Text, "text", "", "what the customer answered")
			c.Flags().StringVar(&in.Reference, "reference", "", "where the answer, or what came with it, is held")
			c.Flags().StringVar(&file, "file", "", "the document itself, to be hashed")
			c.Flags().StringVar(&came, "came-in", "", "when the answer came in (default: now)")
		},
		do: func(args []string, _ string) (change, error) {
			if err := findingNumber(args[1]); err != nil {
				return change{}, err
			}
			if in.Text == "" && in.Reference == "" {
				return change{}, usagef("--text or --reference must be given: what the customer answered, or where the answer is held")
			}
			if came != "" {
				at, err := parseTime("came-in", came)
				if err != nil {
					return change{}, err
				}
				in.CameIn = &at
			}
			var err error
			if file != "" {
				if in.Reference == "" {
					return change{}, usagef("--reference is missing: where is --file held?")
				}
				in.SHA256, err = hashFile(file)
				in.HashSource = gate.ComputedHash
			}
			return step(pathTo("/v1/certifications/%s/findings/%s/answer", args...), in), err
		},
	})
}

func (t *tool) certificationCloseFinding() *cobra.Command {
	return t.verb(verb{
		use: "close-finding CASE NUMBER", short: "Notes how a finding was settled; findings are numbered from 0", reason: true, compares: true,
		do: func(args []string, why string) (change, error) {
			if err := findingNumber(args[1]); err != nil {
				return change{}, err
			}
			return step(pathTo("/v1/certifications/%s/findings/%s/closing", args...), api.Why{Why: why}), nil
		},
	})
}

// afterFindings says what each open finding needs.
func afterFindings(o object) (lines []string) {
	id := o.text("id")
	var unanswered []string
	list, _ := o["findings"].([]any)
	for _, item := range list {
		f, _ := item.(map[string]any)
		finding := object(f)
		n := finding.text("number")
		switch finding.text("state") {
		case gate.FindingAnswered.String():
			lines = append(lines, "certgate certification close-finding "+id+" "+n+" --why REASON  (it was answered; is that enough?)")
		case gate.FindingOverdue.String():
			unanswered = append(unanswered, n)
			lines = append(lines, "certgate certification answer-finding "+id+" "+n+" --text ANSWER  (OVERDUE since "+shortTime(finding.text("due"))+")")
		case gate.FindingOpen.String():
			unanswered = append(unanswered, n)
			note := ""
			if due := finding.text("due"); due != "" {
				note = "  (the customer may answer until " + shortTime(due) + ")"
			}
			lines = append(lines, "certgate certification answer-finding "+id+" "+n+" --text ANSWER"+note)
		}
	}
	if len(unanswered) > 0 && o.text("state") == gate.IssuesFound.String() {
		lines = append(lines, "certgate certification schedule "+id+" --at TIME --finding "+strings.Join(unanswered, " --finding ")+"  (or a follow-up)")
	}
	return lines
}

// shortTime shows a time as tables do.
func shortTime(s string) string {
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at.UTC().Format("2006-01-02 15:04Z")
	}
	return s
}

// certificationList lists cases.
func (t *tool) certificationList() *cobra.Command {
	var account, state, findings string
	c := &cobra.Command{Use: "list", Short: "Lists certifications; --findings overdue shows those that wait for a customer too long"}
	c.Flags().StringVar(&account, "account", "", "only those of this account (slug or id)")
	c.Flags().StringVar(&state, "state", "", "only those in this state; a wrong one is answered with the list of states")
	c.Flags().StringVar(&findings, "findings", "", "only those with a finding that is open, overdue, follow-up, answered or closed")
	return t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		return t.list(cmd, listing{path: "/v1/certifications", query: map[string][]string{"account": {account}, "state": {state}, "findings": {findings}}, columns: []column{
			{"ID", "id"}, {"STATE", "state"}, {"ACCOUNT", "account"}, {"DEVICES", "devices"}, {"BEHAVIORS", "profile.grant.behaviors"},
			{"OPEN", "open_findings"}, {"OVERDUE", "overdue_findings"}, {"REQUESTED", "requested.at"}, {"RECERTIFY BY", "recertify_by"}},
			hint: overdueHint})
	})
}

// overdueHint says whose answers are overdue.
func overdueHint(items []object) (lines []string) {
	for _, o := range items {
		if o.text("overdue_findings") != "0" && o.text("overdue_findings") != "" {
			lines = append(lines, "certgate certification show "+o.text("id")+"  ("+o.text("overdue_findings")+" overdue)")
		}
	}
	return lines
}
