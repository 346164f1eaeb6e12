package authority_test

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// The networks that tests call from: that of the customer, and one that it never called from.
var (
	home    = netip.MustParseAddr("192.0.2.7")
	faraway = netip.MustParseAddr("203.0.113.9")
)

// watchful is an office at a full hour that counts signals, and says where calls name patients.
func watchful(t testing.TB) *office {
	t.Helper()
	o := newOffice(t)
	s := places()
	s.SourceLimit = &gate.Limit{Kind: authority.NoSourceLimit}
	var err error
	o.config, err = o.Start(s)
	must(t, err)
	now := o.clock.now()
	o.clock.advance(now.Truncate(time.Hour).Add(time.Hour).Sub(now))
	authority.FindSignals(o.Authority)
	return o
}

// found lets a time pass and judges what was counted in it.
func (o *office) found(after time.Duration) []abuse.Finding {
	authority.WaitForJobs(o.Authority)
	o.clock.advance(after + 10*time.Second)
	return authority.FindSignals(o.Authority)
}

// tries makes a number of calls, each changed.
func (o *office) tries(n int, r *gate.Request, from netip.Addr, change func(*gate.Request)) {
	o.t.Helper()
	for range n {
		one := *r
		one.Peer = from
		if change != nil {
			change(&one)
		}
		o.call(&one, authority.Outcome{Status: 200})
	}
}

func anyKey(t testing.TB) string {
	t.Helper()
	key, _, err := gate.NewKey(gate.Production, rand.Reader)
	must(t, err)
	return "Bearer " + key
}

// said is what a finding says, in short.
type said struct {
	Rule       abuse.Rule
	Credential string
	Stranger   bool
	Source     string
	Acts       bool
}

func inShort(list []abuse.Finding) (out []said) {
	for _, f := range list {
		f.Mode = abuse.Enforce
		out = append(out, said{f.Rule, f.Credential, f.Stranger, f.Source, f.Acts()})
	}
	return out
}

