package caddymodule_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

// doorsWorld has beside the gated site an open one on the same listener, and the gated one in plain http on another port.
func doorsWorld(t *testing.T) (w *world, plain int) {
	t.Helper()
	w, plain = foundWorld(t), freePort(t)
	w.mustLoad(w.global() + w.site("api.test", requestMode, "certgate production", w.proxy()) +
		w.site("open.test", "", "respond /open 204", "respond 404") +
		fmt.Sprintf("http://api.test:%d {\n\tbind 127.0.0.1\n\tcertgate production\n\t%s\n}\n", plain, w.proxy()) +
		fmt.Sprintf("http://sandbox.test:%d {\n\tbind 127.0.0.1\n\tcertgate sandbox\n\t%s\n}\n", plain, w.proxy()))
	return w, plain
}

// plaintext opens a connection without TLS.
func plaintext(t *testing.T, port int) *wire {
	t.Helper()
	conn, err := (&loopback{port}).dial(t.Context(), "tcp", "")
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(wireTimeout)))
	return &wire{t, conn, bufio.NewReader(conn)}
}

func TestOldAndBrokenHTTPGetsNothingThrough(t *testing.T) {
	w, _ := doorsWorld(t)
	_, _, acme := w.certified("acme")
	bearer := "Authorization: Bearer " + acme.Key + "\n"
	post := "POST /ihe/documents/1 HTTP/1.1\nHost: api.test\n" + bearer
	for _, row := range []struct {
		name, request string
		status        []int // 0: the connection ends without an answer
	}{
		{"HTTP/1.0 without a host", "GET /fhir/Patient/1 HTTP/1.0\n" + bearer + "\n", []int{421}},
		{"HTTP/0.9", "GET /fhir/Patient/1\n", []int{400}},
		{"HTTP/2 without its preface", "GET /fhir/Patient/1 HTTP/2.0\nHost: api.test\n" + bearer + "\n", []int{505, 400}},
		{"HTTP/1.1 without a host", "GET /fhir/Patient/1 HTTP/1.1\n" + bearer + "\n", []int{400}},
		{"two hosts", "GET /fhir/Patient/1 HTTP/1.1\nHost: api.test\nHost: open.test\n" + bearer + "\n", []int{400}},
		{"a host with a space", "GET /fhir/Patient/1 HTTP/1.1\nHost: api.test open.test\n" + bearer + "\n", []int{400}},
		{"two lengths", post + "Content-Length: 5\nContent-Length: 6\n\nhello", []int{400}},
		{"a signed length", post + "Content-Length: +5\n\nhello", []int{400}},
		{"a list of lengths", post + "Content-Length: 5, 5\n\nhello", []int{400}},
		{"an unknown coding", post + "Transfer-Encoding: gzip, chunked\n\n0\n\n", []int{501, 400}},
		{"chunked twice", post + "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n0\n\n", []int{501, 400}},
		{"a space before the colon", "GET /fhir/Patient/1 HTTP/1.1\nHost: api.test\nAuthorization : Bearer " + acme.Key + "\n\n", []int{400}},
		{"a header without a colon", "GET /fhir/Patient/1 HTTP/1.1\nHost: api.test\n" + bearer + "nonsense\n\n", []int{400}},
		{"a control character", "GET /fhir/Patient/1 HTTP/1.1\nHost: api.test\n" + bearer + "X-A: a\x00b\n\n", []int{400}},
		{"a bad method", "G(T /fhir/Patient/1 HTTP/1.1\nHost: api.test\n" + bearer + "\n", []int{400}},
		{"a small method", "get /fhir/Patient/1 HTTP/1.1\nHost: api.test\n" + bearer + "\n", []int{400, 403}},
		{"a long method", strings.Repeat("G", 100) + " /fhir/Patient/1 HTTP/1.1\nHost: api.test\n" + bearer + "\n", []int{400, 405}},
		{"oversized headers", "GET /fhir/Patient/1 HTTP/1.1\nHost: api.test\n" + bearer + "X-A: " + strings.Repeat("a", 64<<10) + "\n\n", []int{431, 0}},
		{"TRACE", "TRACE /fhir/Patient/1 HTTP/1.1\nHost: api.test\n" + bearer + "\n", []int{403}},
		{"CONNECT", "CONNECT api.test:443 HTTP/1.1\nHost: api.test\n" + bearer + "\n", []int{400, 403, 421}},
		{"CONNECT with a path", "CONNECT /fhir/Patient/1 HTTP/1.1\nHost: api.test\n" + bearer + "\n", []int{400, 403}},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\nHost: api.test\n" + bearer + "\n", []int{200, 400, 403}},
		{"PRI", "PRI * HTTP/2.0\n\nSM\n\n", []int{421}},
		{"websocket where none is", get("/fhir/Patient/1", "api.test", acme.Key, "Connection: Upgrade\nUpgrade: websocket\n"), []int{403}},
		{"upgrade without Connection", get("/fhir/Patient/1", "api.test", acme.Key, "Upgrade: websocket\n"), []int{403}},
		{"h2c", get("/live/1", "api.test", acme.Key, "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__\n"), []int{403}},
		{"websocket and h2c", get("/live/1", "api.test", acme.Key, "Connection: Upgrade\nUpgrade: websocket, h2c\n"), []int{403}},
		{"two upgrades", get("/live/1", "api.test", acme.Key, "Connection: Upgrade\nUpgrade: websocket\nUpgrade: h2c\n"), []int{403}},
		{"another site's host", get("/fhir/Patient/1", "open.test", acme.Key, ""), []int{421}},
		{"an unknown host", get("/fhir/Patient/1", "elsewhere.test", acme.Key, ""), []int{421}},
		{"a host like ours", get("/fhir/Patient/1", "api.test.", acme.Key, ""), []int{421}},
		{"an address as host", get("/fhir/Patient/1", "127.0.0.1", acme.Key, ""), []int{421}},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := w.upstream.hits.Load()
			resp, body, err := w.wire(t, "api.test", &acme.tls).try(row.request)
			status := 0
			if err == nil {
				status = resp.StatusCode
			}
			if !oneOf(status, row.status) {
				t.Errorf("%d %s %v, want %d", status, body, err, row.status)
			}
			if strings.Contains(body, acme.Key) {
				t.Error("the answer repeats the key")
			}
			if w.upstream.hits.Load() != before {
				t.Errorf("the upstream got %s", w.upstream.last(t).RequestURI)
			}
		})
	}
}

