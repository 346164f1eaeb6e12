package authority_test

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// crowd is an authority in memory with n certified production devices, two for each account, written directly.
type crowd struct {
	authority *authority.Authority
	config    *authority.Config
	requests  []gate.Request
	plan      gate.Limits // of every contract
}

const behaviors = 8

func newCrowd(tb testing.TB, n int, plan ...gate.Limit) *crowd {
	tb.Helper()
	return newCrowdAt(tb, n, nil, plan...)
}

// newCrowdAt is newCrowd by another clock; nil is the one that the product has.
func newCrowdAt(tb testing.TB, n int, now func() time.Time, plan ...gate.Limit) *crowd {
	tb.Helper()
	store, _, err := authority.FoundInMemory(authority.Setup{Admins: []authority.Admin{{Name: "a", Email: "a@example.com"}, {Name: "b", Email: "b@example.com"}}})
	if err != nil {
		tb.Fatal(err)
	}
	a, err := authority.Open(authority.Options{Store: store, Now: now, NoJobs: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = a.Close() })
	c := &crowd{authority: a, plan: plan}
	table := make([]gate.Behavior, behaviors)
	grant := gate.Grant{Purposes: []gate.Purpose{gate.Treatment}}
	for i := range table {
		table[i] = gate.Behavior{Name: fmt.Sprintf("behavior-%d", i), Method: "GET", Path: fmt.Sprintf("/fhir/Kind%d/*", i), Cost: 1}
		grant.Behaviors = append(grant.Behaviors, table[i].Name)
	}
	if c.config, err = a.Start(authority.Settings{Behaviors: table, PublicURL: "https://public.test", PKIURL: "http://pki.test", SourceLimit: &gate.Limit{Kind: authority.NoSourceLimit}}); err != nil {
		tb.Fatal(err)
	}
	var issuer gate.Fingerprint
	for _, ca := range a.Directory().CAs() {
		if ca.Audience == gate.Customers && ca.IssuesFrom != nil {
			issuer = ca.Fingerprint
		}
	}
	for i := 0; i < n; i += 100 {
		if _, err := store.Update(func(tx *certstore.Tx) (gate.Event, error) {
			for j := i; j < min(i+100, n); j += 2 {
				c.account(tx, a, issuer, grant, j)
			}
			return gate.Event{Verb: "test.put", At: time.Now(), By: gate.Actor{Name: "test"}, Object: "crowd"}, nil
		}); err != nil {
			tb.Fatal(err)
		}
	}
	return c
}

