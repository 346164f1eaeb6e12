package cli_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
	"github.com/onerecord/certgate/issuer"
)

// TestScripts runs each script in testdata/script against a server of its own: the real admin and public APIs over TLS, with a real
// authority in memory behind them. A script finds profiles for ben, cho and eve (default: ben), and these commands beside the usual:
//
//	staff-link NAME FILE  writes the person's newest link, as they would be sent it
//	link DEVICE FILE   writes the device's newest enrollment link, as the customer would be sent it
//	code N ARGS...     runs certgate, which must end with exit code N
//	unchanged          fails if anything has changed since the script began or since changed was last called
//	changed            fails if nothing has
//	customer SLUG      makes a customer with a production device that may call
//	foreign FILE       puts a customer's own CA and a certificate of it in the file's @CA@ and @LEAF@
//	secret SLUG FILE   writes its key
//	call SLUG METHOD PATH     calls with its credential
//	pass DURATION      lets time pass, and the jobs run
//	calling SLUG METHOD PATH  calls again and again until the script ends
func TestScripts(t *testing.T) {
	t.Parallel() // each script mostly waits for its commands to begin
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			testscript.Run(t, testscript.Params{
				Files: []string{script}, RequireExplicitExec: true, UpdateScripts: os.Getenv("UPDATE") != "",
				Setup: s.setup,
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"link": s.link, "staff-link": s.staffLink, "code": code, "unchanged": s.unchanged, "changed": s.changed,
					"customer": s.customer, "call": s.call, "calling": s.calling, "pass": s.pass, "foreign": s.foreign, "secret": s.secret,
				},
			})
		})
	}
}

// server is the two APIs over TLS.
type server struct {
	*gatetest.World
	admin, public *httptest.Server
	badges        map[string]badge
	events        int64
	customers     map[string]*gatetest.Credential
	t             *testing.T
}

// badge is a certificate with its key, as PEM.
type badge struct{ certificate, key []byte }

func newServer(t *testing.T) *server {
	t.Helper()
	w := gatetest.New(t)
	s := &server{World: w, badges: make(map[string]badge), customers: make(map[string]*gatetest.Credential), t: t}
	opened := func() *authority.Authority { return w.Authority }
	failed := func(_ *http.Request, err error, id string) { t.Errorf("%s: %v", id, err) }
	s.admin = httptest.NewUnstartedServer(&api.Staff{Authority: opened, Config: func() *authority.Config { return w.Config }, Actor: s.actor, OnError: failed})
	s.admin.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.admin.StartTLS()
	t.Cleanup(s.admin.Close)
	s.public = httptest.NewUnstartedServer(&api.Public{Authority: opened, OnError: failed, Leaf: s.leaf})
	s.public.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.public.StartTLS()
	t.Cleanup(s.public.Close)
	for name, b := range w.Badges {
		s.badges[name] = badge{b.Leaf, b.Key}
	}
	s.badges["ben"] = s.newBadge(t, "ben")
	s.events = w.Store().EventCount()
	return s
}

