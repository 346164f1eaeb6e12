package gate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
)

func TestADayStartsAtItsFirstInstant(t *testing.T) {
	zones := []string{"UTC", "America/New_York", "America/Sao_Paulo", "America/Havana", "Asia/Amman", "Asia/Beirut", "Africa/Cairo",
		"Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati", "Europe/Dublin", "Asia/Kathmandu", "America/St_Johns"}
	rapid.Check(t, func(rt *rapid.T) {
		zone := located(rt, rapid.SampledFrom(zones).Draw(rt, "zone"))
		day := gate.Date("1990-01-01").AddDays(rapid.IntRange(0, 365*60).Draw(rt, "day"))
		start := day.Start(zone)
		// A day that a zone skipped starts, and ends, with the next.
		if got := gate.Date(start.Format(time.DateOnly)); got < day {
			rt.Fatalf("%s in %s starts at %s", day, zone, start)
		}
		if before := start.Add(-1).Format(time.DateOnly); before >= string(day) {
			rt.Fatalf("%s in %s starts at %s, but an instant before is that day already", day, zone, start)
		}
		if length := day.AddDays(1).Start(zone).Sub(start); length != 0 && (length < 22*time.Hour || length > 26*time.Hour) {
			rt.Fatalf("%s in %s has %s", day, zone, length)
		}
	})
}

func TestDaysAreCounted(t *testing.T) {
	rows := []struct {
		day  gate.Date
		n    int
		want gate.Date
	}{
		{"2027-12-31", 1, "2028-01-01"},
		{"2028-02-28", 1, "2028-02-29"},
		{"2027-02-28", 1, "2027-03-01"},
		{"2027-03-01", -1, "2027-02-28"},
		{"2027-03-14", 0, "2027-03-14"},
		{"nonsense", 1, "nonsense"},
	}
	for _, row := range rows {
		if got := row.day.AddDays(row.n); got != row.want {
			t.Errorf("%s and %d days: %s, want %s", row.day, row.n, got, row.want)
		}
	}
	if got := gate.Date("nonsense").Start(time.UTC); !got.IsZero() {
		t.Errorf("no day starts at %s", got)
	}
}

func TestAContractThatWasNotResolvedIsNotInForce(t *testing.T) {
	c := gate.Contract{ID: "con_1", First: "2027-01-01", Last: "2027-12-31", Zone: "UTC"}
	if got := c.State(noon); got != gate.ContractEnded {
		t.Errorf("%s", got)
	}
	c.Zone = "Mars/Olympus"
	if err := c.Resolve(time.LoadLocation); !errors.Is(err, gate.Invalid) || c.State(noon) != gate.ContractEnded {
		t.Errorf("with an unknown zone: %s, %v", c.State(noon), err)
	}
	c.Zone, c.Last = "UTC", "nonsense"
	if err := c.Resolve(time.LoadLocation); err != nil || c.State(noon) != gate.ContractEnded {
		t.Errorf("without a last day: %s, %v", c.State(noon), err)
	}
}

func TestAContractEndsOnce(t *testing.T) {
	c := *newContract(t, "con_1", "2027-01-01", "2027-12-31", "UTC")
	before := c
	if next, err := c.End("stf_ben", " ", noon); !errors.Is(err, gate.Invalid) || next.Ended != nil {
		t.Errorf("without a reason: %v", err)
	}
	ended, err := c.End("stf_ben", "merged with another account", noon)
	if err != nil || ended.State(noon) != gate.ContractEnded || ended.State(noon.Add(-1)) != gate.ContractInForce {
		t.Errorf("%+v, %v", ended, err)
	}
	if diff := cmp.Diff(before, c, cmp.AllowUnexported(gate.Contract{})); diff != "" {
		t.Errorf("ending changed the value that it was asked of:\n%s", diff)
	}
	if again, err := ended.End("stf_cho", "again", noon.Add(time.Hour)); !errors.Is(err, gate.Conflict) || again.Ended != ended.Ended {
		t.Errorf("twice: %v", err)
	}
}

func TestTheContractThatCounts(t *testing.T) {
	past := newContract(t, "past", "2025-01-01", "2025-12-31", "UTC")
	recent := newContract(t, "recent", "2026-01-01", "2026-12-31", "UTC")
	cut := newContract(t, "cut", "2026-06-01", "2028-12-31", "UTC") // began last, ended before the recent one did
	cut.Ended = &gate.Ending{At: utc(2026, 7, 1, 0)}
	now := newContract(t, "now", "2027-01-01", "2027-12-31", "UTC")
	next := newContract(t, "next", "2028-01-01", "2028-12-31", "UTC")
	later := newContract(t, "later", "2029-01-01", "2029-12-31", "UTC")
	rows := []struct {
		name string
		all  []*gate.Contract
		want gate.ContractID
	}{
		{"in force before all others", []*gate.Contract{past, next, now, later}, "now"},
		{"else the next to start", []*gate.Contract{past, later, next, recent}, "next"},
		{"else the last to have ended", []*gate.Contract{past, recent, cut}, "recent"},
		{"whatever its beginning", []*gate.Contract{cut, past}, "cut"},
	}
	for _, row := range rows {
		rapid.Check(t, func(rt *rapid.T) {
			c := gate.Caller{Contracts: rapid.Permutation(row.all).Draw(rt, "order")}
			if got := c.Contract(noon); got.ID != row.want {
				rt.Fatalf("%s: %s, want %s", row.name, got.ID, row.want)
			}
		})
	}
	if got := (&gate.Caller{}).Contract(noon); got != nil {
		t.Errorf("of none: %s", got.ID)
	}
}

func TestSignedAgreements(t *testing.T) {
	c := signed(t)
	if !c.Signed(gate.BusinessAssociate) || !c.Signed(gate.Participation) || c.Signed("handshake") {
		t.Errorf("%+v", c.Agreements)
	}
	if diff := cmp.Diff([]gate.AgreementKind{gate.BusinessAssociate, gate.Participation}, (gate.Requirements{}).Kinds(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("required (-want +got):\n%s", diff)
	}
}
