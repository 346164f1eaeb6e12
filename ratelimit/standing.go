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
			a.stand(owner{subjectOf(who, l), l.Name()}, who.Plan.Zone, now, &list[i])
		}
	}
	return list
}

// stand fills in what is left of a limiter that exists, or was saved and has not been asked for since.
func (a *account) stand(o owner, zone *time.Location, now time.Time, s *Standing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone || a.limiters[o] == nil && a.waiting[o] == nil {
		return
	}
	s.Left, s.More = a.holding(o, &s.Limit, zone, now).left(now)
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
	for o, h := range a.limiters {
		q, ok := h.limiter.(*quota)
		if !ok {
			continue
		}
		if q.roll(now); q.used > 0 {
			list = append(list, Quota{Account: id, Subject: o.subject, Limit: o.limit, Used: int64(q.used), Start: q.start, End: q.end})
		}
	}
	for o, s := range a.waiting { // nobody has called since the start
		if s.Patients == nil && s.Used > 0 && !s.End.IsZero() && !now.Before(s.Start) && now.Before(s.End) {
			list = append(list, Quota{Account: id, Subject: o.subject, Limit: o.limit, Used: s.Used, Start: s.Start, End: s.End})
		}
	}
	return list
}
