package gate_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/onerecord/certgate/gate"
)

func TestAPathHasOneCanonicalForm(t *testing.T) {
	rows := []struct{ given, want string }{
		{"/", "/"},
		{"/fhir/Patient/1", "/fhir/Patient/1"},
		{"/fhir/Patient/", "/fhir/Patient/"},
		{"/fhir/Patient/$match", "/fhir/Patient/$match"},
		{"/fhir/Patient/%24match", "/fhir/Patient/$match"},
		{"/%66hir/%50atient/1", "/fhir/Patient/1"},
		{"/a%2Db%2db", "/a-b-b"},
		{"/a%2ab", "/a*b"},
		{"/caf%c3%a9", "/caf%C3%A9"},
		{"/a%20b", "/a%20b"},
		{"/a%22b", "/a%22b"},
		{"/a%3fb%23", "/a%3Fb%23"},
		{"/.well-known/x", "/.well-known/x"},
		{"/...", "/..."},
		{"/a..b/..c/d..", "/a..b/..c/d.."},
		{"/-._~!$&'()*+,=:@", "/-._~!$&'()*+,=:@"},
		{"/" + strings.Repeat("a", 7999), "/" + strings.Repeat("a", 7999)},
	}
	for _, row := range rows {
		got, err := gate.CanonicalPath(row.given)
		if err != nil || got != row.want {
			t.Errorf("%q: %q, %v, want %q", row.given, got, err, row.want)
		}
	}
}

// ambiguous are paths that two parsers could read in two ways.
var ambiguous = []string{
	"", "*", "fhir", "http://a/fhir", "\\fhir",
	"//", "//fhir", "/fhir//Patient", "/fhir/Patient//",
	"/.", "/..", "/./fhir", "/../fhir", "/fhir/.", "/fhir/..", "/fhir/./x", "/fhir/../x",
	"/%2e", "/%2E%2e/x", "/.%2e/x", "/%2e./x", "/fhir/%2e%2e", "/fhir/%2e/x",
	"/fhir%2fx", "/fhir%2Fx", "/fhir/%2f", "/fhir%5cx", "/fhir%5Cx", "/fhir\\x",
	"/fhir;a=b/x", "/fhir/x;", "/fhir%3bx", "/fhir%3Bx",
	"/fhir%25", "/fhir%252e", "/fhir%252fx", "/%25%32%65",
	"/%", "/%2", "/%zz", "/%2g", "/a%", "/a%4",
	"/%00", "/a%0d%0ab", "/a%09", "/a%1f", "/a%7f", "/a\x00", "/a\tb", "/a\r\nb", "/a\x7f",
	"/a b", "/a\"b", "/a<b", "/a>b", "/a[b", "/a]b", "/a^b", "/a`b", "/a{b", "/a|b", "/a}b",
	"/a?b", "/a#b", "/é", "/a\xff",
	"/%ff", "/%c3", "/%c3%28", "/%ed%a0%80", "/%c0%ae%c0%ae/x", "/%c0%af",
	"/" + strings.Repeat("a", 8000),
}

func TestAnAmbiguousPathIsRefused(t *testing.T) {
	for _, path := range ambiguous {
		got, err := gate.CanonicalPath(path)
		if !errors.Is(err, gate.Invalid) || got != "" {
			t.Errorf("%q: %q, %v, want an error", path, got, err)
		}
	}
}

func TestAnEncodedPathGetsTheAnswerOfItsCanonicalFormOrIsInvalid(t *testing.T) {
	good := good(t, gate.Production)
	for _, canonical := range []string{"/fhir/Patient/1", "/fhir/AuditEvent/1", "/metadata", "/subscriptions/1/socket", "/other"} {
		good.r.Path = canonical
		want := good.decide()
		for _, path := range encodings(canonical) {
			good.r.Path = path
			got := good.decide()
			if got.Reason != gate.InvalidRequest && (got.Reason != want.Reason || got.Path != want.Path || got.Behavior != want.Behavior) {
				t.Errorf("%q: %s for %q, want %s for %q or invalid-request", path, got.Reason, got.Path, want.Reason, want.Path)
			}
		}
		for _, path := range lookalikes(canonical) {
			good.r.Path = path
			if got := good.decide(); got.Reason != gate.InvalidRequest && (got.Reason != want.Reason || got.Behavior != want.Behavior) {
				t.Errorf("%q: %s, want %s as for %q or invalid-request", path, got.Reason, want.Reason, canonical)
			}
		}
	}
}

// lookalikes are ways to write a path that some server takes for the same.
func lookalikes(path string) []string {
	return []string{
		strings.ReplaceAll(path, "/", "//"), strings.ReplaceAll(path, "/", "/./"), strings.ReplaceAll(path, "/", "%2f"),
		strings.ReplaceAll(path, "/", "/%2e/"), strings.ReplaceAll(path, "/", "/x/../"), strings.ReplaceAll(path, "/", "/x/%2e%2E/"),
		strings.ReplaceAll(path, "/", "\\"), strings.ReplaceAll(path, "/", "/;/"), path + ";x=y", path + "/", path + "/.", path + "//",
		path + "%2f", path + "%00", path + "?", "/fhir/.." + path, "/" + path, "http://api.example.com" + path,
		strings.ToUpper(path), strings.ToLower(path), path[:1] + strings.ToUpper(path[1:2]) + path[2:],
	}
}

// encodings are the path with each character encoded, once and twice, with digits in lower and in upper case.
func encodings(path string) (list []string) {
	for i := 1; i < len(path); i++ {
		for _, hex := range []string{"0123456789abcdef", "0123456789ABCDEF"} {
			c := path[i]
			list = append(list,
				path[:i]+"%"+string(hex[c>>4])+string(hex[c&15])+path[i+1:],
				path[:i]+"%25"+string(hex[c>>4])+string(hex[c&15])+path[i+1:])
		}
	}
	return list
}

func TestACanonicalPathIsReturnedWithoutAllocating(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _, _ = gate.CanonicalPath("/fhir/Patient/caf%C3%A9"[:15]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCanonicalPath(f *testing.F) {
	for _, path := range ambiguous {
		f.Add(path)
	}
	for _, path := range []string{"/", "/fhir/Patient/1", "/%66hir/caf%c3%a9/", "/a%20b/%3f", "/%24everything"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, given string) {
		path, err := gate.CanonicalPath(given)
		if err != nil {
			if path != "" || !errors.Is(err, gate.Invalid) {
				t.Fatalf("%q: refused with path %q and %v", given, path, err)
			}
			return
		}
		if again, err := gate.CanonicalPath(path); err != nil || again != path {
			t.Fatalf("%q: canonical is %q, whose canonical is %q, %v", given, path, again, err)
		}
		before, errBefore := url.PathUnescape(given)
		after, errAfter := url.PathUnescape(path)
		if errBefore != nil || errAfter != nil || before != after {
			t.Fatalf("%q: means %q (%v), its canonical form %q means %q (%v)", given, before, errBefore, path, after, errAfter)
		}
		if strings.Contains(after, "//") || strings.ContainsAny(after, "\\;%") || strings.ContainsFunc(after, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
			t.Fatalf("%q: %q is ambiguous once it is decoded: %q", given, path, after)
		}
		for segment := range strings.SplitSeq(after, "/") {
			if segment == "." || segment == ".." {
				t.Fatalf("%q: %q has a dot segment once it is decoded", given, path)
			}
		}
		u, err := url.Parse("https://api.example.com" + path)
		if err != nil || u.Path != after || u.EscapedPath() != path || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("%q: net/url reads %q as %+v, %v", given, path, u, err)
		}
	})
}
