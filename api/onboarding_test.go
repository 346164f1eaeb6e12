package api_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// newcomer is a customer with everything that there can be before the first interview.
func newcomer(slug string) api.NewCustomer {
	return api.NewCustomer{
		Account:       newAccount(slug),
		Organizations: []api.CustomerOrganization{{Slug: "lab", Name: "Laboratory"}},
		Devices: []api.CustomerDevice{
			{Slug: "prod-1", Name: "Engine", Environment: gate.Production, DefaultPurpose: gate.Treatment, Addresses: gate.Addresses{Any: true}},
			{Organization: "lab", Slug: "prod-1", Name: "Engine", Environment: gate.Production, DefaultPurpose: gate.Treatment, Addresses: gate.Addresses{Any: true}},
			{Slug: "box", Name: "Sandbox", Environment: gate.Sandbox, Addresses: gate.Addresses{Any: true}},
		},
		Contract: &api.CustomerContract{First: "2027-01-01", Last: "2027-12-31", Grant: gatetest.Everything(), Agreements: []gate.Agreement{
			{Kind: gate.BusinessAssociate, Reference: "DMS-1", SignedOn: "2026-12-01"}, {Kind: gate.Participation, Reference: "DMS-2", SignedOn: "2026-12-01"}}},
		Certification: &api.CustomerCase{Devices: []string{"prod-1", "lab/prod-1"}, Profile: gate.Profile{Grant: gatetest.Everything(), Hosting: "own", KeyStorage: "HSM"}},
	}
}

// old is a customer that was certified before certgate.
func old(slug string) api.OldCustomer {
	in := newcomer(slug)
	in.Account.Contacts = []gate.Contact{{Role: gate.TechnicalContact, Name: "Tim", Email: "tim@" + slug + ".example"}}
	return api.OldCustomer{Account: in.Account, Devices: []api.OldDevice{oldDevice(in.Devices[0])}, Contract: in.Contract, Certified: &api.OldCase{
		ApprovedOn: "2026-03-01", ApprovedBy: "Dana Ng, by mail", Devices: in.Certification.Devices[:1], Profile: in.Certification.Profile}}
}

// oldDevice is a device as it is imported, without credentials.
func oldDevice(d api.CustomerDevice) api.OldDevice {
	return api.OldDevice{Slug: d.Slug, Name: d.Name, Environment: d.Environment, DefaultPurpose: d.DefaultPurpose, Addresses: d.Addresses}
}

func TestACustomerIsOnboardedInOneCommit(t *testing.T) {
	s := open(t)
	events := s.Store().EventCount()
	made := check[*api.Onboarded](t)(s.as("ben").Onboard(ctx, newcomer("acme")))
	golden(t, "onboarded", made)
	list := check[[]*gate.Event](t)(eventsFrom(s, events))
	if len(list) != 1 || list[0].Verb != gate.AccountOnboarded || len(list[0].Changes) != 8 || list[0].Object != string(made.Account.ID) {
		t.Errorf("events %+v", list)
	}
	_, err := s.as("ben").Onboard(ctx, newcomer("acme"))
	wantKind(t, err, gate.Exists)
	_, err = s.as("cho").Onboard(ctx, newcomer("beta"))
	wantKind(t, err, gate.Forbidden)
}

func eventsFrom(s *sites, seq int64) (list []*gate.Event, err error) {
	found, err := s.Store().Events(seq, 100)
	for i := range found {
		list = append(list, &found[i])
	}
	return list, err
}

func TestEveryMistakeOfAnOnboardingIsNamedAndNothingIsMade(t *testing.T) {
	s := open(t)
	events := s.Store().EventCount()
	in := newcomer("acme")
	in.Account.Zone, in.Account.Owner = "Mars", "nobody"
	in.Devices[2].Organization = "none"
	in.Devices[1].Addresses.These = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	in.Certification.Devices = []string{"prod-1", "prod-1", "none/x", "none/box"}
	_, err := s.as("ben").Onboard(ctx, in)
	several, _ := errors.AsType[gate.Faults](err)
	fields := make([]string, len(several))
	for i, e := range several {
		fields[i] = e.Field
	}
	want := "account.zone account.owner devices[1].addresses devices[2].organization certification.devices[1] certification.devices[2] certification.devices[3]"
	if got := strings.Join(fields, " "); got != want {
		t.Errorf("got  %s\nwant %s\n%v", got, want, err)
	}
	if now := s.Store().EventCount(); now != events {
		t.Errorf("%d events came about", now-events)
	}
}

