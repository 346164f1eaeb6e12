package caddymodule

import (
	"errors"
	"maps"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// collector turns the authority's numbers into metrics when they are asked for. They live in the authority, so a reload does not
// reset them; each configuration has a registry of its own and so a collector. No label comes from a customer.
type collector struct{ app *App }

// registerCollector adds the collector to the configuration's registry, which `metrics` serves.
func registerCollector(ctx caddy.Context, app *App) error {
	err := ctx.GetMetricsRegistry().Register(&collector{app})
	if are := (prometheus.AlreadyRegisteredError{}); errors.As(err, &are) {
		return nil
	}
	return err
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("certgate_"+name, help, labels, nil)
}

var (
	requestsDesc       = desc("requests_total", "Decisions on requests, by reason.", "reason")
	durationDesc       = desc("decision_duration_seconds", "Time that a decision took.")
	handshakesDesc     = desc("handshakes_refused_total", "TLS handshakes in which the client certificate was refused.", "reason")
	inFlightDesc       = desc("calls_in_flight", "Allowed calls that have not ended.")
	credentialsDesc    = desc("credentials", "Keys and certificates, by state.", "state")
	certificationsDesc = desc("certifications", "Certification cases, by state.", "state")
	issuanceDueDesc    = desc("issuance_due_seconds", "Time until the most urgent release is due, negative if it is overdue; 0 if none is owed.")
	overdueDesc        = desc("issuance_overdue", "Approved cases whose credential is overdue.")
	accountsDesc       = desc("accounts", "Accounts, by status.", "status")
	incidentsDesc      = desc("incidents", "Incidents, by state.", "state")
	noticesDesc        = desc("notices", "Notices, by state; a person must look at those that failed.", "state")
	expiringDesc       = desc("expiring", "Contracts, certifications, certificates, replaced keys, unopened links and CAs that end, and accounts whose review is due, within so many days; 0d: reviews that are overdue.", "kind", "within")
	outsidePoolDesc    = desc("cas_outside_pool", "CAs in force that a trust pool of the running configuration lacks; reload Caddy.")
	foreignAgeDesc     = desc("foreign_crl_age_seconds", "Time since the revocation list of a customer's own CA was last read, of the one for which it is longest; 900 is normal, 0 if none is to be read.")
	foreignFailDesc    = desc("foreign_crls_failing", "Revocation lists of customers' own CAs that could not be read when they were last asked for.")
	eventsDesc         = desc("audit_events", "Events in the audit log.")
	verifiedDesc       = desc("audit_verified", "1 if the last verification of the audit log, or the start, found nothing wrong.")
	cutOffDesc         = desc("devices_cut_off", "Devices in production that passed lately and are only refused now.")
	usageLagDesc       = desc("usage_lag_seconds", "Time for which counted usage has not been written to disk; about 1 is normal.")
	diskFreeDesc       = desc("disk_free_bytes", "Bytes that are free on the disk of data_dir; below 256 MiB usage waits in memory.")
	readyDesc          = desc("ready", "1 if requests can be decided.")
	jobDesc            = desc("job_last_success_seconds", "Unix time at which a job last succeeded; 0 if never.", "job")
)

// Describe implements prometheus.Collector.
func (*collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{requestsDesc, durationDesc, handshakesDesc, inFlightDesc, credentialsDesc, certificationsDesc,
		issuanceDueDesc, overdueDesc, accountsDesc, incidentsDesc, noticesDesc, expiringDesc, outsidePoolDesc, foreignAgeDesc, foreignFailDesc, eventsDesc, verifiedDesc, cutOffDesc, usageLagDesc, diskFreeDesc, readyDesc, jobDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	opened := c.app.authority()
	if opened == nil {
		ch <- prometheus.MustNewConstMetric(readyDesc, prometheus.GaugeValue, 0)
		return
	}
	s := opened.Stats()
	counts(ch, requestsDesc, prometheus.CounterValue, s.Requests)
	// A handshake is only ever refused for the certificate, or because trust could not be read.
	maps.DeleteFunc(s.HandshakesRefused, func(r gate.Reason, _ uint64) bool { return !r.AboutCertificate() && r != gate.Unavailable })
	counts(ch, handshakesDesc, prometheus.CounterValue, s.HandshakesRefused)
	counts(ch, credentialsDesc, prometheus.GaugeValue, s.Credentials)
	counts(ch, certificationsDesc, prometheus.GaugeValue, s.Certifications)
	counts(ch, accountsDesc, prometheus.GaugeValue, s.Accounts)
	counts(ch, incidentsDesc, prometheus.GaugeValue, s.Incidents)
	counts(ch, noticesDesc, prometheus.GaugeValue, s.Notices)
	ch <- durations(&s)
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(issuanceDueDesc, s.IssuanceDue.Seconds())
	gauge(overdueDesc, float64(s.IssuanceOverdue))
	gauge(inFlightDesc, float64(s.InFlight))
	gauge(outsidePoolDesc, float64(s.CAsOutsidePool))
	gauge(foreignAgeDesc, s.ForeignCRLAge.Seconds())
	gauge(foreignFailDesc, float64(s.ForeignCRLsFail))
	gauge(eventsDesc, float64(s.AuditEvents))
	gauge(verifiedDesc, flag(s.AuditVerified))
	gauge(cutOffDesc, float64(s.DevicesCutOff))
	gauge(usageLagDesc, s.UsageLag.Seconds())
	if s.DiskFree >= 0 {
		gauge(diskFreeDesc, float64(s.DiskFree))
	}
	gauge(readyDesc, flag(s.Ready && c.app.config.Load() != nil))
	for k, n := range s.Expiring {
		gauge(expiringDesc, float64(n), string(k.Kind), strconv.Itoa(k.Days)+"d")
	}
	for job, at := range s.JobLastSuccess {
		seconds := 0.0
		if !at.IsZero() {
			seconds = float64(at.Unix())
		}
		gauge(jobDesc, seconds, job)
	}
}

// flag is 1 for yes.
func flag(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// counts emits one metric for each value of a closed list.
func counts[K interface {
	comparable
	String() string
}, N int | uint64](ch chan<- prometheus.Metric, d *prometheus.Desc, kind prometheus.ValueType, list map[K]N) {
	for k, n := range list {
		ch <- prometheus.MustNewConstMetric(d, kind, float64(n), k.String())
	}
}

// durations makes the histogram, whose buckets are cumulative.
func durations(s *authority.Stats) prometheus.Metric {
	buckets := make(map[float64]uint64, len(authority.DurationBuckets))
	var total uint64
	for i, n := range s.Durations {
		total += n
		if i < len(authority.DurationBuckets) {
			buckets[authority.DurationBuckets[i].Seconds()] = total
		}
	}
	return prometheus.MustNewConstHistogram(durationDesc, total, s.DurationSum.Seconds(), buckets)
}
