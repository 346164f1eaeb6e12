// Package certgate_test holds the house rules that a compiler cannot: who imports whom, who reads the clock, who draws random numbers. The
// picture and its reasons are in ARCHITECTURE.md; a change of the rules is a change of this file, argued in its commit.
package certgate_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/onerecord/certgate"

// room is one package: its directory and what its non-test files may import beside the standard library and the packages on the lines above.
type room struct {
	dir string
	// modules are import paths of other modules; each allows what lies below it too.
	modules []string
	// pure packages have no input or output and no randomness: none of impure.
	pure bool
	// only, unless nil, are the packages of ours that may be imported, fewer than all on the lines above.
	only []string
}

// house is the import table. A package imports only packages on lines above its own; those on one line do not import each other.
var house = [][]room{
	{
		{dir: "gate", pure: true},
	},
	{
		{dir: "audit", pure: true, only: []string{}, modules: []string{"golang.org/x/mod"}},
		{dir: "issuer", modules: []string{"software.sslmate.com/src/go-pkcs12"}},
		{dir: "ratelimit", modules: []string{"golang.org/x/time"}},
		{dir: "usage", modules: []string{badger, "github.com/axiomhq/hyperloglog"}},
		{dir: "notify", modules: []string{
			"github.com/wneessen/go-mail", "github.com/standard-webhooks/standard-webhooks/libraries", "github.com/arran4/golang-ical",
		}},
	},
	{
		{dir: "certstore", only: []string{"gate", "audit"}, modules: []string{badger, "filippo.io/age"}},
		{dir: "abuse", pure: true, only: []string{"gate", "usage"}},
	},
	{
		{dir: "authority", modules: []string{zap, "github.com/google/uuid", "github.com/rickar/cal/v2"}},
	},
	{
		{dir: "api", modules: []string{"github.com/coreos/go-oidc/v3"}},
		{dir: "gatetest"},
	},
	{
		{dir: "console"},
		{dir: "cli", modules: []string{cobra, caddy, "go.yaml.in/yaml/v3"}},
	},
	{
		{dir: "caddymodule", modules: []string{caddy, cobra, zap, "github.com/prometheus/client_golang"}},
	},
	{
		{dir: ".", only: []string{"caddymodule"}},
		// The root of the commands is its own, so that Caddy's self-replacing ones can be left out.
		{dir: "cmd/certgate", modules: []string{caddy, cobra}},
	},
}

const (
	badger = "github.com/dgraph-io/badger/v4"
	caddy  = "github.com/caddyserver/caddy/v2"
	cobra  = "github.com/spf13/cobra"
	zap    = "go.uber.org/zap"
)

// free holds programs that measure: they may import and call what they like.
const free = "bench"

// impure are the parts of the standard library that reach outside the process or draw random numbers; each forbids what lies below it too. So
// is net itself, but not net/netip and net/url, which are arithmetic.
var impure = []string{
	"crypto/rand", "database/sql", "io/ioutil", "log", "math/rand", "net/http", "net/rpc", "net/smtp", "os", "plugin", "syscall", "testing",
}

// Time and randomness are arguments everywhere else, so that a test can say what they are.
var (
	clockReaders  = []string{"authority", "cmd", free}
	randomReaders = []string{"authority", "cmd", free}
)

func TestEveryPackageImportsOnlyWhatTheTableAllows(t *testing.T) {
	report(t, checkImports(t, os.DirFS(".")))
}

func TestOnlyAuthorityAndCommandsReadTheClock(t *testing.T) {
	report(t, checkClock(t, os.DirFS(".")))
}

// report fails the test with every breach; what to do about one stands in its text.
func report(t *testing.T, breaches []string) {
	t.Helper()
	for _, breach := range breaches {
		t.Error(breach)
	}
}

// checkImports compares the imports of every non-test file with the table.
func checkImports(t *testing.T, tree fs.FS) []string {
	t.Helper()
	var breaches []string
	eachFile(t, tree, func(name string, file *ast.File) {
		dir := path.Dir(name)
		if below(dir, free) {
			return
		}
		line, r := find(dir)
		if r == nil {
			breaches = append(breaches, name+": directory "+dir+" is not in the table of house_test.go; give it a line there")
			return
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if why := refuse(line, r, imported); why != "" {
				breaches = append(breaches, fmt.Sprintf("%s: imports %s: %s", name, imported, why))
			}
		}
	})
	return breaches
}

// refuse says why package r, on the given line of the house, may not import a path, or nothing where it may.
func refuse(line int, r *room, imported string) string {
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case below(imported, module):
		return refuseOurs(line, r, strings.TrimPrefix(strings.TrimPrefix(imported, module), "/"))
	case imported == "C":
		return "no cgo, so that one static binary is the release"
	case strings.Contains(first, "."):
		if !belowAny(imported, r.modules) {
			return "that module is not in the table of house_test.go for " + r.dir
		}
	case r.pure && (imported == "net" || belowAny(imported, impure)):
		return r.dir + " has no input, output or randomness; take the value as an argument"
	case belowAny(imported, []string{"crypto/rand", "math/rand"}) && !belowAny(r.dir, randomReaders):
		return "random numbers are drawn in authority and cmd; take them as an argument"
	}
	return ""
}

func refuseOurs(line int, r *room, imported string) string {
	if imported == "" {
		imported = "."
	}
	other, found := find(imported)
	switch {
	case found == nil:
		return "not in the table of house_test.go"
	case other >= line:
		return fmt.Sprintf("%s is not on a line above %s in house_test.go", imported, r.dir)
	case r.only != nil && !slices.Contains(r.only, imported):
		return fmt.Sprintf("of our packages %s may import only %q", r.dir, r.only)
	}
	return ""
}

