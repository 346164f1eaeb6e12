package authority_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"go.uber.org/goleak"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

func TestMain(m *testing.M) {
	if runHelper() {
		return
	}
	goleak.VerifyTestMain(m)
}

// dawn is when the clock of every office starts.
var dawn = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)

// clock is a clock that stands until it is moved.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ns.Store(dawn.UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

// office is an authority with its staff and a configuration in force: ben interviews and operates, cho approves, eve issues; cho and eve
// are admins.
type office struct {
	*authority.Authority
	t             testing.TB
	config        *authority.Config
	clock         *clock
	badges        []authority.Badge
	ben, cho, eve authority.By
}

func people() []authority.Admin {
	return []authority.Admin{
		{Name: "ben", Email: "ben@example.com", Roles: []gate.Role{gate.Interviewer, gate.Operator}},
		{Name: "cho", Email: "cho@example.com", Roles: []gate.Role{gate.Approver, gate.Admin}},
		{Name: "eve", Email: "eve@example.com", Roles: []gate.Role{gate.Issuer, gate.Admin}},
	}
}

// newOffice is an office in memory.
func newOffice(t testing.TB) *office {
	t.Helper()
	o := &office{t: t, clock: newClock()}
	store, badges, err := authority.FoundInMemory(authority.Setup{Admins: people(), Now: o.clock.now})
	must(t, err)
	o.badges = badges
	o.open(authority.Options{Store: store, Now: o.clock.now, NoJobs: true})
	return o
}

// place is where an office on disk is kept.
type place struct{ dir, data, secret, kit, identity string }

func newPlace(t testing.TB) *place {
	t.Helper()
	dir := t.TempDir()
	identity, err := age.GenerateX25519Identity()
	must(t, err)
	return &place{dir: dir, data: filepath.Join(dir, "data"), secret: filepath.Join(dir, "secret"), kit: filepath.Join(dir, "kit.age"), identity: identity.String()}
}

func (p *place) setup() authority.Setup {
	identity, err := age.ParseX25519Identity(p.identity)
	if err != nil {
		panic(err)
	}
	return authority.Setup{DataDir: p.data, SecretFile: p.secret, KitFile: p.kit, Recipients: []string{identity.Recipient().String()}, Admins: people()}
}

// officeAt founds an office on disk, by the given clock.
func officeAt(t testing.TB, p *place) *office {
	t.Helper()
	o := &office{t: t, clock: newClock()}
	s := p.setup()
	s.Now = o.clock.now
	badges, err := authority.Init(s)
	must(t, err)
	o.badges = badges
	o.reopen(p)
	return o
}

// reopen opens the office's data directory, after it was closed.
func (o *office) reopen(p *place) {
	o.t.Helper()
	o.open(authority.Options{DataDir: p.data, SecretFile: p.secret, Now: o.clock.now, NoJobs: true})
}

func (o *office) open(options authority.Options) {
	o.t.Helper()
	a, err := authority.Open(options)
	must(o.t, err)
	o.t.Cleanup(func() {
		if err := a.Close(); err != nil {
			o.t.Error(err)
		}
	})
	o.Authority = a
	o.config, err = a.Start(settings(table()...))
	must(o.t, err)
	o.tick()
	for _, by := range []struct {
		name string
		who  *authority.By
	}{{"ben", &o.ben}, {"cho", &o.cho}, {"eve", &o.eve}} {
		*by.who = o.by(by.name)
	}
}

// by is a member of staff as the one who acts.
func (o *office) by(name string) authority.By {
	o.t.Helper()
	person, err := o.Directory().Staff(name)
	must(o.t, err)
	return authority.By{Actor: person.Actor(o.clock.now())}
}

// tick runs the jobs that are due.
func (o *office) tick() { o.Tick(o.t.Context(), o.clock.now()) }

// pass moves the clock and runs the jobs.
func (o *office) pass(d time.Duration) {
	o.clock.advance(d)
	o.tick()
}

func table() []gate.Behavior {
	return []gate.Behavior{
		{Name: "fhir-query", Method: "GET", Path: "/fhir/*", Cost: 1},
		{Name: "fhir-write", Method: "POST", Path: "/fhir/*", Cost: 1},
		{Name: "live", Method: "GET", Path: "/live/*", Cost: 1, WebSocket: true},
	}
}

func settings(behaviors ...gate.Behavior) authority.Settings {
	return authority.Settings{Behaviors: behaviors, PublicURL: "https://public.test", PKIURL: "http://pki.test"}
}

var everything = gate.Grant{Behaviors: []string{"fhir-query", "live"}, Purposes: []gate.Purpose{gate.Treatment}}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks that an error is of the kind.
func refused(t testing.TB, what string, err error, kind gate.Kind) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: got error %v, want one of kind %s", what, err, kind)
	}
}

func (o *office) account(slug string) *gate.Account {
	o.t.Helper()
	account, err := o.CreateAccount(o.ben, applicant(slug))
	must(o.t, err)
	return account
}

