package cli

import (
	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func (t *tool) secretCommand() *cobra.Command {
	return t.connected(t.group(&cobra.Command{Use: "secret", Short: "The secret, and the pepper under which keys are hashed: status, rotate, confirm, kit"},
		t.hinter("status", "Shows the versions of secret and pepper, the keys under each pepper, and what is to be done; never the secret", "/v1/secret", secretToDo),
		t.secretRotate(), t.secretConfirm(), t.secretKit()))
}

func (t *tool) secretRotate() *cobra.Command {
	var pepper bool
	in := api.NewSecretRotation{Change: gate.RotateSecret}
	return t.verb(verb{
		use: "rotate", short: "Proposes a new secret, or with --pepper a new pepper; a second admin must confirm", reason: true, compares: true,
		long: "Proposes a new secret; a second admin must confirm. Then the server draws it, writes it into secret_file before the former one, encrypts and\n" +
			"authenticates everything anew while requests go on, and takes the former one out: certgate secret status. secret_file and its directory\n" +
			"must be writable for the server, and nothing else may write them back. The log and its key go on. Afterwards take a new recovery kit:\n" +
			"certgate secret kit; keep the one from init, which alone has the roots' keys.\n\n" +
			"With --pepper it is the pepper under which keys are hashed that are made from then on. Those from before go on under theirs, because nobody\n" +
			"but their owners has them: certgate credential list --pepper old lists them until they have been renewed or revoked.",
		example: `  certgate secret rotate --why "who knew it has left"
  certgate secret rotate --pepper --why "once a year"`,
		flags: func(c *cobra.Command) {
			c.Flags().BoolVar(&pepper, "pepper", false, "the pepper, and not the secret")
			c.Flags().StringArrayVar(&in.Recipients, "recovery", nil, "age public key (age1...) that can open recovery kits from then on, in the place of those on record; may be repeated")
		},
		do: func(_ []string, why string) (change, error) {
			in.Why = why
			if pepper {
				in.Change = gate.RotatePepper
			}
			return change{path: "/v1/secret/rotation", body: in,
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
				if o.text("rotation.act.at") != "" {
					return "the secret is being rotated, to version " + o.text("version")
				}
				return "keys that are made from now on are hashed under a new pepper; " + o.text("old_keys") + " that can still be used are under older ones"
			}, next: secretToDo}, nil
		}})
}

func (t *tool) secretKit() *cobra.Command {
	return t.verb(verb{
		use: "kit", short: "Prints a recovery kit of the secret as it is, encrypted to the recipients on record",
		long: "Prints a recovery kit: the secret as it is and the keys of the issuing CAs, encrypted to the recipients that init or the last rotation named.\n" +
			"You cannot open it unless you are one. Move it off this machine. The roots' keys are not in it, because the gateway does not have them:\n" +
			"keep the kit that init wrote.",
		example: "  certgate secret kit > kit-2.age",
		do: func([]string, string) (change, error) {
			return change{path: "/v1/secret/kit", bare: "recovery_kit", done: func(o object) string {
				return "this is a recovery kit with version " + o.text("version") + " of the secret; move it off this machine, and keep the kit that init wrote for the roots' keys"
			}}, nil
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
	if o.text("rotation.act.at") != "" {
		next = append(next, "certgate secret status  (until it shows no rotation)")
	}
	if o.text("kit_due") == "true" {
		next = append(next, "certgate secret kit > kit.age  (an admin: the kit from before does not open what is written from now on)")
	}
	if o.text("old_keys") != "0" {
		next = append(next, "certgate credential list --pepper old  (until their owners have renewed them)")
	}
	return next
}