func TestOfFiveHundredCustomersOneIsWrongThenAllComeIn(t *testing.T) {
	s := open(t)
	cho := s.as("cho")
	in := api.NewImport{Source: "the spreadsheet of 2027-02"}
	for i := range 500 {
		in.Customers = append(in.Customers, old(fmt.Sprintf("clinic-%d", i+1)))
	}
	in.Customers[316].Account.Zone = "America/New_Yorck"
	events := s.Store().EventCount()
	_, err := cho.Import(ctx, in)
	if e, ok := errors.AsType[*gate.Error](err); !ok || e.Kind != gate.Invalid || e.Field != "customers[316].account.zone" {
		t.Errorf("error %v", err)
	}
	in.Customers[316].Account.Zone = "America/New_York"
	in.DryRun = true
	dry := check[*api.Imported](t)(cho.Import(ctx, in))
	if now := s.Store().EventCount(); now != events || len(s.Directory().Accounts()) != 0 || !dry.DryRun || len(dry.Accounts) != 500 {
		t.Errorf("%d events, %d accounts, %+v", now-events, len(s.Directory().Accounts()), dry)
	}
	in.DryRun = false
	made := check[*api.Imported](t)(cho.Import(ctx, in, api.Idempotent("once")))
	again := check[*api.Imported](t)(cho.Import(ctx, in, api.Idempotent("once")))
	if now := s.Store().EventCount(); now != events+1 || len(made.Accounts) != 500 || again.ID != made.ID || len(again.Accounts) != 500 {
		t.Errorf("%d events, %d and %d accounts", now-events, len(made.Accounts), len(again.Accounts))
	}
	in.Customers = in.Customers[:1]
	_, err = cho.Import(ctx, in)
	wantKind(t, err, gate.Exists)
}

func TestWhatIsImportedStillHasToBeReleasedAndEnrolled(t *testing.T) {
	s := open(t)
	made := check[*api.Imported](t)(s.as("cho").Import(ctx, api.NewImport{Source: "the spreadsheet", Customers: []api.OldCustomer{old("acme")}}))
	found := check[*api.Page[api.Certification]](t)(s.as("ben").Certifications(ctx, api.Query{Account: "acme"}))
	c := &found.Items[0]
	golden(t, "certification-imported", c)
	if c.State != "approved" || c.Imported.Import.ID != made.ID || len(s.Directory().Enrollments("")) != 0 {
		t.Errorf("%+v", c)
	}
	_, err := s.as("ben").Import(ctx, api.NewImport{Source: "x", Customers: []api.OldCustomer{old("beta")}})
	wantKind(t, err, gate.Forbidden)
	device := check[*gate.Device](t)(s.Directory().Device("acme/main/prod-1"))
	if got := s.Check(s.MustEnroll(device).Request("GET", "/fhir/Patient/1")); got.Reason != gate.Allowed {
		t.Errorf("after release and enrollment: %s", got.Reason)
	}
}

func TestAnImportThatNoCommitTakesIsRefusedWithWhatWouldFit(t *testing.T) {
	s := open(t)
	in := api.NewImport{Source: "x", DryRun: true}
	for i := range 1000 {
		c := old(fmt.Sprintf("clinic-%d", i))
		c.Account.Notes = strings.Repeat("n", 2000)
		in.Customers = append(in.Customers, c)
	}
	_, err := s.as("cho").Import(ctx, in)
	if err == nil || !strings.Contains(err.Error(), "split them over several files of about") {
		t.Errorf("error %v", err)
	}
	in.Customers = append(in.Customers, old("more"))
	_, err = s.as("cho").Import(ctx, in)
	wantKind(t, err, gate.Invalid)
}

// A contract whose days are wrong has not ended: only that they are wrong is told.
func TestAWrongDayInAnImportIsOneMistake(t *testing.T) {
	s := open(t)
	c := old("acme")
	c.Contract.Last = "2027-02-29"
	_, err := s.as("cho").Import(ctx, api.NewImport{Source: "x", Customers: []api.OldCustomer{c}})
	if e, ok := errors.AsType[*gate.Error](err); !ok || e.Field != "customers[0].contract.last" {
		t.Errorf("error %v", err)
	}
}
