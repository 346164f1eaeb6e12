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
