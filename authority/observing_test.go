package authority_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func TestWhatAPreproductionDeviceDoesIsWrittenDown(t *testing.T) {
	o := newOffice(t)
	device, _, token := o.preprod("acme")
	got, err := o.Redeem(token, newCSR(t))
	must(t, err)
	call := func(path, peer string) {
		t.Helper()
		r := o.request(got)
		r.Path, r.Peer = path, netip.MustParseAddr(peer)
		c, err := o.config.Check(r)
		must(t, err)
		c.Done(authority.Outcome{})
	}
	events := len(o.events(0))
	call("/fhir/Patient/1", "203.0.113.7")
	call("/fhir/Patient/2", "203.0.113.8")
	call("/nothing", "198.51.100.1") // refused: it shows nothing
	o.pass(time.Second)
	list, err := o.Observed(device.Account)
	must(t, err)
	if len(list) != 1 || list[0].Device != device.ID || len(list[0].Behaviors) != 1 || list[0].Behaviors[0].Name != "fhir-query" ||
		len(list[0].Purposes) != 1 || len(list[0].Networks) != 1 || list[0].Networks[0].Name != "203.0.113.0/24" {
		t.Fatalf("%+v", list)
	}
	first := list[0].Behaviors[0].First
	o.clock.advance(10 * time.Minute)
	call("/fhir/Patient/1", "203.0.113.7")
	o.pass(time.Second)
	if list, err = o.Observed(device.Account); err != nil || !list[0].Behaviors[0].Last.Equal(first) {
		t.Errorf("written twice within the hour: %+v, %v", list[0].Behaviors[0], err)
	}
	o.clock.advance(time.Hour)
	call("/fhir/Patient/1", "203.0.113.7")
	o.pass(time.Second)
	if list, err = o.Observed(device.Account); err != nil || !list[0].Behaviors[0].First.Equal(first) || list[0].Behaviors[0].Last.Sub(first) < time.Hour {
		t.Errorf("%+v, %v", list[0].Behaviors[0], err)
	}
	for _, e := range o.events(int64(events)) {
		for _, c := range e.Changes {
			if c.Kind == gate.ObservedRecord {
				t.Errorf("event %s names what was observed", e.Verb)
			}
		}
	}
}

func TestProductionIsNotObserved(t *testing.T) {
	o := newOffice(t)
	c := o.customer("acme")
	if got := o.reason(c.got); got != gate.Allowed {
		t.Fatal(got)
	}
	o.pass(time.Second)
	if list, err := o.Observed(c.account.ID); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// A busy device neither fills the queue nor costs memory for each call.
func TestObservingDoesNotAllocate(t *testing.T) {
	o := newOffice(t)
	_, _, token := o.preprod("acme")
	got, err := o.Redeem(token, newCSR(t))
	must(t, err)
	r := o.request(got)
	call := func() {
		c, err := o.config.Check(r)
		if err != nil || !c.Allowed() {
			t.Fatal("refused")
		}
		c.Done(authority.Outcome{})
	}
	call()
	o.pass(time.Second)
	least := 1000.0
	for range 200 { // the least of many: under the race detector pools forget at random
		least = min(least, testing.AllocsPerRun(1, call))
	}
	if least > 0 {
		t.Errorf("%v allocations a call", least)
	}
}
