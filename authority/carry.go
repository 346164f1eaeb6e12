package authority

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/onerecord/certgate/notify"
)

const (
	// carryPause is how long a receiver of checkpoints that failed is left alone, and carryLongest what doubling it comes to at most.
	carryPause   = 5 * time.Second
	carryLongest = 5 * time.Minute
	// carryAlarm is how long it may fail before that is an error instead of a warning; again every hour.
	carryAlarm = 15 * time.Minute
	carryAgain = time.Hour
)

// carried is how far the checkpoint webhook of a configuration has come.
type carried struct {
	size    int64         // events that the newest checkpoint covers which the receiver took
	pause   time.Duration // before the next attempt; 0 after one that succeeded
	retry   time.Time     // not before
	failing time.Time     // since; zero while it does not
	alarmed time.Time     // the last time that it was called an error
}

// carryCheckpoint is a job: it posts the newest checkpoint to the webhook of the running configuration, unless the receiver has it. Between two
// attempts older ones are passed over, because the newest covers what they do. It never gives up: 410 and other refusals may be a slip at the
// receiver's, and nothing else tells of a log that was taken back.
func (a *Authority) carryCheckpoint(ctx context.Context, now time.Time) error {
	config := a.current()
	if config == nil || config.settings.CheckpointWebhook == nil {
		return nil
	}
	latest, signed := a.checkpoints.newest()
	c := &config.carried
	if latest.Size <= c.size {
		return nil
	}
	if now.Before(c.retry) {
		return errNotNow
	}
	m, err := notify.CheckpointEvent{
		Origin: latest.Origin, Size: latest.Size, Note: string(signed), Time: latest.Time, Source: config.PublicURL(),
	}.Message()
	if err == nil {
		err = config.settings.CheckpointWebhook.Send(ctx, m, now)
	}
	switch {
	case err == nil:
		if !c.failing.IsZero() {
			a.log.Info("the checkpoint webhook works again", zap.Int64("events", latest.Size), zap.Time("failing_since", c.failing))
		}
		*c = carried{size: latest.Size}
		return nil
	case ctx.Err() != nil:
		return errNotNow // the process ends, and this attempt says nothing about the receiver
	}
	a.carryFailed(c, err, now)
	return errNotNow
}

// carryFailed notes a failure: a warning when it begins, an error when it lasts.
func (a *Authority) carryFailed(c *carried, err error, now time.Time) {
	c.pause = min(max(2*c.pause, carryPause), carryLongest)
	wait := c.pause
	if failure, ok := errors.AsType[*notify.DeliveryError](err); ok {
		wait = max(wait, min(failure.RetryAfter, carryAgain))
	}
	c.retry = now.Add(wait)
	switch {
	case c.failing.IsZero():
		c.failing = now
		a.log.Warn("the checkpoint webhook did not take the newest checkpoint; it is tried again", zap.Error(err))
	case now.Sub(c.failing) >= carryAlarm && now.Sub(c.alarmed) >= carryAgain:
		c.alarmed = now
		a.log.Error("CHECKPOINTS DO NOT LEAVE THE MACHINE: the checkpoint webhook has been failing; until it takes one again, events since the last "+
			"one that it took can be rewritten unseen by whoever has the secret", zap.Time("since", c.failing), zap.Int64("events_taken", c.size), zap.Error(err))
	}
}
