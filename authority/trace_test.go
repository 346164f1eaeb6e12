package authority_test

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func TestAKindOfResourceIsNeverAnIdentifier(t *testing.T) {
	fhir, documents, users := &gate.Behavior{Name: "fhir-query", Path: "/fhir/*"}, &gate.Behavior{Name: "documents", Path: "/ihe/documents/*"}, &gate.Behavior{Name: "users", Path: "/users/*"}
	patient := &gate.Behavior{Name: "patient", Path: "/fhir/Patient/*"}
	for _, row := range []struct {
		path string
		of   *gate.Behavior
		want string
	}{
		{"/fhir/Observation", fhir, "Observation"},
		{"/fhir/Patient/77", fhir, "Patient"},
		{"/fhir/Patient/77", patient, "Patient"},
		{"/fhir/metadata", fhir, "fhir-query"},
		{"/ihe/documents/0e1f", documents, "documents"},
		{"/ihe/documents/registry/7", documents, "registry"},
		{"/users/alice", users, "users"},
		{"/users/7/notes", users, "users"},
		{"/fhir/Claim/1", nil, "Claim"},
		{"/admin/users/7", nil, "/admin/users"},
		{"/admin/users/all/of/them", nil, "/admin/users/all"},
		{"/7", nil, ""},
		{"/", nil, ""},
	} {
		if got := authority.KindOf(row.path, row.of); got != row.want {
			t.Errorf("%s: %q, want %q", row.path, got, row.want)
		}
	}
}

func TestIdentifiersAreNumbersOnlyWhereTheyCountUp(t *testing.T) {
	for id, want := range map[string]string{
		"7": "7", "000123": "123", "999999999999999999": "999999999999999999", "MRN0042": "42", "p-10001": "10001",
		"": "", "abc": "", "p7": "", "MRN123": "", "1234567890123456789": "", "12a45678": "", "0e1f2a3b": "", "a3f2c0de-11d2-4b77-8f01-123456789012": "",
	} {
		got := ""
		if n, ok := authority.NumberOf(id); ok {
			got = fmt.Sprint(n)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
}

func TestBulkExportsAreKnownByTheirPath(t *testing.T) {
	for path, want := range map[string]bool{
		"/fhir/$export": true, "/fhir/Patient/$export": true, "/fhir/Group/7/$export": true, "/fhir/Group/7/$everything": true,
		"/fhir/Patient/7/$everything": false, "/fhir/Patient/7": false, "/fhir/$export-status/7": false, "": false,
	} {
		if got := authority.Exports(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

// watching is an office whose configuration says where calls name patients, with one customer.
func watching(t *testing.T) (*office, *customer) {
	t.Helper()
	o := newOffice(t)
	var err error
	o.config, err = o.Start(places())
	must(t, err)
	return o, o.customer("acme")
}

// row is what the window of a customer's device holds that began when start was.
func (o *office) row(c *customer, start time.Time, quick bool) abuse.Counts {
	o.t.Helper()
	rows, err := authority.WindowRows(o.Authority, start, quick)
	must(o.t, err)
	for _, r := range rows {
		if r.Device == c.device.ID {
			return r.Counts
		}
	}
	return abuse.Counts{}
}

func TestWhatRulesLookAtComesFromCallsThatPassedWhoCalls(t *testing.T) {
	o, c := watching(t)
	start, r := o.clock.now().Truncate(time.Hour), o.request(c.got)
	for i := range 30 {
		one := *r
		one.Path, one.Peer = fmt.Sprintf("/fhir/Patient/%d", 500+i), netip.MustParseAddr("203.0.113.7")
		o.call(&one, authority.Outcome{Status: 404})
		one.Path = fmt.Sprintf("/records/%d", i)
		o.call(&one, authority.Outcome{})
		one.Path, one.Authorization = fmt.Sprintf("/stolen/%d", i), []string{"Bearer nothing"}
		o.call(&one, authority.Outcome{})
		one.Authorization, one.Leaf = r.Authorization, nil
		o.call(&one, authority.Outcome{})
	}
	for _, path := range []string{"/fhir/Group/1/$export", "/fhir/Group/2/$export", "/fhir/Group/1/$export"} {
		one := *r
		one.Path = path
		o.call(&one, authority.Outcome{Status: 202})
		o.call(&one, authority.Outcome{Status: 503}) // it did not begin
	}
	o.pass(time.Hour + 5*time.Minute)
	must(t, o.SumUsage())
	want := abuse.Counts{
		Requests: 66, Failed: 3, Forbidden: 30, NotFound: 30, Targets: 60, Scopes: authority.ScopeOf("/records/1"), Cost: 36, Patients: 30, Newcomers: 30,
		Numbers: 30, Near: 29, Run: 30, Distinct: 30, Networks: 1, Together: 1, Exports: 3, Restarts: 1,
	}
	for _, quick := range []bool{true, false} {
		if diff := cmp.Diff(want, o.row(c, start, quick)); diff != "" {
			t.Errorf("quick %v: %s", quick, diff)
		}
	}
}

// Six kinds of resources that are not granted are six, however often and for whomever each is asked.
func TestKindsThatAreRefusedAreCountedByKind(t *testing.T) {
	o, c := watching(t)
	start, r := o.clock.now().Truncate(time.Hour), o.request(c.got)
	for i := range 60 {
		one := *r
		one.Path = fmt.Sprintf("/fhir/%s/%d", strings.Fields("Claim Coverage Account Invoice Person Consent")[i%6], i)
		o.call(&one, authority.Outcome{Status: 403})
	}
	o.pass(time.Hour + 5*time.Minute)
	must(t, o.SumUsage())
	if got := o.row(c, start, false); bits.OnesCount64(got.Scopes) != 6 || got.Targets != 60 || got.Forbidden != 60 {
		t.Errorf("%+v", got)
	}
}

// BenchmarkCheckDenied is a whole call that is answered 404: it has two hashes more than one that is answered 200.
func BenchmarkCheckDenied(b *testing.B) {
	o := newOffice(b)
	var err error
	o.config, err = o.Start(places())
	must(b, err)
	r := o.request(o.customer("acme").got)
	r.Path = "/fhir/Patient/1"
	b.ReportAllocs()
	for b.Loop() {
		o.call(r, authority.Outcome{Status: 404})
	}
}
