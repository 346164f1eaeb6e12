package caddymodule_test

import (
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// Caddy orders directives by a list of its own, in which `respond` stands before `metrics`.
func TestTheExampleAnswersMetricsAndProbesBefore404(t *testing.T) {
	text, err := os.ReadFile("../Caddyfile.example")
	must(t, err)
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(text, map[string]any{"filename": "Caddyfile.example"})
	must(t, err)
	notFound := strings.Index(string(config), `{"handler":"static_response","status_code":404}`)
	for _, handler := range []string{"metrics", "certgate_health"} {
		if at := strings.Index(string(config), `{"handler":"`+handler+`"}`); at < 0 || at > notFound {
			t.Errorf("%s is at %d, the answer 404 at %d", handler, at, notFound)
		}
	}
}
