package api_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

func TestDecodingSaysWhereItIsWrong(t *testing.T) {
	rows := []struct {
		body, field, text string
	}{
		{`{"addresses": {"these": ["10.0.0.0/8", 7]}}`, "addresses.these[1]", "must be a network such as 203.0.113.0/24"},
		{`{"addresses": {"these": "10.0.0.0/8"}}`, "addresses.these", "must be a list in brackets"},
		{`{"addresses": {"any": "yes"}}`, "addresses.any", "must be true or false"},
		{`{"addresses": {"all": true}}`, "addresses.all", "is not a field here; allowed are any, these"},
		{`{"addresses": []}`, "addresses", "must be an object in braces"},
		{`{"slug": "a", "slug": "b"}`, "slug", "is given twice"},
		{`{"Slug": "a"}`, "Slug", "is not a field here; allowed are organization, slug, name, environment, grant, default_purpose, addresses"},
		{`{"environment": "prod"}`, "environment", `environment "prod": must be sandbox, preprod or production`},
		{`{"environment": 3}`, "environment", "must be a text"},
		{`{"grant": {"purposes": [{}]}}`, "grant.purposes[0]", "must be a text"},
		{`{"name": null}`, "name", "must be a text"},
	}
	for _, row := range rows {
		err := api.Decode([]byte(row.body), new(api.NewDevice))
		e, ok := errors.AsType[*gate.Error](err)
		if !ok || e.Field != row.field || e.Text != row.text {
			t.Errorf("%s: %v", row.body, err)
		}
	}
	if err := api.Decode([]byte(`{"at": "soon"}`), new(api.NewInterview)); err == nil || err.Error() != "at: must be a time such as 2027-03-31T16:00:00Z (RFC 3339)" {
		t.Error(err)
	}
}

func TestAbsentAndNullPointersAreNothing(t *testing.T) {
	var in api.Suspension
	if err := api.Decode([]byte(`{"why": "x", "until": null}`), &in); err != nil || in.Until != nil {
		t.Errorf("%v %+v", err, in)
	}
	if err := api.Decode([]byte(`{"until": "2027-01-01T00:00:00Z"}`), &in); err != nil || !in.Until.Equal(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%v %+v", err, in)
	}
}

// What is accepted means what encoding/json says it means.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"organization": "a", "slug": "b", "environment": "sandbox", "grant": {"behaviors": ["x"]}, "addresses": {"these": ["10.0.0.0/8"]}}`,
		`{"grant": null}`, `{"slug": "\ud800"}`, `{"addresses": {"any": true, "any": false}}`, ` [1]`, `{"a": {}}`, `{"": 1}`, "{\"slug\": \"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var got, want api.NewDevice
		if api.Decode(body, &got) != nil {
			return
		}
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("accepted, but encoding/json says: %v", err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			t.Error(diff)
		}
	})
}
