package api_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
)

func TestUsageIsToldByWhateverIsAsked(t *testing.T) {
	s := open(t)
	acme := s.MustProduction("acme")
	for _, path := range []string{"/fhir/Patient/1", "/fhir/Patient/2", "/elsewhere"} {
		s.Check(acme.Request("GET", path))
	}
	s.Advance(time.Hour)
	s.Check(acme.Request("GET", "/fhir/Patient/1"))
	s.Advance(time.Second)
	hours := check[*api.UsageReport](t)(s.as("ben").Usage(t.Context(), url.Values{
		"account": {"acme"}, "by": {"device,environment,behavior,purpose,outcome"}, "step": {"hour"}}))
	hours.Final = s.Now() // sums are made beside the rest
	golden(t, "usage", hours)
	month := check[*api.UsageReport](t)(s.as("ben").Usage(t.Context(), url.Values{"step": {"month"}, "by": {"account"}}))
	if len(month.Items) != 1 || month.Items[0].Calls != 4 || month.Items[0].BillableCalls != 3 || month.Items[0].Path != "acme" {
		t.Errorf("%+v", month.Items)
	}
}

func TestUsageIsNotAskedForWithNonsense(t *testing.T) {
	s := open(t)
	for query, field := range map[string]string{
		"from=soon": "from", "to=2027-02-30": "to", "from=2027-03-02&to=2027-03-01": "to", "zone=Mars": "zone", "zone=": "zone", "zone=Local": "zone",
		"step=week": "step", "by=color": "by", "by=": "by", "account=none": "account", "device=none": "device", "purpose=FUN": "purpose", "outcome=great": "outcome", "x=1": "x",
	} {
		if got := s.send(raw{method: "GET", path: "/v1/usage?" + query}); got.status < 400 || got.problem.Field != field {
			t.Errorf("%s: %d %+v", query, got.status, got.problem)
		}
	}
}
