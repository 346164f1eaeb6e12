package notify_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

const (
	oldSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	newSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

func newWebhook(t *testing.T, c notify.WebhookConfig) *notify.Webhook {
	t.Helper()
	if c.Secrets == nil {
		c.Secrets = []string{newSecret, oldSecret}
	}
	w, err := notify.NewWebhook(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func event(t *testing.T) notify.Message {
	t.Helper()
	m := message()
	body, err := notify.Event{
		ID: m.ID, Kind: gate.EnrollmentNotice, Time: noon.In(time.FixedZone("EST", -5*60*60)), Source: "https://connect.example.com", Data: notify.Sample(gate.EnrollmentNotice),
	}.Body()
	if err != nil {
		t.Fatal(err)
	}
	m.Event = body
	return m
}

func TestAReceiverVerifiesAnEventWithEitherSecret(t *testing.T) {
	type request struct {
		header http.Header
		body   []byte
		method string
	}
	got := make(chan request, 1)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Header, body, r.Method}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	sender := newWebhook(t, notify.WebhookConfig{URL: server.URL + "/hook?t=1", AllowPrivate: true, RootCAs: pool})
	m := event(t)
	if err := sender.Send(t.Context(), m, time.Now()); err != nil {
		t.Fatal(err)
	}
	r := <-got
	for _, secret := range []string{oldSecret, newSecret} {
		verifier, err := webhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(r.body, r.header); err != nil {
			t.Errorf("with %s: %v", secret, err)
		}
		if err := verifier.Verify(append(r.body, ' '), r.header); err == nil {
			t.Error("another body verifies too")
		}
	}
	if r.method != http.MethodPost || r.header.Get("webhook-id") != string(m.ID) ||
		r.header.Get("Content-Type") != "application/cloudevents+json; charset=utf-8" {
		t.Errorf("%s, id %q, type %q", r.method, r.header.Get("webhook-id"), r.header.Get("Content-Type"))
	}
	if diff := cmp.Diff(m.Event, r.body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestAnEventIsACloudEventWithoutTheLink(t *testing.T) {
	m := event(t).WithLink("https://connect.example.com/enroll#secret")
	var indented any
	if err := json.Unmarshal(m.Event, &indented); err != nil {
		t.Fatal(err)
	}
	pretty, _ := json.MarshalIndent(indented, "", "  ")
	golden(t, "event.json", string(pretty)+"\n")
	if strings.Contains(string(m.Event), "secret") || strings.Contains(string(m.Event), "{link}") {
		t.Errorf("the event holds the link or its place: %s", m.Event)
	}
}

func TestAnEventNeedsItsParts(t *testing.T) {
	whole := notify.Event{ID: "not_1", Kind: gate.ContractNotice, Time: noon, Source: "https://connect.example.com"}
	rows := map[string]func(*notify.Event){
		"id": func(e *notify.Event) { e.ID = "a b" }, "kind": func(e *notify.Event) { e.Kind = "party" },
		"time": func(e *notify.Event) { e.Time = time.Time{} }, "source": func(e *notify.Event) { e.Source = "connect" },
	}
	for field, edit := range rows {
		e := whole
		edit(&e)
		if _, err := e.Body(); err == nil || !strings.HasPrefix(err.Error(), field+": ") {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

func TestAnswersOfAWebhookSayWhetherARetryCanHelp(t *testing.T) {
	inTwoMinutes := noon.Add(2 * time.Minute).Format(http.TimeFormat)
	rows := []struct {
		status     int
		retryAfter string
		ok         bool
		permanent  bool
		wait       time.Duration
		text       string
	}{
		{status: 200, ok: true}, {status: 202, ok: true}, {status: 204, ok: true},
		{status: 301, permanent: true, text: "redirects are not followed"}, {status: 307, permanent: true, text: "redirects are not followed"},
		{status: 400, permanent: true, text: "answered 400: no way"}, {status: 401, permanent: true}, {status: 404, permanent: true},
		{status: 410, permanent: true, text: "it wants no more events"},
		{status: 408}, {status: 425}, {status: 429, retryAfter: "120", wait: 2 * time.Minute}, {status: 429, retryAfter: "soon"},
		{status: 500, text: "answered 500: no way"}, {status: 502}, {status: 503, retryAfter: inTwoMinutes, wait: 2 * time.Minute},
		{status: 503, retryAfter: "99999999", wait: 24 * time.Hour}, {status: 503, retryAfter: noon.Add(-time.Hour).Format(http.TimeFormat)},
	}
	for _, row := range rows {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", row.retryAfter)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(row.status)
			if row.status != http.StatusNoContent {
				_, _ = io.WriteString(w, "no\n\x1b way"+strings.Repeat(" ", 100<<10))
			}
		}))
		err := newWebhook(t, notify.WebhookConfig{URL: server.URL, AllowPrivate: true}).Send(t.Context(), event(t), noon)
		server.Close()
		if row.ok {
			if err != nil {
				t.Errorf("%d: %v", row.status, err)
			}
			continue
		}
		e := failure(t, err)
		if e.Permanent != row.permanent || e.RetryAfter != row.wait || !strings.Contains(e.Error(), row.text) {
			t.Errorf("%d %q: permanent %v, wait %s, %q; want %v, %s, ... %s ...", row.status, row.retryAfter, e.Permanent, e.RetryAfter, e.Error(), row.permanent, row.wait, row.text)
		}
	}
}

func TestNobodyAnsweringIsTemporaryAndNamesNoToken(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	e := failure(t, newWebhook(t, notify.WebhookConfig{URL: server.URL + "/?token=abc", AllowPrivate: true}).Send(t.Context(), event(t), noon))
	if e.Permanent || strings.Contains(e.Error(), "abc") {
		t.Errorf("got %v, permanent %v; want temporary, without the query", e, e.Permanent)
	}
}

func TestAWebhookReachesNoPrivateAddressThroughAName(t *testing.T) {
	asked := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer server.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "https://"), ":")
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		e := failure(t, newWebhook(t, notify.WebhookConfig{URL: "https://" + host + ":" + port}).Send(t.Context(), event(t), noon))
		if !e.Permanent || !strings.Contains(e.Error(), "address not allowed") {
			t.Errorf("%s: got %v, want a permanent refusal", host, e)
		}
	}
	if asked {
		t.Error("the server was asked")
	}
}

func TestWhichAddressesAWebhookMayReach(t *testing.T) {
	const public, private, never = "public", "private", "never"
	rows := map[string]string{
		"93.184.216.34": public, "2606:4700::1111": public, "192.0.1.1": public, "100.128.0.1": public,
		"127.0.0.1": private, "127.9.9.9": private, "::1": private, "::ffff:127.0.0.1": private, "10.1.2.3": private, "172.16.0.1": private,
		"192.168.0.1": private, "::ffff:10.0.0.1": private, "100.64.0.1": private, "fd12::1": private,
		"169.254.169.254": never, "::ffff:169.254.169.254": never, "fe80::1%eth0": never, "fd00:ec2::254": never, "fd20:ce::254": never,
		"100.100.100.200": never, "168.63.129.16": never, "0.0.0.0": never, "::": never, "0.1.2.3": never, "255.255.255.255": never,
		"224.0.0.1": never, "ff02::1": never, "240.0.0.1": never, "64:ff9b::a9fe:a9fe": never, "2002:7f00:1::": never, "2001::1": never,
		"::7f00:1": never, "198.18.0.1": never, "192.0.2.1": never, "fec0::1": never,
	}
	for address, want := range rows {
		got := never
		if notify.CheckTarget(netip.MustParseAddr(address), true) == nil {
			got = private
		}
		if notify.CheckTarget(netip.MustParseAddr(address), false) == nil {
			got = public
		}
		if got != want {
			t.Errorf("%s is %s, want %s", address, got, want)
		}
	}
	if err := notify.DialGuard(true)("unix", "/run/x.sock", nil); err == nil {
		t.Error("a socket passed")
	}
}

func TestNewWebhookRefusesWhatCannotWorkAndShowsNoSecret(t *testing.T) {
	rows := []struct {
		config notify.WebhookConfig
		want   string
	}{
		{notify.WebhookConfig{URL: "hooks.example.com/s3cret"}, "webhook.url: must be a URL"},
		{notify.WebhookConfig{URL: "http://hooks.example.com/s3cret"}, "webhook.url: must be https"},
		{notify.WebhookConfig{URL: "ftp://hooks.example.com/s3cret"}, `webhook.url: scheme "ftp": must be https`},
		{notify.WebhookConfig{URL: "https://u:s3cret@hooks.example.com"}, "webhook.url: must hold no user"},
		{notify.WebhookConfig{URL: "https://hooks.example.com"}, "webhook.secret: one is needed"},
		{notify.WebhookConfig{URL: "https://hooks.example.com", Secrets: []string{"s3cret"}}, "webhook.secret[0]: must be whsec_"},
		{notify.WebhookConfig{URL: "https://hooks.example.com", Secrets: []string{newSecret, "whsec_czNjcmV0"}}, "webhook.secret[1]: must be whsec_"},
	}
	for _, row := range rows {
		_, err := notify.NewWebhook(row.config)
		if !errors.Is(err, gate.Invalid) || !strings.HasPrefix(err.Error(), row.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v, want %s", err, row.want)
		}
	}
	if e := failure(t, newWebhook(t, notify.WebhookConfig{URL: "https://hooks.example.com"}).Send(t.Context(), message(), noon)); !e.Permanent {
		t.Error("a message without an event is not refused for good")
	}
}
