package api

import "context"

// Notices lists the notices to an account or to all, of a state or all.
func (c *Client) Notices(ctx context.Context, q Query) (*Page[Notice], error) {
	return clientGet[Page[Notice]](ctx, c, "/v1/notices"+q.encode(), nil)
}

// Notice reads a notice, with what became of it.
func (c *Client) Notice(ctx context.Context, id string, o ...Option) (*Notice, error) {
	return clientGet[Notice](ctx, c, segments("v1", "notices", id), o)
}

// ReplayNotice sends a notice again that failed.
func (c *Client) ReplayNotice(ctx context.Context, id string, o ...Option) (*Notice, error) {
	return clientPost[Notice](ctx, c, outgoing{address: segments("v1", "notices", id, "replay"), options: o}, nil)
}

// TellNotice notes that a notice was delivered by hand.
func (c *Client) TellNotice(ctx context.Context, id string, in Telling, o ...Option) (*Notice, error) {
	return clientPost[Notice](ctx, c, outgoing{address: segments("v1", "notices", id, "telling"), options: o}, in)
}

// PreviewNotice shows a kind of notice with made-up data.
func (c *Client) PreviewNotice(ctx context.Context, kind string, o ...Option) (*Preview, error) {
	return clientGet[Preview](ctx, c, segments("v1", "templates", kind), o)
}
