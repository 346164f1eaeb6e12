package gate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

// Days are counted by hand: what was last in effect on a day is kept through the same day six years later, in the account's zone.
func TestRecordsAreKeptThroughTheSixthYear(t *testing.T) {
	for _, row := range []struct{ zone, ended, until string }{
		{"UTC", "2027-04-01T00:00:00Z", "2033-04-01T00:00:00Z"},              // last day 31 March
		{"UTC", "2027-04-01T00:00:01Z", "2033-04-02T00:00:00Z"},              // in the middle of 1 April
		{"America/New_York", "2027-04-01T04:00:00Z", "2033-04-01T04:00:00Z"}, // last day 31 March in New York, in summer
		{"America/New_York", "2027-11-08T05:00:00Z", "2033-11-08T05:00:00Z"}, // last day 7 November, on which clocks are set back
		{"Asia/Tokyo", "2027-03-31T15:00:00Z", "2033-03-31T15:00:00Z"},       // last day 31 March in Tokyo
		{"UTC", "2028-03-01T00:00:00Z", "2034-03-02T00:00:00Z"},              // last day 29 February: six years later it is 1 March
		{"UTC", "2028-01-01T00:00:00Z", "2034-01-01T00:00:00Z"},              // over the end of a year
	} {
		zone, err := time.LoadLocation(row.zone)
		if err != nil {
			t.Fatal(err)
		}
		ended, until := at(t, row.ended), at(t, row.until)
		terminated := []*gate.Remediation{{Subject: gate.Subject{Kind: gate.AccountSubject}, Measure: gate.Terminate, From: ended}}
		r := gate.Holdings{Remediations: terminated}.Retention(until, zone)
		if !r.KeptUntil.Equal(until) {
			t.Errorf("%s in %s: kept until %s, want %s", row.ended, row.zone, r.KeptUntil, until)
		}
		if r.Deletable(until.Add(-time.Second)) || !r.Deletable(until) {
			t.Errorf("%s in %s: deletable a second before %v, then %v", row.ended, row.zone, r.Deletable(until.Add(-time.Second)), r.Deletable(until))
		}
	}
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOnlyWhatHasEndedForGoodIsDeletable(t *testing.T) {
	ended, now := at(t, "2027-04-01T00:00:00Z"), at(t, "2040-01-01T00:00:00Z")
	account := gate.Subject{Kind: gate.AccountSubject}
	for name, row := range map[string]struct {
		on           gate.Remediation
		certificates []*gate.Certificate
		want         bool
	}{
		"terminated":        {gate.Remediation{Subject: account, Measure: gate.Terminate, From: ended}, nil, true},
		"suspended":         {gate.Remediation{Subject: account, Measure: gate.Suspend, From: ended}, nil, false},
		"called off":        {gate.Remediation{Subject: account, Measure: gate.Terminate, From: ended, Lifted: &gate.Lifting{At: ended}}, nil, false},
		"planned":           {gate.Remediation{Subject: account, Measure: gate.Terminate, From: now.Add(time.Hour)}, nil, false},
		"a device of it":    {gate.Remediation{Subject: gate.Subject{Kind: gate.DeviceSubject}, Measure: gate.Terminate, From: ended}, nil, false},
		"certificate left":  {gate.Remediation{Subject: account, Measure: gate.Terminate, From: ended}, []*gate.Certificate{{NotAfter: now}}, false},
		"certificate ended": {gate.Remediation{Subject: account, Measure: gate.Terminate, From: ended}, []*gate.Certificate{{NotAfter: ended}}, true},
	} {
		r := gate.Holdings{Remediations: []*gate.Remediation{&row.on}, Certificates: row.certificates}.Retention(now, time.UTC)
		if r.Deletable(now) != row.want {
			t.Errorf("%s: deletable %v", name, r.Deletable(now))
		}
		a := gate.Account{Slug: "acme"}
		if _, err := a.ProposeDeletion(&r, gate.Act{By: "stf_1", At: now, Why: "six years are over"}); (err == nil) != row.want || err != nil && !errors.Is(err, gate.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
