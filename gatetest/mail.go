package gatetest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
)

// MailServer is an SMTP server on loopback that keeps what it is given (RFC 5321). It speaks no TLS, which certgate allows on loopback alone.
type MailServer struct {
	listener net.Listener
	visits   sync.WaitGroup

	mu      sync.Mutex
	mails   []Mail                // guarded by mu
	open    map[net.Conn]struct{} // guarded by mu
	refused map[string]bool       // guarded by mu
	down    bool                  // guarded by mu
}

// Mail is a mail that the server accepted.
type Mail struct {
	From     string
	To       []string // of the envelope
	Header   mail.Header
	Text     string // the plain text
	Calendar string // the part for calendars; empty for most
}

// NewMailServer starts a server, which ends with the test.
func NewMailServer(t testing.TB) *MailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // nothing to wait for
	if err != nil {
		t.Fatal(err)
	}
	s := &MailServer{listener: listener, open: make(map[net.Conn]struct{}), refused: make(map[string]bool)}
	s.visits.Go(s.accept)
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Errorf("close the mail server: %v", err)
		}
		s.hangUp()
		s.visits.Wait()
	})
	return s
}

// Address is where it listens, as host:port.
func (s *MailServer) Address() string { return s.listener.Addr().String() }

// Mails are those accepted so far.
func (s *MailServer) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Refuse makes the server say that there is nobody of this address, or say so no longer.
func (s *MailServer) Refuse(address string, refuse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[address] = refuse
}

// SetDown makes the server hang up on everybody, or serve again.
func (s *MailServer) SetDown(down bool) {
	s.mu.Lock()
	s.down = down
	s.mu.Unlock()
	if down {
		s.hangUp()
	}
}

func (s *MailServer) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.Close() // the visit ends either way
	}
}

func (s *MailServer) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		down := s.down
		if !down {
			s.open[c] = struct{}{}
		}
		s.mu.Unlock()
		if down {
			_ = c.Close() // that is what being down means
			continue
		}
		s.visits.Go(func() {
			s.serve(textproto.NewConn(c))
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.open, c)
		})
	}
}

// serve answers one client until it quits or is gone.
func (s *MailServer) serve(c *textproto.Conn) {
	defer c.Close() //nolint:errcheck // the client is gone
	var m Mail
	say := func(line string) bool { return c.PrintfLine("%s", line) == nil }
	if !say("220 mail.test") {
		return
	}
	for {
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		answer := "250 ok"
		switch verb {
		case "MAIL":
			m = Mail{From: address(rest)}
		case "RCPT":
			answer = s.recipient(&m, address(rest))
		case "DATA":
			if !say("354 go on") {
				return
			}
			if err := s.data(c, m); err != nil {
				answer = "554 " + err.Error()
			}
		case "QUIT":
			say("221 bye")
			return
		}
		if !say(answer) {
			return
		}
	}
}

func (s *MailServer) recipient(m *Mail, address string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused[address] {
		return "550 5.1.1 there is no " + address
	}
	m.To = append(m.To, address)
	return "250 ok"
}

func (s *MailServer) data(c *textproto.Conn, m Mail) error {
	raw, err := io.ReadAll(c.DotReader())
	if err != nil {
		return err
	}
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("this is no mail: %w", err)
	}
	if err := m.read(parsed.Header, parsed.Body); err != nil {
		return err
	}
	m.Header = parsed.Header
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
	return nil
}

// read takes the texts out of a body or a part of one.
func (m *Mail) read(h interface{ Get(string) string }, body io.Reader) error {
	kind, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("this is no type: %w", err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, parameters["boundary"])
		for {
			part, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("split the mail: %w", err)
			}
			if err := m.read(part.Header, part); err != nil {
				return err
			}
		}
	}
	switch encoding := h.Get("Content-Transfer-Encoding"); encoding {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	default:
		return errors.New("the encoding is " + encoding)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("decode the text: %w", err)
	}
	switch kind {
	case "text/plain":
		m.Text = strings.ReplaceAll(string(text), "\r\n", "\n")
	case "text/calendar":
		m.Calendar = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	return nil
}

// address is what stands between the angle brackets of MAIL FROM:<...> or RCPT TO:<...>.
func address(rest string) string {
	_, rest, _ = strings.Cut(rest, "<")
	within, _, _ := strings.Cut(rest, ">")
	return within
}
