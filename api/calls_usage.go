package api

import (
	"context"
	"net/url"
)

// Usage tells what was used; q has the parameters of GET /v1/usage.
func (c *Client) Usage(ctx context.Context, q url.Values) (*UsageReport, error) {
	return clientGet[UsageReport](ctx, c, "/v1/usage?"+q.Encode(), nil)
}
