package authority_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// ask makes one call and returns its identifier and reason.
func (o *office) ask(r *gate.Request) (string, gate.Reason) {
	o.t.Helper()
	call, err := o.config.Check(r)
	must(o.t, err)
	defer call.Done(authority.Outcome{})
	return call.ID(), call.Reason
}

// withSecret is another key with the same handle: whoever has seen a handle can make one.
func withSecret(key, secret string) string {
	const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	body := key[:len("orpk_")+10] + strings.Repeat(secret, 32)
	sum, crc := [6]byte{}, crc32.ChecksumIEEE([]byte(body))
	for i := len(sum) - 1; i >= 0; i-- {
		sum[i], crc = base62[crc%62], crc/62
	}
	return body + string(sum[:])
}

func TestADecisionIsFiledUnderWhoeverProvedToBeThere(t *testing.T) {
	o := newOffice(t)
	acme, other := o.customer("acme"), o.customer("other")
	box := o.device(acme.account, "box", gate.Sandbox)
	boxKey, _, err := o.SandboxKey(o.eve, box.ID)
	must(t, err)
	guessed, unknown := withSecret(other.got.Key, "x"), withSecret(strings.Repeat("o", 60), "x")
	unknown = "orpk_" + unknown[5:]
	stranger := &gate.Leaf{Fingerprint: gate.FingerprintOf([]byte("x")), ClientAuth: true}
	rows := []struct {
		name   string
		edit   func(r *gate.Request)
		reason gate.Reason
		want   gate.DeviceID
	}{
		{"nothing wrong", func(*gate.Request) {}, gate.Allowed, acme.device.ID},
		{"known, and may not", func(r *gate.Request) { r.Path = "/none" }, gate.BehaviorUnknown, acme.device.ID},
		{"certificate, no key", func(r *gate.Request) { r.Authorization = nil }, gate.KeyRequired, acme.device.ID},
		{"certificate, an unknown key", func(r *gate.Request) { r.Authorization[0] = "Bearer " + unknown }, gate.InvalidToken, acme.device.ID},
		{"certificate, another's handle", func(r *gate.Request) { r.Authorization[0] = "Bearer " + guessed }, gate.InvalidToken, acme.device.ID},
		{"certificate, another's key", func(r *gate.Request) { r.Authorization[0] = "Bearer " + other.got.Key }, gate.InvalidToken, acme.device.ID},
		{"key, no certificate", func(r *gate.Request) { r.Leaf = nil }, gate.CertificateRequired, acme.device.ID},
		{"key, an unknown certificate", func(r *gate.Request) { r.Leaf = stranger }, gate.CertificateUntrusted, acme.device.ID},
		{"a handle, no certificate", func(r *gate.Request) { r.Leaf, r.Authorization[0] = nil, "Bearer "+guessed }, gate.CertificateRequired, ""},
		{"a handle, an unknown certificate", func(r *gate.Request) { r.Leaf, r.Authorization[0] = stranger, "Bearer "+guessed }, gate.CertificateUntrusted, ""},
		{"neither", func(r *gate.Request) { r.Leaf, r.Authorization = nil, nil }, gate.CertificateRequired, ""},
		{"a certificate outside TLS", func(r *gate.Request) { r.TLS, r.Authorization = false, nil }, gate.CertificateRequired, ""},
		{"sandbox: the key says who", func(r *gate.Request) {
			r.Site, r.Authorization[0] = o.config.Site(gate.Sandbox), "Bearer "+boxKey
		}, gate.Allowed, box.ID},
		{"sandbox: no key, and a certificate", func(r *gate.Request) {
			r.Site, r.Authorization = o.config.Site(gate.Sandbox), nil
		}, gate.KeyRequired, acme.device.ID},
	}
	for _, row := range rows {
		r := o.request(acme.got)
		row.edit(r)
		id, reason := o.ask(r)
		raw, err := gate.ParseID(gate.DecisionPrefix, id)
		must(t, err)
		found := o.Decisions().List(authority.DecisionFilter{ID: &raw}, 10)
		if len(found) != 1 || reason != row.reason {
			t.Errorf("%s: %s, want %s; %d are remembered", row.name, reason, row.reason, len(found))
			continue
		}
		if got := found[0]; got.Device != row.want || (got.Account == "") != (row.want == "") || got.Reason != reason {
			t.Errorf("%s: filed under %q as %s, want %q as %s", row.name, got.Device, got.Reason, row.want, row.reason)
		}
	}
}

