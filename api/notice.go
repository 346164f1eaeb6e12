package api

import (
	"net/url"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Notice is a message owed to a customer, as it was rendered. Where it carries a secret link, that stays sealed.
type Notice struct {
	ID        gate.NoticeID   `json:"id"`
	Kind      gate.NoticeKind `json:"kind"`
	Account   gate.AccountID  `json:"account"`
	To        []gate.Contact  `json:"to"`
	Subject   string          `json:"subject"`
	Body      string          `json:"body"`
	CreatedAt time.Time       `json:"created_at"`
	HasLink   bool            `json:"has_link"`           // a link is waiting to be delivered with it
	TakenAt   *time.Time      `json:"taken_at,omitempty"` // the link was handed over
}

var notices = listing[*gate.Notice, *Notice]{
	filters: []string{"account"},
	all:     (*exchange).notices,
	id:      func(r *gate.Notice) string { return string(r.ID) },
	view: func(_ *exchange, r *gate.Notice) *Notice {
		return &Notice{ID: r.ID, Kind: r.Kind, Account: r.Account, To: r.To, Subject: r.Subject, Body: r.Body, CreatedAt: r.CreatedAt,
			HasLink: r.SealedLink != nil, TakenAt: r.TakenAt}
	},
}

// notices are read from the store: no decision needs them, so the directory does not hold them.
func (x *exchange) notices(q url.Values) (all []*gate.Notice, err error) {
	account, err := x.accountFilter(q)
	if err != nil {
		return nil, err
	}
	err = x.a.Store().View(func(tx *certstore.Tx) error {
		for n, err := range certstore.All[gate.Notice](tx) {
			if err != nil {
				return err
			}
			if account == "" || n.Account == account {
				all = append(all, n)
			}
		}
		return nil
	})
	return all, err
}
