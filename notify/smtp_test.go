package notify_test

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

func newSMTP(t *testing.T, s *mailServer, edit func(*notify.SMTPConfig)) *notify.SMTP {
	t.Helper()
	config := notify.SMTPConfig{Address: s.address(), From: us, Timeout: 10 * time.Second}
	if edit != nil {
		edit(&config)
	}
	sender, err := notify.NewSMTP(config)
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

// failure sends and wants a *DeliveryError.
func failure(t *testing.T, err error) *notify.DeliveryError {
	t.Helper()
	e, ok := errors.AsType[*notify.DeliveryError](err)
	if !ok {
		t.Fatalf("got %v, want a *DeliveryError", err)
	}
	return e
}

func TestAMailArrivesOverSTARTTLSWithItsNamesAndTexts(t *testing.T) {
	s := newMailServer(t, rules{startTLS: true, extensions: []string{"AUTH PLAIN LOGIN", "SMTPUTF8"}, password: "s3cret"})
	sender := newSMTP(t, s, func(c *notify.SMTPConfig) { c.RootCAs, c.Username, c.Password = s.pool(), "certgate", "s3cret" })
	m := message(anna, bob)
	m.HTML = "<p>Grüße: <a href=\"{link}\">here</a></p>"
	if err := sender.Send(t.Context(), m.WithLink("https://connect.example.com/enroll#a&b")); err != nil {
		t.Fatal(err)
	}
	got := s.mails()
	if len(got) != 1 {
		t.Fatalf("%d mails, want 1", len(got))
	}
	if !got[0].isTLS || got[0].user != "certgate" {
		t.Errorf("TLS %v, user %q; want TLS and certgate", got[0].isTLS, got[0].user)
	}
	if diff := cmp.Diff([]string{"<anna@acme.example>", "<bob@acme.example>"}, got[0].to); diff != "" {
		t.Errorf("recipients (-want +got):\n%s", diff)
	}
	if want := "FROM:<certification@connect.example.com> BODY=8BITMIME"; got[0].from != want {
		t.Errorf("MAIL %s, want %s", got[0].from, want)
	}
	if diff := cmp.Diff("connect.example.com", s.hellos[len(s.hellos)-1]); diff != "" {
		t.Errorf("EHLO (-want +got):\n%s", diff)
	}
	checkMail(t, got[0].data)
}

func checkMail(t *testing.T, data string) {
	t.Helper()
	parsed, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var words mime.WordDecoder
	header := map[string]string{}
	for name := range parsed.Header {
		header[name], _ = words.DecodeHeader(parsed.Header.Get(name))
	}
	delete(header, "Content-Type")
	want := map[string]string{
		"Auto-Submitted": "auto-generated", "Date": "Tue, 09 Mar 2027 12:00:00 +0000", "Mime-Version": "1.0",
		"From": `"OneRecord Certification" <certification@connect.example.com>`, "Reply-To": `"Eve" <eve@example.com>`,
		"To":         `Anna Müller-Lüdenscheidt <anna@acme.example>, "Bob" <bob@acme.example>`,
		"Message-Id": "<not_01jq8z5v3n7t2m4k6h9r0s1w2x@connect.example.com>", "Subject": "[cas_1] Prüfung bestanden",
	}
	if diff := cmp.Diff(want, header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	parts := readParts(t, parsed)
	if diff := cmp.Diff([]string{
		"text/plain; charset=UTF-8", "Hello,\n\n.a line with a dot\nGrüße: https://connect.example.com/enroll#a&b\n",
		"text/html; charset=UTF-8", "<p>Grüße: <a href=\"https://connect.example.com/enroll#a&amp;b\">here</a></p>",
	}, parts); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

// readParts returns type and content of each part in turn.
func readParts(t *testing.T, m *mail.Message) []string {
	t.Helper()
	_, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	reader := multipart.NewReader(m.Body, parameters["boundary"])
	for {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader = part
		if part.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(part)
		}
		content, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, part.Header.Get("Content-Type"), strings.ReplaceAll(string(content), "\r\n", "\n"))
	}
}

func TestARetryIsTheSameMailByteForByte(t *testing.T) {
	s := newMailServer(t, rules{})
	m := message(anna)
	m.HTML = "<p>hello</p>"
	for range 2 {
		if err := newSMTP(t, s, nil).Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	got := s.mails()
	if diff := cmp.Diff(got[0].data, got[1].data); diff != "" {
		t.Errorf("two attempts differ:\n%s", diff)
	}
}

func TestMailTakesTheWaysOfTLSAndSignInThatTheServerHas(t *testing.T) {
	rows := []struct {
		name  string
		rules rules
		edit  func(*notify.SMTPConfig, *mailServer)
		tls   bool
	}{
		{"plain on loopback", rules{}, nil, false},
		{"implicit TLS", rules{implicitTLS: true}, func(c *notify.SMTPConfig, s *mailServer) { c.RootCAs, c.ImplicitTLS = s.pool(), true }, true},
		{"LOGIN", rules{implicitTLS: true, extensions: []string{"AUTH LOGIN"}, password: "p"}, func(c *notify.SMTPConfig, s *mailServer) {
			c.RootCAs, c.ImplicitTLS, c.Username, c.Password = s.pool(), true, "certgate", "p"
		}, true},
		{"the connection is lost after QUIT", rules{replies: map[string]string{"QUIT": "421 gone"}}, nil, false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newMailServer(t, row.rules)
			sender := newSMTP(t, s, func(c *notify.SMTPConfig) {
				if row.edit != nil {
					row.edit(c, s)
				}
			})
			if err := sender.Send(t.Context(), message(anna)); err != nil {
				t.Fatal(err)
			}
			if got := s.mails(); len(got) != 1 || got[0].isTLS != row.tls {
				t.Errorf("got %+v, want one mail, TLS %v", got, row.tls)
			}
		})
	}
}

func TestMailFailuresSayWhetherARetryCanHelp(t *testing.T) {
	withTLS := func(c *notify.SMTPConfig, s *mailServer) { c.RootCAs = s.pool() }
	rows := []struct {
		name      string
		rules     rules
		edit      func(*notify.SMTPConfig, *mailServer)
		permanent bool
		text      string
	}{
		{"no STARTTLS", rules{}, withTLS, false, "offers no STARTTLS"},
		{"unknown certificate", rules{startTLS: true}, func(c *notify.SMTPConfig, s *mailServer) {
			c.RootCAs = (&mailServer{tls: serverTLS(t)}).pool()
		}, false, "certificate"},
		{"wrong password", rules{extensions: []string{"AUTH PLAIN"}, password: "p"}, func(c *notify.SMTPConfig, _ *mailServer) {
			c.Username, c.Password = "certgate", "hunter2"
		}, false, "535 5.7.8 bad credentials"},
		{"no way to sign in", rules{extensions: []string{"AUTH NTLM"}, password: "p"}, func(c *notify.SMTPConfig, _ *mailServer) {
			c.Username, c.Password = "certgate", "hunter2"
		}, false, `offers "NTLM"`},
		{"sender refused", rules{replies: map[string]string{"MAIL FROM:<certification@connect.example.com> BODY=8BITMIME": "550 who?"}}, nil, false, "550 who?"},
		{"recipient unknown", rules{replies: map[string]string{"RCPT TO:<anna@acme.example>": "550 5.1.1 unknown"}}, nil, true, "anna@acme.example refused: 550 5.1.1 unknown"},
		{"recipient greylisted", rules{replies: map[string]string{"RCPT TO:<anna@acme.example>": "451 later"}}, nil, false, "451 later"},
		{"too many recipients", rules{replies: map[string]string{"RCPT TO:<anna@acme.example>": "552 too many"}}, nil, false, "552 too many"},
		{"DATA refused", rules{replies: map[string]string{"DATA": "554 no valid recipients"}}, nil, true, "554 no valid"},
		{"content refused", rules{replies: map[string]string{".": "554 5.7.1 spam\t\x1b[31m"}}, nil, true, "554 5.7.1 spam [31m"},
		{"disk full", rules{replies: map[string]string{".": "452 4.3.1 full"}}, nil, false, "452 4.3.1 full"},
		{"no answer to the mail", rules{hangUpAfterData: true}, nil, false, "EOF"},
		{"never a word", rules{silent: true}, func(c *notify.SMTPConfig, _ *mailServer) { c.Timeout = 50 * time.Millisecond }, false, "deadline exceeded"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newMailServer(t, row.rules)
			sender := newSMTP(t, s, func(c *notify.SMTPConfig) {
				if row.edit != nil {
					row.edit(c, s)
				}
			})
			e := failure(t, sender.Send(t.Context(), message(anna)))
			if e.Permanent != row.permanent || !strings.Contains(e.Error(), row.text) {
				t.Errorf("permanent %v, %q; want %v, ... %s ...", e.Permanent, e.Error(), row.permanent, row.text)
			}
			if strings.Contains(e.Error(), "hunter2") {
				t.Errorf("the error shows the password: %s", e)
			}
		})
	}
}