func TestWhatIsRememberedSaysWhatHappenedAndNoSecret(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	r := o.request(acme.got)
	r.Path, r.Query, r.Host = "/fhir/Patient/secret-path", "name=secret-query", "api.example.test"
	r.Peer = netip.MustParseAddr("203.0.113.9")
	r.Upgrade = "h2c"
	id, _ := o.ask(r)
	got := o.Decisions().List(authority.DecisionFilter{}, 10)
	want := []authority.PastDecision{{
		ID: id, At: dawn.Add(o.clock.now().Sub(dawn)), Reason: gate.UpgradeNotAllowed, Environment: gate.Production, Host: "api.example.test", Method: "GET",
		Behavior: "fhir-query", Purpose: gate.Treatment, Peer: r.Peer, Fingerprint: acme.got.Certificate.Fingerprint, Handle: acme.got.Key[5:15],
		KeyProven: true, Device: acme.device.ID, Account: acme.account.ID,
	}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err := o.Impose(o.ben, authority.Imposition{Subject: gate.Subject{Kind: gate.DeviceSubject, ID: string(acme.device.ID)}, Measure: gate.Suspend, Why: "x"})
	must(t, err)
	o.reason(acme.got)
	if got := o.Decisions().List(authority.DecisionFilter{}, 1)[0]; got.Reason != gate.AccountSuspended || got.Scope != gate.DeviceSubject {
		t.Errorf("%+v", got)
	}
}

func TestEveryFilterChooses(t *testing.T) {
	o := newOffice(t)
	acme, other := o.customer("acme"), o.customer("other")
	noon := o.clock.now()
	first, _ := o.ask(o.request(acme.got))
	o.clock.advance(time.Minute)
	far := o.request(other.got)
	far.Peer, far.Path = netip.MustParseAddr("::ffff:203.0.113.9"), "/none"
	o.ask(far)
	o.clock.advance(time.Minute)
	o.HandshakeRefused(gate.CertificateUntrusted, gate.FingerprintOf([]byte("x")), errors.New("nobody's"))
	raw, err := gate.ParseID(gate.DecisionPrefix, first)
	must(t, err)
	last, err := gate.ParseID(gate.DecisionPrefix, o.Decisions().List(authority.DecisionFilter{}, 1)[0].ID)
	must(t, err)
	unknown := gate.BehaviorUnknown
	rows := map[string]struct {
		filter authority.DecisionFilter
		want   string
	}{
		"all":         {authority.DecisionFilter{}, "certificate-untrusted behavior-unknown allowed"},
		"id":          {authority.DecisionFilter{ID: &raw}, "allowed"},
		"account":     {authority.DecisionFilter{Account: acme.account.ID}, "allowed"},
		"device":      {authority.DecisionFilter{Device: other.device.ID}, "behavior-unknown"},
		"reason":      {authority.DecisionFilter{Reason: &unknown}, "behavior-unknown"},
		"fingerprint": {authority.DecisionFilter{Fingerprint: acme.got.Certificate.Fingerprint}, "allowed"},
		"a stranger":  {authority.DecisionFilter{Fingerprint: gate.FingerprintOf([]byte("x"))}, "certificate-untrusted"},
		"peer":        {authority.DecisionFilter{Peer: netip.MustParseAddr("203.0.113.9")}, "behavior-unknown"},
		"since":       {authority.DecisionFilter{Since: noon.Add(time.Minute)}, "certificate-untrusted behavior-unknown"},
		"until":       {authority.DecisionFilter{Until: noon.Add(time.Minute)}, "allowed"},
		"before":      {authority.DecisionFilter{Before: &last}, "behavior-unknown allowed"},
		"none":        {authority.DecisionFilter{Account: acme.account.ID, Device: other.device.ID}, ""},
	}
	for name, row := range rows {
		var got []string
		for _, d := range o.Decisions().List(row.filter, 10) {
			got = append(got, d.Reason.String())
		}
		if diff := cmp.Diff(row.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOfADeviceTheLastHundredRefusalsAndTwentyCallsAreKept(t *testing.T) {
	o := newOffice(t)
	acme := o.customer("acme")
	bad := o.request(acme.got)
	bad.Path = "/none"
	var refused, allowed []string
	for range 150 {
		id, _ := o.ask(bad)
		refused = append(refused, id)
	}
	for range 30 {
		id, _ := o.ask(o.request(acme.got))
		allowed = append(allowed, id)
		o.ask(o.request(acme.got)) // a second one in the same second is left out
		o.clock.advance(time.Second)
	}
	var got []string
	for _, d := range o.Decisions().List(authority.DecisionFilter{Device: acme.device.ID}, 1000) {
		got = append([]string{d.ID}, got...)
	}
	if diff := cmp.Diff(append(refused[50:], allowed[10:]...), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := o.Decisions().List(authority.DecisionFilter{}, 7); len(got) != 7 || got[0].ID != allowed[29] {
		t.Errorf("of a limit of 7: %d, the first is %s", len(got), got[0].ID)
	}
}

// caller is a call of the n-th of very many devices that was refused; without a device it is a stranger's.
func caller(site *gate.Site, device int) *authority.Call {
	c := &authority.Call{Decision: gate.Decision{Reason: gate.KeyRequired}, Request: gate.Request{Site: site, TLS: true, Leaf: &gate.Leaf{}}}
	if device >= 0 {
		c.Caller.Certificate = &gate.Certificate{Device: deviceID(device), Account: gate.AccountID(gate.FormatID(gate.AccountPrefix, [16]byte{1}))}
	}
	return c
}

func deviceID(n int) gate.DeviceID {
	var raw [16]byte
	binary.BigEndian.PutUint32(raw[:], uint32(n))
	return gate.DeviceID(gate.FormatID(gate.DevicePrefix, raw))
}

func TestMemoryIsBoundedAndStrangersPushNobodyOut(t *testing.T) {
	var d authority.Decisions
	site := &gate.Site{Environment: gate.Production}
	number, at := uint64(0), dawn
	remember := func(c *authority.Call) {
		number++
		at = at.Add(time.Microsecond)
		d.Remember(c, number, at)
	}
	count := func(n int) int { return len(d.List(authority.DecisionFilter{Device: deviceID(n)}, 1000)) }
	remember(caller(site, 0))
	stranger := caller(site, -1)
	for range 1_000_000 {
		remember(stranger)
	}
	if n := count(0); n != 1 {
		t.Errorf("after a million strangers %d decisions of the customer are left, want 1", n)
	}
	if n := len(d.List(authority.DecisionFilter{}, 1_000_000)); n < 10_000 || n > 50_000 {
		t.Errorf("%d strangers are remembered", n)
	}
	const devices = 160_000 // more than there is room for, whether by devices or by decisions
	for n := range devices {
		c := caller(site, n)
		for range 1 + n%3 {
			remember(c)
		}
	}
	if size := d.Size(); size > authority.MaxRemembered || size < authority.MaxRemembered/2 {
		t.Errorf("%d bytes are taken, want nearly %d", size, authority.MaxRemembered)
	}
	for n := devices - 100; n < devices; n++ {
		if got := count(n); got != 1+n%3 {
			t.Fatalf("of device %d, seen lately, %d decisions are left, want %d", n, got, 1+n%3)
		}
	}
	for n := range 100 {
		if got := count(n); got != 0 {
			t.Fatalf("of device %d, longest unseen, %d decisions are left", n, got)
		}
	}
}

func TestOneDeviceKeepsItsShareWhileOthersComeAndGo(t *testing.T) {
	var d authority.Decisions
	site := &gate.Site{Environment: gate.Production}
	for n := range 100_000 {
		d.Remember(caller(site, n), uint64(2*n), dawn)
		if n%1000 == 0 {
			d.Remember(caller(site, 0), uint64(2*n+1), dawn) // seen again and again, so it is never the one to go
		}
	}
	if got := len(d.List(authority.DecisionFilter{Device: deviceID(0)}, 1000)); got != 100 {
		t.Errorf("%d refusals of the busy device are left, want 100", got)
	}
}

func TestRememberingDoesNotAllocate(t *testing.T) {
	var d authority.Decisions
	site := &gate.Site{Environment: gate.Production}
	for name, c := range map[string]*authority.Call{"a customer": caller(site, 1), "a stranger": caller(site, -1)} {
		n := uint64(0)
		once := func() { n++; d.Remember(c, n, dawn) }
		for range 20_000 {
			once()
		}
		if got := testing.AllocsPerRun(1000, once); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}

func TestAWatcherIsToldAndASlowOneLosesCounted(t *testing.T) {
	o := newOffice(t)
	acme, other := o.customer("acme"), o.customer("other")
	watch, err := o.Decisions().Watch(authority.DecisionFilter{Account: acme.account.ID})
	must(t, err)
	defer watch.Stop()
	bad := o.request(acme.got)
	bad.Path = "/none"
	o.reason(other.got)
	id, _ := o.ask(bad)
	if got, ok := watch.Next(t.Context()); !ok || got.Decision == nil || got.Decision.ID != id || got.Decision.Device != acme.device.ID {
		t.Fatalf("%+v, %t", got, ok)
	}
	for range 300 { // 256 may wait
		o.ask(bad)
	}
	lost, told := uint64(0), 0
	for told+int(lost) < 300 {
		got, ok := watch.Next(t.Context())
		if !ok {
			t.Fatal("the watch ended")
		}
		lost += got.Lost
		if got.Decision != nil {
			told++
		}
	}
	if lost != 44 || told != 256 {
		t.Errorf("told %d, lost %d", told, lost)
	}
	o.pass(10 * time.Second)
	if got, ok := watch.Next(t.Context()); !ok || got.Decision != nil || got.Lost != 0 {
		t.Errorf("no beat: %+v, %t", got, ok)
	}
	must(t, o.Close())
	if _, ok := watch.Next(t.Context()); ok {
		t.Error("the watch outlives the authority")
	}
	_, err = o.Decisions().Watch(authority.DecisionFilter{})
	refused(t, "watching a closed authority", err, gate.ShuttingDown)
}

func TestOnlySoManyMayWatch(t *testing.T) {
	var d authority.Decisions
	var all []*authority.Watch
	for {
		watch, err := d.Watch(authority.DecisionFilter{})
		if err != nil {
			refused(t, "one too many", err, gate.Conflict)
			break
		}
		all = append(all, watch)
	}
	all[0].Stop()
	if _, err := d.Watch(authority.DecisionFilter{}); err != nil || len(all) != 32 {
		t.Errorf("%d may watch; after one has stopped: %v", len(all), err)
	}
}

func TestManyRememberAskAndWatchAtOnce(t *testing.T) {
	var d authority.Decisions
	site := &gate.Site{Environment: gate.Production}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for n := range 500 {
				c := caller(site, n%7-1)
				d.Remember(c, uint64(worker*1000+n), dawn)
			}
		})
		all.Go(func() {
			watch, err := d.Watch(authority.DecisionFilter{})
			if err != nil {
				t.Error(err)
				return
			}
			defer watch.Stop()
			for n := range 20 {
				d.List(authority.DecisionFilter{Device: deviceID(n % 7)}, 10)
			}
		})
	}
	all.Wait()
	if got := d.List(authority.DecisionFilter{Device: deviceID(1)}, 1000); len(got) != 100 {
		t.Errorf("%d decisions are left of 2000/7", len(got))
	}
}

func BenchmarkRemember(b *testing.B) {
	site := &gate.Site{Environment: gate.Production}
	for name, devices := range map[string]int{"one": 1, "many": 10_000, "stranger": 0} {
		b.Run(fmt.Sprintf("refusal/%s", name), func(b *testing.B) {
			var d authority.Decisions
			calls := []*authority.Call{caller(site, -1)}
			for n := range devices {
				calls = append(calls[:n], caller(site, n))
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				d.Remember(calls[i%len(calls)], uint64(i), dawn)
				i++
			}
		})
	}
}
