package authority

import (
	"fmt"
	"slices"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// agenda finds what waits for staff on a day.
type agenda struct {
	*Authority
	day  gate.Date
	zone *time.Location // the operator's
	now  time.Time
}

// chapters are all sorts of things that may wait, the most urgent sort first. While the store is quarantined that is all there is to say: the
// rest is from before what was lost.
func (a *agenda) chapters() ([]chapter, error) {
	if l := a.quarantine.Load(); l != nil {
		return []chapter{{"store that is quarantined: all calls are refused", "", a.lost(l)}}, nil
	}
	failed, err := a.undeliverable()
	if err != nil {
		return nil, err
	}
	ending, err := a.ending()
	if err != nil {
		return nil, err
	}
	return []chapter{
		{"credential to release", "credentials to release", a.owed()},
		{"interview", "interviews", a.inCases(a.interview)},
		{"notice that has not arrived", "notices that have not arrived", failed},
		{"change to be judged", "changes to be judged", a.inCases(a.unjudged)},
		{"proposal that waits for a second person", "proposals that wait for a second person", a.proposals()},
		{"account to review", "accounts to review", a.reviews()},
		{"finding without the answer that was due", "findings without the answers that were due", a.inCases(a.overdue)},
		{fmt.Sprintf("thing that ends within %d days", gate.DigestDays), fmt.Sprintf("things that end within %d days", gate.DigestDays), ending},
	}, nil
}

// clock shows a time on the operator's wall. Midnight is shown as the end of the day before: that is how people say until when.
func (a *agenda) clock(t time.Time) string {
	t = t.In(a.zone)
	if t.Hour() == 0 && t.Minute() == 0 {
		before := t.Add(-time.Second)
		return before.Format("Mon 2 Jan 2006, ") + "24:00 " + before.Format("MST")
	}
	return t.Format("Mon 2 Jan 2006, 15:04 MST")
}

// slug names an account as people type it.
func (a *agenda) slug(id gate.AccountID) string {
	if account, err := a.dir.Account(string(id)); err == nil {
		return account.Slug
	}
	return string(id)
}

func (a *agenda) terminated(id gate.AccountID) bool {
	return a.AccountStatus(id, a.now) == gate.Terminated
}

func (a *agenda) owed() (list []task) {
	for _, c := range a.Queue() {
		if a.terminated(c.Account) {
			continue
		}
		due := "due " + a.clock(*c.IssuanceDue)
		if c.Issuance(a.now) == gate.IssuanceOverdue {
			due = "OVERDUE since " + a.clock(*c.IssuanceDue)
		}
		device := "DEVICE"
		if len(c.Devices) > 0 {
			device = a.path(c.Devices[0])
		}
		list = append(list, task{fmt.Sprintf("%s of %s: %s", c.ID, a.slug(c.Account), due),
			fmt.Sprintf("certgate certification release %s --device %s", c.ID, device)})
	}
	return list
}

// path names a device as people type it.
func (a *agenda) path(id gate.DeviceID) string {
	device, err := a.dir.Device(string(id))
	if err != nil {
		return string(id)
	}
	path, err := a.devicePath(device)
	if err != nil {
		return string(id)
	}
	return path
}

// inCases collects what waits in cases that have not ended.
func (a *agenda) inCases(look func(c *gate.Certification) []task) (list []task) {
	for _, c := range a.dir.Certifications("") {
		if !a.terminated(c.Account) && c.State(c.Term(a.dir.Contract, a.now), a.now) != gate.Ended {
			list = append(list, look(c)...)
		}
	}
	return list
}

func (a *agenda) interview(c *gate.Certification) []task {
	v := c.PlannedUntil(a.day, a.zone)
	if v == nil {
		return nil
	}
	by := string(v.Interviewer)
	if person, err := a.dir.Staff(by); err == nil {
		by = person.Name
	}
	what := fmt.Sprintf("%s of %s: %s, held by %s", c.ID, a.slug(c.Account), a.clock(v.At), by)
	if v.At.Before(a.day.Start(a.zone)) {
		return []task{{what + "; it is not recorded", fmt.Sprintf("certgate certification record %s --file FILE, or miss-interview %s --why REASON", c.ID, c.ID)}}
	}
	return []task{{what, "certgate certification show " + string(c.ID)}}
}

func (a *agenda) overdue(c *gate.Certification) (list []task) {
	for _, n := range c.OverdueFindings(a.now) {
		f := &c.Findings[n]
		list = append(list, task{fmt.Sprintf("finding %d in %s of %s: since %s", n, c.ID, a.slug(c.Account), a.clock(*f.Due)),
			fmt.Sprintf("certgate certification answer-finding %s %d, or schedule %s --finding %d", c.ID, n, c.ID, n)})
	}
	return list
}

func (a *agenda) unjudged(c *gate.Certification) (list []task) {
	for _, n := range c.Unjudged() {
		r := &c.Changes[n]
		list = append(list, task{fmt.Sprintf("change %d (%s) in %s of %s: reported %s", n, r.Kind, c.ID, a.slug(c.Account), a.clock(r.Reported.At)),
			fmt.Sprintf("certgate certification judge-change %s %d --material|--immaterial --why REASON", c.ID, n)})
	}
	return list
}

// undeliverable are the notices that have failed. That a digest did is not told in the next one: every mail would be longer than the last.
func (a *agenda) undeliverable() (list []task, err error) {
	var failed []*gate.Notice
	err = a.store.View(func(tx *certstore.Tx) error {
		for n, err := range certstore.All[gate.Notice](tx) {
			if err != nil {
				return err
			}
			if n.Kind != gate.DigestNotice && n.Kind != gate.UndeliveredNotice && n.State(a.now) == gate.NoticeFailed {
				failed = append(failed, n)
			}
		}
		return nil
	})
	for _, n := range failed {
		to := "staff"
		if n.Account != "" {
			to = a.slug(n.Account)
		}
		list = append(list, task{fmt.Sprintf("%s (%s) to %s of %s: %s", n.ID, n.Kind, to, a.clock(n.CreatedAt), gate.Clip(n.Trouble(), maxReportedProblem)),
			"certgate notice show " + string(n.ID)})
	}
	return list, err
}

// ending is what ends within DigestDays by one of the four clocks, or of staff, unless people act. What devices share is named once.
func (a *agenda) ending() ([]task, error) {
	var ends []ending
	for _, s := range a.dir.People() {
		if c, runs := s.Countdown(a.now); runs {
			ends = append(ends, ending{c, "certificate of " + s.Name + " (staff)", "certgate staff renew (" + s.Name + " alone)"})
		}
	}
	for _, device := range a.dir.Devices("") {
		list, err := a.countdowns(device, a.now)
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			if c.Kind != gate.LinkEndsNotice && !slices.ContainsFunc(ends, func(e ending) bool { return e.Subject == c.Subject }) {
				ends = append(ends, a.endingOf(device, c))
			}
		}
	}
	ends = slices.DeleteFunc(ends, func(e ending) bool { return e.Left(a.now) > gate.DigestDays })
	slices.SortStableFunc(ends, func(x, y ending) int { return x.Ends.Compare(y.Ends) })
	list := make([]task, len(ends))
	for i, e := range ends {
		list[i] = task{e.what + ": " + a.clock(e.Ends), e.do}
	}
	return list, nil
}

