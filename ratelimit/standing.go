package ratelimit

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// Standing is what is left of one limit.
type Standing struct {
	Limit gate.Limit
	Left  int64
	More  time.Duration // until there is more, or the next day, month or hour begins; 0 where there is all there can be
}

// Standings are what is left of every limit of the plan for the caller, whatever it calls. Asking uses nothing.
func (b *Book) Standings(who *Caller, now time.Time) []Standing {
	if !who.Plan.Limited() {
		return nil
	}
	b.mu.RLock()
	a := b.accounts[who.Account]
	b.mu.RUnlock()
	list := make([]Standing, len(who.Plan.Limits))
	for i := range who.Plan.Limits {
		l := &who.Plan.Limits[i]
		list[i].Limit = *l
		fresh := newLimiter(l, who.Plan.Zone, now)
		list[i].Left, list[i].More = fresh.left(now)
		if a != nil {
			a.stand(owner{subjectOf(who, l), l.Name()}, l, who.Plan.Zone, now, &list[i])
		}
	}
	return list
}

// stand fills in what is left of a limiter that exists, or was saved and has not been asked for since.
//
//nolint:revive // five things, and none belongs to another
func (a *account) stand(o owner, l *gate.Limit, zone *time.Location, now time.Time, into *Standing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.subjects.find(o.subject)
	if a.gone || s == nil || s.holding(o.limit) == nil && !s.awaits(o.limit) {
		return
	}
	into.Left, into.More = a.holding(o, l, zone, now).left(now)
}

// Quota is what was used of a day's or a month's units in the period that runs.
type Quota struct {
	Account    gate.AccountID
	Subject    string // identifier of the account, organization or device; followed by / and the environment where that is not production
	Limit      string // its name
	Used       int64
	Start, End time.Time
}

// Quotas lists every quota of which something was used in the period that runs at now.
func (b *Book) Quotas(now time.Time) (list []Quota) {
	for id, a := range b.list() {
		list = a.quotas(id, now, list)
	}
	return list
}

func (a *account) quotas(id gate.AccountID, now time.Time, list []Quota) []Quota {
	a.mu.Lock()
	defer a.mu.Unlock()
	for s := range a.subjects.all() {
		for h := s.holdings; h != nil; h = h.next {
			q, ok := h.limiter.(*quota)
			if !ok {
				continue
			}
			if q.roll(now); q.used > 0 {
				list = append(list, Quota{Account: id, Subject: s.id, Limit: h.name, Used: int64(q.used), Start: q.start, End: q.end})
			}
		}
		for w := s.waiting; w != nil; w = w.next { // nobody has called since the start
			if w.Patients == nil && w.Used > 0 && !w.End.IsZero() && !now.Before(w.Start) && now.Before(w.End) {
				list = append(list, Quota{Account: id, Subject: s.id, Limit: w.Limit, Used: w.Used, Start: w.Start, End: w.End})
			}
		}
	}
	return list
}
