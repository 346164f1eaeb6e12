package gate_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
)

// asked is what a table makes of a call: the behavior's name, or the reason why there is none. Every behavior is granted.
func asked(t rapid.TB, table *gate.Behaviors, method, path string) string {
	t.Helper()
	s := good(t, gate.Sandbox)
	s.r.Site.Behaviors, s.c.Device.Grant = table, nil
	s.r.Method, s.r.Path = method, path
	d := s.decide()
	if d.Allowed() {
		return d.Behavior.Name
	}
	return d.Reason.String()
}

func get(name, path string) gate.Behavior {
	return gate.Behavior{Name: name, Method: "GET", Path: path}
}

// layered is a table in which calls match several behaviors.
func layered() []gate.Behavior {
	return []gate.Behavior{
		get("root", "/"),
		get("all", "/*"),
		get("fhir", "/fhir"),
		get("fhir-any", "/fhir/*"),
		get("fhir-export", "/fhir/*/$export"),
		get("patient", "/fhir/Patient"),
		get("patient-any", "/fhir/Patient/*"),
		get("patient-everything", "/fhir/Patient/*/$everything"),
		get("slashed", "/token/"),
		{Name: "patient-write", Method: "*", Path: "/fhir/Patient/*"},
		{Name: "delete", Method: "DELETE", Path: "/*"},
	}
}

func TestTheMostSpecificBehaviorWins(t *testing.T) {
	table := compile(t, layered()...)
	rows := []struct{ method, path, want string }{
		{"GET", "/", "root"},
		{"GET", "/x", "all"},
		{"GET", "/x/y", "all"},
		{"GET", "/fhir", "fhir"},
		{"GET", "/fhir/Observation", "fhir-any"},
		{"GET", "/fhir/Group/$export", "fhir-export"},
		{"GET", "/fhir/Patient", "patient"},
		{"GET", "/fhir/Patient/1", "patient-any"},
		{"GET", "/fhir/Patient/$export", "patient-any"}, // a literal before * from the left
		{"GET", "/fhir/Patient/1/$everything", "patient-everything"},
		{"GET", "/fhir/Patient/1/x", "patient-any"},
		{"GET", "/fhir/Patient/1/", "patient-any"},
		{"HEAD", "/fhir/Patient/1", "patient-any"},
		{"HEAD", "/fhir/Patient", "patient"},
		{"PUT", "/fhir/Patient/1", "patient-write"},
		{"PUT", "/fhir/Patient/1/$everything", "patient-write"},
		{"DELETE", "/fhir/Patient/1", "patient-write"}, // the path counts before the method
		{"DELETE", "/fhir/x", "delete"},
		{"DELETE", "/", "behavior-unknown"},
		{"POST", "/fhir/x", "behavior-unknown"},
		{"OPTIONS", "/fhir/Patient/1", "patient-write"},
		{"GET", "/token/", "slashed"},
		// What differs from a more specific behavior in case or a last slash alone must not slip to a less specific one.
		{"GET", "/FHIR", "invalid-request"},
		{"GET", "/fhir/patient/1", "invalid-request"},
		{"GET", "/fhir/group/$EXPORT", "invalid-request"},
		{"GET", "/fhir/Patient/", "invalid-request"},
		{"GET", "/fhir/", "invalid-request"},
		{"GET", "/token", "invalid-request"},
		{"GET", "/TOKEN/", "invalid-request"},
		{"GET", "/fhir/Group/$export/", "invalid-request"},
		{"GET", "/fhir/Patientx", "fhir-any"},
		{"GET", "/fhi", "all"},
	}
	for _, row := range rows {
		if got := asked(t, table, row.method, row.path); got != row.want {
			t.Errorf("%s %s: %s, want %s", row.method, row.path, got, row.want)
		}
	}
}

