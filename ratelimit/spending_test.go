package ratelimit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/ratelimit"
)

// spender makes calls of one account and knows from what is left before and after each what it must have taken.
type spender struct {
	t     *rapid.T
	book  *ratelimit.Book
	zone  *time.Location
	plan  *gate.UsagePlan
	now   time.Time
	taken []running
}

// running is a call that has not ended.
type running struct {
	who   ratelimit.Caller
	taken ratelimit.Taken
}

// drawPlan draws limits that are often the reason to refuse: small ones, of all kinds and subjects, about some behaviors.
func (s *spender) drawPlan() {
	p := &gate.UsagePlan{Zone: s.zone}
	names := map[string]bool{}
	for range rapid.IntRange(1, 6).Draw(s.t, "limits") {
		l := gate.Limit{
			Kind:     rapid.SampledFrom(gate.LimitKinds()).Draw(s.t, "kind"),
			Per:      rapid.SampledFrom([]gate.SubjectKind{"", gate.OrganizationSubject, gate.DeviceSubject}).Draw(s.t, "per"),
			Behavior: rapid.SampledFrom([]string{"", "", "query", "export"}).Draw(s.t, "behavior"),
			Amount:   int64(rapid.IntRange(1, 12).Draw(s.t, "amount")),
		}
		if l.Kind == gate.RateLimit {
			l.Seconds, l.Burst = int64(rapid.SampledFrom([]int{1, 60}).Draw(s.t, "seconds")), int64(rapid.IntRange(5, 15).Draw(s.t, "burst"))
		}
		if !names[l.Name()] {
			names[l.Name()] = true
			p.Limits = append(p.Limits, l)
		}
	}
	s.plan = p
}

func (s *spender) drawCaller() *ratelimit.Caller {
	n := rapid.IntRange(0, 2).Draw(s.t, "device")
	who := &ratelimit.Caller{
		Account: "acc_1", Organization: []gate.OrganizationID{"org_1", "org_1", "org_2"}[n], Device: []gate.DeviceID{"dev_1", "dev_2", "dev_3"}[n],
		Behavior: rapid.SampledFrom([]string{"query", "export", "write"}).Draw(s.t, "called"), Plan: s.plan,
	}
	return who
}

// left is what is left of each limit, by device.
func (s *spender) left() map[gate.DeviceID][]ratelimit.Standing {
	all := map[gate.DeviceID][]ratelimit.Standing{}
	for i, device := range []gate.DeviceID{"dev_1", "dev_2", "dev_3"} {
		who := ratelimit.Caller{Account: "acc_1", Organization: []gate.OrganizationID{"org_1", "org_1", "org_2"}[i], Device: device, Plan: s.plan}
		all[device] = s.book.Standings(&who, s.now)
	}
	return all
}

// call makes one. If it is refused, nothing is less than before; if not, each limit that is about it has given what it says, and no other.
func (s *spender) call() {
	who := s.drawCaller()
	c := &ratelimit.Call{Now: s.now, Cost: int64(rapid.IntRange(1, 5).Draw(s.t, "cost"))}
	for range rapid.IntRange(0, 3).Draw(s.t, "patients") {
		if id := uint64(rapid.IntRange(1, 20).Draw(s.t, "patient")); !slices.Contains(c.Patients, id) {
			c.Patients = append(c.Patients, id)
		}
	}
	before := s.left()
	taken, refusal := s.book.Take(who, c)
	after := s.left()
	if refusal.Refused() {
		if diff := cmp.Diff(before, after); diff != "" {
			s.t.Fatalf("%+v was refused by %v and took something (-before +after):\n%s", c, refusal.Limits, diff)
		}
		return
	}
	s.taken = append(s.taken, running{*who, taken})
	for i := range s.plan.Limits {
		l := &s.plan.Limits[i]
		was, is := before[who.Device][i].Left, after[who.Device][i].Left
		want := int64(0)
		switch {
		case !l.Counts(who.Behavior):
		case l.Kind == gate.ConcurrencyLimit:
			want = 1
		case l.Kind == gate.PatientHourLimit, l.Kind == gate.PatientDayLimit:
			if want = was - is; want < 0 || want > int64(len(c.Patients)) { // some may be known already
				want = -1
			}
		case l.Kind == gate.RateLimit:
			want = min(c.Cost, l.Capacity())
		default:
			want = min(c.Cost, l.Amount)
		}
		if was-is != want {
			s.t.Fatalf("%+v: %s had %d and has %d, want %d less", c, l, was, is, want)
		}
		for device := range before {
			if l.Subject() == gate.DeviceSubject && device != who.Device && before[device][i].Left != after[device][i].Left {
				s.t.Fatalf("%+v by %s: %s of %s changed", c, who.Device, l, device)
			}
		}
	}
}

// end ends one of the calls that run: what it held comes back, and nothing else.
func (s *spender) end() {
	if len(s.taken) == 0 {
		return
	}
	i := rapid.IntRange(0, len(s.taken)-1).Draw(s.t, "which")
	ended := s.taken[i]
	s.taken = slices.Delete(s.taken, i, i+1)
	before := s.left()
	ended.taken.Release()
	after := s.left()
	for i := range s.plan.Limits {
		l := &s.plan.Limits[i]
		change := after[ended.who.Device][i].Left - before[ended.who.Device][i].Left
		if l.Kind != gate.ConcurrencyLimit && change != 0 || change < 0 || change > 1 {
			s.t.Fatalf("a call ended, and %s has %d more", l, change)
		}
	}
}

// Whatever was called before, under whichever plans: a call that one limit refuses takes nothing of any.
func TestNoCallThatFailsOnOneLimitSpendsAnother(t *testing.T) {
	newYork := zone(t, "America/New_York")
	rapid.Check(t, func(t *rapid.T) {
		s := &spender{t: t, book: new(ratelimit.Book), now: morning, zone: newYork}
		s.drawPlan()
		t.Repeat(map[string]func(*rapid.T){
			"call":       func(t *rapid.T) { s.t = t; s.call() },
			"call again": func(t *rapid.T) { s.t = t; s.call() },
			"end":        func(t *rapid.T) { s.t = t; s.end() },
			"wait": func(t *rapid.T) {
				s.now = s.now.Add(time.Duration(rapid.SampledFrom([]int{1, 30, 3600, 86_400}).Draw(t, "seconds")) * time.Second)
			},
			"sweep":       func(*rapid.T) { s.book.Sweep(s.now) },
			"change plan": func(t *rapid.T) { s.t = t; s.drawPlan() },
			"restart":     func(*rapid.T) { s.book, s.taken = restart(s.book, s.now), nil },
		})
	})
}
