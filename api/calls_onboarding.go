package api

import "context"

// Onboard makes a whole customer, or nothing. The error is gate.Faults where several things are wrong.
func (c *Client) Onboard(ctx context.Context, in NewCustomer, o ...Option) (*Onboarded, error) {
	return clientPost[Onboarded](ctx, c, outgoing{address: "/v1/onboarding", options: o}, in)
}

// Import takes over customers from before certgate, all or none. The error is gate.Faults where several things are wrong.
func (c *Client) Import(ctx context.Context, in NewImport, o ...Option) (*Imported, error) {
	return clientPost[Imported](ctx, c, outgoing{address: "/v1/import", options: o}, in)
}

// Imports lists the imports, with counts of what came in.
func (c *Client) Imports(ctx context.Context, q Query) (*Page[Import], error) {
	return clientGet[Page[Import]](ctx, c, "/v1/imports"+q.encode(), nil)
}

// ShowImport reads an import with all credentials and CAs that came in with it.
func (c *Client) ShowImport(ctx context.Context, id string, o ...Option) (*Import, error) {
	return clientGet[Import](ctx, c, segments("v1", "imports", id), o)
}

// ConfirmImport makes the credentials of an import count. Whoever imported them cannot.
func (c *Client) ConfirmImport(ctx context.Context, id string, o ...Option) (*Import, error) {
	return clientPost[Import](ctx, c, outgoing{address: segments("v1", "imports", id, "confirmation"), options: o}, nil)
}

// RejectImport ends the credentials of an import that were not confirmed. The customers stay.
func (c *Client) RejectImport(ctx context.Context, id, why string, o ...Option) (*Import, error) {
	return clientPost[Import](ctx, c, outgoing{address: segments("v1", "imports", id, "rejection"), options: o}, Why{Why: why})
}
