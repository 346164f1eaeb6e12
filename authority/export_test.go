package authority

import (
	"errors"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// MaxRemembered is the bound on what Decisions take, in bytes.
const MaxRemembered = 64_000_000

// Remember files a decision that nobody made, for tests of how much is kept.
func (d *Decisions) Remember(c *Call, number uint64, now time.Time) {
	c.id = (&decisionIDs{}).numbered(number, now)
	d.remember(c, now)
}

// Size is what is taken for decisions, in bytes.
func (d *Decisions) Size() int {
	entries, owners := len(d.strangers.entries.pages), 0
	for i := range d.shelves {
		entries += len(d.shelves[i].entries.pages)
		owners += len(d.shelves[i].owners.pages)
	}
	return int(unsafe.Sizeof(*d)) + pageSize*(entries*int(unsafe.Sizeof(entry{}))+owners*int(unsafe.Sizeof(owner{})))
}

func (d *decisionIDs) numbered(number uint64, now time.Time) [16]byte {
	d.count.Store(number)
	return d.next(now)
}

// KnownToken reports whether a token from before would be found.
func (a *Authority) KnownToken(text string) bool { return a.token(text) != nil }

// WaitForJobs waits for those that run beside the others.
func WaitForJobs(a *Authority) { a.behind.Wait() }

// ReadLists is the job that reads the revocation lists of customers' CAs.
func (a *Authority) ReadLists(t testing.TB) {
	t.Helper()
	if err := a.readLists(t.Context(), a.now()); err != nil {
		t.Error(err)
	}
}

// WindowRows are the rows of a window that has ended, and RecordWindow keeps them.
func WindowRows(a *Authority, start time.Time, quick bool) ([]abuse.Row, error) {
	return a.windowRows(start, quick)
}

// RecordWindow keeps the rows of a window.
func RecordWindow(a *Authority, start time.Time, quick bool, rows []abuse.Row) error {
	return a.recordWindow(start, quick, rows)
}

// PutWindow writes a piece of a window as it is.
func PutWindow(a *Authority, w *usage.Window) error { return a.usage.PutWindow(w) }

// ScopeOf is the bit of the kind of resource that a path names, of no behavior.
func ScopeOf(path string) uint64 { return 1 << (kindNumber(kindOf(path, nil)) - 1) }

// KindOf is the kind of resource that a call of a behavior asks for; nil: of none.
func KindOf(path string, b *gate.Behavior) string { return kindOf(path, b) }

// NumberOf is the number that an identifier is.
func NumberOf(id string) (uint64, bool) { return numberOf(id) }

// Exports reports whether a path begins a bulk export.
func Exports(path string) bool { return exports(path) }

// Beat notes that the authority runs now, as a job does each minute.
func Beat(a *Authority) { a.beat(a.now()) }

// WatchForAbuse is the job that does so.
func WatchForAbuse(a *Authority) error { return a.watchForAbuse(a.now()) }

// ForgetDetector leaves the detector as it is after a start: not there yet.
func ForgetDetector(a *Authority) {
	a.behind.Wait()
	a.watching.mu.Lock()
	defer a.watching.mu.Unlock()
	a.watching.detector = nil
}

// DetectorState is all that the detector has learned.
func DetectorState(a *Authority) ([]byte, error) {
	a.watching.mu.Lock()
	defer a.watching.mu.Unlock()
	return a.watching.detector.MarshalBinary()
}

// TakeFindings does what findings ask for.
func TakeFindings(a *Authority, found ...abuse.Finding) error { return a.takeFindings(a.now(), found) }

// SeeChanges is the job that looks for changes, after everything that was counted is written.
func SeeChanges(a *Authority) error {
	return errors.Join(a.FlushUsage(), a.usage.FlushSeen(), a.seeChanges(a.now()))
}

// FindSignals judges what was counted of signals in the spans that have ended since it was last called, by the job or this.
func FindSignals(a *Authority) []abuse.Finding {
	WaitForJobs(a)
	return a.findSignals(a.now())
}

// SignalBytes is what counting signals takes, in bytes.
const SignalBytes = int(unsafe.Sizeof(signals{}))

// Suspect limits a network as one in which somebody was found to use what is not theirs.
func Suspect(a *Authority, peer netip.Addr) { a.suspects.add(gate.NetworkOf(peer), a.now()) }

// Suspects is how many networks are limited.
func Suspects(a *Authority) int {
	a.suspects.mu.RLock()
	defer a.suspects.mu.RUnlock()
	return len(a.suspects.until)
}

// LastRecorded is the beginning of the last hour that was recorded until a time.
func (a *Authority) LastRecorded(until time.Time) (time.Time, error) {
	return a.usage.LastWindow(false, until)
}

// FailToFlush does what a flush does that cannot be written.
func FailToFlush(a *Authority) {
	now := a.now()
	a.saved.hurry()
	a.saved.unwritten(a.saved.notes(&a.limits, now))
}

// NotesOnDisk is how many limits something is kept of.
func NotesOnDisk(a *Authority) (n int, err error) {
	err = a.usage.Notes(func(usage.Note) error { n++; return nil })
	return n, err
}
