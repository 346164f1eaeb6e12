package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// Hooks are what only the program around the commands can give.
type Hooks struct {
	// Authority is the open data directory of the Caddy that runs in this process, nil if none runs; the demo takes enrollment links
	// from it.
	Authority func() *authority.Authority
	// Exit makes the error with which a failed command leaves the program; code is never 0, and the message has been printed. Nil:
	// an *ExitError.
	Exit func(code int, err error) error
	// Now is the clock of commands that work without a server, or count back from now. Nil: the system's.
	Now func() time.Time
	// Program is what people type before the name of one of the commands; empty: certgate.
	Program string
}

// tool is what the commands of one invocation share.
type tool struct {
	hooks Hooks
	flags flags
	names map[string]bool // of the commands
}

// AddTo adds all commands to a root of the caller's.
func AddTo(root *cobra.Command, h Hooks) {
	if h.Now == nil {
		h.Now = authority.Clock
	}
	t := &tool{hooks: h, names: make(map[string]bool)}
	list := slices.Concat(t.commands(), t.topics())
	for _, c := range list {
		t.names[c.Name()] = true
	}
	for _, c := range list {
		t.polish(c)
	}
	root.AddCommand(list...)
}

// commands are those directly below the root.
func (t *tool) commands() []*cobra.Command {
	return []*cobra.Command{
		t.initCommand(), t.demoCommand(),
		t.onboardCommand(), t.importCommand(),
		t.accountCommand(), t.organizationCommand(), t.deviceCommand(), t.contractCommand(), t.certificationCommand(),
		t.credentialCommand(), t.enrollCommand(), t.renewCommand(), t.doctorCommand(),
		t.remediationCommand(), t.incidentCommand(), t.rulesCommand(), t.reviewCommand(), t.explainCommand(), t.watchCommand(),
		t.staffCommand(), t.whoamiCommand(), t.profileCommand(), t.behaviorCommand(), t.hostCommand(), t.caCommand(), t.secretCommand(),
		t.forecastCommand(), t.checkCommand(), t.usageCommand(), t.auditCommand(), t.noticeCommand(),
	}
}

// runner is the work of a command.
type runner func(cmd *cobra.Command, args []string) error

// noArguments refuses arguments that a command does not take, and says where one of them may belong.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.Flags().Lookup("account") != nil {
		return usagef("%q is not expected; for one account: --account %s", gate.Clip(args[0], 60), gate.Clip(args[0], 60))
	}
	return usagef("%q is not expected", gate.Clip(args[0], 60))
}

// leaf finishes a command that does something: whatever goes wrong leaves through t.fail.
func (t *tool) leaf(c *cobra.Command, run runner) *cobra.Command {
	c.SilenceUsage, c.SilenceErrors, c.DisableFlagsInUseLine = true, true, true
	c.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return t.fail(cmd, &usageError{err}) })
	t.completable(c, namesOf(c.Use))
	check := c.Args
	if check == nil {
		check = noArguments
	}
	c.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return t.fail(cmd, &usageError{err})
		}
		return nil
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := missingFlag(cmd); err != nil {
			return t.fail(cmd, &usageError{err})
		}
		if err := run(cmd, args); err != nil {
			return t.fail(cmd, err)
		}
		return nil
	}
	return c
}

// group finishes a command that only holds others. Cobra would answer a misspelled one with help and success.
func (t *tool) group(c *cobra.Command, below ...*cobra.Command) *cobra.Command {
	c.SilenceUsage, c.SilenceErrors, c.DisableFlagsInUseLine = true, true, true
	c.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return t.fail(cmd, &usageError{err}) })
	c.AddCommand(below...)
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return t.fail(cmd, &usageError{fmt.Errorf("%q is not a command of %s", args[0], cmd.CommandPath())})
		}
		cmd.SetOut(cmd.ErrOrStderr())
		if err := cmd.Help(); err != nil {
			return t.fail(cmd, err)
		}
		return t.exit(exitUsage, errors.New("no command given"))
	}
	return c
}

// requiredKey is where a command keeps the names of the flags that must be given.
const requiredKey = "certgate_required"

// require marks flags that must be given.
func require(c *cobra.Command, names ...string) *cobra.Command {
	if c.Annotations == nil {
		c.Annotations = make(map[string]string)
	}
	c.Annotations[requiredKey] = strings.Join(names, " ")
	return c
}

// missingFlag names the first flag that must be given and is not.
func missingFlag(cmd *cobra.Command) error {
	return missingOf(cmd, strings.Fields(cmd.Annotations[requiredKey]))
}

// missingOf names the first of some flags that is not given.
func missingOf(cmd *cobra.Command, names []string) error {
	for _, name := range names {
		if !cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s is missing: %s", name, cmd.Flags().Lookup(name).Usage)
		}
	}
	return nil
}

// arguments checks that there are exactly as many arguments as names, and says which is missing.
func arguments(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return fmt.Errorf("%s is missing", names[len(args)])
		case len(args) > len(names):
			return fmt.Errorf("%q is one argument too many", args[len(names)])
		}
		return nil
	}
}
