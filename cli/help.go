package cli

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// polish finishes the help of a command and all below it: the usage line shows the flags that must be given, each flag says what it takes,
// and what the texts tell people to type is what they must type here.
func (t *tool) polish(c *cobra.Command) {
	if c.Example == "" && c.Runnable() && !c.HasSubCommands() {
		c.Example = example(c)
	}
	for name := range strings.FieldsSeq(c.Annotations[requiredKey]) {
		if !strings.Contains(c.Use, "--"+name) {
			c.Use += " --" + name + " " + takes(name)
		}
	}
	for _, m := range flagLine.FindAllStringSubmatch(c.LocalFlags().FlagUsages(), -1) {
		name := m[1]
		f := c.LocalFlags().Lookup(name)
		f.Usage = t.typed(f.Usage)
		if kind := f.Value.Type(); kind == "string" || kind == "stringArray" {
			f.Value = titled{f.Value, takes(name)}
			f.DefValue = strings.TrimPrefix(f.DefValue, "[]")
		}
	}
	c.Short, c.Long, c.Example = t.typed(c.Short), t.typed(c.Long), t.typed(c.Example)
	for _, below := range c.Commands() {
		t.polish(below)
	}
}

// samples are made-up values for the arguments and flags of a command whose usage line is nearly its own example.
var samples = map[string]string{
	"ACCOUNT": "acme", "ORGANIZATION": "acme/main", "DEVICE": "acme/main/prod-1", "CONTRACT": "con_06f2k8...", "CASE": "cas_06f2k8...", "NUMBER": "0",
	"ENROLLMENT": "enr_06f2k8...", "ID": "rem_06f2k8...", "HOST": "api.example.com", "NAME": "ben", "KIND": "suspension", "SEQ": "1200",
	"FINGERPRINT": "9f86d0...", "why": `"agreed with Ann Lee on the phone"`, "last": "2027-12-31", "due": "2027-03-31T16:00:00Z", "text": `"a new host"`,
	"device": "acme/main/prod-1",
}

// example is a command line for a command that takes arguments or needs flags; empty for others, and where a value is not known.
func example(c *cobra.Command) string {
	line, values := "", 0
	for _, name := range namesOf(c.Use) {
		line, values = line+" "+samples[name], values+1
		if samples[name] == "" {
			return ""
		}
	}
	for name := range strings.FieldsSeq(c.Annotations[requiredKey]) {
		line, values = line+" --"+name+" "+samples[name], values+1
		if samples[name] == "" {
			return ""
		}
	}
	if values == 0 {
		return ""
	}
	path := c.Name()
	for above := c.Parent(); above != nil; above = above.Parent() {
		path = above.Name() + " " + path
	}
	return "  certgate " + strings.TrimPrefix(path, "certgate ") + line
}

// titled is the value of a flag that says what it takes and not how it is kept.
type titled struct {
	value
	title string
}

// value is the value of a flag, as cobra keeps it.
type value interface {
	Set(text string) error
	String() string
	Type() string
}

// Type says what the flag takes, where it would say how it is kept.
func (v titled) Type() string { return v.title }

// flagLine finds the flags in what cobra says of them.
var flagLine = regexp.MustCompile(`(?m)^ +(?:-[a-z], )?--([a-z0-9-]+)`)

