package authority

import (
	"errors"
	"fmt"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Imposition is a remediation as it is asked for.
type Imposition struct {
	Subject gate.Subject
	Measure gate.Measure
	Until   *time.Time // nil: until lifted
	Why     string
}

// Impose suspends or terminates. It commits together with the notice to the customer, or not at all, and never waits for delivery.
func (a *Authority) Impose(by By, in Imposition) (*gate.Remediation, error) {
	action := gate.Stop
	if in.Measure == gate.Terminate {
		action = gate.TerminateAccount
	}
	if err := errors.Join(by.May(action), gate.CheckReason(in.Why), a.checkImposition(in)); err != nil {
		return nil, err
	}
	r := &gate.Remediation{
		ID: gate.RemediationID(a.newID(gate.RemediationPrefix)), Subject: in.Subject, Measure: in.Measure,
		From: a.moment(), Until: in.Until, By: by.Staff, Why: in.Why,
	}
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		var name string
		var err error
		if r.Account, name, err = subjectOf(tx, in.Subject); err != nil {
			return gate.Event{}, err
		}
		n, err := a.notify(tx, r.Account, gate.SuspensionNotice, suspensionMessage(r, name))
		if err != nil {
			return gate.Event{}, err
		}
		r.Notice = n.ID
		certstore.Put(tx, r)
		return gate.Event{Verb: gate.RemediationImposed, Account: r.Account, Object: string(r.ID), Why: in.Why,
			Detail: fmt.Sprintf("%s %s %s", in.Measure, in.Subject.Kind, name)}, nil
	})
	return r, err
}

func (a *Authority) checkImposition(in Imposition) error {
	switch {
	case in.Measure != gate.Suspend && in.Measure != gate.Terminate:
		return gate.FieldErrorf("measure", "%q: must be suspend or terminate", gate.Clip(string(in.Measure), 40))
	case in.Until != nil && in.Measure == gate.Terminate:
		return gate.FieldErrorf("until", "a termination is for good")
	case in.Until != nil && !in.Until.After(a.now()):
		return gate.FieldErrorf("until", "%s has passed", in.Until.Format(time.RFC3339))
	}
	return nil
}

// subjectOf finds the account that a subject belongs to, and its name for people.
func subjectOf(tx *certstore.Tx, s gate.Subject) (account gate.AccountID, name string, err error) {
	switch s.Kind {
	case gate.AccountSubject:
		r, err := certstore.Get[gate.Account](tx, s.ID)
		if err != nil {
			return "", "", gate.InField("subject", err)
		}
		return r.ID, r.Name, nil
	case gate.OrganizationSubject:
		r, err := certstore.Get[gate.Organization](tx, s.ID)
		if err != nil {
			return "", "", gate.InField("subject", err)
		}
		return r.Account, r.Name, nil
	case gate.DeviceSubject:
		r, err := certstore.Get[gate.Device](tx, s.ID)
		if err != nil {
			return "", "", gate.InField("subject", err)
		}
		return r.Account, r.Name, nil
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

func suspensionMessage(r *gate.Remediation, name string) message {
	verb, until := "suspended", "until it is lifted"
	if r.Measure == gate.Terminate {
		verb, until = "terminated", "for good"
	} else if r.Until != nil {
		until = "until " + r.Until.UTC().Format("2 January 2006, 15:04 UTC")
	}
	return message{
		fmt.Sprintf("The %s %s was %s", r.Subject.Kind, name, verb),
		fmt.Sprintf("From %s on, calls of the %s %s are refused %s.\nReason: %s",
			r.From.Format("2 January 2006, 15:04:05 UTC"), r.Subject.Kind, name, until, r.Why),
	}
}

// Lift ends a suspension. Whoever imposed it may undo it alone within gate.UndoWindow; later a second person must.
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
		_, name, err := subjectOf(tx, r.Subject)
		if err != nil {
			return gate.Event{}, err
		}
		n, err := a.notify(tx, r.Account, gate.ReinstatedNotice, message{
			fmt.Sprintf("The %s %s is reinstated", r.Subject.Kind, name),
			fmt.Sprintf("The suspension of the %s %s was lifted; calls are accepted again.\nReason: %s", r.Subject.Kind, name, why)})
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
