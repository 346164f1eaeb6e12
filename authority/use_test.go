package authority_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func TestTheLastUseOfACredentialIsKnownAndOutlivesARestart(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	acme := o.customer("acme")
	stored := func(id string) time.Time {
		t.Helper()
		fresh, err := o.Store().Reread()
		must(t, err)
		if u := fresh.LastUse(id); u != nil {
			return u.At
		}
		return time.Time{}
	}
	if u := o.Directory().LastUse(string(acme.got.KeyID)); u != nil {
		t.Fatalf("used before it was: %+v", u)
	}
	call := func(from string) {
		t.Helper()
		r := o.request(acme.got)
		r.Peer = netip.MustParseAddr(from)
		c, err := o.config.Check(r)
		must(t, err)
		if !c.Allowed() {
			t.Fatal(c.Reason)
		}
		c.Done(authority.Outcome{})
	}
	first := o.clock.now()
	call("203.0.113.7")
	o.tick()
	for range 59 {
		o.pass(time.Minute)
		call("203.0.113.8")
	}
	o.tick()
	for _, id := range []string{string(acme.got.KeyID), string(acme.got.Certificate.ID)} {
		want := gate.Use{ID: id, Account: acme.account.ID, At: o.clock.now(), From: netip.MustParseAddr("203.0.113.8")}
		if got := o.Directory().LastUse(id); got == nil || *got != want {
			t.Errorf("in memory: %+v, want %+v", got, want)
		}
		if got := stored(id); !got.Equal(first) {
			t.Errorf("written down within the hour: %v, want %v", got, first)
		}
	}
	for _, e := range o.events(0) {
		for _, c := range e.Changes {
			if c.Kind == gate.UseRecord {
				t.Errorf("an event was made of it: %+v", e)
			}
		}
	}
	o.pass(time.Minute)
	call("203.0.113.9")
	o.pass(time.Second)
	last := o.clock.now().Add(-time.Second)
	if got := stored(string(acme.got.KeyID)); !got.Equal(last) {
		t.Errorf("written down after the hour: %v, want %v", got, last)
	}
	must(t, o.Close())
	o.reopen(p)
	if got := o.Directory().LastUse(string(acme.got.Certificate.ID)); got == nil || !got.At.Equal(last) || got.From.String() != "203.0.113.9" {
		t.Errorf("after a restart: %+v", got)
	}
}

func TestACustomerIsToldOnceAWeekWhoStillPresentsWhatItReplaced(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	next, err := o.renewKey(acme.got)
	must(t, err)
	call := func(got *authority.Credential) {
		t.Helper()
		r := o.request(got)
		r.Peer = netip.MustParseAddr("203.0.113.7")
		c, err := o.config.Check(r)
		must(t, err)
		c.Done(authority.Outcome{})
	}
	told := func() (list []*gate.Notice) {
		t.Helper()
		all, err := o.Notices(acme.account.ID, 1000)
		must(t, err)
		for _, n := range all {
			if n.Kind == gate.OldInUseNotice {
				list = append(list, n)
			}
		}
		return list
	}
	for day := range 16 { // the old one is presented for 16 days, the new one from then on
		o.pass(24 * time.Hour)
		call(acme.got)
		o.pass(time.Hour)
		if n := len(told()); n > 1+day/7 {
			t.Fatalf("%d notices after %d days", n, day)
		}
	}
	list := told()
	if len(list) != 2 {
		t.Fatalf("%d notices in 16 days, want 2", len(list))
	}
	for _, text := range []string{"203.0.113.7 still presents the old one", string(acme.got.KeyID), string(next.KeyID), "1 March 2027"} {
		if !strings.Contains(list[0].Body, text) {
			t.Errorf("it lacks %q: %s", text, list[0].Body)
		}
	}
	for range 14 {
		o.pass(24 * time.Hour)
		call(next)
		o.pass(time.Hour)
	}
	if n := len(told()); n != 2 {
		t.Errorf("%d notices, and nobody presents the old one any more", n)
	}
}

// The first use is written down by a job, the last one is known at once: nobody may see a credential that was used last and never first.
func TestTheFirstUseIsKnownAsSoonAsTheLast(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	at := o.clock.now()
	id := string(acme.got.KeyID)
	if first := o.Directory().FirstUse(id, nil); first != nil {
		t.Fatalf("before any use: %v", first)
	}
	for range 2 { // no job runs between them
		c, err := o.config.Check(o.request(acme.got))
		must(t, err)
		c.Done(authority.Outcome{})
		o.clock.advance(time.Minute)
	}
	if k := o.Directory().Key(acme.got.KeyID); k.FirstUsedAt != nil {
		t.Fatal("a job ran")
	}
	if first := o.Directory().FirstUse(id, nil); first == nil || !first.Equal(at) {
		t.Errorf("first used at %v, want %v", first, at)
	}
	o.tick()
	k := o.Directory().Key(acme.got.KeyID)
	if first := o.Directory().FirstUse(id, k.FirstUsedAt); k.FirstUsedAt == nil || !first.Equal(*k.FirstUsedAt) {
		t.Errorf("what is written down does not count: %v and %v", first, k.FirstUsedAt)
	}
}

func TestACustomerIsToldFromWhereAReplacedCertificateIsPresented(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	next, _, err := o.renewCertificate(acme.got, newCSR(t), "")
	must(t, err)
	_, err = o.Renew(o.ben, acme.contract.ID, authority.NewTerm{Last: acme.contract.Last.AddDays(366), Why: "nothing has changed"})
	must(t, err)
	o.clock.advance(acme.got.Certificate.NotAfter.Add(-20 * 24 * time.Hour).Sub(o.clock.now())) // in the last 30 days of the old one
	r := o.request(acme.got)
	r.Peer = netip.MustParseAddr("203.0.113.7")
	c, err := o.config.Check(r)
	must(t, err)
	c.Done(authority.Outcome{})
	o.pass(time.Hour)
	all, err := o.Notices(acme.account.ID, 1000)
	must(t, err)
	for _, n := range all {
		if n.Kind != gate.OldInUseNotice {
			continue
		}
		for _, text := range []string{"renewed", "203.0.113.7 still presents the old one", string(acme.got.Certificate.ID), string(next.Certificate.ID)} {
			if !strings.Contains(n.Body, text) {
				t.Errorf("it lacks %q: %s", text, n.Body)
			}
		}
		return
	}
	t.Error("nobody was told")
}
