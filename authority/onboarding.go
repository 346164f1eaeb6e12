package authority

import (
	"errors"
	"fmt"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Customer is a whole customer as staff describe it, with everything that exists before the first interview. Its parts name each other
// by slug, because nothing of it has an identifier yet.
type Customer struct {
	Account       gate.Account        // Owner may be a name
	Organizations []gate.Organization // beside the first one, which is called DefaultOrganization unless it is among them
	Devices       []CustomerDevice
	Contract      *gate.Contract // nil: none yet; without a zone its days are counted in the account's
	Case          *CustomerCase  // nil: no certification is asked for yet
	Certified     *PastCase      // nil: it was not certified before; for Import only
}

// CustomerDevice is a device and the slug of its organization; empty: DefaultOrganization.
type CustomerDevice struct {
	Organization string
	gate.Device
	Old OldCredentials // for Import only
}

// CustomerCase is a certification: production devices as DEVICE or ORGANIZATION/DEVICE, and the profile.
type CustomerCase struct {
	Devices []string
	Profile gate.Profile
}

// PastCase is a certification from before certgate.
type PastCase struct {
	CustomerCase
	ApprovedOn gate.Date
	ApprovedBy string // in words
}

// Takeover is a list of customers from before certgate.
type Takeover struct {
	Source    string // where the list was read from, in words
	Customers []Customer
	CAs       []string // PEM: customers' own CAs, which issued certificates of several devices
	Rehearse  bool     // find out what is wrong and change nothing
}

// The limits of a takeover, which is one commit.
const (
	MaxCustomers = 1000
	// maxTakeover is what the records may take, in bytes: certstore takes 2.4 MB in one commit, and the rest is for the log's hashes.
	maxTakeover = 2_200_000
	// maxTakenOver is how many records one event can name within the size of a record.
	maxTakenOver = 6000
)

var errRehearsed = errors.New("rehearsed")

// Onboard makes a whole customer in one commit, or nothing. Its error is gate.Faults where several things are wrong.
func (a *Authority) Onboard(by By, in Customer) (*gate.Account, error) {
	err := by.May(gate.ManageAccounts)
	if in.Case != nil {
		err = errors.Join(err, by.May(gate.HoldInterview))
	}
	if err != nil {
		return nil, err
	}
	d := a.draft(by, nil)
	in.Certified = nil
	account := d.customer(in)
	_, err = a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		if err := d.put(tx); err != nil {
			return gate.Event{}, err
		}
		return gate.Event{Verb: gate.AccountOnboarded, Account: account.ID, Object: string(account.ID), Detail: account.Slug}, nil
	})
	return account, err
}

// Import takes over customers from before certgate in one commit, or none of them, and names the import. Who imports counts as the
// approver of what was certified before, so it takes an approver, and somebody else must release it. Nobody is told yet: the
// customers know, and hear of it when they are released or their credentials confirmed. Tokens and certificates that devices bring along take an admin, and count once a second one has
// confirmed them, see ConfirmImport. A rehearsal names no import. Its error is gate.Faults where several things are wrong.
func (a *Authority) Import(by By, in Takeover) (gate.ImportID, error) {
	if err := errors.Join(by.May(gate.ManageAccounts), by.May(gate.DecideCase)); err != nil {
		return "", err
	}
	made := &gate.Import{ID: gate.ImportID(a.newID(gate.ImportPrefix)), By: by.Staff, At: a.moment(), Source: in.Source}
	if err := errors.Join(made.Check(), in.mayBring(by)); err != nil {
		return "", err
	}
	if n := len(in.Customers); n == 0 || n > MaxCustomers {
		return "", gate.FieldErrorf("customers", "names %d; 1 to %d can be imported at a time", n, MaxCustomers)
	}
	d := a.draft(by, made)
	d.commonCAs(in.CAs)
	for i := range in.Customers {
		d.path = fmt.Sprintf("customers[%d]", i)
		if in.Customers[i].Case != nil {
			d.note("certification", by.May(gate.HoldInterview))
		}
		d.customer(in.Customers[i])
	}
	d.casAreNeeded()
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		if err := errors.Join(d.put(tx), d.fits()); err != nil {
			return gate.Event{}, err
		}
		if in.Rehearse {
			return gate.Event{}, errRehearsed
		}
		return gate.Event{Verb: gate.CustomersImported, Object: string(made.ID), Detail: fmt.Sprintf("%d from %s", len(in.Customers), in.Source) + d.brought()}, nil
	})
	if errors.Is(err, errRehearsed) {
		return "", nil
	}
	a.lists.sweepAgain()
	return made.ID, err
}

// mayBring refuses credentials from who is no admin.
func (in *Takeover) mayBring(by By) error {
	if len(in.CAs) > 0 {
		return by.May(gate.TrustForeign)
	}
	for i := range in.Customers {
		for j := range in.Customers[i].Devices {
			if in.Customers[i].Devices[j].Old.any() {
				return by.May(gate.TrustForeign)
			}
		}
	}
	return nil
}
