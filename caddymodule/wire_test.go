package caddymodule_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// wireTimeout bounds every conversation over a wire.
const wireTimeout = 10 * time.Second

// dial opens a TLS connection that speaks the protocol ("h2" or "http/1.1") and says the server name, empty for none.
func (w *world) dial(t *testing.T, serverName, proto string, crt *tls.Certificate) (*tls.Conn, error) {
	t.Helper()
	plain, err := (&loopback{w.port}).dial(t.Context(), "tcp", "")
	must(t, err)
	t.Cleanup(func() { plain.Close() })
	must(t, plain.SetDeadline(time.Now().Add(wireTimeout)))
	config := &tls.Config{RootCAs: w.roots, ServerName: serverName, NextProtos: []string{proto}, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: serverName == ""}
	if crt != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return crt, nil }
	}
	conn := tls.Client(plain, config)
	return conn, conn.HandshakeContext(t.Context())
}

// wire is an HTTP/1 connection on which a test writes what no HTTP client would.
type wire struct {
	t    *testing.T
	conn io.ReadWriter
	in   *bufio.Reader
}

// wire opens one over TLS.
func (w *world) wire(t *testing.T, serverName string, crt *tls.Certificate) *wire {
	t.Helper()
	conn, err := w.dial(t, serverName, "http/1.1", crt)
	must(t, err)
	return &wire{t, conn, bufio.NewReader(conn)}
}

// say writes the text as it is, with CR LF for each line end.
func (c *wire) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		c.t.Log(err) // the server may have hung up already; what it said before is read all the same
	}
}

// ask says the text and returns the answer with its body.
func (c *wire) ask(text string) (*http.Response, string) {
	c.t.Helper()
	resp, body, err := c.try(text)
	must(c.t, err)
	return resp, body
}

func (c *wire) try(text string) (*http.Response, string, error) {
	c.t.Helper()
	c.say(text)
	resp, err := http.ReadResponse(c.in, nil)
	for err == nil && resp.StatusCode == http.StatusContinue {
		resp, err = http.ReadResponse(c.in, nil)
	}
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // an answer to HEAD or CONNECT
	}
	return resp, string(body), err
}

// get is a GET request with the lines, each ending in a line end.
func get(path, host, key, lines string) string {
	return fmt.Sprintf("GET %s HTTP/1.1\nHost: %s\nAuthorization: Bearer %s\n%s\n", path, host, key, lines)
}

// frames is an HTTP/2 connection on which a test writes what no HTTP client would.
type frames struct {
	t      *testing.T
	framer *http2.Framer
	stream uint32
}

// frames opens one.
func (w *world) frames(t *testing.T, serverName string, crt *tls.Certificate) *frames {
	t.Helper()
	conn, err := w.dial(t, serverName, "h2", crt)
	must(t, err)
	_, err = io.WriteString(conn, http2.ClientPreface)
	must(t, err)
	f := &frames{t: t, framer: http2.NewFramer(conn, conn), stream: 1}
	f.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	must(t, f.framer.WriteSettings())
	return f
}

// framed is an answer over HTTP/2: a status, or 0 if the stream or the connection was refused.
type framed struct {
	status int
	fields http.Header
	body   string
	goAway bool // the server wants no further request on this connection
}

// ask opens a stream with the header fields (names and values in turn), which is all of the request, and reads the answer.
func (f *frames) ask(fields ...string) framed {
	f.t.Helper()
	return f.send(true, fields...)
}

func (f *frames) send(end bool, fields ...string) (a framed) {
	f.t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := 0; i+1 < len(fields); i += 2 {
		must(f.t, encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	stream := f.stream
	f.stream += 2
	must(f.t, f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: end}))
	return f.read(stream)
}

func (f *frames) read(stream uint32) (a framed) {
	f.t.Helper()
	for {
		frame, err := f.framer.ReadFrame()
		if err != nil {
			return a // the server hung up
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				must(f.t, f.framer.WriteSettingsAck())
			}
		case *http2.MetaHeadersFrame:
			a.status, err = strconv.Atoi(frame.PseudoValue("status"))
			must(f.t, err)
			a.fields = http.Header{}
			for _, field := range frame.RegularFields() {
				a.fields.Add(field.Name, field.Value)
			}
		case *http2.DataFrame:
			a.body += string(frame.Data())
		case *http2.GoAwayFrame:
			a.goAway = true
			if a.status == 0 && frame.LastStreamID < stream {
				return a
			}
		case *http2.RSTStreamFrame:
			if frame.StreamID == stream {
				return a
			}
		}
		if header := frame.Header(); header.StreamID == stream && header.Flags.Has(http2.FlagDataEndStream) {
			return a
		}
	}
}
