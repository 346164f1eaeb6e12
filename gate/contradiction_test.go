package gate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func TestABurstHasRoomForOneCallOfWhatIsGranted(t *testing.T) {
	cost := func(behavior string) int { return map[string]int{"fhir-query": 1, "ihe-document-query": 5}[behavior] }
	for _, row := range []struct {
		limit   string
		granted []string
		want    string
	}{
		{"rate 4", []string{"fhir-query"}, ""},
		{"rate 4", []string{"fhir-query", "ihe-document-query"}, ""}, // a call takes all of it
		{"rate 1 burst 5", []string{"ihe-document-query"}, ""},
		{"rate 50 burst 4", []string{"ihe-document-query"}, "plan[0].burst: 4: one call of ihe-document-query takes 5; it must be at least that"},
		{"day 4", []string{"ihe-document-query"}, ""},
		{"day 4 for ihe-document-query", nil, "plan[0].amount: one call of ihe-document-query takes 5, so a limit of 4 would let none through"},
		{"concurrency 1", []string{"ihe-document-query"}, ""},
		{"patients-day 1", []string{"ihe-document-query"}, ""},
		{"day 4 for fhir-query", []string{"ihe-document-query"}, ""},
		{"rate 1 burst 1", []string{"gone"}, ""}, // what is not known costs nothing
	} {
		l, err := gate.ParseLimit(row.limit)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := (gate.Limits{l}).Affords(row.granted, cost); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s for %v: %s", row.limit, row.granted, diff)
		}
	}
}
