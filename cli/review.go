package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// certificationShow shows a case, or those of an account, as a checklist.
func (t *tool) certificationShow() *cobra.Command {
	var full bool
	c := &cobra.Command{
		Use: "show ACCOUNT|CASE", Short: "Shows a certification as a checklist: what is done, what is missing, and what to do next", Args: arguments("ACCOUNT|CASE"),
		Long: "Shows a certification as a checklist, with what the customer declared beside what its devices did in pre-production. Of an account it\n" +
			"shows the cases that are going on, or the last one.",
		Example: "  certgate certification show acme\n  certgate certification show cas_... --full",
	}
	c.Flags().BoolVar(&full, "full", false, "print everything that is kept of the case as well")
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		client, err := t.client()
		if err != nil {
			return err
		}
		ids := args
		if !strings.HasPrefix(args[0], gate.CertificationPrefix) {
			if ids, err = goingOn(cmd.Context(), client, args[0]); err != nil {
				return err
			}
		}
		reviews := make([]*api.Review, 0, len(ids))
		for _, id := range ids {
			r, err := client.Review(cmd.Context(), id)
			if err != nil {
				return err
			}
			reviews = append(reviews, r)
		}
		if t.flags.json {
			return printReviews(cmd.OutOrStdout(), reviews, len(args) == len(ids) && ids[0] == args[0])
		}
		if len(reviews) == 0 {
			fmt.Fprintf(cmd.OutOrStdout(), "account %s has no certification\n", args[0])
			t.suggest(cmd, "certgate certification request "+args[0]+" --device DEVICE --behavior BEHAVIOR --purpose PURPOSE --network NETWORK")
		}
		for i, r := range reviews {
			if i > 0 {
				fmt.Fprintln(cmd.OutOrStdout())
			}
			if err := printReview(cmd.OutOrStdout(), r, full); err != nil {
				return err
			}
			t.suggest(cmd, nextSteps(r)...)
		}
		return nil
	})
}

// goingOn are the cases of an account that are going on, or the last one.
func goingOn(ctx context.Context, client *api.Client, account string) ([]string, error) {
	if _, err := client.Account(ctx, account); err != nil {
		return nil, err
	}
	var going, all []string
	over := []gate.CertificationState{gate.Ended, gate.CertificationRevoked, gate.Rejected, gate.Withdrawn}
	for c, err := range api.Each(ctx, api.Query{Account: account}, client.Certifications) {
		if err != nil {
			return nil, err
		}
		all = append(all, string(c.ID))
		if !slices.ContainsFunc(over, func(s gate.CertificationState) bool { return s.String() == c.State }) {
			going = append(going, string(c.ID))
		}
	}
	if len(going) == 0 && len(all) > 0 {
		return all[len(all)-1:], nil
	}
	return going, nil
}

// printReviews prints each case as the API gives it, with its checklist and what was compared; one alone for a case that was named.
func printReviews(w io.Writer, reviews []*api.Review, one bool) error {
	items := make([]object, 0, len(reviews))
	for _, r := range reviews {
		text, err := json.Marshal(r.Certification)
		if err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
		var o object
		if err := json.Unmarshal(text, &o); err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
		o["checklist"], o["compared"], o["handed"] = r.Checklist, r.Compared, r.Handed
		items = append(items, o)
	}
	if one {
		return printJSON(w, items[0])
	}
	return printJSON(w, map[string]any{"items": items})
}

