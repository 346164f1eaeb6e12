package caddymodule_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // the sites need TLS, proxying, metrics

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/caddymodule"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// world is a whole certgate: real Caddy with real TLS in this process, a data directory on disk, three staff, one upstream. One Caddy
// runs in a process at a time, so tests that use a world do not run in parallel.
type world struct {
	t             testing.TB
	dir           string
	port          int
	upstream      *upstream
	roots         *x509.CertPool // of the server's certificate
	certFile      string
	keyFile       string
	identity      string // opens the recovery kit
	badges        []authority.Badge
	ben, cho, eve authority.By
}

// upstream is what the gate protects. It remembers what reached it.
type upstream struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request // guarded by mu; bodies read
	hits     atomic.Int64
}

func newUpstream(t testing.TB) *upstream {
	t.Helper()
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		u.hits.Add(1)
		u.mu.Lock()
		u.requests = append(u.requests, r)
		u.mu.Unlock()
		fmt.Fprintf(w, "hello from %s", r.URL.Path)
	}))
	t.Cleanup(u.Close)
	return u
}

// last is the latest request that reached the upstream.
func (u *upstream) last(t testing.TB) *http.Request {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.requests) == 0 {
		t.Fatal("nothing reached the upstream")
	}
	return u.requests[len(u.requests)-1]
}

// newWorld founds a data directory and starts Caddy in front of an upstream.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := foundWorld(t)
	w.mustLoad(w.caddyfile())
	return w
}

