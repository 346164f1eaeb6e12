package notify

import (
	htmltemplate "html/template"
	"reflect"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/onerecord/certgate/gate"
)

// check tries a kind's templates. Names are looked at in the parsed text, because a branch that the made-up data does not take would
// hide one; then they are rendered, because only that shows the rest.
func (t *texts) check(kind gate.NoticeKind) error {
	text, html := string(kind)+".txt", string(kind)+".html"
	for _, tree := range trees(t.subject, t.body) {
		if name := unknownField(tree.Root); name != "" {
			return gate.FieldErrorf(text, "{{%s}}: no such field; there are %s", name, strings.Join(fieldNames(), " "))
		}
	}
	if t.html != nil {
		for _, tree := range htmlTrees(t.html) {
			if name := unknownField(tree.Root); name != "" {
				return gate.FieldErrorf(html, "{{%s}}: no such field; there are %s", name, strings.Join(fieldNames(), " "))
			}
		}
	}
	for _, data := range rehearsals(kind) {
		r, err := t.render(data)
		if err != nil {
			return gate.FieldErrorf(text, "%s", err)
		}
		if err := t.checkRendered(kind, r); err != nil {
			return err
		}
	}
	return nil
}

func (t *texts) checkRendered(kind gate.NoticeKind, r Rendered) error {
	text, html := string(kind)+".txt", string(kind)+".html"
	if r.Subject == "" || strings.TrimSpace(r.Text) == "" {
		return gate.FieldErrorf(text, "subject and text must not be empty, whichever fields are missing")
	}
	if strings.Contains(r.Subject, LinkPlaceholder) {
		return gate.FieldErrorf(text, "the secret link must not stand in the subject, which mail servers log")
	}
	inText, inHTML := strings.Contains(r.Text, LinkPlaceholder), strings.Contains(r.HTML, LinkPlaceholder)
	switch {
	case isLinked(kind) && !inText:
		return gate.FieldErrorf(text, "must say {{.Link}} where the secret link belongs, whichever fields are missing")
	case isLinked(kind) && r.HTML != "" && !inHTML:
		return gate.FieldErrorf(html, "must say {{.Link}} where the secret link belongs, whichever fields are missing")
	case !isLinked(kind) && inText:
		return gate.FieldErrorf(text, "notices of this kind have no secret link; take out {{.Link}}")
	case !isLinked(kind) && inHTML:
		return gate.FieldErrorf(html, "notices of this kind have no secret link; take out {{.Link}}")
	}
	return nil
}

// rehearsals are made-up data: all there is, nothing at all, and all but one field.
func rehearsals(kind gate.NoticeKind) []Data {
	all := []Data{sample(kind), {}}
	for i := range reflect.TypeFor[Data]().NumField() {
		data := sample(kind)
		reflect.ValueOf(&data).Elem().Field(i).SetZero()
		all = append(all, data)
	}
	return all
}

// fieldNames are the fields and methods that a template may name.
func fieldNames() []string {
	var names []string
	data := reflect.TypeFor[Data]()
	for field := range data.Fields() {
		names = append(names, "."+field.Name)
	}
	for method := range data.Methods() {
		names = append(names, "."+method.Name)
	}
	return names
}

// known says whether a name is a field or a method of Data, or a method of the times in it, which become the dot of a {{with}}.
func known(name string) bool {
	data, moment := reflect.TypeFor[Data](), reflect.TypeFor[time.Time]()
	if _, ok := data.FieldByName(name); ok {
		return true
	}
	if _, ok := data.MethodByName(name); ok {
		return true
	}
	_, ok := moment.MethodByName(name)
	return ok
}

// unknownField returns the first field in a parsed template that no data has, as it was written.
func unknownField(node parse.Node) string {
	switch n := node.(type) {
	case *parse.FieldNode:
		if !known(n.Ident[0]) {
			return n.String()
		}
	case *parse.VariableNode: // {{$.Name}}, the data itself from within a {{with}}
		if n.Ident[0] == "$" && len(n.Ident) > 1 && !known(n.Ident[1]) {
			return n.String()
		}
	}
	for _, child := range children(node) {
		if name := unknownField(child); name != "" {
			return name
		}
	}
	return ""
}

// children are the nodes in which fields can stand.
func children(node parse.Node) []parse.Node {
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			return n.Nodes
		}
	case *parse.ActionNode:
		return []parse.Node{n.Pipe}
	case *parse.PipeNode:
		if n == nil {
			return nil
		}
		var all []parse.Node
		for _, c := range n.Cmds {
			all = append(all, c)
		}
		return all
	case *parse.CommandNode:
		return n.Args
	case *parse.ChainNode:
		return []parse.Node{n.Node}
	case *parse.IfNode:
		return []parse.Node{n.Pipe, n.List, n.ElseList}
	case *parse.RangeNode:
		return []parse.Node{n.Pipe, n.List, n.ElseList}
	case *parse.WithNode:
		return []parse.Node{n.Pipe, n.List, n.ElseList}
	case *parse.TemplateNode:
		return []parse.Node{n.Pipe}
	}
	return nil
}

func trees(all ...*template.Template) []*parse.Tree {
	var found []*parse.Tree
	for _, t := range all {
		for _, named := range t.Templates() {
			if named.Tree != nil {
				found = append(found, named.Tree)
			}
		}
	}
	return found
}

func htmlTrees(t *htmltemplate.Template) []*parse.Tree {
	var found []*parse.Tree
	for _, named := range t.Templates() {
		if named.Tree != nil {
			found = append(found, named.Tree)
		}
	}
	return found
}