// checkClock looks for calls that read the clock or sleep. time.Sleep is nowhere but in measurements: wait for the condition instead.
func checkClock(t *testing.T, tree fs.FS) []string {
	t.Helper()
	reads := []string{"Now", "Since", "Until"}
	var breaches []string
	eachFile(t, tree, func(name string, file *ast.File) {
		local := localName(file, "time")
		if local == "" || below(path.Dir(name), free) {
			return
		}
		if local == "." {
			breaches = append(breaches, name+": imports time without its name, so nobody sees where the clock is read")
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); !ok || x.Name != local {
				return true
			}
			switch call := sel.Sel.Name; {
			case call == "Sleep":
				breaches = append(breaches, name+": time.Sleep: wait for the condition, with a deadline")
			case slices.Contains(reads, call) && !belowAny(path.Dir(name), clockReaders):
				breaches = append(breaches, name+": time."+call+": only authority and cmd read the clock; take now as an argument")
			}
			return true
		})
	})
	return breaches
}

// eachFile parses every non-test Go file of the tree, in order. As the go command does, it passes over testdata and names that begin with a
// dot or underscore.
func eachFile(t *testing.T, tree fs.FS, visit func(name string, file *ast.File)) {
	t.Helper()
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		hidden := name != "." && (base[0] == '.' || base[0] == '_')
		if entry.IsDir() {
			if hidden || base == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		if hidden || path.Ext(base) != ".go" || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		visit(name, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// find returns the line of the house on which a directory stands, and its room, nil where it has none.
func find(dir string) (int, *room) {
	for line := range house {
		for i := range house[line] {
			if house[line][i].dir == dir {
				return line, &house[line][i]
			}
		}
	}
	return 0, nil
}

// localName is the name by which the file calls an imported package, empty where it does not import it.
func localName(file *ast.File, imported string) string {
	for _, spec := range file.Imports {
		if spec.Path.Value != strconv.Quote(imported) {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(imported)
	}
	return ""
}

// below says whether name is dir or lies in it.
func below(name, dir string) bool {
	return name == dir || strings.HasPrefix(name, dir+"/")
}

func belowAny(name string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return below(name, dir) })
}

// The rules are only worth as much as what they catch, so each is shown to catch its breach.
func TestTheHouseRulesCatchWhatTheyForbid(t *testing.T) {
	imports := func(path string) string { return "package p\n\nimport _ \"" + path + "\"\n" }
	rows := []struct{ file, source, want string }{
		{"gate/a.go", imports("net/http"), "gate/a.go: imports net/http: gate has no input, output or randomness; take the value as an argument"},
		{"gate/a.go", imports("net"), "gate/a.go: imports net: gate has no input, output or randomness; take the value as an argument"},
		{"gate/a.go", imports("net/netip"), ""},
		{"gate/a.go", imports("math/rand/v2"), "gate/a.go: imports math/rand/v2: gate has no input, output or randomness; take the value as an argument"},
		{"gate/a.go", imports("golang.org/x/mod/sumdb/tlog"), "gate/a.go: imports golang.org/x/mod/sumdb/tlog: that module is not in the table of house_test.go for gate"},
		{"audit/a.go", imports("github.com/onerecord/certgate/gate"), `audit/a.go: imports github.com/onerecord/certgate/gate: of our packages audit may import only []`},
		{"issuer/a.go", imports("github.com/onerecord/certgate/audit"), "issuer/a.go: imports github.com/onerecord/certgate/audit: audit is not on a line above issuer in house_test.go"},
		{"certstore/a.go", imports("github.com/onerecord/certgate/issuer"), `certstore/a.go: imports github.com/onerecord/certgate/issuer: of our packages certstore may import only ["gate" "audit"]`},
		{"certstore/a.go", imports("crypto/rand"), "certstore/a.go: imports crypto/rand: random numbers are drawn in authority and cmd; take them as an argument"},
		{"api/a.go", imports("github.com/onerecord/certgate"), "api/a.go: imports github.com/onerecord/certgate: . is not on a line above api in house_test.go"},
		{"api/a.go", imports("C"), "api/a.go: imports C: no cgo, so that one static binary is the release"},
		{"utils/a.go", imports("fmt"), "utils/a.go: directory utils is not in the table of house_test.go; give it a line there"},
		{"api/a.go", "package p\n\nimport t \"time\"\n\nvar now = t.Now\n", "api/a.go: time.Now: only authority and cmd read the clock; take now as an argument"},
		{"authority/a.go", "package p\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n", "authority/a.go: time.Sleep: wait for the condition, with a deadline"},
		{"api/a.go", "package p\n\nimport . \"time\"\n\nvar now = Now\n", "api/a.go: imports time without its name, so nobody sees where the clock is read"},
		{"authority/a.go", "package p\n\nimport (\n\t_ \"crypto/rand\"\n\t\"time\"\n)\n\nvar now = time.Now\n", ""},
		{"certstore/a_test.go", imports("net/http"), ""},
		{"gate/testdata/a.go", imports("net/http"), ""},
		{"bench/load/a.go", imports("golang.org/x/net/http2"), ""},
	}
	for _, row := range rows {
		tree := fstest.MapFS{row.file: {Data: []byte(row.source)}}
		got := strings.Join(append(checkImports(t, tree), checkClock(t, tree)...), "\n")
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s with %q (-want +got):\n%s", row.file, row.source, diff)
		}
	}
}
