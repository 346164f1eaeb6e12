package authority_test

import (
	"slices"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

func (x *machine) recertify() {
	due, why := x.now().Add(time.Duration(x.between(-1, 60*24, "hours"))*time.Hour), x.why()
	x.caseTry(caseStep{name: "Recertify", action: gate.DecideCase, suits: (*mCase).certified, notices: []gate.NoticeKind{gate.RecertifyNotice},
		against: func(r *refusals, c *mCase, _ *actor) {
			r.when(!c.certified(), gate.Conflict)
			r.when(due.Before(x.now()), gate.Invalid)
			r.when(c.recertifyBy != nil && due.After(*c.recertifyBy), gate.Invalid)
			r.when(why == "", gate.Invalid)
		},
		do: func(by authority.By, id gate.CertificationID) (*gate.Certification, error) {
			return x.Recertify(by, id, due, why)
		},
		commit: func(c *mCase, _ *actor, _ *gate.Certification) { c.demand(due, x.now()) }})
}

func (x *machine) reportChange() {
	kind := sampled(x, "kind", gate.ChangeKinds())
	if x.chance(15, "no such kind") {
		kind = "weather"
	}
	x.caseTry(caseStep{name: "ReportChange", action: gate.HoldInterview, suits: (*mCase).certified,
		against: func(r *refusals, c *mCase, _ *actor) {
			r.when(!c.certified(), gate.Conflict)
			r.when(kind == "weather", gate.Invalid)
		},
		do: func(by authority.By, id gate.CertificationID) (*gate.Certification, error) {
			return x.ReportChange(by, id, kind, "moved")
		},
		commit: func(c *mCase, a *actor, _ *gate.Certification) { c.changes = append(c.changes, &mChange{by: a.id}) }})
}

func (x *machine) judgeChange() {
	in := authority.Judgment{Change: x.between(-1, 2, "change"), Material: (x.roll(2, "material") == 1), Why: x.why()}
	if x.setting {
		in.Change, in.Material = 0, true
	}
	n := in.Change
	s := caseStep{name: "JudgeChange", action: gate.DecideCase, suits: func(c *mCase) bool { return c.certified() && len(c.changes) > 0 },
		tempts: func(c *mCase) gate.StaffID {
			if n < 0 || n >= len(c.changes) {
				return ""
			}
			return c.changes[n].by
		},
		against: func(r *refusals, c *mCase, a *actor) {
			r.when(!c.certified(), gate.Conflict)
			r.when(n < 0 || n >= len(c.changes), gate.NotFound)
			r.when(in.Why == "", gate.Invalid)
			if n >= 0 && n < len(c.changes) {
				r.when(c.changes[n].judged, gate.Conflict)
				r.when(c.changes[n].by == a.id, gate.Forbidden)
			}
		},
		do: func(by authority.By, id gate.CertificationID) (*gate.Certification, error) {
			return x.JudgeChange(by, id, in)
		},
		commit: func(c *mCase, _ *actor, _ *gate.Certification) {
			if c.changes[n].judged = true; in.Material {
				c.demand(x.now().AddDate(0, 0, 30), x.now())
			}
		}}
	if in.Material {
		s.notices = []gate.NoticeKind{gate.RecertifyNotice}
	}
	x.caseTry(s)
}

func (x *machine) updateProfile() {
	behaviors, purposes, known := x.grant()
	documents := "vault/9"
	if x.chance(10, "no documents") {
		documents = ""
	}
	profile := gate.Profile{Grant: gate.Grant{Behaviors: behaviors, Purposes: purposes}}
	x.caseTry(caseStep{name: "UpdateProfile", action: gate.HoldInterview, suits: (*mCase).recertifies,
		against: func(r *refusals, c *mCase, _ *actor) {
			r.when(!c.recertifies(), gate.Conflict)
			r.when(!known || documents == "", gate.Invalid)
		},
		do: func(by authority.By, id gate.CertificationID) (*gate.Certification, error) {
			return x.UpdateProfile(by, id, profile, documents)
		},
		commit: func(c *mCase, _ *actor, _ *gate.Certification) { c.update = &mUpdate{x.now(), behaviors, purposes} }})
}

func (x *machine) passRecertification() {
	why := x.why()
	x.caseTry(caseStep{name: "PassRecertification", action: gate.DecideCase, notices: []gate.NoticeKind{gate.RecertifiedNotice},
		suits: func(c *mCase) bool { return c.recertifies() && x.complete(c, x.now()) }, tempts: (*mCase).somePart,
		against: func(r *refusals, c *mCase, a *actor) {
			r.when(!c.recertifies(), gate.Conflict)
			r.when(c.tookPart(a.id), gate.Forbidden)
			r.when(!x.complete(c, x.now()), gate.Conflict)
			r.when(why == "", gate.Invalid)
		},
		do: func(by authority.By, id gate.CertificationID) (*gate.Certification, error) {
			return x.PassRecertification(by, id, why)
		},
		commit: func(c *mCase, _ *actor, _ *gate.Certification) {
			c.behaviors, c.purposes, c.update, c.recertifyBy = c.update.behaviors, c.update.purposes, nil, nil
		}})
}

// stands says that an approved case may be released and joined: it has not ended, lapsed or been revoked.
func (x *machine) standsOf(c *mCase) bool {
	return c.approved() && c.stands(x.term(c, x.now()), x.now()) == gate.Allowed
}

func (x *machine) join() {
	d, device := x.deviceOf(func(d *mDevice) bool { return d.env == gate.Production })
	why := x.why()
	x.caseTry(caseStep{name: "Join", action: gate.DecideCase, notices: []gate.NoticeKind{gate.JoinedNotice},
		suits: func(c *mCase) bool { return x.standsOf(c) && d != nil && c.account == d.account }, tempts: (*mCase).somePart,
		against: func(r *refusals, c *mCase, a *actor) {
			r.when(d == nil, gate.NotFound)
			r.when(!x.standsOf(c), gate.Conflict)
			r.when(d != nil && (d.account != c.account || d.env != gate.Production), gate.Invalid)
			r.when(slices.Contains(c.devices, device), gate.Conflict)
			r.when(c.tookPart(a.id), gate.Forbidden)
			r.when(why == "", gate.Invalid)
		},
		do: func(by authority.By, id gate.CertificationID) (*gate.Certification, error) {
			return x.Join(by, id, device, why)
		},
		commit: func(c *mCase, a *actor, _ *gate.Certification) {
			c.devices = append(c.devices, device)
			c.joined[device] = a.id
		}})
}
