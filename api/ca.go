package api

import (
	"context"
	"net/url"
	"strings"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// NewRotation asks that the standby of an audience begins to issue.
type NewRotation struct {
	Audience gate.Audience `json:"audience"` // customers or staff
	Why      string        `json:"why"`
}

// NewCARequest asks for a key and signing request of the next standby. It takes the place of one that waits.
type NewCARequest struct {
	Audience gate.Audience `json:"audience"` // customers or staff
}

// NewCA is the certificate that the root signed for the request that waits.
type NewCA struct {
	Certificate string `json:"certificate"` // PEM
}

// NewRetirement is the end of a CA. Without either flag no certificate under it may be left; with one, a second admin must confirm, and what is left
// is revoked.
type NewRetirement struct {
	Compromised bool   `json:"compromised,omitempty"` // its key may be in other hands
	RevokeAll   bool   `json:"revoke_all,omitempty"`  // of an imported CA
	Why         string `json:"why"`
}

// minCAPrefix is how much of a fingerprint names a CA: what its paths show.
const minCAPrefix = 16

// findCA finds a CA by its fingerprint, at least the first 16 digits of it, or by the common name of one of ours.
func (x *exchange) findCA(name string) (*gate.CA, error) {
	for _, r := range x.dir.CAs() {
		if len(name) >= minCAPrefix && strings.HasPrefix(r.RecordID(), name) || r.Imported == nil && x.caName(r) == name {
			return r, nil
		}
	}
	return nil, absent("CA", name)
}

func (x *exchange) showCA(name string) (*shown, error) {
	r, err := x.findCA(name)
	if err != nil {
		return nil, err
	}
	return &shown{view: x.caView(r), etag: certstore.ETag(r), path: "/v1/ca/" + url.PathEscape(r.RecordID())}, nil
}

func rotateCA(x *exchange, by authority.By, in *NewRotation) (string, error) {
	made, err := x.a.RotateCA(by, in.Audience, in.Why)
	return idOf(made, err)
}

func requestCA(x *exchange, by authority.By, in *NewCARequest) (string, error) {
	made, err := x.a.RequestCA(by, in.Audience)
	return idOf(made, err)
}

func importCA(x *exchange, by authority.By, in *NewCA) (string, error) {
	made, err := x.a.ImportCA(by, []byte(in.Certificate))
	return idOf(made, err)
}

func retireCA(x *exchange, by authority.By, in *NewRetirement) (string, error) {
	r, err := x.findCA(x.r.PathValue("ca"))
	if err != nil {
		return "", err
	}
	made, err := x.a.RetireCA(by, r.Fingerprint, authority.Retirement{Why: in.Why, Compromised: in.Compromised, RevokeAll: in.RevokeAll})
	return idOf(made, err)
}

func confirmCA(x *exchange, by authority.By, _ *struct{}) (string, error) {
	r, err := x.findCA(x.r.PathValue("ca"))
	if err != nil {
		return "", err
	}
	made, err := x.a.ConfirmCA(by, r.Fingerprint)
	return idOf(made, err)
}

func withdrawCA(x *exchange, by authority.By, _ *struct{}) (string, error) {
	r, err := x.findCA(x.r.PathValue("ca"))
	if err != nil {
		return "", err
	}
	made, err := x.a.WithdrawCA(by, r.Fingerprint)
	return idOf(made, err)
}

// ShowCA reads a CA, by its fingerprint or its common name.
func (c *Client) ShowCA(ctx context.Context, ca string, o ...Option) (*CA, error) {
	return clientGet[CA](ctx, c, segments("v1", "ca", ca), o)
}

// RotateCA proposes that the standby of an audience begins to issue; a second admin must confirm.
func (c *Client) RotateCA(ctx context.Context, in NewRotation, o ...Option) (*CA, error) {
	return clientPost[CA](ctx, c, outgoing{address: segments("v1", "ca", "rotation"), options: o}, in)
}

// RequestCA makes the signing request of the next standby.
func (c *Client) RequestCA(ctx context.Context, in NewCARequest, o ...Option) (*CA, error) {
	return clientPost[CA](ctx, c, outgoing{address: segments("v1", "ca", "request"), options: o}, in)
}

// ImportCA takes in what the root signed: it becomes a standby.
func (c *Client) ImportCA(ctx context.Context, in NewCA, o ...Option) (*CA, error) {
	return clientPost[CA](ctx, c, outgoing{address: segments("v1", "ca"), options: o}, in)
}

// RetireCA ends a CA for good, or proposes it.
func (c *Client) RetireCA(ctx context.Context, ca string, in NewRetirement, o ...Option) (*CA, error) {
	return clientPost[CA](ctx, c, outgoing{address: segments("v1", "ca", ca, "retirement"), options: o}, in)
}

// ConfirmCA makes the change to a CA that another admin proposed.
func (c *Client) ConfirmCA(ctx context.Context, ca string, o ...Option) (*CA, error) {
	return clientPost[CA](ctx, c, outgoing{address: segments("v1", "ca", ca, "confirmation"), options: o}, nil)
}

// WithdrawCA takes back what is proposed for a CA.
func (c *Client) WithdrawCA(ctx context.Context, ca string, o ...Option) (*CA, error) {
	return clientPost[CA](ctx, c, outgoing{address: segments("v1", "ca", ca, "withdrawal"), options: o}, nil)
}
