package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) certificationReport() *cobra.Command {
	var in api.NewChangeReport
	var kind string
	kinds := make([]string, 0, len(gate.ChangeKinds()))
	for _, k := range gate.ChangeKinds() {
		kinds = append(kinds, string(k))
	}
	return t.verb(verb{
		use: "report-change CASE", short: "Notes a change to a certified integration; somebody else judges it", compares: true,
		example: `  certgate certification report-change cas_... --kind hosting --text "moves to another cloud in May"`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&kind, "kind", "", strings.Join(kinds, ", "))
			c.Flags().StringVar(&in.Text, "text", "", "what has changed, one line")
		},
		needs: []string{"kind", "text"},
		do: func(args []string, _ string) (change, error) {
			in.Kind = gate.ChangeKind(kind)
			ch := step(pathTo("/v1/certifications/%s/changes", args[0]), in)
			ch.next = func(o object) []string {
				changes, _ := o["changes"].([]any)
				return []string{"certgate certification judge-change " + o.text("id") + " " + strconv.Itoa(len(changes)-1) +
					" --material --why REASON  (or --immaterial; an approver who did not report it)"}
			}
			return ch, nil
		},
	})
}

func (t *tool) certificationJudge() *cobra.Command {
	material := eitherFlag{yes: "material", no: "immaterial",
		whenYes: "the change must be certified within 30 days; later calls are refused", when: "the certification goes on as it is"}
	return t.verb(verb{
		use: "judge-change CASE NUMBER", short: "Says whether a reported change is material; changes are numbered from 0", reason: true, compares: true,
		flags: material.add,
		do: func(args []string, why string) (change, error) {
			if _, err := strconv.ParseUint(args[1], 10, 31); err != nil {
				return change{}, usagef("NUMBER %q must be that of a reported change, counted from 0", gate.Clip(args[1], 40))
			}
			answer, err := material.answer()
			ch := step(pathTo("/v1/certifications/%s/changes/%s/judgment", args...), api.Judgment{Material: answer, Why: why})
			ch.done, ch.next = recertifyState, afterDemand
			return ch, err
		},
	})
}

// recertifyState says until when a change has to be certified.
func recertifyState(o object) string {
	if due := o.text("recertify_by"); due != "" {
		return caseState(o) + ", to be certified anew by " + due
	}
	return caseState(o)
}

// afterDemand says what a recertification takes.
func afterDemand(o object) []string {
	id := o.text("id")
	if o.text("recertify_by") == "" {
		return nil
	}
	if missing := o.text("missing"); missing != "" {
		return []string{"missing: " + missing, "certgate certification update-profile " + id + " --documents REFERENCE", "certgate certification schedule " + id + " --at TIME"}
	}
	return []string{"certgate certification approve-change " + id + " --why REASON  (an approver who did not interview)"}
}

// certificationUpdate hands in the profile after a change. What is not named is as it was certified.
func (t *tool) certificationUpdate() *cobra.Command {
	var in api.NewProfile
	var behaviors, purposes []string
	c := t.compares(&cobra.Command{
		Use: "update-profile CASE", Short: "Hands in the profile as it is after a change, and says where its documents are held", Args: arguments("CASE"),
		Long:    "Hands in the profile as it is after a change; what is not named is as it was certified. It counts once approve-change has certified it.",
		Example: `  certgate certification update-profile cas_... --hosting "another cloud" --documents DMS-4720`,
	})
	f := c.Flags()
	f.StringVar(&in.Documents, "documents", "", "where the updated documents are held")
	f.StringArrayVar(&behaviors, "behavior", nil, "behavior to be certified; name all of them")
	f.StringArrayVar(&purposes, "purpose", nil, "purpose to be certified; name all of them")
	hosting, storage := f.String("hosting", "", "where the integration runs"), f.String("key-storage", "", "how key and private key are kept")
	networks := f.StringArray("network", nil, "network that calls come from; name all of them")
	volume := f.Int64("daily-volume", 0, "expected calls a day")
	return require(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		client, err := t.client()
		if err != nil {
			return err
		}
		found, err := client.Certification(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		in.Profile = found.Profile
		declared, err := networksOf(*networks)
		if err != nil {
			return err
		}
		for flag, set := range map[string]func(){
			"behavior": func() { in.Profile.Grant.Behaviors = behaviors }, "purpose": func() { in.Profile.Grant.Purposes = purposesOf(purposes) },
			"hosting": func() { in.Profile.Hosting = *hosting }, "key-storage": func() { in.Profile.KeyStorage = *storage },
			"network":      func() { in.Profile.Networks = declared },
			"daily-volume": func() { in.Profile.DailyVolume = *volume },
		} {
			if f.Changed(flag) {
				set()
			}
		}
		ch := step(pathTo("/v1/certifications/%s/profile", args[0]), in)
		ch.done, ch.next = recertifyState, afterDemand
		return t.send(cmd, ch)
	}), "documents")
}

func (t *tool) certificationJoin() *cobra.Command {
	var in api.Joiner
	return t.verb(verb{
		use: "join CASE", short: "Lets another production device of the same integration be covered", reason: true, compares: true,
		example: `  certgate certification join cas_... --device acme/main/prod-2 --why "the same engine at the second site"`,
		flags:   func(c *cobra.Command) { c.Flags().StringVar(&in.Device, "device", "", "device that joins") },
		needs:   []string{"device"},
		do: func(args []string, why string) (change, error) {
			in.Why = why
			ch := step(pathTo("/v1/certifications/%s/devices", args[0]), in)
			ch.next = func(o object) []string {
				return []string{"certgate certification release " + o.text("id") + " --device " + in.Device + "  (an issuer who let nobody join)"}
			}
			return ch, nil
		},
	})
}
