package authority_test

import (
	"strings"
	"testing"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// costing is the table with another cost of fhir-query.
func costing(cost int) []gate.Behavior {
	list := table()
	list[0].Cost = cost
	return list
}

// A reload that makes single calls exceed a limit would change contracts behind the backs of both sides.
func TestAReloadThatMakesACallExceedALimitNamesTheContracts(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	acme := o.customer("acme")
	_, err := o.Amend(o.ben, acme.contract.ID, gate.Terms{Plan: gate.Limits{{Kind: gate.RateLimit, Amount: 5, Burst: 8}}}, "agreed")
	must(t, err)
	next, err := o.Start(settings(costing(8)...))
	must(t, err)
	next.Close()
	_, err = o.Start(settings(costing(9)...))
	if err == nil || !strings.Contains(err.Error(), string(acme.contract.ID)) || !strings.Contains(err.Error(), "fhir-query takes 9") ||
		!strings.Contains(err.Error(), "certgate contract amend --limit") {
		t.Fatalf("%v", err)
	}
	_, err = o.Amend(o.ben, acme.contract.ID, gate.Terms{Plan: gate.Limits{{Kind: gate.DayLimit, Amount: 1, Behavior: "fhir-query"}}}, "agreed")
	must(t, err)
	refusedCost := costing(2)
	if _, err = o.Start(settings(refusedCost...)); err == nil {
		t.Error("a call of 2 units fits a day of 1")
	}
	must(t, o.Close())

	// A cold start has nothing else to go on with: such a call takes all there is.
	a, err := authority.Open(authority.Options{DataDir: p.data, SecretFile: p.secret, Now: o.clock.now, NoJobs: true})
	must(t, err)
	o.Authority = a
	o.config, err = a.Start(settings(refusedCost...))
	must(t, err)
	for i, want := range []gate.Reason{gate.Allowed, gate.QuotaExceeded} {
		if got := o.reason(acme.got); got != want {
			t.Errorf("call %d: %s", i, got)
		}
	}
	must(t, o.Close())
}

func TestAContractIsNotMadeOrAmendedWithAPlanThatCannotWork(t *testing.T) {
	o := newOffice(t)
	account := o.account("acme")
	good := o.contract(account)
	next, err := o.Start(settings(costing(5)...))
	must(t, err)
	o.config.Close()
	o.config = next
	before := o.Stats().AuditEvents
	for name, plan := range map[string]gate.Limits{
		"nothing":                         {{Kind: gate.DayLimit}},
		"less than nothing":               {{Kind: gate.DayLimit, Amount: -1}},
		"more than anybody counts":        {{Kind: gate.MonthLimit, Amount: 1 << 62}},
		"a burst below what a call takes": {{Kind: gate.RateLimit, Amount: 100, Burst: 4}},
		"a day below what a call takes":   {{Kind: gate.DayLimit, Amount: 4, Behavior: "fhir-query"}},
		"a behavior that is not there":    {{Kind: gate.DayLimit, Amount: 4, Behavior: "fhir-querry"}},
		"a day beyond its month":          {{Kind: gate.DayLimit, Amount: 400}, {Kind: gate.MonthLimit, Amount: 300}},
		"two of the same":                 {{Kind: gate.DayLimit, Amount: 400}, {Kind: gate.DayLimit, Amount: 300}},
	} {
		_, err := o.Amend(o.ben, good.ID, gate.Terms{Plan: plan}, "agreed")
		refused(t, "amend: "+name, err, gate.Invalid)
		term := *good
		term.First, term.Last, term.Plan = good.Last.AddDays(1), good.Last.AddDays(100), plan
		_, err = o.CreateContract(o.ben, term)
		refused(t, "create: "+name, err, gate.Invalid)
	}
	if n := o.Stats().AuditEvents; n != before {
		t.Errorf("%d events of what was refused", n-before)
	}
}
