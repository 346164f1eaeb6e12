package authority

import (
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// message is what a notice says.
type message struct{ subject, body string }

// notify puts a notice to an account's contacts into the same commit as what it tells of. Delivery comes after.
func (a *Authority) notify(tx *certstore.Tx, id gate.AccountID, kind gate.NoticeKind, m message) (*gate.Notice, error) {
	account, err := certstore.Get[gate.Account](tx, string(id))
	if err != nil {
		return nil, err
	}
	n := &gate.Notice{
		ID: gate.NoticeID(a.newID(gate.NoticePrefix)), Kind: kind, Account: id, To: gate.Recipients(account, kind),
		Subject: m.subject, Body: "To " + account.Name + ",\n\n" + m.body + "\n", CreatedAt: a.moment(),
	}
	certstore.Put(tx, n)
	return n, nil
}

// Notices lists the notices to an account, the newest first; to all accounts for an empty identifier. At most limit.
func (a *Authority) Notices(account gate.AccountID, limit int) ([]*gate.Notice, error) {
	var all []*gate.Notice
	err := a.store.View(func(tx *certstore.Tx) error {
		for n, err := range certstore.All[gate.Notice](tx) {
			if err != nil {
				return err
			}
			if account == "" || n.Account == account {
				all = append([]*gate.Notice{n}, all...)
			}
		}
		return nil
	})
	if len(all) > limit {
		all = all[:limit]
	}
	return all, err
}

// blankLinks removes secret links that are of no use any more: taken and used, spent, expired or replaced.
func (a *Authority) blankLinks() error {
	now := a.now()
	return a.store.Bookkeep(func(tx *certstore.Tx) error {
		for n, err := range certstore.All[gate.Notice](tx) {
			if err != nil {
				return err
			}
			if n.SealedLink == nil {
				continue
			}
			if live, err := a.linkIsLive(tx, n.ID, now); err != nil || live {
				continue // one that cannot be judged now is judged the next time
			}
			n.SealedLink = nil
			certstore.Put(tx, n)
		}
		return nil
	})
}

func (a *Authority) linkIsLive(tx *certstore.Tx, notice gate.NoticeID, now time.Time) (bool, error) {
	for _, e := range a.dir.Enrollments("") {
		if e.Notice != notice {
			continue
		}
		used, err := a.keyUsed(tx, e)
		if err != nil {
			return false, err
		}
		state := e.State(used, now)
		return state == gate.EnrollmentOpen || state == gate.EnrollmentRedeemed, nil
	}
	return false, nil
}
