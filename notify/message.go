package notify

import (
	"html"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/onerecord/certgate/gate"
)

// LinkPlaceholder stands in a rendered text where the secret link belongs.
const LinkPlaceholder = "{link}"

// Message is one notice as it is sent. A retry sends the same Message, but for Skip.
type Message struct {
	// ID is the notice's. Mail carries it in the Message-ID, a webhook in webhook-id: a receiver that has seen it drops the copy.
	ID gate.NoticeID
	// Time is when the notice was made, the mail's Date however late it is sent.
	Time time.Time

	To      []Mailbox // at least one for mail, at most maxRecipients
	ReplyTo Mailbox   // who reads answers; the zero value leaves them to the sender
	// Skip holds addresses of To that are named in the header but not sent to, because an earlier attempt settled them.
	Skip []string

	Subject  string    // one line
	Text     string    // the plain text
	HTML     string    // the same for readers who prefer HTML; may be empty
	Calendar *Calendar // an invitation or its cancellation; nil for most

	// Event is the body for webhooks, as Event.Body made it; mail does not need it.
	Event []byte
}

// Mailbox is a name and an address of mail.
type Mailbox struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email"`
}

// Calendar is an iCalendar object in a mail (RFC 6047).
type Calendar struct {
	Method string // REQUEST or CANCEL
	Body   []byte // text/calendar in UTF-8 with CRLF line ends
}

// Bounds on what is sent. Real notices are a few kilobytes to a few people.
const (
	maxRecipients = 100     // RFC 5321 section 4.5.3.1.8: every server takes as many
	maxSubject    = 400     // bytes; a longer one is cut off by mail programs anyway
	maxName       = 200     // bytes
	maxAddress    = 254     // bytes; RFC 5321 section 4.5.3.1.3 less the angle brackets
	maxBody       = 1 << 20 // bytes, of text, HTML, calendar and event each
)

// WithLink returns the message with the secret link in the places of the text and the HTML that were left for it. The subject and the
// event never get it.
func (m Message) WithLink(link string) Message {
	m.Text = strings.ReplaceAll(m.Text, LinkPlaceholder, link)
	m.HTML = strings.ReplaceAll(m.HTML, LinkPlaceholder, html.EscapeString(link))
	return m
}

// checkMail refuses what cannot be sent, above all what would break out of its header line.
func (m *Message) checkMail() error {
	if err := m.checkID(); err != nil {
		return err
	}
	if m.Time.IsZero() {
		return gate.FieldErrorf("time", "must be when the notice was made")
	}
	if len(m.To) == 0 || len(m.To) > maxRecipients {
		return gate.FieldErrorf("to", "%d recipients: must be 1 to %d", len(m.To), maxRecipients)
	}
	for _, to := range m.To {
		if err := to.check(); err != nil {
			return gate.InField("to", err)
		}
	}
	if m.ReplyTo != (Mailbox{}) {
		if err := m.ReplyTo.check(); err != nil {
			return gate.InField("reply_to", err)
		}
	}
	if err := checkLine(m.Subject, maxSubject); err != nil {
		return gate.InField("subject", err)
	}
	if strings.TrimSpace(m.Subject) == "" {
		return gate.FieldErrorf("subject", "must not be empty")
	}
	return m.checkBodies()
}

func (m *Message) checkBodies() error {
	if strings.TrimSpace(m.Text) == "" {
		return gate.FieldErrorf("text", "must not be empty; a mail always has a plain text")
	}
	for field, body := range map[string]string{"text": m.Text, "html": m.HTML} {
		if len(body) > maxBody || !utf8.ValidString(body) {
			return gate.FieldErrorf(field, "%d bytes: must be UTF-8 and at most %d bytes", len(body), maxBody)
		}
	}
	if m.Calendar == nil {
		return nil
	}
	if m.Calendar.Method != MethodRequest && m.Calendar.Method != MethodCancel {
		return gate.FieldErrorf("calendar.method", "%q: must be %s or %s", gate.Clip(m.Calendar.Method, 20), MethodRequest, MethodCancel)
	}
	if len(m.Calendar.Body) == 0 || len(m.Calendar.Body) > maxBody {
		return gate.FieldErrorf("calendar.body", "%d bytes: must be 1 to %d", len(m.Calendar.Body), maxBody)
	}
	return nil
}

// checkID keeps to what may stand in a Message-ID and in an HTTP header without quotes.
func (m *Message) checkID() error {
	ok := m.ID != "" && len(m.ID) <= 64 && !strings.ContainsFunc(string(m.ID), func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' && r != '-'
	})
	if !ok {
		return gate.FieldErrorf("id", "%q: must be the notice's identifier, letters, digits, _ and -", gate.Clip(string(m.ID), 80))
	}
	return nil
}

// Recipients are the addresses that this attempt sends to, each once.
func (m *Message) Recipients() []string {
	var all []string
	for _, to := range m.To {
		if !slices.Contains(m.Skip, to.Email) && !slices.Contains(all, to.Email) {
			all = append(all, to.Email)
		}
	}
	return all
}

func (b Mailbox) check() error {
	if err := checkLine(b.Name, maxName); err != nil {
		return gate.InField("name", err)
	}
	return gate.InField("email", checkAddress(b.Email))
}

// checkAddress takes a bare address without quotes, comments or address literals; RFC 5321 has more, but people have no such addresses.
func checkAddress(address string) error {
	refuse := func() error {
		return gate.Errorf(gate.Invalid, "%q: must be one plain address such as ops@example.com", gate.Clip(address, 80))
	}
	if len(address) > maxAddress || checkLine(address, maxAddress) != nil || strings.ContainsAny(address, " \"<>()[],;:\\") {
		return refuse()
	}
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || parsed.Name != "" {
		return refuse()
	}
	return nil
}

// checkLine refuses what could end a header line: control characters, the line separators of Unicode, and bytes that are no UTF-8.
func checkLine(s string, limit int) error {
	if len(s) > limit {
		return gate.Errorf(gate.Invalid, "%q is %d bytes long: at most %d are allowed", gate.Clip(s, 40), len(s), limit)
	}
	if !utf8.ValidString(s) {
		return gate.Errorf(gate.Invalid, "%q: must be UTF-8", gate.Clip(s, 80))
	}
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) }) {
		return gate.Errorf(gate.Invalid, "%q: must be one line without control characters", gate.Clip(s, 80))
	}
	return nil
}
