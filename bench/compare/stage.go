package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"filippo.io/age"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// stage is what both servers share: a data directory with one certified customer, a server certificate, an upstream.
type stage struct {
	dir      string
	upstream *httptest.Server
	roots    *x509.CertPool
	client   tls.Certificate
	key      string
}

func newStage(dir string) (*stage, error) {
	s := &stage{dir: dir}
	s.upstream = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		_, _ = io.WriteString(w, answer)
	}))
	return s, errors.Join(s.serverCertificate(), s.found())
}

// answer is about as long as a small FHIR resource.
var answer = `{"resourceType":"Patient","id":"1","text":"` + strings.Repeat("x", 400) + `"}`

var behaviors = []gate.Behavior{{Name: "fhir-query", Method: "GET", Path: "/fhir/*", Cost: 1}, {Name: "ihe-document-query", Method: "POST", Path: "/ihe/documents/*", Cost: 5}}

// plan has every kind of limit, none of which is ever reached: what is measured is what it costs to ask them.
var plan = gate.Limits{
	{Kind: gate.RateLimit, Amount: plenty}, {Kind: gate.RateLimit, Per: gate.OrganizationSubject, Amount: plenty}, {Kind: gate.RateLimit, Per: gate.DeviceSubject, Amount: plenty},
	{Kind: gate.RateLimit, Per: gate.DeviceSubject, Behavior: "fhir-query", Amount: plenty}, {Kind: gate.DayLimit, Amount: plenty}, {Kind: gate.MonthLimit, Amount: plenty},
	{Kind: gate.ConcurrencyLimit, Amount: 1000}, {Kind: gate.PatientDayLimit, Amount: 1000},
}

const plenty = 1_000_000_000

// found makes the data directory and takes one customer to a credential.
func (s *stage) found() error {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	if _, err = authority.Init(authority.Setup{DataDir: s.path("data"), SecretFile: s.path("secret"), KitFile: s.path("kit"), Recipients: []string{identity.Recipient().String()},
		Admins: []authority.Admin{
			{Name: "ben", Email: "ben@example.com", Roles: []gate.Role{gate.Interviewer, gate.Operator}},
			{Name: "cho", Email: "cho@example.com", Roles: []gate.Role{gate.Approver, gate.Admin}},
			{Name: "eve", Email: "eve@example.com", Roles: []gate.Role{gate.Issuer, gate.Admin}}}}); err != nil {
		return err
	}
	a, err := authority.Open(authority.Options{DataDir: s.path("data"), SecretFile: s.path("secret")})
	if err != nil {
		return err
	}
	if _, err := a.Start(authority.Settings{Behaviors: behaviors, PublicURL: "https://public.test", PKIURL: "http://pki.test"}); err != nil {
		return errors.Join(err, a.Close())
	}
	return errors.Join(s.enroll(a), a.Close())
}

