package authority_test

import (
	"slices"
	"time"

	"github.com/onerecord/certgate/gate"
)

// mCase is a certification as people tell it: what was done to it, by whom and when.
type mCase struct {
	id          gate.CertificationID
	account     gate.AccountID
	terms       []gate.ContractID // its own, then those that it was carried over to
	devices     []gate.DeviceID
	joined      map[gate.DeviceID]gate.StaffID
	behaviors   []string
	purposes    []gate.Purpose
	interviews  []*mInterview
	written     []mWritten
	findings    []*mFinding
	documents   []string
	changes     []*mChange
	approvedBy  gate.StaffID
	approvedAt  time.Time
	closed      bool // rejected or withdrawn
	releasedBy  gate.StaffID
	enrolled    bool
	revoked     bool
	recertifyBy *time.Time
	demandedAt  time.Time
	update      *mUpdate
}

type mInterview struct {
	id          gate.InterviewID
	at          time.Time
	interviewer gate.StaffID
	off         bool // canceled or missed
	heldBy      gate.StaffID
	attachedBy  gate.StaffID // the recording, afterwards
	recorded    bool
	consented   bool
	demo        bool
	answers     []string
}

type mWritten struct {
	by      gate.StaffID
	at      time.Time
	answers []string
}

type mFinding struct {
	question string
	raised   time.Time
	closed   bool
	by       []gate.StaffID // who closed it or wrote down an answer
}

type mChange struct {
	by     gate.StaffID
	judged bool
}

type mUpdate struct {
	at        time.Time
	behaviors []string
	purposes  []gate.Purpose
}

func (c *mCase) approved() bool    { return c.approvedBy != "" }
func (c *mCase) open() bool        { return !c.approved() && !c.closed }
func (c *mCase) certified() bool   { return c.approved() && !c.revoked }
func (c *mCase) recertifies() bool { return c.certified() && c.recertifyBy != nil }

// examinable says whether interviews may be held: before the decision, and while a change has to be certified.
func (c *mCase) examinable() bool { return c.open() || c.recertifies() }

func (c *mCase) planned() *mInterview {
	for _, v := range c.interviews {
		if !v.off && v.heldBy == "" {
			return v
		}
	}
	return nil
}

// tookPart says who may not decide: who interviewed, is to interview, wrote answers down, to questions or findings, or closed a finding.
func (c *mCase) tookPart(who gate.StaffID) bool {
	for _, v := range c.interviews {
		if !v.off && v.interviewer == who || v.heldBy == who || v.attachedBy == who {
			return true
		}
	}
	return slices.ContainsFunc(c.findings, func(f *mFinding) bool { return slices.Contains(f.by, who) }) ||
		slices.ContainsFunc(c.written, func(w mWritten) bool { return w.by == who })
}

// somePart is somebody who took part, if anybody did.
func (c *mCase) somePart() gate.StaffID {
	for _, v := range c.interviews {
		if !v.off {
			return v.interviewer
		}
	}
	return ""
}

// demand is that a change has to be certified by a day, and never later than it had to be before.
func (c *mCase) demand(by, now time.Time) {
	if c.recertifyBy == nil || by.Before(*c.recertifyBy) {
		c.recertifyBy = &by
	}
	c.demandedAt = now
}

func (m *model) term(c *mCase, now time.Time) *mContract {
	var terms []*mContract
	for _, id := range c.terms {
		terms = append(terms, m.contract(id))
	}
	return counts(terms, now)
}

func (m *model) contract(id gate.ContractID) *mContract {
	for _, c := range m.contracts {
		if c.id == id {
			return c
		}
	}
	return nil
}

// complete says whether everything is there that an approval, or a recertification, needs.
func (m *model) complete(c *mCase, now time.Time) bool {
	since := time.Time{}
	if c.recertifies() {
		since = c.demandedAt
		if c.update == nil || c.update.at.Before(since) {
			return false
		}
	}
	var held []*mInterview
	for _, v := range c.interviews {
		if v.heldBy != "" && !v.at.Before(since) {
			held = append(held, v)
		}
	}
	if len(held) == 0 || !held[len(held)-1].recorded || !held[len(held)-1].consented {
		return false
	}
	held = slices.DeleteFunc(held, func(v *mInterview) bool { return !v.recorded || !v.consented })
	if !slices.ContainsFunc(held, func(v *mInterview) bool { return v.demo }) || !c.allAnswered(held, since) {
		return false
	}
	if slices.ContainsFunc(c.findings, func(f *mFinding) bool { return !f.closed }) || len(c.devices) == 0 {
		return false
	}
	term := m.term(c, now)
	return term != nil && !term.over(now) && slices.Contains(term.signed, gate.BusinessAssociate) && slices.Contains(term.signed, gate.Participation)
}

