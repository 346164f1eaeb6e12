package gatetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// Peer is the address from which every Credential calls.
var Peer = netip.MustParseAddr("203.0.113.7")

// Everything grants all behaviors of Settings for treatment and operations.
func Everything() gate.Grant {
	return gate.Grant{Behaviors: []string{"fhir-query", "ihe-document-query"}, Purposes: []gate.Purpose{gate.Treatment, gate.Operations}}
}

// MustAccount makes a customer with a technical and a security contact. Its organization is called main.
func (w *World) MustAccount(slug string) *gate.Account {
	w.t.Helper()
	account, err := w.CreateAccount(w.Ben, gate.Account{Slug: slug, Name: "Clinic " + slug, Zone: "America/New_York", Contacts: []gate.Contact{
		{Role: gate.TechnicalContact, Name: "Tim", Email: "tim@" + slug + ".example"},
		{Role: gate.SecurityContact, Name: "Sue", Email: "sue@" + slug + ".example"},
	}})
	w.must(err)
	return account
}

// MustDevice makes a device of the account's first organization, for treatment by default, that may call from anywhere.
func (w *World) MustDevice(account *gate.Account, slug string, e gate.Environment) *gate.Device {
	w.t.Helper()
	organization, err := w.Directory().Organization(account.Slug + "/" + authority.DefaultOrganization)
	w.must(err)
	device, err := w.CreateDevice(w.Ben, gate.Device{Organization: organization.ID, Slug: slug, Name: "Device " + slug, Environment: e,
		DefaultPurpose: gate.Treatment, Addresses: gate.Addresses{Any: true}})
	w.must(err)
	return device
}

// MustContract makes a contract over everything, in force for a year from the day of Epoch, with the agreements signed.
func (w *World) MustContract(account *gate.Account) *gate.Contract {
	w.t.Helper()
	first := gate.Date(Epoch.Format(time.DateOnly))
	contract, err := w.CreateContract(w.Ben, gate.Contract{
		Account: account.ID, First: first, Last: first.AddDays(364), Zone: "America/New_York", Grant: Everything(),
		Agreements: []gate.Agreement{
			{Kind: gate.BusinessAssociate, Reference: "DMS-1", SignedOn: first},
			{Kind: gate.Participation, Reference: "DMS-2", SignedOn: first},
		},
	})
	w.must(err)
	return contract
}

// MustRequest opens a case over everything for production devices.
func (w *World) MustRequest(contract *gate.Contract, devices ...*gate.Device) *gate.Certification {
	w.t.Helper()
	in := gate.Certification{Contract: contract.ID, Profile: gate.Profile{
		Grant: Everything(), Hosting: "AWS us-east-1", KeyStorage: "HSM", DailyVolume: 10_000}}
	for _, d := range devices {
		in.Devices = append(in.Devices, d.ID)
	}
	c, err := w.RequestCertification(w.Ben, in)
	w.must(err)
	return c
}

// MustCertify takes a case over everything through interview and approval. It is released by MustEnroll.
func (w *World) MustCertify(contract *gate.Contract, devices ...*gate.Device) *gate.Certification {
	w.t.Helper()
	c := w.MustRequest(contract, devices...)
	c, err := w.ScheduleInterview(w.Ben, c.ID, gate.Plan{At: w.Now()})
	w.must(err)
	c, err = w.HoldInterview(w.Ben, c.ID, c.Interviews[0].ID, Transcript(), nil)
	w.must(err)
	c, err = w.Approve(w.Cho, c.ID, "")
	w.must(err)
	return c
}

// Transcript is an interview that leaves nothing open.
func Transcript() gate.Transcript {
	return gate.Transcript{
		Attendees: []gate.Attendee{{Name: "Tim", Consented: true}, {Name: "Ben", Consented: true}},
		Recording: gate.Recording{Reference: "vault/interview-1"},
		DemoShown: true,
		Answers:   Answers(),
	}
}

// Answers are answers to all questions.
func Answers() (answers []gate.Answer) {
	for _, q := range gate.Questions(gate.QuestionsVersion) {
		answers = append(answers, gate.Answer{Question: q.ID, Text: "As the policy says."})
	}
	return answers
}

