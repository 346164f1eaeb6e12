package caddymodule

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/onerecord/certgate/authority"
)

// metered watches how one call goes, without standing in its way.
type metered struct {
	answer caddyhttp.ResponseRecorder
	body   counted // of the request
}

// watch has the call counted: through the recorder that Caddy's access log has put there already, else through one of our own.
func watch(w http.ResponseWriter, r *http.Request) *metered {
	m := new(metered)
	if recorder, ok := w.(caddyhttp.ResponseRecorder); ok {
		m.answer = recorder
	} else {
		m.answer = caddyhttp.NewResponseRecorder(w, nil, nil)
	}
	if r.Body != nil && r.ContentLength != 0 {
		m.body.ReadCloser = r.Body
		r.Body = &m.body
	}
	return m
}

// outcome is how the call ended: with what the rest of the chain returned, or without where it panicked, as a proxy does when an answer
// breaks off. ctx is that of the call.
func (m *metered) outcome(ctx context.Context, err error, returned bool) authority.Outcome {
	o := authority.Outcome{Status: m.answer.Status(), In: m.body.n.Load(), Out: int64(m.answer.Size())}
	gone := ctx.Err() != nil
	if o.Status == statusClientClosed && gone {
		return authority.Outcome{Canceled: true, In: o.In}
	}
	if o.Status >= 200 || o.Status == http.StatusSwitchingProtocols {
		return o
	}
	o.Status = 0 // an early hint is no answer
	if failure := (caddyhttp.HandlerError{}); errors.As(err, &failure) && failure.StatusCode == statusClientClosed || gone {
		o.Canceled = true
		return o
	}
	if err == nil && returned {
		o.Status = http.StatusOK // which is what net/http sends for a handler that writes nothing
	}
	return o
}

// statusClientClosed is what Caddy's proxy notes or fails with when its client has gone.
const statusClientClosed = 499

// counted counts what is read of a body. A proxy may still read it when the handler has returned.
type counted struct {
	io.ReadCloser

	n atomic.Int64
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}
