package authority

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

const (
	// maxReported bounds how many failed notices one mail to staff is about: when a mail server comes back there may be many.
	maxReported = 50
	// maxReportedProblem bounds what is said of each (bytes).
	maxReportedProblem = 200
)

// reportFailures is a job: it tells those of staff who may deliver notices by hand of each notice to a customer that has failed, in one mail
// for all that are new. The same commit notes it in each notice, so none is told twice. Should mail itself be what is broken, the webhooks
// get the same, and the process's log has a line for each.
func (a *Authority) reportFailures(now time.Time) error {
	ids := a.outbox.toReport(now)
	if len(ids) == 0 || a.quarantine.Load() != nil || a.current() == nil {
		return nil // without a configuration nobody knows yet how to send
	}
	var failed []*gate.Notice
	var told *gate.Notice
	err := a.store.Bookkeep(func(tx *certstore.Tx) (err error) {
		failed, told = nil, nil
		for _, id := range ids {
			n, err := certstore.Get[gate.Notice](tx, string(id))
			if err != nil {
				return err
			}
			if !n.ToReport(now) {
				continue
			}
			at := a.moment()
			n.Reported = &at
			certstore.Put(tx, n)
			failed = append(failed, n)
		}
		if len(failed) == 0 {
			return nil
		}
		to := gate.StaffRecipients(a.dir.People(), gate.DeliverNotice, a.now())
		told, err = a.notifyStaff(tx, gate.UndeliveredNotice, to, a.undelivered(failed))
		return err
	})
	if err != nil {
		return fmt.Errorf("tell staff of notices that failed: %w", err)
	}
	for _, n := range failed {
		a.noteNotice(n.ID)
		a.log.Error("A NOTICE TO A CUSTOMER HAS NOT ARRIVED: see certgate notice show, then replay it or tell the customer yourself",
			zap.String("notice", string(n.ID)), zap.String("kind", string(n.Kind)), zap.String("account", string(n.Account)))
	}
	if told != nil {
		a.noteNotice(told.ID)
		a.outbox.wakeUp()
	}
	return nil
}

// undelivered is what a mail to staff says of notices that failed.
func (a *Authority) undelivered(failed []*gate.Notice) notify.Data {
	var names, lines []string
	for _, n := range failed {
		names = append(names, string(n.ID))
		to := string(n.Account)
		if account, err := a.dir.Account(to); err == nil {
			to = account.Slug
		}
		lines = append(lines, fmt.Sprintf("%s  %s to %s: %s", n.ID, n.Kind, to, gate.Clip(n.Trouble(), maxReportedProblem)))
	}
	data := notify.Data{Lines: strings.Join(lines, "\n"), Count: len(failed), Name: strings.Join(names, ", ")}
	if len(names) > 3 {
		data.Name = fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return data
}

// toReport are the notices that staff are to be told of, the oldest first.
func (b *outbox) toReport(now time.Time) (ids []gate.NoticeID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(b.open)) {
		if len(ids) < maxReported && b.open[id].ToReport(now) {
			ids = append(ids, id)
		}
	}
	return ids
}
