package gate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

func TestALimitReadsAsItIsWritten(t *testing.T) {
	for text, want := range map[string]gate.Limit{
		"rate 50":                                  {Kind: gate.RateLimit, Amount: 50},
		"rate 50 burst 100 per device":             {Kind: gate.RateLimit, Amount: 50, Burst: 100, Per: gate.DeviceSubject},
		"rate 600/60s burst 100":                   {Kind: gate.RateLimit, Amount: 600, Seconds: 60, Burst: 100},
		"day 200000":                               {Kind: gate.DayLimit, Amount: 200_000},
		"month 5000000 per organization":           {Kind: gate.MonthLimit, Amount: 5_000_000, Per: gate.OrganizationSubject},
		"concurrency 8 per device for fhir-query":  {Kind: gate.ConcurrencyLimit, Amount: 8, Per: gate.DeviceSubject, Behavior: "fhir-query"},
		"patients-hour 500":                        {Kind: gate.PatientHourLimit, Amount: 500},
		"patients-day 2000 for ihe-document-query": {Kind: gate.PatientDayLimit, Amount: 2000, Behavior: "ihe-document-query"},
	} {
		got, err := gate.ParseLimit(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q: %+v, %v; written again: %q", text, got, err, got.String())
		}
	}
	for _, text := range []string{"", "rate", "rate x", "rate 5/", "rate 5/xs", "rate 5 burst", "rate 5 of 7", "rate 5 burst 9999999999999999999"} {
		if _, err := gate.ParseLimit(text); !errors.Is(err, gate.Invalid) || !strings.Contains(err.Error(), "write KIND AMOUNT") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestNamesTellLimitsApart(t *testing.T) {
	seen := map[string]gate.Limit{}
	for _, kind := range gate.LimitKinds() {
		for _, per := range []gate.SubjectKind{gate.AccountSubject, gate.OrganizationSubject, gate.DeviceSubject} {
			for _, behavior := range []string{"", "device", "fhir-query"} {
				l := gate.Limit{Kind: kind, Per: per, Behavior: behavior, Amount: 1}
				if other, taken := seen[l.Name()]; taken {
					t.Errorf("%q is the name of %+v and %+v", l.Name(), l, other)
				}
				seen[l.Name()] = l
			}
		}
	}
}

func TestEveryKindOfLimitHasAReason(t *testing.T) {
	for _, kind := range gate.LimitKinds() {
		if reason := kind.Reason(); !reason.OverLimit() {
			t.Errorf("%s: %s", kind, reason)
		}
	}
	if gate.LimitKind("century").Reason() != gate.Unavailable {
		t.Error("an unknown kind has a reason")
	}
}

func TestPlansThatMakeNoSenseAreRefused(t *testing.T) {
	cost := func(behavior string) int { return map[string]int{"fhir-query": 1, "ihe-document-query": 5}[behavior] }
	for _, row := range []struct {
		plan gate.Limits
		want string // empty: it is fine
	}{
		{nil, ""},
		{gate.Limits{{Kind: gate.RateLimit, Amount: 50, Burst: 5, Behavior: "ihe-document-query"}, {Kind: gate.RateLimit, Amount: 1}}, ""},
		{gate.Limits{{Kind: "century", Amount: 1}}, `plan[0].kind: "century": must be one of rate, day, month, concurrency, patients-hour, patients-day`},
		{gate.Limits{{Kind: gate.DayLimit}}, "plan[0].amount: 0: must be 1 to 1000000000000; to let nothing through, do not grant it"},
		{gate.Limits{{Kind: gate.DayLimit, Amount: -5}}, "plan[0].amount: -5: must be 1 to 1000000000000; to let nothing through, do not grant it"},
		{gate.Limits{{Kind: gate.MonthLimit, Amount: 1e13}}, "plan[0].amount: 10000000000000: must be 1 to 1000000000000; to let nothing through, do not grant it"},
		{gate.Limits{{Kind: gate.ConcurrencyLimit, Amount: 100_001}}, "plan[0].amount: 100001: must be 1 to 100000; to let nothing through, do not grant it"},
		{gate.Limits{{Kind: gate.PatientDayLimit, Amount: 1_000_001}}, "plan[0].amount: 1000001: must be 1 to 1000000; to let nothing through, do not grant it"},
		{gate.Limits{{Kind: gate.DayLimit, Amount: 5, Burst: 5}}, "plan[0].kind: day has neither seconds nor burst: those are of a rate"},
		{gate.Limits{{Kind: gate.RateLimit, Amount: 5, Burst: -1}}, "plan[0].burst: -1: must be 1 to 1000000000000; left out it is the amount"},
		{gate.Limits{{Kind: gate.RateLimit, Amount: 5, Seconds: 86_401}}, "plan[0].seconds: 86401: must be 1 to 86400; left out it is 1"},
		{gate.Limits{{Kind: gate.RateLimit, Amount: 5, Per: gate.KeySubject}}, `plan[0].per: "key": must be account, organization or device`},
		{gate.Limits{{Kind: gate.DayLimit, Amount: 5, Behavior: "fhir-writ"}}, `plan[0].behavior: "fhir-writ" is not in the configuration`},
		{gate.Limits{{Kind: gate.RateLimit, Amount: 50, Burst: 4, Behavior: "ihe-document-query"}}, "plan[0].amount: one call of ihe-document-query takes 5, so a limit of 4 would let none through"},
		{gate.Limits{{Kind: gate.MonthLimit, Amount: 4, Behavior: "ihe-document-query"}}, "plan[0].amount: one call of ihe-document-query takes 5, so a limit of 4 would let none through"},
		{gate.Limits{{Kind: gate.DayLimit, Amount: 50, Per: gate.DeviceSubject}, {Kind: gate.DayLimit, Amount: 40}}, `plan[0].amount: "day 50 per device" can never be reached, because plan[1], "day 40", comes first; lower it or leave it out`},
		{gate.Limits{{Kind: gate.MonthLimit, Amount: 40}, {Kind: gate.DayLimit, Amount: 50}}, `plan[1].amount: "day 50" can never be reached, because plan[0], "month 40", comes first; lower it or leave it out`},
		{gate.Limits{{Kind: gate.PatientDayLimit, Amount: 5}, {Kind: gate.PatientHourLimit, Amount: 6, Per: gate.OrganizationSubject}}, `plan[1].amount: "patients-hour 6 per organization" can never be reached, because plan[0], "patients-day 5", comes first; lower it or leave it out`},
		{gate.Limits{{Kind: gate.DayLimit, Amount: 50}, {Kind: gate.DayLimit, Amount: 40, Per: gate.DeviceSubject}, {Kind: gate.MonthLimit, Amount: 45, Per: gate.DeviceSubject}}, ""},
		{gate.Limits{{Kind: gate.DayLimit, Amount: 50, Behavior: "fhir-query"}, {Kind: gate.DayLimit, Amount: 40}}, ""},
		{gate.Limits{{Kind: gate.DayLimit, Amount: 5}, {Kind: gate.DayLimit, Amount: 6, Per: gate.AccountSubject}}, "plan[1]: day is there already, as plan[0]; one of each kind, subject and behavior is enough"},
		{make(gate.Limits, 17), "plan: has 17 limits; 16 are allowed"},
	} {
		err := row.plan.Check(cost)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func FuzzParseLimit(f *testing.F) {
	f.Add("rate 600/60s burst 100 per device for fhir-query")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := gate.ParseLimit(text)
		if err != nil {
			return
		}
		if again, err := gate.ParseLimit(l.String()); err == nil && again.Name() != l.Name() {
			t.Errorf("%q: read %+v, written %q, read again %+v", text, l, l.String(), again)
		}
	})
}

func TestCustomersReadALimitInWords(t *testing.T) {
	for text, want := range map[string]string{
		"rate 50 burst 100 per device":     "50 units a second, at most 100 at once for each device",
		"rate 10/60s":                      "10 units in 60 seconds",
		"day 5000 for fhir-query":          "5000 units a day of fhir-query",
		"month 9 per organization":         "9 units a month for each organization",
		"concurrency 8":                    "8 calls at once",
		"patients-hour 500":                "500 different patients an hour",
		"patients-day 2000 for fhir-query": "2000 different patients a day of fhir-query",
	} {
		l, err := gate.ParseLimit(text)
		if got := l.Words(); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
}
