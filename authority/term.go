package authority

import (
	"errors"
	"strings"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// NewTerm is a renewal as it is asked for.
type NewTerm struct {
	Last    gate.Date // inclusive
	Changed bool      // the answer to: has the integration changed materially?
	Why     string
}

// Renew adds the term that follows a contract without gap, and carries its certifications over in the same commit. Where the integration
// has changed materially they must be certified anew gate.RecertificationDays into the new term.
func (a *Authority) Renew(by By, id gate.ContractID, in NewTerm) (*gate.Contract, error) {
	if err := by.May(gate.ManageAccounts); err != nil {
		return nil, err
	}
	var next gate.Contract
	nextID := gate.ContractID(a.newID(gate.ContractPrefix))
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		c, err := loadContract(tx, by, id)
		if err != nil {
			return gate.Event{}, err
		}
		if next, err = c.Renew(nextID, in.Last, gate.Renewal{Changed: in.Changed, Act: a.act(by, in.Why)}); err != nil {
			return gate.Event{}, err
		}
		if err = next.Resolve(time.LoadLocation); err == nil {
			err = errors.Join(a.goesOn(next.Account), a.isFree(&next))
		}
		if err != nil {
			return gate.Event{}, err
		}
		due, err := a.carryOver(tx, &next)
		if err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &next)
		data := notify.Data{Noun: "contract", Name: string(next.ID), Verb: "renewed", LastDay: next.Last, Due: due, Why: in.Why}
		if _, err := a.notify(tx, next.Account, gate.RenewalNotice, data); err != nil {
			return gate.Event{}, err
		}
		return gate.Event{Verb: gate.ContractRenewed, Account: next.Account, Object: string(next.ID), Why: in.Why,
			Detail: string(next.First) + " to " + string(next.Last) + ", " + changedOrNot(in.Changed)}, nil
	})
	return &next, err
}

func changedOrNot(changed bool) string {
	if changed {
		return "changed materially"
	}
	return "unchanged"
}

// loadContract reads a contract with its term computed.
func loadContract(tx *certstore.Tx, by By, id gate.ContractID) (*gate.Contract, error) {
	c, err := load[gate.Contract](tx, by, string(id))
	if err != nil {
		return nil, err
	}
	return c, c.Resolve(time.LoadLocation)
}

// isFree refuses a term that overlaps another one of its account.
func (a *Authority) isFree(c *gate.Contract) error {
	begins, ends := c.Term()
	for _, other := range a.dir.Contracts(c.Account) {
		b, e := other.Term()
		if other.ID != c.ID && other.Ended == nil && begins.Before(e) && b.Before(ends) {
			return gate.Errorf(gate.Conflict, "the term overlaps contract %s (%s to %s)", other.ID, other.First, other.Last)
		}
	}
	return nil
}

// carryOver takes the cases of the term before along, and returns by when the first of them must be certified anew.
func (a *Authority) carryOver(tx *certstore.Tx, next *gate.Contract) (due time.Time, err error) {
	for _, known := range a.dir.Certifications(next.Account) {
		c, err := certstore.Get[gate.Certification](tx, string(known.ID))
		if err != nil {
			return due, err
		}
		carried, ok := c.Carry(next)
		if !ok {
			continue
		}
		if lacking := next.Lacks(a.Requirements()); len(lacking) > 0 && carried.Approved != nil && carried.Revoked == nil {
			return due, gate.Errorf(gate.Conflict, "certification %s cannot go on under a further term: the contract lacks the signed agreement %s, which is required; "+
				"add it to the contract first (certgate contract amend)", carried.ID, lacking[0])
		}
		certstore.Put(tx, &carried)
		if by := carried.RecertifyBy; by != nil && carried.Revoked == nil && (due.IsZero() || by.Before(due)) {
			due = *by
		}
	}
	return due, nil
}

// followed adds the renewals that a contract has already to a new case, so that it goes on with them as the others do.
func (a *Authority) followed(c gate.Certification) gate.Certification {
	for _, k := range a.dir.Contracts(c.Account) { // in the order in which they were made
		c, _ = c.Carry(k)
	}
	return c
}

// endRenewals ends the terms that renew a contract which is ended early: what was stopped must not begin again by itself.
func (a *Authority) endRenewals(tx *certstore.Tx, ended *gate.Contract) error {
	gone := map[gate.ContractID]bool{ended.ID: true}
	for _, known := range a.dir.Contracts(ended.Account) {
		if known.Renewal == nil || !gone[known.Renewal.Of] || known.Ended != nil {
			continue
		}
		k, err := certstore.Get[gate.Contract](tx, string(known.ID))
		if err == nil {
			err = k.Resolve(time.LoadLocation)
		}
		if err != nil {
			return err
		}
		next, err := k.End(ended.Ended.By, ended.Ended.Why, ended.Ended.At)
		if err != nil {
			return err
		}
		gone[known.ID] = true
		certstore.Put(tx, &next)
	}
	return nil
}