func TestOneRefusedRecipientDoesNotKeepTheMailFromTheOthers(t *testing.T) {
	carl := notify.Mailbox{Email: "carl@acme.example"}
	s := newMailServer(t, rules{replies: map[string]string{
		"RCPT TO:<anna@acme.example>": "550 5.1.1 unknown", "RCPT TO:<carl@acme.example>": "451 later",
	}})
	m := message(anna, bob, carl)
	e := failure(t, newSMTP(t, s, nil).Send(t.Context(), m))
	want := &notify.DeliveryError{Accepted: []string{"bob@acme.example"}, Refused: []notify.Refusal{
		{Address: "anna@acme.example", Permanent: true, Text: "550 5.1.1 unknown"}, {Address: "carl@acme.example", Text: "451 later"},
	}}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The next attempt owes it to Carl alone, and names all three.
	m.Skip = e.Settled()
	s = newMailServer(t, rules{})
	if err := newSMTP(t, s, nil).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"<carl@acme.example>"}, s.mails()[0].to); diff != "" {
		t.Errorf("second attempt (-want +got):\n%s", diff)
	}
	m.Skip = append(m.Skip, carl.Email)
	if err := newSMTP(t, s, nil).Send(t.Context(), m); err != nil || len(s.mails()) != 1 {
		t.Errorf("with nobody left: %v, %d mails; want nothing sent", err, len(s.mails()))
	}
}

