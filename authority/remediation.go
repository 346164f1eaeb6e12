package authority

import (
	"errors"
	"fmt"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// Imposition is a remediation as it is asked for.
type Imposition struct {
	Subject gate.Subject
	Measure gate.Measure
	Limit   *gate.Limit // of a throttle
	Until   *time.Time  // nil: until lifted
	Why     string
	// Incident is the one that it is for, which then names it; empty: none. The customer is told its identifier, to appeal, and nothing else of it.
	Incident gate.IncidentID
	// Policy, Risk and Alternatives are what a person says besides of why it is this measure; see gate.PolicyNote. Each may be empty.
	Policy       string
	Risk         string
	Alternatives string
}

// note is what is kept of why it was this measure: nothing unless the person said something. Whom it touches and for how long is known.
func (in *Imposition) note(name string) *gate.PolicyNote {
	if in.Policy == "" && in.Risk == "" && in.Alternatives == "" {
		return nil
	}
	n := &gate.PolicyNote{Version: in.Policy, Risk: in.Risk, Alternatives: in.Alternatives, Scope: fmt.Sprintf("%s %s", in.Subject.Kind, name), Duration: "until it is lifted"}
	switch {
	case in.Measure == gate.Terminate:
		n.Duration = "for good"
	case in.Until != nil:
		n.Duration = "until " + in.Until.UTC().Format(time.RFC3339) + ", or until it is lifted"
	}
	return n
}

// Impose throttles, suspends or terminates. It commits together with the notice to the customer, or not at all, and never waits for delivery.
func (a *Authority) Impose(by By, in Imposition) (*gate.Remediation, error) {
	action := gate.Stop
	if in.Measure == gate.Terminate {
		action = gate.TerminateAccount
	}
	if err := errors.Join(by.May(action), gate.CheckReason(in.Why), a.checkImposition(in)); err != nil {
		return nil, err
	}
	r := &gate.Remediation{
		ID: gate.RemediationID(a.newID(gate.RemediationPrefix)), Subject: in.Subject, Measure: in.Measure, Limit: in.Limit,
		From: a.moment(), Until: in.Until, By: by.Staff, Why: in.Why,
	}
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		var name string
		var err error
		if r.Account, name, err = a.subjectOf(tx, in.Subject); err != nil {
			return gate.Event{}, err
		}
		r.Policy = in.note(name)
		data := suspensionData(r, name)
		data.Incident = in.Incident
		n, err := a.notify(tx, r.Account, gate.SuspensionNotice, data)
		if err != nil {
			return gate.Event{}, err
		}
		r.Notice = n.ID
		certstore.Put(tx, r)
		if err := imposeFor(tx, in.Incident, r); err != nil {
			return gate.Event{}, err
		}
		return gate.Event{Verb: gate.RemediationImposed, Account: r.Account, Object: string(r.ID), Why: in.Why,
			Detail: fmt.Sprintf("%s %s %s", in.Measure, in.Subject.Kind, name)}, nil
	})
	return r, err
}

func (a *Authority) checkImposition(in Imposition) error {
	if err := in.Measure.Check(in.Limit); err != nil {
		return err
	}
	if err := (&gate.PolicyNote{Version: in.Policy, Risk: in.Risk, Alternatives: in.Alternatives}).Check(); err != nil {
		return err
	}
	switch {
	case in.Until != nil && in.Measure == gate.Terminate:
		return gate.FieldErrorf("until", "a termination is for good")
	case in.Until != nil && !in.Until.After(a.now()):
		return gate.FieldErrorf("until", "%s has passed", in.Until.Format(time.RFC3339))
	}
	return nil
}

// subjectOf finds the account that a subject belongs to, and its name for people: the slug path, or the identifier where there is none.
func (a *Authority) subjectOf(tx *certstore.Tx, s gate.Subject) (account gate.AccountID, name string, err error) {
	switch s.Kind {
	case gate.AccountSubject:
		r, err := certstore.Get[gate.Account](tx, s.ID)
		if err != nil {
			return "", "", gate.InField("subject", err)
		}
		return r.ID, r.Slug, nil
	case gate.OrganizationSubject:
		r, err := certstore.Get[gate.Organization](tx, s.ID)
		if err != nil {
			return "", "", gate.InField("subject", err)
		}
		name, err := a.organizationPath(r.ID)
		return r.Account, name, err
	case gate.DeviceSubject:
		r, err := certstore.Get[gate.Device](tx, s.ID)
		if err != nil {
			return "", "", gate.InField("subject", err)
		}
		name, err := a.devicePath(r)
		return r.Account, name, err
	case gate.KeySubject:
		r, err := certstore.Get[gate.Key](tx, s.ID)
		if err != nil {
			return "", "", gate.InField("subject", err)
		}
		return r.Account, string(r.ID), nil
	case gate.CertificateSubject:
		r, err := certstore.Get[gate.Certificate](tx, s.ID)
		if err != nil {
			return "", "", gate.InField("subject", err)
		}
		return r.Account, string(r.ID), nil
	}
	return "", "", gate.FieldErrorf("subject.kind", "%q: must be account, organization, device, key or certificate", gate.Clip(string(s.Kind), 40))
}

// organizationPath is ACCOUNT/ORGANIZATION.
func (a *Authority) organizationPath(id gate.OrganizationID) (string, error) {
	r, err := a.dir.Organization(string(id))
	if err != nil {
		return "", err
	}
	account, err := a.dir.Account(string(r.Account))
	if err != nil {
		return "", err
	}
	return account.Slug + "/" + r.Slug, nil
}

// devicePath is ACCOUNT/ORGANIZATION/DEVICE.
func (a *Authority) devicePath(d *gate.Device) (string, error) {
	organization, err := a.organizationPath(d.Organization)
	return organization + "/" + d.Slug, err
}

func suspensionData(r *gate.Remediation, name string) notify.Data {
	data := notify.Data{Noun: string(r.Subject.Kind), Name: name, Verb: "suspended", From: r.From, Why: r.Why}
	switch r.Measure {
	case gate.Terminate:
		data.Verb = "terminated"
	case gate.Throttle:
		data.Verb, data.Limit = "throttled", r.Limit.Words()
	case gate.Suspend:
	}
	if r.Until != nil {
		data.Until = *r.Until
	}
	return data
}

// Lift ends a throttle or suspension. Whoever imposed it may undo it alone within gate.UndoWindow; later a second person must.
func (a *Authority) Lift(by By, id gate.RemediationID, why string) (*gate.Remediation, error) {
	if err := by.May(gate.Reinstate); err != nil {
		return nil, err
	}
	var out gate.Remediation
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		r, err := load[gate.Remediation](tx, by, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		if err := gate.CheckBars(a.dir.Incidents(r.Account), r.ID, a.now()); err != nil {
			return gate.Event{}, err
		}
		_, name, err := a.subjectOf(tx, r.Subject)
		if err != nil {
			return gate.Event{}, err
		}
		kind, data := gate.ReinstatedNotice, notify.Data{Noun: string(r.Subject.Kind), Name: name, Verb: "reinstated", From: a.moment(), Why: why}
		if r.Limit != nil {
			data.Limit = r.Limit.Words()
		}
		if r.Planned(a.moment()) {
			kind, data.Verb = gate.ClosingNotice, "called off"
		}
		n, err := a.notify(tx, r.Account, kind, data)
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = r.Lift(gate.Lifting{At: a.moment(), By: by.Staff, Why: why, Notice: n.ID}); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		return gate.Event{Verb: gate.RemediationLifted, Account: out.Account, Object: string(out.ID), Why: why}, nil
	})
	return &out, err
}
