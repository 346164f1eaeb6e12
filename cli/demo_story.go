package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
)

// customer is one of the demo's two. acme is the one whose story is told; beta is there so that acme can be refused with a key that
// is good, but not its own.
type customer struct {
	slug, name string
	told       bool // its steps are printed

	certificate, privateKey, key string // file names in <data>/demo
}

var (
	acme = customer{slug: "acme", name: "Acme Health", told: true, certificate: "client.crt", privateKey: "client.key", key: "key.txt"}
	beta = customer{slug: "beta", name: "Beta Clinics", certificate: "other.crt", privateKey: "other.key", key: "other-key.txt"}
)

func (c *customer) device() string { return c.slug + "/main/prod-1" }

// chapter is the story of one customer. Each step looks first whether it was taken in an earlier run.
type chapter struct {
	*demo
	customer      *customer
	ben, cho, eve *api.Client

	contract      api.Contract
	certification *api.Certification
}

// story takes both customers as far as they are not yet.
func (d *demo) story(ctx context.Context) error {
	s := chapter{demo: d}
	for name, client := range map[string]**api.Client{"ben": &s.ben, "cho": &s.cho, "eve": &s.eve} {
		h, err := (&profile{Certificate: d.file("staff-" + name + ".crt"), Key: d.file("staff-" + name + ".key"), CA: d.file("ca.crt")}).client()
		if err != nil {
			return err
		}
		defer h.CloseIdleConnections()
		*client = &api.Client{Base: site(d.ports.admin), HTTP: h}
	}
	for _, c := range []*customer{&acme, &beta} {
		one := s
		one.customer = c
		if err := one.tell(ctx); err != nil {
			return fmt.Errorf("%s: %w\nto start over, choose another directory: --data DIR", c.slug, err)
		}
	}
	return nil
}

