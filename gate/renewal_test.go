package gate_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
)

// renew makes the term that follows and resolves it.
func renew(t rapid.TB, c *gate.Contract, last gate.Date, answer gate.Renewal) *gate.Contract {
	t.Helper()
	next, err := c.Renew("con_2", last, answer)
	if err == nil {
		err = next.Resolve(time.LoadLocation)
	}
	if err != nil {
		t.Fatalf("renew: %v", err)
	}
	return &next
}

func immaterially(at time.Time) gate.Renewal {
	return gate.Renewal{Act: gate.Act{By: "stf_ben", At: at, Why: "nothing has changed"}}
}

func materially(at time.Time) gate.Renewal {
	return gate.Renewal{Changed: true, Act: gate.Act{By: "stf_ben", At: at, Why: "moved to another cloud"}}
}

func TestARenewedTermFollowsWithoutGap(t *testing.T) {
	zones := []string{"UTC", "America/New_York", "America/Sao_Paulo", "America/Havana", "Asia/Amman", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo"}
	rapid.Check(t, func(rt *rapid.T) {
		first := gate.Date("2000-01-01").AddDays(rapid.IntRange(0, 365*30).Draw(rt, "first"))
		last := first.AddDays(rapid.IntRange(0, 800).Draw(rt, "days"))
		contract := newContract(rt, "con_1", first, last, rapid.SampledFrom(zones).Draw(rt, "zone"))
		begins, ends := contract.Term()
		answer := immaterially(begins)
		answer.Changed = rapid.Bool().Draw(rt, "changed")
		next := renew(rt, contract, last.AddDays(rapid.IntRange(1, 800).Draw(rt, "further")), answer)
		if b, _ := next.Term(); !b.Equal(ends) || next.First != last.AddDays(1) {
			rt.Fatalf("the term ends at %s and the next begins at %s", ends, b)
		}
		certified := inForce("cas_1", "con_1", contract.Grant, "dev_1")
		carried, ok := certified.Carry(next)
		if !ok {
			rt.Fatal("not carried over")
		}
		c := gate.Caller{Device: &gate.Device{ID: "dev_1"}, Contracts: []*gate.Contract{contract, next}, Certifications: []*gate.Certification{&carried}}
		for _, at := range []time.Time{ends.Add(-1), ends, ends.Add(1)} {
			if _, state := c.Certification(c.Contract(at), at); state != gate.InForce || c.Contract(at).State(at) != gate.ContractInForce {
				rt.Fatalf("at %s, the term ending at %s: certification %s under %s", at, ends, state, c.Contract(at).ID)
			}
		}
	})
}

func TestRenewalsThatAreRefused(t *testing.T) {
	contract := newContract(t, "con_1", "2027-01-01", "2027-12-31", "America/New_York")
	_, ends := contract.Term()
	rows := []struct {
		name string
		last gate.Date
		at   time.Time
		why  string
		kind gate.Kind
		want string
	}{
		{"no day", "2028-02-30", noon, "x", gate.Invalid, "last: "},
		{"before the new term", "2027-12-31", noon, "x", gate.Invalid, "before the first day of the new term, 2028-01-01"},
		{"no reason", "2028-12-31", noon, "", gate.Invalid, "why: "},
		{"too late", "2028-12-31", ends, "x", gate.Conflict, "has ended"},
	}
	for _, row := range rows {
		_, err := contract.Renew("con_2", row.last, gate.Renewal{Act: gate.Act{By: "stf_ben", At: row.at, Why: row.why}})
		if !errors.Is(err, row.kind) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %s that says %q", row.name, err, row.kind, row.want)
		}
	}
}

func TestAMaterialChangeAtARenewalIsDueThirtyDaysIntoTheNewTerm(t *testing.T) {
	contract := newContract(t, "con_1", "2027-01-01", "2028-02-10", "America/New_York")
	next := renew(t, contract, "2029-02-10", materially(noon))
	certified := inForce("cas_1", "con_1", gate.Grant{}, "dev_1")
	carried, _ := certified.Carry(next)
	due := time.Date(2028, time.March, 12, 0, 0, 0, 0, located(t, "America/New_York")) // over 29 February, and before clocks go forward that day
	if !carried.RecertifyBy.Equal(due) || carried.Demanded == nil || certified.RecertifyBy != nil {
		t.Errorf("due %s, want %s", carried.RecertifyBy, due)
	}
	if before, at := carried.State(next, due.Add(-1)), carried.State(next, due); before != gate.InForce || at != gate.Lapsed {
		t.Errorf("%s, then %s", before, at)
	}
	earlier := noon.Add(time.Hour)
	certified.RecertifyBy = &earlier
	if carried, _ = certified.Carry(next); !carried.RecertifyBy.Equal(earlier) {
		t.Errorf("a renewal moved what was due by %s to %s", earlier, carried.RecertifyBy)
	}
}

