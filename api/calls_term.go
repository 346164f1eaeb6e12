package api

import (
	"context"
	"net/url"
	"strconv"
)

// RenewContract adds the term that follows a contract without gap, and carries certifications over.
func (c *Client) RenewContract(ctx context.Context, id string, in NewRenewal, o ...Option) (*Contract, error) {
	return clientPost[Contract](ctx, c, outgoing{address: segments("v1", "contracts", id, "renewal"), options: o}, in)
}

// AmendContract changes what a contract grants, and adds agreements.
func (c *Client) AmendContract(ctx context.Context, id string, in NewAmendment, o ...Option) (*Contract, error) {
	return clientPost[Contract](ctx, c, outgoing{address: segments("v1", "contracts", id, "amendment"), options: o}, in)
}

// ProposeExtension asks for a later last day; a second person must confirm it.
func (c *Client) ProposeExtension(ctx context.Context, id string, in NewExtension, o ...Option) (*Contract, error) {
	return clientPost[Contract](ctx, c, outgoing{address: segments("v1", "contracts", id, "extension"), options: o}, in)
}

// ConfirmExtension moves the last day of a contract to what another person proposed.
func (c *Client) ConfirmExtension(ctx context.Context, id string, o ...Option) (*Contract, error) {
	return clientPost[Contract](ctx, c, outgoing{address: segments("v1", "contracts", id, "extension", "confirmation"), options: o}, nil)
}

// CloseAccount plans the end of an account.
func (c *Client) CloseAccount(ctx context.Context, account string, in Closing, o ...Option) (*Remediation, error) {
	return clientPost[Remediation](ctx, c, outgoing{address: segments("v1", "accounts", account, "closing"), options: o}, in)
}

// ReportChange notes a change to a certified integration.
func (c *Client) ReportChange(ctx context.Context, id string, in NewChangeReport, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "changes"), options: o}, in)
}

// JudgeChange says whether the n-th reported change (from 0) is material.
//
//nolint:revive // the path has a number in it
func (c *Client) JudgeChange(ctx context.Context, id string, n int, in Judgment, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "changes", strconv.Itoa(n), "judgment"), options: o}, in)
}

// UpdateProfile hands in the profile as it is after a change.
func (c *Client) UpdateProfile(ctx context.Context, id string, in NewProfile, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "profile"), options: o}, in)
}

// PassRecertification certifies what has changed.
func (c *Client) PassRecertification(ctx context.Context, id, why string, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "recertification", "approval"), options: o}, Why{Why: why})
}

// JoinDevice lets another production device of the same integration be covered.
func (c *Client) JoinDevice(ctx context.Context, id string, in Joiner, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "devices"), options: o}, in)
}

// Forecast lists the production devices that can call now and will be refused within so many days, the most urgent first.
func (c *Client) Forecast(ctx context.Context, days int) (*Forecast, error) {
	return clientGet[Forecast](ctx, c, "/v1/forecast?"+url.Values{"within": {strconv.Itoa(days) + "d"}}.Encode(), nil)
}

// CheckAll lists the production devices that would be refused now or on one of the next days.
func (c *Client) CheckAll(ctx context.Context, days int) (*Page[Obstacle], error) {
	return clientGet[Page[Obstacle]](ctx, c, "/v1/check?"+url.Values{"days": {strconv.Itoa(days)}}.Encode(), nil)
}