// titles are what flags take that are not called after it.
var titles = map[string]string{
	"why": "REASON", "last": "DAY", "first": "DAY", "at": "TIME", "until": "TIME", "due": "TIME", "since": "TIME", "on": "KIND:REF",
	"to": "ENVIRONMENT", "certificate-out": "FILE", "key-out": "FILE", "cert-out": "FILE", "secret-out": "FILE", "link-file": "FILE", "cert": "FILE",
	"ca": "FILE", "csr": "FILE", "kit": "FILE", "secret-file": "FILE", "customers-issuing": "FILE", "customers-key": "FILE", "customers-root": "FILE",
	"data": "DIR", "recovery": "age1...", "admin": "NAME=MAIL", "contact": "ROLE=CONTACT", "agreement": "KIND=REFERENCE@DAY", "address": "NETWORK",
	"admin-url": "URL", "key": "FILE", "link": "URL", "out": "FILE", "text": "TEXT", "notes": "TEXT", "hosting": "TEXT", "key-storage": "TEXT", "how": "TEXT", "who": "NAME",
	"documents": "REFERENCE", "checkpoint": "FILE", "export": "FILE", "within": "DURATION", "idempotency-key": "KEY", "if-match": "ETAG", "owner": "NAME",
	"dossier": "FILE", "came-in": "TIME", "note": "TEXT", "p12": "FILE", "email": "MAIL",
	"interviewer": "NAME", "default-purpose": "PURPOSE", "actor": "NAME", "after": "NUMBER", "before": "NUMBER", "object": "ID", "interview": "ID", "incident": "ID", "thresholds": "FILE", "plan": "NAME", "rule": "NAME",
}

func takes(flag string) string { return cmp.Or(titles[flag], strings.ToUpper(flag)) }

// ours finds commands of certgate, and of Caddy, in a text.
var ours = regexp.MustCompile(`\bcertgate ([a-z]+)\b`)

// typed puts the name under which the commands run here before those that a text names: as a plugin they are Caddy's, `caddy certgate`.
func (t *tool) typed(text string) string {
	if t.hooks.Program == "" || t.hooks.Program == "certgate" {
		return text
	}
	caddy, _, _ := strings.Cut(t.hooks.Program, " ")
	at := 0
	var out strings.Builder
	for _, m := range ours.FindAllStringSubmatchIndex(text, -1) {
		if strings.HasSuffix(text[:m[0]], caddy+" ") {
			continue // as it must be already
		}
		name := t.hooks.Program
		switch word := text[m[2]:m[3]]; {
		case word == "run" || word == "reload" || word == "validate":
			name = caddy
		case !t.names[word]:
			continue
		}
		out.WriteString(text[at:m[0]] + name + text[m[0]+len("certgate"):m[1]])
		at = m[1]
	}
	return out.String() + text[at:]
}

// topics are what help says beside the commands.
func (t *tool) topics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "profiles", Short: "How commands know the server, and who you are", Long: `Commands that ask a server need its admin site's URL and your staff certificate with its private key. Each is taken from a flag
(--admin-url, --cert, --key, --ca), else from the environment (CERTGATE_ADMIN_URL, CERTGATE_CERT, CERTGATE_KEY, CERTGATE_CA), else from
a profile in certgate/config.yaml in your configuration directory, which is ~/.config on Linux:

  profiles:
    default:
      admin_url: https://admin.example.com
      certificate: ben.crt          # a file beside config.yaml, or a whole path
      key: ben.key                  # yours alone: chmod 600
      # ca: ca.crt                  # of the server's certificate; default the system's
    rehearsal:
      admin_url: https://admin.rehearsal.example.com
      certificate: ben-rehearsal.crt
      key: ben-rehearsal.key

--profile NAME or CERTGATE_PROFILE chooses another than default. To see whether it works: certgate whoami`},
		{Use: "scripting", Short: "Exit codes, JSON, safe repetition and dry runs", Long: `Exit codes:
  0  done
  1  failed, or the server found something wrong with the request
  2  the command line is wrong
  3  there is no such thing
  4  the state does not allow it, the name is taken, or the record has changed since it was read
  5  your role does not allow it, or your certificate is not accepted
  6  the server cannot be reached, or cannot answer now

--json prints what the API gave, on standard output. Hints ("next: ...") and errors go to standard error.
--idempotency-key KEY makes a change happen once, however often it is sent with the same key.
--if-match ETAG makes a change only if the record is still the one that was read; ETAG is what the API gave with it, with its quotes.
--dry-run asks the server what a change would do: the devices it is about and whether they may call now, their calls in flight, who would
be told and in which words. Nothing is changed, and what would be refused is refused with the same text and exit code.

Whatever takes an account, organization or device takes its slug path (acme, acme/main, acme/main/prod-1) or its identifier.
Times are RFC 3339, such as 2027-03-31T16:00:00Z; days are 2027-03-31 and count whole.`},
	}
}
