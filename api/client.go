package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/onerecord/certgate/gate"
)

// Client speaks to the admin site and, for [Client.Redeem] and [Client.Acknowledge], to the public one. Whatever a server refuses comes
// back as a *gate.Error with its kind and field, so errors.Is(err, gate.NotFound) works as it does beside the authority; other errors
// say that no answer came. Records are named by identifier or slug path.
type Client struct {
	Base string       // such as https://admin.example.com
	HTTP *http.Client // carries the client certificate; nil: http.DefaultClient
}

// maxAnswer bounds an answer that the client reads: a page of the largest records.
const maxAnswer = 64 << 20

// Option adds to one call.
type Option struct {
	request  func(*http.Request)
	response func(*http.Response)
}

// IfMatch lets a change happen only if the record still has this ETag.
func IfMatch(etag string) Option {
	return Option{request: func(r *http.Request) { r.Header.Set("If-Match", etag) }}
}

// Idempotent makes a change happen once however often it is sent with this key: 1 to 200 visible ASCII characters, new for each change.
func Idempotent(key string) Option {
	return Option{request: func(r *http.Request) { r.Header.Set("Idempotency-Key", key) }}
}

// KeepETag stores the ETag of the answer, for IfMatch.
func KeepETag(into *string) Option {
	return Option{response: func(r *http.Response) { *into = r.Header.Get("ETag") }}
}

// KeepReplayed stores whether the answer repeats that of an earlier request with the same key.
func KeepReplayed(into *bool) Option {
	return Option{response: func(r *http.Response) { *into = r.Header.Get("Idempotency-Replayed") == "true" }}
}

// Query chooses from a list; every field may be left out.
type Query struct {
	Account string // by id or slug
	Device  string // by id or slug path
	State   string // of notices and certifications
	// Findings asks for certifications with a finding in this state.
	Findings string
	After    string // Page.Next of the page before
	Limit    int    // 1 to 1000; 0: 100

	pepper string // of keys
}

func (q Query) encode() string {
	v := q.values()
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

func (q Query) values() url.Values {
	v := make(url.Values)
	for name, value := range map[string]string{"account": q.Account, "device": q.Device, "state": q.State, "findings": q.Findings, "pepper": q.pepper, "after": q.After} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v
}

// Each walks all pages of a list: for account, err := range api.Each(ctx, q, client.Accounts). An error comes once, as the last pair.
func Each[T any](ctx context.Context, q Query, list func(context.Context, Query) (*Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			page, err := list(ctx, q)
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			q.After = page.Next
		}
	}
}

// segments makes the path of an address from its parts, each escaped: slug paths have slashes.
func segments(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString("/" + url.PathEscape(part))
	}
	return b.String()
}

func clientGet[T any](ctx context.Context, c *Client, address string, options []Option) (*T, error) {
	return call[T](ctx, c, outgoing{method: http.MethodGet, address: address, options: options})
}

// clientPost sends in as JSON; nil sends no body.
func clientPost[T any](ctx context.Context, c *Client, o outgoing, in any) (*T, error) {
	o.method = http.MethodPost
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("write the request to %s: %w", o.address, err)
		}
		o.body = body
	}
	return call[T](ctx, c, o)
}

// outgoing is one request of the client.
type outgoing struct {
	method, address string
	body            []byte // nil: none
	options         []Option
}

// exchange sends a request; the answer is one of success, and the caller closes it.
func (c *Client) exchange(ctx context.Context, o outgoing) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, o.method, strings.TrimSuffix(c.Base, "/")+o.address, bytes.NewReader(o.body))
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", o.address, err)
	}
	r.Header.Set("Accept", jsonType)
	if o.body != nil {
		r.Header.Set("Content-Type", jsonType)
	}
	for _, option := range o.options {
		if option.request != nil {
			option.request(r)
		}
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", o.address, err)
	}
	if response.StatusCode >= 200 && response.StatusCode <= 299 {
		for _, option := range o.options {
			if option.response != nil {
				option.response(response)
			}
		}
		return response, nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", o.address, err)
	}
	return nil, problemError(response, body)
}

func call[T any](ctx context.Context, c *Client, o outgoing) (*T, error) {
	response, err := c.exchange(ctx, o)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", o.address, err)
	}
	out := new(T)
	if err := json.Unmarshal(body, out); err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", o.address, err)
	}
	return out, nil
}

// problemError turns a problem back into the error that it was made from.
func problemError(r *http.Response, body []byte) error {
	var p Problem
	if err := json.Unmarshal(body, &p); err != nil || p.Code == "" {
		return gate.Errorf(kindOf("", r.StatusCode), "the server answered %s, and not with a problem of certgate", r.Status)
	}
	kind := kindOf(p.Code, r.StatusCode)
	if len(p.Errors) > 0 {
		several := make(gate.Faults, len(p.Errors))
		for i, e := range p.Errors {
			several[i] = &gate.Error{Kind: kind, Field: e.Field, Text: withoutField(e.Detail, e.Field)}
		}
		return several
	}
	text := withoutField(cmp.Or(p.Detail, p.Title), p.Field)
	if kind == gate.Internal && p.Instance != "" {
		text += " (" + p.Instance + ")"
	}
	return &gate.Error{Kind: kind, Field: p.Field, Text: text}
}

func withoutField(text, field string) string {
	if field == "" {
		return text
	}
	return strings.TrimPrefix(text, field+": ")
}
