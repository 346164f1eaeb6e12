package authority_test

import (
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func (x *machine) account(id gate.AccountID) *mAccount {
	for _, a := range x.accounts {
		if a.id == id {
			return a
		}
	}
	return nil
}

// contactStep is one step in a change of an account's contacts.
func (x *machine) contactStep(a attempt, suits, against func(*mAccount) bool, do func(authority.By, gate.AccountID) error) {
	of := pick(x, "account", x.accounts, suits)
	id, etag := gate.AccountID("acc_none"), ""
	if of != nil {
		record, err := x.Directory().Account(string(of.id))
		x.must(err)
		id, etag = of.id, tag(record)
	}
	if of != nil && of.waits() && a.name == "ConfirmContacts" {
		x.tempted = of.other.by
	}
	a.by = x.actor(gate.ManageAccounts, etag)
	a.refused = append(a.refused, a.by.refusals(gate.ManageAccounts)...)
	a.refused.when(of == nil, gate.NotFound)
	a.refused.when(of != nil && against(of), gate.Conflict)
	a.do = func(by authority.By) error { return do(by, id) }
	x.contacts(a, of)
}

// contacts adds who may confirm, and tries.
func (x *machine) contacts(a attempt, of *mAccount) {
	switch {
	case of == nil:
	case a.name == "ConfirmContacts" && of.other != nil:
		a.refused.when(of.other.by == a.by.id, gate.Forbidden)
		a.refused.when(of.other.replaced && !a.by.named, gate.Stale)
		a.refused.when(!x.person(of.other.by).can(gate.ManageAccounts), gate.Conflict)
		a.commit = func() { x.contactsChanged(of) }
	case a.name == "WithdrawContacts":
		a.commit = func() { of.other.withdrawn = true }
	}
	x.try(a)
}

// contactsChanged ends the links that are out to who is the technical contact no longer.
func (x *machine) contactsChanged(of *mAccount) {
	of.technical, of.other = of.other.technical, nil
	for _, l := range x.links {
		if l.device.account == of.id && l.usable(x.now()) && l.to != of.technical {
			l.canceled = true
		}
	}
}

func (m *mAccount) waits() bool { return m.other != nil && !m.other.withdrawn }

func (x *machine) proposeContacts() {
	of := pick(x, "account", x.accounts, nil)
	to, why := sampled(x, "contact", []string{"ann@example.com", "bob@example.com", "nobody"}), x.why()
	id, etag := gate.AccountID("acc_none"), ""
	if of != nil {
		record, err := x.Directory().Account(string(of.id))
		x.must(err)
		id, etag = of.id, tag(record)
	}
	a := x.actor(gate.ManageAccounts, etag)
	r := a.refusals(gate.ManageAccounts)
	r.when(of == nil, gate.NotFound)
	r.when(why == "" || to == "nobody" || of != nil && to == of.technical, gate.Invalid)
	edit := gate.ContactEdit{Contacts: []gate.Contact{{Role: gate.TechnicalContact, Name: "Ann", Email: to}}}
	x.try(attempt{name: "ProposeContacts", by: a, refused: r,
		do:     func(by authority.By) error { _, err := x.ProposeContacts(by, id, edit, why); return err },
		commit: func() { of.other = &mContacts{technical: to, by: a.id, replaced: of.other != nil} }})
}

func (x *machine) confirmContacts() {
	x.contactStep(attempt{name: "ConfirmContacts", notices: []gate.NoticeKind{gate.ContactsNotice}}, (*mAccount).waits,
		func(m *mAccount) bool { return !m.waits() },
		func(by authority.By, id gate.AccountID) error { _, err := x.ConfirmContacts(by, id); return err })
}

func (x *machine) withdrawContacts() {
	x.contactStep(attempt{name: "WithdrawContacts"}, (*mAccount).waits, func(m *mAccount) bool { return !m.waits() },
		func(by authority.By, id gate.AccountID) error { _, err := x.WithdrawContacts(by, id); return err })
}