// NewCSR makes a key pair and a certificate signing request for it, in PEM.
func (w *World) NewCSR(name string) (crypto.Signer, []byte) {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), authority.Randomness())
	w.must(err)
	der, err := x509.CreateCertificateRequest(authority.Randomness(), &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	w.must(err)
	return key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// MustRelease makes an enrollment link for the device, in production under the certification that covers it, and returns its token.
func (w *World) MustRelease(device *gate.Device) (*gate.Enrollment, string) {
	w.t.Helper()
	e, err := w.Release(w.Eve, device.ID, w.covering(device))
	w.must(err)
	link, err := w.TakeLink(e.Notice)
	w.must(err)
	u, err := url.Parse(link)
	w.must(err)
	return e, u.Fragment
}

// covering is the newest approved certification of the device, none outside production.
func (w *World) covering(device *gate.Device) (found gate.CertificationID) {
	if device.Environment != gate.Production {
		return ""
	}
	for _, c := range w.Directory().Certifications(device.Account) {
		if c.Approved != nil && c.Covers(device.ID) {
			found = c.ID
		}
	}
	return found
}

// Credential is what a customer holds.
type Credential struct {
	Device      *gate.Device
	Key         string // as it goes after Bearer
	KeyID       gate.KeyID
	Certificate *gate.Certificate // nil in sandbox
	TLS         tls.Certificate   // with chain and private key

	w *World
}

// MustEnroll gives the device a credential: released, redeemed and acknowledged, or in sandbox a key.
func (w *World) MustEnroll(device *gate.Device) *Credential {
	w.t.Helper()
	if device.Environment == gate.Sandbox {
		key, record, err := w.SandboxKey(w.Eve, device.ID)
		w.must(err)
		return &Credential{Device: device, Key: key, KeyID: record.ID, w: w}
	}
	_, token := w.MustRelease(device)
	private, csr := w.NewCSR(device.Slug)
	got, err := w.Redeem(token, csr)
	w.must(err)
	w.must(w.Acknowledge(token))
	c := &Credential{Device: device, Key: got.Key, KeyID: got.KeyID, Certificate: got.Certificate, w: w}
	c.TLS.PrivateKey = private
	for rest := got.Chain; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c.TLS.Certificate = append(c.TLS.Certificate, block.Bytes)
	}
	c.TLS.Leaf, err = x509.ParseCertificate(c.TLS.Certificate[0])
	w.must(err)
	return c
}

// MustProduction makes an account with one certified and enrolled production device, prod-1.
func (w *World) MustProduction(slug string) *Credential {
	w.t.Helper()
	account := w.MustAccount(slug)
	device := w.MustDevice(account, "prod-1", gate.Production)
	w.MustCertify(w.MustContract(account), device)
	return w.MustEnroll(device)
}

// Request is a call of the credential's device as its environment's site would see it.
func (c *Credential) Request(method, path string) *gate.Request {
	r := &gate.Request{
		Site: c.w.Config.Site(c.Device.Environment), TLS: true, Host: "api.example.com",
		Authorization: []string{"Bearer " + c.Key}, Method: method, Path: path, Peer: Peer,
	}
	if c.Certificate == nil {
		return r
	}
	r.Leaf = &gate.Leaf{Fingerprint: gate.FingerprintOf(c.TLS.Certificate[0]), NotBefore: c.TLS.Leaf.NotBefore, NotAfter: c.TLS.Leaf.NotAfter, CA: c.TLS.Leaf.IsCA}
	for _, usage := range c.TLS.Leaf.ExtKeyUsage {
		r.Leaf.ClientAuth = r.Leaf.ClientAuth || usage == x509.ExtKeyUsageClientAuth
	}
	chain, err := c.w.Anchors(gate.Customers).Verify(c.TLS.Leaf, nil, c.w.Now())
	if err == nil {
		r.Leaf.Anchor = gate.FingerprintOf(chain.Anchor.Raw)
	}
	return r
}

// Check asks for a decision and ends the call at once, as one that the upstream answered.
func (w *World) Check(r *gate.Request) gate.Decision {
	w.t.Helper()
	call, err := w.Config.Check(r)
	w.must(err)
	defer call.Done(authority.Outcome{Status: http.StatusOK})
	return call.Decision
}
