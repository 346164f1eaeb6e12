package authority

import (
	"errors"
	"time"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// tellOfStrangers tells the owner of a credential, and staff, that somebody tries one half of it: once a day of an account and rule. It is never
// held against the owner. Where nobody's credential is tried, staff alone are told.
func (a *Authority) tellOfStrangers(now time.Time, f *abuse.Finding) error {
	if f.Mode == abuse.Off {
		return nil
	}
	reminder := &gate.Reminder{ID: gate.StrangersID(f.Account, f.Rule.String(), now), Account: f.Account, Kind: gate.StrangersNotice, Subject: f.Rule.String(), Ends: f.To}
	return a.tellOnce(reminder, func(tx *certstore.Tx) (gate.Event, error) {
		data := notify.Data{Noun: "account", Verb: "tried by strangers", Address: f.Source, From: f.From, Lines: evidenceLines([]abuse.Finding{*f}),
			Command: "certgate explain --help", Name: "nobody's credential"}
		if f.Account != "" {
			account, err := certstore.Get[gate.Account](tx, string(f.Account))
			if err != nil {
				return gate.Event{}, err
			}
			data.Name, data.Command = account.Slug, "certgate watch --account "+account.Slug
			n, err := a.notify(tx, f.Account, gate.StrangersNotice, data)
			if err != nil {
				return gate.Event{}, err
			}
			reminder.Notice = n.ID
		}
		n, err := a.notifyStaff(tx, gate.StaffIncidentNotice, a.incidentStaff(), data)
		if reminder.Notice == "" && n != nil {
			reminder.Notice = n.ID
		}
		return gate.Event{Verb: gate.StrangersTold, Account: f.Account, Object: reminder.ID, Detail: f.Rule.String()}, err
	})
}

// tellOfHeld tells staff of rules that met so many accounts at once that nothing follows: once a day of a rule.
func (a *Authority) tellOfHeld(now time.Time, found []abuse.Finding) error {
	accounts := make(map[abuse.Rule]map[gate.AccountID]bool)
	for i := range found {
		if f := &found[i]; f.Held && f.Mode == abuse.Enforce {
			if accounts[f.Rule] == nil {
				accounts[f.Rule] = make(map[gate.AccountID]bool)
			}
			accounts[f.Rule][f.Account] = true
		}
	}
	var errs []error
	for _, rule := range abuse.Rules() {
		if len(accounts[rule]) == 0 {
			continue
		}
		reminder := &gate.Reminder{ID: gate.RuleHeldID(rule.String(), now), Kind: gate.RuleHeldNotice, Subject: rule.String(), Ends: now.UTC().Truncate(time.Second)}
		err := a.tellOnce(reminder, func(tx *certstore.Tx) (gate.Event, error) {
			data := notify.Data{Noun: "rule", Name: rule.String(), Count: len(accounts[rule]), Command: "certgate incident list --state open"}
			n, err := a.notifyStaff(tx, gate.RuleHeldNotice, a.incidentStaff(), data)
			if err == nil {
				reminder.Notice = n.ID
			}
			return gate.Event{Verb: gate.RuleWasHeld, Object: reminder.ID, Detail: rule.String()}, err
		})
		if err != nil && !errors.Is(err, errKnown) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// tellOnce commits a reminder with what f puts beside it, unless it is there; then it returns errKnown.
func (a *Authority) tellOnce(reminder *gate.Reminder, f func(tx *certstore.Tx) (gate.Event, error)) error {
	_, err := a.change(system, func(tx *certstore.Tx) (gate.Event, error) {
		if last, err := lastReminder(tx, reminder.ID); err != nil || last != nil {
			return gate.Event{}, errors.Join(err, errKnown)
		}
		event, err := f(tx)
		if err != nil {
			return gate.Event{}, err
		}
		reminder.At = a.moment()
		certstore.Put(tx, reminder)
		return event, nil
	})
	return err
}