func TestWhatShouldNeverHappenIsFoundFromWhereItIsNoAccident(t *testing.T) {
	const hour = time.Hour
	key := func(k string) func(*gate.Request) { return func(r *gate.Request) { r.Authorization = []string{k} } }
	for _, row := range []struct {
		name  string
		after time.Duration
		do    func(o *office, acme *customer, r *gate.Request)
		rule  abuse.Rule // of the only finding; -1: none
	}{
		{"a revoked key, ten times", 10 * time.Minute, func(o *office, acme *customer, r *gate.Request) {
			o.revokeKey(acme, gate.Superseded)
			o.tries(10, r, home, nil)
		}, abuse.DeadCredential},
		{"nine times", 10 * time.Minute, func(o *office, acme *customer, r *gate.Request) {
			o.revokeKey(acme, gate.Superseded)
			o.tries(9, r, home, nil)
		}, -1},
		{"once, from where the customer never was", 10 * time.Minute, func(o *office, acme *customer, r *gate.Request) {
			o.revokeKey(acme, gate.Superseded)
			o.tries(1, r, faraway, nil)
		}, abuse.DeadCredential},
		{"without a certificate it is the same key", 10 * time.Minute, func(o *office, acme *customer, r *gate.Request) {
			o.revokeKey(acme, gate.Superseded)
			o.tries(10, r, home, func(r *gate.Request) { r.Leaf = nil })
		}, abuse.DeadCredential},
		{"its handle alone is not the key", 10 * time.Minute, func(o *office, acme *customer, r *gate.Request) {
			o.revokeKey(acme, gate.Superseded)
			o.tries(10, r, faraway, key("Bearer "+withSecret(acme.got.Key, "x")))
		}, -1},
		{"a revoked certificate", 10 * time.Minute, func(o *office, acme *customer, r *gate.Request) {
			o.revoke(acme, gate.KeyCompromise)
			o.tries(10, r, home, nil)
		}, abuse.DeadCredential},
		{"three times a key that has just been renewed", 10 * time.Minute, func(o *office, acme *customer, r *gate.Request) {
			_, err := o.renewKey(acme.got)
			must(o.t, err)
			o.revokeKey(acme, gate.Superseded)
			o.tries(3, r, faraway, nil)
		}, -1},
		{"once a key that was renewed because others had it", 10 * time.Minute, func(o *office, acme *customer, r *gate.Request) {
			_, err := o.renewKey(acme.got)
			must(o.t, err)
			o.revokeKey(acme, gate.KeyCompromise)
			o.tries(1, r, faraway, nil)
		}, abuse.DeadCredential},
		{"a key of another customer with the certificate", hour, func(o *office, _ *customer, r *gate.Request) {
			o.tries(1, r, faraway, key("Bearer "+o.customer("zeta").got.Key))
		}, abuse.ForeignKey},
		{"a key of the customer's other device", hour, func(o *office, acme *customer, r *gate.Request) {
			o.tries(15, r, home, key("Bearer "+o.second(acme).Key))
		}, -1},
		{"twenty times", hour, func(o *office, acme *customer, r *gate.Request) {
			o.tries(20, r, home, key("Bearer "+o.second(acme).Key))
		}, abuse.ForeignKey},
		{"another purpose, ten times", hour, func(o *office, _ *customer, r *gate.Request) {
			o.tries(10, r, home, func(r *gate.Request) { r.Purpose = []string{"PATRQT"} })
		}, abuse.WrongPurpose},
		{"nine times another purpose", hour, func(o *office, _ *customer, r *gate.Request) {
			o.tries(9, r, home, func(r *gate.Request) { r.Purpose = []string{"PATRQT"} })
		}, -1},
		{"a word that is no purpose", hour, func(o *office, _ *customer, r *gate.Request) {
			o.tries(100, r, home, func(r *gate.Request) { r.Purpose = []string{"HEALING"} })
		}, -1},
		{"another purpose with another's key", hour, func(o *office, _ *customer, r *gate.Request) {
			o.tries(100, r, home, func(r *gate.Request) { r.Purpose, r.Leaf = []string{"PATRQT"}, nil })
		}, -1},
		{"six keys that nobody has", hour, func(o *office, _ *customer, r *gate.Request) {
			for range 6 {
				o.tries(1, r, faraway, key(anyKey(o.t)))
			}
		}, abuse.Guessing},
		{"six keys from six networks", hour, func(o *office, _ *customer, r *gate.Request) {
			for i := range 6 {
				o.tries(1, r, netip.AddrFrom4([4]byte{198, 51, byte(i), 1}), key(anyKey(o.t)))
			}
		}, -1},
		{"one key that nobody has, again and again", hour, func(o *office, _ *customer, r *gate.Request) {
			o.tries(500, r, faraway, key(anyKey(o.t)))
		}, -1},
		{"what is no key at all", hour, func(o *office, _ *customer, r *gate.Request) {
			for i := range 100 {
				o.tries(1, r, faraway, key(fmt.Sprintf("Bearer ey%d", i)))
			}
		}, -1},
		{"one patient in the path and another in the query", hour, func(o *office, _ *customer, r *gate.Request) {
			o.tries(1, r, home, func(r *gate.Request) { r.Query = "patient=2" })
		}, abuse.Pollution},
		{"the same in both", hour, func(o *office, _ *customer, r *gate.Request) {
			o.tries(100, r, home, func(r *gate.Request) { r.Query = "patient=1" })
		}, -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := watchful(t)
			acme := o.customer("acme")
			r := o.request(acme.got)
			o.tries(1, r, home, nil) // it is known from where it calls
			o.clock.advance(time.Minute)
			row.do(o, acme, r)
			list := o.found(row.after)
			if row.rule < 0 {
				if len(list) > 0 {
					t.Errorf("found %+v", list)
				}
				return
			}
			if len(list) != 1 || list[0].Rule != row.rule || list[0].Account != acme.account.ID || list[0].Device != acme.device.ID || list[0].Credential == "" {
				t.Fatalf("found %+v", list)
			}
			proven := row.rule == abuse.WrongPurpose || row.rule == abuse.Pollution
			if got := inShort(list)[0]; got.Stranger == proven || got.Acts != proven || (got.Source == "") != proven || proven != (list[0].Weight > 0) {
				t.Errorf("found %+v", list[0])
			}
		})
	}
}

func (o *office) revokeKey(c *customer, reason gate.RevocationReason) {
	o.t.Helper()
	_, err := o.RevokeKey(o.ben, c.got.KeyID, reason, "test")
	must(o.t, err)
}

// second is the credential of another production device of a customer.
func (o *office) second(c *customer) *authority.Credential {
	o.t.Helper()
	device := o.device(c.account, "prod-2", gate.Production)
	_, token := o.release(device.ID, o.certify(c.contract, device.ID).ID)
	got, err := o.Redeem(token, newCSR(o.t))
	must(o.t, err)
	return got
}

