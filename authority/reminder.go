package authority

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// remind tells customers what of theirs ends soon. Each reminder is a commit of its own: record, notice and event. Whether one is due is
// asked of the records, so neither a restart nor a pause makes one come twice. What devices share, such as the contract, is told once.
func (a *Authority) remind(now time.Time) error {
	var errs []error
	for _, device := range a.dir.Devices("") {
		list, err := a.countdowns(device, now)
		errs = append(errs, err)
		for i := range list {
			if due, err := a.isDue(&list[i], now); err != nil || !due {
				errs = append(errs, err)
				continue
			}
			if err := a.remindOf(device, list[i]); err != nil && !errors.Is(err, errKnown) {
				errs = append(errs, fmt.Errorf("remind of %s: %w", list[i].Subject, err))
			}
		}
	}
	return errors.Join(append(errs, a.remindOfFindings(now), a.remindStaff(now), a.remindOfCAs(now))...)
}

// countdowns are those that run for the device.
func (a *Authority) countdowns(device *gate.Device, now time.Time) ([]gate.Countdown, error) {
	var request gate.Request
	caller, err := a.Rehearse(&request, device, now)
	if err != nil {
		return nil, err
	}
	held := gate.Belongings{Keys: a.dir.Keys(device.ID), Certificates: a.dir.Certificates(device.ID), Links: a.dir.Enrollments(device.ID)}
	held.Uses = a.usesOf(&held)
	return gate.Countdowns(caller, &held, now), nil
}

// expiring counts what ends within each mark, unless people act; what devices share counts once.
func (a *Authority) expiring(now time.Time) map[Expiring]int {
	counts := make(map[Expiring]int)
	for _, kind := range gate.ReminderKinds() {
		for _, days := range gate.ReminderDays() {
			counts[Expiring{kind, days}] = 0
		}
	}
	count := func(c *gate.Countdown) {
		for _, days := range gate.ReminderDays() {
			if c.Left(now) <= days {
				counts[Expiring{c.Kind, days}]++
			}
		}
	}
	for _, s := range a.dir.People() {
		if c, runs := s.Countdown(now); runs {
			count(&c)
		}
	}
	for _, end := range a.CAEnds() {
		count(&end.Countdown)
	}
	for _, days := range append([]int{0}, gate.ReminderDays()...) {
		counts[Expiring{ReviewDue, days}] = 0
	}
	for _, r := range a.Reviews() {
		due := gate.Countdown{Kind: ReviewDue, Ends: r.Due()}
		if count(&due); r.State(now) == gate.ReviewOverdue {
			counts[Expiring{ReviewDue, 0}]++
		}
	}
	seen := make(map[string]bool)
	for _, device := range a.dir.Devices("") {
		list, err := a.countdowns(device, now)
		if err != nil {
			continue // the job reports it
		}
		for _, c := range list {
			if seen[c.Subject] {
				continue
			}
			seen[c.Subject] = true
			count(&c)
		}
	}
	return counts
}

// isDue looks without holding up changes; remindOf looks again.
func (a *Authority) isDue(c *gate.Countdown, now time.Time) (due bool, err error) {
	err = a.store.View(func(tx *certstore.Tx) error {
		_, due, err = dueNow(tx, c, now)
		return err
	})
	return due, err
}

// dueNow is the mark that is due by the records.
func dueNow(tx *certstore.Tx, c *gate.Countdown, now time.Time) (days int, due bool, err error) {
	days, due = c.Due(now, func(id string) bool {
		_, e := certstore.Get[gate.Reminder](tx, id)
		if e != nil && !errors.Is(e, gate.NotFound) {
			err = e
		}
		return e == nil
	})
	return days, due, err
}

// remindOf tells one countdown of a device, unless it was told, wound up or stopped since it was looked at.
func (a *Authority) remindOf(device *gate.Device, c gate.Countdown) error {
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		now := a.moment()
		current, err := a.countdowns(device, now)
		if err != nil {
			return gate.Event{}, err
		}
		days, due, err := dueNow(tx, &c, now)
		if err != nil {
			return gate.Event{}, err
		}
		if !due || !slices.Contains(current, c) {
			return gate.Event{}, errKnown
		}
		data, err := a.reminderData(device, &c)
		if err != nil {
			return gate.Event{}, err
		}
		data.Due, data.Days = c.Ends, c.Left(now)
		n, err := a.notify(tx, device.Account, c.Kind, data)
		if err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &gate.Reminder{ID: c.ReminderID(days), Account: device.Account, Kind: c.Kind, Subject: c.Subject, Ends: c.Ends, Days: days, At: now, Notice: n.ID})
		return gate.Event{Verb: gate.CustomerReminded, Account: device.Account, Object: c.Subject,
			Detail: fmt.Sprintf("%s at %s, %s left", c.Kind, c.Ends.Format(time.RFC3339), data.Left())}, nil
	})
	return err
}

// reminderData says what it is that ends.
func (a *Authority) reminderData(device *gate.Device, c *gate.Countdown) (notify.Data, error) {
	data := notify.Data{Environment: device.Environment.String(), Name: c.Subject}
	switch c.Kind {
	case gate.ContractEndsNotice:
		data.Noun = "contract"
		if contract := a.dir.Contract(gate.ContractID(c.Subject)); contract != nil {
			data.LastDay = contract.Last
		}
		return data, nil
	case gate.RecertificationDueNotice:
		data.Noun, data.Case = "certification", gate.CertificationID(c.Subject)
		return data, nil
	case gate.CertificateEndsNotice:
		data.Noun = "certificate"
	case gate.KeyEndsNotice:
		data.Noun = "key"
	case gate.OldInUseNotice:
		a.oldInUse(device, c, &data)
	default:
		data.Noun = "enrollment link"
		if link := a.dir.Enrollment(gate.EnrollmentID(c.Subject)); link != nil {
			data.Case, data.From = link.Certification, link.ReleasedAt
		}
	}
	var err error
	data.Name, err = a.devicePath(device)
	return data, err
}
