package authority_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// setBack is a place where an older copy of the store lies beside a newer checkpoint file, and what was kept of the newer one.
type setBack struct {
	*office
	p         *place
	kept      int64 // events in the older copy
	size      int64 // events that the checkpoint file knows of
	lostKey   *authority.Credential
	account   gate.AccountID
	newer     string // the newest copy
	lastKnown audit.Checkpoint
}

func newSetBack(t *testing.T) *setBack {
	t.Helper()
	s := &setBack{p: newPlace(t)}
	s.office, _ = watched(t, s.p)
	s.people()
	device := s.device(s.office.account("acme"), "pre", gate.Preprod)
	s.account = device.Account
	_, token := s.release(device.ID, "")
	var err error
	s.lostKey, err = s.Redeem(token, newCSR(t))
	must(t, err)
	must(t, s.Acknowledge(token))
	if r := s.reason(s.lostKey); r != gate.Allowed {
		t.Fatalf("before: %s", r)
	}
	s.pass(time.Minute)
	s.sealed(outsideOf(s.p))
	s.kept = s.Store().EventCount()
	must(t, s.Close())
	old := filepath.Join(s.p.dir, "old")
	copyDir(t, s.p.data, old)

	s.watch(s.p)
	s.people()
	for _, c := range s.Directory().Certificates(device.ID) { // what the older copy forgets
		_, err := s.RevokeCertificate(s.ben, c.ID, gate.KeyCompromise, "stolen")
		must(t, err)
	}
	s.office.account("beta")
	s.pass(time.Minute)
	s.sealed(outsideOf(s.p))
	list := held(t, s.office, outsideOf(s.p))
	s.lastKnown = list[len(list)-1]
	s.size = s.lastKnown.Size
	must(t, s.Close())
	s.newer = filepath.Join(s.p.dir, "newer")
	must(t, os.Rename(s.p.data, s.newer))
	copyDir(t, old, s.p.data)
	return s
}

func (s *setBack) people() { s.ben, s.cho, s.eve = s.by("ben"), s.by("cho"), s.by("eve") }

// start opens what lies in place, as Caddy does.
func (s *setBack) start() error {
	s.t.Helper()
	a, err := authority.Open(authority.Options{DataDir: s.p.data, SecretFile: s.p.secret, Now: s.clock.now, NoJobs: true, CheckpointFile: outsideOf(s.p)})
	if err != nil {
		return err
	}
	s.t.Cleanup(func() { must(s.t, a.Close()) })
	set := settings(table()...)
	set.CheckpointFile = outsideOf(s.p)
	s.Authority = a
	if s.config, err = a.Start(set); err != nil {
		return err
	}
	s.people()
	s.tick()
	return nil
}

func TestAnOlderStoreLetsNothingThroughUntilTwoPeopleAcceptTheLoss(t *testing.T) {
	s := newSetBack(t)
	must(t, s.start())
	if r := s.reason(s.lostKey); r != gate.StateUnconfirmed {
		t.Fatalf("what was revoked since is %s", r)
	}
	ready := s.Ready()
	if ready == nil || !strings.Contains(ready.Error(), "events since 2027-03-01T") {
		t.Fatalf("ready: %v", ready)
	}
	// It reads, and stops; it gives nothing.
	_, err := s.CreateAccount(s.ben, applicant("new"))
	refused(t, "a new account", err, gate.Conflict)
	_, err = s.ProposeStaff(s.cho, gate.Staff{Name: "fay", Email: "fay@example.com", Roles: []gate.Role{gate.Admin}}, newCSR(t))
	refused(t, "a new admin", err, gate.Conflict)
	_, err = s.Impose(s.ben, authority.Imposition{Subject: gate.Subject{Kind: gate.AccountSubject, ID: string(s.account)}, Measure: gate.Suspend, Why: "to be sure"})
	must(t, err)
	for range 90 {
		s.pass(time.Second)
	}
	if list := held(t, s.office, outsideOf(s.p)); list[len(list)-1].Size != s.size {
		t.Errorf("a checkpoint of %d events was published meanwhile", list[len(list)-1].Size)
	}
	if _, _, err := s.Checkpoint(); !errors.Is(err, gate.Conflict) {
		t.Errorf("a checkpoint of a log that may be thrown away: %v", err)
	}
	// A start does not end it, nor does one without the file.
	must(t, s.Close())
	must(t, s.start())
	if s.Ready() == nil || s.reason(s.lostKey) != gate.StateUnconfirmed {
		t.Fatal("a restart ended the quarantine")
	}

	_, err = s.ProposeLoss(s.ben, "the disk burned")
	refused(t, "by an operator", err, gate.Forbidden)
	_, err = s.AcceptLoss(s.eve)
	refused(t, "confirmed before it was proposed", err, gate.Conflict)
	_, err = s.ProposeLoss(s.cho, "the disk burned")
	must(t, err)
	_, err = s.AcceptLoss(s.cho)
	refused(t, "by who proposed it", err, gate.Forbidden)
	loss, err := s.AcceptLoss(s.eve)
	must(t, err)
	if loss.Lost.Kept != s.kept || loss.Lost.Size != s.size {
		t.Errorf("lost %+v, want %d to %d", loss.Lost, s.kept, s.size)
	}
	event := s.events(loss.Event)[0]
	if event.Verb != gate.LossAccepted || event.Lost == nil || *event.Lost != loss.Lost || event.By.Name != "eve" || event.Why != "the disk burned" {
		t.Errorf("the event: %+v", event)
	}
	if s.Ready() != nil || s.reason(s.lostKey) != gate.AccountSuspended {
		t.Errorf("afterwards: %v, %s", s.Ready(), s.reason(s.lostKey))
	}
	if first := s.events(s.kept)[0]; first.Verb != gate.StoreQuarantined {
		t.Errorf("the first event after the loss is %s", first.Verb)
	}
}

