package authority

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// job is something that happens by time. No other code owns a ticker.
type job struct {
	name  string
	every time.Duration
	run   func(now time.Time) error
	// send stands in the place of run in a job that waits for a network; ctx ends when the authority closes.
	send func(ctx context.Context, now time.Time) error
	// slow jobs run beside the others, which they would hold up; none starts again before it has ended.
	slow bool

	due         time.Time    // touched by Tick alone
	running     atomic.Bool  // a slow one
	lastSuccess atomic.Int64 // Unix seconds; 0: never
}

type jobs []*job

// table is the one list of jobs.
func (a *Authority) table() jobs {
	return jobs{
		{name: "sightings", every: time.Second, run: func(time.Time) error { a.flushSightings(); return nil }},
		{name: "calls-in-flight", every: 5 * time.Second, run: func(now time.Time) error { a.flights.sweep(a.dir, now); return nil }},
		{name: "watchers", every: 5 * time.Second, run: func(time.Time) error { a.recent.watchers.beat(); return nil }},
		{name: "behaviors", every: time.Second, run: func(time.Time) error { return a.recordBehaviors() }},
		{name: "limits", every: time.Minute, run: func(now time.Time) error { a.limits.Sweep(now); return nil }},
		{name: "usage", every: usageEvery, slow: true, run: a.flushUsage},
		{name: "usage-sums", every: time.Minute, slow: true, run: func(now time.Time) error { a.beat(now); return a.sumUsage(now) }},
		{name: "abuse", every: time.Minute, slow: true, run: a.watchForAbuse},
		{name: "signals", every: time.Minute, slow: true, run: a.judgeSignals},
		{name: "quotas-used", every: time.Hour, slow: true, run: a.recordSpent},
		{name: "refusals", every: time.Minute, run: func(time.Time) error { a.sumRefusals(); return nil }},
		{name: "notices", every: time.Second, run: func(time.Time) error { a.outbox.wakeUp(); return nil }},
		{name: "failed-notices", every: 10 * time.Second, run: a.reportFailures},
		{name: "reminders", every: time.Hour, run: a.remind},
		{name: "quotas", every: time.Minute, run: a.tellOfQuotas},
		{name: "cut-off", every: 10 * time.Second, run: a.tellOfCutOffs},
		{name: "changes-seen", every: time.Hour, slow: true, run: a.seeChanges},
		{name: "ends-at-hand", every: 5 * time.Minute, run: a.tellOfEndsAtHand},
		{name: "digest", every: time.Minute, run: a.tellOfTheDay},
		{name: "links", every: time.Hour, run: func(time.Time) error { return a.blankLinks() }},
		{name: "trust", every: time.Minute, run: func(time.Time) error { return a.syncTrust() }},
		{name: "revocation-lists", every: crlInterval, slow: true, run: a.signCRLs},
		{name: "blocked-keys", every: time.Hour, run: a.blockKnown},
		{name: "foreign-crls", every: 5 * time.Second, slow: true, send: a.readLists},
		{name: "retired-cas", every: 10 * time.Second, slow: true, send: a.revokeRetired},
		{name: "secret", every: time.Second, slow: true, send: a.carryRotation},
		{name: "checkpoint", every: time.Second, run: a.signCheckpoint},
		{name: "checkpoint-file", every: time.Second, slow: true, run: a.keepOutside},
		{name: "checkpoint-webhook", every: time.Second, slow: true, send: a.carryCheckpoint},
		// The start has just verified everything.
		{name: "audit", every: time.Hour, slow: true, due: a.now().Add(time.Hour), run: func(time.Time) error { return a.verifyLog() }},
	}
}

// tickEvery is how often it is seen which jobs are due. A ticker is early or late by a little, so a job that is due within half of that runs
// now: else each second job would often be skipped because the last tick was a little later than this one.
const tickEvery = 250 * time.Millisecond

// usageEvery leaves a quarter of the second in which counts have to be on disk to the writing itself.
const usageEvery = 750 * time.Millisecond

// Tick runs every job that is due at now. One at a time but for slow ones; a job that fails is reported and tried again when it is next due.
func (a *Authority) Tick(ctx context.Context, now time.Time) {
	for _, j := range a.jobs {
		if ctx.Err() != nil {
			return
		}
		if now.Add(tickEvery / 2).Before(j.due) {
			continue
		}
		j.due = now.Add(j.every)
		switch {
		case !j.slow:
			a.runJob(ctx, j, now)
		case !j.running.Swap(true):
			a.behind.Go(func() {
				defer j.running.Store(false)
				a.runJob(ctx, j, now)
			})
		}
	}
}

// errNotNow is how a job says that it waits after a failure, which was reported.
var errNotNow = errors.New("tried again later")

func (a *Authority) runJob(ctx context.Context, j *job, now time.Time) {
	switch err := runSafely(ctx, j, now); {
	case err == nil:
		j.lastSuccess.Store(now.Unix())
	case !errors.Is(err, errNotNow):
		a.log.Error("job failed", zap.String("job", j.name), zap.Error(err))
	}
}

// runSafely turns a panic into an error: one broken job must not end the process, and with it the gate.
func runSafely(ctx context.Context, j *job, now time.Time) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if j.send != nil {
		return j.send(ctx, now)
	}
	return j.run(now)
}

func (a *Authority) runJobs(ctx context.Context) {
	defer close(a.done)
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		a.Tick(ctx, a.now())
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
