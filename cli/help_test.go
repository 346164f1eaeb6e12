package cli_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/cli"
)

// goType is how a flag says what it takes if nobody has said it for people.
var goType = regexp.MustCompile(`--[a-z-]+ (string|stringArray) `)

// program is all commands under a root.
func program(name string) *cobra.Command {
	words := strings.Fields(name)
	root := &cobra.Command{Use: words[0]}
	at := root
	for _, word := range words[1:] {
		below := &cobra.Command{Use: word}
		at.AddCommand(below)
		at = below
	}
	cli.AddTo(at, cli.Hooks{Program: name})
	return root
}

// leaves visits every command that does something.
func leaves(c *cobra.Command, visit func(*cobra.Command)) {
	for _, below := range c.Commands() {
		leaves(below, visit)
	}
	if !c.HasSubCommands() && c.Runnable() {
		visit(c)
	}
}

// words splits a command line as a shell does, as far as examples need it. What is piped or written to a file is not for the command.
func words(line string) (out []string) {
	var word strings.Builder
	quote, open := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, open = r, true
		case quote == 0 && (r == ' ' || strings.ContainsRune("<>#", r)):
			if open || word.Len() > 0 {
				out = append(out, word.String())
			}
			word.Reset()
			if open = false; r != ' ' {
				return out
			}
		default:
			word.WriteRune(r)
		}
	}
	if open || word.Len() > 0 {
		out = append(out, word.String())
	}
	return out
}

// A command line that help shows must be one that works: the flags are there, those that must be given are, and so are the arguments.
func TestEveryExampleIsACommandLineThatIsUnderstood(t *testing.T) {
	for _, name := range []string{"certgate", "caddy certgate"} {
		count := 0
		leaves(program(name), func(c *cobra.Command) {
			text := strings.ReplaceAll(c.Example, "\\\n", " ")
			for line := range strings.Lines(text) {
				line = strings.TrimSpace(line)
				if before, note, found := strings.Cut(line, "  ("); found && strings.HasSuffix(note, ")") {
					line = before
				}
				if line == "" {
					continue
				}
				if _, piped, found := strings.Cut(line, " | "); found {
					line = piped
				}
				count++
				typed, ok := strings.CutPrefix(line, name+" ")
				if !ok {
					t.Errorf("%s: the example %q does not begin with %s", c.CommandPath(), line, name)
					continue
				}
				if name == "certgate" { // Caddy's has the same flags, and building it for each takes long
					understood(t, name, words(typed))
				}
			}
		})
		if count < 50 {
			t.Errorf("%s: only %d examples", name, count)
		}
	}
}

// understood parses a command line without carrying it out.
func understood(t *testing.T, name string, args []string) {
	t.Helper()
	root := program(name)
	found, rest, err := root.Find(append(strings.Fields(name)[1:], args...))
	if err != nil || found.HasSubCommands() {
		t.Errorf("%q: %v", args, err)
		return
	}
	required := strings.Fields(found.Annotations["certgate_required"])
	if err := found.ParseFlags(rest); err != nil {
		t.Errorf("%q: %v", args, err)
		return
	}
	for _, flag := range required {
		if !found.Flags().Changed(flag) {
			t.Errorf("%q lacks --%s", args, flag)
		}
	}
	if err := found.ValidateArgs(found.Flags().Args()); err != nil {
		t.Errorf("%q: %v", args, err)
	}
}

func TestHelpIsThereForEveryCommandAndFlag(t *testing.T) {
	leaves(program("certgate"), func(c *cobra.Command) {
		takes := strings.Contains(strings.TrimPrefix(c.Use, c.Name()), " ")
		if c.Short == "" || takes && c.Example == "" {
			t.Errorf("%s has no short text, or takes something and has no example", c.CommandPath())
		}
		if usage := c.UsageString(); goType.MatchString(usage) {
			t.Errorf("%s names types of Go:\n%s", c.CommandPath(), usage)
		}
	})
}

func TestUnderCaddyTheTextsNameCaddysCommand(t *testing.T) {
	root := program("certgate")
	leaves(program("caddy certgate"), func(c *cobra.Command) {
		for line := range strings.Lines(c.Long + "\n" + c.Example + "\n" + c.LocalFlags().FlagUsages()) {
			for rest := line; ; {
				i := strings.Index(rest, "certgate ")
				if i < 0 {
					break
				}
				word, _, _ := strings.Cut(rest[i+len("certgate "):], " ")
				if known, _, err := root.Find([]string{strings.Trim(word, ".:,;\n")}); err == nil && known.Name() != "certgate" && !strings.HasSuffix(rest[:i], "caddy ") {
					t.Errorf("%s: %q", c.CommandPath(), line)
				}
				rest = rest[i+len("certgate "):]
			}
		}
	})
}
