package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/onerecord/certgate/gate"
)

// document is a YAML or JSON file that is sent, and that mistakes are looked up in.
type document struct {
	name string
	body json.RawMessage
	root *yaml.Node // nil: lines are not known
}

// readDocument reads a file; JSON is sent as it is.
func readDocument(cmd *cobra.Command, name string) (*document, error) {
	text, err := readInput(cmd, name)
	if err != nil {
		return nil, err
	}
	if len(text) == maxInput {
		return nil, usagef("%s is larger than %d MiB; split it", name, maxInput>>20)
	}
	d := &document{name: name}
	var node yaml.Node
	if json.Valid(text) {
		d.body = text
		// In JSON a tab stands between values only, and YAML has none there.
		if yaml.Unmarshal(bytes.ReplaceAll(text, []byte("\t"), []byte(" ")), &node) == nil && len(node.Content) == 1 {
			d.root = node.Content[0]
		}
		return d, nil
	}
	if err := yaml.Unmarshal(text, &node); err != nil {
		return nil, usagef("%s is neither YAML nor JSON: %w", name, err)
	}
	if len(node.Content) != 1 {
		return nil, usagef("%s is empty", name)
	}
	d.root = node.Content[0]
	var b bytes.Buffer
	if err := writeNode(&b, d.root); err != nil {
		return nil, usagef("%s: %w", name, err)
	}
	d.body = b.Bytes()
	return d, nil
}

// writeNode writes YAML as JSON: in its order, with names given twice left for the server to refuse, and days as they are written.
func writeNode(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			name, err := json.Marshal(n.Content[i].Value)
			if err != nil {
				return err
			}
			b.Write(append(name, ':'))
			if err := writeNode(b, n.Content[i+1]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeNode(b, item); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case yaml.ScalarNode:
		var v any = n.Value
		if tag := n.ShortTag(); tag != "!!str" && tag != "!!timestamp" {
			if err := n.Decode(&v); err != nil {
				return fmt.Errorf("line %d: %w", n.Line, err)
			}
		}
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		b.Write(text)
		return nil
	case yaml.DocumentNode, yaml.AliasNode:
	}
	return fmt.Errorf("line %d: write it out, aliases are not read", n.Line)
}

// line finds where a field such as devices[2].addresses stands, as far as it is there; 0: not known.
func (d *document) line(field string) int {
	if d.root == nil {
		return 0
	}
	at, line := d.root, d.root.Line
	for step := range strings.FieldsFuncSeq(field, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		next := -1
		switch at.Kind {
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(step); err == nil && i < len(at.Content) {
				next, line = i, at.Content[i].Line
			}
		case yaml.MappingNode:
			for i := 0; i < len(at.Content); i += 2 {
				if at.Content[i].Value == step {
					next, line = i+1, at.Content[i].Line
				}
			}
		case yaml.DocumentNode, yaml.ScalarNode, yaml.AliasNode:
		}
		if next < 0 {
			break
		}
		at = at.Content[next]
	}
	return line
}

// explain prints each mistake that the server found with its line; prefix is what the body has in front of the file's own fields. What
// is left of the error is one sentence.
func (d *document) explain(w io.Writer, err error, prefix string) error {
	several, ok := errors.AsType[gate.Faults](err)
	if e, one := errors.AsType[*gate.Error](err); !ok && one {
		several = gate.Faults{e}
	}
	if !slices.ContainsFunc(several, func(e *gate.Error) bool { return e.Field != "" }) {
		return err
	}
	several = slices.Clone(several)
	lines := make(map[*gate.Error]int)
	for _, e := range several {
		lines[e] = d.line(strings.TrimPrefix(e.Field, prefix))
	}
	slices.SortStableFunc(several, func(a, b *gate.Error) int { return cmp.Compare(lines[a], lines[b]) })
	for _, e := range several {
		fmt.Fprintln(w, visible(fmt.Sprintf("%s:%d: %s", d.name, lines[e], e.Error())))
	}
	word := "mistake"
	if len(several) > 1 {
		word = "mistakes"
	}
	return gate.Errorf(several[0].Kind, "%d %s in %s; nothing was changed", len(several), word, d.name)
}
