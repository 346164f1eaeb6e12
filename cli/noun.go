package cli

import (
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// lists is a command that shows a list.
type lists struct {
	use, short, path string
	columns          []column
	byAccount        bool                          // the API takes account=
	byDevice         bool                          // and device=
	byState          bool                          // and state=
	byPepper         bool                          // and pepper=old
	hint             func(items []object) []string // what to do about what was listed; nil: nothing
}

func (t *tool) lister(l lists) *cobra.Command {
	var account, device, state, pepper string
	c := &cobra.Command{Use: l.use, Short: l.short}
	if l.byAccount {
		c.Flags().StringVar(&account, "account", "", "only those of this account (slug or id)")
	}
	if l.byDevice {
		c.Flags().StringVar(&device, "device", "", "only those of this device (slug path or id)")
	}
	if l.byState {
		c.Flags().StringVar(&state, "state", "", "only those in this state; a wrong one is answered with the list of states")
	}
	if l.byPepper {
		c.Flags().StringVar(&pepper, "pepper", "", "old: only keys that can still be used and are hashed under an older pepper than the newest")
	}
	return t.leaf(c, func(cmd *cobra.Command, _ []string) error {
		return t.list(cmd, listing{path: l.path, query: url.Values{"account": {account}, "device": {device}, "state": {state}, "pepper": {pepper}}, columns: l.columns, hint: l.hint})
	})
}

// shower is a command that shows one object; path has a %s for each argument.
func (t *tool) shower(use, short, path string) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: arguments(namesOf(use)...)}
	return t.leaf(c, func(cmd *cobra.Command, args []string) error { return t.show(cmd, pathTo(path, args...)) })
}

// hinter is a shower that says what to do about what it shows; next finds the object's ETag under "etag".
func (t *tool) hinter(use, short, path string, next func(o object) []string) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: arguments(namesOf(use)...)}
	return t.leaf(c, func(cmd *cobra.Command, args []string) error { return t.showNext(cmd, pathTo(path, args...), next) })
}

// verb is a command that changes something.
type verb struct {
	use, short, long, example string
	// reason: --why must be given. The reason goes into the log and, where the customer is told, into the notice.
	reason bool
	// compares: the API takes If-Match.
	compares bool
	// flags adds flags of its own; needs are those that must be given.
	flags func(c *cobra.Command)
	needs []string
	do    func(args []string, why string) (change, error)
}

func (t *tool) verb(v verb) *cobra.Command {
	var why string
	c := &cobra.Command{Use: v.use, Short: v.short, Long: v.long, Example: v.example, Args: arguments(namesOf(v.use)...)}
	if v.compares {
		t.compares(c)
	} else {
		t.changes(c)
	}
	if v.flags != nil {
		v.flags(c)
	}
	needs := v.needs
	if v.reason {
		c.Flags().StringVar(&why, "why", "", "the reason: it is kept for good, and told to the customer where one is concerned")
		needs = append([]string{"why"}, needs...)
	}
	return require(t.leaf(c, func(cmd *cobra.Command, args []string) error {
		ch, err := v.do(args, why)
		if err != nil {
			return err
		}
		return t.send(cmd, ch)
	}), needs...)
}

// namesOf are the arguments in a usage line: the words after the command that are in capitals.
func namesOf(use string) (names []string) {
	for i, word := range strings.Fields(use) {
		if i > 0 && word[0] >= 'A' && word[0] <= 'Z' {
			names = append(names, word)
		}
	}
	return names
}
