package authority

import (
	"errors"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// DefaultOrganization is the slug of the organization that every account begins with, equal to the account.
const DefaultOrganization = "main"

// CreateAccount makes an account and its first organization.
func (a *Authority) CreateAccount(by By, in gate.Account) (*gate.Account, error) {
	if err := errors.Join(by.May(gate.ManageAccounts), in.Check(time.LoadLocation)); err != nil {
		return nil, err
	}
	in.ID, in.CreatedAt = gate.AccountID(a.newID(gate.AccountPrefix)), a.moment()
	org := &gate.Organization{ID: gate.OrganizationID(a.newID(gate.OrganizationPrefix)), Account: in.ID,
		Slug: DefaultOrganization, Name: in.Name, CreatedAt: in.CreatedAt}
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		for other, err := range certstore.All[gate.Account](tx) {
			if err != nil {
				return gate.Event{}, err
			}
			if other.Slug == in.Slug {
				return gate.Event{}, &gate.Error{Kind: gate.Exists, Field: "slug", Text: "account " + in.Slug + " exists already"}
			}
		}
		if in.Owner != "" {
			if _, err := certstore.Get[gate.Staff](tx, string(in.Owner)); err != nil {
				return gate.Event{}, gate.InField("owner", err)
			}
		}
		certstore.Put(tx, &in)
		certstore.Put(tx, org)
		return gate.Event{Verb: gate.AccountCreated, Account: in.ID, Object: string(in.ID), Detail: in.Slug}, nil
	})
	return &in, err
}

// CreateOrganization adds a subdivision to an account.
func (a *Authority) CreateOrganization(by By, in gate.Organization) (*gate.Organization, error) {
	if err := errors.Join(by.May(gate.ManageAccounts), in.Check()); err != nil {
		return nil, err
	}
	in.ID, in.CreatedAt = gate.OrganizationID(a.newID(gate.OrganizationPrefix)), a.moment()
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		if _, err := certstore.Get[gate.Account](tx, string(in.Account)); err != nil {
			return gate.Event{}, gate.InField("account", err)
		}
		if err := a.goesOn(in.Account); err != nil {
			return gate.Event{}, err
		}
		for _, other := range a.dir.Organizations(in.Account) {
			if other.Slug == in.Slug {
				return gate.Event{}, &gate.Error{Kind: gate.Exists, Field: "slug", Text: "organization " + in.Slug + " exists already"}
			}
		}
		certstore.Put(tx, &in)
		return gate.Event{Verb: gate.OrganizationCreated, Account: in.Account, Object: string(in.ID), Detail: in.Slug}, nil
	})
	return &in, err
}

// CreateDevice adds a calling system to an organization.
func (a *Authority) CreateDevice(by By, in gate.Device) (*gate.Device, error) {
	if err := errors.Join(by.May(gate.ManageAccounts), in.Check(a.known)); err != nil {
		return nil, err
	}
	in.ID, in.CreatedAt = gate.DeviceID(a.newID(gate.DevicePrefix)), a.moment()
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		org, err := certstore.Get[gate.Organization](tx, string(in.Organization))
		if err != nil {
			return gate.Event{}, gate.InField("organization", err)
		}
		in.Account = org.Account
		if err := a.goesOn(in.Account); err != nil {
			return gate.Event{}, err
		}
		for _, other := range a.dir.Devices(org.Account) {
			if other.Organization == org.ID && other.Slug == in.Slug {
				return gate.Event{}, &gate.Error{Kind: gate.Exists, Field: "slug", Text: "device " + in.Slug + " exists already"}
			}
		}
		certstore.Put(tx, &in)
		return gate.Event{Verb: gate.DeviceCreated, Account: in.Account, Object: string(in.ID), Detail: in.Slug + " in " + in.Environment.String()}, nil
	})
	return &in, err
}

// CreateContract adds a term to an account. Terms of one account do not overlap.
func (a *Authority) CreateContract(by By, in gate.Contract) (*gate.Contract, error) {
	if err := errors.Join(by.May(gate.ManageAccounts), in.Check(time.LoadLocation, a.costOf)); err != nil {
		return nil, err
	}
	in.ID, in.CreatedAt = gate.ContractID(a.newID(gate.ContractPrefix)), a.moment()
	if err := in.Resolve(time.LoadLocation); err != nil {
		return nil, err
	}
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		if _, err := certstore.Get[gate.Account](tx, string(in.Account)); err != nil {
			return gate.Event{}, gate.InField("account", err)
		}
		if err := errors.Join(a.goesOn(in.Account), a.isFree(&in)); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &in)
		return gate.Event{Verb: gate.ContractCreated, Account: in.Account, Object: string(in.ID), Detail: string(in.First) + " to " + string(in.Last)}, nil
	})
	return &in, err
}

// EndContract ends a contract before its last day and tells the customer.
func (a *Authority) EndContract(by By, id gate.ContractID, why string) (*gate.Contract, error) {
	if err := by.May(gate.TerminateAccount); err != nil {
		return nil, err
	}
	var out gate.Contract
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		c, err := loadContract(tx, by, id)
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = c.End(by.Staff, why, a.moment()); err != nil {
			return gate.Event{}, err
		}
		if err := a.endRenewals(tx, &out); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		data := notify.Data{Noun: "contract", Name: string(out.ID), Verb: "ended", LastDay: out.Last, From: a.moment(), Why: why}
		if _, err := a.notify(tx, out.Account, gate.ContractNotice, data); err != nil {
			return gate.Event{}, err
		}
		return gate.Event{Verb: gate.ContractEndedEarly, Account: out.Account, Object: string(out.ID), Why: why}, nil
	})
	return &out, err
}
