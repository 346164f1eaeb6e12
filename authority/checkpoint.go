package authority

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/audit"
)

// A checkpoint is signed a minute after the last one, or 100 events, whichever comes first; never without a new event.
const (
	checkpointAge    = time.Minute
	checkpointEvents = 100
)

// checkpoints is how far the log has been signed.
type checkpoints struct {
	mu     sync.Mutex
	latest audit.Checkpoint // guarded by mu; zero until this process has signed or found one
	signed []byte           // guarded by mu; latest as a note
	at     time.Time        // guarded by mu; when latest was signed or found
}

// Checkpoint signs what the log is now; where nothing has happened since the last checkpoint it is that one.
func (a *Authority) Checkpoint() (audit.Checkpoint, []byte, error) {
	if err := a.quarantined(); err != nil {
		return audit.Checkpoint{}, nil, err // should the newest store come back, nobody is to hold one of this history
	}
	c, signed, err := a.store.SignCheckpoint(a.moment())
	if err != nil || !a.checkpoints.take(c, signed, a.now()) {
		return c, signed, err
	}
	// The log of the process usually leaves the machine, and takes the checkpoint along.
	a.log.Info("audit checkpoint", zap.Int64("events", c.Size), zap.String("note", string(signed)))
	return c, signed, nil
}

// take notes a checkpoint and reports whether it was new.
func (s *checkpoints) take(c audit.Checkpoint, signed []byte, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Size <= s.latest.Size {
		return false
	}
	s.latest, s.signed, s.at = c, signed, now
	return true
}

// newest is the latest checkpoint, with its note; of no events if there is none yet.
func (s *checkpoints) newest() (audit.Checkpoint, []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest, s.signed
}

// due reports whether a log of so many events is to be signed now.
func (s *checkpoints) due(events int64, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	unsigned := events - s.latest.Size
	return unsigned >= checkpointEvents || unsigned > 0 && (s.at.IsZero() || now.Sub(s.at) >= checkpointAge || now.Before(s.at))
}

// signCheckpoint is a job: it signs when that is due.
func (a *Authority) signCheckpoint(now time.Time) error {
	if a.quarantine.Load() != nil || !a.checkpoints.due(a.store.EventCount(), now) {
		return nil
	}
	_, _, err := a.Checkpoint()
	return err
}
