package authority

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// draft is what a description of customers comes to, before anything is written: the records, and all that is wrong.
type draft struct {
	a        *Authority
	by       By
	imported *gate.Import // nil: they are new
	path     string       // of the customer in the input; empty: it is all of it
	accounts []drafted
	records  []gate.Record
	foreign  foreign
	faults   gate.Faults
	failed   error // something that is no fault of the input
}

// drafted is an account and where it stands in the input.
type drafted struct {
	slug, path string
}

func (a *Authority) draft(by By, imported *gate.Import) *draft {
	return &draft{a: a, by: by, imported: imported, foreign: foreign{tokens: make(map[gate.Fingerprint]string), leaves: make(map[gate.Fingerprint]string)}}
}

// note keeps what is wrong with a field of the customer.
func (d *draft) note(field string, err error) bool {
	if err == nil {
		return true
	}
	d.failed = errors.Join(d.failed, d.faults.Add(gate.InField(d.at(field), err)))
	return false
}

func (d *draft) keep(r gate.Record) { d.records = append(d.records, r) }

// customer drafts one customer.
func (d *draft) customer(in Customer) *gate.Account {
	account := in.Account
	account.ID, account.CreatedAt, account.Imported = gate.AccountID(d.a.newID(gate.AccountPrefix)), d.a.moment(), d.imported
	d.note("account", account.Check(time.LoadLocation))
	if account.Owner != "" {
		if owner, err := d.a.dir.Staff(string(account.Owner)); err != nil {
			d.note("account.owner", gate.Errorf(gate.Invalid, "there is no staff member %q", gate.Clip(string(account.Owner), 60)))
		} else {
			account.Owner = owner.ID
		}
	}
	d.accounts = append(d.accounts, drafted{account.Slug, d.at("account.slug")})
	d.keep(&account)
	devices := d.devices(&account, in.Devices, d.organizations(&account, in.Organizations))
	contract := d.contract(&account, in.Contract)
	if in.Case != nil {
		d.request("certification", contract, devices, *in.Case)
	}
	if in.Certified != nil {
		d.certified(contract, devices, *in.Certified)
	}
	return &account
}

// organizations drafts them and returns them by slug.
func (d *draft) organizations(account *gate.Account, list []gate.Organization) map[string]gate.OrganizationID {
	ids := make(map[string]gate.OrganizationID)
	add := func(field string, o gate.Organization) {
		if !d.note(field, o.Check()) {
			return
		}
		if ids[o.Slug] != "" {
			d.note(field+".slug", gate.Errorf(gate.Invalid, "organization %s is given twice", o.Slug))
			return
		}
		o.ID, o.Account, o.CreatedAt = gate.OrganizationID(d.a.newID(gate.OrganizationPrefix)), account.ID, account.CreatedAt
		ids[o.Slug] = o.ID
		d.keep(&o)
	}
	for i, o := range list {
		add(fmt.Sprintf("organizations[%d]", i), o)
	}
	if ids[DefaultOrganization] == "" && account.Name != "" {
		add("organizations", gate.Organization{Slug: DefaultOrganization, Name: account.Name})
	}
	return ids
}

// devices drafts them and returns them by ORGANIZATION/DEVICE.
func (d *draft) devices(account *gate.Account, list []CustomerDevice, organizations map[string]gate.OrganizationID) map[string]*gate.Device {
	devices := make(map[string]*gate.Device)
	for i := range list {
		field, device := fmt.Sprintf("devices[%d]", i), list[i].Device
		slug := list[i].Organization
		if slug == "" {
			slug = DefaultOrganization
		}
		organization := organizations[slug]
		if organization == "" && slug != DefaultOrganization {
			d.note(field+".organization", gate.Errorf(gate.Invalid, "%q is not among the organizations", gate.Clip(slug, 60)))
		}
		if !d.note(field, device.Check(d.a.known)) {
			continue
		}
		if devices[slug+"/"+device.Slug] != nil {
			d.note(field+".slug", gate.Errorf(gate.Invalid, "device %s is given twice", device.Slug))
			continue
		}
		device.ID, device.Account, device.Organization = gate.DeviceID(d.a.newID(gate.DevicePrefix)), account.ID, organization
		device.CreatedAt = account.CreatedAt
		devices[slug+"/"+device.Slug] = &device
		d.keep(&device)
		if d.imported != nil {
			d.credentials(field, &device, list[i].Old)
		}
	}
	return devices
}

