package api

import (
	"context"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Loss is what is missing in a store that is older than a checkpoint outside: quarantined until two people have accepted it, or accepted.
type Loss struct {
	gate.Loss

	State   string `json:"state"`
	Missing int64  `json:"missing"` // events
}

const lossPath = "/v1/audit/loss"

func (x *exchange) showLoss(string) (*shown, error) {
	l, err := x.a.Loss()
	if err != nil {
		return nil, err
	}
	view := &Loss{Loss: *l, State: "quarantined", Missing: l.Lost.Missing()}
	if l.Accepted != nil {
		view.State = "accepted"
	}
	return &shown{view: view, etag: certstore.ETag(l), path: lossPath}, nil
}

func proposeLoss(x *exchange, by authority.By, in *Why) (string, error) {
	made, err := x.a.ProposeLoss(by, in.Why)
	return idOf(made, err)
}

func acceptLoss(x *exchange, by authority.By, _ *struct{}) (string, error) {
	made, err := x.a.AcceptLoss(by)
	return idOf(made, err)
}

// Loss is the loss of events that waits for people or, if there is none, the latest that was accepted.
func (c *Client) Loss(ctx context.Context, o ...Option) (*Loss, error) {
	return clientGet[Loss](ctx, c, lossPath, o)
}

// ProposeLoss asks that what is missing be accepted as lost; a second admin must confirm it.
func (c *Client) ProposeLoss(ctx context.Context, why string, o ...Option) (*Loss, error) {
	return clientPost[Loss](ctx, c, outgoing{address: segments("v1", "audit", "loss", "acceptance"), options: o}, Why{Why: why})
}

// AcceptLoss accepts what another admin proposed, and ends the quarantine.
func (c *Client) AcceptLoss(ctx context.Context, o ...Option) (*Loss, error) {
	return clientPost[Loss](ctx, c, outgoing{address: segments("v1", "audit", "loss", "acceptance", "confirmation"), options: o}, nil)
}
