package gate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func fhirPlaces(t testing.TB) *gate.Patients {
	t.Helper()
	places := gate.PatientPlaces{Paths: []string{"/fhir/Patient/{patient}", "/fhir/Patient/{patient}/*", "/fhir/*/of/{patient}"}, Queries: []string{"patient", "subject", "_id"}}
	compiled, err := places.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func TestPatientsAreFoundWhereACallNamesThem(t *testing.T) {
	for call, want := range map[string]string{
		"/fhir/Patient/1":                                   "1",
		"/fhir/Patient/1/$everything":                       "1",
		"/fhir/Patient/1/":                                  "1",
		"/fhir/Patient/a%2Db":                               "a-b",
		"/fhir/Observation/of/7":                            "7",
		"/fhir/Observation/1":                               "",
		"/fhir/Patient":                                     "",
		"/fhir/Patient?_id=1,2":                             "1 2",
		"/fhir/Observation?patient=1":                       "1",
		"/fhir/Observation?patient=1&patient=2":             "1 2",
		"/fhir/Observation?patient=1;subject=2":             "1 2",
		"/fhir/Observation?subject=Patient/1":               "1",
		"/fhir/Observation?subject=Patient%2F1%2C2":         "1 2",
		"/fhir/Observation?subject:Patient=1":               "1",
		"/fhir/Observation?subject%3APatient=1":             "1",
		"/fhir/Observation?subject=https://e.org/Patient/1": "1",
		"/fhir/Observation?subject=Patient/1/_history/3":    "1",
		"/fhir/Observation?subject=Group/9":                 "",
		"/fhir/Observation?patient=&patient":                "",
		"/fhir/Observation?status=final&code=1":             "",
		"/fhir/Patient/1?patient=2":                         "1 2",
	} {
		path, query, _ := strings.Cut(call, "?")
		var got []string
		fhirPlaces(t).Each(path, query, func(id string) { got = append(got, id) })
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: %s", call, diff)
		}
	}
}

func TestPlacesThatCannotBeReadAreRefused(t *testing.T) {
	for _, places := range []gate.PatientPlaces{
		{Paths: []string{"/fhir/Patient/*"}}, {Paths: []string{"fhir/{patient}"}}, {Paths: []string{"/a/../{patient}"}}, {Paths: []string{"/{patient}/{patient}"}},
		{Paths: []string{"/x{patient}"}}, {Queries: []string{""}}, {Queries: []string{"subject:Patient"}}, {Queries: []string{"a&b"}},
	} {
		if _, err := places.Compile(); err == nil {
			t.Errorf("%+v was taken", places)
		}
	}
}

func TestWithoutPlacesNobodyIsFound(t *testing.T) {
	var none *gate.Patients
	none.Each("/fhir/Patient/1", "patient=1", func(id string) { t.Errorf("found %q", id) })
}

func FuzzPatients(f *testing.F) {
	f.Add("/fhir/Patient/1", "patient=1,2&subject=Patient%2F3")
	f.Fuzz(func(t *testing.T, path, query string) {
		fhirPlaces(t).Each(path, query, func(id string) {
			if id == "" {
				t.Error("nobody was found")
			}
		})
	})
}
