package api

import (
	"net/url"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Account is a customer, with its state now: normal, suspended or terminated.
type Account struct {
	gate.Account
	State string `json:"state"`
}

// NewAccount is what staff say of a new account.
type NewAccount struct {
	Slug     string         `json:"slug"`
	Name     string         `json:"name"`
	Zone     string         `json:"zone"`
	Contacts []gate.Contact `json:"contacts"`
	Owner    string         `json:"owner,omitempty"` // staff member by id or name
	Notes    string         `json:"notes,omitempty"`
}

// Organization is a subdivision of an account, with its slug path and its state now, which is no better than its account's.
type Organization struct {
	gate.Organization
	Path  string `json:"path"`
	State string `json:"state"`
}

// NewOrganization is what staff say of a new organization.
type NewOrganization struct {
	Account string `json:"account"` // by id or slug
	Slug    string `json:"slug"`
	Name    string `json:"name"`
}

// Device is a calling system, with its slug path and its state now, which is no better than its organization's.
type Device struct {
	gate.Device
	Path  string `json:"path"`
	State string `json:"state"`
}

// NewDevice is what staff say of a new device.
type NewDevice struct {
	Organization   string           `json:"organization"` // by id or slug path
	Slug           string           `json:"slug"`
	Name           string           `json:"name"`
	Environment    gate.Environment `json:"environment"`
	Grant          *gate.Grant      `json:"grant,omitempty"`           // outside production; without one everything is granted
	DefaultPurpose gate.Purpose     `json:"default_purpose,omitempty"` // assumed when a request names none
	Addresses      gate.Addresses   `json:"addresses"`                 // from where it may call; empty: from nowhere
}

var accounts = listing[*gate.Account, *Account]{
	all:  func(x *exchange, _ url.Values) ([]*gate.Account, error) { return x.dir.Accounts(), nil },
	id:   func(r *gate.Account) string { return string(r.ID) },
	view: (*exchange).accountView,
}

var organizations = listing[*gate.Organization, *Organization]{
	filters: []string{"account"},
	all: func(x *exchange, q url.Values) ([]*gate.Organization, error) {
		account, err := x.accountFilter(q)
		return x.dir.Organizations(account), err
	},
	id:   func(r *gate.Organization) string { return string(r.ID) },
	view: (*exchange).organizationView,
}

var devices = listing[*gate.Device, *Device]{
	filters: []string{"account"},
	all: func(x *exchange, q url.Values) ([]*gate.Device, error) {
		account, err := x.accountFilter(q)
		return x.dir.Devices(account), err
	},
	id:   func(r *gate.Device) string { return string(r.ID) },
	view: (*exchange).deviceView,
}

func (x *exchange) accountView(r *gate.Account) *Account {
	return &Account{Account: *r, State: x.a.AccountStatus(r.ID, x.now).String()}
}

func (x *exchange) organizationView(r *gate.Organization) *Organization {
	return &Organization{Organization: *r, Path: organizationPath(x.dir, r), State: x.status(r.Account, r.ID, "").String()}
}

func (x *exchange) deviceView(r *gate.Device) *Device {
	return &Device{Device: *r, Path: devicePath(x.dir, r), State: x.status(r.Account, r.Organization, r.ID).String()}
}

// status is what the remediations of an account and, as far as named, an organization and device come to.
func (x *exchange) status(account gate.AccountID, organization gate.OrganizationID, device gate.DeviceID) gate.Status {
	var on []*gate.Remediation
	for _, r := range x.dir.Remediations(account) {
		switch r.Subject {
		case gate.Subject{Kind: gate.AccountSubject, ID: string(account)},
			gate.Subject{Kind: gate.OrganizationSubject, ID: string(organization)},
			gate.Subject{Kind: gate.DeviceSubject, ID: string(device)}:
			on = append(on, r)
		}
	}
	return gate.StatusOf(on, x.now)
}

// organizationPath is the slug path of an organization.
func organizationPath(dir *certstore.Directory, r *gate.Organization) string {
	account, err := dir.Account(string(r.Account))
	if err != nil {
		return r.Slug
	}
	return account.Slug + "/" + r.Slug
}

// devicePath is the slug path of a device.
func devicePath(dir *certstore.Directory, r *gate.Device) string {
	organization, err := dir.Organization(string(r.Organization))
	if err != nil {
		return r.Slug
	}
	return organizationPath(dir, organization) + "/" + r.Slug
}

func (x *exchange) showAccount(ref string) (*shown, error) {
	r, err := x.dir.Account(ref)
	if err != nil {
		return nil, err
	}
	return &shown{view: x.accountView(r), etag: certstore.ETag(r), path: "/v1/accounts/" + string(r.ID)}, nil
}

func (x *exchange) showOrganization(ref string) (*shown, error) {
	r, err := x.dir.Organization(ref)
	if err != nil {
		return nil, err
	}
	return &shown{view: x.organizationView(r), etag: certstore.ETag(r), path: "/v1/organizations/" + string(r.ID)}, nil
}

func (x *exchange) showDevice(ref string) (*shown, error) {
	r, err := x.dir.Device(ref)
	if err != nil {
		return nil, err
	}
	return &shown{view: x.deviceView(r), etag: certstore.ETag(r), path: "/v1/devices/" + string(r.ID)}, nil
}

func createAccount(x *exchange, by authority.By, in *NewAccount) (string, error) {
	account := gate.Account{Slug: in.Slug, Name: in.Name, Zone: in.Zone, Contacts: in.Contacts, Notes: in.Notes}
	if in.Owner != "" {
		owner, err := x.dir.Staff(in.Owner)
		if err != nil {
			return "", reference("owner", err)
		}
		account.Owner = owner.ID
	}
	made, err := x.a.CreateAccount(by, account)
	return idOf(made, err)
}

func createOrganization(x *exchange, by authority.By, in *NewOrganization) (string, error) {
	account, err := x.dir.Account(in.Account)
	if err != nil {
		return "", reference("account", err)
	}
	made, err := x.a.CreateOrganization(by, gate.Organization{Account: account.ID, Slug: in.Slug, Name: in.Name})
	return idOf(made, err)
}

func createDevice(x *exchange, by authority.By, in *NewDevice) (string, error) {
	organization, err := x.dir.Organization(in.Organization)
	if err != nil {
		return "", reference("organization", err)
	}
	made, err := x.a.CreateDevice(by, gate.Device{Organization: organization.ID, Slug: in.Slug, Name: in.Name, Environment: in.Environment,
		Grant: in.Grant, DefaultPurpose: in.DefaultPurpose, Addresses: in.Addresses})
	return idOf(made, err)
}

// idOf is the identifier of the record that a change made, unless it failed.
func idOf(r gate.Record, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return r.RecordID(), nil
}
