package caddymodule_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// source is an upstream whose answers do not end by themselves.
type source struct {
	*httptest.Server
	active atomic.Int64 // calls and tunnels that it serves now
}

func newSource(t *testing.T) *source {
	t.Helper()
	s := &source{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /fhir/download", s.download)
	mux.HandleFunc("GET /fhir/events", s.events)
	mux.HandleFunc("POST /fhir/upload", s.upload)
	mux.HandleFunc("GET /live/tunnel", s.tunnel)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// download writes for as long as somebody takes it.
func (s *source) download(w http.ResponseWriter, _ *http.Request) {
	s.active.Add(1)
	defer s.active.Add(-1)
	block := make([]byte, 64<<10)
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

func (s *source) events(w http.ResponseWriter, r *http.Request) {
	s.active.Add(1)
	defer s.active.Add(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := io.WriteString(w, "data: tick\n\n"); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

func (s *source) upload(w http.ResponseWriter, r *http.Request) {
	s.active.Add(1)
	defer s.active.Add(-1)
	_, _ = io.Copy(io.Discard, r.Body)
}

// tunnel switches to WebSocket and sends back what it gets.
func (s *source) tunnel(w http.ResponseWriter, _ *http.Request) {
	s.active.Add(1)
	defer s.active.Add(-1)
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
	_, _ = io.Copy(conn, rw)
}

// stream is one that a customer holds open.
type stream struct {
	name     string
	progress atomic.Int64 // bytes, as far as the client looks
	ended    chan struct{}
}

func (s *stream) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// Write makes the stream a counter of bytes.
func (s *stream) Write(b []byte) (int, error) {
	s.progress.Add(int64(len(b)))
	return len(b), nil
}

// holder is a customer with all kinds of streams open.
type holder struct {
	w       *world
	name    string
	key     string
	crt     *tls.Certificate
	ctx     context.Context
	streams []*stream
	wg      *sync.WaitGroup
	hangUp  []func()
}

func (h *holder) start(name string, f func(s *stream)) {
	s := &stream{name: h.name + " " + name, ended: make(chan struct{})}
	h.streams = append(h.streams, s)
	h.wg.Go(func() {
		defer close(s.ended)
		f(s)
	})
}

func (h *holder) request(method, path string, body io.Reader) *http.Request {
	r, err := http.NewRequestWithContext(h.ctx, method, fmt.Sprintf("https://api.test:%d%s", h.w.port, path), body)
	must(h.w.t, err)
	r.Header.Set("Authorization", "Bearer "+h.key)
	return r
}

// client makes a client with connections of its own, which are closed with the rest.
func (h *holder) client(proto string) *http.Client {
	client := h.w.client(proto, h.crt)
	h.hangUp = append(h.hangUp, client.CloseIdleConnections)
	return client
}

// open opens every stream over the protocol, each on a connection of its own.
func (h *holder) open(proto string) {
	read := func(path string) func(*stream) {
		client := h.client(proto)
		return func(s *stream) {
			resp, err := client.Do(h.request(http.MethodGet, path, nil))
			if err != nil {
				return
			}
			defer resp.Body.Close()
			_, _ = io.Copy(s, resp.Body)
		}
	}
	h.start(proto+" download", read("/fhir/download"))
	h.start(proto+" events", read("/fhir/events"))
	client := h.client(proto)
	h.start(proto+" upload", func(s *stream) { h.upload(client, s) })
	h.unread(proto)
	if proto == "h1" {
		h.start("stalled upload", h.stall)
		h.start("tunnel", h.tunnel)
	}
}

// upload sends a little again and again.
func (h *holder) upload(client *http.Client, s *stream) {
	reader, writer := io.Pipe()
	defer reader.Close()
	h.wg.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := io.MultiWriter(writer, s).Write([]byte("more")); err != nil {
				return
			}
			<-tick.C
		}
	})
	resp, err := client.Do(h.request(http.MethodPost, "/fhir/upload", reader))
	if err == nil {
		resp.Body.Close()
	}
}

// unread opens a download of which nothing is read until it ends: the proxy then waits in a write, which no context ends. What shows the
// end to us is the server; see the test.
func (h *holder) unread(proto string) {
	resp, err := h.client(proto).Do(h.request(http.MethodGet, "/fhir/download", nil))
	must(h.w.t, err)
	if resp.StatusCode != http.StatusOK {
		h.w.t.Fatalf("%s: an unread download: %d", h.name, resp.StatusCode)
	}
	h.hangUp = append(h.hangUp, func() { resp.Body.Close() })
}

// dial opens a connection on which the holder speaks for itself.
func (h *holder) dial() (net.Conn, error) {
	config := &tls.Config{RootCAs: h.w.roots, ServerName: "api.test", MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return h.crt, nil }}
	conn, err := (&tls.Dialer{Config: config}).DialContext(h.ctx, "tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(h.w.port)))
	if err == nil {
		context.AfterFunc(h.ctx, func() { conn.Close() })
	}
	return conn, err
}

// stall begins an upload and then sends nothing more. (Go's own client would not notice the end before it could send.)
func (h *holder) stall(s *stream) {
	conn, err := h.dial()
	if err != nil {
		return
	}
	defer conn.Close()
	n, err := fmt.Fprintf(conn, "POST /fhir/upload HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer %s\r\nContent-Length: 1000000\r\n\r\nonce", h.key)
	if err != nil {
		return
	}
	s.progress.Add(int64(n))
	_, _ = io.Copy(io.Discard, conn)
}

// tunnel holds a WebSocket open, in which an echo goes around.
func (h *holder) tunnel(s *stream) {
	conn, err := h.dial()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /live/tunnel HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", h.key)
	reader := bufio.NewReader(conn)
	status, err := reader.ReadString('\n')
	if err != nil || !strings.Contains(status, " 101 ") {
		h.w.t.Errorf("%s: the tunnel was answered %q, %v", h.name, status, err)
		return
	}
	for line := status; line != "\r\n"; {
		if line, err = reader.ReadString('\n'); err != nil {
			return
		}
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	echo := make([]byte, 4)
	for {
		if _, err := io.WriteString(conn, "echo"); err != nil {
			return
		}
		if _, err := io.ReadFull(reader, echo); err != nil {
			return
		}
		_, _ = s.Write(echo)
		<-tick.C
	}
}

func (w *world) streaming(s *source) string {
	return w.global() + w.site("api.test", requestMode, "certgate production",
		"reverse_proxy "+s.Listener.Addr().String()+" {\n\t\tflush_interval -1\n\t}")
}

func TestStreamsEndWhenTheirCustomerMayNoLongerCall(t *testing.T) {
	w := foundWorld(t)
	s := newSource(t)
	w.mustLoad(w.streaming(s))
	account, _, acme := w.certified("acme")
	_, _, beta := w.certified("beta")
	_, device, gone := w.certified("gone")
	_, _, kept := w.certified("kept")
	goroutines := runtime.NumGoroutine()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	hold := func(name, key string, crt *tls.Certificate) *holder {
		h := &holder{w: w, name: name, key: key, crt: crt, ctx: ctx, wg: &wg}
		h.open("h1")
		h.open("h2")
		return h
	}
	keeper := hold("kept", kept.Key, &kept.tls)
	holders := []*holder{hold("suspended", acme.Key, &acme.tls), hold("revoked", beta.Key, &beta.tls)}
	short := w.sign(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(10 * time.Second) })
	w.register(device, short)
	holders = append(holders, hold("expired", gone.Key, &short))
	each := len(keeper.streams) + 2 // and two downloads that nobody reads
	opened := w.authority()
	eventually(t, "all streams to be open", func() bool {
		return opened.Stats().InFlight == 4*each && s.active.Load() == int64(4*each)
	})
	for _, h := range append(holders, keeper) {
		for _, s := range h.streams {
			eventually(t, "data on "+s.name, func() bool { return s.progress.Load() > 0 })
		}
	}

	began := time.Now()
	_, err := opened.Impose(w.ben, authority.Imposition{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(account.ID)}, Measure: gate.Suspend, Why: "test"})
	must(t, err)
	_, err = opened.RevokeKey(w.ben, beta.KeyID, gate.KeyCompromise, "test")
	must(t, err)
	within(t, 30*time.Second, "the calls to be given back", func() bool {
		return opened.Stats().InFlight == each && s.active.Load() == int64(each)
	})
	t.Logf("calls were given back after %s", time.Since(began))
	for _, h := range holders {
		for _, s := range h.streams {
			select {
			case <-s.ended:
			case <-time.After(max(time.Second, 30*time.Second-time.Since(began))):
				t.Errorf("%s did not end at its client", s.name)
			}
		}
	}
	t.Logf("clients saw the end after %s", time.Since(began))
	keeper.goesOn(t)
	cancel()
	wg.Wait()
	for _, h := range append(holders, keeper) {
		for _, hang := range slices.Backward(h.hangUp) {
			hang()
		}
	}
	eventually(t, "nothing to be in flight", func() bool { return opened.Stats().InFlight == 0 && s.active.Load() == 0 })
	s.CloseClientConnections() // the proxy's idle ones
	eventually(t, "the goroutines to end", func() bool {
		for _, h := range append(holders, keeper) {
			for _, hang := range h.hangUp {
				hang() // a connection may have become idle only now
			}
		}
		return runtime.NumGoroutine() <= goroutines+slack
	})
}

// slack is how many goroutines may come and go for reasons of their own, such as idle connections to the upstream.
const slack = 10

// goesOn checks that every stream still moves.
func (h *holder) goesOn(t *testing.T) {
	t.Helper()
	for _, s := range h.streams {
		if strings.Contains(s.name, "stalled") {
			if s.over() {
				t.Errorf("%s was ended", s.name)
			}
			continue
		}
		before := s.progress.Load()
		eventually(t, s.name+" to go on", func() bool { return s.progress.Load() > before })
	}
}

// within is eventually with a bound of its own.
func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %s in vain for %s", limit, what)
		}
	}
}
