package gate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

func told() gate.Notice {
	return gate.Notice{ID: "not_1", Kind: gate.SuspensionNotice, To: acme().Contacts, CreatedAt: noon}
}

func linked() gate.Notice {
	n := told()
	n.Kind, n.SealedLink = gate.EnrollmentNotice, []byte{1}
	return n
}

var both = []string{gate.MailChannel, "webhook x"}

func mailed(at time.Time) gate.Attempt {
	return gate.Attempt{Channel: gate.MailChannel, Channels: both[:1], At: at, Accepted: []string{"a@example.com"}, Done: true}
}

func bounced(at time.Time) gate.Attempt {
	return gate.Attempt{Channel: gate.MailChannel, Channels: both[:1], At: at, Permanent: true, Refused: []gate.Receipt{{Address: "a@example.com", At: at, Answer: "550 unknown"}}}
}

func TestTheStateOfANoticeFollowsFromItsDeliveries(t *testing.T) {
	failed := gate.Attempt{Channel: gate.MailChannel, Channels: both[:1], At: noon, Wait: time.Hour, Problem: "no connection"}
	last := failed
	last.Last = true
	hook := gate.Attempt{Channel: "webhook x", Channels: both, At: noon, Done: true}
	partly := bounced(noon)
	partly.Accepted = []string{"b@example.com"}
	for _, row := range []struct {
		name   string
		notice gate.Notice
		after  time.Duration
		want   gate.NoticeState
	}{
		{"new", told(), 24 * time.Hour, gate.NoticeOwed},
		{"to nobody", gate.Notice{Kind: gate.SuspensionNotice, CreatedAt: noon}, 0, gate.NoticeFailed},
		{"mailed", told().Attempted(mailed(noon)), 0, gate.NoticeSent},
		{"tried once", told().Attempted(failed), gate.TellWithin - 1, gate.NoticeOwed},
		{"tried for a quarter of an hour", told().Attempted(failed), gate.TellWithin, gate.NoticeFailed},
		{"delivered late", told().Attempted(failed).Attempted(mailed(noon)), time.Hour, gate.NoticeSent},
		{"bounced", told().Attempted(bounced(noon)), 0, gate.NoticeFailed},
		{"bounced for one of two", told().Attempted(partly), 0, gate.NoticeFailed},
		{"given up", told().Attempted(last), 0, gate.NoticeFailed},
		{"webhook alone so far", told().Attempted(hook), 0, gate.NoticeOwed},
		{"webhook and mail", told().Attempted(hook).Attempted(mailed(noon)), 0, gate.NoticeSent},
		{"a link", linked(), 0, gate.NoticeOwed},
		{"a link that only a webhook heard of", linked().Attempted(gate.Attempt{Channel: "webhook x", At: noon, Done: true}), 0, gate.NoticeOwed},
		{"a link that was mailed", linked().Attempted(mailed(noon)), 0, gate.NoticeSent},
		{"a link that one of two has", linked().Attempted(partly), 0, gate.NoticeSent},
		{"a link that ended before", gate.Notice{Kind: gate.EnrollmentNotice, To: acme().Contacts, CreatedAt: noon}, 0, gate.NoticeVoid},
	} {
		if got := row.notice.State(noon.Add(row.after)); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

func TestALinkIsBlankedOnceItsMailIsAcceptedAndKeptUntilThen(t *testing.T) {
	later := bounced(noon)
	later.Permanent, later.Wait, later.Accepted = false, time.Minute, []string{"b@example.com"}
	for name, row := range map[string]struct {
		attempt gate.Attempt
		kept    bool
	}{
		"accepted": {mailed(noon), false}, "bounced": {bounced(noon), true}, "partly, the rest later": {later, true},
		"webhook": {gate.Attempt{Channel: "webhook x", At: noon, Done: true}, true},
	} {
		if n := linked().Attempted(row.attempt); (n.SealedLink != nil) != row.kept {
			t.Errorf("%s: kept %t", name, n.SealedLink != nil)
		}
	}
}

func TestANoticeIsDueUntilNothingIsOwed(t *testing.T) {
	void := linked().Attempted(gate.Attempt{Channel: gate.MailChannel, At: noon})
	if void.SealedLink = nil; void.Due(gate.MailChannel, noon) || void.Open(noon) {
		t.Error("a mail is due whose link has ended")
	}
	n := told()
	if !n.Due(gate.MailChannel, noon) || !n.Due("webhook x", noon) {
		t.Error("a new notice is not due")
	}
	n = n.Attempted(gate.Attempt{Channel: gate.MailChannel, Channels: both, At: noon, Wait: time.Minute})
	if n.Due(gate.MailChannel, noon.Add(time.Minute-1)) || !n.Due(gate.MailChannel, noon.Add(time.Minute)) || !n.Due("webhook x", noon) {
		t.Error("the pause is not kept")
	}
	n = n.Attempted(mailed(noon))
	if n.Due(gate.MailChannel, noon) || !n.Due("webhook x", noon) || !n.Open(noon) || !n.Due("webhook new", noon) {
		t.Error("while the webhook is owed")
	}
	n = n.Forget(both[:1], noon)
	if n.State(noon) != gate.NoticeSent || n.Open(noon) || n.Due("webhook x", noon) || n.Due("webhook new", noon) {
		t.Errorf("with the webhook gone: %s", n.State(noon))
	}
	if n := told().Attempted(gate.Attempt{Channel: gate.MailChannel, At: noon}).Forget(nil, noon); n.State(noon) != gate.NoticeOwed {
		t.Error("mail was forgotten")
	}
}

func TestAFailedNoticeIsReplayedToWhoeverHasNotGotIt(t *testing.T) {
	partly := bounced(noon)
	partly.Accepted = []string{"b@example.com"}
	n, err := told().Attempted(partly).Replay(noon)
	d := n.Delivery(gate.MailChannel)
	if err != nil || !n.Due(gate.MailChannel, noon) || len(d.Accepted) != 1 || len(d.Refused) != 0 || d.Attempts != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	for name, n := range map[string]gate.Notice{
		"owed": told(), "sent": told().Attempted(mailed(noon)),
		"nobody":      {Kind: gate.SuspensionNotice},
		"a link gone": {Kind: gate.EnrollmentNotice, To: acme().Contacts},
	} {
		if _, err := n.Replay(noon); !errors.Is(err, gate.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err = linked().Attempted(bounced(noon)).Replay(noon); err != nil || n.SealedLink == nil {
		t.Errorf("a link that bounced: %v", err)
	}
}

func TestStaffTellWhatHasNoLink(t *testing.T) {
	by := gate.Telling{By: "stf_ben", At: noon, Who: "Ann", How: "+1 555 0100"}
	n, err := told().Attempted(bounced(noon)).Tell(by)
	if err != nil || n.State(noon) != gate.NoticeTold || n.Due(gate.MailChannel, noon) || n.Open(noon) {
		t.Errorf("%s, %v", n.State(noon), err)
	}
	if _, err := n.Tell(by); !errors.Is(err, gate.Conflict) {
		t.Errorf("twice: %v", err)
	}
	if _, err := linked().Tell(by); !errors.Is(err, gate.Conflict) {
		t.Errorf("a link: %v", err)
	}
	for _, bad := range []gate.Telling{{Who: "Ann"}, {How: "by phone"}, {Who: "Ann\nBob", How: "by phone"}} {
		if _, err := told().Tell(bad); !errors.Is(err, gate.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestEveryNoticeStateHasItsOwnName(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range gate.NoticeStates() {
		if seen[s.String()] || s.String() == "" {
			t.Errorf("%d is called %q", s, s)
		}
		seen[s.String()] = true
	}
}
