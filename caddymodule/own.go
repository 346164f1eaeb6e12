package caddymodule

import (
	"errors"
	"net/http"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// serveOwn answers a customer about itself. Only who calls is judged, so that the suspended too can read why and appeal; but who may not call gets no
// new credential.
func (h *Handler) serveOwn(w http.ResponseWriter, r *http.Request, config *authority.Config, req *gate.Request) error {
	judge, renews := config.Identify, api.Renews(r)
	if renews {
		judge = config.Entitle
	}
	call, err := judge(req)
	if err != nil {
		return h.unavailable(w, r, config)
	}
	defer call.Done(authority.Outcome{})
	if !call.Allowed() {
		return h.refuse(w, r, config, call)
	}
	serve := api.ServeAppeal
	switch {
	case renews:
		serve = api.ServeRenewal
	case !api.Appeals(r):
		api.ServeOwn(w, r, call, config.Authority().Now())
		return nil
	}
	switch err := serve(w, r, call, config.Authority()); {
	case errors.Is(err, authority.ErrNotEntitled):
		return h.refuse(w, r, config, call)
	case err != nil:
		h.log.Error("a customer's own change failed", zap.String("id", call.ID()), zap.String("path", r.URL.Path), zap.Error(err))
	}
	return nil
}
