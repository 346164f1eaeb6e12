package notify_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

func templates(t *testing.T, overrides map[string]string) (*notify.Templates, error) {
	t.Helper()
	if overrides == nil {
		return notify.ParseTemplates(nil)
	}
	dir := fstest.MapFS{}
	for name, text := range overrides {
		dir[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return notify.ParseTemplates(dir)
}

func TestEveryKindHasAPlainDefaultText(t *testing.T) {
	all, err := templates(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range gate.NoticeKinds() {
		full, err := all.Preview(kind)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		bare, err := all.Render(kind, notify.Data{Account: "Acme Health", Noun: "device", Name: "acme/main/prod-1", Environment: "production", Verb: "suspended"})
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		golden(t, string(kind)+".txt", fmt.Sprintf("Subject: %s\n\n%s\n---- with the least ----\nSubject: %s\n\n%s", full.Subject, full.Text, bare.Subject, bare.Text))
		if full.HTML != "" || strings.Contains(full.Text+bare.Text, "\n\n\n") || strings.Contains(full.Text+bare.Text, "<no value>") {
			t.Errorf("%s: HTML %q, or a hole in the text", kind, full.HTML)
		}
	}
}

func TestTimesAreShownInTheCustomersZone(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2027, time.March, 15, 2, 0, 0, 0, time.UTC)
	for zone, want := range map[*time.Location]string{
		nil: "15 March 2027, 02:00 UTC", time.UTC: "15 March 2027, 02:00 UTC",
		newYork: "15 March 2027, 02:00 UTC (14 March 2027, 22:00 EDT in America/New_York)",
	} {
		if got := (notify.Data{Zone: zone}).When(at); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAnOperatorsTextTakesTheDefaultsPlace(t *testing.T) {
	all, err := templates(t, map[string]string{
		"enrollment.txt":  "Subject: {{.Account}}: your key\r\n\r\nHere: {{.Link}}\r\n",
		"enrollment.html": `<a href="{{.Link}}" title="{{.Link}}">{{.Account}}: {{.Link}}</a>`,
		"contract.html":   "<p>{{with .LastDay}}{{$.When $.From}}{{.}}{{end}}</p>",
		".gitignore":      "anything",
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := all.Render(gate.EnrollmentNotice, notify.Data{Account: "A&B\r\nBcc: x"})
	if err != nil {
		t.Fatal(err)
	}
	want := notify.Rendered{
		Subject: "A&B Bcc: x: your key", Text: "Here: {link}\n",
		HTML: `<a href="{link}" title="{link}">A&amp;B` + "\r\n" + `Bcc: x: {link}</a>`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	source, err := all.Source(gate.EnrollmentNotice)
	if err != nil || source.Text != "Subject: {{.Account}}: your key\n\nHere: {{.Link}}\n" {
		t.Errorf("source is %q (%v)", source.Text, err)
	}
	contract, err := all.Preview(gate.ContractNotice)
	if err != nil || !strings.HasPrefix(contract.Text, "To Acme Health") || !strings.Contains(contract.HTML, "2027-03-31") {
		t.Errorf("the contract's text is %q with HTML %q (%v), want the default and ours", contract.Text, contract.HTML, err)
	}
}

func TestATemplateThatCannotWorkIsRefusedWhenParsed(t *testing.T) {
	rows := []struct{ name, file, text, want string }{
		{"unknown kind", "enrolment.txt", "Subject: a\n\nb", "enrolment.txt: must be KIND.txt or KIND.html"},
		{"unknown extension", "enrollment.md", "Subject: a\n\nb", "enrollment.md: must be KIND.txt or KIND.html"},
		{"no subject", "contract.txt", "Hello", `contract.txt: the first line must be "Subject: "`},
		{"empty subject", "contract.txt", "Subject: {{.Why}}\n\nb", "contract.txt: subject and text must not be empty"},
		{"empty text", "contract.txt", "Subject: a\n\n{{.Why}}", "contract.txt: subject and text must not be empty"},
		{"syntax", "contract.txt", "Subject: a\n\n{{if}}", "contract.txt: template: contract.txt:1: missing value for if"},
		{"syntax of the subject", "contract.txt", "Subject: {{.\n\nb", "contract.txt: subject: template"},
		{"unknown function", "contract.txt", "Subject: a\n\n{{shell .Why}}", `contract.txt: template: contract.txt:1: function "shell" not defined`},
		{"unknown field", "contract.txt", "Subject: a\n\n{{.Title}}", "contract.txt: {{.Title}}: no such field; there are .Account"},
		{"in the subject", "contract.txt", "Subject: {{.Title}}\n\nb", "contract.txt: {{.Title}}: no such field"},
		{"in a branch not taken", "contract.txt", "Subject: a\n\nb{{if false}}{{else if false}}{{.When (.Title)}}{{end}}", "contract.txt: {{.Title}}: no such field"},
		{"in a defined part", "contract.txt", "Subject: a\n\nb{{define \"x\"}}{{range .Why}}{{else}}{{$.Title}}{{end}}{{end}}", "contract.txt: {{$.Title}}: no such field"},
		{"in HTML", "contract.html", "<p>{{if false}}{{.Title}}{{end}}</p>", "contract.html: {{.Title}}: no such field"},
		{"field of the wrong value", "contract.txt", "Subject: a\n\n{{.Why.UTC}}", "contract.txt: template: contract.txt:1:6"},
		{"without end", "contract.txt", "Subject: a\n\n{{range 1000000}}aaaaaaaaaa{{end}}", "contract.txt: the text becomes longer than 131072 bytes"},
		{"no place for the link", "enrollment.txt", "Subject: a\n\nb", "enrollment.txt: must say {{.Link}}"},
		{"link only sometimes", "enrollment.txt", "Subject: a\n\nb{{if .Why}}{{.Link}}{{end}}", "enrollment.txt: must say {{.Link}}"},
		{"no place in the HTML", "enrollment.html", "<p>a</p>", "enrollment.html: must say {{.Link}}"},
		{"link in the subject", "enrollment.txt", "Subject: {{.Link}}\n\n{{.Link}}", "enrollment.txt: the secret link must not stand in the subject"},
		{"link where there is none", "contract.txt", "Subject: a\n\n{{.Link}}", "contract.txt: notices of this kind have no secret link"},
		{"link in HTML where there is none", "contract.html", "{{.Link}}", "contract.html: notices of this kind have no secret link"},
		{"no UTF-8", "contract.txt", "Subject: \xff", "contract.txt: 10 bytes: must be UTF-8"},
		{"too long", "contract.txt", strings.Repeat("a", 64<<10+1), "contract.txt: 65537 bytes: must be UTF-8 and at most 65536 bytes"},
		{"long subject", "contract.txt", "Subject: " + strings.Repeat("a", 401) + "\n\nb", "contract.txt: subject: "},
	}
	for _, row := range rows {
		_, err := templates(t, map[string]string{row.file: row.text})
		if err == nil || !errors.Is(err, gate.Invalid) || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %s", row.name, err, row.want)
		}
	}
}

func TestUnknownKindsAreRefused(t *testing.T) {
	all, err := templates(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all.Render("party", notify.Data{}); !errors.Is(err, gate.Invalid) {
		t.Errorf("Render: %v", err)
	}
	if _, err := all.Source("party"); !errors.Is(err, gate.Invalid) {
		t.Errorf("Source: %v", err)
	}
}
