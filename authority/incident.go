package authority

import (
	"fmt"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// NewIncident is an incident as it is opened.
type NewIncident struct {
	Subject gate.Subject
	Origin  gate.IncidentOrigin // one of gate.IncidentOrigins
	Why     string              // what was seen, or told
}

// OpenIncident opens an incident. It stops nobody, and the customer is not told: what is imposed for it tells them.
func (a *Authority) OpenIncident(by By, in NewIncident) (*gate.Incident, error) {
	if err := by.May(gate.HandleIncident); err != nil {
		return nil, err
	}
	if in.Origin == gate.IncidentLeak {
		return nil, gate.FieldErrorf("origin", "leak: report the credential as leaked, which opens one")
	}
	return a.openIncident(by, gate.Incident{ID: gate.IncidentID(a.newID(gate.IncidentPrefix)), Subject: in.Subject, Origin: in.Origin}, in.Why)
}

func (a *Authority) openIncident(by By, begun gate.Incident, why string) (*gate.Incident, error) {
	var out gate.Incident
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		i, name, err := a.beginIncident(tx, begun, a.act(by, why))
		if err != nil {
			return gate.Event{}, err
		}
		out = i
		return gate.Event{Verb: gate.IncidentOpened, Account: i.Account, Object: string(i.ID), Why: why,
			Detail: fmt.Sprintf("%s, %s %s", i.Origin, i.Subject.Kind, name)}, nil
	})
	return &out, err
}

// beginIncident puts an incident whose identifier, subject and origin are given; the name of its subject is for people.
func (a *Authority) beginIncident(tx *certstore.Tx, i gate.Incident, act gate.Act) (out gate.Incident, name string, err error) {
	if i.Account, name, err = a.subjectOf(tx, i.Subject); err != nil {
		return out, "", err
	}
	switch i.Subject.Kind {
	case gate.DeviceSubject:
		i.Device = gate.DeviceID(i.Subject.ID)
	case gate.KeySubject:
		k, err := certstore.Get[gate.Key](tx, i.Subject.ID)
		if err != nil {
			return out, "", err
		}
		i.Device = k.Device
	case gate.CertificateSubject:
		c, err := certstore.Get[gate.Certificate](tx, i.Subject.ID)
		if err != nil {
			return out, "", err
		}
		i.Device = c.Device
	case gate.AccountSubject, gate.OrganizationSubject:
	}
	if out, err = i.Open(act); err != nil {
		return out, "", err
	}
	certstore.Put(tx, &out)
	return out, name, nil
}

// NoteIncident adds to an incident what was found or done.
func (a *Authority) NoteIncident(by By, id gate.IncidentID, why string) (*gate.Incident, error) {
	return a.changeIncident(by, id, gate.Event{Verb: gate.IncidentNoted, Why: why}, func(i *gate.Incident, act gate.Act) (gate.Incident, error) {
		return i.Note(act)
	})
}

// MarkIncident marks an incident as a security incident.
func (a *Authority) MarkIncident(by By, id gate.IncidentID, why string) (*gate.Incident, error) {
	return a.changeIncident(by, id, gate.Event{Verb: gate.IncidentMarked, Why: why}, func(i *gate.Incident, act gate.Act) (gate.Incident, error) {
		return i.MarkSecurity(act)
	})
}

// IncidentEnd says what an incident came to.
type IncidentEnd struct {
	Outcome gate.IncidentOutcome
	Stays   bool // of a benign one that was detected: what was seen is usual from then on
	Why     string
}

// CloseIncident ends an incident, and nothing that was imposed for it.
func (a *Authority) CloseIncident(by By, id gate.IncidentID, in IncidentEnd) (*gate.Incident, error) {
	event := gate.Event{Verb: gate.IncidentClosed, Why: in.Why, Detail: string(in.Outcome)}
	if in.Stays {
		event.Detail += ", and has come to stay"
	}
	return a.changeIncident(by, id, event, func(i *gate.Incident, act gate.Act) (gate.Incident, error) {
		return i.Close(gate.IncidentClosing{Act: act, Outcome: in.Outcome, Stays: in.Stays})
	})
}

