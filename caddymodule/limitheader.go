package caddymodule

import (
	"fmt"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// Versions of RateLimit and RateLimit-Policy: draft-ietf-httpapi-ratelimit-headers-10, or none.
const (
	draft10     = "draft-10"
	noRateLimit = "off"
)

// checkRateLimitHeaders refuses versions that there are not; the empty one is the default.
func checkRateLimitHeaders(version string) error {
	switch version {
	case "", draft10, noRateLimit:
		return nil
	}
	return fmt.Errorf("ratelimit_headers %q: must be draft-10 or off; no other version of RateLimit and RateLimit-Policy is known", gate.Clip(version, 40))
}

// limitPolicy is the value of RateLimit-Policy for the call's answer; nil where nothing is limited, or where the operator wants no such header.
func (h *Handler) limitPolicy(call *authority.Call) []string {
	if h.app.RateLimitHeaders == noRateLimit {
		return nil
	}
	return call.LimitPolicy()
}
