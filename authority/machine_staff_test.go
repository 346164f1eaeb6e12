package authority_test

import (
	"slices"
	"strings"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// subject is something that can be suspended.
func (x *machine) subject() (s gate.Subject, account gate.AccountID) {
	all := []gate.Subject{{Kind: gate.DeviceSubject, ID: "dev_none"}}
	owner := map[string]gate.AccountID{}
	add := func(kind gate.SubjectKind, id string, account gate.AccountID) {
		all, owner[id] = append(all, gate.Subject{Kind: kind, ID: id}), account
	}
	for _, a := range x.accounts {
		add(gate.AccountSubject, string(a.id), a.id)
	}
	for _, o := range x.orgs {
		add(gate.OrganizationSubject, string(o.id), o.account)
	}
	for _, d := range x.devices {
		add(gate.DeviceSubject, string(d.id), d.account)
	}
	for _, k := range x.keys {
		add(gate.KeySubject, string(k.id), k.device.account)
	}
	for _, c := range x.certs {
		add(gate.CertificateSubject, string(c.id), c.device.account)
	}
	s = sampled(x, "subject", all)
	return s, owner[s.ID]
}

func (x *machine) impose() {
	subject, account := x.subject()
	in := authority.Imposition{Subject: subject, Measure: gate.Suspend, Why: x.why()}
	action := gate.Stop
	switch {
	case x.chance(5, "for good"):
		in.Measure, action = gate.Terminate, gate.TerminateAccount
	case x.chance(3, "throttle"):
		in.Measure, in.Limit = gate.Throttle, &gate.Limit{Kind: gate.DayLimit, Amount: 1_000_000}
	}
	if x.roll(2, "for a while") == 1 {
		until := x.now().Add(time.Duration(x.between(-1, 100, "hours")) * time.Hour)
		in.Until = &until
	}
	a := x.actor(action, "")
	r := a.refusals(action)
	r.when(account == "", gate.NotFound)
	r.when(in.Why == "" || in.Until != nil && (in.Measure == gate.Terminate || !in.Until.After(x.now())), gate.Invalid)
	in.Incident = x.cause(account, &r)
	var made *gate.Remediation
	x.try(attempt{name: "Impose", by: a, refused: r, notices: []gate.NoticeKind{gate.SuspensionNotice},
		do: func(by authority.By) (err error) { made, err = x.Impose(by, in); return err },
		commit: func() {
			stop := &mStop{id: made.ID, account: account, subject: subject, terminate: in.Measure == gate.Terminate, throttle: in.Measure == gate.Throttle,
				from: x.now(), imposed: x.now(), until: in.Until, by: a.id}
			x.stops = append(x.stops, stop)
			x.imposedFor(in.Incident, stop)
		}})
}

func (x *machine) lift() {
	s := pick(x, "remediation", x.stops, func(s *mStop) bool { return s.ahead(x.now()) || s.runs(x.now()) && !s.terminate })
	id, etag, kind := gate.RemediationID("rem_none"), "", gate.ReinstatedNotice
	if s != nil {
		i := slices.IndexFunc(x.Directory().Remediations(""), func(r *gate.Remediation) bool { return r.ID == s.id })
		id, etag = s.id, tag(x.Directory().Remediations("")[i])
		if s.ahead(x.now()) {
			kind = gate.ClosingNotice
		}
		x.tempted = s.by
	}
	a, why := x.actor(gate.Reinstate, etag), x.why()
	r := a.refusals(gate.Reinstate)
	r.when(s == nil, gate.NotFound)
	r.when(why == "", gate.Invalid)
	if s != nil {
		r.when(!s.ahead(x.now()) && (s.terminate || !s.runs(x.now())), gate.Conflict)
		r.when(x.barred(s), gate.Conflict)
		r.when(s.by == a.id && x.now().Sub(s.imposed) > 15*time.Minute, gate.Forbidden)
	}
	x.try(attempt{name: "Lift", by: a, refused: r, notices: []gate.NoticeKind{kind},
		do:     func(by authority.By) error { _, err := x.Lift(by, id, why); return err },
		commit: func() { s.lifted = true }})
}

// personOf is one to be changed, with the ETag of the record.
func (x *machine) personOf(suits func(*mPerson) bool) (*mPerson, gate.StaffID, string) {
	p := pick(x, "person", x.people, suits)
	if p == nil {
		return nil, "stf_none", ""
	}
	record, err := x.Directory().Staff(string(p.id))
	x.must(err)
	return p, p.id, tag(record)
}

func (x *machine) newRoles() []gate.Role {
	return sampled(x, "roles", [][]gate.Role{{gate.Auditor}, {gate.Interviewer, gate.Operator}, {gate.Approver}, {gate.Admin}, {gate.Issuer, gate.Admin}})
}

// csr is a signing request for a key pair that nobody has used.
func csr() []byte { return newCSR(&outside{}) }

// proposed is what somebody may be proposed for: with a certificate, with a link to take one, or with neither.
func (x *machine) proposed() authority.Proposed {
	in := authority.Proposed{Roles: x.newRoles()}
	switch x.roll(3, "certificate") {
	case 0:
		in.CSR = csr()
	case 1:
		in.Link = true
	}
	return in
}

func mProposalOf(in *authority.Proposed, by gate.StaffID, made *gate.Proposal) *mProposal {
	p := &mProposal{roles: in.Roles, link: in.Link, by: by}
	if c := made.Certificate; c != nil {
		p.badge = &mBadge{mark: c.Fingerprint, to: c.NotAfter}
	}
	return p
}

func (x *machine) proposeStaff() {
	a, name, in := x.actor(gate.ManageStaff, ""), sampled(x, "name", []string{"fay", "gus", "hal", "iva"}), x.proposed()
	r := a.refusals(gate.ManageStaff)
	r.when(slices.ContainsFunc(x.people, func(p *mPerson) bool { return p.name == name }), gate.Exists)
	r.when(in.CSR == nil && !in.Link, gate.Invalid)
	in.Email = name + "@example.com"
	var made *gate.Staff
	x.try(attempt{name: "ProposePerson", by: a, refused: r, notices: []gate.NoticeKind{gate.StaffChangeNotice},
		do: func(by authority.By) (err error) { made, err = x.ProposePerson(by, name, in); return err },
		commit: func() {
			x.people = append(x.people, &mPerson{id: made.ID, name: name, proposal: mProposalOf(&in, a.id, made.Proposal)})
		}})
}

func (x *machine) proposeChange() {
	p, id, etag := x.personOf(nil)
	a, in := x.actor(gate.ManageStaff, etag), x.proposed()
	r := a.refusals(gate.ManageStaff)
	r.when(p == nil, gate.NotFound)
	r.when(p != nil && p.disabled, gate.Conflict)
	var made *gate.Staff
	x.try(attempt{name: "ProposeForPerson", by: a, refused: r, notices: []gate.NoticeKind{gate.StaffChangeNotice},
		do: func(by authority.By) (err error) { made, err = x.ProposeForPerson(by, id, in); return err },
		commit: func() {
			replaced := p.proposal != nil
			p.proposal = mProposalOf(&in, a.id, made.Proposal)
			p.proposal.replaced = replaced
		}})
}

func (x *machine) confirmStaff() {
	p, id, etag := x.personOf(func(p *mPerson) bool { return p.proposal != nil })
	if p != nil && p.proposal != nil {
		x.tempted = p.proposal.by
	}
	a := x.actor(gate.ManageStaff, etag)
	r := a.refusals(gate.ManageStaff)
	r.when(p == nil, gate.NotFound)
	r.when(p != nil && (p.disabled || p.proposal == nil), gate.Conflict)
	if p != nil && p.proposal != nil {
		r.when(p.proposal.by == a.id || p.id == a.id, gate.Forbidden)
		r.when(p.proposal.replaced && !a.named, gate.Stale)
		r.when(!x.person(p.proposal.by).can(gate.ManageStaff), gate.Conflict)
	}
	var made *gate.Staff
	x.try(attempt{name: "ConfirmStaff", by: a, refused: r, notices: []gate.NoticeKind{gate.StaffChangeNotice},
		do: func(by authority.By) (err error) { made, err = x.ConfirmStaff(by, id); return err },
		commit: func() {
			if p.roles = p.proposal.roles; p.first == nil {
				p.first = p.roles
			}
			if p.proposal.badge != nil {
				p.badges = append(p.badges, p.proposal.badge)
			}
			if p.proposal.link {
				link, err := x.TakeLink(made.Link.Notice)
				x.must(err)
				_, token, _ := strings.Cut(link, "#")
				p.link = &mStaffLink{token: token, expires: made.Link.ExpiresAt}
			}
			p.proposal = nil
		}})
}

func (x *machine) disableStaff() {
	p, id, etag := x.personOf(func(p *mPerson) bool { return !p.disabled })
	a, why := x.actor(gate.ManageStaff, etag), x.why()
	r := a.refusals(gate.ManageStaff)
	r.when(p == nil, gate.NotFound)
	r.when(p != nil && (p.disabled || x.locksOut(p, x.now())), gate.Conflict)
	r.when(why == "", gate.Invalid)
	x.try(attempt{name: "DisableStaff", by: a, refused: r,
		do:     func(by authority.By) error { _, err := x.DisableStaff(by, id, why); return err },
		commit: func() { p.disabled, p.proposal = true, nil }})
}

func (x *machine) revokeStaffCertificate() {
	p, id, etag := x.personOf(func(p *mPerson) bool { return p.badged(x.now()) })
	a, why := x.actor(gate.ManageStaff, etag), x.why()
	r := a.refusals(gate.ManageStaff)
	r.when(p == nil, gate.NotFound)
	r.when(why == "", gate.Invalid)
	var mark gate.Fingerprint
	if p != nil {
		b := pick(x, "badge", p.badges, func(b *mBadge) bool { return !b.revoked })
		r.when(b == nil, gate.NotFound)
		if b != nil {
			mark = b.mark
			r.when(b.revoked, gate.Conflict)
			after := *p
			after.badges = nil
			for _, b := range p.badges {
				c := *b
				after.badges = append(after.badges, &c)
			}
			after.gone(mark)
			r.when(!p.disabled && len(p.roles) > 0 && p.badged(x.now()) && !after.badged(x.now()) && x.locksOut(p, x.now()), gate.Conflict)
		}
	}
	x.try(attempt{name: "RevokeStaffCertificate", by: a, refused: r, notices: []gate.NoticeKind{gate.StaffChangeNotice},
		do:     func(by authority.By) error { _, err := x.RevokeStaffCertificate(by, id, mark, why); return err },
		commit: func() { p.gone(mark) }})
}

// redeemStaffLink is that a person takes a certificate.
func (x *machine) redeemStaffLink() {
	p := pick(x, "person", x.people, func(p *mPerson) bool { return p.link != nil })
	token, request, r := "none", csr(), refusals(nil)
	a := attempt{name: "RedeemStaffLink", as: "staff link", notices: []gate.NoticeKind{gate.StaffChangeNotice}}
	r.when(p == nil || p.link == nil, gate.NotFound)
	if len(r) == 0 {
		l := p.link
		token = l.token
		if l.redemptions > 0 && !x.chance(3, "another key pair") {
			request = l.csr
		}
		r.when(p.disabled || len(p.roles) == 0 || !x.now().Before(l.expires) || l.redemptions >= 5, gate.Conflict)
		r.when(l.redemptions > 0 && (string(request) != string(l.csr) || l.badge.revoked), gate.Conflict)
		if len(r) > 0 {
			if l.refusals++; l.refusals <= 5 {
				a.after = 1
			}
		}
	}
	var got *authority.StaffBadge
	a.refused = r
	a.do = func(authority.By) (err error) { got, err = x.RedeemStaffLink(token, request); return err }
	a.commit = func() {
		if p.link.redemptions++; p.link.badge == nil {
			p.link.csr, p.link.badge = request, &mBadge{mark: got.Certificate.Fingerprint, to: got.Certificate.NotAfter}
			p.badges = append(p.badges, p.link.badge)
		}
	}
	x.try(a)
}

// renewStaff is that a person asks for another certificate with one that they have.
func (x *machine) renewStaff() {
	a := x.actor(gate.ManageAccounts, "")
	a.stale, a.named, a.by.IfMatch = false, false, ""
	request, with := csr(), gate.Fingerprint{}
	var r refusals
	r.when(len(a.by.Roles) == 0, gate.Forbidden)
	r.when(a.disabled || len(a.roles) == 0, gate.Unauthorized)
	r.when(slices.ContainsFunc(a.by.Roles, func(claimed gate.Role) bool { return !slices.Contains(a.roles, claimed) }), gate.Forbidden)
	b := pick(x, "badge", a.badges, func(b *mBadge) bool { return b.live(x.now()) })
	live := 0
	for _, b := range a.badges {
		if b.live(x.now()) {
			live++
		}
	}
	r.when(b == nil || !b.live(x.now()), gate.Unauthorized)
	r.when(live >= gate.StaffLiveLimit, gate.Conflict)
	if b != nil {
		with = b.mark
	}
	var made *gate.Staff
	x.try(attempt{name: "RenewStaff", by: a, refused: r, notices: []gate.NoticeKind{gate.StaffChangeNotice},
		do: func(by authority.By) (err error) { made, err = x.RenewStaff(by, with, request); return err },
		commit: func() {
			c := made.Certificates[len(made.Certificates)-1]
			a.badges = append(a.badges, &mBadge{mark: c.Fingerprint, from: with, to: c.NotAfter})
		}})
}