func oneOf(status int, list []int) bool {
	return slices.Contains(list, status)
}

func TestContradictoryFramingSmugglesNothing(t *testing.T) {
	w, _ := doorsWorld(t)
	_, _, acme := w.certified("acme")
	inner := "GET /secret/1 HTTP/1.1\nHost: api.test\nX-A: b\n\n"
	resp, body, err := w.wire(t, "api.test", &acme.tls).try("POST /ihe/documents/1 HTTP/1.1\nHost: api.test\nAuthorization: Bearer " + acme.Key +
		fmt.Sprintf("\nContent-Length: %d\nTransfer-Encoding: chunked\n\n0\n\n", len(inner)+5) + inner)
	if err == nil && resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusBadRequest {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	w.upstream.mu.Lock()
	defer w.upstream.mu.Unlock()
	for _, r := range w.upstream.requests {
		if r.RequestURI != "/ihe/documents/1" || r.Header.Get("Content-Length") != "" && len(r.TransferEncoding) > 0 {
			t.Errorf("the upstream got %s with %v", r.RequestURI, r.Header)
		}
	}
}

func TestHTTP10IsJudgedLikeAnyOther(t *testing.T) {
	w, _ := doorsWorld(t)
	_, _, acme := w.certified("acme")
	resp, body := w.wire(t, "api.test", &acme.tls).ask("GET /fhir/Patient/1 HTTP/1.0\nHost: api.test\nAuthorization: Bearer " + acme.Key + "\n\n")
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	arrived(t, w.upstream.last(t), acme, "fhir-query")
	resp, body = w.wire(t, "api.test", &acme.tls).ask("GET /fhir/Patient/1 HTTP/1.0\nHost: api.test\n\n")
	if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "key-required") {
		t.Errorf("without a key: %d %s", resp.StatusCode, body)
	}
}

