package authority_test

import (
	"slices"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// mCA is a CA of ours.
type mCA struct {
	mark     gate.Fingerprint
	audience gate.Audience
	ends     time.Time
	issues   bool // it does, or once did
	retired  bool
	by       gate.StaffID // who proposed that it issues; empty: nobody
	replaced bool
	proposed bool // it was, whether or not that was withdrawn
}

// found notes the CAs that there are from the beginning. The machine has no root, so there come no more.
func (x *machine) found() {
	for _, ca := range x.Directory().CAs() {
		x.cas = append(x.cas, &mCA{mark: ca.Fingerprint, audience: ca.Audience, ends: ca.NotAfter, issues: ca.IssuesFrom != nil})
	}
}

func (x *machine) inForce(audience gate.Audience, issues bool) *mCA {
	i := slices.IndexFunc(x.cas, func(c *mCA) bool {
		return c.audience == audience && c.issues == issues && !c.retired && !x.now().After(c.ends)
	})
	if i < 0 {
		return nil
	}
	return x.cas[i]
}

func (x *machine) audience() gate.Audience {
	return sampled(x, "audience", []gate.Audience{gate.Customers, gate.Operators, gate.Customers, gate.Operators, "nobody"})
}

func (x *machine) caOf() (*mCA, gate.Fingerprint, string) {
	c := pick(x, "CA", x.cas, func(c *mCA) bool { return c.by != "" })
	if c == nil {
		return nil, gate.FingerprintOf([]byte("none")), ""
	}
	return c, c.mark, tag(x.Directory().CA(c.mark))
}

func (x *machine) rotateCA() {
	audience, why := x.audience(), x.why()
	a := x.actor(gate.ManageCAs, "")
	standby := x.inForce(audience, false)
	r := a.refusals(gate.ManageCAs)
	r.when(audience == "nobody" || why == "", gate.Invalid)
	r.when(standby == nil, gate.Conflict)
	x.try(attempt{name: "RotateCA", by: a, refused: r,
		do:     func(by authority.By) error { _, err := x.RotateCA(by, audience, why); return err },
		commit: func() { standby.replaced, standby.proposed, standby.by = standby.proposed, true, a.id }})
}

func (x *machine) confirmCA() {
	c, mark, etag := x.caOf()
	if c != nil {
		x.tempted = c.by
	}
	a := x.actor(gate.ManageCAs, etag)
	r := a.refusals(gate.ManageCAs)
	r.when(c == nil, gate.NotFound)
	if c != nil {
		r.when(c.by == "" || c.retired || x.now().After(c.ends), gate.Conflict)
		r.when(c.by == a.id, gate.Forbidden)
		r.when(c.replaced && !a.named, gate.Stale)
		r.when(c.by != "" && !x.person(c.by).can(gate.ManageCAs), gate.Conflict)
	}
	x.try(attempt{name: "ConfirmCA", by: a, refused: r,
		do:     func(by authority.By) error { _, err := x.ConfirmCA(by, mark); return err },
		commit: func() { c.issues, c.by = true, "" }})
}

func (x *machine) withdrawCA() {
	c, mark, etag := x.caOf()
	a := x.actor(gate.ManageCAs, etag)
	r := a.refusals(gate.ManageCAs)
	r.when(c == nil, gate.NotFound)
	r.when(c != nil && c.by == "", gate.Conflict)
	x.try(attempt{name: "WithdrawCA", by: a, refused: r,
		do:     func(by authority.By) error { _, err := x.WithdrawCA(by, mark); return err },
		commit: func() { c.by = "" }})
}

func (x *machine) requestCA() {
	audience := x.audience()
	a := x.actor(gate.ManageCAs, "")
	r := a.refusals(gate.ManageCAs)
	r.when(audience == "nobody", gate.Invalid)
	r.when(x.inForce(audience, true) == nil, gate.Conflict)
	x.try(attempt{name: "RequestCA", by: a, refused: r, commit: func() {},
		do: func(by authority.By) error { _, err := x.RequestCA(by, audience); return err }})
}

// importCA only ever offers what answers no request; TestTheNextStandbyComesFromTheRootInTheKit has what does.
func (x *machine) importCA() {
	a := x.actor(gate.ManageCAs, "")
	r := a.refusals(gate.ManageCAs)
	r.when(true, gate.Invalid)
	x.try(attempt{name: "ImportCA", by: a, refused: r, commit: func() {},
		do: func(by authority.By) error { _, err := x.ImportCA(by, []byte("no certificate")); return err }})
}

// retireCA only ever retires a standby: what becomes of those that have issued is in TestACompromisedCAIsRefusedOnTheNextRequest.
func (x *machine) retireCA() {
	c, mark, etag := x.caOf()
	a, why, all := x.actor(gate.ManageCAs, etag), x.why(), x.chance(4, "all")
	r := a.refusals(gate.ManageCAs)
	r.when(c == nil, gate.NotFound)
	r.when(why == "" || all, gate.Invalid)
	r.when(c != nil && (c.retired || c.issues), gate.Conflict)
	if c != nil && c.issues && !all && x.LeavesByCA()[mark].Live == 0 && x.inForce(c.audience, true) != c {
		return // a former one of which nothing is left: the model does not count certificates by CA
	}
	x.try(attempt{name: "RetireCA", by: a, refused: r,
		do: func(by authority.By) error {
			_, err := x.RetireCA(by, mark, authority.Retirement{Why: why, RevokeAll: all})
			return err
		},
		commit: func() { c.retired, c.by = true, "" }})
}
