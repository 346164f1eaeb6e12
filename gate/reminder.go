package gate

import (
	"slices"
	"strconv"
	"time"
)

// Reminder is that a customer, or for an empty Account a member of staff, was reminded that something ends. It commits together with its notice, and there is one for each mark that
// was told: that it exists is what keeps it from being told again.
type Reminder struct {
	ID      string     `json:"id"` // from Countdown.ReminderID
	Account AccountID  `json:"account"`
	Kind    NoticeKind `json:"kind"`
	Subject string     `json:"subject"` // identifier of what ends
	Ends    time.Time  `json:"ends"`
	Days    int        `json:"days"` // the mark, one of Countdown.Marks; fewer days may have been left when it was told
	// Percent is the mark of a quota, one of QuotaMarks, and Used what was used of it then (units). Of a device that is cut off Ends is since when.
	Percent int       `json:"percent,omitempty"`
	Used    int64     `json:"used,omitempty"`
	At      time.Time `json:"at"`
	Notice  NoticeID  `json:"notice"`
}

// Countdown is something that ends unless people act, and of which the customer is reminded.
type Countdown struct {
	Kind    NoticeKind // one of ReminderKinds
	Subject string     // identifier of the contract, certification, certificate, key or enrollment
	Since   time.Time  // when this end was settled; a mark before that is not told, for whoever settled it told the end
	Ends    time.Time  // the first instant at which it has run out
}

// ReminderKinds are the kinds of notice that remind, a closed list.
func ReminderKinds() []NoticeKind {
	return append(customerReminders(), StaffCertificateEndsNotice, CAEndsNotice)
}

func customerReminders() []NoticeKind {
	return []NoticeKind{ContractEndsNotice, RecertificationDueNotice, CertificateEndsNotice, KeyEndsNotice, OldInUseNotice, LinkEndsNotice}
}

// ReminderDays are the marks at which a customer is reminded, in days of 24 hours before the end, the last one first.
func ReminderDays() []int { return []int{1, 7, 14, 30, 60, 90} }

// Marks are the marks of this countdown. A link is reminded of once, a day before it ends; it lives for EnrollmentLifetime.
func (c *Countdown) Marks() []int {
	switch c.Kind {
	case LinkEndsNotice:
		return []int{1}
	case OldInUseNotice: // once a week, on other days than its end itself
		return []int{3, 10, 17, 24}
	default:
	}
	return ReminderDays()
}

// Due is the mark that is to be told at now; sent says whether a reminder exists. After a pause it is the nearest one alone: one that
// was missed is not made up for. A renewal moves the end, and with it every mark.
func (c *Countdown) Due(now time.Time, sent func(id string) bool) (days int, due bool) {
	marks := c.Marks()
	nearest := slices.IndexFunc(marks, func(days int) bool { return !now.Before(c.mark(days)) })
	if nearest < 0 || !now.Before(c.Ends) || !c.Since.Before(c.mark(marks[nearest])) {
		return 0, false
	}
	for _, days := range marks[:nearest+1] {
		if sent(c.ReminderID(days)) {
			return 0, false // a later one is there if the clock was set back
		}
	}
	return marks[nearest], true
}

func (c *Countdown) mark(days int) time.Time {
	return c.Ends.Add(-time.Duration(days) * 24 * time.Hour)
}

// Left is how many days are left at now, a part of a day counting as one.
func (c *Countdown) Left(now time.Time) int {
	return int((c.Ends.Sub(now) + 24*time.Hour - 1) / (24 * time.Hour))
}

// ReminderID names the reminder of a mark. What ends, when, and the mark are in it, so that it can be made only once.
func (c *Countdown) ReminderID(days int) string {
	return string(c.Kind) + "/" + c.Subject + "/" + c.Ends.UTC().Format(time.RFC3339) + "/" + strconv.Itoa(days)
}

// Belongings are what a device holds beside what Caller shows.
type Belongings struct {
	Keys         []*Key         // all of the device
	Certificates []*Certificate // all of the device
	Links        []*Enrollment  // all of the device
	// Uses are the last uses of keys and certificates, by identifier; what is not known is left out.
	Uses map[string]*Use
}

