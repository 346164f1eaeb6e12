package authority

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// tellOfList tells those of staff who manage CAs of a revocation list that could not be read for an hour, and a day before certificates are
// refused for it, each customer that has some. Each once until a list is read again: the record of the same commit says so.
func (a *Authority) tellOfList(ca *gate.CA) error {
	known := a.dir.RevocationList(ca.Fingerprint)
	if known == nil || a.current() == nil || !known.ToTell(a.now()) && !known.ToWarn(ca.Allowance, a.now()) {
		return nil
	}
	var made []gate.NoticeID
	err := a.store.Bookkeep(func(tx *certstore.Tx) error {
		made = nil
		list, err := certstore.Get[gate.RevocationList](tx, known.RecordID())
		if err != nil {
			return err
		}
		at := a.moment()
		if list.ToTell(at) {
			n, err := a.notifyStaff(tx, gate.ListFailsNotice, gate.StaffRecipients(a.dir.People(), gate.ManageCAs, at), a.listTrouble(ca, list))
			if err != nil {
				return err
			}
			list.Told, made = &at, append(made, n.ID)
		}
		if list.ToWarn(ca.Allowance, at) {
			for _, account := range slices.Sorted(maps.Keys(a.under(ca))) {
				data := a.listTrouble(ca, list)
				data.Lines = strings.Join(a.under(ca)[account], "\n")
				n, err := a.notify(tx, account, gate.ListEndsNotice, data)
				if err != nil {
					return err
				}
				made = append(made, n.ID)
			}
			list.Warned = &at
		}
		certstore.Put(tx, list)
		return nil
	})
	if err != nil {
		return fmt.Errorf("tell of the revocation list: %w", err)
	}
	for _, id := range made {
		a.noteNotice(id)
	}
	a.outbox.wakeUp()
	return nil
}

func (a *Authority) listTrouble(ca *gate.CA, list *gate.RevocationList) notify.Data {
	return notify.Data{Noun: "CA", Name: gate.Clip(nameOf(ca), 60), Verb: "failing", Address: list.URL, Why: list.Problem, From: *list.FailingSince,
		Until: ca.Allowance.RefusedFrom(list), Count: a.LeavesByCA()[ca.Fingerprint].Live, Former: caName(ca.Fingerprint)}
}

// under are the live certificates of a CA, a line each, by account.
func (a *Authority) under(ca *gate.CA) map[gate.AccountID][]string {
	lines := make(map[gate.AccountID][]string)
	for _, c := range a.dir.Certificates("") {
		if c.Issuer != ca.Fingerprint || !c.State(a.now()).Live() {
			continue
		}
		path := string(c.Device)
		if d, err := a.dir.Device(path); err == nil {
			if p, err := a.devicePath(d); err == nil {
				path = p
			}
		}
		lines[c.Account] = append(lines[c.Account], path+": "+string(c.ID))
	}
	return lines
}

// listsAge is for how long the list has not been read that was read longest ago, or allowed where it never was, and how many fail.
func (a *Authority) listsAge(now time.Time) (oldest time.Duration, failing int) {
	for _, ca := range a.dir.CAs() {
		if !ca.Reads(now) {
			continue
		}
		since, known := ca.Allowance.Confirmed.At, a.dir.RevocationList(ca.Fingerprint)
		if known.Of(ca.Allowance) {
			since = known.FetchedAt
		}
		if known != nil && known.URL == ca.Allowance.CRL && known.Failures > 0 {
			failing++
		}
		oldest = max(oldest, now.Sub(since))
	}
	return oldest, failing
}
