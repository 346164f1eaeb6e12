package caddymodule

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/cli"
)

// The operator's commands, as `caddy certgate ...`.
func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "certgate",
		Usage: "<command>",
		Short: "Operates certgate: accounts, certifications, credentials, and a demo",
		CobraFunc: func(cmd *cobra.Command) {
			cli.AddTo(cmd, cli.Hooks{Authority: Running, Exit: exit(cmd), Program: "caddy certgate"})
		},
	})
}

// exit keeps a command's exit code: Caddy's own error for it is not exported, but its wrapper makes one. The message was printed.
func exit(cmd *cobra.Command) func(code int, err error) error {
	return func(code int, err error) error {
		if code == 1 {
			return err
		}
		return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, nil)
	}
}
