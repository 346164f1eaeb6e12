package authority_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// undelivered are the mails to staff about notices that failed.
func (o *office) undelivered() (list []*gate.Notice) {
	for _, n := range o.notices("") {
		if n.Kind == gate.UndeliveredNotice {
			list = append(list, n)
		}
	}
	return list
}

func TestABouncedNoticeIsToldToStaffOnce(t *testing.T) {
	o, mail := newOffice(t), gatetest.NewMailServer(t)
	mail.Refuse("ann@example.com", true)
	account := o.account("acme")
	o.send(mail.Address())
	r := o.suspend(account)
	o.pass(time.Second)
	o.settles(r.Notice, gate.NoticeFailed)
	o.pass(10 * time.Second)
	list := o.undelivered()
	if len(list) != 1 {
		t.Fatalf("staff were told %d times", len(list))
	}
	if got := strings.Join(addresses(list[0]), " "); got != "ben@example.com cho@example.com eve@example.com" {
		t.Errorf("told: %s", got)
	}
	for _, want := range []string{string(r.Notice) + "  suspension to acme: mail: ", "certgate notice show ID"} {
		if !strings.Contains(list[0].Body, want) {
			t.Errorf("it must say %q:\n%s", want, list[0].Body)
		}
	}
	o.settles(list[0].ID, gate.NoticeSent)
	for range 5 {
		o.pass(time.Minute)
	}
	if n := len(o.undelivered()); n != 1 {
		t.Errorf("told %d times", n)
	}
	// Sent again, and failed again, it is news.
	_, err := o.ReplayNotice(o.ben, r.Notice)
	must(t, err)
	o.pass(time.Second)
	o.settles(r.Notice, gate.NoticeFailed)
	o.pass(10 * time.Second)
	if n := len(o.undelivered()); n != 2 {
		t.Errorf("after a replay that failed: told %d times", n)
	}
}

// When mail itself is down, staff learn of it within a quarter of an hour by webhook and log, and the mail to them makes no further mail.
func TestAMailServerThatIsDownIsToldWithoutMail(t *testing.T) {
	o := &office{t: t, clock: newClock()}
	store, badges, err := authority.FoundInMemory(authority.Setup{Admins: people(), Now: o.clock.now})
	must(t, err)
	o.badges = badges
	core, logs := observer.New(zapcore.ErrorLevel)
	o.open(authority.Options{Store: store, Now: o.clock.now, NoJobs: true, Log: zap.New(core)})
	hook, mail := newReceiver(t), gatetest.NewMailServer(t)
	mail.SetDown(true)
	one, two := o.account("one"), o.account("two")
	o.send(mail.Address(), hook.URL)
	first, second := o.suspend(one), o.suspend(two)
	loud := func() int { return logs.FilterMessageSnippet("A NOTICE TO A CUSTOMER HAS NOT ARRIVED").Len() }
	tried := func(id gate.NoticeID) bool {
		d := o.notice(id).Delivery(gate.MailChannel)
		return d != nil && d.Failures > 0
	}
	o.eventually("an attempt at both", func() bool { o.pass(time.Second); return tried(first.Notice) && tried(second.Notice) })
	if len(o.undelivered()) != 0 || loud() != 0 {
		t.Error("told before it counts as failed")
	}
	o.pass(gate.TellWithin)
	list := o.undelivered()
	if len(list) != 1 || loud() != 2 || !strings.Contains(list[0].Subject, "2 notices have not arrived") {
		t.Fatalf("%d mails to staff, %d lines in the log", len(list), loud())
	}
	o.eventually("the webhook has it", func() bool {
		o.pass(time.Second)
		bodies, _ := hook.got()
		return strings.Contains(strings.Join(bodies, "\n"), `"type":"com.onerecord.certgate.notice.undelivered"`)
	})
	for range 3 {
		o.pass(gate.TellWithin)
	}
	if n := len(o.undelivered()); n != 1 || loud() != 2 {
		t.Errorf("in the end %d mails to staff, %d lines", n, loud())
	}
}

func TestANoticeToNobodyIsToldToStaff(t *testing.T) {
	if n := (&gate.Notice{Kind: gate.SuspensionNotice}); !n.ToReport(dawn) || n.Trouble() != "there is nobody to send it to" {
		t.Errorf("%v: %s", n.ToReport(dawn), n.Trouble())
	}
	if n := (&gate.Notice{Kind: gate.UndeliveredNotice}); n.ToReport(dawn) {
		t.Error("a notice to staff makes another")
	}
}
