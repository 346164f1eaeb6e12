package cli

import (
	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) secretCommand() *cobra.Command {
	return t.connected(t.group(&cobra.Command{Use: "secret", Short: "The pepper under which keys are hashed: status, rotate, confirm"},
		t.hinter("status", "Shows the versions of the pepper and the keys under each; never the secret", "/v1/secret", secretToDo),
		t.secretRotate(), t.secretConfirm()))
}

func (t *tool) secretRotate() *cobra.Command {
	return t.verb(verb{
		use: "rotate --pepper", short: "Proposes a new pepper; a second admin must confirm", reason: true, compares: true,
		long: "Proposes a new version of the pepper under which keys are hashed; a second admin must confirm. Keys that are made from then on are hashed\n" +
			"under it. Those from before go on under theirs, because nobody but their owners has them: certgate credential list --pepper old lists\n" +
			"them until they have been renewed or revoked.",
		example: `  certgate secret rotate --pepper --why "once a year"`,
		flags:   func(c *cobra.Command) { c.Flags().Bool("pepper", false, "the pepper") },
		needs:   []string{"pepper"},
		do: func(_ []string, why string) (change, error) {
			return change{path: "/v1/secret/rotation", body: api.NewSecretRotation{Change: gate.RotatePepper, Why: why},
				done: func(o object) string {
					return "proposed to rotate the " + o.text("proposal.change") + "; a second admin must confirm it"
				}, next: secretToDo}, nil
		}})
}

func (t *tool) secretConfirm() *cobra.Command {
	return t.verb(verb{
		use: "confirm", short: "Makes the rotation that another admin proposed", compares: true,
		example: "  certgate secret confirm",
		do: func(_ []string, _ string) (change, error) {
			return change{path: "/v1/secret/confirmation", done: func(o object) string {
				return "keys that are made from now on are hashed under a new pepper; " + o.text("old_keys") + " that can still be used are under older ones"
			}, next: secretToDo}, nil
		}})
}

// secretToDo says what can be done about the secret as it is.
func secretToDo(o object) []string {
	var next []string
	if o.text("proposal.change") != "" {
		confirm := "certgate secret confirm"
		if etag := o.text("etag"); etag != "" {
			confirm += " --if-match '" + etag + "'"
		}
		next = append(next, confirm+"  (another admin)")
	}
	if o.text("old_keys") != "0" {
		next = append(next, "certgate credential list --pepper old  (until their owners have renewed them)")
	}
	return next
}
