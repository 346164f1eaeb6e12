package cli

import (
	"bytes"
	"cmp"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// client speaks to the server of the profile.
func (t *tool) client() (*api.Client, error) {
	p, err := t.profile()
	if err != nil {
		return nil, err
	}
	h, err := p.client()
	if err != nil {
		return nil, err
	}
	return &api.Client{Base: strings.TrimSuffix(p.AdminURL, "/"), HTTP: h}, nil
}

// pathTo puts references into a path of the API, which takes a slug path as one segment.
func pathTo(format string, refs ...string) string {
	escaped := make([]any, len(refs))
	for i, r := range refs {
		escaped[i] = url.PathEscape(r)
	}
	return fmt.Sprintf(format, escaped...)
}

// listing is a command that lists.
type listing struct {
	path    string
	query   url.Values
	limit   int    // at most so many; 0: all
	next    string // parameter that takes the page's next; empty: after
	columns []column
	hint    func(items []object) []string // what to do about what was listed; nil: nothing
}

// pageSize is how many items are asked for at a time, the most that the API gives.
const pageSize = 1000

// list shows all pages of a list as one.
func (t *tool) list(cmd *cobra.Command, l listing) error {
	c, err := t.client()
	if err != nil {
		return err
	}
	var items []json.RawMessage
	q := url.Values{}
	for name, values := range l.query {
		if values[0] != "" {
			q[name] = values
		}
	}
	for {
		size := pageSize
		if l.limit > 0 {
			size = min(size, l.limit-len(items))
		}
		q.Set("limit", strconv.Itoa(size))
		var page api.Page[json.RawMessage]
		body, err := c.Get(cmd.Context(), l.path+"?"+q.Encode())
		if err != nil {
			return err
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		items = append(items, page.Items...)
		if page.Next == "" || l.limit > 0 && len(items) >= l.limit {
			break
		}
		q.Set(cmp.Or(l.next, "after"), page.Next)
	}
	if t.flags.json {
		return printJSON(cmd.OutOrStdout(), map[string]any{"items": append([]json.RawMessage{}, items...)})
	}
	list, err := objects(items)
	if err != nil {
		return err
	}
	var next []string
	if l.hint != nil {
		next = l.hint(list)
	}
	if err := named(cmd.Context(), c, l.columns, list); err != nil {
		return err
	}
	err = printTable(cmd.OutOrStdout(), l.columns, list)
	t.suggest(cmd, next...)
	return err
}

// show shows one object.
func (t *tool) show(cmd *cobra.Command, path string) error { return t.showNext(cmd, path, nil) }

// showNext shows one object, and what to do about it.
func (t *tool) showNext(cmd *cobra.Command, path string, next func(o object) []string) error {
	c, err := t.client()
	if err != nil {
		return err
	}
	var etag string
	body, err := c.Get(cmd.Context(), path, api.KeepETag(&etag))
	if err != nil {
		return err
	}
	if t.flags.json {
		err = printJSON(cmd.OutOrStdout(), body)
	} else {
		err = printDetail(cmd.OutOrStdout(), body)
	}
	if err != nil || next == nil {
		return err
	}
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	o["etag"] = etag
	t.suggest(cmd, next(o)...)
	return nil
}

// change is a command that changes something: one POST.
type change struct {
	path string
	body any // nil: none
	// done says to people what was done, from the answer.
	done func(o object) string
	// next says what to do now; empty lines are left out.
	next func(o object) []string
	// bare prints this member of the answer alone, unless --json is given: a secret for a pipe.
	bare string
}

// changes adds the flags of every command that changes something.
func (t *tool) changes(c *cobra.Command) *cobra.Command {
	f := c.Flags()
	f.BoolVar(&t.flags.dryRun, "dry-run", false, "ask the server what this would do: devices, calls in flight, the notice; change nothing")
	f.StringVar(&t.flags.key, "idempotency-key", "", "carry this change out once, however often it is sent with this key (default: a random one)")
	return c
}

// compares adds --if-match to a command that changes what exists.
func (t *tool) compares(c *cobra.Command) *cobra.Command {
	t.changes(c).Flags().StringVar(&t.flags.match, "if-match", "", "change only if the object's ETag is still this one")
	return c
}

// send carries a change out, or asks what it would do.
func (t *tool) send(cmd *cobra.Command, ch change) error {
	if t.flags.dryRun {
		return t.try(cmd, ch)
	}
	c, err := t.client()
	if err != nil {
		return err
	}
	key := t.flags.key
	if key == "" {
		if key, err = drawKey(); err != nil {
			return err
		}
	}
	options := []api.Option{api.Idempotent(key)}
	if t.flags.match != "" {
		options = append(options, api.IfMatch(t.flags.match))
	}
	body, err := c.Post(cmd.Context(), ch.path, ch.body, options...)
	switch {
	case err == nil:
		return t.report(cmd, ch, body)
	case exitCode(err) == exitUnreachable:
		return fmt.Errorf("%w\nit may have been carried out all the same; to repeat it safely add: --idempotency-key %s", err, key)
	}
	return err
}

// report shows the answer to a change.
func (t *tool) report(cmd *cobra.Command, ch change, body json.RawMessage) error {
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	out := cmd.OutOrStdout()
	switch {
	case t.flags.json:
		if err := printJSON(out, body); err != nil {
			return err
		}
	case ch.bare != "" && o.text(ch.bare) == "":
		return gate.Errorf(gate.Conflict, "this was carried out before, and what it made was shown then: %s", o.text("id"))
	case ch.bare != "":
		fmt.Fprintln(cmd.ErrOrStderr(), ch.done(o))
		fmt.Fprintln(out, o.text(ch.bare))
	default:
		fmt.Fprintln(out, ch.done(o))
	}
	if ch.next != nil {
		t.suggest(cmd, ch.next(o)...)
	}
	return nil
}

// suggest says what to do now, where it does not disturb a pipe.
func (t *tool) suggest(cmd *cobra.Command, lines ...string) {
	for _, line := range lines {
		if line != "" {
			fmt.Fprintf(cmd.ErrOrStderr(), "next: %s\n", t.typed(line))
		}
	}
}

// printJSON prints for people and programs alike: indented, with the members in the order in which they came.
func printJSON(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	fmt.Fprintln(w, out.String())
	return nil
}

// drawKey draws an idempotency key: 128 bits never meet another one's.
func drawKey() (string, error) {
	var raw [16]byte
	if _, err := io.ReadFull(authority.Randomness(), raw[:]); err != nil {
		return "", fmt.Errorf("draw an idempotency key: %w", err)
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw[:])), nil
}