func TestAServerThatDoesNotSayGoodByeHoldsNobodyUp(t *testing.T) {
	s := newMailServer(t, rules{replies: map[string]string{"QUIT": ""}})
	start := time.Now()
	err := newSMTP(t, s, func(c *notify.SMTPConfig) { c.Timeout = time.Minute }).Send(t.Context(), message(anna))
	if took := time.Since(start); err != nil || len(s.mails()) != 1 || took > 20*time.Second {
		t.Errorf("%v after %s, %d mails; want one accepted, in a few seconds", err, took, len(s.mails()))
	}
}

func TestACanceledSendEndsAtOnce(t *testing.T) {
	s := newMailServer(t, rules{silent: true})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- newSMTP(t, s, nil).Send(ctx, message(anna)) }()
	cancel()
	select {
	case err := <-result:
		if e := failure(t, err); e.Permanent || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want a temporary failure that is context.Canceled", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("still sending")
	}
}

func TestAddressesOutsideASCIINeedAServerThatTakesThem(t *testing.T) {
	m := message(notify.Mailbox{Name: "Jürgen", Email: "jürgen@bücher.example"})
	s := newMailServer(t, rules{})
	if e := failure(t, newSMTP(t, s, nil).Send(t.Context(), m)); !e.Permanent || !strings.Contains(e.Error(), "SMTPUTF8") {
		t.Errorf("got %v, want a permanent failure about SMTPUTF8", e)
	}
	s = newMailServer(t, rules{extensions: []string{"SMTPUTF8"}})
	if err := newSMTP(t, s, nil).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := s.mails()[0]; !strings.HasSuffix(got.from, "SMTPUTF8") || got.to[0] != "<jürgen@bücher.example>" {
		t.Errorf("got %s to %s, want SMTPUTF8", got.from, got.to)
	}
}

