package ratelimit

import (
	"time"

	"github.com/onerecord/certgate/gate"
)

// Standing is what is left of one limit.
type Standing struct {
	Limit gate.Limit
	Left  int64
	Used  int64         // of a day's, a month's or an hour's
	Extra int64         // what was granted beyond it for this day or month
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
		o := owner{subjectOf(who, l), l.Name()}
		fresh := holding{limiter: newLimiter(l, who.Plan.Zone, now)}
		fresh.grant(who.Plan, o)
		fresh.stand(now, &list[i])
		if a != nil {
			a.stand(o, l, who.Plan, now, &list[i])
		}
	}
	return list
}

// stand fills in what is left of a limiter that exists, or was saved and has not been asked for since.
//
//nolint:revive // five things, and none belongs to another
func (a *account) stand(o owner, l *gate.Limit, plan *gate.UsagePlan, now time.Time, into *Standing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.subjects.find(o.subject)
	if a.gone || s == nil || s.holding(o.limit) == nil && !s.awaits(o.limit) {
		return
	}
	a.holding(o, l, plan, now).stand(now, into)
}

func (h *holding) stand(now time.Time, into *Standing) {
	into.Left, into.More = h.left(now)
	switch l := h.limiter.(type) {
	case *quota:
		into.Used = int64(l.used)
	case *granted:
		into.Used, into.Extra = int64(l.used), l.room()-l.limit.Amount
	case *patients:
		into.Used = int64(len(l.used))
	}
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
			q := quotaOf(h.limiter)
			if q == nil {
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