func TestWithoutTLSNothingIsServed(t *testing.T) {
	w, plain := doorsWorld(t)
	_, _, acme := w.certified("acme")
	_, device := w.customer("tester", gate.Sandbox)
	sandboxKey, _, err := w.authority().SandboxKey(w.eve, device.ID)
	must(t, err)
	for host, key := range map[string]string{"api.test": acme.Key, "sandbox.test": sandboxKey} {
		resp, body := plaintext(t, plain).ask(get("/fhir/Patient/1", fmt.Sprintf("%s:%d", host, plain), key, "X-Forwarded-Proto: https\n"))
		if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "certificate-required") {
			t.Errorf("%s: %d %s", host, resp.StatusCode, body)
		}
	}
	if resp, body := plaintext(t, w.port).ask(get("/fhir/Patient/1", "api.test", acme.Key, "")); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("plain http to the TLS port: %d %s", resp.StatusCode, body)
	}
	if w.upstream.hits.Load() != 0 {
		t.Error("plain http reached the upstream")
	}
}

func TestAnotherSitesHandshakeOpensNothing(t *testing.T) {
	w, _ := doorsWorld(t)
	_, _, acme := w.certified("acme")
	if resp, _ := w.get(w.client("h1", nil), "open.test", "/open", ""); resp.StatusCode != http.StatusNoContent {
		t.Fatalf("the open site answers %d", resp.StatusCode)
	}
	for _, certificate := range []*tls.Certificate{nil, &acme.tls} {
		for _, host := range []string{"api.test", "API.TEST", "api.test:443", "api.test."} {
			if resp, body := w.wire(t, "open.test", certificate).ask(get("/fhir/Patient/1", host, acme.Key, "")); resp.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("h1, host %s: %d %s", host, resp.StatusCode, body)
			}
			for _, scheme := range []string{"https", "http"} {
				a := w.frames(t, "open.test", certificate).ask(":method", "GET", ":scheme", scheme, ":authority", host, ":path", "/fhir/Patient/1",
					"authorization", "Bearer "+acme.Key)
				if a.status != 421 {
					t.Errorf("h2, scheme %s, host %s: %d %s", scheme, host, a.status, a.body)
				}
			}
		}
		a := w.frames(t, "open.test", certificate).ask(":method", "GET", ":scheme", "https", ":authority", "open.test", "host", "api.test", ":path", "/fhir/Patient/1",
			"authorization", "Bearer "+acme.Key)
		if a.status == 200 {
			t.Errorf("two hosts: %d %s", a.status, a.body)
		}
	}
	for _, host := range []string{"127.0.0.1", "api.test", "[::1]"} {
		conn, err := w.dial(t, "", "http/1.1", &acme.tls)
		if err != nil {
			continue // refused already
		}
		c := &wire{t, conn, bufio.NewReader(conn)}
		if resp, body, err := c.try(get("/fhir/Patient/1", host, acme.Key, "")); err == nil && resp.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("without a server name, host %s: %d %s", host, resp.StatusCode, body)
		}
	}
	if w.upstream.hits.Load() != 0 {
		t.Errorf("the upstream got %s", w.upstream.last(t).RequestURI)
	}
}

