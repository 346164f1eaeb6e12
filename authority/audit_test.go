package authority_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
)

// outsideOf is where an office keeps its checkpoints outside.
func outsideOf(p *place) string { return filepath.Join(p.dir, "elsewhere", "checkpoints") }

// watched is an office with a checkpoint file, and what it logs.
func watched(t *testing.T, p *place) (*office, *observer.ObservedLogs) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(outsideOf(p)), 0o700))
	o := &office{t: t, clock: newClock()}
	s := p.setup()
	s.Now = o.clock.now
	_, err := authority.Init(s)
	must(t, err)
	return o, o.watch(p)
}

// watch opens the office with its checkpoint file.
func (o *office) watch(p *place) *observer.ObservedLogs {
	o.t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	a, err := authority.Open(authority.Options{DataDir: p.data, SecretFile: p.secret, Now: o.clock.now, NoJobs: true, Log: zap.New(core)})
	must(o.t, err)
	o.t.Cleanup(func() { must(o.t, a.Close()) })
	o.Authority = a
	s := settings(table()...)
	s.CheckpointFile = outsideOf(p)
	o.config, err = a.Start(s)
	must(o.t, err)
	o.tick()
	o.ben = o.by("ben")
	return logs
}

// eventually waits for what a job does beside the others.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(10 * time.Second)
	for !done() {
		select {
		case <-deadline:
			t.Fatal("never: " + what)
		case <-ticker.C:
		}
	}
}

// held are the checkpoints in a file.
func held(t testing.TB, o *office, path string) []audit.Checkpoint {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	must(t, err)
	key, err := audit.ParseKey(o.Store().Vkey())
	must(t, err)
	list, err := audit.ParseCheckpoints(audit.WholeCheckpoints(text), key)
	must(t, err)
	return list
}

// sealed waits until the file holds a checkpoint of everything.
func (o *office) sealed(path string) {
	o.t.Helper()
	eventually(o.t, "a checkpoint of all events outside", func() bool {
		o.pass(time.Second)
		list := held(o.t, o, path)
		return len(list) > 0 && list[len(list)-1].Size == o.Store().EventCount()
	})
}

func TestACheckpointIsSignedAfterAMinuteOrAHundredEvents(t *testing.T) {
	o := newOffice(t)
	signed := func() int64 {
		size, _, err := o.Store().LatestCheckpoint()
		must(t, err)
		return size
	}
	first := signed()
	if first == 0 {
		t.Fatal("the first tick signed nothing")
	}
	o.account("acme")
	o.pass(59 * time.Second)
	if got := signed(); got != first {
		t.Errorf("signed %d events after 59 seconds", got)
	}
	o.pass(time.Second)
	if got, want := signed(), o.Store().EventCount(); got != want {
		t.Errorf("signed %d of %d events after a minute", got, want)
	}
	first = signed()
	o.pass(time.Hour)
	if got := signed(); got != first {
		t.Errorf("signed %d events when nothing had happened since %d", got, first)
	}
	o.account("beta")
	o.pass(time.Second)
	if first = signed(); first != o.Store().EventCount() {
		t.Fatalf("signed %d events, an hour after the last checkpoint", first)
	}
	for n := range 100 {
		if n == 99 {
			o.pass(time.Second)
			if got := signed(); got != first {
				t.Errorf("signed %d events after 99 more than %d", got, first)
			}
		}
		o.account(fmt.Sprintf("many-%d", n))
	}
	o.pass(time.Second)
	if got := signed(); got != first+100 {
		t.Errorf("signed %d events after 100 more than %d", got, first)
	}
}

