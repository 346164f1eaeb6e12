package authority

import (
	"fmt"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// ReportChange notes a change to a certified integration, which somebody else must judge.
func (a *Authority) ReportChange(by By, id gate.CertificationID, kind gate.ChangeKind, text string) (*gate.Certification, error) {
	return a.advance(by, id, step{action: gate.HoldInterview, verb: gate.ChangeReported, why: text,
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			return c.ReportChange(kind, text, a.act(by, ""))
		}})
}

// Judgment is what somebody makes of a reported change.
type Judgment struct {
	Change   int // from 0
	Material bool
	Why      string
}

// JudgeChange says whether a reported change is material. If it is, it must be certified within gate.RecertificationDays.
func (a *Authority) JudgeChange(by By, id gate.CertificationID, in Judgment) (*gate.Certification, error) {
	s := step{action: gate.DecideCase, verb: gate.ChangeJudged, why: in.Why,
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			return c.JudgeChange(in.Change, in.Material, a.act(by, in.Why))
		}}
	if in.Material {
		s.notice = gate.RecertifyNotice
	}
	return a.advance(by, id, s)
}

// UpdateProfile takes the profile as the customer declares it after a change, and where its documents are held.
func (a *Authority) UpdateProfile(by By, id gate.CertificationID, profile gate.Profile, documents string) (*gate.Certification, error) {
	return a.advance(by, id, step{action: gate.HoldInterview, verb: gate.ProfileUpdated,
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			return c.UpdateProfile(gate.ProfileUpdate{Profile: profile, Documents: documents, Submitted: a.act(by, "")}, a.known)
		}})
}

// PassRecertification certifies what has changed: the new profile counts from the next request on.
func (a *Authority) PassRecertification(by By, id gate.CertificationID, why string) (*gate.Certification, error) {
	return a.advance(by, id, step{action: gate.DecideCase, verb: gate.ChangeCertified, why: why, notice: gate.RecertifiedNotice,
		do: func(c gate.Certification, contract *gate.Contract) (gate.Certification, error) {
			return c.PassRecertification(contract, a.Requirements(), a.act(by, why))
		}})
}

// Join lets another production device of the same integration be covered by a case. It is released like the others, by somebody else.
func (a *Authority) Join(by By, id gate.CertificationID, device gate.DeviceID, why string) (*gate.Certification, error) {
	if err := by.May(gate.DecideCase); err != nil {
		return nil, err
	}
	var out gate.Certification
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		c, err := load[gate.Certification](tx, by, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		d, err := certstore.Get[gate.Device](tx, string(device))
		if err != nil {
			return gate.Event{}, gate.InField("device", err)
		}
		contract, err := a.termOf(tx, c)
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = c.Join(contract, d, a.act(by, why)); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		data := notify.Data{Noun: "device", Name: d.Slug, Environment: d.Environment.String(), Case: out.ID, Verb: "joined", From: a.moment(), Why: why}
		if _, err := a.notify(tx, out.Account, gate.JoinedNotice, data); err != nil {
			return gate.Event{}, err
		}
		return gate.Event{Verb: gate.DeviceJoined, Account: out.Account, Object: string(out.ID), Why: why, Detail: fmt.Sprintf("%s, %s", d.Slug, d.ID)}, nil
	})
	return &out, err
}
