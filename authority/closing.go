package authority

import (
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// CloseAccount plans the end of an account: after its last day, in the account's zone, everything is refused for good. It is a termination
// that begins then, so nothing else has to know of it, and until then somebody else may call it off with Lift. Records are kept.
func (a *Authority) CloseAccount(by By, id gate.AccountID, last gate.Date, why string) (*gate.Remediation, error) {
	if err := by.May(gate.TerminateAccount); err != nil {
		return nil, err
	}
	if err := last.Check(); err != nil {
		return nil, gate.InField("last", err)
	}
	if err := gate.CheckReason(why); err != nil {
		return nil, err
	}
	now := a.moment()
	r := &gate.Remediation{
		ID: gate.RemediationID(a.newID(gate.RemediationPrefix)), Account: id, Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(id)},
		Measure: gate.Terminate, PlannedAt: &now, By: by.Staff, Why: why,
	}
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		account, err := certstore.Get[gate.Account](tx, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		if err := a.closable(account, now); err != nil {
			return gate.Event{}, err
		}
		zone, err := time.LoadLocation(account.Zone)
		if err != nil {
			return gate.Event{}, gate.FieldErrorf("zone", "%q cannot be loaded", account.Zone)
		}
		if r.From = last.AddDays(1).Start(zone).UTC(); !r.From.After(now) {
			return gate.Event{}, gate.FieldErrorf("last", "%s has passed; to end it now, terminate the account", last)
		}
		data := notify.Data{Noun: "account", Name: account.Name, Verb: "closing", LastDay: last, From: r.From, Why: why}
		n, err := a.notify(tx, id, gate.ClosingNotice, data)
		if err != nil {
			return gate.Event{}, err
		}
		r.Notice = n.ID
		certstore.Put(tx, r)
		return gate.Event{Verb: gate.AccountClosing, Account: id, Object: string(r.ID), Why: why, Detail: "last day " + string(last)}, nil
	})
	return r, err
}

// goesOn refuses what would begin anew for an account that is terminated: that is for good, and a customer who is told of another term or
// gets another link would believe otherwise.
func (a *Authority) goesOn(id gate.AccountID) error {
	if a.AccountStatus(id, a.moment()) != gate.Terminated {
		return nil
	}
	return gate.Errorf(gate.Conflict, "the account is terminated, which is for good; nothing new begins in it")
}

// closable refuses a second end of the same account.
func (a *Authority) closable(account *gate.Account, now time.Time) error {
	for _, r := range a.dir.Remediations(account.ID) {
		if r.Subject.Kind == gate.AccountSubject && r.Measure == gate.Terminate && (r.InForce(now) || r.Planned(now)) {
			return gate.Errorf(gate.Conflict, "account %s ends already, by %s from %s; what is only planned can be lifted", account.Slug, r.ID, r.From.Format(time.RFC3339))
		}
	}
	return nil
}
