package ratelimit

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// slots are the calls that run at once. They end with the process, so nothing of them is saved.
type slots struct {
	limit int64
	used  int64
}

// slotWait is when to try again: nobody knows when a call ends.
const slotWait = time.Second

func (s *slots) ask(*Call) (time.Duration, bool) {
	if s.used < s.limit {
		return 0, true
	}
	return slotWait, false
}

func (s *slots) spend(*Call) { s.used++ }

func (s *slots) release() { s.used-- }

func (s *slots) adopt(l *gate.Limit, _ *time.Location, _ time.Time) { s.limit = l.Amount }

func (s *slots) left(time.Time) (int64, time.Duration) {
	if left := s.limit - s.used; left > 0 {
		return left, 0
	}
	return 0, slotWait
}

func (s *slots) idle(time.Time) bool { return s.used == 0 }

func (*slots) save(time.Time, *Saved)    {}
func (*slots) restore(time.Time, *Saved) {}
