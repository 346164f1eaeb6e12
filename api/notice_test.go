package api_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/api"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
	"github.com/onerecord/certgate/notify"
)

func TestNoticesThatDidNotArriveAreShownReplayedAndTold(t *testing.T) {
	s, mail := open(t), gatetest.NewMailServer(t)
	ben := s.as("ben")
	account := s.MustAccount("acme")
	suspend := func() string {
		return string(check[*api.Remediation](t)(ben.SuspendAccount(ctx, account.Slug, api.Suspension{Why: "x"})).Notice)
	}
	first := suspend()
	if n := check[*api.Notice](t)(ben.Notice(ctx, first)); n.State != "owed" || !strings.Contains(n.Problem, "configure smtp") {
		t.Errorf("without a server: %+v", n)
	}
	settings := gatetest.Settings()
	settings.Mail = check[*notify.SMTP](t)(notify.NewSMTP(notify.SMTPConfig{Address: mail.Address(), From: notify.Mailbox{Email: "certgate@example.com"}}))
	config := check[*authority.Config](t)(s.Start(settings))
	t.Cleanup(config.Close)
	mail.Refuse("tim@acme.example", true)
	s.Advance(time.Second)
	n := s.arrives(t, first, "failed")
	if n.Attempts != 1 || !strings.Contains(n.Problem, "there is no tim@acme.example") || len(n.Deliveries[0].Refused) != 1 {
		t.Errorf("%+v", n)
	}
	if page := check[*api.Page[api.Notice]](t)(ben.Notices(ctx, api.Query{Account: "acme", State: "failed"})); len(page.Items) != 1 {
		t.Errorf("%d failed", len(page.Items))
	}
	if page := check[*api.Page[api.Notice]](t)(ben.Notices(ctx, api.Query{Account: "acme", State: "sent"})); len(page.Items) != 0 {
		t.Errorf("%d sent", len(page.Items))
	}
	mail.Refuse("tim@acme.example", false)
	check[*api.Notice](t)(ben.ReplayNotice(ctx, first))
	s.Advance(time.Second)
	s.arrives(t, first, "sent")
	if _, err := ben.ReplayNotice(ctx, first); !errors.Is(err, gate.Conflict) {
		t.Errorf("replayed twice: %v", err)
	}
	second := suspend()
	told := check[*api.Notice](t)(ben.TellNotice(ctx, second, api.Telling{Who: "Tim", How: "+1 555 0101"}))
	if told.State != "told-by-phone" || told.Told.Who != "Tim" {
		t.Errorf("%+v", told)
	}
	for name, err := range map[string]error{
		"a state that is none": failure(ben.Notices(ctx, api.Query{State: "lost"})),
		"nobody was told":      failure(ben.TellNotice(ctx, first, api.Telling{How: "phone"})),
		"a kind that is none":  failure(ben.PreviewNotice(ctx, "gossip")),
	} {
		if !errors.Is(err, gate.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func failure[T any](_ T, err error) error { return err }

// arrives waits until the notice is in the state.
func (s *sites) arrives(t *testing.T, id, state string) *api.Notice {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(10 * time.Second)
	for {
		n := check[*api.Notice](t)(s.as("ben").Notice(ctx, id))
		if n.State == state {
			return n
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("it is %s: %+v", n.State, n.Deliveries)
		}
	}
}

func TestEveryKindOfNoticeHasAPreview(t *testing.T) {
	s := open(t)
	for _, kind := range gate.NoticeKinds() {
		p := check[*api.Preview](t)(s.as("ben").PreviewNotice(ctx, string(kind)))
		if p.Subject == "" || p.Body == "" || !strings.HasPrefix(p.TextTemplate, "Subject: ") {
			t.Errorf("%s: %+v", kind, p)
		}
	}
}