func (s *stage) enroll(a *authority.Authority) error {
	by := map[string]authority.By{}
	for _, p := range a.Directory().People() {
		by[p.Name] = authority.By{Actor: p.Actor(a.Now())}
	}
	account, err := a.CreateAccount(by["ben"], gate.Account{Slug: "acme", Name: "Acme", Zone: "UTC", Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Ann", Email: "ann@example.com"}}})
	if err != nil {
		return err
	}
	org := a.Directory().Organizations(account.ID)[0]
	device, err := a.CreateDevice(by["ben"], gate.Device{Organization: org.ID, Slug: "prod-1", Name: "Prod", Environment: gate.Production, Addresses: gate.Addresses{Any: true}})
	if err != nil {
		return err
	}
	grant := gate.Grant{Behaviors: []string{"fhir-query"}, Purposes: []gate.Purpose{gate.Treatment}}
	contract, err := a.CreateContract(by["ben"], gate.Contract{Account: account.ID, First: "2020-01-01", Last: "2090-01-01", Zone: "UTC", Grant: grant, Plan: plan,
		Agreements: []gate.Agreement{{Kind: gate.BusinessAssociate, Reference: "1", SignedOn: "2026-01-01"}, {Kind: gate.Participation, Reference: "2", SignedOn: "2026-01-01"}}})
	if err != nil {
		return err
	}
	c, err := a.RequestCertification(by["ben"], gate.Certification{Contract: contract.ID, Devices: []gate.DeviceID{device.ID}, Profile: gate.Profile{Grant: grant}})
	if err != nil {
		return err
	}
	if c, err = a.ScheduleInterview(by["ben"], c.ID, gate.Plan{At: time.Now()}); err != nil {
		return err
	}
	var answers []gate.Answer
	for _, q := range gate.Questions(gate.QuestionsVersion) {
		answers = append(answers, gate.Answer{Question: q.ID, Text: "a"})
	}
	if _, err = a.HoldInterview(by["ben"], c.ID, c.Interviews[0].ID, gate.Transcript{Attendees: []gate.Attendee{{Name: "Ann", Consented: true}},
		Recording: gate.Recording{Reference: "r"}, DemoShown: true, Answers: answers}, nil); err != nil {
		return err
	}
	if _, err = a.Approve(by["cho"], c.ID, ""); err != nil {
		return err
	}
	released, err := a.Release(by["eve"], device.ID, c.ID)
	if err != nil {
		return err
	}
	return s.redeem(a, released.Notice)
}

func (s *stage) redeem(a *authority.Authority, notice gate.NoticeID) error {
	link, err := a.TakeLink(notice)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return err
	}
	_, token, _ := strings.Cut(link, "#")
	got, err := a.Redeem(token, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	if err != nil {
		return err
	}
	block, _ := pem.Decode(got.Chain)
	s.key, s.client = got.Key, tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}
	return a.Acknowledge(token)
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

func (s *stage) serverCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "api.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, DNSNames: []string{"api.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	crt, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(crt)
	return errors.Join(os.WriteFile(s.path("server.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(s.path("server-key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
}

// config writes one server's configuration. Both verify the client's chain once in the handshake and write the same access log.
func (s *stage) config(name, kind string, port int, gated bool) (string, error) {
	clientAuth := fmt.Sprintf("mode require_and_verify\n\t\t\ttrust_pool file %s", s.path("data/trust/customers.pem"))
	gate := ""
	if gated {
		clientAuth, gate = "mode require\n\t\t\ttrust_pool certgate\n\t\t\tverifier certgate", "certgate production"
	}
	handler := "respond `" + answer + "`"
	if kind == "proxied" {
		handler = "reverse_proxy " + s.upstream.Listener.Addr().String()
	}
	block := ""
	if gated {
		block = fmt.Sprintf("certgate {\n\t\tdata_dir %s\n\t\tsecret_file %s\n\t\tpublic_url https://public.test\n\t\tpki_url http://pki.test\n\t\tpatient path /fhir/Patient/{patient}\n\t\tbehavior fhir-query GET /fhir/* cost 1\n\t\tbehavior ihe-document-query POST /ihe/documents/* cost 5\n\t}", s.path("data"), s.path("secret"))
	}
	text := fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https off
	grace_period 1s
	storage file_system %s
	log {
		output discard
	}
	servers {
		protocols h1 h2
	}
	%s
}
https://api.test:%d {
	bind 127.0.0.1
	tls %s %s {
		client_auth {
			%s
		}
	}
	log {
		output file %s
	}
	%s
	%s
}
`, s.path("caddy"), block, port, s.path("server.pem"), s.path("server-key.pem"), clientAuth, s.path(name+".log"), gate, handler)
	out, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		return "", err
	}
	file := s.path(name + ".json")
	return file, os.WriteFile(file, out, 0o600)
}

// pair measures one kind of answer: both servers run all the time and are loaded in turns.
func (s *stage) pair(kind string, pairs, requests int) (plain, gated []float64, err error) {
	var servers [2]*process
	var clients [2]*http.Client
	var urls [2]string
	for i, name := range []string{"plain-" + kind, "gated-" + kind} {
		port, err := freePort()
		if err != nil {
			return nil, nil, err
		}
		config, err := s.config(name, kind, port, i == 1)
		if err != nil {
			return nil, nil, err
		}
		if servers[i], err = start(config); err != nil {
			return nil, nil, err
		}
		defer func() { err = errors.Join(err, servers[i].stop()) }()
		clients[i], urls[i] = s.newClient(port), fmt.Sprintf("https://api.test:%d/fhir/Patient/1", port)
		if err := s.load(clients[i], urls[i], requests/4); err != nil { // warm
			return nil, nil, err
		}
	}
	var costs [2][]float64
	for n := range pairs {
		for k := range 2 {
			i := (n + k) % 2 // who goes first changes from pair to pair
			before, err := servers[i].cpu()
			if err != nil {
				return nil, nil, err
			}
			if err := s.load(clients[i], urls[i], requests); err != nil {
				return nil, nil, err
			}
			after, err := servers[i].cpu()
			if err != nil {
				return nil, nil, err
			}
			costs[i] = append(costs[i], (after-before)/float64(requests)*1e6)
		}
	}
	return costs[0], costs[1], nil
}

func freePort() (int, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("listening on a %T", l.Addr())
	}
	return addr.Port, l.Close()
}

const connections = 8

func (s *stage) newClient(port int) *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: s.roots, Certificates: []tls.Certificate{s.client}},
		MaxIdleConnsPerHost: connections, DisableCompression: true,
		DialContext: dialTo(port),
	}}
}

// load sends requests over the kept connections and fails on the first that is not answered with 200.
func (s *stage) load(c *http.Client, url string, requests int) error {
	var wait sync.WaitGroup
	failures := make([]error, connections)
	for i := range connections {
		wait.Go(func() {
			for range requests / connections {
				if failures[i] = s.one(c, url); failures[i] != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	return errors.Join(failures...)
}

func (s *stage) one(c *http.Client, url string) error {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	resp, err := c.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return nil
}