func (c *mCase) allAnswered(held []*mInterview, since time.Time) bool {
	settled := map[string]bool{}
	for _, v := range held {
		for _, q := range v.answers {
			settled[q] = true
		}
	}
	for _, w := range c.written {
		for _, q := range w.answers {
			settled[q] = settled[q] || !w.at.Before(since)
		}
	}
	for _, f := range c.findings {
		settled[f.question] = settled[f.question] || !f.raised.Before(since)
	}
	for _, q := range gate.Questions(gate.QuestionsVersion) {
		if !settled[q.ID] {
			return false
		}
	}
	return true
}

// stands says how an approved case stands under the term that counts: gate.Allowed where calls may be made.
func (c *mCase) stands(term *mContract, now time.Time) gate.Reason {
	switch {
	case c.revoked:
		return gate.CertificationNoLonger
	case term == nil || term.over(now) || !slices.Contains(c.terms, term.id):
		return gate.CertificationEnded
	case c.recertifyBy != nil && !now.Before(*c.recertifyBy):
		return gate.RecertificationOverdue
	}
	return gate.Allowed
}

// may is the whole question: may who holds this key and this certificate call this host in this environment? As reason for one call of
// fhir-query for treatment.
func (m *model) may(k *mKey, c *mCert, host string, now time.Time) gate.Reason {
	d, env := k.device, k.device.env
	if h := m.hosts[host]; h != nil && env < h.strictest && (!h.confirmed || h.over(now) || env < h.to) {
		return gate.StateUnconfirmed
	}
	if env != gate.Sandbox {
		switch {
		case now.Before(c.from):
			return gate.CertificateNotYetValid
		case now.After(c.to):
			return gate.CertificateExpired
		case c.device.env != env:
			return gate.CertificateUnknown
		case c.revoked:
			return gate.CertificateRevoked
		}
	}
	if !k.live(now) || k.waits || env != gate.Sandbox && c.device != d {
		return gate.InvalidToken
	}
	if r := m.stopped(k, c, now); r != gate.Allowed {
		return r
	}
	if env != gate.Production {
		return gate.Allowed
	}
	return m.certifiedFor(d, now)
}

func (m *model) stopped(k *mKey, c *mCert, now time.Time) gate.Reason {
	about := []string{string(k.id), string(k.device.id), string(k.device.org), string(k.device.account)}
	if c != nil {
		about = append(about, string(c.id))
	}
	worst := gate.Allowed
	for _, s := range m.stops {
		if s.throttle || !s.runs(now) || !slices.Contains(about, s.subject.ID) {
			continue
		}
		if s.terminate {
			return gate.AccountTerminated
		}
		worst = gate.AccountSuspended
	}
	return worst
}

// certifiedFor asks for contract, certification and what both grant.
func (m *model) certifiedFor(d *mDevice, now time.Time) gate.Reason {
	term := counts(m.of(d.account), now)
	switch {
	case term == nil:
		return gate.ContractMissing
	case term.waits(now):
		return gate.ContractNotYetStarted
	case term.over(now):
		return gate.ContractHasEnded
	}
	var best *mCase
	for _, c := range m.cases {
		if !c.approved() || !c.enrolled || !slices.Contains(c.devices, d.id) {
			continue
		}
		if best == nil {
			best = c
			continue
		}
		mine, other := slices.Contains(c.terms, term.id), slices.Contains(best.terms, term.id)
		if mine && !other || mine == other && c.approvedAt.After(best.approvedAt) {
			best = c
		}
	}
	if best == nil {
		return gate.CertificationMissing
	}
	if r := best.stands(term, now); r != gate.Allowed {
		return r
	}
	switch {
	case !slices.Contains(term.behaviors, "fhir-query") || !slices.Contains(best.behaviors, "fhir-query"):
		return gate.BehaviorNotGranted
	case !slices.Contains(term.purposes, gate.Treatment) || !slices.Contains(best.purposes, gate.Treatment):
		return gate.PurposeNotGranted
	}
	return gate.Allowed
}
