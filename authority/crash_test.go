package authority_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// answer is a line of the helper: a change begins, or a change was answered.
type answer struct {
	Begin       string             `json:"begin,omitempty"`
	Did         string             `json:"did,omitempty"`
	Enrollment  gate.EnrollmentID  `json:"enrollment,omitempty"`
	Device      gate.DeviceID      `json:"device,omitempty"`
	Key         string             `json:"key,omitempty"` // as the customer got it
	KeyID       gate.KeyID         `json:"key_id,omitempty"`
	Certificate gate.CertificateID `json:"certificate,omitempty"`
}

// helperProcess is the test binary as a program that holds a data directory and changes it.
func helperProcess(t *testing.T, p *place, mode string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "CERTGATE_TEST_HELPER="+mode, "CERTGATE_TEST_DATA="+p.data, "CERTGATE_TEST_SECRET="+p.secret)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = os.Stderr
	return cmd
}

// openHere is what a helper process opens.
func openHere() (*authority.Authority, error) {
	a, err := authority.Open(authority.Options{DataDir: os.Getenv("CERTGATE_TEST_DATA"), SecretFile: os.Getenv("CERTGATE_TEST_SECRET")})
	if err != nil {
		return nil, err
	}
	_, err = a.Start(settings(table()...))
	return a, err
}

// changeUntilKilled enrolls and revokes, and says so after each change. It ends after as many rounds as it is told, else never.
func changeUntilKilled(t testing.TB) {
	t.Helper()
	a, err := openHere()
	must(t, err)
	rounds, err := strconv.Atoi(os.Getenv("CERTGATE_TEST_ROUNDS"))
	if err != nil {
		rounds = 1 << 30
	}
	actor := func(name string) authority.By {
		person, err := a.Directory().Staff(name)
		must(t, err)
		return authority.By{Actor: person.Actor(a.Now())}
	}
	c := &changer{t: t, Authority: a, ben: actor("ben"), eve: actor("eve"), organization: a.Directory().Organizations("")[0].ID}
	for n := range rounds {
		c.round(n)
	}
	must(t, a.Close())
}

type changer struct {
	*authority.Authority
	t            testing.TB
	ben, eve     authority.By
	organization gate.OrganizationID
}

func (c *changer) say(line answer) {
	text, err := json.Marshal(line)
	must(c.t, err)
	_, err = os.Stdout.Write(append(text, '\n'))
	must(c.t, err)
}

// round takes one device from nothing to a credential and away again.
func (c *changer) round(n int) {
	c.say(answer{Begin: "device"})
	slug := fmt.Sprintf("d%d-%d", os.Getpid(), n)
	device, err := c.CreateDevice(c.ben, gate.Device{Organization: c.organization, Slug: slug, Name: slug, Environment: gate.Preprod, Addresses: gate.Addresses{Any: true}})
	must(c.t, err)
	c.say(answer{Did: "device", Device: device.ID})
	released, err := c.Release(c.eve, device.ID, "")
	must(c.t, err)
	link, err := c.TakeLink(released.Notice)
	must(c.t, err)
	_, token, _ := strings.Cut(link, "#")
	csr := newCSR(c.t)
	var got *authority.Credential
	for range 1 + n%2 { // every other answer is lost
		c.say(answer{Begin: "enroll"})
		got, err = c.Redeem(token, csr)
		must(c.t, err)
		c.say(answer{Did: "enroll", Enrollment: got.Enrollment.ID, Device: device.ID, Key: got.Key, KeyID: got.KeyID, Certificate: got.Certificate.ID})
	}
	switch n % 3 {
	case 0:
		c.say(answer{Begin: "revoke"})
		_, err = c.RevokeKey(c.ben, got.KeyID, gate.KeyCompromise, "test")
		must(c.t, err)
		c.say(answer{Did: "revoke", KeyID: got.KeyID})
	case 1:
		c.say(answer{Begin: "revoke"})
		_, err = c.RevokeCertificate(c.ben, got.Certificate.ID, gate.KeyCompromise, "test")
		must(c.t, err)
		c.say(answer{Did: "revoke", Certificate: got.Certificate.ID})
	}
}