func applicant(slug string) gate.Account {
	return gate.Account{Slug: slug, Name: "Customer " + slug, Zone: "UTC",
		Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Ann", Email: "ann@example.com"}}}
}

func (o *office) device(account *gate.Account, slug string, e gate.Environment) *gate.Device {
	o.t.Helper()
	org, err := o.Directory().Organization(account.Slug + "/main")
	must(o.t, err)
	device, err := o.CreateDevice(o.ben, gate.Device{Organization: org.ID, Slug: slug, Name: slug, Environment: e, Addresses: gate.Addresses{Any: true}})
	must(o.t, err)
	return device
}

func (o *office) contract(account *gate.Account) *gate.Contract {
	o.t.Helper()
	first := gate.Date(o.clock.now().Format(time.DateOnly))
	c, err := o.CreateContract(o.ben, gate.Contract{Account: account.ID, First: first, Last: first.AddDays(364), Zone: "UTC", Grant: everything,
		Agreements: []gate.Agreement{{Kind: gate.BusinessAssociate, Reference: "baa", SignedOn: "2026-01-01"}, {Kind: gate.Participation, Reference: "terms", SignedOn: "2026-01-01"}}})
	must(o.t, err)
	return c
}

// interviewed takes a case up to the interview.
func (o *office) interviewed(contract *gate.Contract, devices ...gate.DeviceID) *gate.Certification {
	o.t.Helper()
	c, err := o.RequestCertification(o.ben, gate.Certification{Contract: contract.ID, Devices: devices,
		Profile: gate.Profile{Grant: everything, Hosting: "own", KeyStorage: "vault", DailyVolume: 1000}})
	must(o.t, err)
	c, err = o.ScheduleInterview(o.ben, c.ID, gate.Plan{At: o.clock.now()})
	must(o.t, err)
	c, err = o.HoldInterview(o.ben, c.ID, c.Interviews[0].ID, transcript(), nil)
	must(o.t, err)
	return c
}

func transcript() gate.Transcript {
	return gatetest.Transcript()
}

func (o *office) certify(contract *gate.Contract, devices ...gate.DeviceID) *gate.Certification {
	o.t.Helper()
	c, err := o.Approve(o.cho, o.interviewed(contract, devices...).ID, "")
	must(o.t, err)
	return c
}

// release returns the token that the customer receives.
func (o *office) release(device gate.DeviceID, certification gate.CertificationID) (*gate.Enrollment, string) {
	o.t.Helper()
	e, err := o.Release(o.eve, device, certification)
	must(o.t, err)
	link, err := o.TakeLink(e.Notice)
	must(o.t, err)
	_, token, ok := strings.Cut(link, "#")
	if !ok {
		o.t.Fatal("the link has no token")
	}
	return e, token
}

// preprod is a device that is released without a case, with the token of its link.
func (o *office) preprod(slug string) (*gate.Device, *gate.Enrollment, string) {
	o.t.Helper()
	device := o.device(o.account(slug), "pre", gate.Preprod)
	e, token := o.release(device.ID, "")
	return device, e, token
}

func newCSR(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// customer is one who holds a credential in production.
type customer struct {
	account  *gate.Account
	device   *gate.Device
	contract *gate.Contract
	cert     *gate.Certification
	got      *authority.Credential
	token    string
}

func (o *office) customer(slug string) *customer {
	o.t.Helper()
	c := &customer{account: o.account(slug)}
	c.device = o.device(c.account, "prod", gate.Production)
	c.contract = o.contract(c.account)
	c.cert = o.certify(c.contract, c.device.ID)
	_, c.token = o.release(c.device.ID, c.cert.ID)
	var err error
	c.got, err = o.Redeem(c.token, newCSR(o.t))
	must(o.t, err)
	return c
}

// request is an allowed call with the credential.
func (o *office) request(got *authority.Credential) *gate.Request {
	crt := got.Certificate
	return &gate.Request{
		Site: o.config.Site(got.Device.Environment), TLS: true, Host: "api.test",
		Leaf:          &gate.Leaf{Fingerprint: crt.Fingerprint, Anchor: crt.Issuer, NotBefore: crt.NotBefore, NotAfter: crt.NotAfter, ClientAuth: true},
		Authorization: []string{"Bearer " + got.Key}, Purpose: []string{"TREAT"}, Method: "GET", Path: "/fhir/Patient/1", Peer: netip.MustParseAddr("127.0.0.1"),
	}
}

// reason is the answer to a call with the credential, which ends at once.
func (o *office) reason(got *authority.Credential) gate.Reason {
	o.t.Helper()
	call, err := o.config.Check(o.request(got))
	must(o.t, err)
	defer call.Done(authority.Outcome{})
	return call.Reason
}

// events are the verbs of all events from number on.
func (o *office) events(from int64) []gate.Event {
	o.t.Helper()
	list, err := o.Store().Events(from, 1000)
	must(o.t, err)
	return list
}

func verbs(list []gate.Event) (out []gate.Verb) {
	for _, e := range list {
		out = append(out, e.Verb)
	}
	return out
}

// snapshot is everything that a directory holds, as text.
func snapshot(t testing.TB, d *certstore.Directory) string {
	t.Helper()
	text, err := json.MarshalIndent(map[string]any{
		"accounts": d.Accounts(), "organizations": d.Organizations(""), "devices": d.Devices(""), "contracts": d.Contracts(""),
		"certifications": d.Certifications(""), "remediations": d.Remediations(""), "keys": d.Keys(""), "certificates": d.Certificates(""),
		"enrollments": d.Enrollments(""), "people": d.People(), "cas": d.CAs(), "hosts": d.Hosts(), "peppers": d.Peppers(), "behaviors": d.Behaviors(),
	}, "", " ")
	must(t, err)
	return string(text)
}
