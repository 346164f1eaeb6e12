package cli

import (
	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) certificationCommand() *cobra.Command {
	return t.connected(t.group(&cobra.Command{Use: "certification", Short: "Cases: request, interview, approve, release, revoke"},
		t.certificationRequest(),
		t.certificationList(),
		t.leaf(&cobra.Command{Use: "owed", Short: "Lists approved cases whose credential is owed, the most urgent first"}, func(cmd *cobra.Command, _ []string) error {
			_, err := t.whole(cmd, "/v1/issuance", []column{
				{"DUE", "issuance_due"}, {"CLOCK", "issuance"}, {"ID", "id"}, {"ACCOUNT", "account"}, {"DEVICES", "devices"}})
			return err
		}),
		t.certificationShow(),
		t.certificationSchedule(), t.interviewEnd("cancel-interview", "cancellation", "Calls the planned interview off, and takes it out of the calendars"),
		t.interviewEnd("miss-interview", "absence", "Notes that somebody did not come to the planned interview"), t.certificationRecord(),
		t.certificationRecording(), t.certificationEvidence(), t.certificationQuestions(), t.certificationAnswer(),
		t.certificationRaise(), t.certificationAnswerFinding(), t.certificationCloseFinding(),
		t.certificationApprove(),
		t.caseEnd("reject", "rejection", "Decides a certification against the customer"),
		t.caseEnd("withdraw", "withdrawal", "Ends an undecided certification at the customer's wish"),
		t.certificationReport(), t.certificationJudge(), t.certificationRecertify(), t.certificationUpdate(),
		t.verb(verb{
			use: "approve-change CASE", short: "Certifies what has changed, after a further interview; nobody who interviewed may", reason: true, compares: true,
			do: func(args []string, why string) (change, error) {
				return step(pathTo("/v1/certifications/%s/recertification/approval", args[0]), api.Why{Why: why}), nil
			}}),
		t.certificationJoin(),
		t.caseEnd("revoke", "revocation", "Ends an approved certification for cause, from the next request on"),
		t.certificationRelease(),
	))
}

// step is a change of a case whose answer is the case.
func step(path string, body any) change {
	return change{path: path, body: body, done: caseState, next: afterStep}
}

func caseState(o object) string { return "certification " + o.text("id") + " is " + o.text("state") }

// afterStep says who has to do what now.
func afterStep(o object) []string {
	id := o.text("id")
	switch o.text("state") {
	case gate.Requested.String():
		return []string{"certgate certification schedule " + id + " --at TIME"}
	case gate.IssuesFound.String():
		return afterFindings(o)
	case gate.Scheduled.String(), gate.FollowUpScheduled.String():
		return []string{"certgate certification record " + id + " --file interview.yaml  (certgate certification record --example shows one)"}
	case gate.Interviewed.String():
		if missing := o.text("missing"); missing != "" {
			return []string{"missing for approval: " + missing}
		}
		return []string{"certgate certification approve " + id + "  (an approver who did not interview)"}
	case gate.InForce.String(), gate.Lapsed.String():
		return afterDemand(o)
	case gate.Rejected.String(), gate.Withdrawn.String(), gate.CertificationRevoked.String():
		return []string{"certgate certification request ACCOUNT --device DEVICE --behavior NAME --purpose TREAT --hosting TEXT --key-storage TEXT  (a new case, once it is time)"}
	case gate.Approved.String():
		return []string{"certgate certification release " + id + " --device DEVICE  (an issuer who did not approve)"}
	}
	return nil
}

func (t *tool) certificationSchedule() *cobra.Command {
	var at string
	var in api.NewInterview
	return t.verb(verb{
		use: "schedule CASE", short: "Plans an interview and sends the invitation; one that is planned already is moved", compares: true,
		example: "  certgate certification schedule cas_... --at 2027-01-12T15:00:00-05:00 --interviewer ben --link https://meet.example.com/abc",
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&at, "at", "", "when, such as 2027-01-12T15:00:00-05:00")
			c.Flags().StringVar(&in.Interviewer, "interviewer", "", "staff member who holds it (default: you)")
			c.Flags().StringVar(&in.Link, "link", "", "of the meeting, such as https://meet.example.com/abc")
			c.Flags().IntVar(&in.Minutes, "minutes", 0, "how long it lasts (default 60)")
			c.Flags().IntSliceVar(&in.Findings, "finding", nil, "number of a finding that a follow-up takes up; repeat for more")
		},
		needs: []string{"at"},
		do: func(args []string, _ string) (change, error) {
			var err error
			in.At, err = parseTime("at", at)
			return step(pathTo("/v1/certifications/%s/interviews", args[0]), in), err
		},
	})
}

func (t *tool) certificationApprove() *cobra.Command {
	var why string
	return t.verb(verb{
		use: "approve CASE", short: "Decides a certification for the customer; nobody who interviewed may", compares: true,
		flags: func(c *cobra.Command) { c.Flags().StringVar(&why, "why", "", "what convinced you") },
		do: func(args []string, _ string) (change, error) {
			return step(pathTo("/v1/certifications/%s/approval", args[0]), api.Approval{Why: why}), nil
		},
	})
}

// caseEnd is a command that ends a case for a reason.
func (t *tool) caseEnd(use, resource, short string) *cobra.Command {
	return t.verb(verb{use: use + " CASE", short: short, reason: true, compares: true, do: func(args []string, why string) (change, error) {
		return step(pathTo("/v1/certifications/%s/"+resource, args[0]), api.Why{Why: why}), nil
	}})
}

func (t *tool) certificationRecertify() *cobra.Command {
	var due string
	return t.verb(verb{
		use: "recertify CASE", short: "Demands that a material change be certified by a time; later calls are refused", reason: true, compares: true,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&due, "due", "", "by when, such as 2027-03-31T16:00:00Z")
		},
		needs: []string{"due"},
		do: func(args []string, why string) (change, error) {
			by, err := parseTime("due", due)
			return step(pathTo("/v1/certifications/%s/recertification", args[0]), api.Recertification{Due: by, Why: why}), err
		},
	})
}

func (t *tool) certificationRelease() *cobra.Command {
	var in api.Release
	return t.verb(verb{
		use: "release CASE", short: "Lets the customer take a production credential; nobody who approved may", compares: true,
		long: "Sends a one-time link for the device to the technical contact of its account. An earlier link that is still open is replaced.",
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&in.Device, "device", "", "device that the certification covers")
		},
		needs: []string{"device"},
		do: func(args []string, _ string) (change, error) {
			return change{path: pathTo("/v1/certifications/%s/release", args[0]), body: in, done: released,
				next: func(object) []string { return []string{"certgate credential enrollments --device " + in.Device} }}, nil
		},
	})
}
