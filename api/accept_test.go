package api_test

import (
	"strings"
	"testing"

	"github.com/onerecord/certgate/api"
)

func TestFHIRIsAnsweredWhereItIsPreferred(t *testing.T) {
	rows := []struct {
		accept []string
		want   bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"*/*"}, false},
		{[]string{"application/json"}, false},
		{[]string{"application/fhir+json"}, true},
		{[]string{"Application/FHIR+JSON; fhirVersion=4.0"}, true},
		{[]string{"application/fhir+json, */*"}, true},
		{[]string{"application/fhir+json;q=0.5, */*"}, false},
		{[]string{"application/fhir+json;q=0.9, */*;q=0.8"}, true},
		{[]string{"application/fhir+json, application/json"}, false},
		{[]string{"application/fhir+json, application/json;q=0.9"}, true},
		{[]string{"application/json;q=0.2", "application/fhir+json;q=0.3"}, true},
		{[]string{"application/fhir+json;q=0.9, application/problem+json"}, false},
		{[]string{"application/fhir+json, application/problem+json;q=0.9"}, true},
		{[]string{"application/fhir+json;q=0"}, false},
		{[]string{"application/fhir+json;q=NaN"}, false},
		{[]string{"application/fhir+json;q=x, text/html"}, false},
		{[]string{"application/fhir+xml"}, false},
		{[]string{"application/*;q=1, application/fhir+json;q=0.1"}, false},
		{[]string{`text/plain; title="a, application/fhir+json"`}, false},
		{[]string{`text/plain; title="\", application/fhir+json`}, false},
		{[]string{",,application/fhir+json,,"}, true},
	}
	for _, row := range rows {
		if got := api.PrefersFHIR(row.accept); got != row.want {
			t.Errorf("%q: %t", row.accept, got)
		}
	}
}

func TestAcceptIsReadWithoutAllocating(t *testing.T) {
	accept := []string{"text/html, application/json;q=0.9, */*;q=0.1"}
	if n := testing.AllocsPerRun(100, func() { api.PrefersFHIR(accept) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzPrefersFHIR(f *testing.F) {
	for _, s := range []string{"application/fhir+json;q=0.5, */*", `a/b;x="\\", application/fhir+json`, ";;,=", "application/fhir+json;q=1.0000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if api.PrefersFHIR([]string{accept}) && !strings.Contains(strings.ToLower(accept), "application/fhir+json") {
			t.Errorf("%q does not name FHIR", accept)
		}
	})
}