func TestTheOrderOfDeclarationDoesNotMatter(t *testing.T) {
	list := layered()
	table := compile(t, list...)
	segment := rapid.SampledFrom([]string{"fhir", "Patient", "patient", "1", "$export", "$everything", "token", ""})
	rapid.Check(t, func(rt *rapid.T) {
		shuffled := compile(rt, rapid.Permutation(list).Draw(rt, "order")...)
		path := "/" + strings.Join(rapid.SliceOfN(segment, 0, 4).Draw(rt, "path"), "/")
		method := rapid.SampledFrom([]string{"GET", "HEAD", "PUT", "DELETE", "TRACE"}).Draw(rt, "method")
		if want, got := asked(t, table, method, path), asked(t, shuffled, method, path); got != want {
			rt.Fatalf("%s %s: %s, in the other order %s", method, path, want, got)
		}
	})
}

func TestATableThatCannotBeMeantIsRefused(t *testing.T) {
	long := strings.Repeat("a", 41)
	rows := []struct {
		name string
		list []gate.Behavior
		want []string // parts of the error; the first names the behavior
	}{
		{"no name", []gate.Behavior{get("", "/x")}, []string{"behavior: slug \"\""}},
		{"a name in upper case", []gate.Behavior{get("Query", "/x")}, []string{"Query"}},
		{"a name that is too long", []gate.Behavior{get(long, "/x")}, []string{long, "1 to 40"}},
		{"no method", []gate.Behavior{{Name: "query", Path: "/x"}}, []string{"query", "upper case"}},
		{"a method in lower case", []gate.Behavior{{Name: "query", Method: "get", Path: "/x"}}, []string{"query", `"get"`}},
		{"two methods", []gate.Behavior{{Name: "query", Method: "GET,POST", Path: "/x"}}, []string{"query", `"GET,POST"`}},
		{"HEAD", []gate.Behavior{{Name: "query", Method: "HEAD", Path: "/x"}}, []string{"query", "GET"}},
		{"CONNECT", []gate.Behavior{{Name: "query", Method: "CONNECT", Path: "/x"}}, []string{"query", "CONNECT"}},
		{"TRACE", []gate.Behavior{{Name: "query", Method: "TRACE", Path: "/x"}}, []string{"query", "TRACE"}},
		{"a WebSocket by POST", []gate.Behavior{{Name: "query", Method: "POST", Path: "/x", WebSocket: true}}, []string{"query", "WebSocket"}},
		{"a cost below one", []gate.Behavior{{Name: "query", Method: "GET", Path: "/x", Cost: -1}}, []string{"query", "-1"}},
		{"a cost beyond reason", []gate.Behavior{{Name: "query", Method: "GET", Path: "/x", Cost: 1_000_001}}, []string{"query", "1000001"}},
		{"no path", []gate.Behavior{get("query", "")}, []string{"query", `""`}},
		{"a path without slash", []gate.Behavior{get("query", "x")}, []string{"query", `"x"`}},
		{"a path with an empty segment", []gate.Behavior{get("query", "/x//y")}, []string{"query", "/x//y"}},
		{"a path with a dot segment", []gate.Behavior{get("query", "/x/../y")}, []string{"query", "/x/../y"}},
		{"a path that is not canonical", []gate.Behavior{get("query", "/%78")}, []string{"query", "/%78"}},
		{"an encoded star", []gate.Behavior{get("query", "/x/%2A")}, []string{"query", "/x/%2A"}},
		{"a query", []gate.Behavior{get("query", "/x?y")}, []string{"query", "/x?y"}},
		{"half a segment", []gate.Behavior{get("query", "/x*/y")}, []string{"query", "whole segment"}},
		{"two stars in one segment", []gate.Behavior{get("query", "/x/**")}, []string{"query", "whole segment"}},
		{"one name twice", []gate.Behavior{get("query", "/x"), get("other", "/z"), get("query", "/y")}, []string{"query", "twice"}},
		{"one route twice", []gate.Behavior{get("query", "/x/*/y"), get("again", "/x/*/y")}, []string{"again", "query"}},
		{"one route twice in another case", []gate.Behavior{get("query", "/x/y"), get("again", "/X/Y")}, []string{"again", "query"}},
		{"one route twice but for the slash", []gate.Behavior{get("query", "/x/y"), get("again", "/x/y/")}, []string{"again", "query"}},
		{"one route for all below twice", []gate.Behavior{get("query", "/x/*"), get("again", "/x/*")}, []string{"again", "query"}},
	}
	for _, row := range rows {
		table, err := gate.Compile(row.list)
		if table != nil || !errors.Is(err, gate.Invalid) {
			t.Errorf("%s: table %v, error %v; want it refused as invalid", row.name, table, err)
			continue
		}
		for _, part := range row.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", row.name, err, part)
			}
		}
	}
}