// ending is a clock that runs out, in words.
type ending struct {
	gate.Countdown
	what, do string
}

func (a *agenda) endingOf(device *gate.Device, c gate.Countdown) ending {
	path := a.path(device.ID)
	switch c.Kind { //nolint:exhaustive // the others are reminders of no clock
	case gate.ContractEndsNotice:
		return ending{c, fmt.Sprintf("contract %s of %s", c.Subject, a.slug(device.Account)),
			fmt.Sprintf("certgate contract renew %s --last DAY --unchanged|--changed --why REASON", c.Subject)}
	case gate.RecertificationDueNotice:
		return ending{c, fmt.Sprintf("certification %s of %s", c.Subject, a.slug(device.Account)), "certgate certification show " + c.Subject}
	case gate.KeyEndsNotice:
		return ending{c, "replaced key of " + path, "certgate explain " + path + " (does it call with the new one?)"}
	}
	return ending{c, "certificate of " + path, "certgate certification release CASE --device " + path}
}

// lost is the one thing to say of a store from which something is missing.
func (a *agenda) lost(l *gate.Loss) []task {
	what := fmt.Sprintf("%d events since %s are missing", l.Lost.Missing(), a.clock(l.Since))
	if current, err := a.Loss(); err == nil && current.Proposed != nil {
		return []task{{what + "; that they are lost was proposed and waits for a second admin", "certgate audit loss, then certgate audit confirm-loss"}}
	}
	return []task{{what, "certgate audit loss"}}
}

