package api

import (
	"context"
	"net/url"
)

// Usage tells what was used; q has the parameters of GET /v1/usage.
func (c *Client) Usage(ctx context.Context, q url.Values) (*UsageReport, error) {
	return clientGet[UsageReport](ctx, c, "/v1/usage?"+q.Encode(), nil)
}

// Limits tells what is left of each limit of an account's contract, for everybody whom it is for.
func (c *Client) Limits(ctx context.Context, account string) (*LimitList, error) {
	return clientGet[LimitList](ctx, c, segments("v1", "accounts", account, "limits"), nil)
}

// GrantExtra lets an account use more of a quota until its day or month ends.
func (c *Client) GrantExtra(ctx context.Context, account string, in NewExtra, o ...Option) (*Contract, error) {
	return clientPost[Contract](ctx, c, outgoing{address: segments("v1", "accounts", account, "extra"), options: o}, in)
}
