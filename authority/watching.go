package authority

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/abuse"
	"github.com/onerecord/certgate/gate"
)

// watching is what is kept to find abuse. All of it is derived: the detector from recorded windows, what is judged from incidents. So it is never
// stored, and a start makes it anew.
type watching struct {
	mu       sync.Mutex
	detector *abuse.Detector                 // guarded by mu; nil until it was rebuilt
	profiles map[gate.AccountID]*profileMark // guarded by mu; of accounts that the detector knows
	zones    map[string]*time.Location       // guarded by mu; one for each name, which the detector compares
	sets     map[RuleSet]*RuleSet            // guarded by mu; likewise, how rules are set
	judged   time.Time                       // guarded by mu; what staff judged until then was told to the detector
	pending  []abuse.Finding                 // guarded by mu; found, and not taken yet

	taking sync.Mutex // held while findings are taken

	// Touched by the job alone.
	quarter, hour time.Time // the ends of the last windows that were told
	refreshed     time.Time // when profiles were last read
}

const (
	// lookBack is how much of what was recorded the detector is rebuilt from: three months and a bit, which is as long as it remembers.
	lookBack = 97 * 24 * time.Hour
	// maxPending bounds what is found and cannot be taken, because the store takes nothing. Beyond, the oldest is dropped: it will be found again.
	maxPending = 20_000
)

// watchForAbuse is the job: it records the windows that have ended, has them judged, and takes what was found. Its first run rebuilds the detector,
// which may take minutes; until then nothing is found and so nothing acts, and windows wait.
func (a *Authority) watchForAbuse(now time.Time) error {
	w := &a.watching
	if w.quarter.After(now.Add(time.Hour)) { // the clock was set back since; what it was ahead is not believed
		w.mu.Lock()
		w.detector = nil
		w.mu.Unlock()
	}
	if !w.ready() {
		if err := a.rebuildDetector(now); err != nil {
			return err
		}
	}
	return errors.Join(a.tellWindows(now), a.takeFindings(now, nil), a.fadeIncidents(now))
}

func (w *watching) ready() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.detector != nil
}

// keep holds findings until they are taken. The lock is held.
func (w *watching) keep(found []abuse.Finding) {
	w.pending = append(w.pending, found...)
	if n := len(w.pending); n > maxPending {
		w.pending = append([]abuse.Finding(nil), w.pending[n-maxPending:]...)
	}
}

// takeFindings does what findings ask for, as far as rules, policy and people allow. It also takes what could not be taken before. Any job may
// call it; what cannot be taken, because the store takes nothing, is tried again, and is no reason to call it again with the same.
func (a *Authority) takeFindings(now time.Time, found []abuse.Finding) error {
	w := &a.watching
	w.taking.Lock()
	defer w.taking.Unlock()
	w.mu.Lock()
	w.keep(found)
	all := w.pending
	w.pending = nil
	w.mu.Unlock()
	if a.quarantine.Load() != nil {
		return nil // what is not certain to be the newest state is no ground for anything
	}
	left, err := a.take(now, all)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keep(left)
	return err
}

// rebuildDetector makes a detector that knows what was recorded. What it finds on the way was found before and acts on nothing.
func (a *Authority) rebuildDetector(now time.Time) error {
	w := &a.watching
	d, err := abuse.New(abuse.Defaults(), abuse.Modes{})
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.profiles, w.judged = make(map[gate.AccountID]*profileMark), time.Time{}
	w.zones, w.sets = make(map[string]*time.Location), make(map[RuleSet]*RuleSet)
	w.mu.Unlock()
	w.refreshed = time.Time{}
	windows := 0
	err = a.Recorded(now.Add(-lookBack), now, func(r abuse.Recorded) error {
		windows++
		w.mu.Lock()
		defer w.mu.Unlock()
		a.tell(d, &r)
		return nil
	})
	if errors.Is(err, ErrUnavailable) {
		return errNotNow // it is closing
	}
	if err != nil {
		a.log.Error("a recorded window cannot be read; it is left out of what is usual", zap.Error(err))
	}
	quarter, err := a.usage.LastWindow(true, now)
	hour, e := a.usage.LastWindow(false, now)
	if err := errors.Join(err, e); err != nil {
		return fmt.Errorf("find the last recorded windows: %w", err)
	}
	w.quarter, w.hour = laterOf(quarter, quarterLong, now), laterOf(hour, time.Hour, now)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.detector = d
	a.log.Info("watching for abuse", zap.Int("recorded windows", windows), zap.Int("accounts", d.Accounts()), zap.Duration("took", a.since(now)))
	return nil
}

