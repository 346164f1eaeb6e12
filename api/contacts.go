package api

import (
	"context"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// NewContacts proposes other contacts of an account; a second person must confirm them. Those of a role that is named become the ones that
// are given for it, those of other roles stay.
type NewContacts struct {
	Contacts []gate.Contact     `json:"contacts,omitempty"`
	Drop     []gate.ContactRole `json:"drop,omitempty"` // roles that are to have nobody
	Why      string             `json:"why"`
}

func proposeContacts(x *exchange, by authority.By, in *NewContacts) (string, error) {
	account, err := x.dir.Account(x.r.PathValue("account"))
	if err != nil {
		return "", err
	}
	made, err := x.a.ProposeContacts(by, account.ID, gate.ContactEdit{Contacts: in.Contacts, Drop: in.Drop}, in.Why)
	return idOf(made, err)
}

func confirmContacts(x *exchange, by authority.By, _ *struct{}) (string, error) {
	account, err := x.dir.Account(x.r.PathValue("account"))
	if err != nil {
		return "", err
	}
	made, err := x.a.ConfirmContacts(by, account.ID)
	return idOf(made, err)
}

func withdrawContacts(x *exchange, by authority.By, _ *struct{}) (string, error) {
	account, err := x.dir.Account(x.r.PathValue("account"))
	if err != nil {
		return "", err
	}
	made, err := x.a.WithdrawContacts(by, account.ID)
	return idOf(made, err)
}

// ProposeContacts asks for other contacts of an account; a second person must confirm them.
func (c *Client) ProposeContacts(ctx context.Context, account string, in NewContacts, o ...Option) (*Account, error) {
	return clientPost[Account](ctx, c, outgoing{address: segments("v1", "accounts", account, "contacts"), options: o}, in)
}

// ConfirmContacts puts the contacts that another person proposed into effect.
func (c *Client) ConfirmContacts(ctx context.Context, account string, o ...Option) (*Account, error) {
	return clientPost[Account](ctx, c, outgoing{address: segments("v1", "accounts", account, "contacts", "confirmation"), options: o}, nil)
}

// WithdrawContacts takes proposed contacts back.
func (c *Client) WithdrawContacts(ctx context.Context, account string, o ...Option) (*Account, error) {
	return clientPost[Account](ctx, c, outgoing{address: segments("v1", "accounts", account, "contacts", "withdrawal"), options: o}, nil)
}