// foundWorld makes everything but a running Caddy.
func foundWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), upstream: newUpstream(t), port: freePort(t)}
	identity, err := age.GenerateX25519Identity()
	must(t, err)
	w.identity = identity.String()
	w.badges, err = authority.Init(authority.Setup{
		DataDir: w.path("data"), SecretFile: w.path("secret"), KitFile: w.path("kit.age"), Recipients: []string{identity.Recipient().String()},
		Admins: []authority.Admin{
			{Name: "ben", Email: "ben@example.com", Roles: []gate.Role{gate.Interviewer, gate.Operator}},
			{Name: "cho", Email: "cho@example.com", Roles: []gate.Role{gate.Approver, gate.Admin}},
			{Name: "eve", Email: "eve@example.com", Roles: []gate.Role{gate.Issuer, gate.Admin}},
		},
	})
	must(t, err)
	w.serverCertificate()
	t.Cleanup(func() { _ = caddy.Stop() })
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// freePort finds a port that nobody uses, below those that systems give out by themselves, so that nobody gets it by chance before it is
// listened on, or while Caddy is restarted.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 10_000 + mathrand.IntN(10_000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			must(t, l.Close())
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func (w *world) serverCertificate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(w.t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "server"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		DNSNames: []string{"api.test", "preprod.test", "sandbox.test", "admin.test", "public.test", "open.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(w.t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(w.t, err)
	w.certFile, w.keyFile = w.path("server.pem"), w.path("server-key.pem")
	must(w.t, os.WriteFile(w.certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(w.t, os.WriteFile(w.keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	crt, err := x509.ParseCertificate(der)
	must(w.t, err)
	w.roots = x509.NewCertPool()
	w.roots.AddCert(crt)
}

// global is the global options of a test configuration, with further lines for certgate's block.
func (w *world) global(lines ...string) string {
	return fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https off
	skip_install_trust
	grace_period 2s
	storage file_system {
		root %s
	}
	servers {
		protocols h1 h2
	}
	certgate {
		data_dir %s
		secret_file %s
		public_url https://public.test
		pki_url http://pki.test
		contact help@example.com "+1 555 0100"
		patient path /fhir/Patient/{patient} /fhir/Patient/{patient}/*
		patient query patient subject
		behavior fhir-query GET /fhir/* cost 1
		behavior fhir-write POST /fhir/* cost 1
		behavior ihe-document-query POST /ihe/documents/* cost 5
		behavior live GET /live/* cost 1 upgrade websocket
		behavior secret-things GET /secret/* cost 1
		%s
	}
}
`, w.path("caddy"), w.path("data"), w.path("secret"), strings.Join(lines, "\n\t\t"))
}

// url is where a site is reached.
func (w *world) url(host string) string {
	return "https://" + net.JoinHostPort(host, strconv.Itoa(w.port))
}

// site is one site of a test configuration: TLS as given, then the directives.
func (w *world) site(host, clientAuth string, directives ...string) string {
	return fmt.Sprintf("%s {\n\tbind 127.0.0.1\n\ttls %s %s {\n\t\t%s\n\t}\n\t%s\n}\n",
		w.url(host), w.certFile, w.keyFile, clientAuth, strings.Join(directives, "\n\t"))
}

const (
	requestMode = "client_auth {\n\t\t\tmode request\n\t\t\ttrust_pool certgate\n\t\t}"
	requireMode = "client_auth {\n\t\t\tmode require\n\t\t\ttrust_pool certgate\n\t\t\tverifier certgate\n\t\t}"
	staffMode   = "client_auth {\n\t\t\tmode require\n\t\t\ttrust_pool certgate staff\n\t\t\tverifier certgate staff\n\t\t}"
)

func (w *world) proxy() string { return "reverse_proxy " + w.upstream.Listener.Addr().String() }

// caddyfile is the usual configuration: all environments, staff, public.
func (w *world) caddyfile() string {
	return w.global() +
		w.site("api.test", requestMode, "certgate production", w.proxy()) +
		w.site("preprod.test", requestMode, "certgate preprod", w.proxy()) +
		w.site("sandbox.test", requestMode, "certgate sandbox", w.proxy()) +
		w.site("admin.test", staffMode, "certgate_admin") +
		w.site("public.test", requestMode, "certgate_public")
}

// adapt turns a Caddyfile into JSON.
func adapt(caddyfile string) ([]byte, error) {
	out, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), nil)
	return out, err
}

func (w *world) load(caddyfile string) error {
	config, err := adapt(caddyfile)
	if err != nil {
		return err
	}
	return caddy.Load(config, true)
}

func (w *world) mustLoad(caddyfile string) {
	w.t.Helper()
	must(w.t, w.load(caddyfile))
	if len(w.badges) > 0 && w.ben.Staff == "" {
		for i, by := range []*authority.By{&w.ben, &w.cho, &w.eve} {
			person, err := w.authority().Directory().Staff(w.badges[i].Name)
			must(w.t, err)
			by.Actor = person.Actor(w.authority().Now())
		}
	}
}

// authority is the running one.
func (w *world) authority() *authority.Authority {
	w.t.Helper()
	a := caddymodule.Running()
	if a == nil {
		w.t.Fatal("no authority is running")
	}
	return a
}

// credential is what a customer holds.
type credential struct {
	*authority.Credential
	tls tls.Certificate
}

var everything = gate.Grant{Behaviors: []string{"fhir-query", "fhir-write", "ihe-document-query", "live"}, Purposes: []gate.Purpose{gate.Treatment}}

// customer makes an account with one device of the environment, named by slug, that may call from anywhere.
func (w *world) customer(slug string, e gate.Environment) (*gate.Account, *gate.Device) {
	w.t.Helper()
	a := w.authority()
	account, err := a.CreateAccount(w.ben, gate.Account{Slug: slug, Name: "Customer " + slug, Zone: "UTC",
		Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Ann", Email: "ann@example.com"}}})
	must(w.t, err)
	return account, w.device(account, "main-"+e.String(), e)
}

func (w *world) device(account *gate.Account, slug string, e gate.Environment) *gate.Device {
	w.t.Helper()
	org, err := w.authority().Directory().Organization(account.Slug + "/main")
	must(w.t, err)
	device, err := w.authority().CreateDevice(w.ben, gate.Device{Organization: org.ID, Slug: slug, Name: slug, Environment: e, Addresses: gate.Addresses{Any: true}})
	must(w.t, err)
	return device
}

// contract makes a contract around today for the account.
func (w *world) contract(account *gate.Account, first, last gate.Date) *gate.Contract {
	w.t.Helper()
	c, err := w.authority().CreateContract(w.ben, gate.Contract{Account: account.ID, First: first, Last: last, Zone: "UTC", Grant: everything,
		Agreements: []gate.Agreement{{Kind: gate.BusinessAssociate, Reference: "baa", SignedOn: "2026-01-01"}, {Kind: gate.Participation, Reference: "terms", SignedOn: "2026-01-01"}}})
	must(w.t, err)
	return c
}

func today() gate.Date { return gate.Date(time.Now().UTC().Format(time.DateOnly)) }

// certify takes a case for the devices through request, interview and approval.
func (w *world) certify(contract *gate.Contract, devices ...gate.DeviceID) *gate.Certification {
	w.t.Helper()
	a := w.authority()
	c, err := a.RequestCertification(w.ben, gate.Certification{Contract: contract.ID, Devices: devices,
		Profile: gate.Profile{Grant: everything, Hosting: "own", KeyStorage: "vault", DailyVolume: 1000}})
	must(w.t, err)
	c, err = a.ScheduleInterview(w.ben, c.ID, gate.Plan{At: time.Now()})
	must(w.t, err)
	c, err = a.HoldInterview(w.ben, c.ID, c.Interviews[0].ID, gatetest.Transcript(), nil)
	must(w.t, err)
	c, err = a.Approve(w.cho, c.ID, "")
	must(w.t, err)
	return c
}

// enroll releases the device and redeems the link as the customer would.
func (w *world) enroll(device *gate.Device, certification gate.CertificationID) *credential {
	w.t.Helper()
	a := w.authority()
	released, err := a.Release(w.eve, device.ID, certification)
	must(w.t, err)
	link, err := a.TakeLink(released.Notice)
	must(w.t, err)
	_, token, ok := strings.Cut(link, "#")
	if !ok {
		w.t.Fatal("the link has no token")
	}
	key, csr := newCSR(w.t)
	got, err := a.Redeem(token, csr)
	must(w.t, err)
	must(w.t, a.Acknowledge(token))
	block, _ := pem.Decode(got.Chain)
	return &credential{Credential: got, tls: tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}}
}

func newCSR(t testing.TB) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	must(t, err)
	return key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// certified is a customer with everything: account, contract, certification and credential in production.
func (w *world) certified(slug string) (*gate.Account, *gate.Device, *credential) {
	w.t.Helper()
	account, device := w.customer(slug, gate.Production)
	contract := w.contract(account, today(), today().AddDays(300))
	c := w.certify(contract, device.ID)
	return account, device, w.enroll(device, c.ID)
}

// register makes a certificate known as the device's, by the real Update.
func (w *world) register(device *gate.Device, crt tls.Certificate) *gate.Certificate {
	w.t.Helper()
	leaf, err := x509.ParseCertificate(crt.Certificate[0])
	must(w.t, err)
	fp := gate.FingerprintOf(leaf.Raw)
	record := &gate.Certificate{ID: gate.CertificateID(gate.FormatID(gate.CertificatePrefix, [16]byte(fp[:16]))),
		Account: device.Account, Device: device.ID, Environment: device.Environment, Fingerprint: fp,
		Issuer: gate.FingerprintOf(w.issuing().Certificate.Raw), Serial: leaf.SerialNumber.Text(16), DER: leaf.Raw,
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, IssuedAt: time.Now()}
	w.put(record)
	return record
}

// put writes records as they are, for states that no operation reaches quickly.
func (w *world) put(records ...gate.Record) {
	w.t.Helper()
	_, err := w.authority().Store().Update(func(tx *certstore.Tx) (gate.Event, error) {
		for _, r := range records {
			certstore.Put(tx, r)
		}
		return gate.Event{Verb: "test.put", By: gate.Actor{Name: "test"}, At: time.Now(), Object: records[0].RecordID()}, nil
	})
	must(w.t, err)
}

// client speaks one protocol to the world's Caddy, with the certificate if there is one. Every name leads to loopback.
func (w *world) client(proto string, crt *tls.Certificate) *http.Client {
	config := &tls.Config{RootCAs: w.roots, MinVersion: tls.VersionTLS12}
	if crt != nil {
		// Present it whatever the server asks for: an attacker would.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return crt, nil }
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: proto == "h2", DisableCompression: true,
		DialContext: (&loopback{w.port}).dial}
	if proto == "h2" {
		config.NextProtos = []string{"h2"}
	}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// get sends a request to a site by name and returns the answer with its body read.
func (w *world) get(c *http.Client, host, path, key string, edit ...func(*http.Request)) (*http.Response, string) {
	w.t.Helper()
	resp, body, err := w.try(c, host, path, key, edit...)
	// A connection that the old configuration accepts as it stops is closed without an answer, with any Caddy.
	for n := 0; err != nil && n < 3; n++ {
		resp, body, err = w.try(c, host, path, key, edit...)
	}
	must(w.t, err)
	return resp, body
}

func (w *world) try(c *http.Client, host, path, key string, edit ...func(*http.Request)) (*http.Response, string, error) {
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url(host)+path, nil)
	if err != nil {
		return nil, "", err
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for _, f := range edit {
		f(r)
	}
	resp, err := c.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// eventually waits for a condition, for at most ten seconds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
