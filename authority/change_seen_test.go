package authority_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// times calls so often.
func (o *office) times(n int, r *gate.Request) {
	o.t.Helper()
	for range n {
		o.call(r, authority.Outcome{Status: 200})
	}
}

// seen are the kinds of change that are reported of a customer, after the job has looked.
func (o *office) seen(c *customer) (kinds []gate.ChangeKind) {
	o.t.Helper()
	must(o.t, authority.SeeChanges(o.Authority))
	for _, r := range o.Directory().Certification(c.cert.ID).Changes {
		if r.Reported.By != gate.System || r.Text == "" {
			o.t.Errorf("reported %+v", r)
		}
		kinds = append(kinds, r.Kind)
	}
	return kinds
}

func TestWhatIsAttemptedOutsideTheProfileIsReportedOnceAndStopsNothing(t *testing.T) {
	o := newOffice(t)
	c := o.customer("acme")
	write, pay := o.request(c.got), o.request(c.got)
	write.Method, pay.Purpose = "POST", []string{"HPAYMT"}
	o.times(gate.AttemptFloor-1, write)
	o.times(gate.AttemptFloor-1, pay)
	if kinds := o.seen(c); len(kinds) != 0 {
		t.Fatalf("slips are reported: %v", kinds)
	}
	events := o.Store().EventCount()
	o.times(1, write)
	o.times(1, pay)
	want := []gate.ChangeKind{gate.BehaviorAttempted, gate.PurposeAttempted}
	for range 2 {
		if diff := cmp.Diff(want, o.seen(c)); diff != "" {
			t.Error(diff)
		}
	}
	report := o.Directory().Certification(c.cert.ID).Changes[0]
	if n := o.Store().EventCount() - events; n != 2 || !strings.HasSuffix(report.Text, "fhir-write (10)") || o.reason(c.got) != gate.Allowed {
		t.Errorf("%d events, %q, and calls are %s", n, report.Text, o.reason(c.got))
	}
	_, err := o.JudgeChange(o.cho, c.cert.ID, authority.Judgment{Change: 0, Why: "A test of theirs."})
	must(t, err)
	o.pass(48 * time.Hour)
	o.times(gate.AttemptFloor, write)
	if diff := cmp.Diff(want, o.seen(c)); diff != "" {
		t.Errorf("what was judged immaterial is reported again: %s", diff)
	}
	o.pass(gate.ChangeRestDays * 24 * time.Hour)
	o.times(gate.AttemptFloor, write)
	if diff := cmp.Diff(append(want, gate.BehaviorAttempted), o.seen(c)); diff != "" {
		t.Error(diff)
	}
	_, err = o.ReportChange(o.ben, c.cert.ID, gate.BehaviorAttempted, "I saw it.")
	if gate.KindOf(err) != gate.Invalid {
		t.Errorf("a person reports what the gate sees: %v", err)
	}
}

func TestThreeTimesTheDeclaredVolumeOverSevenWholeDaysIsReported(t *testing.T) {
	o := newOffice(t)
	c := o.customer("acme")
	o.times(gate.VolumeFactor*gate.VolumeDays*1000-1, o.request(c.got))
	if kinds := o.seen(c); len(kinds) != 0 {
		t.Fatalf("today is not over: %v", kinds)
	}
	o.pass(24 * time.Hour)
	if kinds := o.seen(c); len(kinds) != 0 {
		t.Fatalf("one call is lacking: %v", kinds)
	}
	o.times(1, o.request(c.got))
	o.pass(24 * time.Hour)
	if diff := cmp.Diff([]gate.ChangeKind{gate.VolumeTripled}, o.seen(c)); diff != "" {
		t.Error(diff)
	}
}

func TestANetworkIsNewOnceTheUsualOnesAreKnown(t *testing.T) {
	o := newOffice(t)
	c := o.customer("acme")
	home, away := o.request(c.got), o.request(c.got)
	away.Peer = netip.MustParseAddr("203.0.113.9")
	o.times(1, home)
	o.pass(29 * 24 * time.Hour)
	o.times(1, home)
	if kinds := o.seen(c); len(kinds) != 0 {
		t.Fatalf("usual ones are reported: %v", kinds)
	}
	o.pass(2 * 24 * time.Hour)
	o.times(1, home)
	if kinds := o.seen(c); len(kinds) != 0 {
		t.Fatalf("a usual one is reported: %v", kinds)
	}
	o.times(1, away)
	if diff := cmp.Diff([]gate.ChangeKind{gate.NetworkNew}, o.seen(c)); diff != "" {
		t.Fatal(diff)
	}
	if text := o.Directory().Certification(c.cert.ID).Changes[0].Text; !strings.Contains(text, "203.0.113.0/24 (since 2027-04-01T") || !strings.Contains(text, "by acme/main/prod") {
		t.Error(text)
	}
}

// Whoever has half of a credential must not be able to open a report about its owner.
func TestWhatStrangersDoIsNoChangeOfTheirs(t *testing.T) {
	o := newOffice(t)
	c := o.customer("acme")
	o.times(1, o.request(c.got))
	o.pass(31 * 24 * time.Hour)
	half, other := o.request(c.got), o.request(c.got)
	half.Authorization = []string{"Bearer " + c.got.Key[:len(c.got.Key)-8] + "00000000"}
	other.Leaf = nil
	for _, r := range []*gate.Request{half, other} {
		r.Method, r.Peer = "POST", netip.MustParseAddr("203.0.113.9")
		o.times(2*gate.AttemptFloor, r)
	}
	if kinds := o.seen(c); len(kinds) != 0 {
		t.Errorf("they are reported of: %v", kinds)
	}
}