// contract drafts the contract, nil if there is none or it is wrong.
func (d *draft) contract(account *gate.Account, in *gate.Contract) *gate.Contract {
	if in == nil {
		return nil
	}
	c := *in
	c.ID, c.Account, c.CreatedAt = gate.ContractID(d.a.newID(gate.ContractPrefix)), account.ID, account.CreatedAt
	if c.Zone == "" {
		c.Zone = account.Zone
		if _, err := time.LoadLocation(c.Zone); err != nil || c.Zone == "" {
			c.Zone = "UTC" // that the account's is wrong has been noted
		}
	}
	err := c.Check(time.LoadLocation, d.a.costOf)
	if err == nil {
		err = c.Resolve(time.LoadLocation)
	}
	d.note("contract", err)
	d.keep(&c)
	return &c
}

// request drafts the case of a customer; nil if something is wrong with it.
func (d *draft) request(field string, contract *gate.Contract, devices map[string]*gate.Device, in CustomerCase) *gate.Certification {
	if contract == nil {
		d.note(field, gate.Errorf(gate.Invalid, "a certification ends with its contract; add one"))
		return nil
	}
	c := &gate.Certification{ID: gate.CertificationID(d.a.newID(gate.CertificationPrefix)), Account: contract.Account, Contract: contract.ID, Questions: gate.QuestionsVersion,
		Devices: []gate.DeviceID{}, Profile: in.Profile, Requested: gate.Act{By: d.by.Staff, At: contract.CreatedAt}}
	d.note(field, d.a.checkProfile(&in.Profile))
	for i, ref := range in.Devices {
		at := fmt.Sprintf("%s.devices[%d]", field, i)
		full := ref
		if !strings.Contains(ref, "/") {
			full = DefaultOrganization + "/" + ref
		}
		device := devices[full]
		switch {
		case device == nil:
			d.note(at, gate.Errorf(gate.Invalid, "%q is not among the devices", gate.Clip(ref, 100)))
		case device.Environment != gate.Production:
			d.note(at, gate.Errorf(gate.Invalid, "%s is not a production device", ref))
		case c.Covers(device.ID):
			d.note(at, gate.Errorf(gate.Invalid, "%s is listed twice", ref))
		default:
			c.Devices = append(c.Devices, device.ID)
		}
	}
	d.keep(c)
	return c
}

// certified drafts a certification from before. Mistakes that were noted already are not noted in other words.
func (d *draft) certified(contract *gate.Contract, devices map[string]*gate.Device, in PastCase) {
	before := len(d.faults)
	c := d.request("certified", contract, devices, in.CustomerCase)
	if c == nil || len(d.faults) > before {
		return
	}
	if _, ends := contract.Term(); ends.IsZero() {
		return // its days were noted: what has none has not ended
	}
	taken, err := c.TakeOver(gate.PastApproval{On: in.ApprovedOn, By: in.ApprovedBy, Import: *d.imported}, contract, d.a.Requirements())
	if d.note("certified", err) {
		*c = taken
	}
}

// put stages the records, unless something is wrong. Names are looked at here, where nothing can come between.
func (d *draft) put(tx *certstore.Tx) error {
	faults := append(gate.Faults{}, d.faults...)
	seen := make(map[string]bool)
	for _, account := range d.accounts {
		if account.slug == "" {
			continue
		}
		if _, err := d.a.dir.Account(account.slug); err == nil || seen[account.slug] {
			faults = append(faults, &gate.Error{Kind: gate.Exists, Field: account.path, Text: "account " + gate.Clip(account.slug, 60) + " exists already, or is given twice"})
		}
		seen[account.slug] = true
	}
	faults = append(faults, d.pinsAreFree()...)
	if err := errors.Join(d.failed, faults.Err()); err != nil {
		return err
	}
	for _, r := range d.records {
		certstore.Put(tx, r)
	}
	return nil
}

// fits refuses what is too much for one commit.
func (d *draft) fits() error {
	// Beside its text a record takes its key and authentication, and its line in the event: 30 bytes of identifier each, and a hash.
	const beside = 260
	size := 0
	for _, r := range d.records {
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		size += len(text) + beside
	}
	if n := len(d.accounts); size > maxTakeover || len(d.records) > maxTakenOver {
		return gate.FieldErrorf("customers", "the %d come to %d records of %d kB; one commit takes %d of %d kB, because all are imported or none: split them over several files of about %d",
			n, len(d.records), size/1000, maxTakenOver, maxTakeover/1000, min(n*maxTakeover/max(size, 1), n*maxTakenOver/max(len(d.records), 1))*9/10)
	}
	return nil
}
