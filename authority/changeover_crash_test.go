package authority_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// rotateUntilKilled carries a rotation through while it makes accounts, and says which were answered.
func rotateUntilKilled(t testing.TB) {
	t.Helper()
	a, err := authority.Open(authority.Options{DataDir: os.Getenv("CERTGATE_TEST_DATA"), SecretFile: os.Getenv("CERTGATE_TEST_SECRET"), Now: newClock().now, NoJobs: true})
	must(t, err)
	_, err = a.Start(settings(table()...))
	must(t, err)
	ben, err := a.Directory().Staff("ben")
	must(t, err)
	by := authority.By{Actor: ben.Actor(a.Now())}
	say := func(text string) {
		_, err := os.Stdout.WriteString(text + "\n")
		must(t, err)
	}
	say("opened")
	go func() {
		for n := 0; ; n++ {
			slug := fmt.Sprintf("k%d-%d", os.Getpid(), n)
			if _, err := a.CreateAccount(by, applicant(slug)); err != nil {
				t.Fatal(slug, err)
			}
			say(slug)
		}
	}()
	for n := 1; a.Secret().Rotation != nil || a.Store().Rotating(); n++ {
		a.Tick(context.Background(), a.Now().Add(time.Duration(n)*2*time.Second))
		authority.WaitForJobs(a)
	}
	say("done")
	select {}
}

// killInRotation runs the helper, kills it after a time from when it has opened the store or, early, from when it was started, and reports what was
// answered, and whether the rotation was through.
func killInRotation(t *testing.T, p *place, after time.Duration, early bool) (answered []string, done bool) {
	t.Helper()
	cmd := helperProcess(t, p, "rotate")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	kill := func() { _ = cmd.Process.Kill() }
	if early {
		time.AfterFunc(after, kill)
	}
	lines := bufio.NewReader(out)
	for {
		text, err := lines.ReadString('\n')
		if err != nil {
			break // killed; half a line is no answer
		}
		switch text = strings.TrimSpace(text); text {
		case "opened":
			time.AfterFunc(after, kill)
		case "done":
			done = true
			kill()
		default:
			answered = append(answered, text)
		}
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the helper ended by itself: %v", err)
	}
	return answered, done
}

var rotations = flag.Int("rotations", 1, "how many rotations of the secret the process is killed in")

// However often the process dies while the secret is rotated: the directory starts with what the secret file holds, what was answered is there,
// and the rotation comes to its end, again and again.
func TestARotationSurvivesBeingKilledAtAnyMoment(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	acme := o.customer("acme")
	vkey := o.Store().Vkey()
	must(t, o.Store().Bookkeep(func(tx *certstore.Tx) error {
		for n := range 3000 { // so that the job has to go many steps
			certstore.Put(tx, &gate.Mark{ID: fmt.Sprint("mark-", n)})
		}
		return nil
	}))
	var answered []string
	span, kills := 150*time.Millisecond, 0
	for version := 2; version < 2+*rotations; version++ {
		before := lines(t, p)[0]
		o.rotateSecret()
		must(t, o.Close())
		for done := false; !done; {
			after := rand.N(span)
			if kills == 0 {
				after = 0 // on a fast machine it would now and then be through before it is killed once
			}
			var some []string
			some, done = killInRotation(t, p, after, kills%3 == 2)
			answered = append(answered, some...)
			if !done {
				kills++
			}
			o.look(p)
			o.checkKilled(acme, vkey, answered)
			must(t, o.Close())
			if kills > 60 {
				span *= 2 // a slow machine gets nowhere
			}
		}
		if got := lines(t, p); len(got) != 1 || got[0] == before {
			t.Fatalf("the secret file has %d lines, or the former secret", len(got))
		}
		o.reopen(p)
		if s := o.Secret(); s.Version != version || s.Rotation != nil || o.Store().Rotating() {
			t.Errorf("%+v", s)
		}
	}
	t.Logf("killed %d times, %d changes answered", kills, len(answered))
	if kills == 0 || len(answered) == 0 {
		t.Errorf("killed %d times, %d changes answered", kills, len(answered))
	}
}

// look opens the directory as reopen does, and lets no job do anything.
func (o *office) look(p *place) {
	o.t.Helper()
	var err error
	o.Authority, err = authority.Open(authority.Options{DataDir: p.data, SecretFile: p.secret, Now: o.clock.now, NoJobs: true})
	must(o.t, err)
	o.config, err = o.Start(settings(table()...))
	must(o.t, err)
}

func (o *office) checkKilled(acme *customer, vkey string, answered []string) {
	o.t.Helper()
	for _, slug := range answered {
		if _, err := o.Directory().Account(slug); err != nil {
			o.t.Errorf("an account that was answered: %v", err)
		}
	}
	o.wholeAfterRotation(acme, vkey)
	if n := o.Store().EventCount(); n < int64(len(answered)) {
		o.t.Errorf("%d events", n)
	}
}
