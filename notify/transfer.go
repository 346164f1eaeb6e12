package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"unicode/utf8"

	"github.com/wneessen/go-mail/smtp"
)

// transfer is one mail transaction on an open connection (RFC 5321 section 3.3).
type transfer struct {
	conn   net.Conn
	client *smtp.Client
	from   string
	to     []string
	wire   []byte
}

// run returns a *DeliveryError, whose Err the caller completes with the server's name, or nil.
func (t *transfer) run(ctx context.Context) error {
	if err := t.prepareUTF8(); err != nil {
		return permanent(err)
	}
	if err := t.client.Mail("<" + t.from + ">"); err != nil {
		// Also a 5xx: it is about our address or account, which the operator can mend while the notice waits.
		return temporary(fmt.Errorf("sender %s: %w", t.from, err))
	}
	var accepted []string
	var refused []Refusal
	for _, address := range t.to {
		err := t.client.Rcpt("<" + address + ">")
		if reply, ok := errors.AsType[*textproto.Error](err); ok {
			refused = append(refused, refusal(address, reply))
			continue
		}
		if err != nil {
			return temporary(err)
		}
		accepted = append(accepted, address)
	}
	if len(accepted) > 0 {
		if err := t.data(); err != nil {
			return err
		}
	}
	t.quit(ctx)
	if len(refused) == 0 {
		return nil
	}
	failure := &DeliveryError{Permanent: true, Accepted: accepted, Refused: refused}
	for _, r := range refused {
		failure.Permanent = failure.Permanent && r.Permanent
	}
	return failure
}

// prepareUTF8 asks for SMTPUTF8 (RFC 6531) only where an address needs it: a relay further on may not have it.
func (t *transfer) prepareUTF8() error {
	needed := ""
	for _, address := range append([]string{t.from}, t.to...) {
		if strings.ContainsFunc(address, func(r rune) bool { return r >= utf8.RuneSelf }) {
			needed = address
		}
	}
	t.client.SkipSMTPUTF8(needed == "")
	if ok, _ := t.client.Extension("SMTPUTF8"); needed != "" && !ok {
		return fmt.Errorf("%s: the server takes no addresses outside ASCII (no SMTPUTF8); give another address", needed)
	}
	return nil
}

func refusal(address string, reply *textproto.Error) Refusal {
	return Refusal{
		Address: address,
		// RFC 5321 section 4.5.3.1.10: 552 to a recipient means "too many", and is to be read as 452.
		Permanent: reply.Code >= 500 && reply.Code != 552,
		Text:      fmt.Sprintf("%d %s", reply.Code, foreign(reply.Msg)),
	}
}

// data hands the mail over. Once the last answer is a yes, the mail is the server's, whatever happens to the connection.
func (t *transfer) data() error {
	w, err := t.client.Data()
	if err != nil {
		return judge(err)
	}
	if _, err := w.Write(t.wire); err != nil {
		// Not closed: that would end the mail here, and the server would deliver half of it.
		return temporary(err)
	}
	if err := w.Close(); err != nil {
		return judge(err)
	}
	return nil
}

// judge reads the answer to the mail itself: a 5xx will be the same tomorrow.
func judge(err error) error {
	if reply, ok := errors.AsType[*textproto.Error](err); ok && reply.Code >= 500 {
		return permanent(err)
	}
	return temporary(err)
}

// quit says good-bye, for the server's log. The outcome stands already.
func (t *transfer) quit(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, quitTimeout)
	defer cancel()
	// The client's own Close would wait for the answer that does not come.
	stop := context.AfterFunc(ctx, func() { t.conn.Close() }) //nolint:errcheck // the outcome stands already
	defer stop()
	t.client.Quit() //nolint:errcheck // the outcome stands already
}
