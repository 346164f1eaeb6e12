package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/gate"
)

func TestEveryRefusalHasARemedyWhoseCommandExists(t *testing.T) {
	root := &cobra.Command{Use: "certgate"}
	AddTo(root, Hooks{})
	for _, reason := range gate.Reasons() {
		r := reason.Remedy()
		if (r.Who == "") != (reason == gate.Allowed) {
			t.Errorf("%s: %+v", reason, r)
		}
		command := r.CommandFor([]string{"acme/main/prod-1"})
		if command == "" {
			continue
		}
		words := strings.Fields(command)
		c, rest, err := root.Find(words[1:])
		if err != nil || !c.Runnable() || c.HasSubCommands() {
			t.Errorf("%s: %s: %v", reason, command, err)
			continue
		}
		if err := c.ParseFlags(rest); err != nil {
			t.Errorf("%s: %s: %v", reason, command, err)
		}
		if strings.Contains(command, "ACCOUNT") || strings.Contains(command, "DEVICE") {
			t.Errorf("%s: %s", reason, command)
		}
	}
}
