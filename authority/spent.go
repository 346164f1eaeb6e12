package authority

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/ratelimit"
)

// spentTogether is how many accounts are written down in one commit.
const spentTogether = 500

// recordSpent is a job: it writes down what was used of quotas, beside usage, which knows it better but may be lost. It is no change of state, so
// it has no event.
func (a *Authority) recordSpent(now time.Time) error {
	if a.quarantine.Load() != nil {
		return nil
	}
	quotas := a.limits.Quotas(now)
	slices.SortFunc(quotas, func(x, y ratelimit.Quota) int {
		return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.Subject, y.Subject), cmp.Compare(x.Limit, y.Limit))
	})
	var all []*gate.Spent
	for _, q := range quotas {
		if n := len(all); n == 0 || all[n-1].Account != q.Account {
			all = append(all, &gate.Spent{Account: q.Account})
		}
		last := all[len(all)-1]
		last.Quotas = append(last.Quotas, gate.SpentQuota{Subject: q.Subject, Limit: q.Limit, Used: q.Used, Start: q.Start.UTC(), End: q.End.UTC()})
	}
	for part := range slices.Chunk(all, spentTogether) {
		err := a.store.Bookkeep(func(tx *certstore.Tx) error {
			for _, s := range part {
				switch _, err := certstore.Get[gate.Account](tx, string(s.Account)); {
				case errors.Is(err, gate.NotFound): // deleted meanwhile
				case err != nil:
					return err
				default:
					certstore.Put(tx, s)
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("write down what was used of quotas: %w", err)
		}
	}
	return nil
}

// restoreSpent has quotas go on from what was last written down of them, where usage was begun anew. What was used since then is forgotten: at
// most what passed in an hour.
func (a *Authority) restoreSpent() error {
	now, quotas := a.now(), 0
	err := a.store.View(func(tx *certstore.Tx) error {
		for s, err := range certstore.All[gate.Spent](tx) {
			if err != nil {
				return err
			}
			for _, q := range s.Quotas {
				if now.Before(q.End) {
					quotas++
					a.limits.Restore(now, &ratelimit.Saved{Account: s.Account, Subject: q.Subject, Limit: q.Limit, Used: q.Used, Until: q.End, Start: q.Start, End: q.End})
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what was used of quotas: %w", err)
	}
	if quotas > 0 {
		a.log.Warn("usage was begun anew: quotas go on from what was last written down of them, within the hour; what was used since then is forgotten",
			zap.Int("quotas", quotas))
	}
	return nil
}
