package notify_test

import (
	"bytes"
	"maps"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/notify"
)

// Whatever a customer's name, a case's title or a reason holds: a mail is refused, or it has the headers it should have and no other.
func FuzzNothingInAMailAddsAHeader(f *testing.F) {
	f.Add("hello", "Anna", "anna@acme.example", "text")
	f.Add("a\r\nBcc: x@evil.example", "b\nTo: x", "x@evil.example>\r\nDATA", ".\r\nQUIT\r\n")
	f.Add("=?utf-8?q?=0D=0ABcc:_x?=", "=?utf-8?b?DQpCY2M6IHg=?=", "a@b", "--\n")
	f.Add(strings.Repeat(" ", 300)+"ä", strings.Repeat("ü ", 60), "ü@ü.example", "ü")
	f.Add("a\u0085b\u2028c", "\"quoted\\\"", "\"a b\"@c", "\x00")
	want := []string{
		"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Reply-To", "Subject", "To",
	}
	f.Fuzz(func(t *testing.T, subject, name, address, text string) {
		m := message(notify.Mailbox{Name: name, Email: address})
		m.Subject, m.Text, m.ReplyTo = subject, text, notify.Mailbox{Name: name, Email: address}
		wire, err := notify.Compose(&m, us)
		if err != nil {
			return
		}
		head, _, _ := bytes.Cut(wire, []byte("\r\n\r\n"))
		for line := range bytes.SplitSeq(head, []byte("\r\n")) {
			if len(line) > 998 || len(bytes.TrimSpace(line)) == 0 || bytes.ContainsAny(line, "\r\n") {
				t.Errorf("header line %q", line)
			}
		}
		parsed, err := mail.ReadMessage(bytes.NewReader(wire))
		if err != nil {
			t.Fatalf("%v in %q", err, wire)
		}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(parsed.Header))); diff != "" {
			t.Errorf("headers (-want +got):\n%s", diff)
		}
		to, err := parsed.Header.AddressList("To")
		if err != nil || len(to) != 1 || to[0].Address != address {
			t.Errorf("To is %v (%v), want %q alone", to, err, address)
		}
		var words mime.WordDecoder
		shown, err := words.DecodeHeader(parsed.Header.Get("Subject"))
		if plain := strings.Join(strings.Fields(strings.ReplaceAll(subject, "=?", "= ?")), " "); err != nil || shown != plain {
			t.Errorf("Subject reads %q (%v), want %q", shown, err, plain)
		}
	})
}
