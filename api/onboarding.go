package api

import (
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// NewCustomer is a whole customer as staff describe it, with everything that exists before the first interview. Its parts name each
// other by slug. Whatever is left out can be made later.
type NewCustomer struct {
	Account       NewAccount             `json:"account"`
	Organizations []CustomerOrganization `json:"organizations,omitempty"` // beside main, which every account has
	Devices       []CustomerDevice       `json:"devices,omitempty"`
	Contract      *CustomerContract      `json:"contract,omitempty"`
	Certification *CustomerCase          `json:"certification,omitempty"` // asked for
}

// CustomerOrganization is a subdivision of a customer.
type CustomerOrganization struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
}

// CustomerDevice is a calling system of a customer.
type CustomerDevice struct {
	Organization   string           `json:"organization,omitempty"` // by slug; default main
	Slug           string           `json:"slug"`
	Name           string           `json:"name"`
	Environment    gate.Environment `json:"environment"`
	Grant          *gate.Grant      `json:"grant,omitempty"`
	DefaultPurpose gate.Purpose     `json:"default_purpose,omitempty"`
	Addresses      gate.Addresses   `json:"addresses"`
}

// CustomerContract is a customer's first term.
type CustomerContract struct {
	First      gate.Date        `json:"first"`
	Last       gate.Date        `json:"last"`           // inclusive
	Zone       string           `json:"zone,omitempty"` // default the account's
	Grant      gate.Grant       `json:"grant"`
	Plan       gate.Limits      `json:"plan,omitempty"`      // how much may be used; left out: no limit
	PlanName   string           `json:"plan_name,omitempty"` // a slug, for rules that are set by plan
	Agreements []gate.Agreement `json:"agreements,omitempty"`
}

// CustomerCase is a certification that a customer asks for.
type CustomerCase struct {
	Devices []string     `json:"devices"` // DEVICE or ORGANIZATION/DEVICE, of this customer
	Profile gate.Profile `json:"profile"`
}

// OldCustomer is a customer from before certgate.
type OldCustomer struct {
	Account       NewAccount             `json:"account"`
	Organizations []CustomerOrganization `json:"organizations,omitempty"`
	Devices       []OldDevice            `json:"devices,omitempty"`
	Contract      *CustomerContract      `json:"contract,omitempty"`
	Certification *CustomerCase          `json:"certification,omitempty"` // asked for, not yet given
	Certified     *OldCase               `json:"certified,omitempty"`     // given before certgate
}

// OldCase is a certification from before certgate. Who imports it counts as its approver; somebody else must release it.
type OldCase struct {
	ApprovedOn gate.Date    `json:"approved_on"`
	ApprovedBy string       `json:"approved_by"` // in words
	Devices    []string     `json:"devices"`
	Profile    gate.Profile `json:"profile"`
}

// Onboarded is a customer with all its parts.
type Onboarded struct {
	Account        *Account         `json:"account"`
	Organizations  []*Organization  `json:"organizations"`
	Devices        []*Device        `json:"devices"`
	Contracts      []*Contract      `json:"contracts"`
	Certifications []*Certification `json:"certifications"`
}

func onboard(x *exchange, by authority.By, in *NewCustomer) (string, error) {
	made, err := x.a.Onboard(by, in.customer())
	return idOf(made, err)
}

func (x *exchange) showOnboarded(ref string) (*shown, error) {
	r, err := x.dir.Account(ref)
	if err != nil {
		return nil, err
	}
	return &shown{path: "/v1/accounts/" + string(r.ID), view: &Onboarded{
		Account:        x.accountView(r),
		Organizations:  viewed(x, x.dir.Organizations(r.ID), (*exchange).organizationView),
		Devices:        viewed(x, x.dir.Devices(r.ID), (*exchange).deviceView),
		Contracts:      viewed(x, x.dir.Contracts(r.ID), (*exchange).contractView),
		Certifications: viewed(x, x.dir.Certifications(r.ID), (*exchange).certificationView),
	}}, nil
}

func viewed[R, V any](x *exchange, records []R, view func(x *exchange, r R) V) []V {
	out := make([]V, len(records))
	for i, r := range records {
		out[i] = view(x, r)
	}
	return out
}

func (in *NewCustomer) customer() authority.Customer {
	out := authority.Customer{Account: gate.Account{Slug: in.Account.Slug, Name: in.Account.Name, Zone: in.Account.Zone,
		Contacts: in.Account.Contacts, Owner: gate.StaffID(in.Account.Owner), Notes: in.Account.Notes}}
	for _, o := range in.Organizations {
		out.Organizations = append(out.Organizations, gate.Organization{Slug: o.Slug, Name: o.Name})
	}
	for i := range in.Devices {
		d := &in.Devices[i]
		out.Devices = append(out.Devices, authority.CustomerDevice{Organization: d.Organization, Device: gate.Device{Slug: d.Slug, Name: d.Name,
			Environment: d.Environment, Grant: d.Grant, DefaultPurpose: d.DefaultPurpose, Addresses: d.Addresses}})
	}
	if c := in.Contract; c != nil {
		out.Contract = &gate.Contract{First: c.First, Last: c.Last, Zone: c.Zone, Grant: c.Grant, Plan: c.Plan, PlanName: c.PlanName, Agreements: c.Agreements}
	}
	if c := in.Certification; c != nil {
		out.Case = &authority.CustomerCase{Devices: c.Devices, Profile: c.Profile}
	}
	return out
}

func onboardingRoutes() []route {
	return []route{
		post("/v1/onboarding", write(writing{creates: true, show: (*exchange).showOnboarded}, onboard)),
	}
}
