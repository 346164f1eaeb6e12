package caddymodule_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	dto "github.com/prometheus/client_model/go"
)

// watched is a configuration with a site for metrics and probes, in plain http.
func (w *world) watched(port int, mode string) string {
	return w.global() + w.site("api.test", mode, "certgate production", w.proxy()) +
		fmt.Sprintf("http://127.0.0.1:%d {\n\tbind 127.0.0.1\n\tmetrics /metrics\n\tcertgate_health\n}\n", port)
}

// scrape reads the metrics as Prometheus does, and the text too.
func scrape(t *testing.T, port int) (map[string]*dto.MetricFamily, string) {
	t.Helper()
	resp, body := plaintext(t, port).ask("GET /metrics HTTP/1.1\nHost: 127.0.0.1\nAccept: text/plain\nConnection: close\n\n")
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	must(t, err)
	return families, body
}

// value is that of the metric with the label value, or of the only one.
func value(t *testing.T, family *dto.MetricFamily, label string) float64 {
	t.Helper()
	for _, m := range family.GetMetric() {
		if len(m.GetLabel()) == 0 || m.GetLabel()[0].GetValue() == label {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Errorf("%s has no metric for %q", family.GetName(), label)
	return 0
}

func TestAScrapeTellsWhatHappenedAndSurvivesReloads(t *testing.T) {
	w, port := foundWorld(t), freePort(t)
	w.mustLoad(w.watched(port, requireMode))
	account, device, c := w.certified("distinctive-slug")
	w.get(w.client("h2", &c.tls), "api.test", "/fhir/Patient/1", c.Key)
	w.get(w.client("h1", &c.tls), "api.test", "/fhir/Patient/1", "")
	w.alert(t, foreign(t), c.Key)

	check := func(when string) {
		t.Helper()
		families, text := scrape(t, port)
		for _, row := range []struct {
			name, label string
			want        float64
		}{
			{"certgate_requests_total", "allowed", 1},
			{"certgate_requests_total", "key-required", 1},
			{"certgate_requests_total", "account-terminated", 0},
			{"certgate_handshakes_refused_total", "certificate-untrusted", 1},
			{"certgate_calls_in_flight", "", 0},
			{"certgate_credentials", "active", 2},
			{"certgate_certifications", "in-force", 1},
			{"certgate_accounts", "normal", 1},
			{"certgate_incidents", "open", 0},
			{"certgate_notices", "owed", 3},
			{"certgate_notices", "failed", 0},
			{"certgate_ready", "", 1},
			{"certgate_audit_verified", "", 1},
		} {
			if got := value(t, families[row.name], row.label); got != row.want {
				t.Errorf("%s: %s{%s} is %v, want %v", when, row.name, row.label, got, row.want)
			}
		}
		if n := families["certgate_decision_duration_seconds"].GetMetric()[0].GetHistogram().GetSampleCount(); n != 2 {
			t.Errorf("%s: the histogram has %d samples, want 2", when, n)
		}
		if value(t, families["certgate_audit_events"], "") < 10 || len(families["certgate_job_last_success_seconds"].GetMetric()) < 3 {
			t.Errorf("%s: events or jobs are missing", when)
		}
		for _, secret := range []string{account.Slug, string(account.ID), string(device.ID), string(c.KeyID), string(c.Certificate.ID), c.Key, c.Key[5:15], "Patient"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s: the metrics name %q", when, secret)
			}
		}
		onlyClosedLabels(t, families)
	}
	check("first")
	w.mustLoad(w.watched(port, requireMode))
	check("after a reload")
	if err := w.load(w.watched(port, requireMode) + "http://broken.test {\n\tcertgate production {\n\t\tkey_header Authorization\n\t}\n}\n"); err == nil {
		t.Error("a broken configuration was loaded")
	}
	check("after a reload that failed")
}

func onlyClosedLabels(t *testing.T, families map[string]*dto.MetricFamily) {
	t.Helper()
	for name, family := range families {
		if !strings.HasPrefix(name, "certgate_") {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if !slices.Contains([]string{"reason", "state", "status", "kind", "within", "job"}, label.GetName()) {
					t.Errorf("%s has a label %s", name, label.GetName())
				}
			}
		}
	}
}

func TestThePedanticRegistryAcceptsTheCollector(t *testing.T) {
	w := newWorld(t)
	w.certified("acme")
	ctx := caddy.ActiveContext()
	families, err := ctx.GetMetricsRegistry().Gather() // pedantic: it compares what is collected with what was described
	must(t, err)
	n := 0
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "certgate_") {
			n++
			if f.GetHelp() == "" {
				t.Errorf("%s has no help", f.GetName())
			}
		}
	}
	if n < 10 {
		t.Errorf("%d families of ours", n)
	}
}

func TestProbesTellWhetherRequestsCanBeDecided(t *testing.T) {
	w, port := foundWorld(t), freePort(t)
	w.mustLoad(w.watched(port, requestMode))
	probe := func(path string, status int, words string) {
		t.Helper()
		resp, body := plaintext(t, port).ask("GET " + path + " HTTP/1.1\nHost: 127.0.0.1\nConnection: close\n\n")
		if resp.StatusCode != status || !strings.Contains(body, words) {
			t.Errorf("%s: %d %s, want %d %s", path, resp.StatusCode, body, status, words)
		}
	}
	probe("/live", 200, `"live":true`)
	probe("/ready", 200, `"ready":true`)
	must(t, w.authority().Close())
	probe("/live", 200, `"live":true`)
	probe("/ready", 503, "reason")
	families, _ := scrape(t, port)
	if value(t, families["certgate_ready"], "") != 0 {
		t.Error("the metric says ready")
	}
	if resp, _ := plaintext(t, port).ask("POST /ready HTTP/1.1\nHost: 127.0.0.1\nContent-Length: 0\n\n"); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /ready: %d", resp.StatusCode)
	}
}
