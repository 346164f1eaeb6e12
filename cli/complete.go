package cli

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
)

// completionTimeout bounds how long the Tab key waits for the server.
const completionTimeout = 2 * time.Second

// nameable is what a shell can complete by asking the server: the list, the member that names an item, and what describes it.
type nameable struct{ path, name, about string }

// nameables are found by what a usage line or a flag calls them.
var nameables = map[string]nameable{
	"ACCOUNT":      {"/v1/accounts", "slug", "name"},
	"ORGANIZATION": {"/v1/organizations", "path", "name"},
	"DEVICE":       {"/v1/devices", "path", "name"},
	"CONTRACT":     {"/v1/contracts", "id", "state"},
	"CASE":         {"/v1/certifications", "id", "state"},
	"ENROLLMENT":   {"/v1/enrollments", "id", "state"},
	"HOST":         {"/v1/hosts", "name", "strictest"},
}

// completable lets shells complete a command's arguments and the flags that name what the server knows. args are those of its usage line.
func (t *tool) completable(c *cobra.Command, args []string) {
	if c.ValidArgsFunction == nil {
		c.ValidArgsFunction = func(cmd *cobra.Command, given []string, prefix string) ([]string, cobra.ShellCompDirective) {
			switch {
			case len(given) >= len(args):
				return nil, cobra.ShellCompDirectiveNoFileComp
			case args[len(given)] == "FILE":
				return nil, cobra.ShellCompDirectiveDefault
			case cmd.Name() == "create" && cmd.HasParent() && strings.EqualFold(cmd.Parent().Name(), args[len(given)]):
				return nil, cobra.ShellCompDirectiveNoFileComp // its name is yet to be found
			}
			return t.known(cmd, args[len(given)], prefix)
		}
	}
	for flag, noun := range map[string]string{"account": "ACCOUNT", "device": "DEVICE", "contract": "CONTRACT"} {
		if c.Flags().Lookup(flag) == nil {
			continue
		}
		// It fails only where the flag is not there.
		_ = c.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
			return t.known(cmd, noun, prefix)
		})
	}
}

// accountOrDevice completes the first argument of what is asked about either.
func (t *tool) accountOrDevice(cmd *cobra.Command, given []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	accounts, _ := t.known(cmd, "ACCOUNT", prefix)
	devices, directive := t.known(cmd, "DEVICE", prefix)
	return append(accounts, devices...), directive
}

// known lists what the server has under a noun and begins with prefix. Whatever goes wrong, there is just nothing to complete: an error has
// no place on a line that is being typed.
func (t *tool) known(cmd *cobra.Command, noun, prefix string) ([]string, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	n, ok := nameables[noun]
	c, err := t.client()
	if !ok || err != nil {
		return nil, none
	}
	parent := cmd.Context()
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithTimeout(parent, completionTimeout)
	defer cancel()
	body, err := c.Get(ctx, n.path+"?"+url.Values{"limit": {strconv.Itoa(pageSize)}}.Encode())
	var page api.Page[object]
	if err != nil || json.Unmarshal(body, &page) != nil {
		return nil, none
	}
	var list []string
	for _, o := range page.Items {
		if name := o.text(n.name); strings.HasPrefix(name, prefix) {
			list = append(list, cobra.CompletionWithDesc(name, cell(o.text(n.about))))
		}
	}
	slices.Sort(list)
	return list, none
}
