package authority_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
	"github.com/onerecord/certgate/notify"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// mailing is a configuration that sends.
func mailing(t testing.TB, mail string, hooks ...string) authority.Settings {
	t.Helper()
	s := settings(table()...)
	s.Contact = authority.Contact{Email: "certification@example.com", Phone: "+1 555 0100"}
	if mail != "" {
		var err error
		s.Mail, err = notify.NewSMTP(notify.SMTPConfig{Address: mail, From: notify.Mailbox{Email: "certgate@example.com"}, Timeout: 5 * time.Second})
		must(t, err)
	}
	for _, url := range hooks {
		hook, err := notify.NewWebhook(notify.WebhookConfig{URL: url, Secrets: []string{hookSecret}, AllowPrivate: true})
		must(t, err)
		s.Webhooks = append(s.Webhooks, hook)
	}
	return s
}

// send lets the office send by mail and to webhooks.
func (o *office) send(mail string, hooks ...string) {
	o.t.Helper()
	config, err := o.Start(mailing(o.t, mail, hooks...))
	must(o.t, err)
	o.config.Close()
	o.config = config
	o.pass(time.Second)
}

// eventually waits for what the outbox does in the background.
func (o *office) eventually(what string, done func() bool) {
	o.t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline:
			o.t.Fatalf("in vain: %s", what)
		}
	}
}

// settles waits until the notice is in the state.
func (o *office) settles(id gate.NoticeID, want gate.NoticeState) *gate.Notice {
	o.t.Helper()
	var n *gate.Notice
	o.eventually("notice "+string(id)+" is "+want.String(), func() bool {
		n = o.notice(id)
		return n.State(o.clock.now()) == want
	})
	return n
}

func (o *office) notice(id gate.NoticeID) *gate.Notice {
	o.t.Helper()
	for _, n := range o.notices("") {
		if n.ID == id {
			return n
		}
	}
	o.t.Fatalf("there is no notice %s", id)
	return nil
}

func (o *office) suspend(account *gate.Account) *gate.Remediation {
	o.t.Helper()
	r, err := o.Impose(o.ben, authority.Imposition{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(account.ID)}, Measure: gate.Suspend, Why: "a leak"})
	must(o.t, err)
	return r
}

// receiver is a webhook that answers as it is told and keeps what it accepted.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	bodies []string
	ids    []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{status: http.StatusNoContent}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.status < 300 {
			r.bodies, r.ids = append(r.bodies, string(body)), append(r.ids, q.Header.Get("Webhook-Id"))
		}
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) got() (bodies, ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.bodies), slices.Clone(r.ids)
}

func TestTheNoticeOfASuspensionArrives(t *testing.T) {
	o, mail, hook := newOffice(t), gatetest.NewMailServer(t), newReceiver(t)
	o.send(mail.Address(), hook.URL)
	r := o.suspend(o.account("acme"))
	o.pass(time.Second)
	n := o.settles(r.Notice, gate.NoticeSent)
	got := mail.Mails()[0]
	if got.Header.Get("Subject") != "The account acme was suspended" || got.Header.Get("Message-Id") != "<"+string(n.ID)+"@example.com>" ||
		got.Header.Get("Reply-To") != "<certification@example.com>" || got.Text != n.Body || !slices.Equal(got.To, []string{"ann@example.com"}) {
		t.Errorf("%+v", got)
	}
	for _, words := range []string{"To Customer acme,", "Reason: a leak", "until it is reinstated", "Questions: certification@example.com, +1 555 0100"} {
		if !strings.Contains(got.Text, words) {
			t.Errorf("it does not say %q:\n%s", words, got.Text)
		}
	}
	o.eventually("the webhook has it", func() bool { bodies, _ := hook.got(); return len(bodies) > 0 })
	bodies, ids := hook.got()
	var event struct {
		Type, Source, Subject string
		Data                  map[string]any
	}
	must(t, json.Unmarshal([]byte(bodies[0]), &event))
	if ids[0] != string(n.ID) || event.Type != "com.onerecord.certgate.notice.suspension" || event.Source != "https://public.test" || event.Data["why"] != "a leak" {
		t.Errorf("%q %+v", ids, event)
	}
	o.pass(time.Minute)
	o.pass(24 * time.Hour)
	if bodies, _ := hook.got(); len(mail.Mails()) != 1 || len(bodies) != 1 {
		t.Errorf("%d mails and %d posts", len(mail.Mails()), len(bodies))
	}
	if counts := o.Stats().Notices; counts[gate.NoticeSent] != 1 || counts[gate.NoticeOwed] != 0 || len(counts) != len(gate.NoticeStates()) {
		t.Errorf("%v", counts)
	}
}

func TestWithoutASenderNoticesStayOwed(t *testing.T) {
	o := newOffice(t)
	r := o.suspend(o.account("acme"))
	o.pass(24 * time.Hour)
	if s := o.notice(r.Notice).State(o.clock.now()); s != gate.NoticeOwed || o.Stats().Notices[gate.NoticeOwed] != 1 || len(o.Channels()) != 0 {
		t.Errorf("%s, %v", s, o.Stats().Notices)
	}
	mail := gatetest.NewMailServer(t)
	o.send(mail.Address())
	o.settles(r.Notice, gate.NoticeSent)
}

