package ratelimit

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// Saved is what was used of one limit, as it is kept while the process does not run.
type Saved struct {
	Account  gate.AccountID `json:"account"`
	Subject  string         `json:"subject"` // identifier of the account, organization or device
	Limit    string         `json:"limit"`   // its name
	Used     int64          `json:"used"`    // units, or patients
	Patients []uint64       `json:"patients,omitempty"`
	Until    time.Time      `json:"until"` // when it need not be remembered any more; zero: see Gone
	// Start and End are the day, month or hour in which it was used; zero for limits that have none. Past are others that were left lately.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	Past  []Past    `json:"past,omitempty"`
}

// Past is what was used in a period that does not run.
type Past struct {
	Start time.Time `json:"start"`
	Used  int64     `json:"used"`
}

// period is the one in which it was used. Before periods were saved Until was the end of one.
func (s *Saved) period() (start, end time.Time) {
	if s.End.IsZero() {
		return time.Time{}, s.Until
	}
	return s.Start, s.End
}

// Gone reports whether nothing of the limit need be remembered any more, though it was before.
func (s *Saved) Gone() bool { return s.Until.IsZero() }

// Save calls each with everything that must be remembered at now, and once with what need not be any more, one account at a time.
func (b *Book) Save(now time.Time, each func(*Saved)) {
	for id, a := range b.list() {
		for _, s := range a.save(now) {
			s.Account = id
			each(s)
		}
	}
}

func (a *account) save(now time.Time) (list []*Saved) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for s := range a.subjects.all() {
		for h := s.holdings; h != nil; h = h.next {
			saved := &Saved{Subject: s.id, Limit: h.name}
			if !h.idle(now) {
				h.save(now, saved)
			}
			if !saved.Gone() || h.kept {
				list = append(list, saved)
			}
			h.kept = !saved.Gone()
		}
		list = s.saveWaiting(now, list)
	}
	return list
}

// saveWaiting appends what was saved before and no call has asked for, and forgets what need not be remembered any more.
func (s *subject) saveWaiting(now time.Time, list []*Saved) []*Saved {
	for at := &s.waiting; *at != nil; {
		w := *at
		saved := *w.Saved
		if now.Before(w.Until) {
			at = &w.next
		} else {
			saved = Saved{Subject: s.id, Limit: w.Limit}
			*at = w.next
		}
		list = append(list, &saved)
	}
	return list
}

// Restore takes back what was saved, before the first call. It counts as soon as a call asks for its limit.
func (b *Book) Restore(now time.Time, s *Saved) {
	if !now.Before(s.Until) {
		return
	}
	a := b.account(s.Account)
	a.mu.Lock()
	defer a.mu.Unlock()
	to := a.subjects.make(s.Subject)
	to.await(s.Limit) // the later of two counts
	to.waiting = &waiting{next: to.waiting, Saved: s}
}