func TestACheckpointGoesToTheLogAndTheFile(t *testing.T) {
	p := newPlace(t)
	o, logs := watched(t, p)
	o.sealed(outsideOf(p))
	o.account("acme")
	o.pass(time.Minute)
	o.sealed(outsideOf(p))

	_, latest, err := o.Store().LatestCheckpoint()
	must(t, err)
	text, err := os.ReadFile(outsideOf(p))
	must(t, err)
	lines := logs.FilterMessage("audit checkpoint").All()
	switch {
	case !bytes.HasSuffix(text, append(bytes.Clone(latest), '\n')):
		t.Errorf("the file does not end with the latest:\n%s", text)
	case len(held(t, o, outsideOf(p))) != 2:
		t.Errorf("the file holds %d checkpoints, want 2", len(held(t, o, outsideOf(p))))
	case len(lines) != 2 || lines[1].ContextMap()["note"] != string(latest):
		t.Errorf("logged: %v", lines)
	}
}

// copyDir copies a closed data directory.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	must(t, os.CopyFS(to, os.DirFS(from)))
}

func TestAReloadRefusesACheckpointFileThatIsAheadOfTheStore(t *testing.T) {
	p := newPlace(t)
	o, _ := watched(t, p)
	o.sealed(outsideOf(p))
	must(t, o.Close())
	old := filepath.Join(p.dir, "old")
	copyDir(t, p.data, old)
	o.watch(p)
	o.account("acme")
	o.pass(time.Minute)
	o.sealed(outsideOf(p))
	have := o.Store().EventCount()
	must(t, o.Close())

	// The newest copy goes on, and so it does where a crash has cut the file's last line short.
	o.watch(p)
	must(t, o.Close())
	text, err := os.ReadFile(outsideOf(p))
	must(t, err)
	must(t, os.WriteFile(outsideOf(p), append(text, text[:80]...), 0o600))
	o.watch(p)
	o.account("beta")
	o.pass(time.Minute)
	o.sealed(outsideOf(p))
	must(t, o.Close())

	// A reload must not take a running store for a quarantined one: it is refused. What a start does is in quarantine_test.go.
	must(t, os.RemoveAll(p.data))
	copyDir(t, old, p.data)
	a, err := authority.Open(authority.Options{DataDir: p.data, SecretFile: p.secret, Now: o.clock.now, NoJobs: true})
	must(t, err)
	defer func() { must(t, a.Close()) }()
	first, err := a.Start(settings(table()...))
	must(t, err)
	defer first.Close()
	s := settings(table()...)
	s.CheckpointFile = outsideOf(p)
	_, err = a.Start(s)
	if !errors.Is(err, authority.ErrOlderStore) {
		t.Fatalf("an older copy started: %v", err)
	}
	for _, want := range []string{outsideOf(p), "are missing", "certgate audit verify", a.Store().Vkey()} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the refusal must say %q: %v", want, err)
		}
	}
	if n := a.Store().EventCount(); n >= have {
		t.Fatalf("the old copy has %d events, the new one %d", n, have)
	}
	if a.Ready() != nil {
		t.Error("the running one was quarantined")
	}
}

func TestAnEditedOrForeignCheckpointFileIsRefused(t *testing.T) {
	p := newPlace(t)
	o, _ := watched(t, p)
	o.sealed(outsideOf(p))
	good, err := os.ReadFile(outsideOf(p))
	must(t, err)
	other := newPlace(t)
	foreign, _ := watched(t, other)
	foreign.sealed(outsideOf(other))
	theirs, err := os.ReadFile(outsideOf(other))
	must(t, err)
	for name, row := range map[string]struct {
		text string
		want string
	}{
		"edited":         {strings.Replace(string(good), "\ntime 2027", "\ntime 2026", 1), "was edited"},
		"another's":      {string(theirs), "not that of this store"},
		"something else": {"hello\n", "holds no checkpoint"},
	} {
		file := filepath.Join(p.dir, "other-file")
		must(t, os.WriteFile(file, []byte(row.text), 0o600))
		s := settings(table()...)
		s.CheckpointFile = file
		if _, err := o.Start(s); err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: error %v, want %q in it", name, err, row.want)
		}
	}
	s := settings(table()...)
	s.CheckpointFile = filepath.Join(p.data, "checkpoints")
	if _, err := o.Start(s); err == nil || !strings.Contains(err.Error(), "inside the data directory") {
		t.Errorf("inside: %v", err)
	}
	s.CheckpointFile = p.dir
	if _, err := o.Start(s); err == nil || !strings.Contains(err.Error(), "regular file") {
		t.Errorf("a directory: %v", err)
	}
}

