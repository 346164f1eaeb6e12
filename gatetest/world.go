package gatetest

import (
	"context"
	"encoding/binary"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Epoch is the time at which every world begins: a Monday morning in New York.
var Epoch = time.Date(2027, time.March, 1, 15, 0, 0, 0, time.UTC)

// Where the running configuration says that customers find us.
const (
	PublicURL = "https://connect.example.com"
	PKIURL    = "http://pki.example.com"
)

// World is an authority with everything around it.
type World struct {
	*authority.Authority

	// Config is the running configuration. Its behaviors are those of Settings.
	Config *authority.Config

	// The people. Nobody who interviews approves, and nobody who approves releases.
	Ben authority.By // interviewer and operator
	Cho authority.By // approver and admin
	Eve authority.By // issuer and admin

	// Badges open staff's TLS connections: of cho and eve, by name.
	Badges map[string]authority.Badge

	t     testing.TB
	clock clock
	ids   atomic.Uint64
}

// clock is the time, moved by the test alone.
type clock struct {
	mu  sync.Mutex
	now time.Time // guarded by mu
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Settings are the configuration that every world runs.
func Settings() authority.Settings {
	return authority.Settings{
		Behaviors: []gate.Behavior{
			{Name: "fhir-query", Method: "GET", Path: "/fhir/*", Cost: 1},
			{Name: "ihe-document-query", Method: "POST", Path: "/ihe/documents/*", Cost: 5},
		},
		PublicURL: PublicURL, PKIURL: PKIURL,
		Contact: authority.Contact{Email: "certification@example.com", Phone: "+1 555 0100"},
	}
}

// New founds a world. When the test ends, the authority is closed and its events are read once more: all of them, numbered without gap.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{t: t, clock: clock{now: Epoch}, Badges: make(map[string]authority.Badge)}
	store, badges, err := authority.FoundInMemory(w.setup())
	w.must(err)
	w.open(badges, authority.Options{Store: store})
	return w
}

// NewOnDisk is New in a directory of the test's own, with the secret in a file, for what needs those. The identity opens recovery kits.
func NewOnDisk(t testing.TB) (w *World, identity string) {
	t.Helper()
	dir := t.TempDir()
	w = &World{t: t, clock: clock{now: Epoch}, Badges: make(map[string]authority.Badge)}
	identity, recipient, err := certstore.NewIdentity()
	w.must(err)
	setup := w.setup()
	setup.DataDir, setup.SecretFile, setup.KitFile = filepath.Join(dir, "data"), filepath.Join(dir, "secret"), filepath.Join(dir, "kit.age")
	setup.Recipients = []string{recipient}
	badges, err := authority.Init(setup)
	w.must(err)
	w.open(badges, authority.Options{DataDir: setup.DataDir, SecretFile: setup.SecretFile})
	return w, identity
}

func (w *World) setup() authority.Setup {
	return authority.Setup{
		Admins: []authority.Admin{
			{Name: "cho", Email: "cho@example.com", Roles: []gate.Role{gate.Approver, gate.Admin}},
			{Name: "eve", Email: "eve@example.com", Roles: []gate.Role{gate.Issuer, gate.Admin}},
		},
		Now: w.clock.read, NewID: w.newID,
	}
}

// open starts the authority and brings the people in.
func (w *World) open(badges []authority.Badge, o authority.Options) {
	w.t.Helper()
	for _, b := range badges {
		w.Badges[b.Name] = b
	}
	o.Now, o.NewID, o.NoJobs = w.clock.read, w.newID, true
	var err error
	w.Authority, err = authority.Open(o)
	w.must(err)
	w.t.Cleanup(w.close)
	w.Config, err = w.Start(Settings())
	w.must(err)
	w.Tick(context.Background(), w.Now())
	w.Cho, w.Eve = w.by("cho"), w.by("eve")
	w.hire("ben", gate.Interviewer, gate.Operator)
	w.Ben = w.by("ben")
}

// newID counts up, so that tests and golden files are told the same identifiers every time.
func (w *World) newID(prefix string) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[8:], w.ids.Add(1))
	return gate.FormatID(prefix, raw)
}

func (w *World) by(name string) authority.By {
	w.t.Helper()
	person, err := w.Directory().Staff(name)
	w.must(err)
	return authority.By{Actor: person.Actor(w.Now())}
}

// hire makes a staff member as it is done for real: cho proposes, eve confirms.
func (w *World) hire(name string, roles ...gate.Role) {
	w.t.Helper()
	_, csr := w.NewCSR(name)
	person, err := w.ProposeStaff(w.Cho, gate.Staff{Name: name, Email: name + "@example.com", Roles: roles}, csr)
	w.must(err)
	_, err = w.ConfirmStaff(w.Eve, person.ID)
	w.must(err)
}

// Advance moves the clock and runs the jobs that are due then. What was called is then to be seen in usage.
func (w *World) Advance(d time.Duration) {
	w.clock.mu.Lock()
	w.clock.now = w.clock.now.Add(d)
	w.clock.mu.Unlock()
	w.Tick(context.Background(), w.Now())
	w.must(w.SumUsage())
}

func (w *World) close() {
	w.t.Helper()
	if w.Ready() != nil {
		return // the test closed it
	}
	seq := int64(0)
	for {
		events, err := w.Store().Events(seq, 1000)
		if err != nil {
			w.t.Errorf("read the events from %d on: %v", seq, err)
			break
		}
		for _, e := range events {
			if e.Seq != seq {
				w.t.Errorf("event %d stands where %d should", e.Seq, seq)
			}
			seq++
		}
		if len(events) == 0 {
			break
		}
	}
	if err := w.Close(); err != nil {
		w.t.Errorf("close: %v", err)
	}
}

// must fails the test if err is not nil.
func (w *World) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}
