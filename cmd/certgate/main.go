// Command certgate is Caddy with certgate in it, under one root: certgate's own commands and Caddy's. Those by which Caddy would
// replace its own binary are left out: what runs in front of patients' data is what was built and checked.
package main

import (
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	_ "time/tzdata" // contracts name time zones, and a container may have no database of them

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/caddymodule"
	"github.com/onerecord/certgate/cli"
)

// exitUsage is the exit code for a wrong command line, as cli has it.
const exitUsage = 2

// left are Caddy's commands that are not ours: replacing the binary, and those that stand here under another name.
var left = []string{"upgrade", "add-package", "remove-package", "certgate", "version"}

func main() { os.Exit(run(root(cli.Hooks{Authority: caddymodule.Running}))) }

// run carries a command out and returns its exit code.
func run(c *cobra.Command) int {
	ran, err := c.ExecuteC()
	if err == nil {
		return 0
	}
	if ran == c { // only mistakes are answered by the root itself
		fmt.Fprintf(c.ErrOrStderr(), "certgate: %s\nsee: certgate --help\n", err)
		return exitUsage
	}
	return exitCode(err)
}

// exitCode reads the exit code from an error of certgate's or Caddy's commands. Caddy's error type is not exported, but its field is.
func exitCode(err error) int {
	v := reflect.Indirect(reflect.ValueOf(err))
	if v.Kind() != reflect.Struct {
		return 1
	}
	for _, name := range []string{"Code", "ExitCode"} {
		if f := v.FieldByName(name); f.IsValid() && f.CanInt() && f.Int() > 0 {
			return int(f.Int())
		}
	}
	return 1
}

func root(hooks cli.Hooks) *cobra.Command {
	c := &cobra.Command{
		Use:   "certgate",
		Short: "Lets certified customers through to the OneRecord API, and nobody else",
		Long: `certgate stands in front of the OneRecord API: a customer gets through with a production key and a client certificate that belong
together, under a contract and a certification, and nobody else does. It is Caddy with certgate's modules.

To see it at work on this machine: certgate demo
To say which server to ask, and who you are: certgate help profiles`,
		SilenceUsage: true, SilenceErrors: true,
	}
	c.AddGroup(&cobra.Group{ID: "certgate", Title: "To operate certgate:"}, &cobra.Group{ID: "caddy", Title: "To run Caddy:"})
	cli.AddTo(c, hooks)
	for _, sub := range c.Commands() {
		sub.GroupID = "certgate"
	}
	for name, command := range caddycmd.Commands() {
		if !slices.Contains(left, name) {
			c.AddCommand(convert(command))
		}
	}
	c.AddCommand(versionCommand())
	return c
}

// convert makes one of Caddy's commands ours, as Caddy does for its own root.
func convert(command caddycmd.Command) *cobra.Command {
	c := &cobra.Command{Use: command.Name + " " + command.Usage, Short: command.Short, Long: command.Long, GroupID: "caddy", SilenceErrors: true}
	if command.CobraFunc != nil {
		command.CobraFunc(c)
		return c
	}
	c.RunE = caddycmd.WrapCommandFuncForCobra(command.Func)
	c.Flags().AddGoFlagSet(command.Flags)
	return c
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Says the versions of certgate and of Caddy", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			version, _ := caddy.Version()
			fmt.Fprintf(cmd.OutOrStdout(), "certgate %s, Caddy %s\n", ownVersion(), version)
		},
	}
}

// ownVersion is the version that the build was made from, as far as the build knows it.
func ownVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown version)"
	}
	return info.Main.Version
}
