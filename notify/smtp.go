package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/onerecord/certgate/gate"
)

// SMTPConfig says which mail server sends the notices.
type SMTPConfig struct {
	// Address is the server's host and port, such as mail.example.com:587. Port 465 speaks TLS from the first byte; any other must
	// offer STARTTLS. Only a server on a loopback address is spoken to in plain text, and only while RootCAs is nil.
	Address string
	// From is the sender. Its domain is also the Message-ID's.
	From Mailbox
	// Username and Password sign in with PLAIN or LOGIN. Both or neither; they never travel in plain text but on loopback.
	Username, Password string
	// RootCAs are what the server's certificate is verified against. Nil: the system's.
	RootCAs *x509.CertPool
	// ImplicitTLS speaks TLS from the first byte on another port than 465 as well.
	ImplicitTLS bool
	// Hello is the name we give ourselves in EHLO. Default: the domain of From.
	Hello string
	// Timeout bounds one Send, from dialing to the server's last word. Default: 1 minute.
	Timeout time.Duration
}

// SMTP sends mail, one connection for each message. It is safe for concurrent use.
type SMTP struct {
	config SMTPConfig
	host   string
}

// defaultTimeout is long enough for a server that looks up the sender before it answers, and short enough for a queue behind it.
const defaultTimeout = time.Minute

// quitTimeout is what saying good-bye may take; the mail has been accepted by then.
const quitTimeout = 2 * time.Second

// NewSMTP checks the configuration. It does not connect.
func NewSMTP(c SMTPConfig) (*SMTP, error) {
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil || host == "" || port == "" {
		return nil, gate.FieldErrorf("smtp.address", "%q: must be host:port, such as mail.example.com:587", gate.Clip(c.Address, 80))
	}
	if err := c.From.check(); err != nil {
		return nil, gate.InField("smtp.from", err)
	}
	if (c.Username == "") != (c.Password == "") {
		return nil, gate.FieldErrorf("smtp.username", "username and password must both be given, or neither")
	}
	if c.Hello == "" {
		c.Hello = domainOf(c.From.Email)
	}
	if err := checkLine(c.Hello, maxAddress); err != nil || strings.Contains(c.Hello, " ") {
		return nil, gate.FieldErrorf("smtp.hello", "%q: must be a host name", gate.Clip(c.Hello, 80))
	}
	if c.Timeout < 0 {
		return nil, gate.FieldErrorf("smtp.timeout", "%s: must not be negative", c.Timeout)
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	c.ImplicitTLS = c.ImplicitTLS || port == "465"
	return &SMTP{config: c, host: host}, nil
}

// Send delivers the message to the mail server, for all recipients that Skip does not name. It returns nil when each of them was
// accepted, and a *DeliveryError otherwise: permanent where the message or every refused recipient can never be accepted (5xx), temporary
// for anything that an operator may mend meanwhile: no connection, no TLS, a password or sender that the server does not like.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	wire, err := compose(&m, s.config.From)
	if err != nil {
		return permanent(err)
	}
	to := m.Recipients()
	if len(to) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	conn, err := s.dial(ctx)
	if err != nil {
		return temporary(s.describe(ctx, err))
	}
	defer conn.Close() //nolint:errcheck // after an error there is nothing to say, after success QUIT was sent
	// The connection knows no context: its end, by cancellation or timeout, closes it.
	stop := context.AfterFunc(ctx, func() { conn.Close() }) //nolint:errcheck // as above
	defer stop()

	client, err := s.open(conn)
	if err != nil {
		return temporary(s.describe(ctx, err))
	}
	t := transfer{conn: conn, client: client, from: s.config.From.Email, to: to, wire: wire}
	if err := t.run(ctx); err != nil {
		if e, ok := errors.AsType[*DeliveryError](err); ok && e.Err != nil {
			e.Err = s.describe(ctx, e.Err)
		}
		return err
	}
	return nil
}

// describe names the server, and the reason for which we hung up ourselves.
func (s *SMTP) describe(ctx context.Context, err error) error {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		err = fmt.Errorf("%d %s", reply.Code, foreign(reply.Msg))
	}
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return fmt.Errorf("mail server %s: %w", s.config.Address, err)
}

func (s *SMTP) dial(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", s.config.Address)
	if err != nil {
		return nil, err
	}
	if !s.config.ImplicitTLS {
		return conn, nil
	}
	secure := tls.Client(conn, s.tlsConfig())
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

func (s *SMTP) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: s.host, RootCAs: s.config.RootCAs, MinVersion: tls.VersionTLS12}
}

// open greets the server, turns on TLS and signs in.
func (s *SMTP) open(conn net.Conn) (*smtp.Client, error) {
	client, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return nil, err
	}
	if err := client.Hello(s.config.Hello); err != nil {
		return nil, err
	}
	loopback := isLoopback(conn.RemoteAddr())
	if !s.config.ImplicitTLS && (!loopback || s.config.RootCAs != nil) {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return nil, errors.New("it offers no STARTTLS; a notice may hold a secret link, so plain text goes to a loopback address only")
		}
		if err := client.StartTLS(s.tlsConfig()); err != nil {
			return nil, fmt.Errorf("STARTTLS: %w", err)
		}
	}
	return client, s.signIn(client, loopback)
}

func (s *SMTP) signIn(client *smtp.Client, loopback bool) error {
	if s.config.Username == "" {
		return nil
	}
	_, offered := client.Extension("AUTH")
	var auth smtp.Auth
	switch mechanisms := strings.Fields(offered); {
	case slices.Contains(mechanisms, "PLAIN"):
		auth = smtp.PlainAuth("", s.config.Username, s.config.Password, s.host, loopback)
	case slices.Contains(mechanisms, "LOGIN"):
		auth = smtp.LoginAuth(s.config.Username, s.config.Password, s.host, loopback)
	default:
		return fmt.Errorf("it offers %q to sign in with; PLAIN or LOGIN is needed for user %q", offered, s.config.Username)
	}
	if err := client.Auth(auth); err != nil {
		return fmt.Errorf("signing in as %q: %w", s.config.Username, err)
	}
	return nil
}

// isLoopback judges the address that was reached, not the name that led there.
func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
