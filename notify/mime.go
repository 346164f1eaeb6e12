package notify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	netmail "net/mail"
	"strings"

	"github.com/wneessen/go-mail"
)

// compose writes the mail as it goes over the wire. The same message gives the same bytes, whenever it is sent.
func compose(m *Message, from Mailbox) ([]byte, error) {
	if err := m.checkMail(); err != nil {
		return nil, err
	}
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithEncoding(mail.EncodingQP), mail.WithBoundary(boundary(m)))
	msg.FromMailAddress(from.address())
	var to []*netmail.Address
	for _, b := range m.To {
		to = append(to, b.address())
	}
	msg.ToMailAddress(to...)
	if m.ReplyTo != (Mailbox{}) {
		msg.ReplyToMailAddress(m.ReplyTo.address())
	}
	msg.Subject(oneLine(m.Subject))
	msg.SetDateWithValue(m.Time.UTC())
	msg.SetMessageIDWithValue(messageID(m, from))
	// RFC 3834: no vacation program answers this.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")

	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	}
	if m.Calendar != nil {
		// One more alternative, as RFC 6047 section 2.4 has it and mail programs expect; base64 keeps its CRLF line ends.
		kind := mail.ContentType("text/calendar; method=" + m.Calendar.Method)
		msg.AddAlternativeString(kind, string(m.Calendar.Body), mail.WithPartEncoding(mail.EncodingB64))
	}
	var wire bytes.Buffer
	if _, err := msg.WriteTo(&wire); err != nil {
		return nil, fmt.Errorf("composing the mail: %w", err)
	}
	return wire.Bytes(), nil
}

// messageID is made of the notice and the sender's domain, so that a mail that arrives twice is known for one.
func messageID(m *Message, from Mailbox) string {
	return string(m.ID) + "@" + domainOf(from.Email)
}

// boundary separates the parts. It depends on all of them, so none can contain it. (One boundary suffices: parts are never nested.)
func boundary(m *Message) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%q\n%q\n%q\n", m.ID, m.Subject, m.Text, m.HTML)
	if m.Calendar != nil {
		h.Write(m.Calendar.Body)
	}
	return hex.EncodeToString(h.Sum(nil))[:40]
}

func (b Mailbox) address() *netmail.Address {
	return &netmail.Address{Name: oneLine(b.Name), Address: b.Email}
}

// oneLine brings white space into a shape that survives folding, and takes the meaning from what looks like an encoded word (RFC 2047)
// but was typed by somebody.
func oneLine(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "=?", "= ?")), " ")
}

func domainOf(address string) string {
	return address[strings.LastIndexByte(address, '@')+1:]
}