func printReview(w io.Writer, r *api.Review, full bool) error {
	c := r.Certification
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "case\t%s\nstate\t%s\naccount\t%s\ncontract\t%s\n", c.ID, c.State, visible(r.Account), c.Contract)
	for _, line := range [][2]string{{"hosting", c.Profile.Hosting}, {"key storage", c.Profile.KeyStorage}} {
		fmt.Fprintf(table, "%s\t%s\n", line[0], cell(visible(line[1])))
	}
	fmt.Fprintf(table, "calls a day\t%d\n\n", c.Profile.DailyVolume)
	for _, item := range r.Checklist {
		mark := "[ ]"
		if item.Done {
			mark = "[x]"
		}
		text := item.Text
		if item.Device != "" {
			text = deviceName(r, item.Device) + ": " + text
		}
		fmt.Fprintf(table, "%s %s\t%s\n", mark, item.Step, visible(text))
	}
	for _, l := range r.Undelivered {
		fmt.Fprintf(table, "[!] link not delivered\t%s: notice %s: %s\n", l.Device, l.Notice, visible(l.Problem))
	}
	for _, h := range r.Handed {
		acknowledged := "not acknowledged"
		if h.Acknowledged != nil {
			acknowledged = "acknowledged " + h.Acknowledged.UTC().Format("2006-01-02 15:04Z")
		}
		fmt.Fprintf(table, "handed over\t%s: %s and %s at %s, %s\n", h.Device, h.Key, h.Certificate, h.At.UTC().Format("2006-01-02 15:04Z"), acknowledged)
	}
	fmt.Fprintln(table)
	for _, x := range r.Compared {
		seen := ""
		if x.First != nil && x.Last != nil {
			seen = "from " + x.First.UTC().Format("2006-01-02 15:04Z") + " to " + x.Last.UTC().Format("2006-01-02 15:04Z")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", x.Aspect, visible(x.Name), verdicts[x.Verdict], seen)
	}
	for _, e := range c.Evidence {
		fmt.Fprintf(table, "evidence\t%s\t%s\t%s\n", e.Kind, visible(e.Reference), e.HashSource)
	}
	if err := table.Flush(); err != nil || !full {
		return err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	fmt.Fprintln(w)
	return printDetail(w, text)
}

// verdicts are what people read of a comparison.
var verdicts = map[gate.Verdict]string{
	gate.WasShown:    "declared, and shown in pre-production",
	gate.NeverShown:  "declared, NEVER SHOWN in pre-production",
	gate.Beyond:      "NOT DECLARED, but seen in pre-production",
	gate.NotDeclared: "seen in pre-production; none were declared",
}

// nextSteps says what to do about what is not done, in the order of the checklist.
func nextSteps(r *api.Review) (lines []string) {
	c := r.Certification
	id, open := string(c.ID), len(c.Missing) > 0
	for _, item := range r.Checklist {
		if item.Done {
			continue
		}
		switch item.Step {
		case gate.DecisionStep:
			if !open && c.Planned() == nil {
				lines = append(lines, "certgate certification approve "+id+"  (an approver who did not interview)")
			}
		case gate.RecertifyStep:
			if !open {
				lines = append(lines, "certgate certification approve-change "+id+" --why REASON  (an approver who did not interview)")
			}
		default:
			lines = append(lines, nextStep(r, item)...)
		}
	}
	for _, l := range r.Undelivered {
		lines = append(lines, afterBounce(string(l.Notice), r.Account, "certgate certification release "+id+" --device "+l.Device)...)
	}
	return slices.Compact(lines)
}

// nextStep says what to do about one item.
func nextStep(r *api.Review, item gate.ChecklistItem) []string {
	c := r.Certification
	id := string(c.ID)
	switch decided := c.Rejected != nil || c.Withdrawn != nil || c.Revoked != nil || c.State == gate.Ended.String(); {
	case decided:
		return nil
	case item.Step == gate.InterviewStep && c.Planned() != nil:
		return []string{"certgate certification record " + id + " --file interview.yaml  (certgate certification record --example shows one)"}
	case (item.Step == gate.ConsentStep || item.Step == gate.DemoStep) && c.Planned() != nil:
		return []string{"certgate certification record " + id + " --file interview.yaml --recording FILE"}
	case item.Step == gate.InterviewStep, item.Step == gate.ConsentStep, item.Step == gate.DemoStep:
		return []string{"certgate certification schedule " + id + " --at TIME --link LINK"}
	}
	switch item.Step {
	case gate.RecordingStep:
		return []string{"certgate certification recording " + id + " --reference WHERE --file FILE"}
	case gate.QuestionsStep:
		return []string{"certgate certification answer " + id + " --file answers.yaml  (certgate certification record --example shows the form)"}
	case gate.FindingsStep:
		return afterFindings(objectOf(c))
	case gate.ProfileStep:
		return []string{"certgate certification update-profile " + id + " --documents REFERENCE"}
	case gate.DevicesStep:
		return []string{"certgate certification withdraw " + id + " --why REASON  (and request it with a --device)"}
	case gate.ContractStep:
		return []string{"certgate contract create " + r.Account + "  (and request a certification under it)"}
	case gate.AgreementStep:
		return []string{"certgate contract amend " + string(c.Contract) + " --agreement " + string(item.Agreement) + "=REFERENCE@DAY --why REASON"}
	case gate.ReleaseStep:
		lines := make([]string, 0, len(r.Devices))
		for _, device := range r.Devices {
			lines = append(lines, "certgate certification release "+id+" --device "+device+"  (an issuer who did not approve)")
		}
		return lines
	case gate.EnrollStep:
		lost := slices.ContainsFunc(r.Undelivered, func(l api.UndeliveredLink) bool { return l.Device == deviceName(r, item.Device) })
		if c.Released != nil && !lost {
			return []string{"certgate credential enrollments --device " + deviceName(r, item.Device) + "  (is the link open? release sends another)"}
		}
	default:
	}
	return nil
}

// deviceName is the slug path of a device of the case.
func deviceName(r *api.Review, id gate.DeviceID) string {
	if i := slices.Index(r.Certification.Devices, id); i >= 0 && i < len(r.Devices) {
		return r.Devices[i]
	}
	return string(id)
}

// objectOf is a case as the API gave it.
func objectOf(c *api.Certification) (o object) {
	text, err := json.Marshal(c)
	if err != nil || json.Unmarshal(text, &o) != nil {
		return object{}
	}
	return o
}
