package notify

import (
	"bytes"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"text/template"
	"unicode/utf8"

	"github.com/onerecord/certgate/gate"
)

// Templates are the texts of the notices, one for each of gate.NoticeKinds. They are checked when parsed and never change afterwards, so
// any number of goroutines may render.
//
// The text of a kind is the file KIND.txt: a first line "Subject: ...", an empty line, then the body, in the language of text/template.
// KIND.html, which need not exist, is the same message in the language of html/template. Both speak of the fields and methods of [Data].
type Templates struct {
	kinds map[gate.NoticeKind]*texts
}

// Source is a kind's template as it was written.
type Source struct {
	Text string `json:"text"`
	HTML string `json:"html,omitempty"`
}

// Rendered is a notice in words.
type Rendered struct {
	Subject string
	Text    string
	HTML    string // empty where the kind has no HTML
}

// texts are the parsed templates of a kind.
type texts struct {
	source        Source
	subject, body *template.Template
	html          *htmltemplate.Template // nil without
}

// Bounds on templates. What is written by hand is far below.
const (
	maxTemplate = 64 << 10 // bytes of a file
	maxRendered = 128 << 10
)

// subjectPrefix begins the first line of a text.
const subjectPrefix = "Subject: "

// ParseTemplates takes the default texts and puts the operator's in their places; nil overrides nothing. Everything in the top directory
// of overrides must be KIND.txt or KIND.html of a kind; names that begin with a dot are passed over. Each template is tried on made-up
// data, whole and with every field missing in turn, so a misspelled field is found now and not when a customer must be told.
func ParseTemplates(overrides fs.FS) (*Templates, error) {
	standard, err := standardTexts()
	if err != nil || overrides == nil {
		return standard, err
	}
	sources := make(map[gate.NoticeKind]Source)
	for kind, t := range standard.kinds {
		sources[kind] = t.source
	}
	if err := override(sources, overrides); err != nil {
		return nil, err
	}
	t := &Templates{kinds: maps.Clone(standard.kinds)}
	for _, kind := range slices.Sorted(maps.Keys(sources)) {
		if sources[kind] == standard.kinds[kind].source {
			continue
		}
		if t.kinds[kind], err = newTexts(kind, sources[kind]); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// standardTexts are the default texts. They are part of the program, so they are tried once and not at each reload.
var standardTexts = sync.OnceValues(func() (*Templates, error) {
	t := &Templates{kinds: make(map[gate.NoticeKind]*texts)}
	for _, kind := range gate.NoticeKinds() {
		text, err := defaults.ReadFile("templates/" + string(kind) + ".txt")
		if err != nil {
			return nil, fmt.Errorf("no default text for notices of kind %q: %w", kind, err)
		}
		if t.kinds[kind], err = newTexts(kind, Source{Text: string(text)}); err != nil {
			return nil, err
		}
	}
	return t, nil
})

func override(sources map[gate.NoticeKind]Source, dir fs.FS) error {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return fmt.Errorf("reading the templates of notices: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		extension := path.Ext(name)
		kind := gate.NoticeKind(strings.TrimSuffix(name, extension))
		source, known := sources[kind]
		if !known || entry.IsDir() || (extension != ".txt" && extension != ".html") {
			return gate.FieldErrorf(name, "must be KIND.txt or KIND.html, where KIND is one of %q", gate.NoticeKinds())
		}
		content, err := fs.ReadFile(dir, name)
		if err != nil {
			return fmt.Errorf("reading template %s: %w", name, err)
		}
		if len(content) > maxTemplate || !utf8.Valid(content) {
			return gate.FieldErrorf(name, "%d bytes: must be UTF-8 and at most %d bytes", len(content), maxTemplate)
		}
		if text := strings.ReplaceAll(string(content), "\r\n", "\n"); extension == ".html" {
			source.HTML = text
		} else {
			source.Text = text
		}
		sources[kind] = source
	}
	return nil
}

func newTexts(kind gate.NoticeKind, source Source) (*texts, error) {
	t := &texts{source: source}
	name := string(kind) + ".txt"
	first, body, _ := strings.Cut(source.Text, "\n")
	subject, ok := strings.CutPrefix(first, subjectPrefix)
	if !ok {
		return nil, gate.FieldErrorf(name, "the first line must be %q and the subject, followed by an empty line and the text", subjectPrefix)
	}
	var err error
	if t.subject, err = template.New(name).Parse(subject); err != nil {
		return nil, gate.FieldErrorf(name, "subject: %s", err)
	}
	if t.body, err = template.New(name).Parse(strings.TrimLeft(body, "\n")); err != nil {
		return nil, gate.FieldErrorf(name, "%s", err)
	}
	if source.HTML != "" {
		if t.html, err = htmltemplate.New(string(kind) + ".html").Parse(source.HTML); err != nil {
			return nil, gate.FieldErrorf(string(kind)+".html", "%s", err)
		}
	}
	return t, t.check(kind)
}

// Render puts a notice into words. Where a secret link belongs it says {link}.
func (t *Templates) Render(kind gate.NoticeKind, data Data) (Rendered, error) {
	if err := checkKind(kind); err != nil {
		return Rendered{}, err
	}
	return t.kinds[kind].render(data)
}

// Preview renders a kind with made-up data, for whoever edits the template.
func (t *Templates) Preview(kind gate.NoticeKind) (Rendered, error) {
	return t.Render(kind, sample(kind))
}

// Source returns a kind's template, to be edited and given to ParseTemplates.
func (t *Templates) Source(kind gate.NoticeKind) (Source, error) {
	if err := checkKind(kind); err != nil {
		return Source{}, err
	}
	return t.kinds[kind].source, nil
}

func (t *texts) render(data Data) (Rendered, error) {
	var subject, body, html bounded
	if err := t.subject.Execute(&subject, data); err != nil {
		return Rendered{}, fmt.Errorf("subject: %w", err)
	}
	if err := t.body.Execute(&body, data); err != nil {
		return Rendered{}, err
	}
	if t.html != nil {
		if err := t.html.Execute(&html, data); err != nil {
			return Rendered{}, err
		}
	}
	r := Rendered{
		// A name or a reason may hold a line break; a subject has one line.
		Subject: strings.Join(strings.Fields(subject.String()), " "),
		Text:    strings.TrimSpace(body.String()) + "\n",
		// In an attribute html/template has escaped the braces.
		HTML: strings.ReplaceAll(html.String(), "%7blink%7d", LinkPlaceholder),
	}
	if err := checkLine(r.Subject, maxSubject); err != nil {
		return Rendered{}, gate.InField("subject", err)
	}
	return r, nil
}

// bounded refuses output without end, which a loop in a template could make.
type bounded struct{ bytes.Buffer }

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxRendered {
		return 0, errors.New("the text becomes longer than " + fmt.Sprint(maxRendered) + " bytes")
	}
	return b.Buffer.Write(p)
}