func TestAMailThatWouldBreakOutOfItsHeaderIsRefused(t *testing.T) {
	rows := []struct {
		name string
		edit func(*notify.Message)
	}{
		{"subject", func(m *notify.Message) { m.Subject = "hello\r\nBcc: x@evil.example" }},
		{"line separator", func(m *notify.Message) { m.Subject = "hello\u2028Bcc" }},
		{"empty subject", func(m *notify.Message) { m.Subject = " " }},
		{"long subject", func(m *notify.Message) { m.Subject = strings.Repeat("a", 401) }},
		{"name", func(m *notify.Message) { m.To[0].Name = "Anna\nBcc: x@evil.example" }},
		{"address", func(m *notify.Message) { m.To[0].Email = "anna@acme.example>\r\nRCPT TO:<x@evil.example" }},
		{"two addresses", func(m *notify.Message) { m.To[0].Email = "anna@acme.example,x@evil.example" }},
		{"named address", func(m *notify.Message) { m.To[0].Email = "Anna <anna@acme.example>" }},
		{"reply to", func(m *notify.Message) { m.ReplyTo.Name = "\x00" }},
		{"no UTF-8", func(m *notify.Message) { m.Subject = "\xff" }},
		{"id", func(m *notify.Message) { m.ID = "not_1>\r\nBcc: x" }},
		{"no id", func(m *notify.Message) { m.ID = "" }},
		{"no time", func(m *notify.Message) { m.Time = time.Time{} }},
		{"nobody", func(m *notify.Message) { m.To = nil }},
		{"no text", func(m *notify.Message) { m.Text = "" }},
		{"method", func(m *notify.Message) { m.Calendar = &notify.Calendar{Method: "REQUEST\r\nX: y", Body: []byte("x")} }},
		{"empty calendar", func(m *notify.Message) { m.Calendar = &notify.Calendar{Method: "REQUEST"} }},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newMailServer(t, rules{})
			m := message(anna)
			row.edit(&m)
			if e := failure(t, newSMTP(t, s, nil).Send(t.Context(), m)); !e.Permanent || !errors.Is(e, gate.Invalid) {
				t.Errorf("got %v, want a permanent failure of kind invalid", e)
			}
		})
	}
}

func TestNewSMTPRefusesWhatCannotWork(t *testing.T) {
	rows := []struct {
		edit func(*notify.SMTPConfig)
		want string
	}{
		{func(c *notify.SMTPConfig) { c.Address = "mail.example.com" }, `smtp.address: "mail.example.com": must be host:port`},
		{func(c *notify.SMTPConfig) { c.From.Email = "nobody" }, `smtp.from.email: "nobody": must be one plain address`},
		{func(c *notify.SMTPConfig) { c.Username = "u" }, "smtp.username: username and password must both be given, or neither"},
		{func(c *notify.SMTPConfig) { c.Hello = "a b" }, `smtp.hello: "a b": must be a host name`},
		{func(c *notify.SMTPConfig) { c.Timeout = -1 }, "smtp.timeout: -1ns: must not be negative"},
	}
	for _, row := range rows {
		config := notify.SMTPConfig{Address: "mail.example.com:587", From: us}
		row.edit(&config)
		if _, err := notify.NewSMTP(config); err == nil || !strings.HasPrefix(err.Error(), row.want) || !errors.Is(err, gate.Invalid) {
			t.Errorf("got %v, want %s", err, row.want)
		}
	}
}