// changeIncident puts what a transition makes of an incident, with an event that lacks only what it is about.
func (a *Authority) changeIncident(by By, id gate.IncidentID, event gate.Event, to func(*gate.Incident, gate.Act) (gate.Incident, error)) (*gate.Incident, error) {
	return a.tellOfIncident(by, incidentChange{id: id, action: gate.HandleIncident, event: event}, func(_ *certstore.Tx, i *gate.Incident, act gate.Act) (gate.Incident, error) {
		return to(i, act)
	})
}

// incidentChange is a change to an incident: what it takes, and the event that lacks only what it is about.
type incidentChange struct {
	id     gate.IncidentID
	action gate.Action
	event  gate.Event
}

// tellOfIncident is changeIncident where notices go into the same commit.
func (a *Authority) tellOfIncident(by By, c incidentChange, to func(*certstore.Tx, *gate.Incident, gate.Act) (gate.Incident, error)) (*gate.Incident, error) {
	if err := by.May(c.action); err != nil {
		return nil, err
	}
	var out gate.Incident
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		i, err := load[gate.Incident](tx, by, string(c.id))
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = to(tx, i, a.act(by, c.event.Why)); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		done := c.event
		done.Account, done.Object = out.Account, string(out.ID)
		return done, nil
	})
	return &out, err
}

// imposeFor lets the incident that a remediation is for name it, with the step up the ladder that it is.
func imposeFor(tx *certstore.Tx, id gate.IncidentID, r *gate.Remediation) error {
	if id == "" {
		return nil
	}
	i, err := certstore.Get[gate.Incident](tx, string(id))
	if err != nil {
		return gate.InField("incident", err)
	}
	step := gate.Step{At: r.From, Rung: gate.RungSuspend, By: r.By, Notice: r.Notice, Remediation: r.ID}
	if r.Measure == gate.Throttle {
		step.Rung = gate.RungThrottle
	}
	if r.Policy != nil {
		step.Policy = *r.Policy
	}
	named, err := i.Impose(r)
	if err == nil {
		named, err = named.Climb(step)
	}
	if err != nil {
		return gate.InField("incident", err)
	}
	certstore.Put(tx, &named)
	return nil
}

// LeakIncident is the incident that the report of a credential as leaked has opened, or the last of several; nil: none has.
func (a *Authority) LeakIncident(credential string) *gate.Incident {
	var last *gate.Incident
	for _, i := range a.dir.Incidents("") {
		if i.Origin == gate.IncidentLeak && i.Subject.ID == credential {
			last = i
		}
	}
	return last
}

// leakIncident is what the report of a leak opens.
func (a *Authority) leakIncident(kind gate.SubjectKind, credential string) gate.Incident {
	return gate.Incident{ID: gate.IncidentID(a.newID(gate.IncidentPrefix)), Subject: gate.Subject{Kind: kind, ID: credential}, Origin: gate.IncidentLeak}
}

// leakedBefore is for a credential that was revoked already: what was done with it before is to be looked into all the same. There is one
// incident for each credential, so to repeat a report changes nothing.
func (a *Authority) leakedBefore(by By, begun gate.Incident, why string) error {
	if a.LeakIncident(begun.Subject.ID) != nil {
		return nil
	}
	_, err := a.openIncident(by, begun, why)
	return err
}

// countIncidents counts them by state.
func (a *Authority) countIncidents() map[gate.IncidentState]int {
	n := make(map[gate.IncidentState]int)
	for _, s := range gate.IncidentStates() {
		n[s] = 0
	}
	for _, i := range a.dir.Incidents("") {
		n[i.State()]++
	}
	return n
}