// After the acceptance the log goes on, and whoever holds a checkpoint of what was lost is shown why it does not fit.
func TestAnAcceptedLossStandsInTheLogTheFileAndEveryCheckpoint(t *testing.T) {
	s := newSetBack(t)
	must(t, s.start())
	_, err := s.ProposeLoss(s.cho, "the disk burned")
	must(t, err)
	loss, err := s.AcceptLoss(s.eve)
	must(t, err)
	signedNow := func() bool {
		s.pass(time.Second)
		list := held(t, s.office, outsideOf(s.p))
		last := list[len(list)-1]
		return last.Loss != "" && last.Size == s.Store().EventCount()
	}
	eventually(t, "a checkpoint outside that tells of it", signedNow)

	v, err := s.Verify()
	must(t, err)
	if v.Err != nil || len(v.Report.AcceptedLosses) != 1 || v.Report.AcceptedLosses[0] != loss.Event || !strings.Contains(v.Report.String(), "two people accepted in event") {
		t.Errorf("by the file: %v, %s", v.Err, v.Report)
	}
	v, err = s.Verify(s.lastKnown)
	must(t, err)
	told, ok := errors.AsType[*audit.AcceptedLossError](v.Err)
	if !ok || told.Event != loss.Event || told.Kept != s.kept || !s.Stats().AuditVerified {
		t.Errorf("by the checkpoint of before: %v", v.Err)
	}
	var export strings.Builder
	must(t, s.Export(&export))
	if _, err := audit.Verify(strings.NewReader(export.String()), audit.Options{Vkey: s.Store().Vkey(), Outside: []audit.Checkpoint{s.lastKnown}}); !errors.As(err, new(*audit.AcceptedLossError)) {
		t.Errorf("the export, by the checkpoint of before: %v", err)
	}

	// The next start is not refused, also where the log has come past what was lost, and neither is the hourly check.
	for n := int64(0); s.Store().EventCount() <= s.size+1; n++ {
		s.office.account("more-" + string(rune('a'+n)))
	}
	s.pass(time.Minute)
	eventually(t, "a checkpoint outside of everything", signedNow)
	must(t, s.Close())
	must(t, s.start())
	if s.Ready() != nil {
		t.Errorf("after a restart: %v", s.Ready())
	}
	v, err = s.Verify(s.lastKnown)
	must(t, err)
	if !errors.As(v.Err, new(*audit.AcceptedLossError)) {
		t.Errorf("past what was lost: %v", v.Err)
	}
	forged := s.lastKnown
	forged.Time = forged.Time.Add(time.Hour) // signed later than anything that was accepted
	if v, err = s.Verify(forged); err != nil || !errors.As(v.Err, new(*audit.BadEventsError)) {
		t.Errorf("a checkpoint that nobody accepted: %v, %v", v.Err, err)
	}
}

func TestTheNewestStoreEndsTheQuarantine(t *testing.T) {
	s := newSetBack(t)
	must(t, s.start())
	must(t, s.Close())
	must(t, os.RemoveAll(s.p.data))
	must(t, os.Rename(s.newer, s.p.data))
	must(t, s.start())
	if s.Ready() != nil || s.reason(s.lostKey) != gate.CertificateRevoked {
		t.Errorf("the newest: %v, %s", s.Ready(), s.reason(s.lostKey))
	}
}

// A store that says something else than a checkpoint of as many events was rewritten; nobody can accept that.
func TestARewrittenStoreIsRefusedAndNotQuarantined(t *testing.T) {
	s := newSetBack(t)
	must(t, s.start()) // the older copy goes another way
	must(t, s.Close())
	text, err := os.ReadFile(outsideOf(s.p))
	must(t, err)
	other, err := authority.Open(authority.Options{DataDir: s.newer, SecretFile: s.p.secret, Now: s.clock.now, NoJobs: true})
	must(t, err)
	for other.Store().EventCount() < s.kept+1 {
		t.Fatal("the newer one is no longer")
	}
	_, signed, err := other.Checkpoint()
	must(t, err)
	must(t, other.Close())
	// Without its record of the loss the older copy contradicts what was signed after the fork.
	rewritten := &setBack{office: &office{t: t, clock: newClock()}, p: &place{dir: s.p.dir, data: filepath.Join(s.p.dir, "rewritten"), secret: s.p.secret}}
	copyDir(t, filepath.Join(s.p.dir, "old"), rewritten.p.data)
	a, err := authority.Open(authority.Options{DataDir: rewritten.p.data, SecretFile: s.p.secret, Now: s.clock.now, NoJobs: true})
	must(t, err)
	for a.Store().EventCount() < s.size+1 {
		_, err := a.CreateAccount(s.ben, applicant("rewritten-"+string(rune('a'+a.Store().EventCount()-s.kept))))
		must(t, err)
	}
	must(t, a.Close())
	must(t, os.WriteFile(outsideOf(s.p), append(text, append(signed, '\n')...), 0o600))
	if err := rewritten.start(); err == nil || errors.Is(err, authority.ErrOlderStore) || !strings.Contains(err.Error(), "does not continue") {
		t.Errorf("a rewritten store: %v", err)
	}
}
