package authority

import (
	"errors"
	"strings"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// RequestCertification opens a case: the devices it shall cover and the profile that the customer declares.
func (a *Authority) RequestCertification(by By, in gate.Certification) (*gate.Certification, error) {
	if err := errors.Join(by.May(gate.HoldInterview), a.checkProfile(&in.Profile)); err != nil {
		return nil, err
	}
	c := &gate.Certification{
		ID: gate.CertificationID(a.newID(gate.CertificationPrefix)), Contract: in.Contract, Devices: in.Devices, Profile: in.Profile,
		Questions: gate.QuestionsVersion,
		Requested: a.act(by, ""),
	}
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		contract, err := certstore.Get[gate.Contract](tx, string(in.Contract))
		if err != nil {
			return gate.Event{}, gate.InField("contract", err)
		}
		c.Account = contract.Account
		if err := a.goesOn(c.Account); err != nil {
			return gate.Event{}, err
		}
		for _, id := range c.Devices {
			d, err := certstore.Get[gate.Device](tx, string(id))
			if err != nil {
				return gate.Event{}, gate.InField("devices", err)
			}
			if d.Account != c.Account || d.Environment != gate.Production {
				return gate.Event{}, gate.FieldErrorf("devices", "%s is not a production device of the contract's account", id)
			}
		}
		*c = a.followed(*c)
		certstore.Put(tx, c)
		return gate.Event{Verb: gate.CertificationRequested, Account: c.Account, Object: string(c.ID)}, nil
	})
	return c, err
}

// checkProfile refuses a profile of nothing and unknown names.
func (a *Authority) checkProfile(p *gate.Profile) error {
	if err := p.Grant.Check(a.known); err != nil {
		return gate.InField("profile.grant", err)
	}
	if len(p.Grant.Behaviors) == 0 || len(p.Grant.Purposes) == 0 {
		return gate.FieldErrorf("profile.grant", "must name at least one behavior and one purpose: nothing is certified by omission")
	}
	return gate.InField("profile", p.Check())
}

// step is one transition of a case: who may, what it does, and what the customer is told.
type step struct {
	action gate.Action
	verb   gate.Verb
	why    string
	do     func(c gate.Certification, contract *gate.Contract) (gate.Certification, error)
	notice gate.NoticeKind // empty: the customer takes part and need not be told
	// interview is the one that the notice is about, among those of c as it is afterwards; nil: about none.
	interview func(c *gate.Certification) *gate.Interview
	// also tells others than the customer in the same commit; nil: nobody.
	also func(tx *certstore.Tx, was, is *gate.Certification) error
}

// advance runs one transition of a case.
func (a *Authority) advance(by By, id gate.CertificationID, s step) (*gate.Certification, error) {
	if err := by.May(s.action); err != nil {
		return nil, err
	}
	var out gate.Certification
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		c, err := load[gate.Certification](tx, by, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		contract, err := a.termOf(tx, c)
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = s.do(*c, contract); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		if s.notice != "" {
			data := a.caseData(&out, s)
			if s.interview != nil {
				if err := a.invite(tx, &out, s.interview(&out), &data); err != nil {
					return gate.Event{}, err
				}
			}
			if _, err := a.notify(tx, out.Account, s.notice, data); err != nil {
				return gate.Event{}, err
			}
		}
		if s.also != nil {
			if err := s.also(tx, c, &out); err != nil {
				return gate.Event{}, err
			}
		}
		return gate.Event{Verb: s.verb, Account: out.Account, Object: string(out.ID), Why: s.why}, nil
	})
	return &out, err
}

// caseData is what a notice about a step of a case speaks of.
func (a *Authority) caseData(c *gate.Certification, s step) notify.Data {
	_, past, _ := strings.Cut(string(s.verb), ".")
	data := notify.Data{Noun: "certification", Name: string(c.ID), Case: c.ID, Environment: gate.Production.String(), Verb: past, Why: s.why, From: a.moment()}
	switch {
	case s.notice == gate.CertifiedNotice && c.IssuanceDue != nil:
		data.Due = *c.IssuanceDue
	case s.notice == gate.RecertifyNotice && c.RecertifyBy != nil:
		data.Due = *c.RecertifyBy
	}
	return data
}

// resolvedContract reads a contract with its term computed, nil if there is none.
func resolvedContract(tx *certstore.Tx, id gate.ContractID) (*gate.Contract, error) {
	c, err := certstore.Get[gate.Contract](tx, string(id))
	if errors.Is(err, gate.NotFound) {
		return nil, nil //nolint:nilnil // that there is none is an answer, and rules know it
	}
	if err != nil {
		return nil, err
	}
	return c, c.Resolve(time.LoadLocation)
}

// Approve decides a case for the customer.
func (a *Authority) Approve(by By, id gate.CertificationID, why string) (*gate.Certification, error) {
	return a.advance(by, id, step{action: gate.DecideCase, verb: gate.CertificationApproved, why: why, notice: gate.CertifiedNotice,
		do: func(c gate.Certification, contract *gate.Contract) (gate.Certification, error) {
			approved, err := c.Approve(contract, a.Requirements(), a.act(by, why))
			return approved.Promise(a.promise()), err
		}})
}

// Reject decides a case against the customer.
func (a *Authority) Reject(by By, id gate.CertificationID, why string) (*gate.Certification, error) {
	return a.advance(by, id, step{action: gate.DecideCase, verb: gate.CertificationRejected, why: why, notice: gate.RejectedNotice,
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			return c.Reject(a.act(by, why))
		}})
}

// Withdraw ends an undecided case at the customer's wish.
func (a *Authority) Withdraw(by By, id gate.CertificationID, why string) (*gate.Certification, error) {
	return a.advance(by, id, step{action: gate.HoldInterview, verb: gate.CertificationWithdrawn, why: why, notice: gate.RejectedNotice,
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			return c.Withdraw(a.act(by, why))
		}})
}

// Recertify demands that a material change be certified by due.
func (a *Authority) Recertify(by By, id gate.CertificationID, due time.Time, why string) (*gate.Certification, error) {
	due = due.UTC().Truncate(time.Second)
	return a.advance(by, id, step{action: gate.DecideCase, verb: gate.RecertificationDemanded, why: why, notice: gate.RecertifyNotice,
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			return c.Recertify(due, a.act(by, why))
		}})
}

// RevokeCertification ends an approved certification for cause.
func (a *Authority) RevokeCertification(by By, id gate.CertificationID, why string) (*gate.Certification, error) {
	return a.advance(by, id, step{action: gate.Stop, verb: gate.CertificationWasRevoked, why: why, notice: gate.DecertifiedNotice,
		do: func(c gate.Certification, _ *gate.Contract) (gate.Certification, error) {
			return c.Revoke(a.act(by, why))
		}})
}