// newBadge gives a person another certificate, whose key is known here.
func (s *server) newBadge(t *testing.T, name string) badge {
	t.Helper()
	key, csr := s.NewCSR(name)
	person, err := s.Directory().Staff(name)
	if err == nil {
		_, err = s.ProposeChange(s.Cho, person.ID, nil, csr)
	}
	if err == nil {
		person, err = s.ConfirmStaff(s.Eve, person.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := issuer.MarshalKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return badge{issuer.CertificatePEM(person.Certificates[len(person.Certificates)-1].DER), issuer.KeyPEM(der)}
}

// actor finds the person behind the client certificate, as Caddy's door does.
func (s *server) actor(r *http.Request) (gate.Actor, error) {
	return s.Operator(s.leafFor(r, gate.Operators))
}

func (s *server) leaf(r *http.Request) *gate.Leaf { return s.leafFor(r, gate.Customers) }

func (s *server) leafFor(r *http.Request, audience gate.Audience) *gate.Leaf {
	if len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	crt := r.TLS.PeerCertificates[0]
	leaf := &gate.Leaf{Fingerprint: gate.FingerprintOf(crt.Raw), NotBefore: crt.NotBefore, NotAfter: crt.NotAfter, CA: crt.IsCA, ClientAuth: true}
	if chain, err := s.Anchors(audience).Verify(crt, nil, s.Now()); err == nil {
		leaf.Anchor = gate.FingerprintOf(chain.Anchor.Raw)
	}
	return leaf
}

// setup writes the files of the three people and their profiles into the script's home directory.
func (s *server) setup(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	config := filepath.Join(home, ".config", "certgate")
	if err := os.MkdirAll(config, 0o700); err != nil {
		return err
	}
	profiles := "profiles:\n"
	for name, b := range s.badges {
		label := name
		if name == "ben" {
			label = "default"
		}
		profiles += "  " + label + ": {admin_url: '" + s.admin.URL + "', certificate: " + name + ".crt, key: " + name + ".key, ca: ca.crt}\n"
		for suffix, content := range map[string][]byte{".crt": b.certificate, ".key": b.key} {
			if err := os.WriteFile(filepath.Join(config, name+suffix), content, 0o600); err != nil {
				return err
			}
		}
	}
	ca := pemOf(s.admin.Certificate())
	for name, content := range map[string][]byte{"config.yaml": []byte(profiles), "ca.crt": ca} {
		if err := os.WriteFile(filepath.Join(config, name), content, 0o600); err != nil {
			return err
		}
	}
	_, recipient, err := certstore.NewIdentity()
	if err != nil {
		return err
	}
	env.Setenv("RECIPIENT", recipient)
	env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector would let each program linger for a second
	env.Setenv("HOME", home)
	env.Setenv("CONFIG", config)
	env.Setenv("ADMIN", s.admin.URL)
	env.Setenv("VKEY", s.Store().Vkey())
	return nil
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func (s *server) link(ts *testscript.TestScript, _ bool, args []string) {
	device, err := s.Directory().Device(args[0])
	ts.Check(err)
	list := s.Directory().Enrollments(device.ID)
	s.writeLink(ts, list[len(list)-1].Notice, args[1])
}

func (s *server) staffLink(ts *testscript.TestScript, _ bool, args []string) {
	person, err := s.Directory().Staff(args[0])
	ts.Check(err)
	s.writeLink(ts, person.Link.Notice, args[1])
}

func (s *server) writeLink(ts *testscript.TestScript, notice gate.NoticeID, file string) {
	link, err := s.TakeLink(notice)
	ts.Check(err)
	// The world's public URL is a name; the server of the test is somewhere on this machine.
	link = strings.Replace(link, gatetest.PublicURL, s.public.URL, 1)
	ts.Check(os.WriteFile(ts.MkAbs(file), []byte(link+"\n"), 0o600))
}

func code(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("certgate", args[1:]...)
	got := 0
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func (s *server) unchanged(ts *testscript.TestScript, _ bool, _ []string) {
	if n := s.Store().EventCount(); n != s.events {
		ts.Fatalf("%d changes", n-s.events)
	}
}

func (s *server) changed(ts *testscript.TestScript, _ bool, _ []string) {
	if s.Store().EventCount() == s.events {
		ts.Fatalf("nothing has changed")
	}
	s.events = s.Store().EventCount()
}

func (s *server) customer(_ *testscript.TestScript, _ bool, args []string) {
	s.customers[args[0]] = s.MustProduction(args[0])
}

func (s *server) secret(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(s.customers[args[0]].Key+"\n"), 0o600))
}

func (s *server) call(_ *testscript.TestScript, _ bool, args []string) {
	s.Check(s.customers[args[0]].Request(args[1], args[2]))
}

func (s *server) pass(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	s.Advance(d)
}

func (s *server) calling(ts *testscript.TestScript, _ bool, args []string) {
	again, stop, stopped := time.NewTicker(10*time.Millisecond), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-again.C:
				s.call(ts, false, args)
			case <-stop:
				return
			}
		}
	}()
	ts.Defer(func() {
		again.Stop()
		close(stop)
		<-stopped
	})
}
