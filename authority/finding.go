package authority

import (
	"errors"
	"fmt"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// RaiseFinding notes what was found wanting outside an interview, and tells the customer. Who decides may do so as well: to ask for more
// is no interview.
func (a *Authority) RaiseFinding(by By, id gate.CertificationID, f gate.NewFinding) (*gate.Certification, error) {
	action := gate.HoldInterview
	if by.May(action) != nil && by.May(gate.DecideCase) == nil {
		action = gate.DecideCase
	}
	return a.advance(by, id, step{action: action, verb: gate.FindingRaised, also: a.tellFindings,
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			return c.RaiseFinding(f, a.zoneOf(c.Account), a.act(by, ""))
		}})
}

// AnswerFinding takes the customer's written answer to the n-th finding.
func (a *Authority) AnswerFinding(by By, id gate.CertificationID, n int, answer gate.FindingAnswer) (*gate.Certification, error) {
	answer.CameIn = answer.CameIn.UTC().Truncate(time.Second)
	return a.advance(by, id, step{action: gate.HoldInterview, verb: gate.FindingAnswerTaken,
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			answer.Act = a.act(by, "")
			return c.AnswerFinding(n, answer)
		}})
}

// CloseFinding notes how the n-th finding was settled.
func (a *Authority) CloseFinding(by By, id gate.CertificationID, n int, why string) (*gate.Certification, error) {
	return a.advance(by, id, step{action: gate.HoldInterview, verb: gate.FindingClosed, why: why,
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			return c.CloseFinding(n, a.act(by, why))
		}})
}

// zoneOf is the zone in which an account's days end, UTC if it cannot be told.
func (a *Authority) zoneOf(id gate.AccountID) *time.Location {
	account, err := a.dir.Account(string(id))
	if err != nil {
		return time.UTC
	}
	zone, err := time.LoadLocation(account.Zone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// tellFindings tells the customer of the findings that a step has added.
func (a *Authority) tellFindings(tx *certstore.Tx, was, is *gate.Certification) error {
	var numbers []int
	for n := len(was.Findings); n < len(is.Findings); n++ {
		numbers = append(numbers, n)
	}
	if len(numbers) == 0 {
		return nil
	}
	_, err := a.notify(tx, is.Account, gate.FindingsNotice, a.findingsData(is, "raised", numbers))
	return err
}

// findingsData is what a notice about findings speaks of; what it is due is when the first is.
func (a *Authority) findingsData(c *gate.Certification, verb string, numbers []int) notify.Data {
	now := a.moment()
	data := notify.Data{Noun: "certification", Name: string(c.ID), Case: c.ID, Environment: gate.Production.String(), Verb: verb, From: now}
	for _, n := range numbers {
		f := &c.Findings[n]
		line := notify.Finding{Number: n, Text: f.Text, Severity: string(f.Severity)}
		if f.Due != nil {
			line.Due, line.Overdue = *f.Due, now.After(*f.Due)
			if data.Due.IsZero() || f.Due.Before(data.Due) {
				data.Due = *f.Due
			}
		}
		data.Findings = append(data.Findings, line)
	}
	return data
}

// remindOfFindings tells customers of answers that they owe soon, or owe already.
func (a *Authority) remindOfFindings(now time.Time) error {
	var errs []error
	for _, c := range a.dir.Certifications("") {
		var due []gate.FindingDue
		err := a.store.View(func(tx *certstore.Tx) (err error) {
			due, err = findingsDue(tx, c, now)
			return err
		})
		if err != nil || len(due) == 0 {
			errs = append(errs, err)
			continue
		}
		if err := a.remindOfFindingsIn(c.ID); err != nil && !errors.Is(err, errKnown) {
			errs = append(errs, fmt.Errorf("remind of the findings in %s: %w", c.ID, err))
		}
	}
	return errors.Join(errs...)
}

// findingsDue are the findings of which the customer is to be reminded, by the records.
func findingsDue(tx *certstore.Tx, c *gate.Certification, now time.Time) (due []gate.FindingDue, err error) {
	due = c.FindingsDue(now, func(id string) bool {
		_, e := certstore.Get[gate.Reminder](tx, id)
		if e != nil && !errors.Is(e, gate.NotFound) {
			err = e
		}
		return e == nil
	})
	return due, err
}

// remindOfFindingsIn reminds of all that is due in one case, in one notice, unless it was told or answered since it was looked at.
func (a *Authority) remindOfFindingsIn(id gate.CertificationID) error {
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		c, err := certstore.Get[gate.Certification](tx, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		now := a.moment()
		due, err := findingsDue(tx, c, now)
		if err != nil {
			return gate.Event{}, err
		}
		if len(due) == 0 {
			return gate.Event{}, errKnown
		}
		verb, numbers := "due", make([]int, 0, len(due))
		for _, d := range due {
			numbers = append(numbers, d.Number)
			if d.Days == 0 {
				verb = "overdue"
			}
		}
		n, err := a.notify(tx, c.Account, gate.FindingsNotice, a.findingsData(c, verb, numbers))
		if err != nil {
			return gate.Event{}, err
		}
		for _, d := range due {
			certstore.Put(tx, &gate.Reminder{ID: c.FindingReminderID(d.Number, d.Days), Account: c.Account, Kind: gate.FindingsNotice, Subject: string(c.ID),
				Ends: *c.Findings[d.Number].Due, Days: d.Days, At: now, Notice: n.ID})
		}
		return gate.Event{Verb: gate.CustomerReminded, Account: c.Account, Object: string(c.ID), Detail: fmt.Sprintf("%s: %d %s", gate.FindingsNotice, len(due), verb)}, nil
	})
	return err
}