// termOf is the term of a case that counts at now, nil if there is none.
func (a *Authority) termOf(tx *certstore.Tx, c *gate.Certification) (*gate.Contract, error) {
	var failed error
	term := c.Term(func(id gate.ContractID) *gate.Contract {
		contract, err := resolvedContract(tx, id)
		failed = errors.Join(failed, err)
		return contract
	}, a.now())
	return term, failed
}

// Amend changes what a contract grants and adds agreements. It counts from the next request on.
func (a *Authority) Amend(by By, id gate.ContractID, to gate.Terms, why string) (*gate.Contract, error) {
	return a.changeContract(by, id, amending{
		action: gate.ManageAccounts, event: gate.Event{Verb: gate.ContractAmended, Why: why}, notice: gate.AmendmentNotice,
		do: func(c gate.Contract) (gate.Contract, error) { return c.Amend(to, a.costOf, a.act(by, why)) },
		data: func(c *gate.Contract) notify.Data {
			return notify.Data{Verb: "amended", LastDay: c.Last, From: a.moment(), Why: why, Granted: granted(c)}
		},
	})
}

// granted says what a contract grants and limits, for people.
func granted(c *gate.Contract) string {
	purposes := make([]string, len(c.Grant.Purposes))
	for i, p := range c.Grant.Purposes {
		purposes[i] = string(p)
	}
	parts := []string{strings.Join(c.Grant.Behaviors, ", ") + " for " + strings.Join(purposes, ", ")}
	for i := range c.Plan {
		parts = append(parts, "at most "+c.Plan[i].Words())
	}
	return strings.Join(parts, "; ")
}

// ProposeExtension asks for a later last day, which a second person must confirm.
func (a *Authority) ProposeExtension(by By, id gate.ContractID, last gate.Date, why string) (*gate.Contract, error) {
	return a.changeContract(by, id, amending{
		action: gate.ManageAccounts, event: gate.Event{Verb: gate.ExtensionProposed, Why: why, Detail: "to " + string(last)},
		do: func(c gate.Contract) (gate.Contract, error) {
			return c.ProposeExtension(last, time.LoadLocation, a.act(by, why))
		},
	})
}

// ConfirmExtension moves the last day of a contract to what another person proposed.
func (a *Authority) ConfirmExtension(by By, id gate.ContractID) (*gate.Contract, error) {
	return a.changeContract(by, id, amending{
		action: gate.ManageAccounts, event: gate.Event{Verb: gate.ContractExtended}, notice: gate.ExtensionNotice,
		do: func(c gate.Contract) (gate.Contract, error) {
			if c.ProposedExtension != nil {
				if err := a.stillMay(c.ProposedExtension.Act.By, gate.ManageAccounts); err != nil {
					return c, err
				}
			}
			next, err := c.ConfirmExtension(time.LoadLocation, a.act(by, ""), by.names())
			if err == nil {
				err = a.isFree(&next)
			}
			return next, err
		},
		data: func(c *gate.Contract) notify.Data {
			return notify.Data{Verb: "extended", LastDay: c.Last, From: a.moment(), Why: c.Extensions[len(c.Extensions)-1].Proposed.Why}
		},
	})
}

// stillMay refuses to confirm what somebody proposed who may not do it any more: two people stand behind a change when it is made.
func (a *Authority) stillMay(proposer gate.StaffID, action gate.Action) error {
	person, err := a.dir.Staff(string(proposer))
	if err != nil || person.Actor(a.now()).May(action) != nil {
		return gate.Errorf(gate.Conflict, "whoever proposed this may not do it any more; somebody who may must propose it again")
	}
	return nil
}

// amending is one change of a contract: who may, what it does, and what the customer is told.
type amending struct {
	action gate.Action
	event  gate.Event
	do     func(c gate.Contract) (gate.Contract, error)
	notice gate.NoticeKind // empty: nothing has changed for the customer
	data   func(c *gate.Contract) notify.Data
}

// changeContract makes one change of a contract.
func (a *Authority) changeContract(by By, id gate.ContractID, m amending) (*gate.Contract, error) {
	if err := by.May(m.action); err != nil {
		return nil, err
	}
	var out gate.Contract
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		c, err := loadContract(tx, by, id)
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = m.do(*c); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		if m.notice != "" {
			data := m.data(&out)
			data.Noun, data.Name = "contract", string(out.ID)
			if _, err := a.notify(tx, out.Account, m.notice, data); err != nil {
				return gate.Event{}, err
			}
		}
		event := m.event
		event.Account, event.Object = out.Account, string(out.ID)
		if event.Verb == gate.ContractExtended {
			event.Detail = "to " + string(out.Last)
		}
		return event, nil
	})
	return &out, err
}