func (s *chapter) tell(ctx context.Context) error {
	for _, step := range []func(context.Context) error{s.account, s.agree, s.request, s.interview, s.approve, s.enroll} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// didf reports a step of the customer whose story is told.
func (s *chapter) didf(format string, args ...any) {
	if s.customer.told {
		s.say.didf(format, args...)
	}
}

// account makes the account and its device.
func (s *chapter) account(ctx context.Context) error {
	c := s.customer
	account, err := s.ben.Account(ctx, c.slug)
	if errors.Is(err, gate.NotFound) {
		account, err = s.ben.CreateAccount(ctx, api.NewAccount{Slug: c.slug, Name: c.name, Zone: "UTC", Contacts: []gate.Contact{
			{Role: gate.TechnicalContact, Name: "Ann Lee", Email: "ann@" + c.slug + ".example"},
			{Role: gate.SecurityContact, Name: "Security desk", Email: "security@" + c.slug + ".example"},
		}})
	}
	if err != nil {
		return err
	}
	device, err := s.ben.Device(ctx, c.device())
	if errors.Is(err, gate.NotFound) {
		device, err = s.ben.CreateDevice(ctx, api.NewDevice{Organization: c.slug + "/main", Slug: "prod-1", Name: "Production gateway 1",
			Environment: gate.Production, DefaultPurpose: gate.Treatment, Addresses: gate.Addresses{Any: true}})
	}
	if err != nil {
		return err
	}
	s.didf("ben, an operator, opened the account %s and its device %s", account.Name, device.Path)
	return nil
}

// demoGrant is what contract and certification are about.
func demoGrant() gate.Grant {
	return gate.Grant{Behaviors: []string{"fhir-query"}, Purposes: []gate.Purpose{gate.Treatment}}
}

// agree makes the contract, for a year from today.
func (s *chapter) agree(ctx context.Context) error {
	for c, err := range api.Each(ctx, api.Query{Account: s.customer.slug}, s.ben.Contracts) {
		if err != nil {
			return err
		}
		if c.State == gate.ContractInForce.String() {
			s.contract = c
		}
	}
	if s.contract.ID == "" {
		today := gate.Date(s.now.UTC().Format(time.DateOnly))
		made, err := s.ben.CreateContract(ctx, api.NewContract{Account: s.customer.slug, First: today, Last: today.AddDays(364), Zone: "UTC", Grant: demoGrant(),
			Agreements: []gate.Agreement{
				{Kind: gate.BusinessAssociate, Reference: "BAA-" + s.customer.slug, SignedOn: today},
				{Kind: gate.Participation, Reference: "TERMS-" + s.customer.slug, SignedOn: today},
			}})
		if err != nil {
			return err
		}
		s.contract = *made
	}
	s.didf("The contract runs from %s to %s and grants fhir-query for treatment", s.contract.First, s.contract.Last)
	return nil
}

// request opens the case, or finds the one that was opened for this contract.
func (s *chapter) request(ctx context.Context) (err error) {
	for c, err := range api.Each(ctx, api.Query{Account: s.customer.slug}, s.ben.Certifications) {
		if err != nil {
			return err
		}
		if c.Contract == s.contract.ID && c.Revoked == nil && c.Rejected == nil && c.Withdrawn == nil {
			s.certification = &c
		}
	}
	if s.certification != nil {
		return nil
	}
	s.certification, err = s.ben.CreateCertification(ctx, api.NewCertification{Contract: s.contract.ID, Devices: []string{s.customer.device()},
		Profile: gate.Profile{Grant: demoGrant(), Hosting: "their own data center", KeyStorage: "hardware module", DailyVolume: 20_000}})
	return err
}

// is reports whether the case is in the state.
func (s *chapter) is(state gate.CertificationState) bool {
	return s.certification.State == state.String()
}

// interview schedules and records the interview.
func (s *chapter) interview(ctx context.Context) (err error) {
	id := string(s.certification.ID)
	if s.is(gate.Requested) {
		if s.certification, err = s.ben.ScheduleInterview(ctx, id, api.NewInterview{At: s.open.Now(), Interviewer: "ben"}); err != nil {
			return err
		}
	}
	if s.is(gate.Scheduled) {
		planned := s.certification.Interviews[len(s.certification.Interviews)-1]
		if s.certification, err = s.ben.RecordInterview(ctx, id, string(planned.ID), demoInterview); err != nil {
			return err
		}
	}
	s.didf("ben interviewed the customer: demo shown, questions answered, everybody consented to the recording")
	return nil
}

var demoInterview = api.InterviewRecord{
	Attendees: []gate.Attendee{{Name: "Ann Lee", Consented: true}, {Name: "ben", Consented: true}},
	Recording: api.NewRecording{Reference: "recordings/interview-1.mp4"},
	DemoShown: true,
	Answers:   demoAnswers(),
}

// demoAnswers are what the demo's customer says to the questions.
func demoAnswers() (answers []gate.Answer) {
	said := map[string]string{
		"hosting":     "In our own data center; four engineers, by name.",
		"key-storage": "In a hardware module; neither is ever on a laptop.",
	}
	for _, q := range gate.Questions(gate.QuestionsVersion) {
		a := gate.Answer{Question: q.ID, Text: said[q.ID]}
		switch {
		case q.ID == "gateway-readiness":
			a.NotApplicable = "only queries are made"
		case a.Text == "":
			a.Text = "Shown in the interview; see the recording."
		}
		answers = append(answers, a)
	}
	return answers
}

// approve has the case decided by somebody who did not interview.
func (s *chapter) approve(ctx context.Context) (err error) {
	if s.is(gate.Interviewed) {
		if s.certification, err = s.cho.Approve(ctx, string(s.certification.ID), api.Approval{Why: "the demo and the answers convinced"}); err != nil {
			return err
		}
	}
	s.didf("cho, who was not in the interview, approved the certification")
	return nil
}

// enroll has the credential released by a third person, and takes it as the customer does: with a key pair of its own, from the link
// that goes to its technical contact. Where certgate sends mail the link is in it; here it is taken inside this process, as no API
// gives it to anybody.
func (s *chapter) enroll(ctx context.Context) error {
	c := s.customer
	e := enrollment{keyOut: s.file(c.privateKey), certOut: s.file(c.certificate), secretOut: s.file(c.key)}
	if s.is(gate.InForce) && exists(e.keyOut) && exists(e.certOut) && exists(e.secretOut) {
		s.didf("eve, who did not approve, released it; the customer took its certificate and key")
		return nil
	}
	for _, f := range []string{e.keyOut, e.certOut, e.secretOut} { // of an earlier run that was cut off
		if err := remove(f); err != nil {
			return err
		}
	}
	if c == &acme {
		e.kit = s.file(demoClientKit)
		if err := os.RemoveAll(e.kit); err != nil {
			return err
		}
	}
	released, err := s.eve.ReleaseCertification(ctx, string(s.certification.ID), c.device())
	if err != nil {
		return err
	}
	s.didf("eve, who did not approve, released it: a one-time link goes to the technical contact, and staff never see it")
	link, err := s.open.TakeLink(released.Notice)
	if err != nil {
		return err
	}
	base, token, err := parseLink(link)
	if err != nil {
		return err
	}
	h, err := (&profile{CA: s.file("ca.crt")}).client()
	if err != nil {
		return err
	}
	defer h.CloseIdleConnections()
	e.client, e.token = &api.Client{Base: base, HTTP: h}, token
	if err := e.run(ctx); err != nil {
		return err
	}
	s.didf("The customer made a key pair of its own and took certificate and key at %s/enroll", base)
	return nil
}
