package authority_test

import (
	"errors"
	"flag"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// beset is an office with customers about whom anything is found, and people who do anything about it.
type beset struct {
	*office
	rt        *rapid.T
	customers []*customer
	strange   map[gate.AccountID]bool // of whom only strangers' doings were found
}

func (b *beset) ok(err error, kinds ...gate.Kind) {
	if err != nil && !slices.ContainsFunc(kinds, func(k gate.Kind) bool { return errors.Is(err, k) }) {
		b.rt.Fatal(err)
	}
}

func (b *beset) person() authority.By {
	return rapid.SampledFrom([]authority.By{b.ben, b.cho, b.eve}).Draw(b.rt, "who")
}

func (b *beset) incident() gate.IncidentID {
	list := b.Directory().Incidents("")
	if len(list) == 0 {
		return "inc_none"
	}
	return rapid.SampledFrom(list).Draw(b.rt, "incident").ID
}

func (b *beset) find() {
	c := rapid.SampledFrom(b.customers).Draw(b.rt, "customer")
	f := b.surge(c, rapid.SampledFrom([]abuse.Mode{abuse.Enforce, abuse.Enforce, abuse.Observe}).Draw(b.rt, "mode"))
	f.Rule = rapid.SampledFrom(abuse.Rules()).Draw(b.rt, "rule")
	f.Step, f.Weight, f.Held = f.Rule.Most(), f.Rule.Weight(), rapid.IntRange(0, 9).Draw(b.rt, "held") == 0
	if rapid.Bool().Draw(b.rt, "narrow") {
		f.Credential = string(c.got.Certificate.ID)
	}
	if c == b.customers[2] || rapid.IntRange(0, 4).Draw(b.rt, "stranger") == 0 {
		f.Stranger, f.Source = true, "203.0.113.0/24"
	} else {
		delete(b.strange, c.account.ID)
	}
	must(b.t, authority.TakeFindings(b.Authority, f))
}

func (b *beset) wait() {
	b.clock.advance(time.Duration(rapid.IntRange(1, 30*60).Draw(b.rt, "minutes")) * time.Minute)
	must(b.t, authority.WatchForAbuse(b.Authority))
}

func (b *beset) impose() {
	c := b.customers[rapid.IntRange(0, 1).Draw(b.rt, "customer")]
	delete(b.strange, c.account.ID)
	_, err := b.Impose(b.person(), authority.Imposition{Subject: gate.Subject{Kind: gate.DeviceSubject, ID: string(c.device.ID)}, Measure: gate.Suspend,
		Until: new(b.clock.now().Add(time.Hour)), Why: "to be sure"})
	b.ok(err, gate.Forbidden)
}

func (b *beset) lift() {
	if list := b.Directory().Remediations(""); len(list) > 0 {
		_, err := b.Lift(b.person(), rapid.SampledFrom(list).Draw(b.rt, "remediation").ID, "it is in order")
		b.ok(err, gate.Conflict, gate.Forbidden)
	}
}

func (b *beset) note() {
	_, err := b.NoteIncident(b.person(), b.incident(), "looked at")
	b.ok(err, gate.NotFound, gate.Conflict)
}

func (b *beset) end() {
	_, err := b.CloseIncident(b.person(), b.incident(), authority.IncidentEnd{Outcome: rapid.SampledFrom(gate.IncidentOutcomes()).Draw(b.rt, "outcome"), Why: "judged"})
	b.ok(err, gate.NotFound, gate.Conflict)
}

// holds checks what must be so whatever was done.
func (b *beset) holds() {
	now := b.clock.now()
	notices := map[gate.NoticeID]*gate.Notice{}
	all, err := b.Notices("", 10_000)
	must(b.t, err)
	for _, n := range all {
		notices[n.ID] = n
	}
	for _, r := range b.Directory().Remediations("") {
		n := notices[r.Notice]
		if n == nil || n.Account != r.Account || !n.CreatedAt.Equal(r.From) {
			b.rt.Fatalf("a remediation without its notice: %+v, %+v", r, n)
		}
		if r.Until != nil && !now.Before(*r.Until) && r.InForce(now) {
			b.rt.Fatalf("a remediation outlives its end: %+v", r)
		}
		if r.By != gate.System {
			continue
		}
		switch {
		case r.Policy == nil || r.Policy.Version == "" || r.Policy.Risk == "" || r.Policy.Scope == "" || r.Policy.Alternatives == "" || r.Policy.Duration == "":
			b.rt.Fatalf("without its reasons: %+v", r)
		case r.Measure == gate.Throttle && r.Until == nil:
			b.rt.Fatalf("a throttle of certgate's own that does not end: %+v", r)
		case r.Measure == gate.Suspend && r.Subject.Kind != gate.CertificateSubject && r.Subject.Kind != gate.KeySubject, r.Measure == gate.Terminate:
			b.rt.Fatalf("certgate stops more than a credential: %+v", r)
		case b.strange[r.Account]:
			b.rt.Fatalf("an owner was hit by a stranger: %+v", r)
		}
		if r.Lifted != nil && r.Lifted.By == gate.System {
			b.rt.Fatalf("certgate lifts what it imposed: %+v", r)
		}
	}
	open := map[gate.AccountID]int{}
	for _, i := range b.Directory().Incidents("") {
		if b.strange[i.Account] {
			b.rt.Fatalf("an incident of an owner about whom nothing was found: %+v", i)
		}
		if i.Closed == nil && i.Opened.By == gate.System {
			open[i.Account]++
		}
		for _, s := range i.Steps {
			if notices[s.Notice] == nil {
				b.rt.Fatalf("a step without its notice: %+v", s)
			}
		}
		if open[i.Account] > 1 {
			b.rt.Fatalf("%d incidents at once of %s", open[i.Account], i.Account)
		}
	}
}

// Whatever rules find and people do, in whatever order and time: no remediation without its notice, none that outlives its end, nothing of
// certgate's own without its reasons, and no owner hit by a stranger.
func TestNoOrderOfFindingsAndPeopleHitsAnybodyWithoutNotice(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		must(t, f.Value.Set("8"))
		defer func() { must(t, f.Value.Set(f.DefValue)) }()
	}
	rapid.Check(t, func(rt *rapid.T) {
		b := &beset{office: newOffice(t), rt: rt, strange: map[gate.AccountID]bool{}}
		defer func() { must(t, b.Close()) }()
		b.enforced()
		for _, slug := range []string{"acme", "beta", "gamma"} {
			c := b.customer(slug)
			b.customers = append(b.customers, c)
			b.strange[c.account.ID] = true
		}
		actions := []func(){b.find, b.find, b.find, b.find, b.wait, b.wait, b.impose, b.lift, b.note, b.end}
		for range rapid.IntRange(20, 60).Draw(rt, "steps") {
			actions[rapid.IntRange(0, len(actions)-1).Draw(rt, "action")]()
			b.holds()
		}
	})
}
