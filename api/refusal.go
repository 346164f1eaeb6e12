package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/ratelimit"
)

// Refusal is a customer's request that was refused.
type Refusal struct {
	Reason   gate.Reason
	Detail   string // from DetailOf
	Instance string // the decision id
	// TypeBase is the public URL under which the pages about problems are; empty makes the type relative.
	TypeBase string
	Contact  authority.Contact // whom to ask; appended to the detail

	// Exceeded says which limits the call was too much for, Policy and Left are all limits that are about it (see RateLimitHeaders).
	Exceeded ratelimit.Refusal
	Policy   []string
	Left     string
}

// WriteRefusal answers a refused request with problem+json or, if accept (the values of the Accept header field) prefers FHIR, with an
// OperationOutcome. Status and headers depend on the reason alone.
func WriteRefusal(w http.ResponseWriter, accept []string, r Refusal) {
	SetRefusalHeaders(w.Header(), r)
	w.Header().Add("Vary", "Accept")
	p := r.problem()
	if PrefersFHIR(accept) {
		writeOutcome(w, p, r.TypeBase)
		return
	}
	writeProblem(w, p)
}

// SetRefusalHeaders sets what a refusal says in header fields, for an answer whose body somebody else writes.
func SetRefusalHeaders(h http.Header, r Refusal) {
	switch r.Reason { //nolint:exhaustive // the others need no header of their own
	case gate.KeyRequired:
		h.Set("WWW-Authenticate", "Bearer") // no error code when no key was sent: RFC 6750 section 3.1
	case gate.InvalidToken:
		h.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	}
	if r.Reason.AboutCertificate() {
		h.Set("Connection", "close") // another certificate takes another connection
	}
	SetRateLimit(h, r.Policy, r.Left)
	if r.Reason.OverLimit() {
		h.Set("Retry-After", strconv.FormatInt(max(ratelimit.Seconds(r.Exceeded.Wait), 1), 10))
	}
	if StatusOf(r.Reason) == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfter(r.Reason.String()))
	}
	if r.Instance != "" {
		h.Set("X-Request-Id", r.Instance)
	}
	h.Set("Cache-Control", "no-store")
}

// SetRateLimit says which limits are about a call and what is left of them (draft-ietf-httpapi-ratelimit-headers-10). Policy is shared and
// must not be changed.
func SetRateLimit(h http.Header, policy []string, left string) {
	if policy == nil {
		return
	}
	h["Ratelimit-Policy"] = policy
	h["Ratelimit"] = []string{left}
}

func (r *Refusal) problem() *Problem {
	code := r.Reason.String()
	detail := r.Detail
	if ask := askWhom(r.Contact); ask != "" {
		detail = strings.TrimSpace(detail + " " + ask)
	}
	return &Problem{
		Type: problemType(r.TypeBase, code), Title: pages[code].Title, Status: StatusOf(r.Reason),
		Detail: detail, Instance: r.Instance, Code: code, Violated: r.Exceeded.Limits,
	}
}

func askWhom(c authority.Contact) string {
	switch {
	case c.Email != "" && c.Phone != "":
		return "Ask " + c.Email + " or " + c.Phone + "."
	case c.Email != "":
		return "Ask " + c.Email + "."
	case c.Phone != "":
		return "Ask " + c.Phone + "."
	}
	return ""
}

// operationOutcome is FHIR's (R4), as far as we use it. The decision id stands in the diagnostics, because a FHIR id has no
// underscore.
type operationOutcome struct {
	ResourceType string  `json:"resourceType"` //nolint:tagliatelle // FHIR's name
	Issue        []issue `json:"issue"`
}

type issue struct {
	Severity    string       `json:"severity"`
	Code        string       `json:"code"`
	Details     issueDetails `json:"details"`
	Diagnostics string       `json:"diagnostics,omitempty"`
}

type issueDetails struct {
	Coding []coding `json:"coding"`
	Text   string   `json:"text"`
}

type coding struct {
	System string `json:"system,omitempty"`
	Code   string `json:"code"`
}

// issueType is the code of FHIR's value set issue-type that says most about a status.
func issueType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "login"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusBadRequest:
		return "invalid"
	case http.StatusTooManyRequests:
		return "throttled"
	case http.StatusServiceUnavailable:
		return "transient"
	}
	return "processing"
}

func writeOutcome(w http.ResponseWriter, p *Problem, base string) {
	c := coding{Code: p.Code}
	if base != "" {
		c.System = base + "/problems"
	}
	diagnostics := p.Detail
	if p.Instance != "" {
		diagnostics = strings.TrimSpace(diagnostics + " Request " + p.Instance + ".")
	}
	body, err := json.Marshal(operationOutcome{ResourceType: "OperationOutcome", Issue: []issue{{
		Severity: "error", Code: issueType(p.Status), Details: issueDetails{Coding: []coding{c}, Text: p.Title}, Diagnostics: diagnostics,
	}}})
	if err != nil { // cannot happen: strings
		body = []byte(`{"resourceType":"OperationOutcome"}`)
	}
	writeBody(w, answer{status: p.Status, contentType: fhirJSON, requestID: p.Instance, code: p.Code, body: append(body, '\n')})
}

// DetailOf is what a refused customer is told beyond the title. It says nothing of how we are built, and about a key only what the key
// shows by itself: every well-formed key of the environment gets one and the same text, whatever the store holds.
func DetailOf(d *gate.Decision, key gate.PresentedKey, e gate.Environment) string {
	switch d.Reason { //nolint:exhaustive // the others have one fixed text
	case gate.InvalidToken:
		return tokenDetail(key, e)
	case gate.AccountSuspended:
		until := "until it is lifted"
		if !d.Until.IsZero() {
			until = "until " + d.Until.UTC().Format("2006-01-02T15:04:05Z")
		}
		return "This " + scopeName(d.Scope) + " is suspended " + until + "."
	case gate.AccountTerminated:
		return "This " + scopeName(d.Scope) + " is terminated for good."
	}
	return pages[d.Reason.String()].Detail
}

func scopeName(s gate.SubjectKind) string {
	if s == "" {
		return string(gate.AccountSubject)
	}
	return string(s)
}

func tokenDetail(key gate.PresentedKey, e gate.Environment) string {
	switch {
	case key.Shape == gate.BadChecksum:
		return "The key is damaged: its checksum does not fit, so a character was lost or changed on the way."
	case key.Shape == gate.Malformed:
		return "This is not a key of ours; one for " + e.String() + " begins with " + e.KeyTag() + "."
	case key.Shape == gate.WellFormed && key.Environment != e:
		return "This key is for " + key.Environment.String() + "; this site is " + e.String() + ", where a key begins with " + e.KeyTag() + "."
	}
	if key.Shape == gate.Foreign {
		return "This token is not accepted in " + e.String() + ". A key of ours for " + e.String() + " begins with " + e.KeyTag() + "."
	}
	if e.NeedsCertificate() {
		return "The key is not accepted in " + e.String() + " with this client certificate."
	}
	return "The key is not accepted in " + e.String() + "."
}
