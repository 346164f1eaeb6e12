package api

import (
	"context"
	"strconv"

	"github.com/onerecord/certgate/authority"
)

// Rules lists the rules against abuse, as they are set for all accounts, or for the one that the query names.
func (c *Client) Rules(ctx context.Context, q Query) (*Page[Rule], error) {
	return clientGet[Page[Rule]](ctx, c, "/v1/rules"+q.encode(), nil)
}

// Rule reads how a rule is set for all accounts, with its thresholds, or for the one that the query names.
func (c *Client) Rule(ctx context.Context, rule string, q Query) (*Rule, error) {
	return clientGet[Rule](ctx, c, segments("v1", "rules", rule)+q.encode(), nil)
}

// Rulings lists all versions of the rules, or those in a state.
func (c *Client) Rulings(ctx context.Context, q Query) (*Page[Ruling], error) {
	return clientGet[Page[Ruling]](ctx, c, "/v1/rulings"+q.encode(), nil)
}

// Ruling reads a version of the rules.
func (c *Client) Ruling(ctx context.Context, version int, o ...Option) (*Ruling, error) {
	return clientGet[Ruling](ctx, c, segments("v1", "rulings", strconv.Itoa(version)), o)
}

// SetRules makes the next version of the rules.
func (c *Client) SetRules(ctx context.Context, in NewRuling, o ...Option) (*Ruling, error) {
	return clientPost[Ruling](ctx, c, outgoing{address: segments("v1", "rulings"), options: o}, in)
}

// ConfirmRules lets a version count that another person set.
func (c *Client) ConfirmRules(ctx context.Context, version int, o ...Option) (*Ruling, error) {
	return clientPost[Ruling](ctx, c, outgoing{address: segments("v1", "rulings", strconv.Itoa(version), "confirmation"), options: o}, nil)
}

// RefuseRules ends a version that waits for a second person.
func (c *Client) RefuseRules(ctx context.Context, version int, why string, o ...Option) (*Ruling, error) {
	return clientPost[Ruling](ctx, c, outgoing{address: segments("v1", "rulings", strconv.Itoa(version), "refusal"), options: o}, Why{Why: why})
}

// TestRules replays what was recorded; it takes up to minutes.
func (c *Client) TestRules(ctx context.Context, in NewTrial, o ...Option) (*authority.Trial, error) {
	return clientPost[authority.Trial](ctx, c, outgoing{address: segments("v1", "rules", "test"), options: o}, in)
}
