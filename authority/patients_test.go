package authority_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// places is a configuration that says where calls name patients.
func places() authority.Settings {
	s := settings(table()...)
	s.Patients = gate.PatientPlaces{Paths: []string{"/fhir/Patient/{patient}"}, Queries: []string{"patient"}}
	return s
}

func TestPatientsAreCountedOnceThoughTheyAreNamedInManyWays(t *testing.T) {
	o := newOffice(t)
	var err error
	o.config, err = o.Start(places())
	must(t, err)
	c := o.customer("acme")
	r := o.request(c.got)
	for _, call := range []struct {
		path, query string
		status      int
	}{
		{"/fhir/Patient/1", "", 200}, {"/fhir/Patient/1", "", 200}, {"/fhir/Patient/%31", "", 404}, {"/fhir/Observation", "patient=Patient/1", 200},
		{"/fhir/Observation", "patient=2,3&patient=1", 403}, {"/fhir/Observation", "code=1", 200}, {"/other", "patient=9", 200}, {"/fhir/Patient/4", "", 0},
	} {
		one := *r
		one.Path, one.Query = call.path, call.query
		o.call(&one, authority.Outcome{Status: call.status})
	}
	must(t, o.SumUsage())
	rows := 0
	for _, byDevice := range []bool{true, false} {
		must(t, o.Seen(&authority.UsageQuery{First: "2027-01-01", Last: "2027-12-31"}, byDevice, func(r *authority.SeenRow) error {
			rows++
			got := []int64{r.Patients, r.FirstSeen, r.Networks, r.Forbidden, r.NotFound}
			if diff := cmp.Diff([]int64{4, 4, 1, 1, 1}, got); diff != "" {
				t.Error(diff)
			}
			return nil
		}))
	}
	if rows != 2 {
		t.Errorf("%d rows", rows)
	}
}

// BenchmarkCheckPatient is a whole call that names a patient who was named before in the hour: two hashes more, and no allocation.
func BenchmarkCheckPatient(b *testing.B) {
	o := newOffice(b)
	var err error
	o.config, err = o.Start(places())
	must(b, err)
	r := o.request(o.customer("acme").got)
	r.Path = "/fhir/Patient/1"
	b.ReportAllocs()
	for b.Loop() {
		o.call(r, authority.Outcome{Status: 200})
	}
}