func TestACallCostsOneUnitUnlessItSaysOtherwise(t *testing.T) {
	given := []gate.Behavior{get("query", "/x")}
	list := compile(t, given...).List()
	if list[0].Cost != 1 || given[0].Cost != 0 {
		t.Errorf("cost %d and the given table has %d, want 1 and 0 as before", list[0].Cost, given[0].Cost)
	}
	if dear, err := gate.Compile([]gate.Behavior{{Name: "query", Method: "GET", Path: "/x", Cost: 1_000_000}}); err != nil || dear.List()[0].Cost != 1_000_000 {
		t.Errorf("the highest cost: %v", err)
	}
	list[0].Name = "changed"
	if _, ok := compile(t, given...).Named("query"); !ok {
		t.Error("a list that was handed out changes the table")
	}
}

func TestTheEmptyTableMatchesNothing(t *testing.T) {
	for name, table := range map[string]*gate.Behaviors{"nil": nil, "zero": {}, "compiled": compile(t)} {
		if got := asked(t, table, "GET", "/x"); got != "behavior-unknown" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestABlockedBehaviorIsRefusedAndNotPassedOver(t *testing.T) {
	table := compile(t, get("all", "/*"), get("one", "/x"))
	blocked := table.Block([]string{"one", "no such"})
	if got := asked(t, blocked, "GET", "/x"); got != "behavior-not-granted" {
		t.Errorf("blocked: %s", got)
	}
	if got := asked(t, blocked, "GET", "/y"); got != "all" {
		t.Errorf("beside it: %s", got)
	}
	if got := asked(t, table, "GET", "/x"); got != "one" {
		t.Errorf("the table that it was made from: %s", got)
	}
	if got := asked(t, blocked.Block(nil), "GET", "/x"); got != "one" {
		t.Errorf("unblocked: %s", got)
	}
}

func TestChangedNamesWhatIsDroppedChangedOrWidened(t *testing.T) {
	socket := gate.Behavior{Name: "socket", Method: "GET", Path: "/socket", WebSocket: true}
	plain := get("socket", "/socket")
	old := []gate.Behavior{get("all", "/x/*"), get("audit", "/x/audit/*"), {Name: "create", Method: "POST", Path: "/x/*"}}
	edited := func(edit func(b *gate.Behavior)) []gate.Behavior {
		next := slices.Clone(old)
		edit(&next[1])
		return next
	}
	rows := []struct {
		name      string
		old, next []gate.Behavior
		allowed   []gate.Behavior
		want      []string
	}{
		{"nothing", old, old, nil, nil},
		{"another order", old, []gate.Behavior{old[2], old[0], old[1]}, nil, nil},
		{"another cost", old, edited(func(b *gate.Behavior) { b.Cost = 7 }), nil, nil},
		{"one more", old, append(slices.Clone(old), get("more", "/y")), nil, nil},
		{"the general one dropped", old, old[1:], nil, []string{"all"}},
		{"the special one dropped", old, []gate.Behavior{old[0], old[2]}, nil, []string{"all", "audit"}},
		{"the special one moved", old, edited(func(b *gate.Behavior) { b.Path = "/x/audits/*" }), nil, []string{"all", "audit"}},
		{"another method", old, edited(func(b *gate.Behavior) { b.Method = "POST" }), nil, []string{"all", "audit"}},
		{"any method", old, edited(func(b *gate.Behavior) { b.Method = "*" }), nil, []string{"all", "audit"}},
		{"renamed", old, edited(func(b *gate.Behavior) { b.Name = "log" }), nil, []string{"audit"}},
		{"all dropped", old, nil, nil, []string{"all", "audit", "create"}},
		{"a WebSocket more", []gate.Behavior{plain}, []gate.Behavior{socket}, nil, []string{"socket"}},
		{"a WebSocket less", []gate.Behavior{socket}, []gate.Behavior{plain}, nil, nil},
		{"a WebSocket more, allowed", []gate.Behavior{plain}, []gate.Behavior{socket}, []gate.Behavior{socket}, nil},
		{"a WebSocket more, allowed without", []gate.Behavior{plain}, []gate.Behavior{socket}, []gate.Behavior{plain}, []string{"socket"}},
		{"dropped, allowed", old, old[1:], []gate.Behavior{{Name: "all"}}, nil},
		{"dropped, allowed to change", old, old[1:], []gate.Behavior{get("all", "/z")}, []string{"all"}},
		{"changed, allowed to be dropped", old, edited(func(b *gate.Behavior) { b.Path = "/z" }), []gate.Behavior{{Name: "audit"}, old[0]}, []string{"audit"}},
		{"dropped and the heir allowed", old, []gate.Behavior{old[0], old[2]}, []gate.Behavior{{Name: "audit"}, old[0]}, nil},
		{"a special one under a star", []gate.Behavior{get("all", "/*/x"), get("one", "/a/x")}, []gate.Behavior{get("all", "/*/x")}, nil, []string{"all", "one"}},
		{"a special one elsewhere", []gate.Behavior{get("all", "/b/*"), get("one", "/a/x")}, []gate.Behavior{get("all", "/b/*")}, nil, []string{"one"}},
		{"a longer one that shares no call", []gate.Behavior{get("all", "/a"), get("one", "/a/x")}, []gate.Behavior{get("all", "/a")}, nil, []string{"one"}},
	}
	for _, row := range rows {
		table := gate.BehaviorTable{Behaviors: row.old, Allowances: row.allowed}
		if diff := cmp.Diff(row.want, table.Changed(compile(t, row.next...))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
	}
}

// Whatever was refused under the old table for want of a grant is still refused after a change that names nothing granted.
func TestNoCallComesUnderAGrantWithoutBeingNamed(t *testing.T) {
	name := rapid.SampledFrom([]string{"a", "b", "c"})
	path := rapid.SampledFrom([]string{"/x", "/x/*", "/x/y", "/x/y/*", "/*/y", "/*", "/x/*/z", "/x/", "/X"})
	method := rapid.SampledFrom([]string{"GET", "POST", "*"})
	draw := rapid.Custom(func(rt *rapid.T) []gate.Behavior {
		n := rapid.IntRange(0, 3).Draw(rt, "n")
		list := make([]gate.Behavior, n)
		for i := range list {
			list[i] = gate.Behavior{Name: name.Draw(rt, "name"), Method: method.Draw(rt, "method"), Path: path.Draw(rt, "path")}
		}
		return list
	})
	calls := []string{"/x", "/x/", "/x/y", "/x/y/", "/x/y/z", "/x/q/z", "/q/y", "/q", "/X", "/x/q"}
	rapid.Check(t, func(rt *rapid.T) {
		before, errBefore := gate.Compile(draw.Draw(rt, "before"))
		after, errAfter := gate.Compile(draw.Draw(rt, "after"))
		if errBefore != nil || errAfter != nil {
			return
		}
		old := gate.BehaviorTable{Behaviors: before.List()}
		named := old.Changed(after)
		for _, call := range calls {
			for _, m := range []string{"GET", "POST", "PUT"} {
				was, is := asked(t, before, m, call), asked(t, after, m, call)
				_, known := before.Named(is)
				if is != was && known && !slices.Contains(named, is) {
					rt.Fatalf("%s %s was %s, is %s, which is not named among %v", m, call, was, is, named)
				}
			}
		}
	})
}
