package authority

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/audit"
	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
)

// Verification is what verifying the whole log found.
type Verification struct {
	At     time.Time
	Report audit.Report // how far it came
	Err    error        // nil: nothing is wrong
}

// verifications is what was found last.
type verifications struct {
	asked   sync.Mutex // held for the one that somebody asked for
	running sync.Mutex // held by the one that runs
	last    atomic.Pointer[Verification]
}

// Verify verifies all events, checkpoints and records while changes go on, against the given checkpoints and the newest in the checkpoint
// file. What is wrong with the log is in the result. The error says why there is none: somebody else has asked (gate.Conflict), the
// checkpoint file cannot be read, or the authority was closed meanwhile.
func (a *Authority) Verify(outside ...audit.Checkpoint) (*Verification, error) {
	if !a.verifications.asked.TryLock() {
		return nil, gate.Errorf(gate.Conflict, "somebody else is having the log verified; ask again when that is done")
	}
	defer a.verifications.asked.Unlock()
	a.verifications.running.Lock()
	defer a.verifications.running.Unlock()
	return a.verify(outside)
}

// verify does the work of Verify. The caller holds running.
func (a *Authority) verify(outside []audit.Checkpoint) (*Verification, error) {
	if config := a.current(); config != nil && config.settings.CheckpointFile != "" {
		newest, err := a.newestOutside(config.settings.CheckpointFile)
		if err != nil {
			return nil, err
		}
		if newest.Size > 0 {
			outside = append([]audit.Checkpoint{newest}, outside...)
		}
	}
	v := &Verification{At: a.moment()}
	v.Report, v.Err = a.store.Verify(audit.Options{Vkey: a.store.Vkey(), Outside: outside})
	if errors.Is(v.Err, certstore.ErrClosed) {
		return nil, ErrUnavailable
	}
	if accepted, ok := errors.AsType[*audit.AcceptedLossError](v.Err); ok && a.quarantine.Load() == nil {
		a.log.Info("the audit log was compared with a checkpoint of events that people have accepted as lost", zap.Int64("event", accepted.Event))
		return v, nil // whoever gave that checkpoint is told so; nothing is wrong with the log
	}
	a.verifications.last.Store(v)
	if v.Err != nil {
		a.log.Error("THE AUDIT LOG DOES NOT VERIFY: the store was changed past certgate, or its disk is failing. Keep a copy of the data directory "+
			"before anything else; the next start may refuse it", zap.Error(v.Err), zap.Int64("events", v.Report.Events))
	}
	return v, nil
}

// LastVerification is what was found last, nil if nothing has been verified since the start, which itself verifies.
func (a *Authority) LastVerification() *Verification { return a.verifications.last.Load() }

// verifyLog is a job.
func (a *Authority) verifyLog() error {
	if !a.verifications.running.TryLock() {
		return nil // somebody has asked for it just now
	}
	defer a.verifications.running.Unlock()
	v, err := a.verify(nil)
	switch {
	case errors.Is(err, ErrUnavailable):
		return nil // certgate is stopping
	case err != nil:
		return err
	}
	return v.Err
}
