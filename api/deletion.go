package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Deletable is an account that ended so long ago that its records may be deleted.
type Deletable struct {
	Account   gate.AccountID         `json:"account"`
	Slug      string                 `json:"slug"`
	Name      string                 `json:"name"`
	Ended     time.Time              `json:"ended"`      // when it was terminated
	KeptUntil time.Time              `json:"kept_until"` // by law
	Proposal  *gate.DeletionProposal `json:"proposal,omitempty"`
}

// Deletion is how the deletion of an account's records stands.
type Deletion struct {
	Account  gate.AccountID         `json:"account"`
	Slug     string                 `json:"slug,omitempty"` // while it is there
	Deleted  bool                   `json:"deleted"`
	Proposal *gate.DeletionProposal `json:"proposal,omitempty"`
}

func listDeletable(x *exchange) error {
	if _, err := x.query(); err != nil {
		return err
	}
	page := Page[*Deletable]{Items: []*Deletable{}}
	for _, f := range x.a.Deletable() {
		page.Items = append(page.Items, &Deletable{Account: f.Account.ID, Slug: f.Account.Slug, Name: f.Account.Name, Ended: f.Retention.Ended,
			KeptUntil: f.Retention.KeptUntil, Proposal: f.Account.Deletion})
	}
	return x.json(http.StatusOK, page)
}

// showDeletion also shows what is gone, to whoever repeats the request that made it so.
func (x *exchange) showDeletion(id string) (*shown, error) {
	account, err := x.dir.Account(id)
	if errors.Is(err, gate.NotFound) {
		return &shown{view: &Deletion{Account: gate.AccountID(id), Deleted: true}}, nil
	}
	if err != nil {
		return nil, err
	}
	return &shown{view: &Deletion{Account: account.ID, Slug: account.Slug, Proposal: account.Deletion}, etag: certstore.ETag(account)}, nil
}

func proposeDeletion(x *exchange, by authority.By, in *Why) (string, error) {
	account, err := x.dir.Account(x.r.PathValue("account"))
	if err != nil {
		return "", err
	}
	made, err := x.a.ProposeDeletion(by, account.ID, in.Why)
	return idOf(made, err)
}

func confirmDeletion(x *exchange, by authority.By, _ *struct{}) (string, error) {
	account, err := x.dir.Account(x.r.PathValue("account"))
	if err != nil {
		return "", err
	}
	return string(account.ID), x.a.DeleteAccount(by, account.ID)
}

// Deletable lists the accounts whose records may be deleted.
func (c *Client) Deletable(ctx context.Context) (*Page[Deletable], error) {
	return clientGet[Page[Deletable]](ctx, c, segments("v1", "deletable"), nil)
}

// ProposeDeletion asks that the records of a former customer be deleted; a second person must confirm.
func (c *Client) ProposeDeletion(ctx context.Context, account, why string, o ...Option) (*Deletion, error) {
	return clientPost[Deletion](ctx, c, outgoing{address: segments("v1", "accounts", account, "deletion"), options: o}, Why{Why: why})
}

// ConfirmDeletion deletes the records of a former customer for good, as another person proposed.
func (c *Client) ConfirmDeletion(ctx context.Context, account string, o ...Option) (*Deletion, error) {
	return clientPost[Deletion](ctx, c, outgoing{address: segments("v1", "accounts", account, "deletion", "confirmation"), options: o}, nil)
}
