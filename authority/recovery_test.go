package authority_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/gatetest"
)

// recovery makes name an admin at the office's place, by its clock.
func (o *office) recovery(p *place, name string) authority.Recovery {
	return authority.Recovery{Options: authority.Options{DataDir: p.data, SecretFile: p.secret, Now: o.clock.now}, Name: name, Email: name + "@example.com",
		Keep: func(b authority.Badge) error { return os.WriteFile(filepath.Join(p.dir, name+".p12"), b.P12, 0o600) }}
}

// recoverAndDie gets as far as the badge and waits to be killed there.
func recoverAndDie(t testing.TB) {
	t.Helper()
	_, err := authority.Recover(authority.Recovery{
		Options: authority.Options{DataDir: os.Getenv("CERTGATE_TEST_DATA"), SecretFile: os.Getenv("CERTGATE_TEST_SECRET"), Now: newClock().now},
		Name:    "dead", Email: "dead@example.com",
		Keep: func(authority.Badge) error {
			fmt.Println("kept")
			select {}
		},
	})
	must(t, err)
}

func TestALockedOutStaffIsLetInForADay(t *testing.T) {
	p := newPlace(t)
	o, mail := officeAt(t, p), gatetest.NewMailServer(t)
	o.clock.advance(400 * 24 * time.Hour) // every certificate has ended
	_, err := authority.Recover(o.recovery(p, "cho-recovery"))
	if err == nil || !strings.Contains(err.Error(), p.data) {
		t.Fatalf("while the server runs: %v", err)
	}
	must(t, o.Close())
	until, err := authority.Recover(o.recovery(p, "cho-recovery"))
	must(t, err)
	if !until.Equal(o.clock.now().Add(24 * time.Hour)) {
		t.Errorf("until %s", until)
	}
	_, err = authority.Recover(o.recovery(p, "cho-recovery"))
	refused(t, "a name that is taken", err, gate.Exists)
	_, err = authority.Recover(o.recovery(p, "eve-recovery"))
	must(t, err)
	o.reopen(p)
	first, second := o.by("cho-recovery"), o.by("eve-recovery")
	one := o.person("cho-recovery")
	if actor, err := o.Operator(leafOf(&one.Certificates[0])); err != nil || actor.May(gate.ManageStaff) != nil {
		t.Fatalf("%+v, %v", actor, err)
	}
	_, err = o.RenewStaff(first, one.Certificates[0].Fingerprint, newCSR(t))
	refused(t, "an admin for a day renews", err, gate.Forbidden)
	_, err = o.ProposeForPerson(second, one.ID, authority.Proposed{Link: true})
	refused(t, "an admin for a day is made to stay", err, gate.Conflict)
	// Two of them let the others in again, one alone does not.
	_, err = o.ProposeForPerson(first, o.cho.Staff, authority.Proposed{Link: true})
	must(t, err)
	_, err = o.ConfirmStaff(first, o.cho.Staff)
	refused(t, "confirmed alone", err, gate.Forbidden)
	_, err = o.ConfirmStaff(second, o.cho.Staff)
	must(t, err)
	o.send(mail.Address())
	for _, n := range o.circulars()[:2] {
		n = o.settles(n.ID, gate.NoticeSent)
		if got := strings.Join(addresses(n), " "); !strings.HasPrefix(got, "ben@example.com cho@example.com eve@example.com") || !strings.Contains(n.Subject, "was made an admin by whoever has the files of the server") || !strings.Contains(n.Body, "It ends on") {
			t.Errorf("%s were told %s\n%s", got, n.Subject, n.Body)
		}
	}
	recovered := 0
	for _, e := range o.events(0) {
		if e.Verb == gate.StaffRecovered && e.By.Name == "recovery" && e.By.Staff == "" && strings.Contains(e.Detail, "admin until") {
			recovered++
		}
	}
	if recovered != 2 {
		t.Errorf("%d events say so", recovered)
	}
	o.pass(24 * time.Hour)
	_, err = o.Operator(leafOf(&one.Certificates[0]))
	refused(t, "after a day", err, gate.Unauthorized)
	_, err = o.ProposeForPerson(first, o.eve.Staff, authority.Proposed{Link: true})
	refused(t, "what was begun before the day ended", err, gate.Unauthorized)
	if state := o.person("cho-recovery").State(o.clock.now()); state != gate.PersonEnded {
		t.Errorf("it is %s", state)
	}
}

// A process that dies after the badge was written leaves a file that opens nothing.
func TestARecoveryThatIsKilledMakesNobodyAnAdmin(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	events := o.Stats().AuditEvents
	must(t, o.Close())
	cmd := helperProcess(t, p, "recover")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "kept\n" {
		t.Errorf("%q, %v", line, err)
	}
	must(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		t.Error("it was not killed")
	}
	o.reopen(p)
	if _, err := o.Directory().Staff("dead"); err == nil || o.Stats().AuditEvents != events {
		t.Errorf("%v, %d events", err, o.Stats().AuditEvents-events)
	}
	must(t, o.Close())
	_, err = authority.Recover(o.recovery(p, "dead"))
	must(t, err)
}
