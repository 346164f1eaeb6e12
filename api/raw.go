package api

import (
	"context"
	"encoding/json"
)

// Get reads what is at an address, such as /v1/accounts/acme, as the server gave it: for programs that show answers rather than use
// them.
func (c *Client) Get(ctx context.Context, address string, options ...Option) (json.RawMessage, error) {
	body, err := clientGet[json.RawMessage](ctx, c, address, options)
	if err != nil {
		return nil, err
	}
	return *body, nil
}

// Post sends in as JSON to an address, nil sends no body, and returns the answer as the server gave it.
func (c *Client) Post(ctx context.Context, address string, in any, options ...Option) (json.RawMessage, error) {
	body, err := clientPost[json.RawMessage](ctx, c, outgoing{address: address, options: options}, in)
	if err != nil {
		return nil, err
	}
	return *body, nil
}