func TestEveryNoticeOfAnHourWithoutMailArrives(t *testing.T) {
	o, mail := newOffice(t), gatetest.NewMailServer(t)
	o.send(mail.Address())
	mail.SetDown(true)
	var want []gate.NoticeID
	attempts := func(id gate.NoticeID) int {
		if d := o.notice(id).Delivery(gate.MailChannel); d != nil {
			return d.Attempts
		}
		return 0
	}
	for _, slug := range []string{"a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9"} {
		r := o.suspend(o.account(slug))
		want = append(want, r.Notice)
		o.pass(time.Second)
		o.eventually("it is tried", func() bool { return attempts(r.Notice) > 0 })
	}
	for passed := time.Duration(0); passed < time.Hour; passed += 5 * time.Minute {
		o.pass(5 * time.Minute)
		o.eventually("what is due is tried", func() bool {
			return !slices.ContainsFunc(want, func(id gate.NoticeID) bool { return o.notice(id).Due(gate.MailChannel, o.clock.now()) })
		})
	}
	for _, n := range o.undelivered() {
		want = append(want, n.ID) // staff are owed it as well
	}
	if n := o.Stats().Notices[gate.NoticeFailed]; n != len(want) {
		t.Errorf("after an hour %d of %d count as failed", n, len(want))
	}
	mail.SetDown(false)
	o.pass(time.Hour)
	for _, id := range want {
		n := o.settles(id, gate.NoticeSent)
		if n.Delivery(gate.MailChannel).Attempts < 5 {
			t.Errorf("%+v", n.Deliveries)
		}
	}
	if got := len(mail.Mails()); got != len(want) {
		t.Errorf("%d mails of %d notices", got, len(want))
	}
}

func TestABouncedRecipientIsShownAndToldByPhone(t *testing.T) {
	o, mail := newOffice(t), gatetest.NewMailServer(t)
	o.send(mail.Address())
	mail.Refuse("ann@example.com", true)
	r := o.suspend(o.account("acme"))
	o.pass(time.Second)
	n := o.settles(r.Notice, gate.NoticeFailed)
	if d := n.Delivery(gate.MailChannel); len(d.Refused) != 1 || d.Refused[0].Address != "ann@example.com" || !strings.HasPrefix(d.Refused[0].Answer, "550") || o.Stats().Notices[gate.NoticeFailed] != 1 {
		t.Errorf("%+v", n.Deliveries)
	}
	o.pass(24 * time.Hour)
	if d := o.notice(n.ID).Delivery(gate.MailChannel); d.Attempts != 1 {
		t.Errorf("%d attempts", d.Attempts)
	}
	_, err := o.TellNotice(authority.By{Actor: gate.Actor{Name: "audrey", Roles: []gate.Role{gate.Auditor}}}, n.ID, gate.Telling{Who: "Ann", How: "phone"})
	refused(t, "an auditor", err, gate.Forbidden)
	told, err := o.TellNotice(o.ben, n.ID, gate.Telling{Who: "Ann Lee", How: "+1 555 0100"})
	must(t, err)
	if told.State(o.clock.now()) != gate.NoticeTold || told.Told.By != o.ben.Staff || o.Stats().Notices[gate.NoticeTold] != 1 || o.Stats().Notices[gate.NoticeFailed] != 0 {
		t.Errorf("%+v, %v", told.Told, o.Stats().Notices)
	}
	if all := o.events(0); all[len(all)-1].Verb != gate.NoticeDelivered || all[len(all)-1].Detail != "Ann Lee, +1 555 0100" {
		t.Errorf("%+v", all[len(all)-1])
	}
}

func TestADeadLetterIsReplayed(t *testing.T) {
	o, hook := newOffice(t), newReceiver(t)
	o.send("", hook.URL)
	hook.answer(http.StatusServiceUnavailable)
	r := o.suspend(o.account("acme"))
	channel := o.Channels()[0]
	o.eventually("the schedule ends", func() bool {
		o.pass(13 * time.Hour)
		d := o.notice(r.Notice).Delivery(channel)
		return d != nil && d.DeadAt != nil
	})
	if n := o.notice(r.Notice); n.Delivery(channel).Attempts != 10 || !strings.Contains(n.Delivery(channel).Problem, "503") {
		t.Errorf("%+v", n.Deliveries)
	}
	hook.answer(http.StatusOK)
	o.pass(24 * time.Hour)
	if _, ids := hook.got(); slices.Contains(ids, string(r.Notice)) {
		t.Error("a dead letter was sent by itself")
	}
	_, err := o.ReplayNotice(o.ben, r.Notice)
	must(t, err)
	o.pass(time.Second)
	o.settles(r.Notice, gate.NoticeSent)
	_, err = o.ReplayNotice(o.ben, r.Notice)
	refused(t, "replaying what was sent", err, gate.Conflict)
}

