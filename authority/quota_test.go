package authority_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

// plan amends the customer's contract: from now on these are all limits.
func (o *office) plan(c *customer, limits ...string) {
	o.t.Helper()
	plan := gate.Limits{}
	for _, text := range limits {
		l, err := gate.ParseLimit(text)
		must(o.t, err)
		plan = append(plan, l)
	}
	_, err := o.Amend(o.ben, c.contract.ID, gate.Terms{Plan: plan}, "agreed")
	must(o.t, err)
}

// spend makes so many calls, which must pass.
func (o *office) spend(c *customer, calls int) {
	o.t.Helper()
	for range calls {
		if r := o.reason(c.got); r != gate.Allowed {
			o.t.Fatalf("refused: %s", r)
		}
	}
}

// subjects are those of the notices of quotas, the oldest first.
func (o *office) quotaSubjects() (list []string) {
	for _, n := range o.reminded(gate.QuotaNotice) {
		list = append(list, n.Subject)
	}
	return list
}

func TestAQuotaIsToldOfOnceAtEachMarkAndDay(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p) // 09:00 in the contract's zone
	acme := o.customer("acme")
	o.plan(acme, "day 20 per device")
	restart := func() {
		must(t, o.Close())
		o.reopen(p)
		o.pass(time.Minute)
	}
	eighty, most := "80 % of 20 units a day for each device used: acme/main/prod", "95 % of 20 units a day for each device used: acme/main/prod"
	for _, row := range []struct {
		calls int
		want  []string
	}{
		{15, nil}, {1, []string{eighty}}, {2, []string{eighty}}, {1, []string{eighty, most}}, {1, []string{eighty, most}},
	} {
		o.spend(acme, row.calls)
		o.pass(time.Minute)
		o.pass(time.Minute)
		restart()
		if diff := cmp.Diff(row.want, o.quotaSubjects()); diff != "" {
			t.Fatal(diff)
		}
	}
	o.pass(24 * time.Hour)
	o.spend(acme, 20)
	o.pass(time.Minute)
	if got := o.quotaSubjects(); len(got) != 3 || !strings.HasPrefix(got[2], "All of 20 units") { // both marks were passed together
		t.Errorf("on the next day: %q", got)
	}
	first := o.reminded(gate.QuotaNotice)[0]
	if !strings.Contains(first.Body, "has used 16 of 20 units") || !strings.Contains(first.Body, "nothing is left from 1 March 2027, 11:20 UTC") ||
		!strings.Contains(first.Body, "until 2 March 2027, 00:00 UTC") {
		t.Error(first.Body)
	}
}

func TestARaisedQuotaHasItsMarksAnew(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	told := func(calls int) int {
		o.spend(acme, calls)
		o.pass(time.Minute)
		return len(o.quotaSubjects())
	}
	o.plan(acme, "month 10")
	if n := told(10); n != 1 {
		t.Fatalf("%d notices", n)
	}
	o.plan(acme, "month 20")
	if n := told(5); n != 1 {
		t.Errorf("at 75 %% of the raised quota: %d notices", n)
	}
	if n := told(1); n != 2 {
		t.Errorf("at 80 %% of the raised quota: %d notices", n)
	}
	o.plan(acme, "month 16") // lowered: everything is used at once
	if n := told(0); n != 3 {
		t.Errorf("of a lowered quota: %d notices", n)
	}
	o.plan(acme, "month 15")
	if n := told(0); n != 3 {
		t.Errorf("of one that was lowered again: %d notices", n)
	}
}

// Technical contacts hear of a day, business contacts of a month too. What is used outside production is nobody's quota.
func TestWhoIsToldOfAQuota(t *testing.T) {
	account := &gate.Account{Contacts: []gate.Contact{{Role: gate.TechnicalContact, Email: "t"}, {Role: gate.BusinessContact, Email: "b"}, {Role: gate.SecurityContact, Email: "s"}}}
	for kind, want := range map[gate.LimitKind]string{gate.DayLimit: "t", gate.MonthLimit: "t b"} {
		var got []string
		for _, c := range gate.QuotaRecipients(account, kind) {
			got = append(got, c.Email)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v", kind, got)
		}
	}
}
