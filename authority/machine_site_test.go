package authority_test

import (
	"maps"
	"slices"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

func (x *machine) allowBehavior() {
	name, why := sampled(x, "behavior", []string{"live", "fhir-query", "nonsense"}), x.why()
	a := x.actor(gate.ManageSite, "")
	r := a.refusals(gate.ManageSite)
	r.when(name == "nonsense" || why == "", gate.Invalid)
	x.try(attempt{name: "AllowBehavior", by: a, refused: r,
		do:     func(by authority.By) error { return x.AllowBehavior(by, gate.Behavior{Name: name}, why) },
		commit: func() {}})
}

func (x *machine) hostOf() (*mHost, string, string) {
	name := pick(x, "host", slices.Sorted(maps.Keys(x.hosts)), nil)
	if name == "" {
		return nil, "nowhere.test", ""
	}
	return x.hosts[name], name, tag(x.Directory().Host(name))
}

func (x *machine) proposeLowering() {
	h, name, etag := x.hostOf()
	a, why, to := x.actor(gate.ManageSite, etag), x.why(), sampled(x, "to", []gate.Environment{gate.Sandbox, gate.Preprod, gate.Production})
	r := a.refusals(gate.ManageSite)
	r.when(h == nil, gate.NotFound)
	r.when(why == "" || h != nil && to >= h.strictest, gate.Invalid)
	x.try(attempt{name: "ProposeLowering", by: a, refused: r,
		do: func(by authority.By) error {
			_, err := x.ProposeLowering(by, name, authority.NewLowering{To: to, Why: why})
			return err
		},
		commit: func() {
			replaced := h.by != "" && !h.confirmed
			*h = mHost{strictest: h.strictest, to: to, by: a.id, replaced: replaced, until: x.now().AddDate(0, 0, 30)}
		}})
}

func (x *machine) confirmLowering() {
	h, name, etag := x.hostOf()
	if h != nil {
		x.tempted = h.by
	}
	a := x.actor(gate.ManageSite, etag)
	r := a.refusals(gate.ManageSite)
	r.when(h == nil, gate.NotFound)
	if h != nil {
		r.when(h.confirmed || h.over(x.now()), gate.Conflict)
		r.when(h.by == a.id, gate.Forbidden)
		r.when(h.replaced && !a.named, gate.Stale)
		r.when(h.by != "" && !x.person(h.by).can(gate.ManageStaff), gate.Conflict)
	}
	x.try(attempt{name: "ConfirmLowering", by: a, refused: r,
		do:     func(by authority.By) error { _, err := x.ConfirmLowering(by, name); return err },
		commit: func() { h.confirmed = true }})
}

func (x *machine) raiseHost() {
	h, name, etag := x.hostOf()
	a, why := x.actor(gate.Stop, etag), x.why()
	r := a.refusals(gate.Stop)
	r.when(h == nil, gate.NotFound)
	r.when(h != nil && h.over(x.now()), gate.Conflict)
	r.when(why == "", gate.Invalid)
	x.try(attempt{name: "RaiseHost", by: a, refused: r,
		do:     func(by authority.By) error { _, err := x.RaiseHost(by, name, why); return err },
		commit: func() { h.raised = true }})
}

// noticeOf is a notice, read from the store.
func (x *machine) noticeOf(suits func(*mNotice) bool) (n *mNotice, record *gate.Notice, etag string) {
	ids := slices.Sorted(maps.Keys(x.notices))
	id := pick(x, "notice", ids, func(id gate.NoticeID) bool { return suits(x.notices[id]) })
	if id == "" {
		return nil, &gate.Notice{ID: "not_none"}, ""
	}
	x.must(x.Store().View(func(tx *certstore.Tx) (err error) {
		record, err = certstore.Get[gate.Notice](tx, string(id))
		return err
	}))
	return x.notices[id], record, tag(record)
}

func (x *machine) tellNotice() {
	n, record, etag := x.noticeOf(func(n *mNotice) bool { return !n.told && !n.linked() })
	a, in := x.actor(gate.DeliverNotice, etag), gate.Telling{Who: "Ann", How: "by telephone"}
	if x.chance(15, "nobody told") {
		in.Who = ""
	}
	r := a.refusals(gate.DeliverNotice)
	r.when(n == nil, gate.NotFound)
	r.when(n != nil && (n.told || n.linked()), gate.Conflict)
	r.when(in.Who == "", gate.Invalid)
	x.try(attempt{name: "TellNotice", by: a, refused: r,
		do:     func(by authority.By) error { _, err := x.TellNotice(by, record.ID, in); return err },
		commit: func() { n.told = true }})
}

// replayNotice is preceded by a mail server that refuses the notice, mostly.
func (x *machine) replayNotice() {
	n, record, _ := x.noticeOf(func(n *mNotice) bool { return !n.told && !n.linked() })
	if n != nil && !n.told && !n.linked() && !x.chance(4, "not tried") {
		n.failed = true
		x.must(x.Store().Bookkeep(func(tx *certstore.Tx) error {
			tried := record.Attempted(gate.Attempt{Channel: gate.MailChannel, Channels: []string{gate.MailChannel}, At: x.now(), Permanent: true, Problem: "refused"})
			record = &tried
			certstore.Put(tx, record)
			return nil
		}))
	}
	a := x.actor(gate.DeliverNotice, tag(record))
	r := a.refusals(gate.DeliverNotice)
	r.when(n == nil, gate.NotFound)
	r.when(n != nil && (n.told || !n.failed || n.linked()), gate.Conflict)
	x.try(attempt{name: "ReplayNotice", by: a, refused: r,
		do:     func(by authority.By) error { _, err := x.ReplayNotice(by, record.ID); return err },
		commit: func() { n.failed = false }})
}

// linked says that a secret link is in the notice, which nobody tells and which is sent once.
func (n *mNotice) linked() bool {
	return n.kind == gate.EnrollmentNotice || n.kind == gate.StaffLinkNotice
}