// account writes one account with two devices and remembers a request of each.
func (c *crowd) account(tx *certstore.Tx, a *authority.Authority, issuer gate.Fingerprint, grant gate.Grant, n int) {
	now := time.Now().UTC().Truncate(time.Second)
	id := func(prefix string, k int) string {
		fp := gate.FingerprintOf(fmt.Appendf(nil, "%s%d", prefix, k))
		return gate.FormatID(prefix, [16]byte(fp[:16]))
	}
	account := &gate.Account{ID: gate.AccountID(id(gate.AccountPrefix, n)), Slug: fmt.Sprintf("a%d", n), Name: "A", Zone: "UTC"}
	org := &gate.Organization{ID: gate.OrganizationID(id(gate.OrganizationPrefix, n)), Account: account.ID, Slug: "main", Name: "A"}
	contract := &gate.Contract{ID: gate.ContractID(id(gate.ContractPrefix, n)), Account: account.ID, First: "2020-01-01", Last: "2090-01-01", Zone: "UTC", Grant: grant, Plan: c.plan}
	act := gate.Act{By: "x", At: now}
	cert := &gate.Certification{ID: gate.CertificationID(id(gate.CertificationPrefix, n)), Account: account.ID, Contract: contract.ID, Profile: gate.Profile{Grant: grant},
		Approved: &act, Released: &act, EnrolledAt: &now}
	certstore.Put(tx, account)
	certstore.Put(tx, org)
	certstore.Put(tx, contract)
	for k := n; k < n+2; k++ {
		device := &gate.Device{ID: gate.DeviceID(id(gate.DevicePrefix, k)), Account: account.ID, Organization: org.ID, Slug: fmt.Sprintf("d%d", k), Name: "D",
			Environment: gate.Production, Addresses: gate.Addresses{These: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8")}}}
		cert.Devices = append(cert.Devices, device.ID)
		text, handle, err := gate.NewKey(gate.Production, rand.Reader)
		if err != nil {
			panic(err)
		}
		version, mac := a.MAC(text)
		key := &gate.Key{ID: gate.KeyID(id(gate.KeyPrefix, k)), Account: account.ID, Device: device.ID, Environment: gate.Production, Handle: handle, Pepper: version, MAC: mac, IssuedAt: now, FirstUsedAt: &now}
		crt := &gate.Certificate{ID: gate.CertificateID(id(gate.CertificatePrefix, k)), Account: account.ID, Device: device.ID, Environment: gate.Production,
			Fingerprint: gate.FingerprintOf(fmt.Appendf(nil, "leaf %d", k)), Issuer: issuer, Serial: fmt.Sprintf("%x", k+1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(1000 * time.Hour), FirstUsedAt: &now}
		certstore.Put(tx, device)
		certstore.Put(tx, key)
		certstore.Put(tx, crt)
		c.requests = append(c.requests, gate.Request{
			Site: c.config.Site(gate.Production), TLS: true, Host: "api.test",
			Leaf:          &gate.Leaf{Fingerprint: crt.Fingerprint, Anchor: issuer, NotBefore: crt.NotBefore, NotAfter: crt.NotAfter, ClientAuth: true},
			Authorization: []string{"Bearer " + text}, Purpose: []string{"TREAT"}, Method: "GET", Path: fmt.Sprintf("/fhir/Kind%d/1", k%behaviors), Peer: netip.MustParseAddr("127.0.0.1"),
		})
	}
	certstore.Put(tx, cert)
}

// BenchmarkCheck is the whole decision with 10,000 devices in the directory: lookup, HMAC, Decide, and the call's place among those in
// flight. In "warm" a few devices call again and again, as busy ones do; in "cold" every call is another device's, so that nearly
// everything, the request's own strings too, has left the processor's cache.
func BenchmarkCheck(b *testing.B) {
	c := newCrowd(b, 10_000)
	for name, callers := range map[string]int{"warm": 32, "cold": len(c.requests)} {
		b.Run(name, func(b *testing.B) {
			i, stride := 0, len(c.requests)/callers*7+1
			b.ReportAllocs()
			for b.Loop() {
				call, err := c.config.Check(&c.requests[i%callers*stride%len(c.requests)])
				if err != nil || !call.Allowed() {
					b.Fatal("refused")
				}
				call.Done(authority.Outcome{})
				i++
			}
		})
	}
}

// BenchmarkCheckToken is a call with a token that is not ours: one HMAC more or less, known or not, and no allocation.
func BenchmarkCheckToken(b *testing.B) {
	c := newCrowd(b, 100)
	r := c.requests[0]
	r.Authorization = []string{"Bearer " + oldToken}
	b.ReportAllocs()
	for b.Loop() {
		call, err := c.config.Check(&r)
		if err != nil || call.Reason != gate.InvalidToken {
			b.Fatal("not refused as an unknown token")
		}
		call.Done(authority.Outcome{})
	}
}

// BenchmarkCheckDone is a whole call under four rates and two quotas, counted, with 10,000 devices in the directory.
func BenchmarkCheckDone(b *testing.B) {
	const plenty = 1_000_000_000
	c := newCrowd(b, 10_000,
		gate.Limit{Kind: gate.RateLimit, Amount: plenty}, gate.Limit{Kind: gate.RateLimit, Per: gate.OrganizationSubject, Amount: plenty},
		gate.Limit{Kind: gate.RateLimit, Per: gate.DeviceSubject, Amount: plenty}, gate.Limit{Kind: gate.RateLimit, Per: gate.DeviceSubject, Behavior: "behavior-0", Amount: plenty},
		gate.Limit{Kind: gate.DayLimit, Amount: plenty}, gate.Limit{Kind: gate.MonthLimit, Amount: plenty})
	const callers = 32
	stride := len(c.requests)/callers/behaviors*behaviors + behaviors // so that all call behavior-0
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		call, err := c.config.Check(&c.requests[i%callers*stride%len(c.requests)])
		if err != nil || !call.Allowed() {
			b.Fatal("refused")
		}
		call.Done(authority.Outcome{Status: 200, Out: 1000})
		i++
	}
}
