package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// certificationRequest opens a case. The account is named for people; what the API needs is the contract.
func (t *tool) certificationRequest() *cobra.Command {
	var in api.NewCertification
	var contract string
	var purposes []string
	c := t.changes(&cobra.Command{
		Use: "request ACCOUNT", Short: "Opens a certification: the devices it shall cover, and the profile that the customer declares", Args: arguments("ACCOUNT"),
		Example: `  certgate certification request acme --device acme/main/prod-1 --behavior fhir-query --purpose TREAT \
    --network 203.0.113.0/24 --hosting "own data center" --key-storage "hardware module" --daily-volume 20000`,
	})
	f := c.Flags()
	f.StringVar(&contract, "contract", "", "contract with which it ends (default: the account's only one that has not ended)")
	f.StringArrayVar(&in.Devices, "device", nil, "production device that it covers; repeat for more")
	f.StringArrayVar(&in.Profile.Grant.Behaviors, "behavior", nil, "behavior that is certified; repeat for more")
	f.StringArrayVar(&purposes, "purpose", nil, "purpose that is certified: TREAT, HPAYMT, HOPERAT or PATRQT; repeat for more")
	networks := f.StringArray("network", nil, "network that calls come from, such as 203.0.113.0/24; repeat for more")
	f.StringVar(&in.Profile.Hosting, "hosting", "", "where the integration runs")
	f.StringVar(&in.Profile.KeyStorage, "key-storage", "", "how key and private key are kept")
	f.Int64Var(&in.Profile.DailyVolume, "daily-volume", 0, "expected calls a day")
	return require(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		if contract == "" {
			var err error
			if contract, err = t.onlyContract(cmd.Context(), args[0]); err != nil {
				return err
			}
		}
		var err error
		if in.Profile.Networks, err = networksOf(*networks); err != nil {
			return err
		}
		in.Contract, in.Profile.Grant.Purposes = gate.ContractID(contract), purposesOf(purposes)
		return t.send(cmd, step("/v1/certifications", in))
	}), "device", "behavior", "purpose")
}

// networksOf reads networks; an address alone is a network of its own.
func networksOf(texts []string) (list []netip.Prefix, err error) {
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return nil, usagef("--network %q must be a network such as 203.0.113.0/24, or an address", gate.Clip(text, 60))
			}
			network = netip.PrefixFrom(a, a.BitLen())
		}
		list = append(list, network)
	}
	return list, nil
}

// onlyContract finds the one contract of an account that has not ended.
func (t *tool) onlyContract(ctx context.Context, account string) (string, error) {
	c, err := t.client()
	if err != nil {
		return "", err
	}
	var found []string
	for contract, err := range api.Each(ctx, api.Query{Account: account}, c.Contracts) {
		if err != nil {
			return "", err
		}
		if contract.State != gate.ContractEnded.String() {
			found = append(found, string(contract.ID))
		}
	}
	switch len(found) {
	case 0:
		return "", gate.Errorf(gate.Conflict, "account %s has no contract that has not ended; see certgate contract create", gate.Clip(account, 60))
	case 1:
		return found[0], nil
	}
	return "", usagef("account %s has several contracts; say which with --contract: %s", gate.Clip(account, 60), strings.Join(found, ", "))
}

// interviewExample is what an interview's file looks like. A test holds it to the API's form.
func interviewExample() string {
	var s strings.Builder
	s.WriteString(`# What an interview yielded, for: certgate certification record CASE --file interview.yaml
attendees:
  - {name: Ann Lee, consented: true}
  - {name: ben, consented: true}
recording:
  reference: recordings/2027/acme.mp4   # where it is held; may follow: certgate certification recording CASE --reference ...
  # With --recording FILE the file is hashed. A sha256 that stands here is kept as typed.
demo_shown: true
# Each question is answered (text) or does not apply (not_applicable, with the reason). One with neither, which nobody could answer,
# becomes a finding; one left out must have been answered in writing, or is answered in a follow-up.
answers:
`)
	for _, q := range gate.Questions(gate.QuestionsVersion) {
		fmt.Fprintf(&s, "  # %s: %s\n  - question: %s\n", q.Topic, q.Text, q.ID)
		if q.ID == "gateway-readiness" {
			s.WriteString("    not_applicable: only queries are made\n")
		} else {
			s.WriteString("    text: As the security handbook says, section 4.\n")
		}
	}
	s.WriteString(`# What was not good enough; each must be closed before approval. severity is low, medium, high or critical; due is a day or a time,
# 14 days from now if it is left out. The customer is told at once.
findings: []
#  - {text: Say who may read the private key., severity: high, due: 2027-03-31}
`)
	return s.String()
}

