package cli_test

import (
	"errors"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/cli"
)

// TestMain lets scripts run the commands as a program of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"certgate": certgate})
}

// certgate is a program with the commands alone, without Caddy.
func certgate() {
	root := &cobra.Command{Use: "certgate", SilenceUsage: true, SilenceErrors: true}
	cli.AddTo(root, cli.Hooks{})
	err := root.Execute()
	if err == nil {
		return
	}
	if exit, ok := errors.AsType[*cli.ExitError](err); ok {
		os.Exit(exit.Code)
	}
	os.Exit(99) // an error that did not leave through the package
}
