package gate_test

import (
	"net/netip"
	"time"
	_ "time/tzdata" // contracts count days in zones, on machines without a database too

	"pgregory.net/rapid"

	"github.com/onerecord/certgate/gate"
)

// noon is the instant at which every good scene below is judged.
var noon = time.Date(2027, time.March, 10, 12, 0, 0, 0, time.UTC)

// scene is one request with everything that is known about its caller.
type scene struct {
	r   gate.Request
	c   gate.Caller
	now time.Time
}

func (s *scene) decide() gate.Decision { return gate.Decide(&s.r, &s.c, s.now) }

// behaviors are the eight that every site of the tests serves.
func behaviors() []gate.Behavior {
	return []gate.Behavior{
		{Name: "fhir-query", Method: "GET", Path: "/fhir/*", Cost: 1},
		{Name: "fhir-create", Method: "POST", Path: "/fhir/*", Cost: 2},
		{Name: "fhir-delete", Method: "DELETE", Path: "/fhir/*/*", Cost: 2},
		{Name: "fhir-match", Method: "POST", Path: "/fhir/Patient/$match", Cost: 5},
		{Name: "fhir-audit", Method: "GET", Path: "/fhir/AuditEvent/*", Cost: 5},
		{Name: "ihe-document-query", Method: "POST", Path: "/ihe/documents/*", Cost: 5},
		{Name: "subscribe", Method: "GET", Path: "/subscriptions/*/socket", WebSocket: true},
		{Name: "metadata", Method: "GET", Path: "/metadata"},
	}
}

func compile(t rapid.TB, list ...gate.Behavior) *gate.Behaviors {
	t.Helper()
	table, err := gate.Compile(list)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	return table
}

// printed is a whole key of the environment, the same each time.
func printed(e gate.Environment) string {
	key, _, err := gate.NewKey(e, &counter{})
	if err != nil {
		panic(err)
	}
	return key
}

// counter is a reader of 0, 1, 2...
type counter struct{ n byte }

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = c.n
		c.n++
	}
	return len(p), nil
}

func fingerprint(name string) gate.Fingerprint { return gate.FingerprintOf([]byte(name)) }

// good is a request that is allowed in the environment, with nothing about it that could be left out. Each call makes new records, so
// that a test may change any of them.
func good(t rapid.TB, e gate.Environment) *scene {
	t.Helper()
	leaf := &gate.Leaf{
		Fingerprint: fingerprint("leaf"), Anchor: fingerprint("ca"), ClientAuth: true,
		NotBefore: noon.Add(-24 * time.Hour), NotAfter: noon.Add(24 * time.Hour),
	}
	device := &gate.Device{
		ID: "dev_1", Account: "acc_1", Organization: "org_1", Slug: "prod-1", Name: "Gateway", Environment: e,
		Addresses: gate.Addresses{These: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}},
	}
	grant := gate.Grant{Behaviors: []string{"fhir-query", "fhir-match", "subscribe"}, Purposes: []gate.Purpose{gate.Treatment, gate.Payment}}
	if e != gate.Production {
		device.Grant = &grant
	}
	contract := newContract(t, "con_1", "2027-01-01", "2027-12-31", "America/New_York")
	contract.Grant = grant
	return &scene{
		now: noon,
		r: gate.Request{
			Site: &gate.Site{Environment: e, Behaviors: compile(t, behaviors()...)}, TLS: true, Leaf: leaf, Host: "api.example.com",
			Authorization: []string{"Bearer " + printed(e)}, Purpose: []string{"TREAT"},
			Method: "GET", Path: "/fhir/Patient/1", Query: "_format=json", Peer: netip.MustParseAddr("203.0.113.7"),
		},
		c: gate.Caller{
			Issuer: &gate.CA{
				Fingerprint: leaf.Anchor, Audience: gate.Customers,
				NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(1, 0, 0),
			},
			Certificate: &gate.Certificate{
				ID: "crt_1", Account: "acc_1", Device: "dev_1", Environment: e, Fingerprint: leaf.Fingerprint,
				Issuer: leaf.Anchor, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter,
			},
			Key:            &gate.Key{ID: "key_1", Account: "acc_1", Device: "dev_1", Environment: e, Handle: gate.ParseKey(printed(e)).Handle, Pepper: 1},
			KeyProven:      true,
			Device:         device,
			Organization:   &gate.Organization{ID: "org_1", Account: "acc_1", Slug: "main", Name: "Main"},
			Account:        &gate.Account{ID: "acc_1", Slug: "acme", Name: "Acme"},
			Contracts:      []*gate.Contract{contract},
			Certifications: []*gate.Certification{inForce("cas_1", contract.ID, grant, "dev_1")},
			Host:           &gate.Host{Name: "api.example.com", Strictest: e},
		},
	}
}

func newContract(t rapid.TB, id gate.ContractID, first, last gate.Date, zone string) *gate.Contract {
	t.Helper()
	c := &gate.Contract{ID: id, Account: "acc_1", First: first, Last: last, Zone: zone}
	if err := c.Resolve(time.LoadLocation); err != nil {
		t.Fatalf("contract %s: %v", id, err)
	}
	return c
}

// inForce is a case that went all the way, and covers the devices.
func inForce(id gate.CertificationID, contract gate.ContractID, grant gate.Grant, devices ...gate.DeviceID) *gate.Certification {
	enrolled := noon.AddDate(0, -1, 0)
	return &gate.Certification{
		ID: id, Account: "acc_1", Contract: contract, Devices: devices, Profile: gate.Profile{Grant: grant},
		Approved:   &gate.Act{By: "stf_cho", At: enrolled.Add(-2 * time.Hour)},
		Released:   &gate.Act{By: "stf_eve", At: enrolled.Add(-time.Hour)},
		EnrolledAt: &enrolled,
	}
}

// located loads a zone that the test needs.
func located(t rapid.TB, zone string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatalf("zone %s: %v", zone, err)
	}
	return l
}
