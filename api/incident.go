package api

import (
	"context"
	"net/url"
	"slices"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Incident is abuse or unauthorized activity that people look into, with its state now: open or closed.
type Incident struct {
	gate.Incident
	State gate.IncidentState `json:"state"`
}

// NewIncident is an incident as it is opened.
type NewIncident struct {
	Subject gate.Subject        `json:"subject"`          // its id may be a slug path
	Origin  gate.IncidentOrigin `json:"origin,omitempty"` // detected or reported; without: reported
	Why     string              `json:"why"`              // what was seen, or told; customers do not see it
}

// NewIncidentClosing says what an incident came to.
type NewIncidentClosing struct {
	Outcome gate.IncidentOutcome `json:"outcome"`
	Stays   bool                 `json:"stays,omitempty"` // of a benign one that rules detected: what they saw is usual from then on
	Why     string               `json:"why"`
}

var incidents = listing[*gate.Incident, *Incident]{
	filters: []string{"account", "state"},
	all: func(x *exchange, q url.Values) ([]*gate.Incident, error) {
		account, err := x.accountFilter(q)
		if err != nil {
			return nil, err
		}
		state := gate.IncidentState(q.Get("state"))
		if state != "" && !slices.Contains(gate.IncidentStates(), state) {
			return nil, gate.FieldErrorf("state", "%q: must be one of %s", gate.Clip(string(state), 40), gate.IncidentStates())
		}
		return slices.DeleteFunc(x.dir.Incidents(account), func(i *gate.Incident) bool { return state != "" && i.State() != state }), nil
	},
	id:   func(r *gate.Incident) string { return string(r.ID) },
	view: func(_ *exchange, r *gate.Incident) *Incident { return &Incident{*r, r.State()} },
}

func (x *exchange) showIncident(id string) (*shown, error) {
	r := x.dir.Incident(gate.IncidentID(id))
	if r == nil {
		return nil, absent("incident", id)
	}
	return &shown{view: &Incident{*r, r.State()}, etag: certstore.ETag(r), path: "/v1/incidents/" + id}, nil
}

func openIncident(x *exchange, by authority.By, in *NewIncident) (string, error) {
	subject, err := x.subject(in.Subject)
	if err != nil {
		return "", reference("subject.id", err)
	}
	if in.Origin == "" {
		in.Origin = gate.IncidentReported
	}
	made, err := x.a.OpenIncident(by, authority.NewIncident{Subject: subject, Origin: in.Origin, Why: in.Why})
	return idOf(made, err)
}

// incident is the one that the address names.
func (x *exchange) incident() gate.IncidentID { return gate.IncidentID(x.r.PathValue("incident")) }

func noteIncident(x *exchange, by authority.By, in *Why) (string, error) {
	return idOf(x.a.NoteIncident(by, x.incident(), in.Why))
}

func markIncident(x *exchange, by authority.By, in *Why) (string, error) {
	return idOf(x.a.MarkIncident(by, x.incident(), in.Why))
}

func closeIncident(x *exchange, by authority.By, in *NewIncidentClosing) (string, error) {
	return idOf(x.a.CloseIncident(by, x.incident(), authority.IncidentEnd{Outcome: in.Outcome, Stays: in.Stays, Why: in.Why}))
}

func incidentRoutes() []route {
	return []route{
		post("/v1/incidents/{incident}/hold", write(changes, holdIncident)),
		post("/v1/incidents/{incident}/release", write(changes, releaseIncident)),
		post("/v1/incidents/{incident}/appeals", write(changes, appealIncident)),
		post("/v1/incidents/{incident}/appeals/answer", write(changes, answerAppeal)),
		post("/v1/incidents/{incident}/plan", write(changes, agreePlan)),
		post("/v1/incidents/{incident}/plan/done", write(changes, planDone)),
		post("/v1/incidents/{incident}/bar", write(changes, barIncident)),
		get("/v1/incidents", incidents.list),
		post("/v1/incidents", write(creates, openIncident)),
		get("/v1/incidents/{incident}", read(byPath("incident", (*exchange).showIncident))),
		post("/v1/incidents/{incident}/notes", write(changes, noteIncident)),
		post("/v1/incidents/{incident}/security-mark", write(changes, markIncident)),
		post("/v1/incidents/{incident}/closing", write(changes, closeIncident)),
	}
}

// Incidents lists incidents, of an account or in a state or all.
func (c *Client) Incidents(ctx context.Context, q Query) (*Page[Incident], error) {
	return clientGet[Page[Incident]](ctx, c, "/v1/incidents"+q.encode(), nil)
}

// Incident reads an incident.
func (c *Client) Incident(ctx context.Context, id string, o ...Option) (*Incident, error) {
	return clientGet[Incident](ctx, c, segments("v1", "incidents", id), o)
}

// OpenIncident opens an incident.
func (c *Client) OpenIncident(ctx context.Context, in NewIncident, o ...Option) (*Incident, error) {
	return clientPost[Incident](ctx, c, outgoing{address: segments("v1", "incidents"), options: o}, in)
}

// NoteIncident adds what was found or done.
func (c *Client) NoteIncident(ctx context.Context, id, why string, o ...Option) (*Incident, error) {
	return clientPost[Incident](ctx, c, outgoing{address: segments("v1", "incidents", id, "notes"), options: o}, Why{Why: why})
}

// MarkIncident marks an incident as a security incident.
func (c *Client) MarkIncident(ctx context.Context, id, why string, o ...Option) (*Incident, error) {
	return clientPost[Incident](ctx, c, outgoing{address: segments("v1", "incidents", id, "security-mark"), options: o}, Why{Why: why})
}

// CloseIncident ends an incident.
func (c *Client) CloseIncident(ctx context.Context, id string, in NewIncidentClosing, o ...Option) (*Incident, error) {
	return clientPost[Incident](ctx, c, outgoing{address: segments("v1", "incidents", id, "closing"), options: o}, in)
}