// A finding is not repeated while it goes on, and is said again once thresholds let it.
func TestWhatGoesOnIsFoundOnceInSixHours(t *testing.T) {
	o := watchful(t)
	r := o.request(o.customer("acme").got)
	var found []abuse.Finding
	for range 9 {
		o.tries(10, r, home, func(r *gate.Request) { r.Purpose = []string{"PATRQT"} })
		found = append(found, o.found(time.Hour-10*time.Second)...)
	}
	if len(found) != 2 || found[0].Again || !found[1].Again || found[1].To.Sub(found[0].To) != 6*time.Hour {
		t.Errorf("found %+v", found)
	}
}

// Keys of more and more customers with one certificate ask for more, and that is said at once; but nothing of it is against the certificate's owner.
func TestACertificateWithManyCustomersKeysIsFoundWhereverItComesFrom(t *testing.T) {
	o := watchful(t)
	r := o.request(o.customer("acme").got)
	var found []abuse.Finding
	for i, slug := range []string{"zeta", "beta", "gamma"} {
		key := o.customer(slug).got.Key
		o.tries(1, r, netip.AddrFrom4([4]byte{198, 51, byte(i), 1}), func(r *gate.Request) { r.Authorization = []string{"Bearer " + key} })
		found = append(found, o.found(time.Hour-10*time.Second)...)
	}
	if len(found) != 1 || !found[0].Stranger || found[0].Weight != 0 || found[0].Step != abuse.Notify {
		t.Errorf("found %+v", found)
	}
}

// Whatever somebody does who has half of a customer's credential, nothing of what is found is against the customer, and its own calls pass.
func TestAThiefWithHalfOfACredentialCausesNothingAgainstItsOwner(t *testing.T) {
	o := watchful(t)
	acme, zeta := o.customer("acme"), o.customer("zeta")
	owner, other := o.request(acme.got), o.request(zeta.got)
	o.tries(1, owner, home, nil)
	o.enforceAll()
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 30).Draw(t, "calls") {
			r := *owner
			if rapid.Bool().Draw(t, "has the certificate") {
				r.Authorization = rapid.SampledFrom([][]string{nil, {anyKey(o.t)}, other.Authorization, {"Bearer x"}, {"Bearer " + withSecret(acme.got.Key, "y")}}).Draw(t, "key")
			} else {
				r.Leaf = rapid.SampledFrom([]*gate.Leaf{nil, other.Leaf, {Fingerprint: r.Leaf.Fingerprint}}).Draw(t, "leaf")
			}
			r.Purpose = rapid.SampledFrom([][]string{{"TREAT"}, {"PATRQT"}, {"x"}, nil}).Draw(t, "purpose")
			r.Query = rapid.SampledFrom([]string{"", "patient=2"}).Draw(t, "query")
			r.Peer = rapid.SampledFrom([]netip.Addr{home, faraway}).Draw(t, "peer")
			for range rapid.IntRange(1, 40).Draw(t, "times") {
				if _, reason := o.ask(&r); reason == gate.Allowed {
					t.Fatalf("%+v passed", r)
				}
			}
		}
		for _, f := range o.found(time.Hour - 10*time.Second) {
			if !f.Stranger || f.Weight != 0 || f.Acts() || f.Step > abuse.Notify {
				t.Fatalf("against the owner: %+v", f)
			}
		}
		for _, peer := range []netip.Addr{home, faraway} {
			own := *owner
			own.Peer = peer
			if _, reason := o.ask(&own); reason != gate.Allowed {
				t.Fatalf("the owner was refused: %s", reason)
			}
		}
	})
}

// enforceAll has two people enforce every rule for everybody.
func (o *office) enforceAll() {
	o.t.Helper()
	modes := map[string]string{}
	for _, r := range abuse.Rules() {
		modes[r.String()] = "enforce"
	}
	v, err := o.SetRules(o.ben, authority.NewRuling{Scope: gate.AllScope, Modes: modes, Why: "test"})
	must(o.t, err)
	_, err = o.ConfirmRules(o.cho, v.Version)
	must(o.t, err)
}