// laterOf is the end of the last window that was told; where there is none, or it is so old that nobody will ask for those since, now.
func laterOf(start time.Time, length time.Duration, now time.Time) time.Time {
	if end := start.Add(length); now.Sub(end) < lookBack {
		return end
	}
	return now.UTC().Truncate(length)
}

// tellWindows records the windows that have ended and were summed, and tells the detector of them, the quarters of an hour before the hour. One that
// fails is tried again when the job next runs.
func (a *Authority) tellWindows(now time.Time) error {
	w := &a.watching
	summed := a.usage.Summed()
	if summed.After(now) {
		summed = now.Add(-quarterLong) // the clock was ahead, and no call has come since to tell usage
	}
	for end := w.quarter; !end.After(summed); end = end.Add(quarterLong) {
		if a.closed.Load() {
			return errNotNow
		}
		if end.After(w.quarter) {
			if err := a.tellWindow(end.Add(-quarterLong), true); err != nil {
				return err
			}
			w.quarter = end
		}
		if end.Truncate(time.Hour).Equal(end) && end.After(w.hour) {
			if err := a.tellWindow(end.Add(-time.Hour), false); err != nil {
				return err
			}
			w.hour = end
		}
	}
	return nil
}

// tellWindow records one window and tells the detector of it, unless it is a hole.
func (a *Authority) tellWindow(start time.Time, quick bool) error {
	w := &a.watching
	end := start.Add(windowLength(quick))
	if !a.uptime.ran(start, end) {
		return nil
	}
	rows, err := a.windowRows(start, quick)
	if err != nil {
		return err
	}
	if err := a.recordWindow(start, quick, rows); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.detector == nil {
		return nil
	}
	if !w.refreshed.Equal(end) {
		a.refreshProfiles(w.detector)
		w.refreshed = end
	}
	w.keep(a.tell(w.detector, &abuse.Recorded{At: start, Quick: quick, Rows: rows}))
	return nil
}

// tell tells a detector of a window, after what staff judged until it ended. It is the same whether the window has just ended or is replayed. The lock
// is held.
func (a *Authority) tell(d *abuse.Detector, r *abuse.Recorded) []abuse.Finding {
	a.tellJudgments(d, r.At.Add(windowLength(r.Quick)))
	a.meetAccounts(d, r.Rows)
	told := d.Hour
	if r.Quick {
		told = d.Quarter
	}
	found, err := told(r.At, r.Rows)
	var bad *abuse.RowsError
	switch {
	case err == nil:
	case errors.As(err, &bad):
		a.log.Error("a window for the detector holds rows that cannot be", zap.Time("from", r.At), zap.Error(err))
	case errors.Is(err, abuse.ErrGap):
		d.Resume(r.At)
		found, err = told(r.At, r.Rows)
		a.log.Warn("nothing was recorded for so long that what is usual is learned anew", zap.Time("from", r.At), zap.Error(err))
	default:
		a.log.Error("the detector takes no window", zap.Time("from", r.At), zap.Error(err))
	}
	return found
}

// tellJudgments ends the suspicion of accounts whose incidents staff have closed as false alarms or benign until a time.
func (a *Authority) tellJudgments(d *abuse.Detector, until time.Time) {
	w := &a.watching
	for _, i := range a.dir.Incidents("") {
		c := i.Closed
		if c == nil || i.Origin != gate.IncidentDetected || c.Act.By == gate.System || !c.Act.At.After(w.judged) || c.Act.At.After(until) {
			continue
		}
		if c.Outcome != gate.IncidentFalseAlarm && c.Outcome != gate.IncidentBenign {
			continue
		}
		if err := d.Clear(i.Account); err != nil && !errors.Is(err, gate.NotFound) {
			a.log.Error("the detector was not told that an incident was no abuse", zap.String("incident", string(i.ID)), zap.Error(err))
		}
	}
	w.judged = until
}
