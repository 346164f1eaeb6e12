package authority_test

import (
	"slices"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func (x *machine) createAccount() {
	a, in := x.actor(gate.ManageAccounts, ""), applicant(sampled(x, "slug", []string{"acme", "beta", "gamma"}))
	if x.setting {
		in.Slug = []string{"acme", "beta", "gamma"}[min(len(x.accounts), 2)]
	}
	in.Zone = sampled(x, "zone", []string{"UTC", "America/New_York", "Asia/Tokyo"})
	r := a.refusals(gate.ManageAccounts)
	r.when(x.slugTaken(in.Slug), gate.Exists)
	if x.chance(20, "no zone") {
		in.Zone = "Mars/Olympus"
		r.when(true, gate.Invalid)
	}
	var made *gate.Account
	x.try(attempt{name: "CreateAccount", by: a, refused: r,
		do:     func(by authority.By) (err error) { made, err = x.CreateAccount(by, in); return err },
		commit: func() { x.hasAccount(made) }})
}

func (x *machine) slugTaken(slug string) bool {
	return slices.ContainsFunc(x.accounts, func(a *mAccount) bool { return a.slug == slug })
}

// hasAccount notes an account with its organizations.
func (x *machine) hasAccount(made *gate.Account) {
	x.accounts = append(x.accounts, &mAccount{id: made.ID, slug: made.Slug, zone: made.Zone, technical: made.Contacts[0].Email})
	for _, o := range x.Directory().Organizations(made.ID) {
		x.orgs = append(x.orgs, &mOrg{o.ID, made.ID, o.Slug})
	}
}

func (x *machine) createOrganization() {
	a, r := x.actor(gate.ManageAccounts, ""), refusals(nil)
	r = a.refusals(gate.ManageAccounts)
	of, id := x.accountOf()
	in := gate.Organization{Account: id, Slug: sampled(x, "slug", []string{"main", "north", "south"}), Name: "Part"}
	r.when(of == nil, gate.NotFound)
	r.when(x.gone(id), gate.Conflict)
	r.when(slices.ContainsFunc(x.orgs, func(o *mOrg) bool { return o.account == id && o.slug == in.Slug }), gate.Exists)
	var made *gate.Organization
	x.try(attempt{name: "CreateOrganization", by: a, refused: r,
		do:     func(by authority.By) (err error) { made, err = x.CreateOrganization(by, in); return err },
		commit: func() { x.orgs = append(x.orgs, &mOrg{made.ID, made.Account, made.Slug}) }})
}

func (x *machine) createDevice() {
	a := x.actor(gate.ManageAccounts, "")
	r := a.refusals(gate.ManageAccounts)
	in := gate.Device{Slug: sampled(x, "slug", []string{"one", "two", "three", "four"}), Name: "Device", Organization: "org_none",
		Environment: sampled(x, "environment", []gate.Environment{gate.Production, gate.Production, gate.Production, gate.Preprod, gate.Sandbox}),
		Addresses:   gate.Addresses{Any: true}}
	org := pick(x, "organization", x.orgs, func(o *mOrg) bool { return o == x.orgs[len(x.orgs)-1] })
	r.when(org == nil, gate.NotFound)
	if org != nil {
		in.Organization = org.id
		r.when(x.gone(org.account), gate.Conflict)
	}
	r.when(slices.ContainsFunc(x.devices, func(d *mDevice) bool { return org != nil && d.org == org.id && d.slug == in.Slug }), gate.Exists)
	var made *gate.Device
	x.try(attempt{name: "CreateDevice", by: a, refused: r,
		do:     func(by authority.By) (err error) { made, err = x.CreateDevice(by, in); return err },
		commit: func() { x.hasDevice(made) }})
}

func (x *machine) hasDevice(d *gate.Device) {
	x.devices = append(x.devices, &mDevice{d.ID, d.Account, d.Organization, d.Slug, d.Environment})
}

var bothAgreements = []gate.Agreement{{Kind: gate.BusinessAssociate, Reference: "baa", SignedOn: "2026-01-01"}, {Kind: gate.Participation, Reference: "terms", SignedOn: "2026-01-01"}}

func (x *machine) createContract() {
	a := x.actor(gate.ManageAccounts, "")
	r := a.refusals(gate.ManageAccounts)
	of, id := x.accountOf()
	if x.setting && of != nil {
		of = x.accounts[len(x.accounts)-1]
		id = of.id
	}
	r.when(of == nil, gate.NotFound)
	in := gate.Contract{Account: id, First: x.day(-10, 5), Zone: sampled(x, "zone", []string{"UTC", "America/New_York", "Asia/Tokyo"}), Agreements: bothAgreements}
	in.Last = in.First.AddDays(x.between(-2, 300, "length"))
	if x.setting {
		in.Last = in.First.AddDays(200)
	}
	if x.chance(6, "one agreement") {
		in.Agreements = in.Agreements[:1]
	}
	behaviors, purposes, known := x.grant()
	in.Grant = gate.Grant{Behaviors: behaviors, Purposes: purposes}
	r.when(!known || !isDay(in.First) || in.Last < in.First, gate.Invalid)
	c := mContractOf(&in)
	r.when(x.gone(id) || len(r) == 0 && x.overlaps(c), gate.Conflict)
	var made *gate.Contract
	x.try(attempt{name: "CreateContract", by: a, refused: r,
		do:     func(by authority.By) (err error) { made, err = x.CreateContract(by, in); return err },
		commit: func() { c.id = made.ID; x.contracts = append(x.contracts, c) }})
}

func mContractOf(in *gate.Contract) *mContract {
	c := &mContract{id: in.ID, account: in.Account, first: in.First, last: in.Last, zone: in.Zone, behaviors: in.Grant.Behaviors, purposes: in.Grant.Purposes}
	for _, s := range in.Agreements {
		c.signed = append(c.signed, s.Kind)
	}
	return c
}

func (x *machine) endContract() {
	c, id, etag := x.contractOf(func(c *mContract) bool { return c.runs(x.now()) })
	a, why := x.actor(gate.TerminateAccount, etag), x.why()
	r := a.refusals(gate.TerminateAccount)
	r.when(c == nil, gate.NotFound)
	r.when(c != nil && c.over(x.now()), gate.Conflict)
	r.when(why == "", gate.Invalid)
	x.try(attempt{name: "EndContract", by: a, refused: r, notices: []gate.NoticeKind{gate.ContractNotice},
		do: func(by authority.By) error { _, err := x.EndContract(by, id, why); return err },
		commit: func() {
			now, gone := x.now(), []gate.ContractID{id}
			c.ended = &now
			for _, next := range x.contracts { // what renews it must not begin by itself
				if next.ended == nil && slices.Contains(gone, next.of) {
					next.ended, gone = &now, append(gone, next.id)
				}
			}
		}})
}

func (x *machine) renew() {
	c, id, etag := x.contractOf(func(c *mContract) bool { return !c.over(x.now()) })
	a, why, changed := x.actor(gate.ManageAccounts, etag), x.why(), (x.roll(2, "changed") == 1)
	r := a.refusals(gate.ManageAccounts)
	r.when(c == nil, gate.NotFound)
	r.when(why == "", gate.Invalid)
	in, next := authority.NewTerm{Last: "2027-01-01", Changed: changed, Why: why}, &mContract{}
	if c != nil {
		*next = mContract{account: c.account, first: c.last.AddDays(1), zone: c.zone, behaviors: c.behaviors, purposes: c.purposes, signed: c.signed, of: c.id}
		next.last = next.first.AddDays(x.between(-1, 200, "length"))
		in.Last = next.last
		r.when(c.over(x.now()) || x.gone(c.account), gate.Conflict)
		r.when(next.last < next.first, gate.Invalid)
		r.when(len(r) == 0 && x.overlaps(next), gate.Conflict)
		// What is certified goes on only with everything signed.
		r.when(len(next.signed) < 2 && slices.ContainsFunc(x.cases, func(k *mCase) bool { return k.certified() && slices.Contains(k.terms, c.id) }), gate.Conflict)
	}
	var made *gate.Contract
	x.try(attempt{name: "Renew", by: a, refused: r, notices: []gate.NoticeKind{gate.RenewalNotice},
		do: func(by authority.By) (err error) { made, err = x.Renew(by, id, in); return err },
		commit: func() {
			next.id = made.ID
			x.contracts = append(x.contracts, next)
			for _, k := range x.cases {
				if x.carry(k, next) && changed && k.certified() {
					k.demand(dayIn(next.first, next.zone, 30), x.now())
				}
			}
		}})
}

// carry takes a case over to a term that renews one of its own.
func (x *machine) carry(k *mCase, next *mContract) bool {
	if k.closed || next.of == "" || !slices.Contains(k.terms, next.of) || slices.Contains(k.terms, next.id) {
		return false
	}
	k.terms = append(k.terms, next.id)
	return true
}

func (x *machine) amend() {
	c, id, etag := x.contractOf(func(c *mContract) bool { return !c.over(x.now()) })
	a, why := x.actor(gate.ManageAccounts, etag), x.why()
	r := a.refusals(gate.ManageAccounts)
	behaviors, purposes, known := x.grant()
	to := gate.Terms{Grant: gate.Grant{Behaviors: behaviors, Purposes: purposes}}
	if x.chance(3, "agreement") {
		to.Agreements = bothAgreements[1:]
	}
	r.when(c == nil, gate.NotFound)
	r.when(why == "" || !known, gate.Invalid)
	if c != nil {
		r.when(c.over(x.now()), gate.Conflict)
		r.when(slices.Equal(c.behaviors, behaviors) && slices.Equal(c.purposes, purposes) && to.Agreements == nil, gate.Invalid)
	}
	x.try(attempt{name: "Amend", by: a, refused: r, notices: []gate.NoticeKind{gate.AmendmentNotice},
		do: func(by authority.By) error { _, err := x.Amend(by, id, to, why); return err },
		commit: func() {
			c.behaviors, c.purposes = behaviors, purposes
			for _, s := range to.Agreements {
				c.signed = append(slices.Clone(c.signed), s.Kind)
			}
		}})
}

func (x *machine) proposeExtension() {
	c, id, etag := x.contractOf(nil)
	a, why, last := x.actor(gate.ManageAccounts, etag), x.why(), gate.Date("2027-02-30")
	r := a.refusals(gate.ManageAccounts)
	r.when(c == nil, gate.NotFound)
	r.when(why == "", gate.Invalid)
	if c != nil {
		last = c.last.AddDays(x.between(0, 8, "days"))
		r.when(c.ended != nil, gate.Conflict)
		r.when(!c.extensible(last, x.now()), gate.Invalid)
	}
	x.try(attempt{name: "ProposeExtension", by: a, refused: r,
		do:     func(by authority.By) error { _, err := x.ProposeExtension(by, id, last, why); return err },
		commit: func() { c.longer = &mExtension{last, a.id, c.longer != nil} }})
}

func (x *machine) confirmExtension() {
	c, id, etag := x.contractOf(func(c *mContract) bool { return c.longer != nil })
	if c != nil && c.longer != nil {
		x.tempted = c.longer.by
	}
	a := x.actor(gate.ManageAccounts, etag)
	r := a.refusals(gate.ManageAccounts)
	r.when(c == nil, gate.NotFound)
	r.when(c != nil && (c.longer == nil || c.ended != nil), gate.Conflict)
	if c != nil && c.longer != nil {
		longer := *c
		longer.last = c.longer.last
		r.when(c.longer.by == a.id, gate.Forbidden)
		r.when(c.longer.replaced && !a.named, gate.Stale)
		r.when(!x.person(c.longer.by).can(gate.ManageAccounts), gate.Conflict)
		r.when(!c.extensible(c.longer.last, x.now()), gate.Invalid)
		r.when(x.overlaps(&longer), gate.Conflict)
	}
	x.try(attempt{name: "ConfirmExtension", by: a, refused: r, notices: []gate.NoticeKind{gate.ExtensionNotice},
		do: func(by authority.By) error { _, err := x.ConfirmExtension(by, id); return err },
		commit: func() {
			if c.agreed == "" {
				c.agreed = c.last
			}
			c.last, c.longer = c.longer.last, nil
		}})
}

func (x *machine) closeAccount() {
	of, id := x.accountOf()
	a, why, last := x.actor(gate.TerminateAccount, ""), x.why(), x.day(-2, 40)
	r := a.refusals(gate.TerminateAccount)
	now, stop := x.now(), &mStop{account: id, subject: gate.Subject{Kind: gate.AccountSubject, ID: string(id)}, terminate: true, planned: true, by: a.id}
	r.when(of == nil, gate.NotFound)
	r.when(why == "" || !isDay(last), gate.Invalid)
	if of != nil && isDay(last) {
		stop.from, stop.imposed = dayIn(last, of.zone, 1), now
		r.when(!stop.from.After(now), gate.Invalid)
		r.when(slices.ContainsFunc(x.stops, func(s *mStop) bool {
			return s.subject == stop.subject && s.terminate && (s.runs(now) || s.ahead(now))
		}), gate.Conflict)
	}
	var made *gate.Remediation
	x.try(attempt{name: "CloseAccount", by: a, refused: r, notices: []gate.NoticeKind{gate.ClosingNotice},
		do:     func(by authority.By) (err error) { made, err = x.CloseAccount(by, id, last, why); return err },
		commit: func() { stop.id = made.ID; x.stops = append(x.stops, stop) }})
}

// newcomer is a whole customer, as a file would describe one.
func (x *machine) newcomer() authority.Customer {
	in := authority.Customer{Account: applicant(sampled(x, "slug", []string{"acme", "delta", "omega"}))}
	in.Account.Name = "Newcomer"
	in.Devices = []authority.CustomerDevice{{Device: gate.Device{Slug: "one", Name: "One", Environment: gate.Production, Addresses: gate.Addresses{Any: true}}}}
	first := gate.Date(x.now().Format(time.DateOnly))
	in.Contract = &gate.Contract{First: first, Last: first.AddDays(100), Zone: "UTC", Grant: everything, Agreements: bothAgreements}
	return in
}

func (x *machine) onboard() {
	a, in := x.actor(gate.ManageAccounts, ""), x.newcomer()
	r := a.refusals(gate.ManageAccounts)
	r.when(x.slugTaken(in.Account.Slug), gate.Exists)
	if x.roll(2, "case") == 1 {
		in.Case = &authority.CustomerCase{Devices: []string{"one"}, Profile: gate.Profile{Grant: everything}}
		r = append(r, a.refusals(gate.HoldInterview)...)
	}
	x.try(attempt{name: "Onboard", by: a, refused: r,
		do:     func(by authority.By) error { _, err := x.Onboard(by, in); return err },
		commit: func() { x.hasCustomer(in.Account.Slug, "") }})
}

func (x *machine) takeOver() {
	a, in := x.actor(gate.DecideCase, ""), x.newcomer()
	r := append(a.refusals(gate.ManageAccounts), a.refusals(gate.DecideCase)...)
	r.when(x.slugTaken(in.Account.Slug), gate.Exists)
	in.Certified = &authority.PastCase{CustomerCase: authority.CustomerCase{Devices: []string{"one"}, Profile: gate.Profile{Grant: everything}}, ApprovedOn: "2026-06-01", ApprovedBy: "the board"}
	if x.chance(8, "not yet approved") {
		in.Certified.ApprovedOn = "2040-01-01"
		r.when(true, gate.Invalid)
	}
	token := ""
	if x.roll(2, "token") == 1 {
		token = "the-token-from-before-of-" + in.Account.Slug
		in.Devices[0].Old = authority.OldCredentials{Tokens: []string{token}}
		r = append(r, a.refusals(gate.TrustForeign)...)
	}
	var made gate.ImportID
	x.try(attempt{name: "Import", by: a, refused: r,
		do: func(by authority.By) (err error) {
			made, err = x.Import(by, authority.Takeover{Source: "a spreadsheet", Customers: []authority.Customer{in}})
			return err
		},
		commit: func() {
			x.hasCustomer(in.Account.Slug, a.id)
			if token != "" {
				x.broughtIn(made, a.id, in.Account.Slug, token)
			}
		}})
}

// hasCustomer notes a customer that came in whole, and who approved it by taking it over.
func (x *machine) hasCustomer(slug string, approver gate.StaffID) {
	account, err := x.Directory().Account(slug)
	x.must(err)
	x.hasAccount(account)
	for _, d := range x.Directory().Devices(account.ID) {
		x.hasDevice(d)
	}
	for _, c := range x.Directory().Contracts(account.ID) {
		x.contracts = append(x.contracts, mContractOf(c))
	}
	for _, c := range x.Directory().Certifications(account.ID) {
		k := x.hasCase(c)
		if approver != "" {
			k.approvedBy, k.approvedAt = approver, x.now()
		}
	}
}
