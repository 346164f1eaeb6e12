package api

import (
	"context"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// NewAppeal is the customer's word against an incident, written down for it.
type NewAppeal struct {
	Text string `json:"text"` // the customer's contacts are told it
}

// NewAppealAnswer decides an appeal.
type NewAppealAnswer struct {
	Granted bool   `json:"granted"` // lifts what was imposed for the incident, and ends its bar
	Why     string `json:"why"`     // the customer is told
}

// NewPlan is a corrective-action plan.
type NewPlan struct {
	Text string    `json:"text"` // what the customer will do; it is told so
	Due  gate.Date `json:"due"`  // the last day, in the account's zone
	Why  string    `json:"why"`  // customers do not see it
}

// NewBar says until when what was imposed is not lifted.
type NewBar struct {
	Until time.Time `json:"until"`
	Why   string    `json:"why"` // the customer is told
}

func holdIncident(x *exchange, by authority.By, in *Why) (string, error) {
	return idOf(x.a.HoldIncident(by, x.incident(), in.Why))
}

func releaseIncident(x *exchange, by authority.By, in *Why) (string, error) {
	return idOf(x.a.ReleaseIncident(by, x.incident(), in.Why))
}

func appealIncident(x *exchange, by authority.By, in *NewAppeal) (string, error) {
	return idOf(x.a.AppealIncident(by, x.incident(), in.Text))
}

func answerAppeal(x *exchange, by authority.By, in *NewAppealAnswer) (string, error) {
	return idOf(x.a.AnswerAppeal(by, x.incident(), authority.AppealAnswer{Granted: in.Granted, Why: in.Why}))
}

func agreePlan(x *exchange, by authority.By, in *NewPlan) (string, error) {
	return idOf(x.a.AgreePlan(by, x.incident(), authority.NewPlan{Text: in.Text, Due: in.Due, Why: in.Why}))
}

func planDone(x *exchange, by authority.By, in *Why) (string, error) {
	return idOf(x.a.PlanDone(by, x.incident(), in.Why))
}

func barIncident(x *exchange, by authority.By, in *NewBar) (string, error) {
	return idOf(x.a.BarIncident(by, x.incident(), in.Until, in.Why))
}

// HoldIncident takes an incident into people's hands.
func (c *Client) HoldIncident(ctx context.Context, id, why string, o ...Option) (*Incident, error) {
	return c.incidentStep(ctx, outgoing{address: segments("v1", "incidents", id, "hold"), options: o}, Why{Why: why})
}

// ReleaseIncident ends the hold.
func (c *Client) ReleaseIncident(ctx context.Context, id, why string, o ...Option) (*Incident, error) {
	return c.incidentStep(ctx, outgoing{address: segments("v1", "incidents", id, "release"), options: o}, Why{Why: why})
}

// AppealIncident writes an appeal down for the customer.
func (c *Client) AppealIncident(ctx context.Context, id, text string, o ...Option) (*Incident, error) {
	return c.incidentStep(ctx, outgoing{address: segments("v1", "incidents", id, "appeals"), options: o}, NewAppeal{Text: text})
}

// AnswerAppeal decides the appeal that waits.
func (c *Client) AnswerAppeal(ctx context.Context, id string, in NewAppealAnswer, o ...Option) (*Incident, error) {
	return c.incidentStep(ctx, outgoing{address: segments("v1", "incidents", id, "appeals", "answer"), options: o}, in)
}

// AgreePlan notes a corrective-action plan.
func (c *Client) AgreePlan(ctx context.Context, id string, in NewPlan, o ...Option) (*Incident, error) {
	return c.incidentStep(ctx, outgoing{address: segments("v1", "incidents", id, "plan"), options: o}, in)
}

// PlanDone says that the customer has done what was agreed.
func (c *Client) PlanDone(ctx context.Context, id, why string, o ...Option) (*Incident, error) {
	return c.incidentStep(ctx, outgoing{address: segments("v1", "incidents", id, "plan", "done"), options: o}, Why{Why: why})
}

// BarIncident keeps what was imposed from being lifted before a time.
func (c *Client) BarIncident(ctx context.Context, id string, in NewBar, o ...Option) (*Incident, error) {
	return c.incidentStep(ctx, outgoing{address: segments("v1", "incidents", id, "bar"), options: o}, in)
}

func (c *Client) incidentStep(ctx context.Context, to outgoing, in any) (*Incident, error) {
	return clientPost[Incident](ctx, c, to, in)
}
