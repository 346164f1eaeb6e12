package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestTheStaffPageShowsWhatHappens runs docs/staff.md as a story: each line that begins with "$ " in it, and what stands in comments such as
// <!-- clock 2027-03-04T11:05:00-05:00 -->. What is printed must be what the page shows, but for identifiers, seconds and where the sites
// are. With UPDATE set the page is written anew from what is printed.
func TestTheStaffPageShowsWhatHappens(t *testing.T) {
	t.Parallel()
	s, p := newStory(t), &page{path: "../../docs/staff.md", ids: make(map[string]string), latest: make(map[string]string)}
	file := filepath.Join(t.TempDir(), "staff.txtar")
	if err := os.WriteFile(file, []byte("founded\npage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.path, _ = filepath.Abs(p.path)
	testscript.Run(t, testscript.Params{Files: []string{file}, Setup: s.setup, Cmds: map[string]func(*testscript.TestScript, bool, []string){
		"founded": s.founded,
		"page":    func(ts *testscript.TestScript, _ bool, _ []string) { p.story = s; p.play(ts) },
	}})
}

// page is a text with a terminal's lines in it.
type page struct {
	*story
	path string
	ids  map[string]string // of the page, and what they are this time
	// latest are those that the page does not have, by the prefix.
	latest map[string]string
}

var comment = regexp.MustCompile(`^<!-- (\w+) (.*) -->$`)

func (p *page) play(ts *testscript.TestScript) {
	ts.Setenv("SSL_CERT_FILE", p.file("ca.crt")) // as if the sites' certificates were of a public CA
	text, err := os.ReadFile(p.path)
	ts.Check(err)
	var now []string
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		now = append(now, lines[i])
		if found := comment.FindStringSubmatch(lines[i]); found != nil {
			p.direct(ts, found[1], found[2])
		}
		command, ok := strings.CutPrefix(lines[i], "$ ")
		if !ok {
			continue
		}
		for ; strings.HasSuffix(command, "\\"); i++ {
			command = strings.TrimSuffix(command, "\\") + lines[i+1]
			now = append(now, lines[i+1])
		}
		shown := i + 1
		for i+1 < len(lines) && lines[i+1] != "```" && !strings.HasPrefix(lines[i+1], "$ ") {
			i++
		}
		now = append(now, p.run(ts, command, lines[shown:i+1])...)
	}
	p.compare(ts, string(text), strings.Join(now, "\n"))
}

// direct is what happens beside the terminal.
func (p *page) direct(ts *testscript.TestScript, what, rest string) {
	args := strings.SplitN(rest, " ", 2)
	switch what {
	case "clock":
		p.clock(ts, false, args)
	case "mail":
		p.mail(ts, false, args)
	case "link":
		p.link(ts, false, args)
	case "told": // everybody of everything
		untilBy(ts, scraping, "end of what is owed", func() bool { return strings.Contains(p.scrape(ts), `certgate_notices{state="owed"} 0`) })
	case "call":
		p.call(ts, false, strings.Fields(rest))
	default:
		ts.Fatalf("<!-- %s --> means nothing here", what)
	}
}

var identifier = regexp.MustCompile(`\b(acc|org|dev|con|cas|int|key|crt|rem|not|stf|enr|req)_[0-9a-z]{26}\b`)

// run carries a command out and returns what it prints, with the identifiers that the page has in its place.
func (p *page) run(ts *testscript.TestScript, command string, shown []string) []string {
	command = identifier.ReplaceAllStringFunc(command, p.really)
	err := ts.Exec("sh", "-c", command)
	printed := strings.TrimRight(ts.ReadFile("stdout")+ts.ReadFile("stderr"), "\n")
	if err != nil && os.Getenv("UPDATE") == "" && !strings.Contains(strings.Join(shown, "\n"), "certgate: ") {
		ts.Fatalf("%s: %v", command, err)
	}
	known := identifier.FindAllString(strings.Join(shown, "\n"), -1)
	for i, id := range identifier.FindAllString(printed, -1) {
		if i < len(known) && p.ids[known[i]] == "" {
			p.ids[known[i]] = id
		}
	}
	for page, id := range p.ids {
		printed = strings.ReplaceAll(printed, id, page)
	}
	for _, id := range identifier.FindAllString(printed, -1) {
		if p.ids[id] == "" {
			p.ids[id], p.latest[id[:4]] = id, id // of a page that is written anew
		}
	}
	for site, name := range map[int]string{adminSite: "admin", publicSite: "connect"} {
		printed = strings.ReplaceAll(printed, p.url("https", site), "https://"+name+".example.com")
	}
	printed = second.ReplaceAllString(printed, "${1}:00Z")
	if printed == "" {
		return nil
	}
	lines := strings.Split(printed, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

// second is of a time in UTC: how long a story takes is not the same each time.
var second = regexp.MustCompile(`(\d\d:\d\d):\d\dZ`)

// really is what an identifier of the page is this time: for one that was never shown, the latest of its kind.
func (p *page) really(id string) string {
	if p.ids[id] == "" {
		p.ids[id] = p.latest[id[:4]]
	}
	return p.ids[id]
}

func (p *page) compare(ts *testscript.TestScript, was, now string) {
	if os.Getenv("UPDATE") != "" {
		for shown, id := range p.ids {
			now = strings.ReplaceAll(now, shown, id)
		}
		ts.Check(os.WriteFile(p.path, []byte(now), 0o600))
		return
	}
	if diff := cmp.Diff(was, now); diff != "" {
		ts.Fatalf("%s does not show what happens (-page +what happens); UPDATE=1 writes it anew:\n%s", filepath.Base(p.path), diff)
	}
}
