package gate_test

import (
	"strings"
	"testing"
)

func TestACallContradictsItselfOnlyWhereItsPathAndItsQueryNameOthers(t *testing.T) {
	for call, want := range map[string]bool{
		"/fhir/Patient/1?patient=2":                                 true,
		"/fhir/Patient/1?subject=Patient/2":                         true,
		"/fhir/Patient/1/Observation?subject:Patient=2":             true,
		"/fhir/Patient/1?patient=2,3":                               true,
		"/fhir/Patient/1?patient=1":                                 false,
		"/fhir/Patient/1?patient=2,1":                               false,
		"/fhir/Patient/%31?patient=1":                               false,
		"/fhir/Patient/1":                                           false,
		"/fhir/Patient/1?_count=2":                                  false,
		"/fhir/Patient/1/Observation?_id=77":                        false,
		"/fhir/Patient/1?subject=Group/9":                           false,
		"/fhir/Patient/1?subject:identifier=urn:oid:1.2|3":          false,
		"/fhir/Observation?patient=1&patient=2":                     false, // both, or neither: what FHIR makes of it is no contradiction
		"/fhir/Observation?patient=1&subject=2":                     false,
		"/fhir/Patient/1?patient=https://e.org/Patient/1/_history/": false,
	} {
		path, query, _ := strings.Cut(call, "?")
		if got := fhirPlaces(t).Contradict(path, query); got != want {
			t.Errorf("%s: %v", call, got)
		}
	}
}