// A million strangers, or as many as are asked for, take the memory that there is; what a customer did is remembered all the same.
func TestStrangersWithoutEndPushOutNothingThatACustomerDid(t *testing.T) {
	o := watchful(t)
	r := o.request(o.customer("acme").got)
	o.tries(10, r, home, func(r *gate.Request) { r.Purpose = []string{"PATRQT"} })
	key := anyKey(t)
	before := heapNow()
	for n := range *strangers {
		one := *r
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], uint32(n)<<8)
		one.Peer, one.Authorization = netip.AddrFrom4(ip), []string{key}
		if _, reason := o.ask(&one); reason != gate.InvalidToken {
			t.Fatal(reason)
		}
	}
	if grown := heapNow() - before; grown > 4<<20 {
		t.Errorf("%d strangers took %d bytes", *strangers, grown)
	}
	if authority.SignalBytes > 2<<20 {
		t.Errorf("signals take %d bytes", authority.SignalBytes)
	}
	if list := o.found(time.Hour); len(list) != 1 || list[0].Rule != abuse.WrongPurpose {
		t.Errorf("found %+v", list)
	}
}

func TestSignalsAreCountedExactlyHoweverManyCallAtOnce(t *testing.T) {
	o := watchful(t)
	r := o.request(o.customer("acme").got)
	var callers sync.WaitGroup
	for range 60 {
		callers.Go(func() {
			for range 50 {
				one := *r
				one.Purpose = []string{"PATRQT"}
				call, err := o.config.Check(&one)
				if err != nil {
					t.Error(err)
					return
				}
				call.Done(authority.Outcome{})
			}
		})
	}
	callers.Wait()
	list := o.found(time.Hour)
	if len(list) != 1 || list[0].Evidence[0].Seen != 60*50 {
		t.Errorf("found %+v", list)
	}
}

// Where strangers were found, what fails is limited harder for an hour; nothing else is, and only where the rule is enforced.
func TestANetworkWithStrangersIsLimitedAndItsCustomersAreNot(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	r := o.request(acme.got)
	r.Peer = faraway
	key := anyKey(t)
	fails := func(n int) map[gate.Reason]int {
		all := map[gate.Reason]int{}
		for i := range n {
			one := *r
			one.Peer, one.Authorization = netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), []string{key}
			_, reason := o.ask(&one)
			all[reason]++
		}
		return all
	}
	if diff := cmp.Diff(map[gate.Reason]int{gate.InvalidToken: 100}, fails(100)); diff != "" {
		t.Errorf("before: %s", diff)
	}
	authority.Suspect(o.Authority, faraway)
	o.clock.advance(10 * time.Minute)
	if diff := cmp.Diff(map[gate.Reason]int{gate.InvalidToken: 6, gate.SourceExceeded: 94}, fails(100)); diff != "" {
		t.Errorf("limited: %s", diff)
	}
	ungranted := *r
	ungranted.Path = "/other"
	for request, want := range map[*gate.Request]gate.Reason{r: gate.Allowed, &ungranted: gate.BehaviorUnknown} {
		for range 50 {
			if _, reason := o.ask(request); reason != want {
				t.Fatalf("a customer in the network was answered %s", reason)
			}
		}
	}
	o.clock.advance(time.Hour)
	if diff := cmp.Diff(map[gate.Reason]int{gate.InvalidToken: 100}, fails(100)); diff != "" {
		t.Errorf("an hour later: %s", diff)
	}
}

func TestStrangersAreLimitedOnlyWhereTheRuleIsEnforced(t *testing.T) {
	for _, enforced := range []bool{false, true} {
		o := watchful(t)
		r := o.request(o.customer("acme").got)
		if enforced {
			o.enforceAll()
		}
		for range 6 {
			key := anyKey(t)
			o.tries(1, r, faraway, func(r *gate.Request) { r.Authorization = []string{key} })
		}
		if list := o.found(time.Hour); len(list) != 1 {
			t.Fatalf("found %+v", list)
		}
		if got := authority.Suspects(o.Authority); got != map[bool]int{false: 0, true: 1}[enforced] {
			t.Errorf("enforced %v: %d networks are limited", enforced, got)
		}
	}
}

// BenchmarkCheckRefused is a request that is refused and counted as a signal: no allocation.
func BenchmarkCheckRefused(b *testing.B) {
	o := watchful(b)
	r := o.request(o.customer("acme").got)
	r.Authorization = []string{anyKey(b)}
	b.ReportAllocs()
	for b.Loop() {
		o.call(r, authority.Outcome{})
	}
}
