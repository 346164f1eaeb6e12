package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/onerecord/certgate/gate"
)

// WebhookConfig says where events go and how they are signed.
type WebhookConfig struct {
	// URL receives a POST for each event. It must be https and hold no user or password; http only with AllowPrivate. Redirects are
	// not followed: the receiver's address is this one.
	URL string
	// Secrets sign each event, all of them: during a change the old and the new one. Each is whsec_ and the base64 of 24 to 64 bytes.
	Secrets []string
	// AllowPrivate permits loopback and private addresses (RFC 1918, RFC 4193, RFC 6598). Without it only public ones are dialed, so
	// that whoever may write this URL cannot reach what stands beside the server. Link-local and metadata addresses are never dialed.
	AllowPrivate bool
	// RootCAs are what the receiver's certificate is verified against. Nil: the system's.
	RootCAs *x509.CertPool
}

// Webhook sends events as Standard Webhooks has it: signed, with an id by which the receiver knows a copy. It is safe for concurrent use.
type Webhook struct {
	url    *url.URL
	signer []*webhooks.Webhook
	client *http.Client
}

const (
	webhookTimeout = 10 * time.Second // Standard Webhooks: 15 to 30 s at most; a receiver queues and answers
	maxAnswer      = 64 << 10         // bytes of an answer that are read
	maxRetryAfter  = 24 * time.Hour
	secretPrefix   = "whsec_"
)

// NewWebhook checks the configuration. It does not connect.
func NewWebhook(c WebhookConfig) (*Webhook, error) {
	target, err := checkURL(c)
	if err != nil {
		return nil, gate.InField("webhook.url", err)
	}
	if len(c.Secrets) == 0 {
		return nil, gate.FieldErrorf("webhook.secret", "one is needed, or the receiver cannot tell our events from others")
	}
	w := &Webhook{url: target, client: newClient(c)}
	for i, secret := range c.Secrets {
		field := fmt.Sprintf("webhook.secret[%d]", i)
		encoded, prefixed := strings.CutPrefix(secret, secretPrefix)
		key, err := base64.StdEncoding.DecodeString(encoded)
		if !prefixed || err != nil || len(key) < 24 || len(key) > 64 {
			return nil, gate.FieldErrorf(field, "must be %s followed by the base64 of 24 to 64 random bytes", secretPrefix)
		}
		signer, err := webhooks.NewWebhookRaw(key)
		if err != nil {
			return nil, gate.InField(field, err)
		}
		w.signer = append(w.signer, signer)
	}
	return w, nil
}

// Name tells this webhook from others without telling its URL, which may hold a token: the host, and the beginning of the URL's SHA-256.
func (w *Webhook) Name() string {
	return fmt.Sprintf("webhook %s %s", w.url.Host, gate.FingerprintOf([]byte(w.url.String())).String()[:8])
}

// checkURL never repeats the URL in an error: many hold a token.
func checkURL(c WebhookConfig) (*url.URL, error) {
	target, err := url.Parse(c.URL)
	switch {
	case err != nil || target.Hostname() == "":
		return nil, gate.Errorf(gate.Invalid, "must be a URL such as https://hooks.example.com/certgate")
	case target.User != nil || target.Fragment != "":
		return nil, gate.Errorf(gate.Invalid, "must hold no user, password or fragment; the signature tells who sends")
	case target.Scheme == "https", target.Scheme == "http" && c.AllowPrivate:
		return target, nil
	case target.Scheme == "http":
		return nil, gate.Errorf(gate.Invalid, "must be https; http is for private addresses, where those are allowed")
	}
	return nil, gate.Errorf(gate.Invalid, "scheme %q: must be https", gate.Clip(target.Scheme, 20))
}

func newClient(c WebhookConfig) *http.Client {
	dialer := &net.Dialer{Control: dialGuard(c.AllowPrivate)}
	return &http.Client{
		Timeout:       webhookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:             nil, // a proxy would dial for us, past the guard
			DialContext:       dialer.DialContext,
			TLSClientConfig:   &tls.Config{RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12},
			DisableKeepAlives: true, // events are rare; no idle connection, and each one is judged by the guard
			// An answer's header is read too, by net/http.
			MaxResponseHeaderBytes: maxAnswer,
		},
	}
}

// Send posts m.Event under m.ID. Now stamps the attempt, which receivers compare with their clock. It returns nil for an answer of 2xx
// and a *DeliveryError otherwise: permanent for 3xx and 4xx, among them 410, with which a receiver ends its subscription; temporary for
// 408, 425, 429 and 5xx, and when nobody answers.
func (w *Webhook) Send(ctx context.Context, m Message, now time.Time) error {
	request, err := w.request(ctx, m, now)
	if err != nil {
		return permanent(err)
	}
	response, err := w.client.Do(request)
	if err != nil {
		// Without the URL, which url.Error repeats.
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err
		}
		err = fmt.Errorf("webhook %s: %w", w.url.Host, err)
		if errors.Is(err, errAddress) {
			return permanent(err)
		}
		return temporary(err)
	}
	defer response.Body.Close()
	return w.judge(response, now)
}

func (w *Webhook) request(ctx context.Context, m Message, now time.Time) (*http.Request, error) {
	if err := m.checkID(); err != nil {
		return nil, err
	}
	if len(m.Event) == 0 || len(m.Event) > maxBody {
		return nil, gate.FieldErrorf("event", "%d bytes: must be 1 to %d, as Event.Body made it", len(m.Event), maxBody)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), bytes.NewReader(m.Event))
	if err != nil {
		return nil, errors.New("webhook: the URL cannot be requested")
	}
	var signatures []string
	for _, signer := range w.signer {
		signature, err := signer.Sign(string(m.ID), now, m.Event)
		if err != nil {
			return nil, fmt.Errorf("signing: %w", err)
		}
		signatures = append(signatures, signature)
	}
	request.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	request.Header.Set("User-Agent", "certgate")
	request.Header.Set(webhooks.HeaderWebhookID, string(m.ID))
	request.Header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(webhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return request, nil
}

// judge turns the answer into what a retry can do about it.
func (w *Webhook) judge(response *http.Response, now time.Time) error {
	status := response.StatusCode
	if status >= 200 && status < 300 {
		return nil
	}
	// What the receiver says helps whoever looks; that it may be cut off does not matter.
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	failure := &DeliveryError{Permanent: true}
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		failure.Permanent = false
		failure.RetryAfter = retryAfter(response.Header.Get("Retry-After"), now)
		failure.Err = fmt.Errorf("webhook %s answered %d: %s", w.url.Host, status, foreign(string(text)))
	case status == http.StatusGone:
		failure.Err = fmt.Errorf("webhook %s answered 410: it wants no more events; take it out of the configuration", w.url.Host)
	case status >= 300 && status < 400:
		failure.Err = fmt.Errorf("webhook %s answered %d: redirects are not followed; configure the final URL", w.url.Host, status)
	default:
		failure.Err = fmt.Errorf("webhook %s answered %d: %s", w.url.Host, status, foreign(string(text)))
	}
	return failure
}

// retryAfter reads the header (RFC 9110 section 10.2.3): seconds or a date. Zero where it is missing, past or makes no sense.
func retryAfter(header string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
