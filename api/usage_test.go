package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gatetest"
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

// exported is what an export has, by row.
func (s *sites) exported(q url.Values) (map[string]api.UsageRow, *api.UsageEnd) {
	s.t.Helper()
	rows := map[string]api.UsageRow{}
	end, err := s.as("ben").ExportUsage(s.t.Context(), q, func(r *api.UsageRow) error { rows[r.ID] = *r; return nil })
	if err != nil {
		s.t.Fatal(err)
	}
	if end.Rows != int64(len(rows)) {
		s.t.Errorf("%d rows, %d of them different", end.Rows, len(rows))
	}
	return rows, end
}

func TestACorrectionIsANewVersionOfWhatChangedAlone(t *testing.T) {
	s := open(t)
	acme, beta := s.MustProduction("acme"), s.MustProduction("beta")
	call := func(d *gatetest.Credential, path string) {
		t.Helper()
		if got := s.Check(d.Request("GET", path)); got.Allowed() != strings.HasPrefix(path, "/fhir") {
			t.Fatal(got.Reason)
		}
	}
	call(acme, "/fhir/Patient/1")
	call(acme, "/elsewhere")
	call(beta, "/fhir/Patient/1")
	march := url.Values{"from": {"2027-03-01"}, "to": {"2027-03-31"}}
	s.Advance(time.Second)
	first, _ := s.exported(march)
	s.Advance(24 * time.Hour)
	once, end := s.exported(march)
	again, _ := s.exported(march)
	if diff := cmp.Diff(once, again, cmpopts.IgnoreUnexported(api.UsageRow{})); diff != "" || len(once) != 3 || end.Watermark.Before(gatetest.Epoch.Add(23*time.Hour)) {
		t.Errorf("again (%d rows until %v): %s", len(once), end.Watermark, diff)
	}
	for id, r := range once {
		if r.Version != 1 || first[id].Version != 0 || r.Day != "2027-03-01" {
			t.Errorf("%+v", r)
		}
	}
	s.Advance(-24 * time.Hour) // the clock is set back: what is counted now is late
	call(acme, "/fhir/Patient/2")
	s.Advance(24 * time.Hour)
	corrected, _ := s.exported(march)
	changed := 0
	for id, r := range corrected {
		switch was := once[id]; {
		case r.Version == was.Version && r.Calls == was.Calls:
		case r.Version == 2 && r.Calls == was.Calls+1 && r.Path == "acme/main/prod-1" && r.Outcome == "2xx":
			changed++
		default:
			t.Errorf("%+v was %+v", r, was)
		}
	}
	if changed != 1 || len(corrected) != 3 {
		t.Errorf("%d of %d rows changed", changed, len(corrected))
	}
}

func TestAnExportThatBreaksOffIsNotTakenForTheWhole(t *testing.T) {
	s := open(t)
	acme := s.MustProduction("acme")
	s.Check(acme.Request("GET", "/fhir/Patient/1"))
	s.Advance(time.Second)
	whole := s.send(raw{method: "GET", path: "/v1/usage/export"}).body
	lines := strings.SplitAfter(whole, "\n")
	for name, text := range map[string]string{
		"no end": lines[0], "half a line": whole[:len(whole)/4], "a row lost": lines[1], "a row changed": strings.Replace(whole, `"calls":1`, `"calls":2`, 1), "nothing": "",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
		_, err := (&api.Client{Base: server.URL}).ExportUsage(t.Context(), nil, func(*api.UsageRow) error { return nil })
		server.Close()
		if err == nil {
			t.Errorf("%s: taken for the whole", name)
		}
	}
}

func TestUsageIsNotAskedForWithNonsense(t *testing.T) {
	s := open(t)
	for query, field := range map[string]string{
		"from=soon": "from", "to=2027-02-30": "to", "from=2027-03-02&to=2027-03-01": "to", "zone=Mars": "zone", "zone=": "zone", "zone=Local": "zone",
		"step=year": "step", "by=color": "by", "by=": "by", "account=none": "account", "organization=none": "organization", "device=none": "device", "purpose=FUN": "purpose", "outcome=great": "outcome", "x=1": "x",
	} {
		if got := s.send(raw{method: "GET", path: "/v1/usage?" + query}); got.status < 400 || got.problem.Field != field {
			t.Errorf("%s: %d %+v", query, got.status, got.problem)
		}
	}
}