func TestHTTP2CannotPretend(t *testing.T) {
	w, _ := doorsWorld(t)
	_, _, acme := w.certified("acme")
	bearer := "Bearer " + acme.Key
	for _, row := range []struct {
		name   string
		fields []string
		status []int
	}{
		{"scheme http without a certificate", []string{":method", "GET", ":scheme", "http", ":authority", "api.test", ":path", "/fhir/Patient/1"}, []int{403}},
		{"scheme ftp", []string{":method", "GET", ":scheme", "ftp", ":authority", "api.test", ":path", "/fhir/Patient/1"}, []int{0, 400, 403}},
		{"CONNECT", []string{":method", "CONNECT", ":authority", "api.test"}, []int{0, 400, 403}},
		{"CONNECT elsewhere", []string{":method", "CONNECT", ":authority", "127.0.0.1:22"}, []int{0, 400, 421}},
		{"extended CONNECT", []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":authority", "api.test", ":path", "/live/1"}, []int{0, 400, 403}},
		{"TRACE", []string{":method", "TRACE", ":scheme", "https", ":authority", "api.test", ":path", "/fhir/Patient/1"}, []int{403}},
		{"OPTIONS *", []string{":method", "OPTIONS", ":scheme", "https", ":authority", "api.test", ":path", "*"}, []int{0, 200, 400, 403}},
		{"Upgrade", []string{":method", "GET", ":scheme", "https", ":authority", "api.test", ":path", "/fhir/Patient/1", "upgrade", "websocket"}, []int{0, 400, 403}},
		{"Connection", []string{":method", "GET", ":scheme", "https", ":authority", "api.test", ":path", "/fhir/Patient/1", "connection", "certgate-account"}, []int{0, 400}},
		{"capitals", []string{":method", "GET", ":scheme", "https", ":authority", "api.test", ":path", "/fhir/Patient/1", "Certgate-Account", "forged"}, []int{0, 400}},
		{"no authority", []string{":method", "GET", ":scheme", "https", ":path", "/fhir/Patient/1"}, []int{0, 400, 421}},
		{"two paths", []string{":method", "GET", ":scheme", "https", ":authority", "api.test", ":path", "/fhir/Patient/1", ":path", "/secret/1"}, []int{0, 400}},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := w.upstream.hits.Load()
			crt := &acme.tls
			if strings.Contains(row.name, "without a certificate") {
				crt = nil
			}
			a := w.frames(t, "api.test", crt).ask(append(row.fields, "authorization", bearer)...)
			if !oneOf(a.status, row.status) {
				t.Errorf("%d %s, want %d", a.status, a.body, row.status)
			}
			if w.upstream.hits.Load() != before {
				t.Errorf("the upstream got %s", w.upstream.last(t).RequestURI)
			}
		})
	}
	// Over TLS all the same, so it is judged by what the connection showed.
	a := w.frames(t, "api.test", &acme.tls).ask(":method", "GET", ":scheme", "http", ":authority", "api.test", ":path", "/fhir/Patient/1", "authorization", bearer)
	if a.status == 200 {
		arrived(t, w.upstream.last(t), acme, "fhir-query")
	}
}

func TestAWebSocketGoesThroughWhereTheBehaviorSaysSo(t *testing.T) {
	w := foundWorld(t)
	seen := make(chan *http.Request, 1)
	echo := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		seen <- r
		conn, both, err := rw.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(both, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		both.Flush()
		line, _ := both.ReadString('\n')
		fmt.Fprint(both, "you said "+line)
		both.Flush()
	}))
	t.Cleanup(echo.Close)
	w.mustLoad(w.global() + w.site("api.test", requestMode, "certgate production", "reverse_proxy "+echo.Listener.Addr().(*net.TCPAddr).String()))
	_, _, acme := w.certified("acme")
	c := w.wire(t, "api.test", &acme.tls)
	c.say(get("/live/1", "api.test", acme.Key, "Connection: Upgrade, Certgate-Account\nUpgrade: WebSocket\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n"))
	resp, err := http.ReadResponse(c.in, nil)
	must(t, err)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%d", resp.StatusCode)
	}
	c.say("hello\n")
	if line, err := c.in.ReadString('\n'); err != nil || line != "you said hello\r\n" {
		t.Errorf("%q %v", line, err)
	}
	r := <-seen
	if got := r.Header.Get("Connection"); !strings.EqualFold(got, "Upgrade") {
		t.Errorf("Connection: %s reached the upstream", got)
	}
	r.Header.Del("Connection")
	arrived(t, r, acme, "live")
	// Caddy must not be stopped while it copies: it would write its closing frame from elsewhere at the same time.
	eventually(t, "the tunnel to end", func() bool { return w.authority().Stats().InFlight == 0 })
}

func TestNobodyIsToldToContinueBeforeTheDecision(t *testing.T) {
	w, _ := doorsWorld(t)
	_, _, acme := w.certified("acme")
	ask := func(key string) (int, *wire) {
		c := w.wire(t, "api.test", &acme.tls)
		c.say("POST /ihe/documents/1 HTTP/1.1\nHost: api.test\nAuthorization: Bearer " + key + "\nContent-Length: 5\nExpect: 100-continue\n\n")
		resp, err := http.ReadResponse(c.in, nil)
		if err != nil {
			t.Fatalf("key %.8s: %v", key, err)
		}
		return resp.StatusCode, c
	}
	if status, _ := ask("nonsense"); status != 401 {
		t.Errorf("a stranger was told %d before sending a body", status)
	}
	status, c := ask(acme.Key)
	if status != 100 {
		t.Fatalf("a certified customer was told %d", status)
	}
	if resp, body := c.ask("hello"); resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if hits := w.upstream.hits.Load(); hits != 1 {
		t.Errorf("%d requests reached the upstream instead of 1", hits)
	}
}