// certificationQuestions lists what customers are asked.
func (t *tool) certificationQuestions() *cobra.Command {
	var version int
	c := &cobra.Command{Use: "questions", Short: "Lists the questions that customers are asked; a case keeps the version that it was opened with", Args: cobra.NoArgs}
	c.Flags().IntVar(&version, "version", 0, "version of the list (default: what new cases are asked); show CASE says which one a case is asked")
	return t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		client, err := t.client()
		if err != nil {
			return err
		}
		page, err := client.Questions(cmd.Context())
		if err != nil {
			return err
		}
		if t.flags.json {
			return printJSON(cmd.OutOrStdout(), page)
		}
		out := cmd.OutOrStdout()
		for _, list := range page.Items {
			if wanted := list.Version == version || version == 0 && list.Current; !wanted {
				continue
			}
			fmt.Fprintf(out, "version %d of %d\n", list.Version, len(page.Items))
			for _, q := range list.Questions {
				fmt.Fprintf(out, "%-20s %-14s %s\n", q.ID, q.Topic, q.Text)
			}
			return nil
		}
		return usagef("--version %d: there are versions 1 to %d", version, len(page.Items))
	})
}

// certificationAnswer takes written answers from a file.
func (t *tool) certificationAnswer() *cobra.Command {
	var file string
	c := t.compares(&cobra.Command{
		Use: "answer CASE", Short: "Takes the customer's written answers from a YAML or JSON file with the list answers", Args: arguments("CASE"),
		Example: "  certgate certification record --example > answers.yaml  (keep its answers)\n  certgate certification answer cas_... --file answers.yaml",
	})
	c.Flags().StringVar(&file, "file", "", "YAML or JSON file with the answers; - is standard input")
	return require(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		d, _, err := readRecord(cmd, file)
		if err != nil {
			return err
		}
		return t.sendDocument(cmd, d, step(pathTo("/v1/certifications/%s/answers", args[0]), d.body))
	}), "file")
}

// readRecord reads a file of YAML or JSON, which the server looks at closely. Days stay as they are written.
func readRecord(cmd *cobra.Command, file string) (*document, map[string]any, error) {
	d, err := readDocument(cmd, file)
	if err != nil {
		return nil, nil, fmt.Errorf("--file: %w", err)
	}
	var record map[string]any
	if err := json.Unmarshal(d.body, &record); err != nil {
		return nil, nil, usagef("--file %s must hold names and values; certgate certification record --example shows one", file)
	}
	return d, record, nil
}

// sendDocument sends what a file holds, and looks mistakes up in it.
func (t *tool) sendDocument(cmd *cobra.Command, d *document, ch change) error {
	if err := t.send(cmd, ch); err != nil {
		return d.explain(cmd.ErrOrStderr(), err, "")
	}
	return nil
}

// certificationRecord records an interview from a file.
func (t *tool) certificationRecord() *cobra.Command {
	var file, interview, recording string
	var example bool
	c := t.compares(&cobra.Command{
		Use: "record CASE", Short: "Records an interview that was held, from a YAML or JSON file", Args: cobra.MaximumNArgs(1),
		Example: "  certgate certification record --example > interview.yaml\n  certgate certification record cas_... --file interview.yaml --recording acme.mp4",
	})
	f := c.Flags()
	f.StringVar(&file, "file", "", "YAML or JSON file with the record; - is standard input")
	f.StringVar(&recording, "recording", "", "file of the recording, to be hashed; it is not sent")
	f.StringVar(&interview, "interview", "", "which interview (default: the one that is planned)")
	f.BoolVar(&example, "example", false, "print a filled example and do nothing")
	return t.leaf(c, func(cmd *cobra.Command, args []string) error {
		switch {
		case example:
			fmt.Fprint(cmd.OutOrStdout(), interviewExample())
			return nil
		case len(args) == 0:
			return usagef("CASE is missing")
		case file == "":
			return usagef("--file is missing: YAML or JSON file with the record; --example prints one")
		}
		d, record, err := readRecord(cmd, file)
		if err != nil {
			return err
		}
		if err := addRecording(record, recording); err != nil {
			return err
		}
		if interview == "" {
			if interview, err = t.plannedInterview(cmd.Context(), args[0]); err != nil {
				return err
			}
		}
		return t.sendDocument(cmd, d, step(pathTo("/v1/certifications/%s/interviews/%s/record", args[0], interview), record))
	})
}

// interviewEnd is a command that ends the planned interview of a case for a reason.
func (t *tool) interviewEnd(use, resource, short string) *cobra.Command {
	var why, interview string
	c := t.compares(&cobra.Command{Use: use + " CASE", Short: short, Args: arguments("CASE")})
	c.Flags().StringVar(&why, "why", "", "the reason: it is kept for good, and the customer is told")
	c.Flags().StringVar(&interview, "interview", "", "which interview (default: the one that is planned)")
	return require(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		if interview == "" {
			var err error
			if interview, err = t.plannedInterview(cmd.Context(), args[0]); err != nil {
				return err
			}
		}
		return t.send(cmd, step(pathTo("/v1/certifications/%s/interviews/%s/"+resource, args[0], interview), api.Why{Why: why}))
	}), "why")
}

// plannedInterview finds the interview of a case that is still to be held.
func (t *tool) plannedInterview(ctx context.Context, id string) (string, error) {
	c, err := t.client()
	if err != nil {
		return "", err
	}
	found, err := c.Certification(ctx, id)
	if err != nil {
		return "", err
	}
	if v := found.Planned(); v != nil {
		return string(v.ID), nil
	}
	return "", gate.Errorf(gate.Conflict, "no interview is planned in this case; see certgate certification schedule")
}
