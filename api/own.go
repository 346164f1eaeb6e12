package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/onerecord/certgate/authority"
)

// WellKnown is certgate's own place on every gated site (RFC 8615). Nothing under it is ever proxied.
const WellKnown = "/.well-known/certgate"

// IsOwn reports whether a path is certgate's own, in whatever way it is written.
func IsOwn(path string) bool {
	return len(path) >= len(WellKnown) && strings.EqualFold(path[:len(WellKnown)], WellKnown) &&
		(len(path) == len(WellKnown) || path[len(WellKnown)] == '/')
}

// ServeOwn answers a caller that has shown who it is about itself.
func ServeOwn(w http.ResponseWriter, r *http.Request, call *authority.Call, now time.Time) {
	switch path := r.URL.EscapedPath(); {
	case path == RenewCertificatePath || path == RenewKeyPath || path == AppealPath: // see ServeRenewal and ServeAppeal
		writeProblem(w, methodNotAllowed(w, call.ID(), "POST"))
	case path != WellKnown+"/status":
		writeProblem(w, notFound(call.ID()))
	case !reads(r):
		writeProblem(w, methodNotAllowed(w, call.ID(), "GET, HEAD"))
	default:
		body, err := json.Marshal(Status(call, now))
		if err != nil { // cannot happen: strings, numbers and times
			body = []byte("{}")
		}
		writeBody(w, answer{status: http.StatusOK, contentType: jsonType, requestID: call.ID(), body: append(body, '\n')})
	}
}
