package authority_test

import (
	"errors"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// passes makes calls until one is refused, and returns how many passed.
func (o *office) passes(c *customer) (n int) {
	o.t.Helper()
	for {
		switch r := o.reason(c.got); r {
		case gate.Allowed:
			n++
		case gate.QuotaExceeded:
			return n
		default:
			o.t.Fatalf("refused: %s", r)
		}
	}
}

func TestMoreOfAQuotaCountsOnTheNextRequestAndEndsWithItsDay(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	acme := o.customer("acme")
	o.plan(acme, "day 10", "rate 1000")
	passes := func(want int, when string) {
		t.Helper()
		if got := o.passes(acme); got != want {
			t.Errorf("%s: %d passed, want %d", when, got, want)
		}
	}
	passes(10, "of the plan")
	_, err := o.GrantExtra(o.ben, acme.account.ID, authority.NewExtra{Limit: "day", Amount: 5, Why: "a migration"})
	must(t, err)
	passes(5, "of what was granted")
	if n := o.notices(acme.account.ID)[0]; n.Kind != gate.ExtraNotice || n.Subject != "5 more units granted, until 2 March 2027" {
		t.Errorf("%s: %s", n.Kind, n.Subject)
	}
	c, err := o.GrantExtra(o.ben, acme.account.ID, authority.NewExtra{Limit: "day 10", Reset: true, Why: "our loop"})
	must(t, err)
	if e := c.Extras[1]; e.Amount != 10 || !e.Reset || e.Act.Why != "our loop" || !e.Ends.Equal(time.Date(2027, time.March, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", e)
	}
	passes(10, "after a reset")
	left, err := o.LimitsOf(acme.account.ID)
	must(t, err)
	if day := left[0]; day.Used != 25 || day.Extra != 15 || day.Left != 0 || day.Path != "acme" {
		t.Errorf("%+v", day)
	}
	must(t, o.FlushUsage())
	must(t, o.Close())
	o.reopen(p)
	passes(0, "after a restart")
	o.plan(acme, "day 12", "rate 1000")
	passes(2, "of a plan that was raised beside it")
	o.pass(24 * time.Hour)
	passes(12, "on the next day")
}

func TestMoreIsGrantedToOneDeviceAlone(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	second := o.device(acme.account, "second", gate.Production)
	o.plan(acme, "month 3 per device")
	grant := func(device string) {
		_, err := o.GrantExtra(o.ben, acme.account.ID, authority.NewExtra{Limit: "month/device", For: device, Amount: 4, Why: "a migration"})
		must(t, err)
	}
	grant(string(second.ID))
	if n := o.passes(acme); n != 3 {
		t.Errorf("%d passed of what another device was granted", n)
	}
	grant("acme/main/prod")
	if n := o.passes(acme); n != 4 {
		t.Errorf("%d passed, want 4", n)
	}
}

func TestWhatCannotBeGrantedIsRefused(t *testing.T) {
	o := newOffice(t)
	acme, other := o.customer("acme"), o.customer("other")
	o.plan(acme, "day 10", "day 5 per device", "rate 50", "patients-day 5")
	before := o.Stats().AuditEvents
	for name, row := range map[string]struct {
		by   authority.By
		in   authority.NewExtra
		kind gate.Kind
	}{
		"by an issuer alone":             {authority.By{Actor: gate.Actor{Staff: o.eve.Staff, Name: "eve", Roles: []gate.Role{gate.Issuer}}}, authority.NewExtra{Limit: "day", Amount: 5, Why: "x"}, gate.Forbidden},
		"without a reason":               {o.ben, authority.NewExtra{Limit: "day", Amount: 5}, gate.Invalid},
		"nothing":                        {o.ben, authority.NewExtra{Limit: "day", Why: "x"}, gate.Invalid},
		"less":                           {o.ben, authority.NewExtra{Limit: "day", Amount: -5, Why: "x"}, gate.Invalid},
		"too much":                       {o.ben, authority.NewExtra{Limit: "day", Amount: 1 << 62, Why: "x"}, gate.Invalid},
		"of a limit that is not there":   {o.ben, authority.NewExtra{Limit: "month", Amount: 5, Why: "x"}, gate.Invalid},
		"of a rate":                      {o.ben, authority.NewExtra{Limit: "rate", Amount: 5, Why: "x"}, gate.Invalid},
		"of patients":                    {o.ben, authority.NewExtra{Limit: "patients-day", Amount: 5, Why: "x"}, gate.Invalid},
		"to somebody of another account": {o.ben, authority.NewExtra{Limit: "day/device", For: string(other.device.ID), Amount: 5, Why: "x"}, gate.Invalid},
		"to a device, of the account's":  {o.ben, authority.NewExtra{Limit: "day", For: "acme/main/prod", Amount: 5, Why: "x"}, gate.Invalid},
		"a reset of nothing":             {o.ben, authority.NewExtra{Limit: "day", Reset: true, Why: "x"}, gate.Conflict},
		"a reset of nobody's":            {o.ben, authority.NewExtra{Limit: "day/device", Reset: true, Why: "x"}, gate.Invalid},
		"a reset of so much":             {o.ben, authority.NewExtra{Limit: "day", Amount: 3, Reset: true, Why: "x"}, gate.Invalid},
	} {
		_, err := o.GrantExtra(row.by, acme.account.ID, row.in)
		refused(t, name, err, row.kind)
	}
	_, err := o.GrantExtra(o.ben, o.account("new").ID, authority.NewExtra{Limit: "day", Amount: 5, Why: "x"})
	refused(t, "without a contract", err, gate.Conflict)
	if n := o.Stats().AuditEvents - 1; n != before { // the account
		t.Errorf("%d events", n-before)
	}
	for range gate.MaxExtras {
		_, err := o.GrantExtra(o.ben, acme.account.ID, authority.NewExtra{Limit: "day", Amount: 1, Why: "x"})
		must(t, err)
	}
	_, err = o.GrantExtra(o.ben, acme.account.ID, authority.NewExtra{Limit: "day", Amount: 1, Why: "x"})
	refused(t, "again and again", err, gate.Conflict)
}

func TestAResetThatTwoAskForAtOnceIsMadeOnce(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	o.plan(acme, "day 10", "rate 1000")
	if n := o.passes(acme); n != 10 {
		t.Fatalf("%d passed", n)
	}
	errs := make(chan error)
	const people = 8
	for range people {
		go func() {
			_, err := o.GrantExtra(o.ben, acme.account.ID, authority.NewExtra{Limit: "day", Reset: true, Why: "our loop"})
			errs <- err
		}()
	}
	for range people {
		if err := <-errs; err != nil && !errors.Is(err, gate.Conflict) {
			t.Error(err)
		}
	}
	if n := o.passes(acme); n != 10 {
		t.Errorf("%d passed after a reset", n)
	}
}
