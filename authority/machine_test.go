package authority_test

import (
	"errors"
	"flag"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// machine drives an authority and the model side by side: each operation is asked of both, and what they say must agree.
type machine struct {
	*authority.Authority
	*model

	rt      *rapid.T
	config  *authority.Config
	clock   *clock
	tally   map[string]int // committed changes by operation
	setting bool           // it sets the scene, see begin
	last    string         // what was committed last
	tempted gate.StaffID   // who must not do what comes next, and is tempted to: who has done the other half of it
}

// staff are who acts: some with one role, some with several, so that only the separation of duties stands between two acts of one person.
func staff() []authority.Admin {
	admin := func(name string, roles ...gate.Role) authority.Admin {
		return authority.Admin{Name: name, Email: name + "@example.com", Roles: roles}
	}
	return []authority.Admin{
		admin("iva", gate.Interviewer),
		admin("apu", gate.Approver),
		admin("ike", gate.Issuer),
		admin("opal", gate.Operator),
		admin("aud", gate.Auditor),
		admin("cho", gate.Approver, gate.Admin),
		admin("eve", gate.Issuer, gate.Admin),
		admin("max", gate.Interviewer, gate.Approver, gate.Issuer, gate.Operator, gate.Admin),
		admin("mia", gate.Interviewer, gate.Approver, gate.Issuer, gate.Operator),
	}
}

// newMachine founds an authority in memory and the model of it.
func newMachine(rt *rapid.T) *machine {
	x := &machine{rt: rt, clock: newClock(), tally: map[string]int{}, model: &model{notices: map[gate.NoticeID]*mNotice{}, hosts: map[string]*mHost{}, blocked: map[int]bool{}}}
	store, _, err := authority.FoundInMemory(authority.Setup{Admins: staff(), Now: x.clock.now})
	x.must(err)
	x.Authority, err = authority.Open(authority.Options{Store: store, Now: x.clock.now, NoJobs: true})
	x.must(err)
	x.config, err = x.Start(settings(table()...))
	x.must(err)
	x.Tick(rt.Context(), x.clock.now())
	for _, s := range x.Directory().People() {
		p := &mPerson{id: s.ID, name: s.Name, roles: s.Roles, first: s.Roles}
		for _, c := range s.Certificates {
			p.badges = append(p.badges, &mBadge{mark: c.Fingerprint, to: c.NotAfter})
		}
		x.people = append(x.people, p)
	}
	x.found()
	return x
}

func (x *machine) must(err error) {
	if err != nil {
		x.rt.Fatal(err)
	}
}

func (x *machine) now() time.Time { return x.clock.now() }

// refusals are what the model has against an operation; without any it must be carried out.
type refusals []gate.Kind

func (r *refusals) when(bad bool, kind gate.Kind) {
	if bad {
		*r = append(*r, kind)
	}
}

// actor is a person as the one who asks, with the roles that they claim and the version of the record that they say they have read.
type actor struct {
	*mPerson
	by    authority.By
	named bool // says which version, and it is the one that stands
	stale bool // says which, and it is another
}

// actor draws somebody: mostly one who may, now and then with roles that they have lost meanwhile. etag is of the record that is changed; empty:
// the operation compares none.
func (x *machine) actor(action gate.Action, etag string) *actor {
	able := slices.DeleteFunc(slices.Clone(x.people), func(p *mPerson) bool { return !p.can(action) })
	from := x.people
	if len(able) > 0 && x.between(0, 4, "able") > 0 {
		from = able
	}
	if x.chance(2, "of all trades") { // between whose two acts nothing stands but the separation of duties
		if able = slices.DeleteFunc(slices.Clone(able), func(p *mPerson) bool { return len(p.roles) < 4 }); len(able) > 0 {
			from = able
		}
	}
	a := &actor{mPerson: sampled(x, "who", from)}
	if p := x.person(x.tempted); p != nil && x.chance(2, "tempted") {
		a.mPerson = p
	}
	x.tempted = ""
	a.by.Actor = gate.Actor{Staff: a.id, Name: a.name}
	if !a.disabled {
		a.by.Roles = a.roles
	}
	if x.between(0, 15, "as before") == 0 {
		a.by.Roles = a.first
	}
	if etag == "" {
		return a
	}
	switch x.between(0, 9, "If-Match") {
	case 0:
		a.by.IfMatch, a.stale = "0123456789abcdef", true
	case 1, 2, 3:
		a.by.IfMatch, a.named = etag, true
	}
	return a
}

// refusals are what there is against the actor, whatever is asked.
func (a *actor) refusals(action gate.Action) (r refusals) {
	r.when(!can(a.by.Roles, action), gate.Forbidden)
	r.when(a.disabled || len(a.roles) == 0, gate.Unauthorized)
	r.when(slices.ContainsFunc(a.by.Roles, func(claimed gate.Role) bool { return !slices.Contains(a.roles, claimed) }), gate.Forbidden)
	r.when(a.stale, gate.Stale)
	return r
}

// attempt is one operation: what the model has against it, the operation itself, and what becomes of the model if it is carried out.
type attempt struct {
	name    string
	by      *actor // nil: the customer
	as      string // who else it is, where it is neither
	refused refusals
	do      func(by authority.By) error
	commit  func()
	notices []gate.NoticeKind // that the customer must be told with
	before  int               // events that come before its own
	after   int               // events that a refusal leaves
}

// step runs one operation. No two happen at the same time.
func (x *machine) step(name string) {
	x.clock.advance(time.Second)
	x.operations()[name](x)
}

// try makes the attempt and compares.
func (x *machine) try(a attempt) {
	before, seq := x.everything(), x.Store().EventCount()
	by := authority.By{}
	if a.by != nil {
		by = a.by.by
		if len(a.refused) == 0 && x.between(0, 9, "Idempotency-Key") == 0 {
			by.Once = &authority.Once{ID: rapid.StringMatching(`[a-z]{20}`).Draw(x.rt, "once"), Hash: gate.FingerprintOf([]byte(a.name))}
		}
	}
	if a.by != nil && x.chance(10, "dry run") {
		x.tried(a)
	}
	err := a.do(by)
	x.rt.Logf("%s: %s %s: %v", x.now().Format(time.DateTime), by.Name, a.name, err)
	if len(a.refused) > 0 {
		x.wasRefused(a, before, seq, err)
		return
	}
	if err != nil {
		x.rt.Fatalf("%s was refused, and nothing is against it: %v", a.name, err)
	}
	events, told := x.eventsFrom(seq), x.newNotices()
	if len(events) != a.before+1 {
		x.rt.Fatalf("%s left %d events instead of %d: %v", a.name, len(events), a.before+1, verbs(events))
	}
	event := events[a.before]
	x.attributed(a, &event)
	x.announced(a, &event, told)
	x.tally[a.name]++
	x.last = a.name
	a.commit()
	if by.Once != nil {
		x.repeated(a, by)
	}
}

// tried asks what would happen, which is what happens, and changes nothing.
func (x *machine) tried(a attempt) {
	before, seq, by := x.everything(), x.Store().EventCount(), a.by.by
	by.Try = new(authority.DryRun)
	err := a.do(by)
	if len(a.refused) == 0 && !errors.Is(err, authority.ErrDryRun) || len(a.refused) > 0 && !slices.Contains(a.refused, gate.KindOf(err)) {
		x.rt.Fatalf("%s was tried: %v; the rules have %v against it", a.name, err, a.refused)
	}
	if x.unchanged(a.name+", tried,", before); x.Store().EventCount() != seq {
		x.rt.Fatalf("%s was tried, and left an event", a.name)
	}
}

// wasRefused compares a refusal: its kind, and that nothing has changed but that events say so where a link was tried.
func (x *machine) wasRefused(a attempt, before map[string]string, seq int64, err error) {
	if err == nil {
		x.rt.Fatalf("%s was carried out, and must be refused as %v", a.name, a.refused)
	}
	if kind := gate.KindOf(err); !slices.Contains(a.refused, kind) {
		x.rt.Fatalf("%s was refused as %s (%v), want one of %v", a.name, kind, err, a.refused)
	}
	if a.before == 0 {
		x.unchanged(a.name+", refused,", before)
	}
	if got := x.Store().EventCount() - seq; got != int64(a.before+a.after) {
		x.rt.Fatalf("%s was refused (%v) and left %d events, want %d: %v", a.name, err, got, a.before+a.after, verbs(x.eventsFrom(seq)))
	}
}

// repeated sends the same once more: it is answered as what was done before, and happens once.
func (x *machine) repeated(a attempt, by authority.By) {
	before, seq := x.everything(), x.Store().EventCount()
	done, ok := errors.AsType[*authority.DoneError](a.do(by))
	if !ok {
		return // what it was asked of has moved on, and it was refused before anybody looked
	}
	if done.Object == "" || x.Store().EventCount() != seq {
		x.rt.Fatalf("%s was sent twice and happened twice", a.name)
	}
	x.unchanged(a.name+", sent twice,", before)
}

// attributed checks that the event says who did it, and when.
func (x *machine) attributed(a attempt, event *gate.Event) {
	again := a.name == "AllowBehavior" // what is allowed already may be allowed again, for another reason
	if !event.At.Equal(x.now()) || len(event.Changes) == 0 && !again {
		x.rt.Fatalf("the event of %s is %+v", a.name, event)
	}
	if a.by != nil && (event.By.Staff != a.by.id || event.By.Name != a.by.name) || a.by == nil && event.By.Name != "customer" && event.By.Name != a.as {
		x.rt.Fatalf("the event of %s says that %+v did it", a.name, event.By)
	}
}

// announced checks that what the customer must be told is in the same commit.
func (x *machine) announced(a attempt, event *gate.Event, told []*gate.Notice) {
	for _, kind := range a.notices {
		if !slices.ContainsFunc(told, func(n *gate.Notice) bool { return n.Kind == kind && len(n.To) > 0 }) {
			x.rt.Fatalf("%s came without a notice of kind %s", a.name, kind)
		}
	}
	for _, n := range told {
		if !slices.ContainsFunc(event.Changes, func(c gate.Change) bool { return c.ID == string(n.ID) }) {
			x.rt.Fatalf("notice %s of kind %s is in another commit than %s", n.ID, n.Kind, a.name)
		}
	}
}

func (x *machine) eventsFrom(seq int64) []gate.Event {
	list, err := x.Store().Events(seq, 1000)
	x.must(err)
	return list
}

// newNotices are those that the model has not seen, which it sees now.
func (x *machine) newNotices() (list []*gate.Notice) {
	x.must(x.Store().View(func(tx *certstore.Tx) error {
		for n, err := range certstore.All[gate.Notice](tx) {
			if err != nil {
				return err
			}
			if x.notices[n.ID] == nil {
				x.notices[n.ID] = &mNotice{kind: n.Kind, failed: len(n.To) == 0}
				list = append(list, n)
			}
		}
		return nil
	}))
	return list
}

// fewChecks is how often the machine runs unless somebody asks for more (-rapid.checks).
const fewChecks = "4"

func TestNoSequenceOfChangesReachesAnIllegalState(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		must(t, f.Value.Set(fewChecks))
		defer func() { must(t, f.Value.Set(f.DefValue)) }()
	}
	total := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		x := newMachine(rt)
		defer func() { x.must(x.Close()) }()
		x.begin()
		names := x.names()
		for range x.between(30, 60, "steps") {
			x.step(x.next(names))
			x.check()
		}
		for name, n := range x.tally {
			total[name] += n
		}
	})
	t.Logf("committed: %v", total)
}
