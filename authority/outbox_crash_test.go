package authority_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// mailUntilKilled sends what is owed, with the clock and the jobs of a real process.
func mailUntilKilled(t testing.TB) {
	t.Helper()
	a, err := openHere()
	must(t, err)
	_, err = a.Start(mailing(t, os.Getenv("CERTGATE_TEST_MAIL")))
	must(t, err)
	select {} // killed
}

func TestAKilledProcessLosesNoNotice(t *testing.T) {
	p, mail := crashPlace(t), gatetest.NewMailServer(t)
	owed := suspendOften(t, p, 40)
	kills := 0
	for ; len(senders(mail)) < len(owed); kills++ {
		if kills == 200 {
			t.Fatalf("%d of %d notices have arrived", len(senders(mail)), len(owed))
		}
		before := len(mail.Mails())
		cmd := helperProcess(t, p, "mail", "CERTGATE_TEST_MAIL="+mail.Address())
		must(t, cmd.Start())
		ticker := time.NewTicker(time.Millisecond)
		deadline := time.After(20 * time.Second)
		for len(mail.Mails()) == before {
			select {
			case <-ticker.C:
			case <-deadline:
				_ = cmd.Process.Kill()
				t.Fatal("the helper sends nothing")
			}
		}
		ticker.Stop()
		<-time.After(rand.N(20 * time.Millisecond))
		must(t, cmd.Process.Kill())
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("the helper ended by itself: %v", err)
		}
	}
	got := senders(mail)
	for _, n := range owed {
		if texts := got["<"+string(n.ID)+"@example.com>"]; len(texts) == 0 || texts[0] != n.Body {
			t.Errorf("notice %s arrived as %q", n.ID, texts)
		}
	}
	for id, texts := range got {
		for _, text := range texts[1:] {
			if text != texts[0] {
				t.Errorf("%s arrived twice, and not the same: %q", id, texts)
			}
		}
	}
	t.Logf("%d notices, %d mails, %d kills", len(owed), len(mail.Mails()), kills)
}

// senders are the texts that arrived, by Message-ID.
func senders(mail *gatetest.MailServer) map[string][]string {
	got := make(map[string][]string)
	for _, m := range mail.Mails() {
		id := m.Header.Get("Message-Id")
		got[id] = append(got[id], m.Text)
	}
	return got
}

// suspendOften leaves notices that are owed in a data directory.
func suspendOften(t *testing.T, p *place, n int) []*gate.Notice {
	t.Helper()
	a, err := authority.Open(authority.Options{DataDir: p.data, SecretFile: p.secret, NoJobs: true})
	must(t, err)
	_, err = a.Start(settings(table()...))
	must(t, err)
	ben, err := a.Directory().Staff("ben")
	must(t, err)
	for range n {
		_, err := a.Impose(authority.By{Actor: ben.Actor(a.Now())}, authority.Imposition{
			Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(a.Directory().Accounts()[0].ID)}, Measure: gate.Suspend, Why: "a leak"})
		must(t, err)
	}
	owed, err := a.Notices("", n)
	must(t, err)
	must(t, a.Close())
	return owed
}

func TestNoRemediationCommitsWithoutItsNotice(t *testing.T) {
	o, n := newOffice(t), 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		c, events := o.customer(fmt.Sprintf("acme-%d", n)), o.Stats().AuditEvents
		subjects := []gate.Subject{{Kind: gate.AccountSubject, ID: string(c.account.ID)}, {Kind: gate.DeviceSubject, ID: string(c.device.ID)},
			{Kind: gate.KeySubject, ID: string(c.got.KeyID)}, {Kind: gate.CertificateSubject, ID: string(c.got.Certificate.ID)}, {Kind: "planet", ID: "x"}}
		people := []authority.By{o.ben, o.cho, o.eve}
		r.Repeat(map[string]func(*rapid.T){
			"impose": func(r *rapid.T) {
				in := authority.Imposition{Subject: rapid.SampledFrom(subjects).Draw(r, "subject"), Why: rapid.SampledFrom([]string{"a leak", ""}).Draw(r, "why"),
					Measure: rapid.SampledFrom([]gate.Measure{gate.Suspend, gate.Suspend, gate.Terminate, "scold"}).Draw(r, "measure")}
				if rapid.Bool().Draw(r, "ends") {
					until := o.clock.now().Add(rapid.SampledFrom([]time.Duration{-time.Minute, time.Minute}).Draw(r, "until"))
					in.Until = &until
				}
				_, _ = o.Impose(rapid.SampledFrom(people).Draw(r, "who"), in)
			},
			"lift": func(r *rapid.T) {
				if all := o.Directory().Remediations(c.account.ID); len(all) > 0 {
					_, _ = o.Lift(rapid.SampledFrom(people).Draw(r, "who"), rapid.SampledFrom(all).Draw(r, "which").ID, "settled")
				}
			},
			"pass": func(r *rapid.T) { o.pass(rapid.SampledFrom([]time.Duration{time.Second, time.Minute}).Draw(r, "time")) },
			"":     func(r *rapid.T) { o.everyRemediationIsTold(r, c.account) },
		})
		o.everyRemediationCommittedWithItsNotice(r, events)
	})
}

func (o *office) everyRemediationIsTold(r *rapid.T, account *gate.Account) {
	told := func(id gate.NoticeID, kind gate.NoticeKind) {
		var n *gate.Notice
		if err := o.Store().View(func(tx *certstore.Tx) (err error) { n, err = certstore.Get[gate.Notice](tx, string(id)); return err }); err != nil {
			r.Fatalf("the notice of a remediation: %v", err)
		}
		if n.Kind != kind || n.Account != account.ID || len(n.To) == 0 || n.Body == "" || n.Event == "" {
			r.Fatalf("%+v", n)
		}
	}
	for _, rem := range o.Directory().Remediations(account.ID) {
		told(rem.Notice, gate.SuspensionNotice)
		if rem.Lifted != nil {
			told(rem.Lifted.Notice, gate.ReinstatedNotice)
		}
	}
}

func (o *office) everyRemediationCommittedWithItsNotice(r *rapid.T, from int64) {
	for _, e := range o.events(from) {
		if e.Verb != gate.RemediationImposed && e.Verb != gate.RemediationLifted {
			continue
		}
		kinds := make(map[gate.RecordKind]int)
		for _, c := range e.Changes {
			kinds[c.Kind]++
		}
		if kinds[gate.NoticeRecord] != 1 || kinds[gate.RemediationRecord] != 1 {
			r.Fatalf("event %d changed %v", e.Seq, kinds)
		}
	}
}