// proposals are what waits for a second person, whoever that must be.
func (a *agenda) proposals() []task {
	list := a.customerProposals()
	for _, s := range a.dir.People() {
		if s.Proposal != nil && s.Disabled == nil {
			list = append(list, task{fmt.Sprintf("staff %s: proposed by %s", s.Name, a.name(s.Proposal.By)), "certgate staff confirm " + s.Name})
		}
	}
	if p := a.Secret().Proposal; p != nil {
		list = append(list, task{fmt.Sprintf("rotation of the %s: proposed by %s", p.Change, a.name(p.Act.By)), "certgate secret confirm"})
	}
	if a.Secret().KitDue() {
		list = append(list, task{"recovery kit of the secret since it was rotated: nobody has taken one", "certgate secret kit > kit.age"})
	}
	for _, h := range a.dir.Hosts() {
		if h.Lowering.Waits(a.now) {
			list = append(list, task{fmt.Sprintf("host %s lowered to %s: proposed by %s", h.Name, h.Lowering.To, a.name(h.Lowering.ProposedBy)), "certgate host confirm " + h.Name})
		}
	}
	for _, ca := range a.dir.CAs() {
		if p := ca.Proposal; p.Waits() && ca.Retired == nil {
			list = append(list, task{fmt.Sprintf("%s to %s: proposed by %s", nameOf(ca), p.Change, a.name(p.Act.By)),
				"certgate ca confirm " + ca.Fingerprint.String()[:16] + ", or certgate ca withdraw"})
		}
	}
	rulings := a.dir.Rulings()
	for _, r := range rulings {
		if r.State(rulings) == gate.RulingWaits {
			list = append(list, task{fmt.Sprintf("version %d of the rules against abuse, for %s: set by %s", r.Version, whomOf(r), a.name(r.Set.By)),
				fmt.Sprintf("certgate rules history %d, then certgate rules confirm %d, or refuse", r.Version, r.Version)})
		}
	}
	for _, i := range a.Imports() {
		if n := i.Waiting(); n > 0 {
			list = append(list, task{fmt.Sprintf("import %s of %s, of which %d tokens and certificates wait: brought in by %s", i.Import.ID, gate.Clip(i.Import.Source, 80), n, a.name(i.Import.By)),
				"certgate import confirm " + string(i.Import.ID)})
		}
	}
	return list
}

func (a *agenda) customerProposals() (list []task) {
	for _, account := range a.dir.Accounts() {
		if p := account.ProposedContacts; p.Waits() {
			list = append(list, task{fmt.Sprintf("contacts of %s: proposed by %s", account.Slug, a.name(p.Act.By)), "certgate account confirm-contact " + account.Slug})
		}
		if p := account.Deletion; p.Waits(a.now) {
			list = append(list, task{fmt.Sprintf("records of %s deleted for good: proposed by %s", account.Slug, a.name(p.Act.By)), "certgate account confirm-deletion " + account.Slug})
		}
	}
	for _, c := range a.dir.Contracts("") {
		if p := c.ProposedExtension; p != nil && a.canStillExtend(c) && !a.terminated(c.Account) {
			list = append(list, task{fmt.Sprintf("contract %s of %s extended to %s: proposed by %s", c.ID, a.slug(c.Account), p.Last, a.name(p.Act.By)),
				"certgate contract confirm-extension " + string(c.ID)})
		}
	}
	return list
}

// canStillExtend reports whether the day to which somebody wishes to extend a contract is still to end.
func (a *agenda) canStillExtend(c *gate.Contract) bool {
	zone, err := time.LoadLocation(c.Zone)
	return err == nil && c.Ended == nil && a.now.Before(c.ProposedExtension.Last.AddDays(1).Start(zone))
}

// name is a member of staff as people know them.
func (a *agenda) name(id gate.StaffID) string {
	if person, err := a.dir.Staff(string(id)); err == nil {
		return person.Name
	}
	return string(id)
}
