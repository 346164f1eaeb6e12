package authority

import (
	"fmt"
	"strings"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// ProposeContacts asks for other contacts of an account. A second person must confirm.
func (a *Authority) ProposeContacts(by By, id gate.AccountID, edit gate.ContactEdit, why string) (*gate.Account, error) {
	return a.changeContacts(by, id, gate.Event{Verb: gate.ContactsProposed, Why: why}, func(_ *certstore.Tx, account gate.Account) (gate.Account, error) {
		return account.ProposeContacts(edit, a.act(by, why))
	})
}

// WithdrawContacts takes a proposal for other contacts back.
func (a *Authority) WithdrawContacts(by By, id gate.AccountID) (*gate.Account, error) {
	return a.changeContacts(by, id, gate.Event{Verb: gate.ContactsWithdrawn}, func(_ *certstore.Tx, account gate.Account) (gate.Account, error) {
		return account.WithdrawContacts(a.act(by, ""))
	})
}

// ConfirmContacts puts proposed contacts into effect. In the same commit it ends the enrollment links that are out to an address that is a
// technical contact's no longer, and tells the contacts of now and the former ones.
func (a *Authority) ConfirmContacts(by By, id gate.AccountID) (*gate.Account, error) {
	return a.changeContacts(by, id, gate.Event{Verb: gate.ContactsConfirmed}, func(tx *certstore.Tx, account gate.Account) (gate.Account, error) {
		if p := account.ProposedContacts; p.Waits() {
			if err := a.stillMay(p.Act.By, gate.ManageAccounts); err != nil {
				return account, err
			}
		}
		account, err := account.ConfirmContacts(a.act(by, ""), by.names())
		if err != nil {
			return account, err
		}
		made := &account.ContactChanges[len(account.ContactChanges)-1]
		if made.Ended, err = a.endStranded(tx, by, made, id); err != nil {
			return account, err
		}
		certstore.Put(tx, &account) // the notice goes to the contacts that the transaction has
		n, err := a.notify(tx, id, gate.ContactsNotice, notify.Data{
			Noun: "account", Name: account.Slug, Verb: "changed", From: made.Confirmed.At, Why: made.Proposed.Why,
			Contacts: contactLines(made.To), LinksEnded: len(made.Ended),
		})
		if err != nil {
			return account, err
		}
		n.To = made.Told()
		certstore.Put(tx, n)
		return account, nil
	})
}

// endStranded ends the links of an account that a change of contacts leaves in a mailbox that is not to have them. What was handed out
// with one already stays as it is: only staff can say whether it was the customer who took it.
func (a *Authority) endStranded(tx *certstore.Tx, by By, change *gate.ContactCorrection, account gate.AccountID) (ended []gate.EnrollmentID, err error) {
	for _, known := range a.dir.Enrollments("") {
		if known.Account != account {
			continue
		}
		e, err := certstore.Get[gate.Enrollment](tx, string(known.ID))
		if err != nil {
			return nil, err
		}
		used, err := a.keyUsed(tx, e)
		if err != nil {
			return nil, err
		}
		if s := e.State(used, a.now()); s != gate.EnrollmentOpen && s != gate.EnrollmentRedeemed {
			continue
		}
		n, err := certstore.Get[gate.Notice](tx, string(e.Notice))
		if err != nil {
			return nil, err
		}
		if !change.Strands(n.To) {
			continue
		}
		canceled, err := e.Cancel(used, a.act(by, "the technical contact that it was sent to has changed"))
		if err != nil {
			return nil, err
		}
		certstore.Put(tx, &canceled)
		n.SealedLink = nil
		certstore.Put(tx, n)
		ended = append(ended, e.ID)
	}
	return ended, nil
}

// contactLines shows contacts to people, a line each.
func contactLines(list []gate.Contact) string {
	var lines []string
	for _, c := range list {
		lines = append(lines, fmt.Sprintf("%s: %s <%s>", c.Role, c.Name, c.Email))
	}
	return strings.Join(lines, "\n")
}

// changeContacts makes one step in the change of an account's contacts.
func (a *Authority) changeContacts(by By, id gate.AccountID, event gate.Event, do func(*certstore.Tx, gate.Account) (gate.Account, error)) (*gate.Account, error) {
	if err := by.May(gate.ManageAccounts); err != nil {
		return nil, err
	}
	var out gate.Account
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		account, err := load[gate.Account](tx, by, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = do(tx, *account); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		event := event
		event.Account, event.Object = id, string(id)
		if event.Verb == gate.ContactsConfirmed { // addresses are people's, and an event cannot be taken back
			event.Why = out.ContactChanges[len(out.ContactChanges)-1].Proposed.Why
			if ended := len(out.ContactChanges[len(out.ContactChanges)-1].Ended); ended > 0 {
				event.Detail = fmt.Sprintf("%d enrollment links ended", ended)
			}
		}
		return event, nil
	})
	return &out, err
}