func TestALinkArrivesOnceIsBlankedAndWorks(t *testing.T) {
	o, mail, hook := newOffice(t), gatetest.NewMailServer(t), newReceiver(t)
	o.send(mail.Address(), hook.URL)
	device := o.device(o.account("acme"), "pre", gate.Preprod)
	e, err := o.Release(o.eve, device.ID, "")
	must(t, err)
	if n := o.notice(e.Notice); !strings.Contains(n.Body, notify.LinkPlaceholder) || strings.Contains(n.Body+n.Event, "https://public.test/enroll") {
		t.Errorf("%+v", n)
	}
	_, err = o.TellNotice(o.ben, e.Notice, gate.Telling{Who: "Ann", How: "phone"})
	refused(t, "telling a link", err, gate.Conflict)
	o.pass(time.Second)
	n := o.settles(e.Notice, gate.NoticeSent)
	if n.SealedLink != nil || strings.Contains(n.Body, "#") {
		t.Error("the link is still there")
	}
	_, err = o.TakeLink(e.Notice)
	refused(t, "taking a link that was mailed", err, gate.Conflict)
	_, rest, found := strings.Cut(mail.Mails()[0].Text, "https://public.test/enroll#")
	token, _, _ := strings.Cut(rest, "\n")
	// One channel that took it is enough to be sent; the other may still be at it.
	o.eventually("the webhook has it", func() bool { bodies, _ := hook.got(); return len(bodies) > 0 })
	if bodies, _ := hook.got(); !found || len(bodies) != 1 || strings.Contains(bodies[0], token) {
		t.Errorf("%q", bodies)
	}
	_, err = o.Redeem(token, newCSR(t))
	must(t, err)
}

func TestALinkThatEndedIsNotSent(t *testing.T) {
	o, mail := newOffice(t), gatetest.NewMailServer(t)
	o.send(mail.Address())
	mail.SetDown(true)
	device := o.device(o.account("acme"), "pre", gate.Preprod)
	e, err := o.Release(o.eve, device.ID, "")
	must(t, err)
	o.pass(time.Second)
	o.eventually("it is tried", func() bool { return len(o.notice(e.Notice).Deliveries) > 0 })
	mail.SetDown(false)
	o.pass(gate.EnrollmentLifetime)
	o.settles(e.Notice, gate.NoticeVoid)
	toStaff := func(m gatetest.Mail) bool { return slices.Contains(m.To, "ben@example.com") } // it had failed before it ended
	if len(slices.DeleteFunc(mail.Mails(), toStaff)) != 0 || o.Stats().Notices[gate.NoticeVoid] != 1 {
		t.Errorf("%+v, %v", mail.Mails(), o.Stats().Notices)
	}
}

func TestASlowReceiverHoldsUpNeitherChangesNorMail(t *testing.T) {
	o, mail := newOffice(t), gatetest.NewMailServer(t)
	stuck, free := make(chan struct{}), make(chan struct{})
	var once sync.Once
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { once.Do(func() { close(stuck) }); <-free }))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(free) })
	o.send(mail.Address(), slow.URL)
	first := o.suspend(o.account("first"))
	o.pass(time.Second)
	<-stuck
	second := o.suspend(o.account("second"))
	o.pass(time.Second)
	for _, id := range []gate.NoticeID{first.Notice, second.Notice} {
		o.eventually("the mail is accepted", func() bool {
			d := o.notice(id).Delivery(gate.MailChannel)
			return d != nil && d.DoneAt != nil
		})
	}
}

func TestAWebhookThatIsGoneIsOwedNothing(t *testing.T) {
	o, mail, hook := newOffice(t), gatetest.NewMailServer(t), newReceiver(t)
	o.send(mail.Address(), hook.URL)
	hook.answer(http.StatusServiceUnavailable)
	r := o.suspend(o.account("acme"))
	o.pass(time.Second)
	o.eventually("both are tried", func() bool {
		n := o.notice(r.Notice)
		return len(n.Deliveries) == 2 && n.Deliveries[0].Attempts > 0 && n.Deliveries[1].Attempts > 0
	})
	o.send(mail.Address())
	o.settles(r.Notice, gate.NoticeSent)
}

func TestAnOutboxIsReadAgainAtTheStart(t *testing.T) {
	p, mail := newPlace(t), gatetest.NewMailServer(t)
	o := officeAt(t, p)
	r := o.suspend(o.account("acme"))
	must(t, o.Close())
	o.reopen(p)
	if o.Stats().Notices[gate.NoticeOwed] != 1 {
		t.Errorf("%v", o.Stats().Notices)
	}
	o.send(mail.Address())
	o.settles(r.Notice, gate.NoticeSent)
	must(t, o.Close())
	o.reopen(p)
	if o.Stats().Notices[gate.NoticeSent] != 1 {
		t.Errorf("%v", o.Stats().Notices)
	}
}
