package api

import (
	"context"
	"strconv"

	"github.com/onerecord/certgate/gate"
)

// Questions lists what customers are asked, each version of the list.
func (c *Client) Questions(ctx context.Context) (*Page[QuestionList], error) {
	return clientGet[Page[QuestionList]](ctx, c, "/v1/questions", nil)
}

// Review reads a case with its checklist, and what was declared beside what was seen.
func (c *Client) Review(ctx context.Context, id string, o ...Option) (*Review, error) {
	return clientGet[Review](ctx, c, segments("v1", "certifications", id, "review"), o)
}

// RaiseFinding notes what was found wanting outside an interview.
func (c *Client) RaiseFinding(ctx context.Context, id string, in gate.NewFinding, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "findings"), options: o}, in)
}

// AnswerFinding takes the customer's written answer to the n-th finding, from 0.
//
//nolint:revive // the path has two names in it
func (c *Client) AnswerFinding(ctx context.Context, id string, n int, in FindingAnswer, o ...Option) (*Certification, error) {
	address := segments("v1", "certifications", id, "findings", strconv.Itoa(n), "answer")
	return clientPost[Certification](ctx, c, outgoing{address: address, options: o}, in)
}

// AddEvidence adds a document to a case.
func (c *Client) AddEvidence(ctx context.Context, id string, in NewEvidence, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "evidence"), options: o}, in)
}

// AttachRecording says where the recording of an interview is held that was recorded without one.
//
//nolint:revive // the path has two names in it
func (c *Client) AttachRecording(ctx context.Context, id, interview string, in NewRecording, o ...Option) (*Certification, error) {
	return clientPost[Certification](ctx, c, outgoing{address: segments("v1", "certifications", id, "interviews", interview, "recording"), options: o}, in)
}

// CloseFinding notes how the n-th finding, from 0, was settled.
//
//nolint:revive // the path has two names in it
func (c *Client) CloseFinding(ctx context.Context, id string, n int, in Why, o ...Option) (*Certification, error) {
	address := segments("v1", "certifications", id, "findings", strconv.Itoa(n), "closing")
	return clientPost[Certification](ctx, c, outgoing{address: address, options: o}, in)
}
