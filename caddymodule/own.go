package caddymodule

import (
	"net/http"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// serveOwn answers a customer about itself. Only who calls is judged, so that the suspended too can read why.
func (h *Handler) serveOwn(w http.ResponseWriter, r *http.Request, config *authority.Config, req *gate.Request) error {
	call, err := config.Identify(req)
	if err != nil {
		return h.unavailable(w, r, config)
	}
	defer call.Done()
	if !call.Allowed() {
		return h.refuse(w, r, config, call)
	}
	api.ServeOwn(w, r, call, config.Authority().Now())
	return nil
}
