package api

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/onerecord/certgate/gate"
)

// Problem is an error as it goes over the wire: application/problem+json, RFC 9457.
type Problem struct {
	Type     string `json:"type"`               // the page about the code
	Title    string `json:"title"`              // the same for every problem of the code
	Status   int    `json:"status"`             // as in the status line
	Detail   string `json:"detail,omitempty"`   // about this occurrence
	Instance string `json:"instance,omitempty"` // the decision id, also X-Request-Id; quote it when asking for help
	Code     string `json:"code"`               // a gate.Reason or gate.Kind by name; never renamed
	Field    string `json:"field,omitempty"`    // JSON path of the input at fault, such as "contacts[0].email"
	// Violated are the names of the limits that were exceeded, the strictest first (draft-ietf-httpapi-ratelimit-headers-10 section 5).
	Violated []string `json:"violated-policies,omitempty"` //nolint:tagliatelle // the draft's name
	// Errors are all mistakes where there are several; Detail and Field are of the first.
	Errors []Fault `json:"errors,omitempty"`
	// Current is, where a change does not fit the state, the object as it stands; the answer's ETag is of it.
	Current any `json:"current,omitempty"`
}

// Fault is one of several mistakes.
type Fault struct {
	Detail string `json:"detail"`
	Field  string `json:"field,omitempty"`
}

// statusOfReason is where refusals meet HTTP. Allowed has no entry: it is no problem.
var statusOfReason = map[gate.Reason]int{
	gate.Unavailable: http.StatusServiceUnavailable,

	gate.CertificateRequired:    http.StatusForbidden,
	gate.CertificateUntrusted:   http.StatusForbidden,
	gate.CertificateExpired:     http.StatusForbidden,
	gate.CertificateNotYetValid: http.StatusForbidden,
	gate.CertificateUnsuitable:  http.StatusForbidden,
	gate.CertificateUnknown:     http.StatusForbidden,
	gate.CertificateRevoked:     http.StatusForbidden,
	gate.CertificateUnchecked:   http.StatusForbidden,

	gate.InvalidRequest: http.StatusBadRequest,
	gate.KeyRequired:    http.StatusUnauthorized,
	gate.InvalidToken:   http.StatusUnauthorized,

	gate.AccountSuspended:  http.StatusForbidden,
	gate.AccountTerminated: http.StatusForbidden,

	gate.ContractMissing:       http.StatusForbidden,
	gate.ContractNotYetStarted: http.StatusForbidden,
	gate.ContractHasEnded:      http.StatusForbidden,

	gate.CertificationMissing:   http.StatusForbidden,
	gate.CertificationEnded:     http.StatusForbidden,
	gate.CertificationNoLonger:  http.StatusForbidden,
	gate.RecertificationOverdue: http.StatusForbidden,

	gate.BehaviorUnknown:    http.StatusForbidden,
	gate.BehaviorNotGranted: http.StatusForbidden,
	gate.PurposeRequired:    http.StatusForbidden,
	gate.PurposeNotGranted:  http.StatusForbidden,
	gate.AddressNotAllowed:  http.StatusForbidden,
	gate.UpgradeNotAllowed:  http.StatusForbidden,

	gate.RateExceeded:        http.StatusTooManyRequests,
	gate.QuotaExceeded:       http.StatusTooManyRequests,
	gate.ConcurrencyExceeded: http.StatusTooManyRequests,
	gate.PatientsExceeded:    http.StatusTooManyRequests,
	gate.AbnormalUsage:       http.StatusTooManyRequests,
	gate.SourceExceeded:      http.StatusTooManyRequests,

	gate.ClockUnusable:    http.StatusServiceUnavailable,
	gate.StateUnconfirmed: http.StatusServiceUnavailable,
}

// StatusOf is the HTTP status of a refusal. One that is not in the table, and Allowed, which is no refusal, come out as 500: to answer
// an error with success would fail open.
func StatusOf(r gate.Reason) int {
	if status, ok := statusOfReason[r]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// statusOfKind is where failed changes meet HTTP. Who is not known gets 403 and not 401, because 401 must name an authentication
// scheme (RFC 9110 section 15.5.2), and there is none for a client certificate.
var statusOfKind = map[gate.Kind]int{
	gate.Internal:     http.StatusInternalServerError,
	gate.Invalid:      http.StatusUnprocessableEntity, // readable but wrong; what cannot be read is 400
	gate.NotFound:     http.StatusNotFound,
	gate.Forbidden:    http.StatusForbidden,
	gate.Conflict:     http.StatusConflict,
	gate.Exists:       http.StatusConflict,
	gate.Stale:        http.StatusPreconditionFailed,
	gate.Unauthorized: http.StatusForbidden,
	gate.ShuttingDown: http.StatusServiceUnavailable,
}

// StatusOfKind is the HTTP status of a failed change.
func StatusOfKind(k gate.Kind) int {
	if status, ok := statusOfKind[k]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// statusOfCode is the HTTP status of a code, whether it is that of a refusal or of a failed change.
func statusOfCode(code string) int {
	if r, ok := gate.ParseReason(code); ok {
		return StatusOf(r)
	}
	return StatusOfKind(kindOf(code, http.StatusInternalServerError))
}

// kindOf reads a kind back from an answer: by the code where it is one of ours, else by the status, for answers that something in
// between gave.
func kindOf(code string, status int) gate.Kind {
	for _, k := range gate.Kinds() {
		if k.Error() == code {
			return k
		}
	}
	for _, k := range gate.Kinds() { // in order, so 403 is Forbidden and 409 Conflict
		if statusOfKind[k] == status {
			return k
		}
	}
	if status >= http.StatusBadRequest && status < http.StatusInternalServerError {
		return gate.Invalid
	}
	if status == http.StatusBadGateway || status == http.StatusGatewayTimeout {
		return gate.ShuttingDown
	}
	return gate.Internal
}

// problemType is the address of the page about a code. Without a base it is relative to the site that answered.
func problemType(base, code string) string { return base + "/problems/" + code }

// retryAfter is when a client may try again, in seconds, after an answer of 503: starting takes seconds, but two people who must
// confirm something take longer.
func retryAfter(code string) string {
	if code == gate.ClockUnusable.String() || code == gate.StateUnconfirmed.String() {
		return "60"
	}
	return "5"
}

// writeProblem answers with a problem. Headers that belong to the particular status were set before.
func writeProblem(w http.ResponseWriter, p *Problem) {
	body, err := json.Marshal(p)
	if err != nil { // cannot happen: strings and a number
		body = []byte(`{"status":500}`)
	}
	writeBody(w, answer{status: p.Status, contentType: "application/problem+json", requestID: p.Instance, code: p.Code, body: append(body, '\n')})
}

// answer is a short, complete answer that must not be kept by anybody in between.
type answer struct {
	status      int
	contentType string
	requestID   string
	code        string // of a problem
	body        []byte
}

func writeBody(w http.ResponseWriter, a answer) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if a.requestID != "" {
		h.Set("X-Request-Id", a.requestID)
	}
	if a.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfter(a.code))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // whoever was reading is gone
}
