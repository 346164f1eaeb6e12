package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// caller is what a customer runs: a client with a certificate and a key.
type caller struct {
	http  *http.Client
	key   string
	dials atomic.Int64
}

// newCaller reads what the customer of a directory was given.
func (s *story) newCaller(ts *testscript.TestScript, who string) *caller {
	file := func(name string) string { return filepath.Join(ts.MkAbs(who), name) }
	pair, err := tls.LoadX509KeyPair(file("client.crt"), file("client.key"))
	ts.Check(err)
	key, err := os.ReadFile(file("key.txt"))
	ts.Check(err)
	ca, err := os.ReadFile(s.file("ca.crt"))
	ts.Check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	c := &caller{key: strings.TrimSpace(string(key))}
	c.http = &http.Client{Timeout: wait, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}, MaxConnsPerHost: 1,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c.dials.Add(1)
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
	return c
}

// reply is what a call was answered.
type reply struct {
	status int
	code   string // of a refusal
	body   string
}

func (r reply) String() string { return strings.TrimSpace(fmt.Sprintf("%d %s", r.status, r.code)) }

func (c *caller) do(method, url string) (r reply, err error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return r, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	resp, err := c.http.Do(req)
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	var problem struct {
		Code string `json:"code"`
	}
	if resp.StatusCode >= http.StatusBadRequest {
		_ = json.Unmarshal(body, &problem) // what is no problem has no code
	}
	return reply{resp.StatusCode, problem.Code, string(body)}, err
}

func (s *story) call(ts *testscript.TestScript, _ bool, args []string) {
	c := s.newCaller(ts, args[0])
	defer c.http.CloseIdleConnections()
	r, err := c.do(args[1], s.url("https", apiSite)+args[2])
	ts.Check(err)
	if _, err := io.WriteString(ts.Stdout(), r.body); err != nil {
		ts.Fatalf("%v", err)
	}
	if want := strings.Join(args[3:], " "); r.String() != want {
		ts.Fatalf("%v, want %s: %s", r, want, r.body)
	}
}

// client calls over and over until the story ends.
type client struct {
	*caller
	mu    sync.Mutex
	calls int   // guarded by mu
	last  reply // guarded by mu
	bad   error // guarded by mu; the first call that was not answered, or not as it is known
	known reply // guarded by mu; a refusal that goes on, as a story has seen
	// seen are the refusals since it last passed, guarded by mu: one may be the last that is told in words, where the next handshake is refused.
	seen map[string]reply
}

func (s *story) client(ts *testscript.TestScript, _ bool, args []string) {
	switch who := args[0]; args[1] {
	case "passes":
		s.clients[who].passes(ts)
	case "refused":
		s.clients[who].refused(ts, args[2]+" "+args[3])
	default:
		c := &client{caller: s.newCaller(ts, who), seen: make(map[string]reply)}
		s.clients[who] = c
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			c.run(ctx, args[1], s.url("https", apiSite)+args[2])
		}()
		ts.Defer(func() {
			cancel()
			<-ended
			c.http.CloseIdleConnections()
		})
		c.passes(ts)
	}
}

func (c *client) run(ctx context.Context, method, url string) {
	again := time.NewTicker(40 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		r, err := c.do(method, url)
		c.mu.Lock()
		c.calls++
		c.last = r
		if r.status >= http.StatusBadRequest {
			c.seen[r.String()] = r
		}
		if err == nil && r.status != http.StatusOK && r.String() != c.known.String() {
			err = fmt.Errorf("call %d was answered %s: %s", c.calls, strconv.Itoa(r.status), r.body)
		}
		if c.bad == nil {
			c.bad = err
		}
		c.mu.Unlock()
	}
}

// passes waits until a refusal that was known is over, and for three calls: the first may have been under way.
func (c *client) passes(ts *testscript.TestScript) {
	until(ts, "end of the refusal", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		over := c.known.status == 0 || c.last.status == http.StatusOK
		if over {
			c.known = reply{}
			clear(c.seen)
		}
		return over
	})
	c.mu.Lock()
	before := c.calls
	c.mu.Unlock()
	until(ts, "further call", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.calls >= before+3
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bad != nil {
		ts.Fatalf("%v", c.bad)
	}
	if n := c.dials.Load(); n != 1 {
		ts.Fatalf("the client connected %d times", n)
	}
}

// refused waits for the refusal. None but passed calls may have come before it.
func (c *client) refused(ts *testscript.TestScript, want string) {
	until(ts, "refusal "+want, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, seen := c.seen[want]
		return seen
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bad, c.known = nil, c.seen[want]
}
