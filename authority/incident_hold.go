package authority

import (
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// HoldIncident takes an incident into people's hands: nothing more happens by itself, and what is in force stays.
func (a *Authority) HoldIncident(by By, id gate.IncidentID, why string) (*gate.Incident, error) {
	return a.changeIncident(by, id, gate.Event{Verb: gate.IncidentWasHeld, Why: why}, func(i *gate.Incident, act gate.Act) (gate.Incident, error) {
		return i.Hold(act)
	})
}

// ReleaseIncident ends the hold.
func (a *Authority) ReleaseIncident(by By, id gate.IncidentID, why string) (*gate.Incident, error) {
	return a.changeIncident(by, id, gate.Event{Verb: gate.IncidentReleased, Why: why}, func(i *gate.Incident, act gate.Act) (gate.Incident, error) {
		return i.Release(act)
	})
}

// NewPlan is a corrective-action plan as it was agreed with the customer.
type NewPlan struct {
	Text string    // what the customer will do; it is told so
	Due  gate.Date // the last day, in the account's zone
	Why  string
}

// AgreePlan notes a corrective-action plan, and tells the customer's contacts what was agreed.
func (a *Authority) AgreePlan(by By, id gate.IncidentID, in NewPlan) (*gate.Incident, error) {
	if err := in.Due.Check(); err != nil {
		return nil, gate.InField("due", err)
	}
	event := gate.Event{Verb: gate.PlanAgreed, Why: in.Why, Detail: "due on " + string(in.Due)}
	return a.tellOfIncident(by, incidentChange{id: id, action: gate.HandleIncident, event: event}, func(tx *certstore.Tx, i *gate.Incident, act gate.Act) (gate.Incident, error) {
		zone, err := zoneOf(tx, i.Account)
		if err != nil {
			return gate.Incident{}, err
		}
		if err := gate.CheckIncidentText(act.Why); err != nil {
			return gate.Incident{}, err
		}
		last := in.Due.AddDays(1).Start(zone).Add(-time.Second)
		n, err := a.notify(tx, i.Account, gate.PlanAgreedNotice, notify.Data{Noun: "incident", Name: string(i.ID), Incident: i.ID, Verb: "agreed", From: act.At,
			Due: last, Lines: in.Text})
		if err != nil {
			return gate.Incident{}, err
		}
		return i.Agree(gate.CorrectivePlan{Text: in.Text, Due: in.Due, Agreed: act, Notice: n.ID}, zone)
	})
}

// zoneOf is where the days of an account begin.
func zoneOf(tx *certstore.Tx, id gate.AccountID) (*time.Location, error) {
	account, err := certstore.Get[gate.Account](tx, string(id))
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(account.Zone)
	if err != nil {
		return time.UTC, nil //nolint:nilerr // a zone that this machine does not know any more is told in UTC, as in notices
	}
	return zone, nil
}

// PlanDone says that the customer has done what was agreed.
func (a *Authority) PlanDone(by By, id gate.IncidentID, why string) (*gate.Incident, error) {
	return a.changeIncident(by, id, gate.Event{Verb: gate.PlanWasDone, Why: why}, func(i *gate.Incident, act gate.Act) (gate.Incident, error) {
		return i.PlanDone(act)
	})
}

// BarIncident keeps what was imposed for an incident from being lifted before a time. It takes from others what they may do, so it takes the
// right to reinstate; only an appeal that somebody else grants ends it before.
func (a *Authority) BarIncident(by By, id gate.IncidentID, until time.Time, why string) (*gate.Incident, error) {
	until = until.UTC().Truncate(time.Second)
	event := gate.Event{Verb: gate.AccountBarred, Why: why, Detail: "until " + until.Format(time.RFC3339)}
	return a.tellOfIncident(by, incidentChange{id: id, action: gate.Reinstate, event: event}, func(tx *certstore.Tx, i *gate.Incident, act gate.Act) (gate.Incident, error) {
		n, err := a.notify(tx, i.Account, gate.BarredNotice, notify.Data{Noun: "incident", Name: string(i.ID), Incident: i.ID, Verb: "barred", From: act.At,
			Until: until, Why: act.Why})
		if err != nil {
			return gate.Incident{}, err
		}
		return i.Bar(gate.Bar{Until: until, Act: act, Notice: n.ID})
	})
}