// ledger is what was answered, over all runs.
type ledger struct {
	devices  map[gate.DeviceID]bool
	enrolled map[gate.EnrollmentID]answer // the latest of each
	earlier  []answer                     // replaced by a later redemption
	revoked  map[string]bool              // by identifier of key or certificate
}

func (l *ledger) note(line answer) {
	switch line.Did {
	case "device":
		l.devices[line.Device] = true
	case "enroll":
		if before, ok := l.enrolled[line.Enrollment]; ok {
			l.earlier = append(l.earlier, before)
		}
		l.enrolled[line.Enrollment] = line
	case "revoke":
		l.revoked[string(line.KeyID)+string(line.Certificate)] = true
	}
}

// runAndKill runs the helper and kills it at a random moment after its first change.
func (l *ledger) runAndKill(t *testing.T, p *place) (answers int) {
	t.Helper()
	cmd := helperProcess(t, p, "changes")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewReader(out)
	var kill *time.Timer
	for {
		text, err := lines.ReadBytes('\n')
		if err != nil {
			break // killed; half a line is no answer
		}
		var line answer
		must(t, json.Unmarshal(text, &line))
		l.note(line)
		if line.Did != "" {
			answers++
		}
		if kill == nil {
			kill = time.AfterFunc(rand.N(120*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the helper ended by itself: %v", err)
	}
	return answers
}

// check opens the directory as a restart would and compares it with what was answered.
func (l *ledger) check(t *testing.T, p *place) {
	t.Helper()
	a, err := authority.Open(authority.Options{DataDir: p.data, SecretFile: p.secret, NoJobs: true})
	must(t, err)
	o := &office{t: t, Authority: a, clock: newClock()}
	o.clock.ns.Store(time.Now().UnixNano())
	o.config, err = a.Start(settings(table()...))
	must(t, err)
	l.checkWhole(o)
	l.checkAnswers(o)
	o.tick() // writes down that the check used the credentials
	before := snapshot(t, a.Directory())
	must(t, a.Close())
	a, err = authority.Open(authority.Options{DataDir: p.data, SecretFile: p.secret, NoJobs: true})
	must(t, err)
	if diff := cmp.Diff(before, snapshot(t, a.Directory())); diff != "" {
		t.Errorf("read again, the directory differs (-before +after):\n%s", diff)
	}
	must(t, a.Close())
}

// checkWhole looks for records that are half of something.
func (l *ledger) checkWhole(o *office) {
	keys, certificates := map[gate.KeyID]bool{}, map[gate.CertificateID]bool{}
	dir := o.Directory()
	for _, e := range dir.Enrollments("") {
		key, crt := dir.Key(e.Key), dir.Certificate(e.Certificate)
		if redeemed := e.Redemptions > 0; redeemed != (key != nil) || redeemed != (crt != nil) {
			o.t.Errorf("%s was redeemed %d times and has key %v and certificate %v", e.ID, e.Redemptions, key, crt)
		}
		keys[e.Key], certificates[e.Certificate] = true, true
	}
	for _, k := range dir.Keys("") {
		if !keys[k.ID] && (k.Revoked == nil || k.Revoked.Reason != gate.Superseded) {
			o.t.Errorf("%s belongs to no enrollment and is not revoked", k.ID)
		}
	}
	for _, c := range dir.Certificates("") {
		if !certificates[c.ID] {
			o.t.Errorf("%s belongs to no enrollment", c.ID)
		}
	}
}

func (l *ledger) checkAnswers(o *office) {
	dir := o.Directory()
	for id := range l.devices {
		if _, err := dir.Device(string(id)); err != nil {
			o.t.Errorf("a device that was answered is gone: %v", err)
		}
	}
	for id, line := range l.enrolled {
		e, key, crt := dir.Enrollment(id), dir.Key(line.KeyID), dir.Certificate(line.Certificate)
		if e == nil || key == nil || crt == nil {
			o.t.Errorf("an enrollment that was answered is gone: %+v", line)
			continue
		}
		for _, part := range []string{string(key.ID), string(crt.ID)} {
			if l.revoked[part] && key.Revoked == nil && crt.Revoked == nil {
				o.t.Errorf("%s was revoked and is not", part)
			}
		}
		l.checkUse(o, line, key.Revoked == nil && crt.Revoked == nil)
	}
	for _, line := range l.earlier {
		l.checkUse(o, line, false)
	}
}

// checkUse makes a request with what was handed out.
func (l *ledger) checkUse(o *office, line answer, want bool) {
	device, err := o.Directory().Device(string(line.Device))
	must(o.t, err)
	r := o.reason(&authority.Credential{Device: device, Key: line.Key, KeyID: line.KeyID, Certificate: o.Directory().Certificate(line.Certificate)})
	if (r == gate.Allowed) != want {
		o.t.Errorf("a request with %s and %s: %s", line.KeyID, line.Certificate, r)
	}
}

func crashPlace(t *testing.T) *place {
	t.Helper()
	p := newPlace(t)
	_, err := authority.Init(p.setup())
	must(t, err)
	a, err := authority.Open(authority.Options{DataDir: p.data, SecretFile: p.secret, NoJobs: true})
	must(t, err)
	_, err = a.Start(settings(table()...))
	must(t, err)
	ben, err := a.Directory().Staff("ben")
	must(t, err)
	_, err = a.CreateAccount(authority.By{Actor: ben.Actor(a.Now())}, applicant("acme"))
	must(t, err)
	must(t, a.Close())
	return p
}

var kills = flag.Int("kills", 15, "how often the process is killed while it changes things")

func TestAKilledProcessLosesNothingThatWasAnswered(t *testing.T) {
	p := crashPlace(t)
	l := &ledger{devices: map[gate.DeviceID]bool{}, enrolled: map[gate.EnrollmentID]answer{}, revoked: map[string]bool{}}
	answers := 0
	for n := range *kills {
		answers += l.runAndKill(t, p)
		l.check(t, p)
		if t.Failed() {
			t.Fatalf("after kill %d", n+1)
		}
	}
	if answers < *kills {
		t.Errorf("%d changes were answered over %d runs: the kills came too early to show anything", answers, *kills)
	}
	t.Logf("%d changes answered, %d credentials, %d revoked", answers, len(l.enrolled)+len(l.earlier), len(l.revoked))
}

func TestAChangeIsOnDiskBeforeItIsAnswered(t *testing.T) {
	p := crashPlace(t)
	trace := filepath.Join(p.dir, "trace")
	helper := helperProcess(t, p, "changes", "CERTGATE_TEST_ROUNDS=3")
	cmd := exec.CommandContext(t.Context(), "strace", "-f", "-qq", "-s", "200", "-e", "trace=msync,fsync,fdatasync,write", "-o", trace, os.Args[0])
	cmd.Env = helper.Env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(trace)
	must(t, err)
	begin, did := regexp.MustCompile(`write\(1, "\{\\"begin`), regexp.MustCompile(`write\(1, "\{\\"did`)
	synced := regexp.MustCompile(`\b(msync|fsync|fdatasync)\b.*= 0$`)
	changes, synchronized := 0, false
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		switch {
		case begin.Match(line):
			synchronized = false
		case synced.Match(line):
			synchronized = true
		case did.Match(line):
			changes++
			if !synchronized {
				t.Errorf("answered before anything was synchronized: %s", line)
			}
		}
	}
	if changes < 8 {
		t.Errorf("the trace shows %d changes", changes)
	}
}

func TestASecondOpenerIsToldWhoIsInTheWay(t *testing.T) {
	p := crashPlace(t)
	a, err := authority.Open(authority.Options{DataDir: p.data, SecretFile: p.secret, NoJobs: true})
	must(t, err)
	out, err := helperProcess(t, p, "open").Output()
	must(t, err)
	if text := string(out); !strings.Contains(text, "in use") && !strings.Contains(text, "another process") || !strings.Contains(text, p.data) {
		t.Errorf("the second opener is told %q", text)
	}
	must(t, a.Close())
	out, err = helperProcess(t, p, "open").Output()
	must(t, err)
	if string(out) != "opened\n" {
		t.Errorf("once it is free: %q", out)
	}
}

// openOnce says what opening came to.
func openOnce() {
	a, err := openHere()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("opened")
	if err := a.Close(); err != nil {
		fmt.Println(err)
	}
}
