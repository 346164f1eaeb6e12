package authority_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// rotateSecret has two admins rotate the secret; the job has still to carry it through.
func (o *office) rotateSecret(recipients ...string) *gate.Secret {
	o.t.Helper()
	_, err := o.RotateSecret(o.cho, authority.SecretRotation{Change: gate.RotateSecret, Recipients: recipients, Why: "who knew it has left"})
	must(o.t, err)
	s, err := o.ConfirmSecret(o.eve)
	must(o.t, err)
	return s
}

// rotated ticks until nothing is left of the former secret.
func (o *office) rotated() {
	o.t.Helper()
	for n := 0; o.Secret().Rotation != nil || o.Store().Rotating(); n++ {
		if n == 1000 {
			o.t.Fatal("the rotation does not come to its end")
		}
		o.pass(time.Second)
		authority.WaitForJobs(o.Authority)
	}
}

func lines(t testing.TB, p *place) []string {
	t.Helper()
	text, err := os.ReadFile(p.secret)
	must(t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func TestTheSecretIsRotatedByTwoWhileRequestsGoOn(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	acme := o.customer("acme")
	waiting := o.device(o.account("late"), "pre", gate.Preprod)
	released, err := o.Release(o.eve, waiting.ID, "")
	must(t, err)
	_, checkpoint, err := o.Checkpoint()
	must(t, err)
	vkey, before := o.Store().Vkey(), lines(t, p)

	_, err = o.RotateSecret(o.ben, authority.SecretRotation{Change: gate.RotateSecret, Why: "why not"})
	refused(t, "an operator", err, gate.Forbidden)
	_, err = o.RotateSecret(o.cho, authority.SecretRotation{Change: gate.RotateSecret, Recipients: []string{"nonsense"}, Why: "why not"})
	refused(t, "no recipient", err, gate.Invalid)
	_, err = o.RotateSecret(o.cho, authority.SecretRotation{Change: gate.RotateSecret, Why: "who knew it has left"})
	must(t, err)
	_, err = o.ConfirmSecret(o.cho)
	refused(t, "the same admin", err, gate.Forbidden)
	if !slices.Equal(lines(t, p), before) {
		t.Fatal("the secret was changed before a second admin confirmed")
	}

	traffic := o.startTraffic(acme)
	s, err := o.ConfirmSecret(o.eve)
	must(t, err)
	if s.Version != 2 || s.Rotation == nil || s.Proposal != nil {
		t.Errorf("%+v", s)
	}
	o.rotated()
	traffic.end()

	after := lines(t, p)
	if len(after) != 1 || after[0] == before[0] {
		t.Errorf("the secret file has %d lines", len(after))
	}
	if info, err := os.Stat(p.secret); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, error %v", info.Mode(), err)
	}
	o.wholeAfterRotation(acme, vkey)
	if got := verbs(o.events(0)); !slices.Contains(got, gate.SecretRotationBegan) || !slices.Contains(got, gate.SecretResealed) || !slices.Contains(got, gate.SecretRotated) {
		t.Errorf("events %v", got)
	}
	must(t, o.Close())

	// A link from before, the keys of the CAs, the log and the checkpoints go on after a restart.
	o.reopen(p)
	o.wholeAfterRotation(acme, vkey)
	if _, err := o.Store().OpenCheckpoint(checkpoint); err != nil {
		t.Errorf("a checkpoint from before: %v", err)
	}
	link, err := o.TakeLink(released.Notice)
	must(t, err)
	_, token, _ := strings.Cut(link, "#")
	_, err = o.Redeem(token, newCSR(t))
	must(t, err)
	must(t, o.Close())

	// Neither does the former secret open it, nor a mangled file.
	must(t, os.WriteFile(p.secret, []byte(before[0]+"\n"), 0o600))
	if _, err := authority.Open(authority.Options{DataDir: p.data, SecretFile: p.secret, NoJobs: true}); !errors.Is(err, certstore.ErrWrongSecret) {
		t.Errorf("with the former secret: error %v", err)
	}
	must(t, os.WriteFile(p.secret, []byte(after[0]+"\n"+before[0][:20]+"\n"), 0o600))
	if _, err := authority.Open(authority.Options{DataDir: p.data, SecretFile: p.secret, NoJobs: true}); err == nil || !strings.Contains(err.Error(), "20 characters") {
		t.Errorf("with half a line: error %v", err)
	}
	must(t, os.WriteFile(p.secret, []byte(after[0]+"\n"), 0o600))
	o.reopen(p)
}

// wholeAfterRotation checks what must go on.
func (o *office) wholeAfterRotation(acme *customer, vkey string) {
	o.t.Helper()
	if r := o.reason(acme.got); r != gate.Allowed {
		o.t.Errorf("a customer is refused: %s", r)
	}
	if o.Store().Vkey() != vkey {
		o.t.Errorf("the log is signed by %s, and was by %s", o.Store().Vkey(), vkey)
	}
	if _, err := o.Store().Verify(audit.Options{Vkey: vkey}); err != nil {
		o.t.Error(err)
	}
	again, err := o.Store().Reread()
	must(o.t, err)
	if diff := cmp.Diff(snapshot(o.t, again), snapshot(o.t, o.Directory())); diff != "" {
		o.t.Errorf("(-store +directory):\n%s", diff)
	}
}

// traffic is requests and changes that go on until it is ended; none may fail.
type traffic struct {
	o       *office
	done    atomic.Bool
	running sync.WaitGroup
	calls   atomic.Int64
	changes atomic.Int64
}

func (o *office) startTraffic(c *customer) *traffic {
	f := &traffic{o: o}
	for range 2 {
		f.running.Go(func() {
			for !f.done.Load() {
				call, err := o.config.Check(o.request(c.got))
				if err != nil || call.Reason != gate.Allowed {
					o.t.Errorf("a request is refused: %+v, error %v", call, err)
					return
				}
				call.Done(authority.Outcome{Status: 200})
				f.calls.Add(1)
			}
		})
	}
	f.running.Go(func() {
		for !f.done.Load() {
			account, err := o.CreateAccount(o.ben, applicant(fmt.Sprintf("busy-%d", f.changes.Add(1))))
			if err == nil {
				err = o.Store().View(func(tx *certstore.Tx) error {
					_, err := certstore.Get[gate.Account](tx, string(account.ID))
					return err
				})
			}
			if err != nil {
				o.t.Errorf("a change, or reading it: %v", err)
				return
			}
		}
	})
	return f
}

func (f *traffic) end() {
	f.o.t.Helper()
	f.done.Store(true)
	f.running.Wait()
	if f.calls.Load() == 0 || f.changes.Load() == 0 {
		f.o.t.Errorf("%d calls and %d changes went on", f.calls.Load(), f.changes.Load())
	}
}

func TestARotationThatCannotReplaceTheFileIsRefusedBeforeItBegins(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	file, err := os.ReadFile(p.secret)
	must(t, err)
	must(t, os.WriteFile(p.secret, []byte(strings.Repeat("ab", 32)+"\n"), 0o600))
	_, err = o.RotateSecret(o.cho, authority.SecretRotation{Change: gate.RotateSecret, Why: "because"})
	refused(t, "a file with another secret", err, gate.Conflict)
	must(t, os.WriteFile(p.secret, file, 0o600))
	must(t, os.MkdirAll(filepath.Join(p.secret+".certgate-next", "x"), 0o700))
	_, err = o.RotateSecret(o.cho, authority.SecretRotation{Change: gate.RotateSecret, Why: "because"})
	refused(t, "no room beside it", err, gate.Conflict)

	memory := newOffice(t)
	recipient := recipientOf(t, p.identity)
	_, err = memory.RotateSecret(memory.cho, authority.SecretRotation{Change: gate.RotateSecret, Recipients: []string{recipient}, Why: "because"})
	refused(t, "a store in memory", err, gate.Conflict)
	_, err = memory.RotateSecret(memory.cho, authority.SecretRotation{Change: gate.RotateSecret, Why: "because"})
	refused(t, "nobody to encrypt a kit to", err, gate.Invalid)
	_, _, err = memory.RecoveryKit(memory.cho)
	refused(t, "a kit for nobody", err, gate.Conflict)
}

func recipientOf(t testing.TB, identity string) string {
	t.Helper()
	id, err := age.ParseX25519Identity(identity)
	must(t, err)
	return id.Recipient().String()
}

func TestANewKitOpensWhatTheOldOneNoLongerDoes(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	other, err := age.GenerateX25519Identity()
	must(t, err)
	_, _, err = o.RecoveryKit(o.ben)
	refused(t, "an operator", err, gate.Forbidden)
	o.rotateSecret(other.Recipient().String())
	_, _, err = o.RecoveryKit(o.cho)
	refused(t, "before the new secret is in use", err, gate.Conflict)
	o.rotated()
	if !o.Secret().KitDue() {
		t.Error("no kit is due")
	}
	text, s, err := o.RecoveryKit(o.cho)
	must(t, err)
	if s.KitDue() || o.Secret().KitDue() {
		t.Errorf("%+v", s)
	}
	if _, err := certstore.ReadKit(strings.NewReader(string(text)), p.identity); err == nil {
		t.Error("who was a recipient before opens it")
	}
	kit, err := certstore.ReadKit(strings.NewReader(string(text)), other.String())
	must(t, err)
	held, err := certstore.ReadSecret(p.secret)
	must(t, err)
	if kit.Secret != hex.EncodeToString(held.Secret[:]) || len(kit.Keys) != 4 {
		t.Errorf("the kit has %d keys, and the secret of the file: %t", len(kit.Keys), kit.Secret == lines(t, p)[0])
	}
	if got := verbs(o.events(0)); got[len(got)-1] != gate.RecoveryKitMade {
		t.Errorf("events %v", got)
	}
}