func TestWhichCasesARenewalCarriesOver(t *testing.T) {
	next := renew(t, newContract(t, "con_1", "2027-01-01", "2027-12-31", "UTC"), "2028-12-31", materially(noon))
	act := by("stf_cho", "x")
	rows := []struct {
		name string
		edit func(*gate.Certification)
		ok   bool
		due  bool
	}{
		{"in force", func(*gate.Certification) {}, true, true},
		{"undecided: it will be judged as it is then", func(c *gate.Certification) { c.Approved, c.Released, c.EnrolledAt = nil, nil, nil }, true, false},
		{"revoked: or an older one would stand in for it", func(c *gate.Certification) { c.Revoked = &gate.Ending{At: noon} }, true, false},
		{"lapsed", func(c *gate.Certification) { c.RecertifyBy = new(noon.Add(-time.Hour)) }, true, true},
		{"rejected", func(c *gate.Certification) { c.Rejected = &act }, false, false},
		{"withdrawn", func(c *gate.Certification) { c.Withdrawn = &act }, false, false},
		{"of another contract", func(c *gate.Certification) { c.Contract = "con_9" }, false, false},
		{"carried over already", func(c *gate.Certification) { c.Carried = []gate.Carrying{{Contract: "con_2"}} }, false, false},
		{"carried to the term that is renewed", func(c *gate.Certification) {
			c.Contract, c.Carried = "con_0", []gate.Carrying{{Contract: "con_1"}}
		}, true, true},
	}
	for _, row := range rows {
		c := inForce("cas_1", "con_1", gate.Grant{}, "dev_1")
		row.edit(c)
		before := *c
		got, ok := c.Carry(next)
		if ok != row.ok || got.Under("con_2") != (ok || len(before.Carried) > 0 && before.Carried[0].Contract == "con_2") || (got.RecertifyBy != nil) != row.due {
			t.Errorf("%s: carried %t, %+v", row.name, ok, got)
		}
		if diff := cmp.Diff(before, *c); diff != "" {
			t.Errorf("%s: the value that was given has changed:\n%s", row.name, diff)
		}
	}
}

func TestARevokedCaseStaysInTheWayAfterARenewal(t *testing.T) {
	s := good(t, gate.Production)
	older := inForce("cas_0", "con_1", s.c.Contracts[0].Grant, "dev_1")
	older.Approved.At = older.Approved.At.Add(-time.Hour)
	s.c.Certifications[0].Revoked = &gate.Ending{At: noon}
	next := renew(t, s.c.Contracts[0], "2028-12-31", immaterially(noon))
	next.Grant = s.c.Contracts[0].Grant
	for i, c := range []*gate.Certification{s.c.Certifications[0], older} {
		carried, _ := c.Carry(next)
		s.c.Certifications = append(s.c.Certifications[:i], &carried)
	}
	s.c.Contracts = append(s.c.Contracts, next)
	_, s.now = s.c.Contracts[0].Term()
	s.r.Leaf.NotAfter = s.now.Add(time.Hour)
	if d := s.decide(); d.Reason != gate.CertificationNoLonger {
		t.Errorf("%s", d.Reason)
	}
}

func TestTheTermThatCounts(t *testing.T) {
	one := newContract(t, "con_1", "2027-01-01", "2027-12-31", "UTC")
	two := renew(t, one, "2028-12-31", immaterially(noon))
	c, _ := inForce("cas_1", "con_1", gate.Grant{}, "dev_1").Carry(two)
	find := func(id gate.ContractID) *gate.Contract {
		return map[gate.ContractID]*gate.Contract{"con_1": one, "con_2": two}[id]
	}
	for at, want := range map[string]*gate.Contract{"2026-06-01": one, "2027-06-01": one, "2028-06-01": two, "2029-06-01": two} {
		if got := c.Term(find, gate.Date(at).Start(time.UTC)); got != want {
			t.Errorf("at %s: %v, want %s", at, got, want.ID)
		}
	}
	if got := c.Term(func(gate.ContractID) *gate.Contract { return nil }, noon); got != nil {
		t.Errorf("%v", got)
	}
}
