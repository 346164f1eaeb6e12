package authority

import (
	"fmt"
	"strings"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Former is an account that has ended, with what its records are kept by.
type Former struct {
	Account   *gate.Account
	Retention gate.Retention
}

// Deletable lists the accounts whose records may be deleted now, in the order of identifiers.
func (a *Authority) Deletable() (list []Former) {
	now := a.now()
	for _, account := range a.dir.Accounts() {
		if r, err := a.retention(account, now); err == nil && r.Deletable(now) {
			list = append(list, Former{account, r})
		}
	}
	return list
}

func (a *Authority) retention(account *gate.Account, now time.Time) (gate.Retention, error) {
	zone, err := time.LoadLocation(account.Zone)
	if err != nil {
		return gate.Retention{}, gate.FieldErrorf("zone", "%q cannot be loaded", account.Zone)
	}
	held := gate.Holdings{Remediations: a.dir.Remediations(account.ID), Contracts: a.dir.Contracts(account.ID)}
	for _, d := range a.dir.Devices(account.ID) {
		held.Certificates = append(held.Certificates, a.dir.Certificates(d.ID)...)
	}
	return held.Retention(now, zone), nil
}

// ProposeDeletion asks that the records of a former customer be deleted. A second person must confirm.
func (a *Authority) ProposeDeletion(by By, id gate.AccountID, why string) (*gate.Account, error) {
	if err := by.May(gate.ManageAccounts); err != nil {
		return nil, err
	}
	var out gate.Account
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		account, err := load[gate.Account](tx, by, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		act := a.act(by, why)
		r, err := a.retention(account, act.At)
		if err != nil {
			return gate.Event{}, err
		}
		if out, err = account.ProposeDeletion(&r, act); err != nil {
			return gate.Event{}, err
		}
		certstore.Put(tx, &out)
		return gate.Event{Verb: gate.DeletionProposed, Account: id, Object: string(id), Why: why, Detail: "ended " + r.Ended.Format(time.RFC3339)}, nil
	})
	return &out, err
}

// DeleteAccount confirms that the records of a former customer be deleted: the account, and everything that belongs to it. The events stay, and one
// more tells of the deletion. Nobody is told: who could be, was in the records. A key or certificate of it is unknown from then on, and refused as
// such; its slug is free again, because events name identifiers, which never are.
func (a *Authority) DeleteAccount(by By, id gate.AccountID) error {
	if err := by.May(gate.DeleteRecords); err != nil {
		return err
	}
	_, err := a.change(by, func(tx *certstore.Tx) (gate.Event, error) {
		account, err := load[gate.Account](tx, by, string(id))
		if err != nil {
			return gate.Event{}, err
		}
		act := a.act(by, "")
		r, err := a.retention(account, act.At)
		if err != nil {
			return gate.Event{}, err
		}
		if err := account.ConfirmDeletion(&r, act); err != nil {
			return gate.Event{}, err
		}
		if err := a.stillMay(account.Deletion.Act.By, gate.ManageAccounts); err != nil {
			return gate.Event{}, err
		}
		detail, err := deleteAll(tx, id)
		if err != nil {
			return gate.Event{}, err
		}
		return gate.Event{Verb: gate.AccountDeleted, Account: id, Object: string(id), Why: account.Deletion.Act.Why,
			Detail: detail + "; proposed by " + string(account.Deletion.Act.By) + "; ended " + r.Ended.Format(time.RFC3339)}, nil
	})
	return err
}

// deleteAll deletes what belongs to an account, and counts it by kind.
func deleteAll(tx *certstore.Tx, id gate.AccountID) (string, error) {
	var all []certstore.Stored
	for r, err := range certstore.Belonging(tx, id) {
		if err != nil {
			return "", err
		}
		r.Body = nil
		all = append(all, r)
	}
	counts := make(map[gate.RecordKind]int)
	for _, r := range all {
		certstore.Delete(tx, r)
		counts[r.Kind]++
	}
	var words []string
	for _, kind := range gate.RecordKinds() {
		if n := counts[kind]; n > 0 {
			words = append(words, fmt.Sprintf("%s %d", kind, n))
		}
	}
	return "records deleted: " + strings.Join(words, ", "), nil
}