func TestAFileThatCannotBeWrittenIsReportedOnceAMinuteAndCaughtUp(t *testing.T) {
	p := newPlace(t)
	o, logs := watched(t, p)
	o.sealed(outsideOf(p))
	away := filepath.Join(p.dir, "away")
	must(t, os.Rename(filepath.Dir(outsideOf(p)), away))
	o.account("acme")
	begin := o.clock.now()
	o.pass(time.Minute)
	failed := func() int { return logs.FilterMessage("job failed").Len() }
	eventually(t, "a report", func() bool { o.pass(time.Second); return failed() > 0 })
	for range 20 {
		o.pass(time.Second)
	}
	passed := o.clock.now().Sub(begin) // however long the writer was waited for
	if n := failed(); n > 1+int(passed/time.Minute) {
		t.Errorf("%d reports within %s", n, passed)
	}
	must(t, os.Rename(away, filepath.Dir(outsideOf(p))))
	o.clock.advance(time.Minute)
	o.sealed(outsideOf(p))
}

func TestTheHourlyCheckNamesWhatIsMissing(t *testing.T) {
	p := newPlace(t)
	o, _ := watched(t, p)
	o.sealed(outsideOf(p))
	must(t, o.Close())
	ahead := &place{dir: p.dir, data: filepath.Join(p.dir, "ahead"), secret: p.secret}
	copyDir(t, p.data, ahead.data)
	text, err := os.ReadFile(outsideOf(p))
	must(t, err)

	// A copy that went on writes a newer checkpoint; the first store is put back to work without it.
	o.watch(ahead)
	o.account("acme")
	o.pass(time.Minute)
	o.sealed(outsideOf(p))
	newer, err := os.ReadFile(outsideOf(p))
	must(t, err)
	must(t, o.Close())
	must(t, os.WriteFile(outsideOf(p), text, 0o600))
	logs := o.watch(p)
	o.pass(time.Hour)
	eventually(t, "a good check", func() bool { return o.LastVerification() != nil })
	if v := o.LastVerification(); v.Err != nil || v.Report.OutsideSeen != 1 || !o.Stats().AuditVerified {
		t.Fatalf("before: %+v", v)
	}
	must(t, os.WriteFile(outsideOf(p), newer, 0o600))
	before := o.LastVerification()
	o.pass(time.Hour)
	eventually(t, "a bad check", func() bool { return o.LastVerification() != before })
	bad, named := errors.AsType[*audit.BadEventsError](o.LastVerification().Err)
	if !named || bad.First != o.Store().EventCount() || !strings.Contains(bad.Reason, "rolled back") {
		t.Errorf("it says %v", o.LastVerification().Err)
	}
	if o.Stats().AuditVerified || o.Ready() != nil {
		t.Errorf("verified %v, ready %v; traffic goes on", o.Stats().AuditVerified, o.Ready())
	}
	eventually(t, "a loud line", func() bool {
		return logs.FilterLevelExact(zapcore.ErrorLevel).FilterMessageSnippet("AUDIT LOG DOES NOT VERIFY").Len() == 1
	})
}

func TestOnlyOneVerificationRunsAtATime(t *testing.T) {
	o := newOffice(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range 8 {
		wg.Go(func() {
			v, err := o.Verify()
			if err != nil {
				refused(t, "beside another", err, gate.Conflict)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if done++; v.Err != nil || v.Report.Events != o.Store().EventCount() {
				t.Errorf("%+v", v)
			}
		})
	}
	wg.Wait()
	if done == 0 {
		t.Error("none ran")
	}
}
