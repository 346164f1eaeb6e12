package api

import (
	"encoding/json"
	"net/http"

	"github.com/onerecord/certgate/authority"
)

// Health answers probes: /live says that the process serves, /ready whether requests can be decided. It tells nothing else and needs no
// certificate.
type Health struct {
	Authority func() *authority.Authority // nil while starting
}

type readiness struct {
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

// ServeHTTP implements http.Handler.
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/live" && r.URL.Path != "/ready":
		writeProblem(w, notFound(""))
	case !reads(r):
		writeProblem(w, methodNotAllowed(w, "", "GET, HEAD"))
	case r.URL.Path == "/live":
		writeBody(w, answer{status: http.StatusOK, contentType: jsonType, body: []byte("{\"live\":true}\n")})
	default:
		h.ready(w)
	}
}

func (h *Health) ready(w http.ResponseWriter) {
	state, status := readiness{Ready: true}, http.StatusOK
	if a := h.Authority(); a == nil {
		state = readiness{Reason: "certgate is starting"}
	} else if err := a.Ready(); err != nil {
		state = readiness{Reason: err.Error()}
	}
	if !state.Ready {
		status = http.StatusServiceUnavailable
	}
	body, err := json.Marshal(state)
	if err != nil { // cannot happen: a bool and a string
		status, body = http.StatusInternalServerError, []byte(`{"ready":false}`)
	}
	writeBody(w, answer{status: status, contentType: jsonType, body: append(body, '\n')})
}
