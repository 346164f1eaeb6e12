package certstore

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/onerecord/certgate/gate"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Badger's Open leaves these behind where it fails, which ends the process; see the deferred cleanup of an err that is shadowed.
		goleak.IgnoreTopFunction("github.com/dgraph-io/badger/v4.(*DB).monitorCache"),
		goleak.IgnoreTopFunction("github.com/dgraph-io/badger/v4.(*DB).updateSize"),
	)
}

// dawn is when every fixture happens.
var dawn = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)

// fixedID makes the n-th identifier of a kind.
func fixedID(prefix string, n int) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[8:], uint64(n))
	return gate.FormatID(prefix, raw)
}

func fixedPrint(n int) gate.Fingerprint {
	return gate.FingerprintOf(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func testOptions(dir string) Options {
	return Options{Dir: dir, Secret: [32]byte{1, 2, 3}, Random: rand.Reader, Zones: time.LoadLocation}
}

// inMemory is a store with nothing in it but the event of its creation.
func inMemory(t testing.TB) *Store {
	t.Helper()
	o := testOptions("")
	o.InMemory = true
	s, err := New(o, created)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

// onDisk is the same in a directory; the test may close it.
func onDisk(t testing.TB) *Store {
	t.Helper()
	s, err := New(testOptions(t.TempDir()), created)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func created(*Tx) (gate.Event, error) { return happened(gate.StoreCreated), nil }

func happened(verb gate.Verb) gate.Event {
	return gate.Event{At: dawn, By: gate.Actor{Name: "certgate"}, Verb: verb, Object: "fixture"}
}

// update puts records with one event.
func update(t testing.TB, s *Store, records ...gate.Record) gate.Event {
	t.Helper()
	event, err := tryUpdate(s, records...)
	if err != nil {
		t.Fatal(err)
	}
	return event
}

func tryUpdate(s *Store, records ...gate.Record) (gate.Event, error) {
	return s.Update(func(tx *Tx) (gate.Event, error) {
		for _, r := range records {
			Put(tx, r)
		}
		return happened(gate.AccountCreated), nil
	})
}

// world is one customer with all that a call to production takes.
type world struct {
	account       *gate.Account
	organization  *gate.Organization
	device        *gate.Device
	contract      *gate.Contract
	certification *gate.Certification
	key           *gate.Key
	certificate   *gate.Certificate
	ca            *gate.CA
}

func (w *world) records() []gate.Record {
	return []gate.Record{w.account, w.organization, w.device, w.contract, w.certification, w.key, w.certificate, w.ca}
}

// probe is what a call of the world's customer shows.
func (w *world) probe() *Probe {
	return &Probe{Leaf: w.certificate.Fingerprint, Anchor: w.ca.Fingerprint, Handle: w.key.Handle, Host: "api.example.com"}
}

func newWorld(n int) *world {
	at := dawn.Add(-time.Hour)
	suffix := string(rune('a' + n%26))
	w := &world{
		account: &gate.Account{ID: gate.AccountID(fixedID(gate.AccountPrefix, n)), Slug: "acme" + suffix, Name: "Acme", Zone: "UTC", CreatedAt: at},
		ca: &gate.CA{Fingerprint: fixedPrint(1), Audience: gate.Customers, DER: []byte{1}, RootDER: []byte{2}, SealedKey: []byte{3},
			NotBefore: at, NotAfter: at.AddDate(5, 0, 0)},
	}
	w.organization = &gate.Organization{ID: gate.OrganizationID(fixedID(gate.OrganizationPrefix, n)), Account: w.account.ID, Slug: "main", Name: "Main", CreatedAt: at}
	w.device = newDevice(w, n)
	w.contract = &gate.Contract{
		ID: gate.ContractID(fixedID(gate.ContractPrefix, n)), Account: w.account.ID, First: "2027-01-01", Last: "2027-12-31",
		Zone: "America/New_York", Grant: gate.Grant{Behaviors: []string{"fhir-query"}, Purposes: []gate.Purpose{gate.Treatment}}, CreatedAt: at,
	}
	w.certification = &gate.Certification{
		ID: gate.CertificationID(fixedID(gate.CertificationPrefix, n)), Account: w.account.ID, Contract: w.contract.ID,
		Devices: []gate.DeviceID{w.device.ID}, Profile: gate.Profile{Grant: w.contract.Grant}, Requested: gate.Act{By: "stf_ben", At: at},
	}
	w.key = newKey(w.device, n)
	w.certificate = newCertificate(w.device, n)
	return w
}

func newDevice(w *world, n int) *gate.Device {
	return &gate.Device{
		ID: gate.DeviceID(fixedID(gate.DevicePrefix, n)), Account: w.account.ID, Organization: w.organization.ID,
		Slug: "prod-" + fixedPrint(n).String()[:8], Name: "Production", Environment: gate.Production,
		Addresses: gate.Addresses{Any: true}, CreatedAt: dawn,
	}
}

func newKey(d *gate.Device, n int) *gate.Key {
	return &gate.Key{
		ID: gate.KeyID(fixedID(gate.KeyPrefix, n)), Account: d.Account, Device: d.ID, Environment: d.Environment,
		Handle: fixedPrint(n).String()[:10], Pepper: 1, MAC: fixedPrint(n), IssuedAt: dawn,
	}
}

func newCertificate(d *gate.Device, n int) *gate.Certificate {
	return &gate.Certificate{
		ID: gate.CertificateID(fixedID(gate.CertificatePrefix, n)), Account: d.Account, Device: d.ID, Environment: d.Environment,
		Fingerprint: fixedPrint(1000 + n), Issuer: fixedPrint(1), Serial: "0a", PublicKey: fixedPrint(2000 + n), DER: bytes.Repeat([]byte{7}, 600),
		NotBefore: dawn, NotAfter: dawn.AddDate(1, 0, 0), IssuedAt: dawn,
	}
}

func suspension(n int, kind gate.SubjectKind, of string, account gate.AccountID) *gate.Remediation {
	return &gate.Remediation{
		ID: gate.RemediationID(fixedID(gate.RemediationPrefix, n)), Account: account, Subject: gate.Subject{Kind: kind, ID: of},
		Measure: gate.Suspend, From: dawn, By: "stf_ben", Why: "a fixture",
	}
}

// crash is what a process that died now would have left: a copy of the directory, made while the store is open.
func crash(t testing.TB, s *Store) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(s.options.Dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// openIn opens a store in another directory, to be closed with the test.
func openIn(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

// refused opens a store that must not open, and returns the refusal.
func refused(t testing.TB, dir string, want error) error {
	t.Helper()
	s, err := Open(testOptions(dir))
	if err == nil {
		closeStore(t, s)
		t.Fatal("the store opened")
	}
	if !errors.Is(err, want) {
		t.Fatalf("refused with %q, want a %q", err, want)
	}
	return err
}

func tables(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, storeName, "*.sst"))
	if err != nil || len(names) == 0 {
		t.Fatalf("tables %q, error %v", names, err)
	}
	return names
}