// Countdowns are those that run for a device at now; c has its newest certificate. Where account, organization or device are terminated
// by the end, there is nothing to remind of, and without a certification in force credentials are no use.
func Countdowns(c *Caller, b *Belongings, now time.Time) []Countdown {
	var list []Countdown
	run := func(k Countdown) {
		if k.Ends = k.Ends.UTC(); k.Ends.After(now) && !c.terminated(k.Ends) {
			list = append(list, k)
		}
	}
	for _, link := range b.Links {
		if link.State(false, now) == EnrollmentOpen {
			run(Countdown{LinkEndsNotice, string(link.ID), link.ReleasedAt, link.ExpiresAt})
		}
	}
	if c.Device == nil || !c.Device.Environment.NeedsCertification() {
		return list
	}
	term, termEnds := c.lastTerm(now)
	if term != nil {
		run(Countdown{ContractEndsNotice, string(term.ID), term.settled(), termEnds})
	}
	certified, ends := c.lastCertified(now)
	if certified == nil {
		return list
	}
	if ends.Before(termEnds) { // else it ends with the contract, of which the customer is reminded
		run(Countdown{RecertificationDueNotice, string(certified.ID), certified.settled(), ends})
	}
	if crt := c.Certificate; crt != nil && crt.State(now).Live() && StatusOf(c.Remediations[OfCertificate], now) != Terminated {
		run(Countdown{CertificateEndsNotice, string(crt.ID), crt.IssuedAt, crt.NotAfter.Add(time.Second)})
	}
	for _, key := range append(b.retiring(now), b.oldInUse(now)...) {
		run(key)
	}
	return list
}

// seenLately is how long after its last use a key or certificate still counts as in use.
const seenLately = 3 * 24 * time.Hour

// oldInUse are the keys and certificates that were replaced and are still presented all the same.
func (b *Belongings) oldInUse(now time.Time) []Countdown {
	var list []Countdown
	add := func(id string, since, ends time.Time) {
		if u := b.Uses[id]; u != nil && u.At.After(since) && now.Sub(u.At) < seenLately {
			list = append(list, Countdown{OldInUseNotice, id, since, ends})
		}
	}
	for _, k := range b.Keys {
		if by := k.ReplacedBy(b.Keys, now); by != nil && k.State(now) == Retiring {
			add(string(k.ID), by.IssuedAt, *k.RetireAt)
		}
	}
	for _, c := range b.Certificates {
		if by := c.ReplacedBy(b.Certificates, now); by != nil && c.State(now).Live() {
			add(string(c.ID), by.IssuedAt, c.NotAfter.Add(time.Second))
		}
	}
	return list
}

// retiring are the keys that were replaced and still count, since the key that replaced them.
func (b *Belongings) retiring(now time.Time) []Countdown {
	var list []Countdown
	var since time.Time
	for _, k := range b.Keys {
		if k.IssuedAt.After(since) {
			since = k.IssuedAt
		}
	}
	for _, k := range b.Keys {
		if k.State(now) == Retiring {
			list = append(list, Countdown{KeyEndsNotice, string(k.ID), since, *k.RetireAt})
		}
	}
	return list
}

// terminated reports whether account, organization or device are, or are planned to be, terminated at now.
func (c *Caller) terminated(now time.Time) bool {
	return slices.ContainsFunc(c.Remediations[:OfKey], func(level []*Remediation) bool { return StatusOf(level, now) == Terminated })
}

// settled is when the last day of the contract was agreed.
func (c *Contract) settled() time.Time {
	if n := len(c.Extensions); n > 0 {
		return c.Extensions[n-1].Confirmed.At
	}
	return c.CreatedAt
}

// settled is when the end of the certification was settled.
func (c *Certification) settled() time.Time {
	if c.RecertifyBy != nil && c.Demanded != nil {
		return c.Demanded.At
	}
	return c.Approved.At
}
